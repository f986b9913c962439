"""The state of an optimizer between calls: as variables, in Keras's order, and as a tree.

The pure functions use the tree. `variables` and files contain its leaves in the order of the variables.
"""

import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core.assignment import assign_all
from jkeras.core.owner import Owner
from jkeras.core.tree import Path
from jkeras.core.undo import all_or_nothing
from jkeras.core.variable import Variable, is_variable
from jkeras.optimizers.hooks import INNER, OUTER, overridden
from jkeras.optimizers.parameters import Parameters, names, values_of
from jkeras.optimizers.pure import OptimizerState, PureOptimizer
from jkeras.optimizers.rule import constant
from jkeras.optimizers.slots import Slots
from jkeras.runtime.mesh import current
from jkeras.serialization.naming import auto_name


class StatefulOptimizer(PureOptimizer):
    """An optimizer that keeps its state in variables."""

    separate = True
    _building = False
    _slots: Slots | None = None  # None before `build`, and of optimizers that hold others
    _made: tuple[Variable, ...] = ()  # by add_variable
    unnamed_slots: tuple[str, ...] = ()  # slots that have the parameter's name in Keras, or a counted one
    untraced = ("name", "_compiled")  # attributes that `update` does not read
    slot_groups: tuple[tuple[str, ...], ...] = ()  # slots that alternate in Keras's list of variables, group after group

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
        if self._built_on is not None:
            if set(parameters.position) != set(self._built_on.position):
                raise ValueError(
                    f"Optimizer {self.name!r} was built on {_listed(self._built_on)} and cannot be used for "
                    f"{_listed(parameters)}. Make a new one, or compile the model again with a new one."
                )
            if parameters.structure != self._built_on.structure:
                self._restructure(parameters)
            return
        with all_or_nothing(self):
            self._built_on, self._building = parameters, True
            make_variables(list(parameters.variables))
            self._building = False
            if overridden(self, *OUTER, *INNER):
                self._made += tuple(self._held())
            self._make_slots()
            self.built = True

    def _held(self) -> list[Variable]:
        """The variables that a user's class holds besides those made by `add_variable`: plain ones, other optimizers', ..."""
        known = {id(v) for v in (*self._parameters.variables, *self._made, self._iterations, self._learning_rate)}
        held: dict[int, Variable] = {}
        for _, child in Owner.children(self):
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
        parameters = self._parameters
        inner = current().made_slots(self.transformation().init, values_of(parameters.tree), parameters.owner)
        self._slots = Slots(jax.tree_util.tree_map_with_path(self._slot, inner), parameters)

    def _slot(self, path: tuple, value: Any) -> Variable:
        variable = self._new_slot(path, value)
        variable.reference = self._parameters.owner(path) if variable.reference is None else variable.reference
        return variable

    def _new_slot(self, path: tuple, value: Any) -> Variable:
        slot, owner = self._parameters.locate(path)[0], self._parameters.owner(path)
        if slot == "made":
            return self._made[path[-1].idx]
        if any(value is v.value for v in self._parameters.variables):  # a buffer must have one owner, who may donate it
            value = jnp.copy(value)
        if slot in self.unnamed_slots:
            return self._new_variable(value, auto_name("variable") if owner is None else owner.name)
        return self._new_variable(value, slot if owner is None else f"{owner.path.replace('/', '_')}_{slot}")

    def _restructure(self, parameters: Parameters) -> None:
        """Move the slots into a tree of another structure over the same parameters."""
        if self._slots is not None:
            specs = jax.eval_shape(self.transformation().init, values_of(parameters.tree))
            self._slots = self._slots.moved(specs, parameters)
        self._built_on = parameters

    def children(self) -> Iterator[tuple[Path, Any]]:
        yield ("iterations",), self._iterations
        if is_variable(self._learning_rate):
            yield ("learning_rate",), self._learning_rate
        if self._slots is None:
            yield from ((("made", str(i)), v) for i, v in enumerate(self._made))
        else:
            yield from self._slots.in_order(self.slot_groups)

    @property
    def variables(self) -> list[Variable]:
        """The state in Keras's order: iterations, learning rate, then what the options and the rule keep."""
        return list(self.slots().values())

    @property
    def _variables(self) -> list[Variable]:
        """`variables` without those of other optimizers that this one holds: what wrappers written for Keras add theirs to."""
        others = {id(v) for _, m in Owner.children(self) if isinstance(m, StatefulOptimizer) for v in m.slots().values()}
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
        return OptimizerState(self._iterations, rate if is_variable(rate) else None, self._slots and self._slots.tree)

    def read_state(self) -> Any:
        """The current state, of arrays."""
        return values_of(self.state_variables())

    def write_state(self, state: Any) -> None:
        """Keep a state for the next call; the inverse of `read_state`."""
        jax.tree.map(lambda v, x: v.assign(x), self.state_variables(), state, is_leaf=is_variable)

    # -- variables of a subclass's own ---------------------------------------------------------------------------------

    def add_variable(
        self,
        shape: Any,
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a variable that belongs to the optimizer; to be called in `build`."""
        variable = self._new_variable(_initial(initializer, shape, dtype), name or "variable", shape, dtype)
        self._made += (variable,)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Make a variable like a parameter, in shape and dtype."""
        name = f"{reference_variable.path.replace('/', '_')}_{name or 'var'}"
        return self.add_variable(reference_variable.shape, initializer, reference_variable.dtype, name=name)

    def add_optimizer_variables(self, trainable_variables: Sequence[Variable], name: Any, initializer: Any = "zeros") -> Any:
        """Make a variable for each parameter; with several names, one for each name, and a list for each is returned."""
        several = not isinstance(name, str)
        titles = list(name) if several else [name]
        initializers = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(titles)
        if len(initializers) != len(titles):
            raise ValueError(f"Got {len(titles)} names but {len(initializers)} initializers: {name}, {initializer}.")
        columns: tuple[list, ...] = tuple([] for _ in titles)
        for variable in trainable_variables:
            for title, start, column in zip(titles, initializers, columns, strict=True):
                skip = variable.overwrite_with_gradient  # the gradient is its new value: no slot is needed
                column.append(None if skip else self.add_variable_from_reference(variable, title, start))
        return columns if several else columns[0]

    def assign(self, variable: Variable, value: Any) -> None:
        """Set a parameter or a variable of the optimizer."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add to a parameter or a variable of the optimizer."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract from a parameter or a variable of the optimizer."""
        variable.assign_sub(value)

    @property
    def _trainable_variables(self) -> list[Variable]:
        return [] if self._built_on is None else self._built_on.variables

    def _get_variable_index(self, variable: Variable) -> int:
        return self._parameters.position[id(variable)]

    def _var_key(self, variable: Variable) -> int:
        return id(variable)

    # -- files --------------------------------------------------------------------------------------------------------

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
    def wrapped(self: StatefulOptimizer, variables: Any) -> None:
        if self._building:  # called by the build of a subclass
            build(self, variables)
        else:
            self._build_around(lambda flat: build(self, flat), variables)

    return wrapped


def _initial(initializer: Any, shape: Any, dtype: Any) -> Any:
    """Zeros are made without compiling anything; the rest is `Variable`'s."""
    return (lambda shape, dtype: constant(None, shape, 0.0, dtype)) if initializer == "zeros" else initializer


def _listed(parameters: Parameters) -> str:
    return ", ".join(v.path for v in parameters.variables) or "no variables"
