"""Projections of weights: a constraint is a function `w -> w'` of the same shape, applied after each update.

With `n` the norms of `w` along `axis`, the rules on norms rescale `w` by `target(n) / n`:

    MaxNorm       target = min(n, max_value)
    MinMaxNorm    target = rate * clip(n, min_value, max_value) + (1 - rate) * n
    UnitNorm      target = 1

Any function of one array can be used as a constraint. The classes in this file also have a config.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jkeras.arguments import Checked
from jkeras.core import dtype as dtypes
from jkeras.ops.op import op
from jkeras.serialization import Shortcuts, arguments_of, named
from jkeras.serialization import serialize as _serialize
from jkeras.serialization.namespace import namespace
from jkeras.serialization.naming import represent, snake_case

Axes = int | list[int] | tuple[int, ...]


class Constraint(Checked):
    """The base class of constraints. A subclass defines `__call__(w)`, which returns the new weight. This class changes
    nothing.

    >>> class Rounded(Constraint):
    ...     def __call__(self, w):
    ...         return jnp.round(w)
    >>> Rounded()(jnp.array([0.4, 1.6])).tolist()
    [0.0, 2.0]
    """

    def __call__(self, w: Any) -> jax.Array:
        """The projected weights, of the same shape and dtype."""
        return w

    def __repr__(self) -> str:
        return represent(self)

    def get_config(self) -> dict:
        """Return the constructor's arguments of this constraint, as plain data."""
        return arguments_of(self)

    @classmethod
    def from_config(cls, config: dict) -> "Constraint":
        """Make a constraint from `get_config()`."""
        return cls(**config)


@op
def _norms(w: Any, axis: Axes) -> jax.Array:
    axis = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    return jnp.sqrt(jnp.sum(jnp.square(w), axis=axis, keepdims=True))


class MaxNorm(Constraint):
    """A constraint that limits norms to at most `max_value` (Srivastava et al. 2014, section 5.1).

    Args:
        max_value: the largest norm.
        axis: the axis or axes that one norm is taken over: 0 for the incoming weights of a Dense unit, `[0, 1, 2]` for a
            Conv2D filter.

    >>> MaxNorm(1.0)(jnp.array([[3.0, 0.3], [4.0, 0.4]])).round(3).tolist()
    [[0.6..., 0.3...], [0.8..., 0.4...]]
    """

    def __init__(self, max_value: float = 2, axis: Axes = 0):
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> jax.Array:
        n = _norms(w, self.axis)
        return w * (jnp.clip(n, 0, self.max_value) / (dtypes.epsilon() + n))


class MinMaxNorm(Constraint):
    """A constraint that keeps norms between `min_value` and `max_value`.

    Args:
        min_value: the smallest norm.
        max_value: the largest norm.
        rate: 1 puts the norm in its bounds at once; less moves it there by this share at each update.
        axis: the axis or axes that one norm is taken over.

    >>> MinMaxNorm(min_value=0.5, max_value=1.0, rate=0.5)(jnp.array([[3.0], [4.0]])).round(3).tolist()
    [[1.8...], [2.4...]]
    """

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axes = 0):
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> jax.Array:
        n = _norms(w, self.axis)
        target = self.rate * jnp.clip(n, self.min_value, self.max_value) + (1 - self.rate) * n
        return w * (target / (dtypes.epsilon() + n))


class NonNeg(Constraint):
    """A constraint that replaces negative entries by 0: `max(w, 0)`.

    >>> NonNeg()(jnp.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """

    def __call__(self, w: Any) -> jax.Array:
        return op(jnp.maximum)(w, 0)


class UnitNorm(Constraint):
    """A constraint that scales norms to 1.

    Args:
        axis: the axis or axes that one norm is taken over.

    >>> UnitNorm()(jnp.array([[3.0], [4.0]])).round(3).tolist()
    [[0.6...], [0.8...]]
    """

    def __init__(self, axis: Axes = 0):
        self.axis = axis

    def __call__(self, w: Any) -> jax.Array:
        return w / (dtypes.epsilon() + _norms(w, self.axis))


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

_shortcuts = Shortcuts(
    "constraint", "keras.constraints", named(MaxNorm, MinMaxNorm, NonNeg, UnitNorm, Constraint, spell=snake_case)
)


def get(identifier: Any) -> Any:
    """Return a constraint from a name, a config, a class, a function, or None (which stays None).

    Args:
        identifier: a name such as `"max_norm"`, a config, a class, a function, or None, which stays None.

    Raises:
        ValueError: the name is unknown, or the identifier is none of these.

    >>> get("max_norm").get_config()
    {'max_value': 2, 'axis': 0}
    """
    return _shortcuts.get(identifier)


def serialize(constraint: Any) -> Any:
    """Return the config of a constraint, as plain data.

    Args:
        constraint: the constraint.

    Returns:
        plain data, as it stands in a config.

    >>> serialize(MaxNorm(3))["config"]["max_value"]
    3
    """
    return _serialize(constraint)


def deserialize(config: Any, custom_objects: Mapping | None = None) -> Any:
    """Make a constraint from what `serialize` returned.

    Args:
        config: what `serialize` returned, or a name.
        custom_objects: `{name: class}` that the config may name besides those of the library and the registered ones.

    Raises:
        ValueError: the config names something unknown.

    >>> deserialize(serialize(MaxNorm(3))).max_value
    3
    """
    return _shortcuts.get(config, custom_objects)


__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]

__getattr__, __dir__ = namespace(__name__, __all__)
