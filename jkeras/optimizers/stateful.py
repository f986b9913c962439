"""The state of an optimizer between calls: variables, in Keras's order, and the same as a tree.

The tree is what the pure functions pass around; its leaves in the variables' order are what `variables` lists and files
hold.
"""

import functools
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core.assignment import assign_all
from jkeras.core.module import Module
from jkeras.core.tree import Path
from jkeras.core.undo import all_or_nothing
from jkeras.core.variable import Variable, is_variable
from jkeras.optimizers.hooks import INNER, OUTER, overridden
from jkeras.optimizers.parameters import Parameters, names, values_of
from jkeras.runtime.mesh import current
from jkeras.serialization.naming import auto_name


class OptimizerState(NamedTuple):
    """The state of an optimizer between two calls of `update`.

    Args:
        iterations: the number of calls of `update` so far, an int32 scalar.
        learning_rate: the learning rate, a float32 scalar. None when a schedule computes it from `iterations`.
        inner: the states of the chained transformations.
    """

    iterations: Any  # int32 scalar: how many times `update` was called
    learning_rate: Any  # float32 scalar; None when a schedule computes it from `iterations`
    inner: Any  # the states of the chained transformations


class Stateful(Module):
    """The base of `Optimizer` that keeps the state."""

    separate = True
    unnamed_slots: tuple[str, ...] = ()  # slots that have the parameter's name in Keras, or a counted one
    untraced = ("name", "_compiled")  # attributes that `update` does not read
    slot_groups: tuple[tuple[str, ...], ...] = ()  # slots that alternate in Keras's list of variables, group after group

    name: str
    transformation: Callable

    def _start(self) -> None:
        """The state before `build`: a counter, and no parameters."""
        self.built = False
        self._building = False
        self._parameters: Parameters | None = None
        self._made: list[Variable] = []  # by add_variable
        self._inner: Any = None  # the chain's state, of variables
        self._learning_rate: Any = None  # a variable or a schedule
        self._iterations = self._new_variable(np.zeros((), "int32"), "iteration")

    def _new_variable(self, value: Any, name: str, shape: Any = None, dtype: Any = None) -> Variable:
        variable = Variable(value, shape, dtype, trainable=False, name=name)
        variable.path = f"{self.name}/{name}"
        return variable

    def build(self, variables: Any) -> None:
        """Make the state for the given parameters.

        Args:
            variables: a list of variables, or a tree of them (the state then has the same structure). Building again on
                the same variables, in another structure, keeps the state.

        Raises:
            ValueError: it is already built, on other variables.
        """
        if not self._building:
            self._build_around(lambda variables: None, variables)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _given_a_list(cls.__dict__["build"])  # type: ignore[method-assign]

    def _build_around(self, make_variables: Callable[[list], None], variables: Any) -> None:
        parameters = Parameters(variables if isinstance(variables, dict) else list(variables))
        if self._parameters is not None:
            if set(parameters.position) != set(self._parameters.position):
                raise ValueError(
                    f"Optimizer {self.name!r} was built on {_listed(self._parameters)} and cannot be used for "
                    f"{_listed(parameters)}. Make a new one, or compile the model again with a new one."
                )
            if parameters.structure != self._parameters.structure:
                self._restructure(parameters)
            return
        with all_or_nothing(self):
            self._parameters, self._building = parameters, True
            make_variables(list(parameters.variables))
            self._building = False
            if overridden(self, *OUTER, *INNER):
                self._made += self._held()
            self._make_slots()
            self.built = True

    def _held(self) -> list[Variable]:
        """The variables that a user's class holds besides those made by `add_variable`: plain ones, other optimizers', ..."""
        known = {id(v) for v in (*self._parameters.variables, *self._made, self._iterations, self._learning_rate)}
        held: dict[int, Variable] = {}
        for _, child in Module.children(self):
            if isinstance(child, Variable):
                held[id(child)] = child
            elif child.separate or getattr(child, "is_generator", False):
                held |= {id(v): v for v in child.slots().values()}
        return [v for key, v in held.items() if key not in known]

    def _build_on_stand_ins(self, params: Any) -> None:
        """Build on variables made for plain arrays, for an optimizer that needs variables to tell parameters apart."""

        def stand_in(path: tuple, p: Any) -> Variable:
            keys = names(path)
            variable = Variable(np.zeros(p.shape, p.dtype), name=keys[-1] if keys else "parameter")
            variable.path = "/".join(keys)
            return variable

        self.build(jax.tree_util.tree_map_with_path(stand_in, params))

    def _make_slots(self) -> None:
        inner = current().made_slots(self.transformation().init, values_of(self._parameters.tree), self._owner)
        self._inner = jax.tree_util.tree_map_with_path(self._slot, inner)

    def _owner(self, path: tuple) -> Variable | None:
        """The parameter that a leaf of the state belongs to."""
        index = self._parameters.locate(path)[1]
        return None if index is None else self._parameters.variables[index]

    def _slot(self, path: tuple, value: Any) -> Variable:
        variable = self._new_slot(path, value)
        variable.reference = self._owner(path) if variable.reference is None else variable.reference
        return variable

    def _new_slot(self, path: tuple, value: Any) -> Variable:
        slot, index = self._parameters.locate(path)
        if slot == "made":
            return self._made[path[-1].idx]
        if any(value is v.value for v in self._parameters.variables):  # a buffer must have one owner, who may donate it
            value = jnp.copy(value)
        if slot in self.unnamed_slots:
            return self._new_variable(
                value, auto_name("variable") if index is None else self._parameters.variables[index].name
            )
        reference = None if index is None else self._parameters.variables[index].path.replace("/", "_")
        return self._new_variable(value, slot if reference is None else f"{reference}_{slot}")

    def _restructure(self, parameters: Parameters) -> None:
        """Move the slots into a tree of another structure over the same parameters."""
        old = {}
        for slot, index, variable in self._located():
            owner = None if index is None else id(self._parameters.variables[index])
            old.setdefault((slot, owner), []).append(variable)

        def move(path: tuple, value: Any) -> Variable:
            slot, index = parameters.locate(path)
            return old[slot, None if index is None else id(parameters.variables[index])].pop(0)

        specs = jax.eval_shape(self.transformation().init, values_of(parameters.tree))
        self._inner = jax.tree_util.tree_map_with_path(move, specs)
        self._parameters = parameters

    def _located(self) -> Iterator[tuple[str, int | None, Variable]]:
        """Each slot: its name, the number of its parameter (or None), its variable."""
        for path, variable in jax.tree_util.tree_flatten_with_path(self._inner, is_leaf=is_variable)[0]:
            yield (*self._parameters.locate(path), variable)

    def children(self) -> Iterator[tuple[Path, Any]]:
        yield ("iterations",), self._iterations
        if is_variable(self._learning_rate):
            yield ("learning_rate",), self._learning_rate
        if self._inner is None:
            yield from ((("made", str(i)), v) for i, v in enumerate(self._made))
            return
        paths = list(self._parameters.index)
        groups = (("average",), ("gradient_accumulator",), *self.slot_groups)
        rank = {slot: (i, j) for i, group in enumerate(groups) for j, slot in enumerate(group)}
        located = list(self._located())
        for slot in dict.fromkeys(slot for slot, _, _ in located):
            rank.setdefault(slot, (len(rank) + len(groups), 0))

        def position(item: tuple) -> tuple:
            slot, index, _ = item
            return rank[slot][0], len(paths) if index is None else index, rank[slot][1]

        for slot, index, variable in sorted(located, key=position):
            yield (slot, *(() if index is None else paths[index])), variable

    @property
    def variables(self) -> list[Variable]:
        """The state in Keras's order: iterations, learning rate, then what the options and the rule keep."""
        return list(self.slots().values())

    @property
    def _variables(self) -> list[Variable]:
        """`variables` without those of other optimizers that this one holds: what wrappers written for Keras add theirs to."""
        others = {id(v) for _, m in Module.children(self) if isinstance(m, Stateful) for v in m.slots().values()}
        return [v for v in self.slots().values() if id(v) not in others]

    def state_variables(self) -> Any:
        """The state as a tree of variables; `read_state` has arrays in their place.

        Raises:
            ValueError: the optimizer is not built.
        """
        if not self.built:
            raise ValueError(f"Optimizer {self.name!r} is not built: call build(trainable_variables) first.")
        return self._state_variables()

    def _state_variables(self) -> Any:
        rate = self._learning_rate
        return OptimizerState(self._iterations, rate if is_variable(rate) else None, self._inner)

    def read_state(self) -> Any:
        """The current state, of arrays."""
        return values_of(self.state_variables())

    def write_state(self, state: Any) -> None:
        """Keep a state for the next call; the inverse of `read_state`."""
        jax.tree.map(lambda v, x: v.assign(x), self.state_variables(), state, is_leaf=is_variable)

    def save_own_variables(self, store: Any) -> None:
        """Put the arrays into a mapping under "0", "1", ..., as files have them."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Take the arrays from such a mapping; a warning, and nothing else, if their number differs."""
        variables = self.variables
        if len(store.keys()) != len(variables):
            warnings.warn(
                f"The state of optimizer {self.name!r} was not loaded: it has {len(variables)} variables, and the file "
                f"{len(store.keys())}." + ("" if self.built else " It is not built yet."),
                stacklevel=2,
            )
            return
        self.set_weights([store[str(i)] for i in range(len(variables))])

    def set_weights(self, weights: Iterable) -> None:
        """Set all variables, in the order of `variables`; nothing is set if a shape differs."""
        weights, variables = [np.asarray(w) for w in weights], self.variables
        if [w.shape for w in weights] != [v.shape for v in variables]:
            raise ValueError(
                f"Optimizer {self.name!r} has variables of shapes {[v.shape for v in variables]}, but set_weights() got "
                f"{[w.shape for w in weights]}." + ("" if self.built else " It is not built yet.")
            )
        assign_all(zip(variables, weights, strict=True))


def _given_a_list(build: Callable) -> Callable:
    """Let a subclass's `build(variables)`, which expects a list as in Keras, be called with a tree."""

    @functools.wraps(build)
    def wrapped(self: Stateful, variables: Any) -> None:
        if self._building:  # called by the build of a subclass
            build(self, variables)
        else:
            self._build_around(lambda flat: build(self, flat), variables)

    return wrapped


def _listed(parameters: Parameters) -> str:
    return ", ".join(v.path for v in parameters.variables) or "no variables"
