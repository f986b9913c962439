"""An `Optimizer` is a Keras configuration that names a chain of gradient transformations.

Inside, it is what optax calls a transformation: `init(params) -> state` and `update(grads, state, params) -> (updates,
state)`, pure, with the learning rate as a leaf of the state, so that changing it recompiles nothing. Outside, it is Keras's
object: between calls its state lives in variables, `iterations`, `learning_rate` and what the rule keeps for each
parameter.

    options (accumulate, clip, decay, average)   see options.py
    rule (SGD, Adam, ...)                        see descent.py, adaptive.py, adam.py, layerwise.py, muon.py
"""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jkeras.core.frame import Frame
from jkeras.core.variable import Variable, as_arrays, is_variable
from jkeras.optimizers.arguments import Same, in_range, parameters_of, signature_of
from jkeras.optimizers.hooks import INNER, OUTER, HooksState, OneByOne, by_hooks, definer, overridden
from jkeras.optimizers.options import AccumulateState, AverageState
from jkeras.optimizers.parameters import values_of
from jkeras.optimizers.pure import CLASSIC, PureOptimizer
from jkeras.optimizers.rule import Tree, wide_dtype
from jkeras.optimizers.state import StatefulOptimizer
from jkeras.serialization import deserialize, serialize


class Optimizer(StatefulOptimizer):
    """The base class of optimizers: it computes new weights from gradients.

    `init` and `update` are optax's and `apply` is Keras's. An optimizer stands
    wherever optax expects a transformation (`optax.chain`, `masked`, `multi_transform`, `MultiSteps`, ...).

    >>> import jax.numpy as jnp, optax
    >>> from jkeras.optimizers import SGD
    >>> optimizer = SGD(0.1)
    >>> params = {"w": jnp.array([1.0, 2.0])}
    >>> state = optimizer.init(params)
    >>> updates, state = optimizer.update({"w": jnp.array([1.0, 1.0])}, state, params)
    >>> optax.apply_updates(params, updates)["w"].round(4).tolist(), int(state.iterations)
    ([0.8999999761581421, 1.899999976158142], 1)

    Or as in Keras, on variables:

    >>> from jkeras.core.variable import Variable
    >>> w = Variable([1.0, 2.0])
    >>> optimizer.apply([jnp.array([5.0, 0.0])], [w])
    >>> w.numpy().tolist(), int(optimizer.iterations)
    ([0.5, 2.0], 1)

    A subclass either defines `rule()`, which returns a transformation, or, as in Keras, `build` and `update_step`.
    """

    _rule_in_use: OneByOne | None = None

    # -- Keras's calls, which change variables ------------------------------------------------------------------------

    @property
    def iterations(self) -> Any:
        """The number of updates so far: an int32 variable, or, with gradient accumulation, a number computed from it."""
        every = self.gradient_accumulation_steps
        return self._iterations.value // every if every else self._iterations

    @property
    def learning_rate(self) -> Any:
        """The learning rate: a variable, or what the schedule gives at this moment.

        Assign a float to change it (nothing is recompiled), or a schedule to let that compute it.
        """
        return self._get_current_learning_rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if callable(value) and not is_variable(value):
            self._learning_rate = value
        elif is_variable(self._learning_rate):
            self._learning_rate.assign(in_range("learning_rate", value))
        else:
            raise TypeError(
                f"The learning rate of {self.name!r} is a schedule, so it cannot be set to {value}. Make the optimizer with "
                f"a float to change it later: {type(self).__name__}(learning_rate=0.01)."
            )

    def _get_current_learning_rate(self) -> Any:
        """The value of `learning_rate`, for subclasses to override."""
        return self._learning_rate if is_variable(self._learning_rate) else self._scheduled(self._iterations.value)

    lr = learning_rate  # its classic name

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """Update variables: `apply_gradients(zip(gradients, variables))`; returns the counter of iterations."""
        grads, variables = zip(*grads_and_vars, strict=True)
        self.apply(grads, variables)
        return self._iterations

    def apply(self, grads: Iterable, trainable_variables: Iterable[Variable] | None = None) -> None:
        """Update variables.

        Args:
            grads: arrays like the variables; None for a variable that is to stay as it is.
            trainable_variables: the variables, all or some of those that the optimizer was built on. The first call builds
                the optimizer on them. If left out: all.

        Raises:
            ValueError: an unknown variable, or not one gradient for each, or nothing but None.
        """
        grads = list(grads)
        if not grads:
            return
        variables = self._trainable_variables if trainable_variables is None else list(trainable_variables)
        if not self.built:
            if trainable_variables is None:
                raise ValueError(f"Optimizer {self.name!r} is not built: call apply(grads, trainable_variables).")
            self.build(variables)
        if len(grads) != len(variables):
            raise ValueError(f"Optimizer {self.name!r} got {len(grads)} gradients for {len(variables)} variables.")
        for variable in variables:
            if id(variable) not in self._parameters.position:
                raise ValueError(
                    f"Optimizer {self.name!r} was built on other variables than {variable.path!r}. Make a new optimizer for "
                    f"new variables, or build this one on all of them: optimizer.build(model.trainable_variables)."
                )
        grads, variables = self._filter_empty_gradients(grads, variables)
        if not overridden(self, "_backend_apply_gradients"):
            self._backend_apply_gradients(grads, variables)
            return
        number = self._iterations.value
        scale = self.loss_scale_factor or 1
        self._backend_apply_gradients([g / scale for g in grads], variables)
        self._iterations.assign(number + 1)

    def _filter_empty_gradients(self, grads: Iterable, vars: Iterable[Variable]) -> tuple[list, list]:
        """The gradients that are not None, and their variables.

        Raises:
            ValueError: there are none.
        """
        pairs = list(zip(grads, vars, strict=True))
        missing = [v.path for g, v in pairs if g is None]
        if len(missing) == len(pairs):
            raise ValueError(
                f"No gradients provided for any variable. Optimizer {self.name!r} needs at least one gradient that is not None for "
                f"{missing}."
            )
        if missing:
            warnings.warn(f"Gradients do not exist for variables {missing}; they stay as they are.", stacklevel=3)
        return [g for g, _ in pairs if g is not None], [v for g, v in pairs if g is not None]

    def _backend_apply_gradients(self, grads: list, trainable_variables: list[Variable]) -> None:
        """Update variables of which all have gradients; for subclasses to override."""
        given = {id(v): g for g, v in zip(grads, trainable_variables, strict=True)}
        targets = self._trainable_variables
        key = (self.fingerprint(), tuple(Same(v.constraint) for v in targets))
        if key not in self._compiled:
            # A new function each time: jit would recognize the same method, and what it was traced to before.
            self._compiled[key] = jax.jit(lambda *lists: self._apply_to_lists(*lists))
        values, state = self._compiled[key](
            [given.get(id(v)) for v in targets], self.read_state(), [v.value for v in targets]
        )
        for variable, value in zip(targets, values, strict=True):
            if id(variable) in given:
                variable.assign(value)
        self.write_state(state)

    def stateless_apply(self, optimizer_variables: list, grads: list, trainable_variables: list) -> tuple[list, list]:
        """Compute `apply` as a pure function of lists of arrays.

        Args:
            optimizer_variables: the values of `self.variables`.
            grads: the gradients, in the order of the variables that the optimizer was built on.
            trainable_variables: their values.

        Returns:
            `(trainable_variables, optimizer_variables)`, updated.
        """
        # Variables that were passed through `jax.jit`, as Keras's guides do, are read here.
        optimizer_variables, grads, trainable_variables = map(as_arrays, (optimizer_variables, grads, trainable_variables))
        mine = self.variables
        if len(optimizer_variables) != len(mine):
            raise ValueError(f"{self.name!r} has {len(mine)} variables, but was given {len(optimizer_variables)} values.")
        if not len(grads) == len(trainable_variables) == len(self._trainable_variables):
            raise ValueError(
                f"{self.name!r} was built on {len(self._trainable_variables)} variables, but was given {len(grads)} "
                f"gradients for {len(trainable_variables)} values."
            )
        targets = self._trainable_variables
        if overridden(self, "apply", "_filter_empty_gradients", "_backend_apply_gradients"):
            bound = {id(v): x for v, x in zip(targets, trainable_variables, strict=True) if x is not None}
            bound |= {id(v): x for v, x in zip(mine, optimizer_variables, strict=True)}
            with Frame(bound) as frame:
                if len(bound) == len(targets) + len(mine):
                    self.apply(list(grads))
                else:  # the others belong to other optimizers
                    there = [(g, v) for g, v in zip(grads, targets, strict=True) if id(v) in bound]
                    self.apply([g for g, _ in there], [v for _, v in there])
            return [frame.values.get(id(v)) for v in targets], [frame.values[id(v)] for v in mine]
        variables = self.state_variables()
        given = {id(v): x for v, x in zip(mine, optimizer_variables, strict=True)}
        state = jax.tree.map(lambda v: given[id(v)], variables, is_leaf=is_variable)
        values, state = self._apply_to_lists(list(grads), state, list(trainable_variables))
        new = dict(zip(map(id, jax.tree.leaves(variables, is_leaf=is_variable)), jax.tree.leaves(state), strict=True))
        return values, [new[id(v)] for v in mine]

    def _bound(self, state: Any) -> dict[int, Any]:
        """The state of the variables, for a frame."""
        variables = jax.tree.leaves(self.state_variables(), is_leaf=is_variable)
        return dict(zip(map(id, variables), jax.tree.leaves(state), strict=True))

    def _update_by_apply(self, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        """The pure `update` of a class that overrides `stateless_apply`, `apply`, or what `apply` calls."""
        if params is None:
            raise ValueError(f"{self.name!r} updates variables, so it reads them: call update(grads, state, params).")
        parameters = self._parameters
        structure: Any = jax.tree.structure(state)
        values, bound = parameters.flatten(params), self._bound(state)
        mine = self.variables
        new, own = self.stateless_apply([bound[id(v)] for v in mine], parameters.flatten(grads), list(values))
        bound |= dict(zip(map(id, mine), own, strict=True))
        changes = [old if old is None else x - old for x, old in zip(new, values, strict=True)]
        leaves = [
            bound[id(v)].astype(old.dtype)
            for v, old in zip(
                jax.tree.leaves(self.state_variables(), is_leaf=is_variable), jax.tree.leaves(state), strict=True
            )
        ]
        return parameters.nest(changes), structure.unflatten(leaves)

    def _apply_to_lists(self, grads: list, state: Any, values: list) -> tuple[list, Any]:
        """`update` for lists in Keras's order, where a gradient may be None, with the variables' constraints."""
        parameters, keep = self._parameters, [g is not None for g in grads]
        variables = jax.tree_util.tree_flatten_with_path(self.state_variables(), is_leaf=is_variable)[0]
        owners = [parameters.locate(path)[1] for path, _ in variables]
        structure: Any  # a PyTreeDef
        leaves, structure = jax.tree.flatten(state)
        masked = structure.unflatten([x if i is None or keep[i] else None for i, x in zip(owners, leaves, strict=True)])
        params = parameters.nest([x if k else None for x, k in zip(values, keep, strict=True)])
        updates, new = self._pure_update(parameters.nest(grads), masked, params)
        new = structure.flatten_up_to(new)
        state = structure.unflatten([old if x is None else x for x, old in zip(new, leaves, strict=True)])
        results = list(values)
        for i, change in enumerate(parameters.flatten(updates)):
            if keep[i]:
                constraint = parameters.variables[i].constraint
                value = values[i] + change
                results[i] = value if constraint is None else constraint(value)
        return results, state

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Put the running means of the weights in their place (`use_ema`), as Keras does at the end of `fit`."""
        wanted = set(map(id, var_list))
        for variable, mean in self.running_means():
            if id(variable) in wanted:
                variable.assign(jnp.copy(mean.value))

    def running_means(self) -> list[tuple[Variable, Variable]]:
        """Return the parameters with the variables of their running means, or nothing without `use_ema`.

        >>> import jkeras
        >>> optimizer = jkeras.optimizers.SGD(use_ema=True)
        >>> optimizer.build([jkeras.Variable([1.0])])
        >>> [(parameter.shape, mean.shape) for parameter, mean in optimizer.running_means()]
        [((1,), (1,))]
        """
        if not self.use_ema:
            return []
        located = () if self._slots is None else self._slots.located()
        return [
            (self._parameters.variables[index], mean)
            for slot, index, mean in located
            if slot == "average" and index is not None
        ]

    # -- hooks: what a user's class may override ----------------------------------------------------------------------

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
        slots = (
            self._slots and self._slots.tree
        )  # called from outside, by an optimizer that holds this one: the state is in the variables
        while isinstance(slots, (AverageState, AccumulateState)):
            slots = slots.inner
        slots = slots[-1] if type(slots) is tuple else slots  # of the chain
        slots = slots.rule if isinstance(slots, HooksState) else slots
        one_by_one = OneByOne(rule, self._parameters, values_of(slots), self.iterations + 0)
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
        rates = known.flatten(self._decay_rates(known.nest(known.variables)))
        for variable in variables:
            rate = rates[known.position[id(variable)]]
            if rate:
                wide = wide_dtype([variable])
                value, learning_rate = variable.value.astype(wide), jnp.asarray(self.learning_rate).astype(wide)
                variable.assign(value - value * rate * learning_rate)

    def _backend_update_step(self, grads: Sequence, trainable_variables: Sequence[Variable], learning_rate: Any) -> None:
        """Update all variables, by `update_step` on each; for subclasses to override."""
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            self.update_step(gradient, variable, learning_rate)

    def _own_rule(self) -> Any:
        """The rule of a class that has one, or None."""
        return None if definer(type(self), "rule") is PureOptimizer else self.rule()

    def _rule_in_chain(self) -> Any:
        """The rule; but if a subclass overrides hooks of an update, those, which may call on the rule."""
        owner = definer(type(self), "update_step")
        refined = owner is not Optimizer and not issubclass(definer(type(self), "rule"), owner)
        others = overridden(self, *OUTER, *(name for name in INNER if name != "update_step"))
        return by_hooks(self, self._own_rule()) if refined or others else self.rule()

    def update(self, grads: Tree, state: Any, params: Tree | None = None, **objective: Any) -> tuple[Tree, Any]:
        if not self.updates_by_apply:
            return super().update(grads, state, params, **objective)
        self._check_trees(grads, params)
        return self._update_by_apply(grads, state, params)

    @property
    def updates_by_apply(self) -> bool:
        """True if a user's class overrides `apply` or what stands around it; the variables' constraints are its affair then."""
        return overridden(self, *OUTER)

    def scaled_loss(self, loss: Any, state: Any) -> Any:
        """Compute `scale_loss` as a pure function of the loss and the optimizer's state. A user's override is included."""
        if not overridden(self, "scale_loss"):
            return self.scale_loss(loss, state)
        with Frame(self._bound(state)):
            return self.scale_loss(loss)

    # -- configs ------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict:
        """Return the constructor's arguments of this optimizer, as plain data, under Keras's names.

        The classic arguments, which Keras 3 does not have, are left out at their defaults, so that it can read the config.
        """
        rate = self._learning_rate
        config = {"name": self.name, "learning_rate": float(rate.numpy()) if is_variable(rate) else serialize(rate)}
        for key, parameter in parameters_of(type(self)).items():
            value = getattr(self, key, parameter.empty)
            silent = key in CLASSIC and value == parameter.default
            if key not in ("lr", *config) and value is not parameter.empty and not silent:
                config[key] = serialize(value)
        return config

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "Optimizer":
        """Make an optimizer from `get_config()`."""
        return cls(**deserialize(config, custom_objects))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def __getstate__(self) -> dict:
        return {**vars(self), "_compiled": {}}  # compiled programs are not copied, nor pickled


Optimizer.__signature__ = signature_of(Optimizer)  # type: ignore[attr-defined]  # that of __new__ says nothing
