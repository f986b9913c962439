"""Penalties on weights and outputs: a regularizer is a function of an array whose scalar value is added to the loss.

    L1      l1 * sum |x|                 pulls entries to exactly zero (Tibshirani 1996)
    L2      l2 * sum x^2                 pulls entries towards zero, "weight decay" (Hoerl & Kennard 1970)
    L1L2    the sum of both              "elastic net" (Zou & Hastie 2005)

Any function of one array can be used as a regularizer. The classes in this file also have a config.
"""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jkeras.arguments import Checked
from jkeras.errors import suggest
from jkeras.ops.op import op
from jkeras.serialization import Shortcuts, arguments_of, named, own_arguments
from jkeras.serialization import serialize as _serialize
from jkeras.serialization.namespace import namespace
from jkeras.serialization.naming import represent, snake_case


class Regularizer(Checked):
    """The base class of regularizers. A subclass defines `__call__(x) -> scalar` and, to be saved, `get_config`.

    >>> import jax.numpy as jnp
    >>> class Largest(Regularizer):
    ...     def __call__(self, x):
    ...         return jnp.max(jnp.abs(x))
    >>> float(Largest()(jnp.array([1.0, -3.0])))
    3.0
    """

    def __call__(self, x: Any) -> jax.Array:
        """The penalty for the array `x`, of any shape, as a scalar of its dtype."""
        raise TypeError(f"{type(self).__name__} must define __call__(self, x), returning the penalty as a scalar.")

    def __repr__(self) -> str:
        return represent(self)

    def get_config(self) -> dict:
        """Return the constructor's arguments of this regularizer, as plain data."""
        if not own_arguments(type(self)):  # type: ignore[arg-type]  # a class of a user
            raise TypeError(f"{type(self).__name__} must define get_config() to be written to a config.")
        return arguments_of(self)

    @classmethod
    def from_config(cls, config: dict) -> "Regularizer":
        """Make a regularizer from `get_config()`."""
        return cls(**config)


@op
def _l1_norm(x: jax.Array) -> jax.Array:
    return jnp.sum(jnp.abs(x))


@op
def _l2_norm_squared(x: jax.Array) -> jax.Array:
    return jnp.sum(jnp.square(x))


class L1L2(Regularizer):
    """A regularizer that adds `l1 * sum |x| + l2 * sum x^2` to the loss.

    The name `"l1_l2"` gives the defaults, which penalize nothing (as in Keras).

    Args:
        l1: the factor of the sum of the absolute values, from 0 on.
        l2: the factor of the sum of the squares, from 0 on.

    Raises:
        ValueError: a factor is negative or not finite.

    >>> float(L1L2(l1=0.5, l2=0.25)(jnp.array([1.0, -2.0])))
    2.75
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0):
        self.l1 = _factor("l1", 0.0 if l1 is None else l1)
        self.l2 = _factor("l2", 0.0 if l2 is None else l2)

    def __call__(self, x: Any) -> jax.Array:
        terms = [c * norm(x) for c, norm in ((self.l1, _l1_norm), (self.l2, _l2_norm_squared)) if c]
        return sum(terms[1:], terms[0]) if terms else jnp.zeros((), x.dtype)


class L1(Regularizer):
    """A regularizer that adds `l1 * sum |x|` to the loss.

    Args:
        l1: the factor, from 0 on.

    >>> float(L1(0.5)(jnp.array([1.0, -2.0])))
    1.5
    """

    def __init__(self, l1: float | None = 0.01):
        self.l1 = _factor("l1", 0.01 if l1 is None else l1)

    def __call__(self, x: Any) -> jax.Array:
        return self.l1 * _l1_norm(x)


class L2(Regularizer):
    """A regularizer that adds `l2 * sum x^2` to the loss.

    Args:
        l2: the factor, from 0 on.

    >>> float(L2(0.5)(jnp.array([1.0, -2.0])))
    2.5
    """

    def __init__(self, l2: float | None = 0.01):
        self.l2 = _factor("l2", 0.01 if l2 is None else l2)

    def __call__(self, x: Any) -> jax.Array:
        return self.l2 * _l2_norm_squared(x)


class OrthogonalRegularizer(Regularizer):
    """A regularizer that makes the rows (or columns) of a matrix orthogonal to each other.

    The penalty is `factor` times the mean of `|cos(r_i, r_j)|` over all pairs of different rows.

    Args:
        factor: how strong it is.
        mode: `"rows"` or `"columns"`.

    Raises:
        ValueError: `factor` is negative or not finite, `mode` is unknown, or the array is not a matrix.

    >>> float(OrthogonalRegularizer(0.5)(jnp.array([[1.0, 0.0], [2.0, 0.0]])))
    0.5
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows"):
        if mode not in ("rows", "columns"):
            raise ValueError(f"mode must be 'rows' or 'columns', got mode={mode!r}.{suggest(mode, ('rows', 'columns'))}")
        self.factor, self.mode = _factor("factor", factor), mode

    def __call__(self, x: Any) -> jax.Array:
        if len(x.shape) != 2:
            raise ValueError(f"OrthogonalRegularizer expects a matrix (2 axes), but got shape {tuple(x.shape)}.")
        return self.factor * _mean_cosine(x if self.mode == "rows" else op(jnp.transpose)(x))


@op
def _mean_cosine(x: jax.Array) -> jax.Array:
    """The mean of |cos| over the pairs of different rows."""
    n = x.shape[0]
    squares = jnp.sum(jnp.square(x), axis=1, keepdims=True)
    unit = x * jax.lax.rsqrt(jnp.maximum(squares, 1e-12))  # a row of zeros stays one
    cosines = jnp.matmul(unit, unit.T) * (1 - jnp.eye(n, dtype=x.dtype))
    return jnp.sum(jnp.abs(cosines)) / (n * (n - 1.0))


def _factor(name: str, value: Any) -> float:
    if not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ValueError(f"A regularizer's {name} must be a finite number >= 0, got {name}={value!r}.")
    return float(value)


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

_shortcuts = Shortcuts(
    "regularizer",
    "keras.regularizers",
    named(L1, L2, L1L2, OrthogonalRegularizer, spell=snake_case) | {"l1_l2": L1L2, "l1l2": L1L2},
)


def get(identifier: Any) -> Any:
    """Return a regularizer from a name, a config, a class, a function, or None (which stays None).

    Args:
        identifier: a name such as `"l2"`, a config, a class, a function, or None, which stays None.

    Raises:
        ValueError: the name is unknown, or the identifier is none of these.

    >>> get("l2").get_config()
    {'l2': 0.01}
    """
    return _shortcuts.get(identifier)


def serialize(regularizer: Any) -> Any:
    """Return the config of a regularizer, as plain data.

    Args:
        regularizer: the regularizer.

    Returns:
        plain data, as it stands in a config.

    >>> serialize(L2(0.5))["config"]
    {'l2': 0.5}
    """
    return _serialize(regularizer)


def deserialize(config: Any, custom_objects: Mapping | None = None) -> Any:
    """Make a regularizer from what `serialize` returned.

    Args:
        config: what `serialize` returned, or a name.
        custom_objects: `{name: class}` that the config may name besides those of the library and the registered ones.

    Raises:
        ValueError: the config names something unknown.

    >>> deserialize(serialize(L2(0.5))).get_config()
    {'l2': 0.5}
    """
    return _shortcuts.get(config, custom_objects)


__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]

__getattr__, __dir__ = namespace(__name__, __all__)
