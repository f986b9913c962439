"""Losses and metrics of `compile(loss=..., metrics=...)`, matched with the outputs of a model.

The `Objective` adds up the losses of all outputs; the `Scores` are the metrics of all outputs. Both are made once the
shapes of targets and outputs are known, because `"accuracy"` and `"crossentropy"` depend on them.
"""

from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp

from jkeras import losses
from jkeras import metrics as metrics_module
from jkeras.core import frame as frames
from jkeras.core.dimensions import as_float
from jkeras.core.variable import as_arrays
from jkeras.metrics.resolve import check_identifier
from jkeras.serialization.naming import object_name
from jkeras.training.outputs import Outputs


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
    """

    def __init__(self, loss: Any, loss_weights: Any, outputs: Outputs, y: Any, y_pred: Any):
        self.outputs = outputs
        chosen = [_only(c, name) for c, name in zip(outputs.match(_unwrap(loss, outputs), "loss", _is_one), outputs.names)]
        self.wanted = [c is not None for c in chosen]
        targets = outputs.targets(y, self.wanted) if y is not None else [None] * len(outputs)
        predictions = outputs.flatten(y_pred)
        self.losses = [
            None if c is None else as_loss(c, t, p, name)
            for c, t, p, name in zip(chosen, targets, predictions, outputs.names, strict=True)
        ]
        self.safe = [None if c is None else losses.with_logits(c) for c in self.losses]
        self.weights = outputs.match(_unwrap(loss_weights, outputs), "loss_weights")
        for weight, name in zip(self.weights, outputs.names, strict=True):
            if isinstance(weight, (list, tuple, dict, str)):
                raise ValueError(
                    f"loss_weights must hold one number for each of the {len(outputs)} output(s) {outputs.names}, but for "
                    f"{name!r} it has {weight!r}."
                )
        many = sum(self.wanted) > 1
        self.trackers = [
            metrics_module.Mean(name=f"{name or object_name(c)}_loss") if many and c is not None else None
            for name, c in zip(outputs.names, self.losses, strict=True)
        ]
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
        for loss, target, prediction in zip(self.losses, targets, self._predictions, strict=True):
            if loss is not None and target is not None and target.ndim and prediction.ndim:
                shape = (target.shape[0], *prediction.shape[1:])  # as if all samples went through the model at once
                losses.check_targets(loss, target, jax.ShapeDtypeStruct(shape, prediction.dtype), not self._warned)
        self._warned = True

    def class_axis(self, shape: tuple) -> bool | None:
        """True if the last axis of targets of this shape counts the classes; None if that cannot be said.

        Args:
            shape: of the targets.
        """
        pairs = [(loss, p.shape) for loss, p in zip(self.losses, self._predictions, strict=True) if loss is not None]
        return losses.has_class_axis(pairs[0][0], shape, pairs[0][1]) if len(pairs) == 1 else None

    def __call__(self, y: Any, y_pred: Any, sample_weight: Any) -> list:
        """The weighted loss of each output that has one."""
        targets = self.outputs.targets(y, self.wanted)
        weights = self.outputs.match(sample_weight, "sample_weight")
        values = []
        frame = frames.current()
        for i, prediction in enumerate(self.outputs.flatten(y_pred)):
            if self.losses[i] is None:
                continue
            if targets[i] is None and getattr(getattr(self.losses[i], "fn", None), "targets", None) is not None:
                raise ValueError(
                    f"Output {self.outputs.names[i]!r} has the loss {self.losses[i].name!r}, but y holds no target for it."
                )
            logits = (
                frame.get_logits(prediction, self.safe[i].link) if frame is not None and self.safe[i] is not None else None
            )
            if logits is not None:
                frame.set_mask(logits, frame.get_mask(prediction))
                value = self.safe[i](targets[i], logits, weights[i])
            else:
                value = self.losses[i](targets[i], prediction, weights[i])
            if self.trackers[i] is not None:
                self.trackers[i].update_state(value, sample_weight=as_float(prediction.shape[0]))
            if self.weights[i] is not None:
                value = value * self.weights[i]
            values.append(value)
        return values


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
                    name = f"{outputs.names[i]}_{metric.name}" if len(outputs) > 1 else metric.name
                    if taken[name] and weighted:
                        name = f"{outputs.names[i]}_weighted_{metric.name}" if len(outputs) > 1 else f"weighted_{name}"
                    number, taken[name] = taken[name], taken[name] + 1
                    self.entries.append((i, metric, weighted, f"{name}_{number}" if number else name))
                    self.members.append(metric)

    def _per_output(self, given: Any, what: str) -> list[list]:
        if given is None or (isinstance(given, (list, tuple, dict)) and not given):  # [] says that there are none
            return [[] for _ in range(len(self._outputs))]
        if not isinstance(given, (list, tuple, dict)):
            raise ValueError(f"{what} must be a list, tuple or dict, got {what}={given!r}. Write {what}=[{given!r}].")
        if len(self._outputs) == 1:
            given = list(given.values()) if isinstance(given, dict) and "class_name" not in given else given
            return [_flat(given)]
        if isinstance(given, (list, tuple)) and len(given) != len(self._outputs):
            raise ValueError(
                f"{what} has {len(given)} entries for {len(self._outputs)} outputs {self._outputs.names}: with several outputs "
                "there is one entry (a metric or a list of them) per output, or a dict by name."
            )
        entries = (
            given
            if isinstance(given, (list, tuple))
            else self._outputs.match(given, what, lambda x: not isinstance(x, dict))
        )
        return [[] if e is None else _flat(e) for e in entries]

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
            elif len(self._outputs) > 1:
                value = {f"{self._outputs.names[i]}_{key}": v for key, v in value.items()}
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


def _unwrap(given: Any, outputs: Outputs) -> Any:
    """With one output, `[x]` and `{name: x}` mean `x`."""
    if len(outputs) == 1 and not outputs.nested and not _is_one(given) and len(given) == 1:
        if not isinstance(given, dict):
            return given[0]
        if next(iter(given)) in (*outputs.names, ""):
            return next(iter(given.values()))
    return given


def _only(chosen: Any, output: str) -> Any:
    """The loss of an output, also where it stands in a list of its own."""
    while isinstance(chosen, (list, tuple)) and len(chosen) == 1:
        chosen = chosen[0]
    if not _is_one(chosen):
        raise ValueError(
            f"loss= has {len(chosen)} losses for the one output {output!r}: {chosen!r}. Add them up in a function "
            "(y_true, y_pred) -> values, and give that."
        )
    return chosen


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
    if isinstance(given, (list, tuple)):
        return [x for item in given for x in _flat(item)]
    return [given]
