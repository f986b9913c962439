"""Different optimizers for different parts of a model, chosen by the path of each weight."""

import re
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from typing import Any, NamedTuple

from jkeras.arguments import Checked
from jkeras.core.tree import Path
from jkeras.core.variable import Variable
from jkeras.optimizers.base import Optimizer
from jkeras.optimizers.loss_scale import LossScaleOptimizer
from jkeras.optimizers.parameters import Parameters
from jkeras.optimizers.rule import Tree
from jkeras.runtime.placement import scalar
from jkeras.serialization import deserialize, serialize


class OptimizerMap(Checked, MutableMapping):
    """A map from paths of weights, or regular expressions that match whole paths, to optimizers.

    Args:
        default_optimizer: the optimizer of weights that no pattern matches.
        optimizer_map: a dict `{path or pattern: optimizer}`.

    >>> from jkeras.optimizers import SGD, Adam
    >>> chosen = OptimizerMap(SGD(name="rest"), {"encoder/.*": Adam(name="of_encoder")})
    >>> chosen["encoder/dense/kernel"].name, chosen["decoder/dense/kernel"].name
    ('of_encoder', 'rest')
    """

    def __init__(self, default_optimizer: Optimizer, optimizer_map: dict | None = None):
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(f"`default_optimizer` must be an Optimizer, got {default_optimizer!r}.")
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise TypeError(f"`optimizer_map` must be a dict, got {optimizer_map!r}.")
        self.default_optimizer = default_optimizer
        self._optimizers: dict[str, Optimizer] = {}
        for key, optimizer in (optimizer_map or {}).items():
            self[key] = optimizer

    def __getitem__(self, path: str) -> Optimizer:
        if path in self._optimizers:
            return self._optimizers[path]
        matching = [pattern for pattern in self._optimizers if re.fullmatch(pattern, path)]
        if len(matching) > 1:
            raise ValueError(f"Several patterns match the weight {path!r}: {matching}.")
        return self._optimizers[matching[0]] if matching else self.default_optimizer

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if not isinstance(key, str):
            raise ValueError(f"A key of an OptimizerMap is a path or a pattern, a string; got {key!r}.")
        if key in self._optimizers:
            raise ValueError(f"The OptimizerMap has an optimizer for {key!r} already: {self._optimizers[key]!r}.")
        self._optimizers[key] = _usable(optimizer)

    def __delitem__(self, key: str) -> None:
        del self._optimizers[key]

    def __len__(self) -> int:
        return len(self._optimizers)

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizers)

    def __call__(self, variable: Variable) -> Optimizer:
        """The optimizer of a weight."""
        return self[variable.path]

    def get_config(self) -> dict:
        """Return the constructor's arguments of this map."""
        return {
            "default_optimizer": serialize(self.default_optimizer),
            "optimizer_map": serialize(self._optimizers),
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "OptimizerMap":
        """Make a map from `get_config()`."""
        return cls(**deserialize(config, custom_objects))


class MultiState(NamedTuple):
    """The state of this rule between two updates."""

    iterations: Any  # int32 scalar: how many times `update` was called
    learning_rate: Any  # float32 scalar, not used: here for Keras's files
    inner: tuple  # the states of the optimizers


class MultiOptimizer(Optimizer):
    """An optimizer that updates each weight with another optimizer, which is chosen for it.

    Args:
        optimizer_map: an `OptimizerMap`, or a function `variable -> optimizer`.
        loss_scale_factor: the loss scale factor of all optimizers; it replaces theirs.
        name: by default `"multi_optimizer"`.

    The MultiOptimizer has no learning rate of its own. Read and set the learning rates of `self.optimizers`.

    >>> import jkeras
    >>> chosen = OptimizerMap(jkeras.optimizers.SGD(1.0), {"frozen_part/.*": jkeras.optimizers.SGD(0.0)})
    >>> weight = jkeras.Variable([1.0, 2.0])
    >>> MultiOptimizer(chosen).apply([jkeras.ops.ones(2)], [weight])
    >>> weight.numpy().tolist()
    [0.0, 1.0]
    """

    def __init__(
        self,
        optimizer_map: Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ):
        if not callable(optimizer_map):
            raise ValueError(f"`optimizer_map` must be an OptimizerMap or a function, got {optimizer_map!r}.")
        self._optimizers: list[Optimizer] = []
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        self._map = optimizer_map
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in (*optimizer_map.values(), optimizer_map.default_optimizer):
                self._number_of(optimizer)

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers, each once."""
        return self._optimizers

    def _number_of(self, optimizer: Optimizer) -> int:
        for i, known in enumerate(self._optimizers):
            if known is optimizer:
                return i
        _usable(optimizer).loss_scale_factor = self.loss_scale_factor
        self._optimizers.append(optimizer)
        return len(self._optimizers) - 1

    @property
    def loss_scale_factor(self) -> float | None:
        """The factor of the loss. Setting it sets the factors of all optimizers."""
        return self._loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: float | None) -> None:
        self._loss_scale_factor = value
        for optimizer in self._optimizers:
            optimizer.loss_scale_factor = value

    # -- the pure functions -------------------------------------------------------------------------------------------

    def init(self, params: Tree) -> MultiState:
        if self._built_on is None:  # used as a plain transformation: stand-ins are chosen by the path in the tree
            self._build_on_stand_ins(params)
        values = self._parameters.flatten(params)
        inner = tuple(o.init(self._part(values, i)) for i, o in enumerate(self._optimizers))
        return MultiState(scalar(0, "int32"), self._own_copy(), inner)

    @property
    def reads_objective(self) -> bool:
        return any(optimizer.reads_objective for optimizer in self._optimizers)

    def _pure_update(self, grads: Tree, state: MultiState, params: Tree | None, **objective: Any) -> tuple[Tree, MultiState]:
        flatten = self._parameters.flatten
        gradients, values = flatten(grads), None if params is None else flatten(params)
        updates, inner = list(gradients), []
        for i, (optimizer, one) in enumerate(zip(self._optimizers, state.inner, strict=True)):
            if all(g is None or owner != i for g, owner in zip(gradients, self._owners, strict=True)):
                inner.append(one)  # nothing of its part has a gradient: it stands still
                continue
            own = None if values is None else self._part(values, i)
            told = self._of_part(objective, values, i) if optimizer.reads_objective else {}
            part, new = optimizer.update(self._part(gradients, i), one, own, **told)
            inner.append(new)
            updates = [u if owner == i else kept for u, kept, owner in zip(flatten(part), updates, self._owners)]
        return self._parameters.nest(updates), MultiState(state.iterations + 1, state.learning_rate, tuple(inner))

    def _part(self, values: list, number: int) -> Tree:
        """The tree with only the leaves of one optimizer."""
        return self._parameters.nest([x if owner == number else None for x, owner in zip(values, self._owners)])

    def _of_part(self, objective: dict, values: list | None, number: int) -> dict:
        """The objective as a function of the leaves of one optimizer; the others are as they were before the update."""
        value_fn, known = objective.get("value_fn"), self._parameters
        if value_fn is None or values is None:
            return objective

        def of_part(part: Tree, *rest: Any) -> Any:
            own = known.flatten(part)
            return value_fn(known.nest([x if i == number else y for x, y, i in zip(own, values, self._owners)]), *rest)

        return {**objective, "value_fn": of_part}

    def fingerprint(self) -> tuple:
        return (*super().fingerprint(), *(o.fingerprint() for o in self._optimizers))

    @property
    def excludes_from_decay(self) -> bool:
        return any(optimizer.excludes_from_decay for optimizer in self._optimizers)

    # -- the state between calls --------------------------------------------------------------------------------------

    def _make_slots(self) -> None:
        self._owners = [self._number_of(self._map(variable)) for variable in self._parameters.variables]
        self._build_parts()

    def _restructure(self, parameters: Parameters) -> None:
        old = dict(zip(map(id, self._parameters.variables), self._owners, strict=True))
        self._built_on, self._owners = parameters, [old[id(v)] for v in parameters.variables]
        self._build_parts()

    def _build_parts(self) -> None:
        for i, optimizer in enumerate(self._optimizers):
            optimizer.build(self._part(self._parameters.variables, i))

    def _state_variables(self) -> MultiState:
        inner = tuple(optimizer.state_variables() for optimizer in self._optimizers)
        return MultiState(self._iterations, self._learning_rate, inner)

    def children(self) -> Iterator[tuple[Path, Any]]:
        yield from ((("iterations",), self._iterations), (("learning_rate",), self._learning_rate))
        for i, optimizer in enumerate(self._optimizers):
            for path, variable in optimizer.slots().items():
                yield ("optimizers", str(i), *path), variable

    @property
    def learning_rate(self) -> Any:
        """There is none; ask the `optimizers`."""
        raise AttributeError(
            f"{self.name!r} has a learning rate for each of its optimizers:\n"
            "    [o.learning_rate for o in optimizer.optimizers]"
        )

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise AttributeError(f"Set the learning rates of the optimizers in {self.name!r}.optimizers, one by one.")

    lr = learning_rate

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        for variable in var_list:
            owner = self._owners[self._parameters.position[id(variable)]]
            self._optimizers[owner].finalize_variable_values([variable])

    def get_config(self) -> dict:
        return {
            "optimizer_map": serialize(self._map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }


def _usable(optimizer: Any) -> Optimizer:
    if not isinstance(optimizer, Optimizer) or isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
        raise ValueError(
            f"A part of a MultiOptimizer must be an optimizer that wraps no others, got {optimizer!r}. To scale the loss "
            "wrap the whole: LossScaleOptimizer(MultiOptimizer(...))."
        )
    return optimizer
