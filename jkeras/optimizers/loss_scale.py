"""Dynamic loss scaling, for gradients in float16.

Small gradients underflow in float16, so the loss is multiplied by a large number and the gradients are divided by it. The
number is adapted during training: when gradients overflow, the step is dropped and the number is halved; after many good
steps it is doubled (Micikevicius et al. 2018, arXiv:1710.03740).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core.tree import Path
from jkeras.optimizers.arguments import at_least, in_range
from jkeras.optimizers.base import Optimizer
from jkeras.optimizers.parameters import Parameters
from jkeras.optimizers.rule import Tree
from jkeras.runtime.placement import scalar
from jkeras.serialization import serialize


class LossScaleState(NamedTuple):
    """The state of this rule between two updates."""

    iterations: Any  # int32 scalar, not used: here for Keras's files, as is the next
    learning_rate: Any  # float32 scalar
    step_counter: Any  # int32 scalar: good steps since the scale was last changed
    dynamic_scale: Any  # float32 scalar: what the loss is multiplied by
    inner: Any  # the state of the optimizer that is wrapped


class LossScaleOptimizer(Optimizer):
    """An optimizer that wraps another one and scales the loss, so that small gradients do not become 0 in float16.
    `compile` uses it for the policy "mixed_float16".

    Args:
        inner_optimizer: the optimizer; a `loss_scale_factor` of its own is switched off.
        initial_scale: the first scale. If it is too high, it is halved until gradients are finite.
        dynamic_growth_steps: the number of steps with finite gradients after which the scale is doubled.
        name: the name of the optimizer. None means `"loss_scale_optimizer"`.
        **kwargs: the arguments of every optimizer, at their defaults: they are set on the inner optimizer.

    Raises:
        ValueError: an argument is set that belongs to the inner optimizer.

    >>> import jkeras
    >>> optimizer = LossScaleOptimizer(jkeras.optimizers.SGD(0.1))
    >>> float(optimizer.initial_scale)
    32768.0
    """

    def __init__(
        self,
        inner_optimizer: Any,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ):
        if not isinstance(inner_optimizer, Optimizer):
            raise ValueError(f"`inner_optimizer` must be an Optimizer, got {inner_optimizer!r}.")
        if not kwargs.pop("dynamic", True):
            raise ValueError("For a fixed scale, set `loss_scale_factor` on the optimizer itself; `dynamic` is always True.")
        super().__init__(0.0, name=name, **kwargs)
        given = [k for k, v in kwargs.items() if v != _DEFAULTS.get(k)]
        if given:
            raise ValueError(f"LossScaleOptimizer has no {given[0]!r} of its own: set it on the inner optimizer.")
        inner_optimizer.loss_scale_factor = None
        self.inner_optimizer = inner_optimizer
        self.initial_scale = in_range("initial_scale", initial_scale)
        self.dynamic_growth_steps = at_least("dynamic_growth_steps", dynamic_growth_steps, 1)

    # -- the pure functions -------------------------------------------------------------------------------------------

    def init(self, params: Tree) -> LossScaleState:
        zero, scale = scalar(0, "int32"), scalar(self.initial_scale, "float32")
        counter = scalar(0, "int32")
        return LossScaleState(zero, self._own_copy(), counter, scale, self.inner_optimizer.init(params))

    @property
    def reads_objective(self) -> bool:
        return self.inner_optimizer.reads_objective

    def _pure_update(
        self, grads: Tree, state: LossScaleState, params: Tree | None, **objective: Any
    ) -> tuple[Tree, LossScaleState]:
        finite = jnp.stack([jnp.all(jnp.isfinite(g)) for g in jax.tree.leaves(grads)]).all()
        as_they_are = self._overwritten(grads)

        def apply(inner: Any) -> tuple:
            unscaled = jax.tree.map(lambda g, keep: g if keep else _divide(g, state.dynamic_scale), grads, as_they_are)
            return self.inner_optimizer.update(unscaled, inner, params, **objective)

        def skip(inner: Any) -> tuple:
            return jax.tree.map(jnp.zeros_like, grads if params is None else params), inner

        updates, inner = jax.lax.cond(finite, apply, skip, state.inner)
        grow = finite & (state.step_counter == self.dynamic_growth_steps - 1)
        counter = jnp.where(finite & ~grow, state.step_counter + 1, 0)
        factor = jnp.where(finite, jnp.where(grow, 2.0, 1.0), 0.5)
        return updates, state._replace(step_counter=counter, dynamic_scale=state.dynamic_scale * factor, inner=inner)

    def scale_loss(self, loss: Any, state: LossScaleState | None = None) -> Any:
        """Multiply the loss by the scale in `state`, or by the current scale. The result is float32."""
        if state is not None:
            scale = state.dynamic_scale
        else:
            scale = self.dynamic_scale.value if self.built else jnp.float32(self.initial_scale)
        return jnp.asarray(loss).astype(jnp.float32) * scale

    def fingerprint(self) -> tuple:
        return (*super().fingerprint(), self.inner_optimizer.fingerprint())

    @property
    def excludes_from_decay(self) -> bool:
        return self.inner_optimizer.excludes_from_decay

    # -- the state between calls --------------------------------------------------------------------------------------

    def _make_slots(self) -> None:
        self.inner_optimizer.build(self._parameters.tree)
        self.step_counter = self._new_variable(np.zeros((), "int32"), "step_counter")
        self.dynamic_scale = self._new_variable(np.float32(self.initial_scale), "dynamic_scale")

    def _restructure(self, parameters: Parameters) -> None:
        self.inner_optimizer.build(parameters.tree)
        self._built_on = parameters

    def _state_variables(self) -> LossScaleState:
        inner = self.inner_optimizer.state_variables()
        return LossScaleState(self._iterations, self._learning_rate, self.step_counter, self.dynamic_scale, inner)

    def children(self) -> Iterator[tuple[Path, Any]]:
        yield from ((("iterations",), self._iterations), (("learning_rate",), self._learning_rate))
        if self.built:
            yield from ((("step_counter",), self.step_counter), (("dynamic_scale",), self.dynamic_scale))
        for path, variable in self.inner_optimizer.slots().items():
            yield ("inner_optimizer", *path), variable

    @property
    def iterations(self) -> Any:
        """The number of updates of the inner optimizer."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    lr = learning_rate

    def finalize_variable_values(self, var_list: Any) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict:
        return {
            "name": self.name,
            "inner_optimizer": serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }


def _divide(gradient: Any, scale: Any) -> Any:
    return (gradient.astype(jnp.float32) / scale).astype(gradient.dtype)


_DEFAULTS = {"use_ema": False, "ema_momentum": 0.99, "decay": 0.0}  # of the options; the others' is None
