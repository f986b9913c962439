"""Optimizers written in Keras's way: a subclass with `build` and `update_step`, or other hooks, that assign variables.

Such a class runs unmodified. Its hooks (see `hooks`) are called inside a frame that binds the parameters, its own variables
and the counters, so that what they assign are values of one pure call; that makes them one more transformation in the chain.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from optax import GradientTransformationExtraArgs

from jkeras.core.binding import Binding
from jkeras.core.frame import Frame
from jkeras.core.variable import Variable
from jkeras.optimizers.hooks import INNER, overridden
from jkeras.optimizers.options import AccumulateState, AverageState
from jkeras.optimizers.parameters import Parameters, values_of
from jkeras.optimizers.rule import Tree, constant, wide_dtype


class ImperativeState(NamedTuple):
    made: tuple  # the values of the variables that the optimizer made with add_variable, or holds besides, in that order
    rule: Any  # the state of the rule that `update_step` refines; None if there is none


class Imperative:
    """The base of `Optimizer` with Keras's methods for those who write an optimizer."""

    _made: list[Variable]
    _parameters: Parameters | None
    _new_variable: Callable
    _rule_in_use: "_OneByOne | None" = None
    _inner: Any
    _clipping: Callable
    _decay_rates: Callable
    _own_rule: Callable
    learning_rate: Any
    iterations: Any

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Update one variable, by assigning it and the optimizer's own; for subclasses to override.

        A subclass of a built-in optimizer reaches its rule by `super().update_step(gradient, variable, learning_rate)`.

        Args:
            gradient: an array like the variable.
            variable: read it, and assign it with `self.assign`, `self.assign_add` or `self.assign_sub`.
            learning_rate: a float32 scalar.
        """
        if self._rule_in_use is not None:
            self._rule_in_use.update(gradient, variable, learning_rate)
            return
        rule = self._own_rule()
        if rule is None:
            raise TypeError(f"{type(self).__name__} must define update_step(self, gradient, variable, learning_rate).")
        slots = self._inner  # called from outside, by an optimizer that holds this one: the state is in the variables
        while isinstance(slots, (AverageState, AccumulateState)):
            slots = slots.inner
        slots = slots[-1] if type(slots) is tuple else slots  # of the chain
        slots = slots.rule if isinstance(slots, ImperativeState) else slots
        one_by_one = _OneByOne(rule, self._parameters, values_of(slots), self.iterations + 0)  # type: ignore[arg-type]
        one_by_one.update(gradient, variable, learning_rate)
        jax.tree.map(lambda v, x: v.assign(x), slots, one_by_one.state(), is_leaf=lambda v: isinstance(v, Variable))

    def _clip_gradients(self, grads: list) -> list:
        """The gradients, clipped as the options say; for subclasses to override."""
        for clip in self._clipping():
            grads, _ = clip.update(grads, clip.init(None))
        return grads

    def _apply_weight_decay(self, variables: Sequence[Variable]) -> None:
        """Shrink the variables by the weight decay; for subclasses to override."""
        known = self._parameters
        rates = known.flatten(self._decay_rates(known.nest(known.variables)))  # type: ignore[union-attr]
        for variable in variables:
            rate = rates[known.position[id(variable)]]  # type: ignore[union-attr]
            if rate:
                wide = wide_dtype([variable])
                value, learning_rate = variable.value.astype(wide), jnp.asarray(self.learning_rate).astype(wide)
                variable.assign(value - value * rate * learning_rate)

    def _backend_update_step(self, grads: Sequence, trainable_variables: Sequence[Variable], learning_rate: Any) -> None:
        """Update all variables, by `update_step` on each; for subclasses to override."""
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            self.update_step(gradient, variable, learning_rate)

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
        self._made.append(variable)
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
        return [] if self._parameters is None else self._parameters.variables

    def _get_variable_index(self, variable: Variable) -> int:
        return self._parameters.position[id(variable)]  # type: ignore[union-attr]

    def _var_key(self, variable: Variable) -> int:
        return id(variable)


def _initial(initializer: Any, shape: Any, dtype: Any) -> Any:
    """Zeros are made without compiling anything; the rest is `Variable`'s."""
    return (lambda shape, dtype: constant(None, shape, 0.0, dtype)) if initializer == "zeros" else initializer


def by_hooks(optimizer: Any, rule: Any = None) -> GradientTransformationExtraArgs:
    """The transformation that clips, decays and updates by the hooks of `optimizer`, in Keras's order.

    Args:
        optimizer: an `Optimizer` whose class overrides some of the hooks.
        rule: what `super().update_step()` applies, if the class is derived from a built-in one. If none of the inner hooks
            is overridden, it is applied as it is, and the optimizer's own variables only stand beside its state.
    """

    def init(params: Tree) -> ImperativeState:
        if optimizer._parameters is None:  # used as a plain transformation
            optimizer._build_on_stand_ins(params)
        return ImperativeState(tuple(v.value for v in optimizer._made), None if rule is None else rule.init(params))

    def update(grads: Tree, state: Any, params: Tree = None, *, step: Any, learning_rate: Any, **_: Any) -> tuple:
        if rule is not None and not overridden(optimizer, *INNER):
            updates, new = rule.update(grads, state.rule, params, step=step, learning_rate=learning_rate)
            return updates, ImperativeState(state.made, new)
        if params is None:
            raise ValueError("update_step reads the parameters: call update(grads, state, params).")
        parameters = optimizer._parameters
        gradients, values = parameters.flatten(grads), parameters.flatten(params)
        present = [i for i, p in enumerate(values) if hasattr(p, "dtype")]  # the rest is masked
        variables = [parameters.variables[i] for i in present]
        every = optimizer.gradient_accumulation_steps or 1
        counters = {id(optimizer._iterations): (step + 1) * every - 1}  # an update is made at the last of so many steps
        if isinstance(optimizer._learning_rate, Variable):
            counters[id(optimizer._learning_rate)] = learning_rate

        def call_hooks(frame: Frame) -> None:
            clipped = optimizer._clip_gradients([gradients[i].astype(values[i].dtype) for i in present])
            optimizer._apply_weight_decay(variables)
            known = not overridden(optimizer, "learning_rate", "_get_current_learning_rate")
            rate = learning_rate if known else jnp.asarray(optimizer.learning_rate)
            optimizer._backend_update_step(clipped, variables, rate)

        optimizer._rule_in_use = one_by_one = None if rule is None else _OneByOne(rule, parameters, state.rule, step)
        binding = Binding((variables, tuple(optimizer._made)))
        try:
            called = binding.call(call_hooks, ([values[i] for i in present], tuple(state.made)), also=counters)
        finally:
            optimizer._rule_in_use = None
        changed, made = called.values
        for i, value in zip(present, changed, strict=True):
            values[i] = value - values[i]
        return parameters.nest(values), ImperativeState(made, None if one_by_one is None else one_by_one.state())

    return GradientTransformationExtraArgs(init, update)


class _OneByOne:
    """A rule for trees, applied to one parameter at a time: all other leaves are masked."""

    def __init__(self, rule: Any, parameters: Parameters, state: Any, step: Any):
        flat, self.structure = jax.tree_util.tree_flatten_with_path(state)
        self.owners = [parameters.locate(path)[1] for path, _ in flat]
        self.old, self.new = [leaf for _, leaf in flat], [leaf for _, leaf in flat]
        self.rule, self.parameters, self.step = rule, parameters, step

    def update(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        index = self.parameters.position[id(variable)]

        def only(value: Any) -> Tree:
            return self.parameters.nest([value if i == index else None for i in range(len(self.parameters.variables))])

        masked = [x if owner in (index, None) else None for owner, x in zip(self.owners, self.old, strict=True)]
        updates, new = self.rule.update(
            only(gradient),
            self.structure.unflatten(masked),  # type: ignore[attr-defined]
            only(variable.value),
            step=self.step,
            learning_rate=learning_rate,
        )
        for i, leaf in enumerate(self.structure.flatten_up_to(new)):  # type: ignore[attr-defined]
            self.new[i] = self.new[i] if leaf is None else leaf
        variable.assign_add(self.parameters.flatten(updates)[index])

    def state(self) -> Any:
        return self.structure.unflatten(self.new)  # type: ignore[attr-defined]
