"""Learning-rate schedules: pure functions `step -> learning rate`.

Each is an object that can be written to a config; calling it on a step, a Python number or an array, traced or not, gives a
float32 scalar. So it serves optax as well: `optax.sgd(CosineDecay(0.1, 1000))`.

>>> float(ExponentialDecay(0.5, decay_steps=10, decay_rate=0.25)(5))
0.25
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jkeras import serialization
from jkeras.arguments import Checked
from jkeras.core.variable import Variable
from jkeras.errors import keywords_of
from jkeras.serialization import deserialize, named, publish
from jkeras.serialization.namespace import namespace
from jkeras.serialization.naming import represent


class LearningRateSchedule(Checked):
    """The base class of schedules. A subclass defines `__call__(step)`, and `get_config` unless its arguments are
    attributes.

    >>> class Halving(LearningRateSchedule):
    ...     def __init__(self, start):
    ...         self.start = start
    ...     def __call__(self, step):
    ...         return self.start * 0.5**step
    >>> Halving(1.0)(2), Halving(1.0).get_config()
    (0.25, {'start': 1.0})
    """

    def __call__(self, step: Any) -> Any:
        """The learning rate after `step` updates."""
        raise TypeError(f"{type(self).__name__} must define __call__(self, step).")

    def __repr__(self) -> str:
        return represent(self)

    def get_config(self) -> dict:
        """Return the constructor's arguments of this schedule."""
        return {name: getattr(self, name) for name in keywords_of(type(self).__init__)}

    @classmethod
    def from_config(cls, config: dict) -> "LearningRateSchedule":
        """Make a schedule from `get_config()`."""
        return cls(**config)


class ExponentialDecay(LearningRateSchedule):
    """A schedule that multiplies the learning rate by a factor: `initial_learning_rate * decay_rate ^ (step /
    decay_steps)`.

    Args:
        initial_learning_rate: the learning rate of step 0.
        decay_steps: the number of steps after which it is `decay_rate` times as large, a positive integer.
        decay_rate: the factor of `decay_steps` steps.
        staircase: True takes `step / decay_steps` as an integer, so that the rate stays the same for `decay_steps` steps.
        name: the name in configs.

    >>> float(ExponentialDecay(0.5, decay_steps=10, decay_rate=0.25)(5))
    0.25
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def __call__(self, step: Any) -> jax.Array:
        periods = _float(step) / self.decay_steps
        return self.initial_learning_rate * jnp.power(self.decay_rate, jnp.floor(periods) if self.staircase else periods)


class InverseTimeDecay(LearningRateSchedule):
    """A schedule that divides the learning rate by a growing number: `initial_learning_rate / (1 + decay_rate * step /
    decay_steps)`.

    Args:
        initial_learning_rate: the learning rate of step 0.
        decay_steps: the unit of time in steps, a positive integer.
        decay_rate: how fast it shrinks: after `1 / decay_rate` units it is half as large.
        staircase: True takes `step / decay_steps` as an integer, so that the rate stays the same for `decay_steps` steps.
        name: the name in configs.

    >>> float(InverseTimeDecay(0.5, decay_steps=10, decay_rate=1.0)(10))
    0.25
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def __call__(self, step: Any) -> jax.Array:
        periods = _float(step) / self.decay_steps
        return self.initial_learning_rate / (1 + self.decay_rate * (jnp.floor(periods) if self.staircase else periods))


class PiecewiseConstantDecay(LearningRateSchedule):
    """A schedule of constant rates: `values[0]` up to and including step `boundaries[0]`, then `values[1]` up to step
    `boundaries[1]`, and so on.

    Args:
        boundaries: the last steps of all values but the last: increasing integers.
        values: the learning rates, one more than boundaries.
        name: the name in configs.

    Raises:
        ValueError: the numbers of boundaries and values do not fit.

    >>> schedule = PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.25])
    >>> [float(schedule(step)) for step in (10, 11, 21)]
    [1.0, 0.5, 0.25]
    """

    def __init__(self, boundaries: Sequence, values: Sequence, name: str = "PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"There must be one more value than boundaries, got {len(boundaries)} boundaries, {boundaries}, and "
                f"{len(values)} values, {values}."
            )
        if list(boundaries) != sorted(boundaries):
            raise ValueError(f"`boundaries` must increase, got {boundaries}.")
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step: Any) -> jax.Array:
        step = jnp.asarray(step.value if isinstance(step, Variable) else step)
        passed = jnp.sum(step > jnp.asarray(self.boundaries).astype(step.dtype))
        return jnp.asarray(self.values, jnp.float32)[passed]


class PolynomialDecay(LearningRateSchedule):
    """A schedule from the initial to the end learning rate in `decay_steps` steps, as (1 - step / decay_steps) ^ power.

    With `cycle`, the decay starts again whenever it has come to its end, each time over one more `decay_steps`.

    Args:
        initial_learning_rate: the learning rate of step 0.
        decay_steps: the number of steps of the decay, a positive integer.
        end_learning_rate: the learning rate after them.
        power: the exponent. With 1 the rate falls along a straight line.
        cycle: True starts the decay again whenever it has come to its end.
        name: the name in configs.

    >>> float(PolynomialDecay(0.5, decay_steps=10, end_learning_rate=0.0)(5))
    0.25
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.end_learning_rate, self.power, self.cycle, self.name = end_learning_rate, power, cycle, name

    def __call__(self, step: Any) -> jax.Array:
        step = _float(step)
        if self.cycle:
            total = self.decay_steps * jnp.where(step == 0, 1.0, jnp.ceil(step / self.decay_steps))
        else:
            total = jnp.float32(self.decay_steps)
            step = jnp.minimum(step, total)
        span = self.initial_learning_rate - self.end_learning_rate
        return span * jnp.power(1 - step / total, self.power) + self.end_learning_rate


class CosineDecay(LearningRateSchedule):
    """A schedule along half a cosine, from the highest rate to `alpha` times that rate, after a linear warm-up if
    `warmup_target` is given.

    Args:
        initial_learning_rate: the learning rate of step 0. Without a warm-up it is the top.
        decay_steps: the number of steps of the decay, a positive integer.
        alpha: the last learning rate, as a fraction of the top.
        name: the name in configs.
        warmup_target: the top, to which the warm-up leads along a straight line. None means that there is no warm-up.
        warmup_steps: the number of steps of the warm-up.

    Source: Loshchilov and Hutter 2016, arXiv:1608.03983.

    >>> schedule = CosineDecay(0.5, decay_steps=10)
    >>> round(float(schedule(5)), 4), float(schedule(10))
    (0.25, 0.0)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.alpha, self.name, self.warmup_target, self.warmup_steps = alpha, name, warmup_target, warmup_steps

    def __call__(self, step: Any) -> jax.Array:
        step, warm = _float(step), self.warmup_target is not None and self.warmup_steps > 0
        top = self.initial_learning_rate if self.warmup_target is None else self.warmup_target
        decayed = jnp.minimum(step - self.warmup_steps if warm else step, self.decay_steps) / self.decay_steps
        rate = top * ((1 - self.alpha) * 0.5 * (1 + jnp.cos(math.pi * decayed)) + self.alpha)
        if not warm:
            return rate
        rising = self.initial_learning_rate + (top - self.initial_learning_rate) * (step / self.warmup_steps)
        return jnp.where(step < self.warmup_steps, rising, rate)


class CosineDecayRestarts(LearningRateSchedule):
    """A schedule of cosine decays that restart. Each period is `t_mul` times as long, and starts at `m_mul` times the
    rate of the one before.

    Args:
        initial_learning_rate: the learning rate of step 0, the first top.
        first_decay_steps: the number of steps of the first period, a positive integer.
        t_mul: the length of a period as a multiple of the one before.
        m_mul: the top of a period as a multiple of the one before.
        alpha: the end of each period, as a fraction of the initial learning rate.
        name: the name in configs.

    Source: Loshchilov and Hutter 2016, arXiv:1608.03983.

    >>> schedule = CosineDecayRestarts(0.5, first_decay_steps=10)
    >>> round(float(schedule(5)), 4), float(schedule(10))
    (0.25, 0.5)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = _positive("first_decay_steps", first_decay_steps)
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def __call__(self, step: Any) -> jax.Array:
        done = _float(step) / self.first_decay_steps  # in first periods
        if self.t_mul == 1.0:
            restarts = jnp.floor(done)
            done = done - restarts
        else:  # n periods take 1 + t + ... + t^(n-1) = (1 - t^n) / (1 - t) first periods
            restarts = jnp.floor(jnp.log(1 - done * (1 - self.t_mul)) / jnp.log(jnp.float32(self.t_mul)))
            length = jnp.power(jnp.float32(self.t_mul), restarts)
            done = (done - (1 - length) / (1 - self.t_mul)) / length
        height = 0.5 * jnp.power(jnp.float32(self.m_mul), restarts) * (1 + jnp.cos(math.pi * done))
        return self.initial_learning_rate * ((1 - self.alpha) * height + self.alpha)


class OneCycle(LearningRateSchedule):
    """A schedule of one cycle: the learning rate rises and falls along cosines, and the momentum falls and rises.

    It rises from `max_learning_rate / div_factor` to `max_learning_rate` in the first part of the steps, and falls from there to
    `max_learning_rate / div_factor / final_div_factor`. After the last step it stays. `find_learning_rate` finds a
    `max_learning_rate`.

    The momentum is that of `SGD` and `RMSprop`, and `beta_1` of `Adam`, `AdamW`, `Adamax` and `Lamb`. It takes the place of the
    optimizer's own, unless that is 0. Other optimizers, and those of optax, follow the learning rate alone.

    Args:
        max_learning_rate: the top.
        total_steps: the number of steps of the cycle: epochs times steps per epoch.
        warmup: the part of the steps in which the learning rate rises, between 0 and 1.
        div_factor: the top over the first learning rate.
        final_div_factor: the first learning rate over the last one.
        momentum: `(high, low)`: the momentum at both ends, and at the top of the learning rate; None to leave the optimizer's.
        name: the name in configs.

    Raises:
        ValueError: `total_steps` is not positive, `warmup` is not between 0 and 1, or `momentum` is no pair of such numbers.

    Source: Smith and Topin 2017, arXiv:1708.07120; the numbers are those of PyTorch's `OneCycleLR`.

    >>> schedule = OneCycle(0.5, total_steps=101)
    >>> [round(float(schedule(step)), 6) for step in (0, 29, 100)]
    [0.02, 0.499876, 2e-06]
    >>> [round(float(schedule.momentum(step)), 3) for step in (0, 29, 100)]
    [0.95, 0.85, 0.95]
    """

    def __init__(
        self,
        max_learning_rate: float,
        total_steps: int,
        warmup: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        momentum: tuple[float, float] | None = (0.95, 0.85),
        name: str = "OneCycle",
    ):
        self.max_learning_rate, self.total_steps = max_learning_rate, _positive("total_steps", total_steps)
        if not 0 <= warmup <= 1:
            raise ValueError(f"`warmup` is the part of the steps in which the rate rises, from 0 to 1; got {warmup!r}.")
        if momentum is not None and not (len(momentum) == 2 and all(0 <= value < 1 for value in momentum)):
            raise ValueError(f"`momentum` must be (high, low), two numbers from 0 to 1, or None; got {momentum!r}.")
        self.warmup, self.div_factor, self.final_div_factor, self.name = warmup, div_factor, final_div_factor, name
        self.range = None if momentum is None else tuple(momentum)
        self.has_momentum = momentum is not None

    def __call__(self, step: Any) -> jax.Array:
        first = self.max_learning_rate / self.div_factor
        return self._along(step, first, self.max_learning_rate, first / self.final_div_factor)

    def momentum(self, step: Any) -> jax.Array:
        """Return the momentum after `step` updates. Optimizers call it if `has_momentum` is True."""
        high, low = self.range  # type: ignore[misc]
        return self._along(step, high, low, high)

    def _along(self, step: Any, first: float, top: float, last: float) -> jax.Array:
        step, rise = _float(step), self.warmup * self.total_steps - 1
        fall = self.total_steps - 1 - rise
        up = jnp.clip(step / rise, 0, 1) if rise > 0 else jnp.float32(1)
        down = jnp.clip((step - rise) / fall, 0, 1) if fall > 0 else jnp.float32(0)
        rising = first + (top - first) * 0.5 * (1 - jnp.cos(math.pi * up))
        falling = last + (top - last) * 0.5 * (1 + jnp.cos(math.pi * down))
        return jnp.where(step <= rise, rising, falling)

    def get_config(self) -> dict:
        return {**{k: getattr(self, k) for k in keywords_of(type(self).__init__) if k != "momentum"}, "momentum": self.range}


def _float(step: Any) -> jax.Array:
    return jnp.asarray(step.value if isinstance(step, Variable) else step).astype(jnp.float32)


def _positive(name: str, value: Any) -> Any:
    if value <= 0:
        raise ValueError(f"`{name}` must be positive, got {name}={value}.")
    return value


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict:
    """Return the schedule's class and config, in Keras 3's form; `deserialize` makes it again.

    Args:
        learning_rate_schedule: the schedule.

    >>> serialize(PiecewiseConstantDecay([10], [0.1, 0.01]))["class_name"]
    'PiecewiseConstantDecay'
    """
    return serialization.serialize(learning_rate_schedule)


publish(
    "keras.optimizers.schedules",
    named(
        *(CosineDecay, CosineDecayRestarts, ExponentialDecay, InverseTimeDecay),
        *(LearningRateSchedule, OneCycle, PiecewiseConstantDecay, PolynomialDecay),
    ),
)

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "OneCycle",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]

__getattr__, __dir__ = namespace(__name__, __all__)
