"""Activations: functions that layers apply to each entry of their outputs.

All take an array `x` of floats (any shape; lists, variables and symbolic tensors too) and return an array of the same
shape and dtype. Those with an `axis` combine the entries along it; the others work on each entry by itself. At a
kink, the derivative is the one that Keras has: that of `relu` at 0 is 0 (Bertoin et al. 2021, arXiv:2106.12915). If
`jkeras.ops` has a function with the same name and arguments, it is the same function.

    layer = jkeras.layers.Dense(5, activation="relu")       # by name
    jkeras.activations.relu([-1.0, 2.0])                    # as a function
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jkeras import serialization
from jkeras.ops.activation import (
    celu,
    elu,
    glu,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    relu6,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    squareplus,
)
from jkeras.ops.elementwise import tanh
from jkeras.ops.family import Array, array_op
from jkeras.ops.probabilities import log_softmax, softmax, sparsemax
from jkeras.ops.shrinking import hard_shrink, soft_shrink, tanh_shrink, threshold
from jkeras.serialization import Shortcuts, named
from jkeras.serialization.namespace import namespace


def linear(x: Any) -> Any:
    """Return `x` itself: the identity, `f(x) = x`.

    Args:
        x: anything.

    Returns:
        `x` itself.

    >>> linear(3.0)
    3.0
    """
    return x


@array_op
def relu(x: Array, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> jax.Array:
    """Rectified linear unit: `max(x, 0)`, and in general

        max_value                           where x >= max_value
        x                                   where threshold < x < max_value
        negative_slope * (x - threshold)    elsewhere

    Args:
        x: array of floats, of any shape.
        negative_slope: the slope below the threshold, from 0 on.
        max_value: the largest result, from 0 on. None means no bound.
        threshold: the point at which the function starts to rise, from 0 on.

    Returns:
        array of the shape and dtype of `x`.

    Source: Nair and Hinton 2010, "Rectified Linear Units Improve Restricted Boltzmann Machines".

    >>> relu([-2.0, 0.0, 3.0]).tolist()
    [0.0, 0.0, 3.0]
    >>> relu([-2.0, 0.5, 3.0], negative_slope=0.5, max_value=2.0, threshold=1.0).tolist()
    [-1.5, -0.25, 2.0]
    """
    if negative_slope != 0 and max_value is None and threshold == 0:
        return jax.nn.leaky_relu(x, negative_slope)
    positive = jnp.where(x <= threshold, 0, x)
    if max_value == 6 and threshold == 0:
        positive = jax.nn.relu6(x)  # its derivative at 6 is 0; that of clip at an end is 1/2
    elif max_value is not None:
        positive = jnp.clip(positive, 0, max_value)
    return positive - negative_slope * jax.nn.relu(threshold - x) if negative_slope != 0 else positive


@array_op
def gelu(x: Array, approximate: bool = False) -> jax.Array:
    """Gaussian error linear unit, `x * P(X <= x)` for a standard normal `X` (arXiv:1606.08415).

    With `approximate=True`: `x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))`.

    Args:
        x: array of floats, of any shape.
        approximate: True uses the formula with `tanh`, which is a little faster and differs by less than 0.001.

    Returns:
        array of the shape and dtype of `x`.

    >>> round(float(gelu(1.0)), 4)
    0.8413
    """
    return jax.nn.gelu(x, approximate)


@array_op
def mish(x: Array) -> jax.Array:
    """Compute `x * tanh(softplus(x))` (arXiv:1908.08681).

    Args:
        x: array of floats, of any shape.

    Returns:
        array of the shape and dtype of `x`.

    >>> round(float(mish(1.0)), 4)
    0.8651
    """
    return x * jnp.tanh(jax.nn.softplus(x))


@array_op
def exponential(x: Array) -> jax.Array:
    """Compute `exp(x)`.

    Args:
        x: array of floats, of any shape.

    Returns:
        array of the shape and dtype of `x`.

    >>> exponential(0.0).item()
    1.0
    """
    return jnp.exp(x)


# -- names ------------------------------------------------------------------------------------------------------------

swish, hard_swish = silu, hard_silu


@array_op
def keras2_hard_sigmoid(x: Array):
    """`min(max(0.2 x + 0.5, 0), 1)`, what Keras 1 and 2 called `hard_sigmoid`; models from their files have it.

    >>> keras2_hard_sigmoid([-3.0, 0.0, 1.0]).tolist()
    [0.0, 0.5, 0.699999988079071]
    """
    return jnp.clip(0.2 * x + 0.5, 0.0, 1.0)


_functions = named(
    *(celu, elu, exponential, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, hard_tanh, leaky_relu, linear),
    *(log_sigmoid, log_softmax, mish, relu, relu6, selu, sigmoid, silu, soft_shrink, softmax, softplus, softsign),
    *(sparse_plus, sparse_sigmoid, sparsemax, squareplus, tanh, tanh_shrink, threshold, keras2_hard_sigmoid),
)
_shortcuts = Shortcuts("activation", "keras.activations", _functions | {"swish": silu, "hard_swish": hard_silu})


def get(identifier: Any) -> Callable:
    """Return an activation from its name, its config, a callable, or None (`linear`).

    Args:
        identifier: a name such as `"relu"`, a config, a callable, or None for `linear`.

    Raises:
        ValueError: the name is unknown, or the identifier is none of these.

    >>> get("relu") is relu, get(None) is linear
    (True, True)
    """
    return linear if identifier is None else _shortcuts.get(identifier)


def serialize(activation: Callable) -> str | dict:
    """Return the name of one of the functions here, or the config of any other callable.

    Args:
        activation: the function.

    Raises:
        TypeError: a lambda, which has no name.

    >>> serialize(swish)
    'silu'
    """
    name = getattr(activation, "__name__", None)
    return name if name is not None and _functions.get(name) is activation else serialization.serialize(activation)


def deserialize(config: Any, custom_objects: Mapping | None = None) -> Callable:
    """Return the activation that `serialize` described.

    Args:
        config: what `serialize` returned, or None for `linear`.
        custom_objects: `{name: callable}` that the config may name besides those of the library.

    >>> deserialize("tanh") is tanh
    True
    """
    return linear if config is None else _shortcuts.get(config, custom_objects)


__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

__getattr__, __dir__ = namespace(__name__, __all__)
