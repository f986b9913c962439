"""Find the methods of Keras's updates that a user's class overrides.

In Keras, an update is a chain of method calls. Here it is one pure function, which calls none of these methods. So
overrides are searched for. The parts of the update that they change are run in Keras's way; the rest stays one pure
function.

    scale_loss                                             the loss that is differentiated
    stateless_apply > apply > _filter_empty_gradients      OUTER: around the whole update
                            > _backend_apply_gradients
        > _clip_gradients, _apply_weight_decay,            INNER: inside of accumulation and averaging
          _backend_update_step > update_step, learning_rate > _get_current_learning_rate
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from optax import GradientTransformationExtraArgs

from jkeras.core.binding import Binding
from jkeras.core.frame import Frame
from jkeras.core.variable import Variable
from jkeras.optimizers.parameters import Parameters
from jkeras.optimizers.rule import Tree

if TYPE_CHECKING:
    from jkeras.optimizers.base import Optimizer

OUTER = ("stateless_apply", "apply", "_filter_empty_gradients", "_backend_apply_gradients")
INNER = (
    "_clip_gradients",
    "_apply_weight_decay",
    "_backend_update_step",
    "update_step",
    "learning_rate",
    "_get_current_learning_rate",
)


def overridden(item: Any, *names: str) -> bool:
    """True if one of these methods is not the library's own: a user's class defines it, or it was set on the object.

    >>> from jkeras.optimizers import SGD
    >>> optimizer = SGD()
    >>> overridden(optimizer, *OUTER, *INNER)
    False
    >>> optimizer._clip_gradients = lambda grads: grads
    >>> overridden(optimizer, *INNER)
    True
    """
    return any(name in vars(item) or not definer(type(item), name).__module__.startswith("jkeras.") for name in names)


def definer(cls: type, name: str) -> type:
    """The class in which the method of that name is defined.

    >>> from jkeras.optimizers import SGD
    >>> definer(SGD, "apply").__name__
    'Optimizer'
    """
    return next(base for base in cls.__mro__ if name in vars(base))


class HooksState(NamedTuple):
    """The state of this rule between two updates."""

    made: tuple  # the values of the variables that the optimizer made with add_variable, or holds besides, in that order
    rule: Any  # the state of the rule that `update_step` refines; None if there is none


def by_hooks(optimizer: "Optimizer", rule: Any = None) -> GradientTransformationExtraArgs:
    """The transformation that clips, decays and updates by the hooks of `optimizer`, in Keras's order.

    Args:
        optimizer: an `Optimizer` whose class overrides some of the hooks.
        rule: what `super().update_step()` applies, if the class is derived from a built-in one. If none of the inner hooks
            is overridden, it is applied as it is, and the optimizer's own variables only stand beside its state.
    """

    def init(params: Tree) -> HooksState:
        if optimizer._built_on is None:  # used as a plain transformation
            optimizer._build_on_stand_ins(params)
        return HooksState(tuple(v.value for v in optimizer._made), None if rule is None else rule.init(params))

    def update(grads: Tree, state: Any, params: Tree = None, *, step: Any, learning_rate: Any, **objective: Any) -> tuple:
        if rule is not None and not overridden(optimizer, *INNER):
            updates, new = rule.update(grads, state.rule, params, step=step, learning_rate=learning_rate, **objective)
            return updates, HooksState(state.made, new)
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

        optimizer._rule_in_use = one_by_one = None if rule is None else OneByOne(rule, parameters, state.rule, step)
        binding = Binding((variables, tuple(optimizer._made)))
        try:
            called = binding.call(call_hooks, ([values[i] for i in present], tuple(state.made)), also=counters)
        finally:
            optimizer._rule_in_use = None
        changed, made = called.values
        for i, value in zip(present, changed, strict=True):
            values[i] = value - values[i]
        return parameters.nest(values), HooksState(made, None if one_by_one is None else one_by_one.state())

    return GradientTransformationExtraArgs(init, update)


class OneByOne:
    """A rule for trees, applied to one parameter at a time: all other leaves are masked."""

    def __init__(self, rule: Any, parameters: Parameters, state: Any, step: Any):
        self.structure: Any  # a PyTreeDef
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
            self.structure.unflatten(masked),
            only(variable.value),
            step=self.step,
            learning_rate=learning_rate,
        )
        for i, leaf in enumerate(self.structure.flatten_up_to(new)):
            self.new[i] = self.new[i] if leaf is None else leaf
        variable.assign_add(self.parameters.flatten(updates)[index])

    def state(self) -> Any:
        return self.structure.unflatten(self.new)
