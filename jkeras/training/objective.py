"""Losses and metrics of `compile(loss=..., metrics=...)`, matched with the outputs of a model.

The `Objective` adds up the losses of all outputs; the `Scores` are the metrics of all outputs. Both are made once the
shapes of targets and outputs are known, because `"accuracy"` and `"crossentropy"` depend on them.
"""

from collections import Counter
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jkeras import losses
from jkeras import metrics as metrics_module
from jkeras.core import frame as frames
from jkeras.core.dimensions import as_float
from jkeras.core.variable import as_arrays
from jkeras.metrics.resolve import check_identifier
from jkeras.serialization.naming import object_name
from jkeras.training.outputs import Outputs, Place, follow, pack, show


class Term(NamedTuple):
    """One summand of the objective."""

    path: tuple  # of the outputs it sees: one output, or a node with several below it
    outputs: tuple[int, ...]  # their numbers
    loss: Any
    safe: Any  # the loss on logits, see `losses.with_logits`
    weight: Any


def _is_one(x: Any) -> bool:
    return not isinstance(x, (list, tuple, dict)) or (isinstance(x, dict) and "class_name" in x)


class Objective:
    """The weighted sum of the outputs' losses.

    Args:
        loss: as given to `compile`.
        loss_weights: as given to `compile`.
        outputs: the model's outputs.
        y: specs of the targets.
        y_pred: specs of the outputs.
        track: whether the losses of several outputs are recorded one by one.
    """

    def __init__(self, loss: Any, loss_weights: Any, outputs: Outputs, y: Any, y_pred: Any, track: bool = True):
        self.outputs = outputs
        loss, loss_weights = outputs.by_own_names(loss, "loss"), outputs.by_own_names(loss_weights, "loss_weights")
        places = outputs.place(loss, "loss", _is_one, together=True)
        weights = self._weights(places, loss, loss_weights)
        weights = [weight for place, weight in zip(places, weights, strict=True) if place.entry is not None]
        places = [place for place in places if place.entry is not None]
        below = [outputs.below(place.path) for place in places]
        self.wanted = [any(i in numbers for numbers in below) for i in range(len(outputs))]
        targets = outputs.targets(y, self.wanted) if y is not None else [None] * len(outputs)
        predictions = outputs.flatten(y_pred)
        self.terms = []
        for place, numbers, weight in zip(places, below, weights, strict=True):
            alone = place.path == outputs.paths[numbers[0]]
            found = as_loss(place.entry, *((targets[numbers[0]], predictions[numbers[0]]) if alone else (None, None)))
            if not alone and getattr(getattr(found, "fn", None), "targets", None) is not None:
                seen = [outputs.names[i] for i in numbers]
                raise ValueError(
                    f"loss={loss!r} gives {found.name!r} the outputs {seen} all at once, but it takes one. Pass one loss for all "
                    f"{len(outputs)} outputs, one each as a list in the order {outputs.names}, or a dict by name."
                )
            self.terms.append(Term(place.path, numbers, found, losses.with_logits(found) if alone else None, weight))
        several = list(dict.fromkeys(term.path for term in self.terms))
        self._tracked = several if track and len(several) > 1 else []
        self.trackers = [metrics_module.Mean(name=f"{name}_loss") for name in self._loss_names(self._tracked)]
        self._predictions = predictions
        self._warned = False
        if y is not None:
            self.check(y)

    def check(self, y: Any) -> None:
        """Compare targets, as specs or arrays, with what the losses expect.

        Raises:
            ValueError: a shape, a number of classes or a label that does not fit, saying which.
        """
        targets = self.outputs.targets(y, self.wanted)
        for path, numbers, loss, _, _ in self.terms:
            target, prediction = targets[numbers[0]], self._predictions[numbers[0]]
            if path == self.outputs.paths[numbers[0]] and target is not None and target.ndim and prediction.ndim:
                shape = (target.shape[0], *prediction.shape[1:])  # as if all samples went through the model at once
                losses.check_targets(loss, target, jax.ShapeDtypeStruct(shape, prediction.dtype), not self._warned)
        self._warned = True

    def class_axis(self, shape: tuple) -> bool | None:
        """True if the last axis of targets of this shape counts the classes; None if that cannot be said.

        Args:
            shape: of the targets.
        """
        if len(self.terms) != 1 or len(self.terms[0].outputs) != 1:
            return None
        return losses.has_class_axis(self.terms[0].loss, shape, self._predictions[self.terms[0].outputs[0]].shape)

    def __call__(self, y: Any, y_pred: Any, sample_weight: Any) -> list:
        """The weighted value of each loss."""
        targets = self.outputs.targets(y, self.wanted)
        weights = self.outputs.match(sample_weight, "sample_weight")
        predictions = self.outputs.flatten(y_pred)
        values: list = []
        sums: dict[tuple, Any] = {}
        for term in self.terms:
            value = self._value(term, targets, predictions, weights)
            sums[term.path] = sums[term.path] + value if term.path in sums else value
            values.append(value if term.weight is None else value * term.weight)
        for path, tracker in zip(self._tracked, self.trackers, strict=True):
            tracker.update_state(sums[path], sample_weight=as_float(predictions[self.outputs.below(path)[0]].shape[0]))
        return values

    def _value(self, term: Term, targets: list, predictions: list, weights: list) -> Any:
        i, frame = term.outputs[0], frames.current()
        if term.path != self.outputs.paths[i]:  # a loss of several outputs at once
            node = follow(self.outputs.numbers, term.path)
            given = [weights[i] for i in term.outputs]
            if all(weight is None for weight in given):
                shared = None
            else:  # one weight per sample, which is as a rule the same for all outputs
                shared = sum(1.0 if weight is None else weight for weight in given) / len(given)
            return term.loss(*(pack(node, iter([side[i] for i in term.outputs])) for side in (targets, predictions)), shared)
        if targets[i] is None and getattr(getattr(term.loss, "fn", None), "targets", None) is not None:
            raise ValueError(
                f"Output {self.outputs.names[i]!r} has the loss {term.loss.name!r}, but y holds no target for it."
            )
        logits = frame.get_logits(predictions[i], term.safe.link) if frame is not None and term.safe is not None else None
        if frame is None or logits is None:
            return term.loss(targets[i], predictions[i], weights[i])
        frame.set_mask(logits, frame.get_mask(predictions[i]))
        return term.safe(targets[i], logits, weights[i])

    def _weights(self, places: list[Place], loss: Any, given: Any) -> list:
        """The weight of each loss: one for all, in the structure of the losses, by output, or one after the other."""
        numbers = [self.outputs.below(place.path) for place in places]
        found = [_weight(given, loss, place.trail) for place in places]
        if _MISFIT in found:
            flat = _flat(given)
            if all(len(below) == 1 for below in numbers) and (isinstance(given, dict) or len(flat) != len(places)):
                by_output = self.outputs.match(given, "loss_weights")
                found = [by_output[below[0]] for below in numbers]
            elif len(flat) == len(places):
                found = flat
        for weight, below in zip(found, numbers, strict=True):
            if weight is _MISFIT or isinstance(weight, (list, tuple, dict, str)):
                names = [self.outputs.names[i] for i in below]
                raise ValueError(
                    f"loss_weights must hold one number for each of the {len(places)} losses (outputs {self.outputs.names}), but for "
                    f"{names} it has {given if weight is _MISFIT else weight!r}."
                )
        return found

    def _loss_names(self, paths: list[tuple]) -> list[str]:
        """The names that losses are recorded under: an output's, its loss's if nobody has named the output, all names below a node."""
        outputs, names = self.outputs, []
        for path in paths:
            below = outputs.below(path)
            if path != outputs.paths[below[0]]:
                names.append(show(path) if path else "_".join(outputs.names[i] for i in below))
            elif outputs.known or isinstance(path[-1], str):
                names.append(outputs.names[below[0]])
            else:
                names.append(show((*path[:-1], next(term.loss.name for term in self.terms if term.path == path))))
        twice = {name for name, n in Counter(names).items() if n > 1}
        return [show(path) if name in twice else name for name, path in zip(names, paths, strict=True)]


class Scores(metrics_module.Metric):
    """The metrics of all outputs, as one metric whose result is a dict.

    Args:
        metrics: as given to `compile`.
        weighted_metrics: as given to `compile`; these see the sample weights.
        outputs: the model's outputs.
        y: specs of the targets.
        y_pred: specs of the outputs.
    """

    def __init__(self, metrics: Any, weighted_metrics: Any, outputs: Outputs, y: Any, y_pred: Any):
        super().__init__(name="compile_metrics")
        self._outputs = outputs
        targets = outputs.targets(y, [True] * len(outputs)) if y is not None else [None] * len(outputs)
        predictions = outputs.flatten(y_pred)
        self.members: list = []  # where the variables are found
        self.entries: list[tuple[int, Any, bool, str]] = []  # (output, metric, weighted, name in the logs)
        taken: Counter[str] = Counter()
        for given, weighted in ((metrics, False), (weighted_metrics, True)):
            for i, chosen in enumerate(self._per_output(given, "weighted_metrics" if weighted else "metrics")):
                for identifier in chosen:
                    metric = metrics_module.resolve(identifier, targets[i], predictions[i])
                    prefix = f"{outputs.prefixes[i]}_" if len(outputs) > 1 and outputs.prefixes[i] else ""
                    name = f"{prefix}{metric.name}"
                    if taken[name] and weighted:
                        name = f"{prefix}weighted_{metric.name}"
                    number, taken[name] = taken[name], taken[name] + 1
                    self.entries.append((i, metric, weighted, f"{name}_{number}" if number else name))
                    self.members.append(metric)

    def _per_output(self, given: Any, what: str) -> list[list]:
        if given is None or (isinstance(given, (list, tuple, dict)) and not given):  # [] says that there are none
            return [[] for _ in range(len(self._outputs))]
        if not isinstance(given, (list, tuple, dict)):
            raise ValueError(f"{what} must be a list, tuple or dict, got {what}={given!r}. Write {what}=[{given!r}].")
        if len(self._outputs) == 1:
            return [[entry for entry in _flat(given) if entry is not None]]
        outputs: list[list] = [[] for _ in range(len(self._outputs))]
        for path, _, entry in self._outputs.place(given, what, _is_one):
            below = self._outputs.below(path)
            if path != self._outputs.paths[below[0]]:
                seen = [self._outputs.names[i] for i in below]
                raise ValueError(
                    f"{what} has an entry for the outputs {seen} all at once: with several outputs there is one entry (a metric or a "
                    f"list of them) per output {self._outputs.names}, or a dict by name."
                )
            outputs[below[0]] += [] if entry is None else [entry]
        return outputs

    def update_state(self, y: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Let each metric see its output."""
        if not self.entries:
            return
        wanted = [any(i == j for j, *_ in self.entries) for i in range(len(self._outputs))]
        targets, predictions = self._outputs.targets(y, wanted), self._outputs.flatten(y_pred)
        weights = self._outputs.match(sample_weight, "sample_weight")
        for i, metric, weighted, _ in self.entries:
            metric.update_state(targets[i], predictions[i], sample_weight=weights[i] if weighted else None)

    def reset_state(self) -> None:
        """Reset each metric."""
        for metric in self.members:
            metric.reset_state()

    def result(self) -> dict[str, Any]:
        """The metrics' values by name."""
        results: dict[str, Any] = {}
        for i, metric, _, name in self.entries:
            value = as_arrays(metric.result())
            if not isinstance(value, dict):
                value = {name: value}
            elif len(self._outputs) > 1 and self._outputs.prefixes[i]:
                value = {f"{self._outputs.prefixes[i]}_{key}": v for key, v in value.items()}
            results.update(value)
        return results


def as_loss(identifier: Any, y_true: Any, y_pred: Any, output: str = "") -> Any:
    """A `Loss` from what `compile(loss=...)` accepts; `"crossentropy"` picks the one that fits the shapes."""
    if isinstance(identifier, str) and identifier.lower() in CROSSENTROPY and y_true is not None:
        kind = metrics_module.problem_kind(y_true.shape, y_pred.shape)
        found = getattr(losses, f"{kind}_crossentropy")
    else:
        found = losses.get(identifier)
    if isinstance(found, losses.Loss):
        return found
    name = identifier if isinstance(identifier, str) else object_name(found)
    return losses.LossFunctionWrapper(found, name=name)


def total(values: list) -> Any:
    """The sum of a list of scalars; zero if there are none."""
    if not values:
        return jnp.zeros(())
    return sum(values[1:], start=values[0])


_MISFIT = object()


def _weight(given: Any, loss: Any, trail: tuple) -> Any:
    """The weight of the loss at `trail` of a structure of losses, or `_MISFIT` if the weights have another one."""
    for key in trail:
        if not isinstance(given, (list, tuple, dict)):
            return given  # one number for all losses below
        if isinstance(given, dict) != isinstance(loss, dict) or (
            isinstance(loss, (list, tuple)) and len(given) != len(loss)
        ):
            return _MISFIT
        given, loss = (given.get(key) if isinstance(given, dict) else given[key]), loss[key]
    if isinstance(given, (list, tuple)) and len(given) == 1:
        return given[0]
    return _MISFIT if isinstance(given, (list, tuple, dict)) else given


def check_names(loss: Any, metrics: Any, weighted_metrics: Any) -> None:
    """Look up the names in the arguments of `compile`, before any shape is known.

    Raises:
        ValueError: a name is unknown (a similar one is suggested), or something is neither a name, an object nor a function.
    """
    for leaf in _entries(loss):
        if not (isinstance(leaf, str) and leaf.lower() in CROSSENTROPY) and not isinstance(leaf, type):
            losses.get(leaf)
    for what, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
        for leaf in _entries(given):
            check_identifier(leaf, what)


CROSSENTROPY = ("crossentropy", "ce")  # which one it is depends on the shapes


def _entries(given: Any) -> list:
    """The single losses or metrics in nested lists and dicts; None is nothing, and a config is one."""
    if given is None:
        return []
    if _is_one(given):
        return [given]
    return [leaf for entry in (given.values() if isinstance(given, dict) else given) for leaf in _entries(entry)]


def _flat(given: Any) -> list:
    if _is_one(given):
        return [given]
    return [x for item in (given.values() if isinstance(given, dict) else given) for x in _flat(item)]
