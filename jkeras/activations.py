"""Activations: the functions between layers, each one expression of an array.

All take an array `x` of floats (any shape; lists, variables and symbolic tensors too) and return an array of the same
shape and dtype; those with an `axis` mix the entries along it, the others work entry by entry. At a kink the derivative
is the one that Keras has: that of `relu` at 0 is 0 (Bertoin et al. 2021, arXiv:2106.12915).

    layer = jkeras.layers.Dense(5, activation="relu")       # by name
    jkeras.activations.relu([-1.0, 2.0])                    # as a function
"""

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jkeras.core import frame as frames
from jkeras.core import registry
from jkeras.core.registry import Shortcuts
from jkeras.ops.op import op

_functions: dict[str, Callable] = {}


def _activation(function: Callable) -> Callable:
    """Let a function of a JAX array take anything array-like or symbolic, and enter it in the table of names."""

    @op
    @functools.wraps(function)
    def activation(x: Any, *args: Any, **kwargs: Any) -> jax.Array:
        return function(x if isinstance(x, jax.Array) else jnp.asarray(x), *args, **kwargs)

    _functions[function.__name__] = activation
    return activation


def linear(x: Any) -> Any:
    """The identity, `f(x) = x`.

    >>> linear(3.0)
    3.0
    """
    return x


_functions["linear"] = linear

# -- rectifiers -------------------------------------------------------------------------------------------------------


@_activation
def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> jax.Array:
    """Rectified linear unit: `max(x, 0)`, and in general

        max_value                           where x >= max_value
        x                                   where threshold < x < max_value
        negative_slope * (x - threshold)    elsewhere

    Source: Nair and Hinton 2010, "Rectified Linear Units Improve Restricted Boltzmann Machines".

    >>> relu([-2.0, 0.0, 3.0]).tolist()
    [0.0, 0.0, 3.0]
    >>> relu([-2.0, 0.5, 3.0], negative_slope=0.5, max_value=2.0, threshold=1.0).tolist()
    [-1.5, -0.25, 2.0]
    """
    if negative_slope != 0 and max_value is None and threshold == 0:
        return jax.nn.leaky_relu(x, negative_slope)
    positive = jnp.where(x > threshold, x, 0) if threshold != 0 else jax.nn.relu(x)
    if max_value == 6 and threshold == 0:
        positive = jax.nn.relu6(x)  # its derivative at 6 is 0; that of clip at an end is 1/2
    elif max_value is not None:
        positive = jnp.clip(positive, 0, max_value)
    return positive - negative_slope * jax.nn.relu(threshold - x) if negative_slope != 0 else positive


@_activation
def relu6(x: Any) -> jax.Array:
    """`min(max(x, 0), 6)` (Krizhevsky 2010, "Convolutional Deep Belief Networks on CIFAR-10").

    >>> relu6([-1.0, 3.0, 9.0]).tolist()
    [0.0, 3.0, 6.0]
    """
    return jax.nn.relu6(x)


@_activation
def leaky_relu(x: Any, negative_slope: float = 0.2) -> jax.Array:
    """`x` where `x >= 0`, and `negative_slope * x` below (Maas et al. 2013).

    >>> leaky_relu([-1.0, 2.0], negative_slope=0.5).tolist()
    [-0.5, 2.0]
    """
    return jax.nn.leaky_relu(x, negative_slope)


@_activation
def elu(x: Any, alpha: float = 1.0) -> jax.Array:
    """Exponential linear unit: `x` where `x > 0`, and `alpha * (exp(x) - 1)` below (arXiv:1511.07289).

    >>> elu([-1e9, 2.0]).tolist()
    [-1.0, 2.0]
    """
    return jax.nn.elu(x, alpha)


@_activation
def celu(x: Any, alpha: float = 1.0) -> jax.Array:
    """`max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)`: an ELU whose slope at 0 is 1 for every alpha (arXiv:1704.07483).

    >>> celu([-1e9, 2.0], alpha=0.5).tolist()
    [-0.5, 2.0]
    """
    return jax.nn.celu(x, alpha)


@_activation
def selu(x: Any) -> jax.Array:
    """Scaled ELU, `1.0507 * elu(x, 1.67326)`, which keeps mean 0 and variance 1 from layer to layer (arXiv:1706.02515).

    >>> round(float(selu(1.0)), 4)
    1.0507
    """
    return jax.nn.selu(x)


@_activation
def gelu(x: Any, approximate: bool = False) -> jax.Array:
    """Gaussian error linear unit, `x * P(X <= x)` for a standard normal `X` (arXiv:1606.08415).

    With `approximate=True`: `x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))`.

    >>> round(float(gelu(1.0)), 4)
    0.8413
    """
    return jax.nn.gelu(x, approximate)


@_activation
def silu(x: Any) -> jax.Array:
    """`x * sigmoid(x)`, also called swish (arXiv:1702.03118).

    >>> round(float(silu(1.0)), 4)
    0.7311
    """
    return jax.nn.silu(x)


@_activation
def hard_silu(x: Any) -> jax.Array:
    """`x * hard_sigmoid(x)`, also called hard swish (arXiv:1905.02244).

    >>> hard_silu([-3.0, 3.0]).tolist()
    [-0.0, 3.0]
    """
    return jax.nn.hard_silu(x)


@_activation
def mish(x: Any) -> jax.Array:
    """`x * tanh(softplus(x))` (arXiv:1908.08681).

    >>> round(float(mish(1.0)), 4)
    0.8651
    """
    return x * jnp.tanh(jax.nn.softplus(x))


@_activation
def glu(x: Any, axis: int = -1) -> jax.Array:
    """Gated linear unit: the first half along `axis` times the sigmoid of the second half (arXiv:1612.08083).

    Raises:
        ValueError: the size along `axis` is odd.

    >>> glu([4.0, 0.0]).tolist()
    [2.0]
    """
    if x.shape[axis] % 2:
        raise ValueError(f"glu needs an even size along axis={axis}, but x has shape {x.shape}.")
    value, gate = jnp.split(x, 2, axis)
    return value * jax.nn.sigmoid(gate)


# -- sigmoids ---------------------------------------------------------------------------------------------------------


@_activation
def sigmoid(x: Any) -> jax.Array:
    """`1 / (1 + exp(-x))`.

    >>> sigmoid([-100.0, 0.0, 100.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    return _from_logits("sigmoid", x, jax.nn.sigmoid(x))


@_activation
def log_sigmoid(x: Any) -> jax.Array:
    """`log(sigmoid(x))`, without its overflow.

    >>> float(log_sigmoid(-1000.0))
    -1000.0
    """
    return jax.nn.log_sigmoid(x)


@_activation
def hard_sigmoid(x: Any) -> jax.Array:
    """`min(max(x / 6 + 1/2, 0), 1)`, the sigmoid as three straight lines.

    >>> hard_sigmoid([-3.0, 0.0, 3.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    return jax.nn.hard_sigmoid(x)


@_activation
def sparse_sigmoid(x: Any) -> jax.Array:
    """`min(max((x + 1) / 2, 0), 1)`, the derivative of `sparse_plus` (arXiv:1901.02324).

    >>> sparse_sigmoid([-1.0, 0.0, 1.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    return jax.nn.sparse_sigmoid(x)


@_activation
def tanh(x: Any) -> jax.Array:
    """The hyperbolic tangent, `(exp(x) - exp(-x)) / (exp(x) + exp(-x))`.

    >>> tanh([0.0, 100.0]).tolist()
    [0.0, 1.0]
    """
    return jnp.tanh(x)


@_activation
def hard_tanh(x: Any) -> jax.Array:
    """`min(max(x, -1), 1)`.

    >>> hard_tanh([-2.0, 0.5, 2.0]).tolist()
    [-1.0, 0.5, 1.0]
    """
    return jax.nn.hard_tanh(x)


@_activation
def softsign(x: Any) -> jax.Array:
    """`x / (1 + |x|)`.

    >>> softsign([-1.0, 3.0]).tolist()
    [-0.5, 0.75]
    """
    return jax.nn.soft_sign(x)


# -- soft rectifiers and shrinking ------------------------------------------------------------------------------------


@_activation
def exponential(x: Any) -> jax.Array:
    """`exp(x)`.

    >>> exponential(0.0).item()
    1.0
    """
    return jnp.exp(x)


@_activation
def softplus(x: Any) -> jax.Array:
    """`log(1 + exp(x))`, without its overflow.

    >>> softplus([-1000.0, 1000.0]).tolist()
    [0.0, 1000.0]
    """
    return jax.nn.softplus(x)


@_activation
def squareplus(x: Any, b: float = 4) -> jax.Array:
    """`(x + sqrt(x^2 + b)) / 2`, a softplus without exponentials (arXiv:2112.11687).

    >>> squareplus([0.0, 1.5]).tolist()
    [1.0, 2.0]
    """
    return jax.nn.squareplus(x, b)


@_activation
def sparse_plus(x: Any) -> jax.Array:
    """0 where `x <= -1`, `(x + 1)^2 / 4` between, `x` where `x >= 1` (arXiv:1901.02324).

    >>> sparse_plus([-1.0, 0.0, 3.0]).tolist()
    [0.0, 0.25, 3.0]
    """
    return jax.nn.sparse_plus(x)


@_activation
def tanh_shrink(x: Any) -> jax.Array:
    """`x - tanh(x)`.

    >>> float(tanh_shrink(100.0))
    99.0
    """
    return x - jnp.tanh(x)


@_activation
def soft_shrink(x: Any, threshold: float = 0.5) -> jax.Array:
    """`x` moved towards 0 by `threshold`, and 0 if that would pass it.

    >>> soft_shrink([-2.0, 0.25, 2.0]).tolist()
    [-1.5, 0.0, 1.5]
    """
    return jnp.where(x > threshold, x - threshold, jnp.where(x < -threshold, x + threshold, 0))


@_activation
def hard_shrink(x: Any, threshold: float = 0.5) -> jax.Array:
    """`x` where `|x| > threshold`, else 0.

    >>> hard_shrink([-2.0, 0.25, 2.0]).tolist()
    [-2.0, 0.0, 2.0]
    """
    return jnp.where(jnp.abs(x) > threshold, x, 0)


@_activation
def threshold(x: Any, threshold: float, default_value: float) -> jax.Array:
    """`x` where `x > threshold`, else `default_value`.

    >>> threshold([0.0, 2.0], 1.0, -5.0).tolist()
    [-5.0, 2.0]
    """
    return jnp.where(x > threshold, x, default_value)


# -- distributions over an axis ---------------------------------------------------------------------------------------


@_activation
def softmax(x: Any, axis: int | tuple[int, ...] = -1) -> jax.Array:
    """`exp(x) / sum(exp(x))` along `axis` (one axis or several), a probability distribution.

    Warns:
        UserWarning: the axis has size 1, where the softmax is always 1.

    >>> softmax([0.0, 0.0]).tolist()
    [0.5, 0.5]
    """
    if isinstance(axis, int) and -x.ndim <= axis < x.ndim and x.shape[axis] == 1:
        warnings.warn(
            f"softmax over axis {axis} of an array of shape {x.shape}: along an axis of size 1 it is always 1. For a single "
            "output, use 'sigmoid'.",
            stacklevel=4,
        )
    probabilities = jax.nn.softmax(x, axis)
    return _from_logits("softmax", x, probabilities) if axis in (-1, x.ndim - 1) else probabilities


@_activation
def log_softmax(x: Any, axis: int | tuple[int, ...] = -1) -> jax.Array:
    """`x - log(sum(exp(x)))` along `axis`: the logarithm of the softmax, without its overflow.

    >>> log_softmax([0.0, -1000.0]).tolist()
    [0.0, -1000.0]
    """
    return jax.nn.log_softmax(x, axis)


@_activation
def sparsemax(x: Any, axis: int = -1) -> jax.Array:
    """The point of the probability simplex nearest to `x`: `max(x - tau, 0)`, where `tau` makes the sum along `axis` 1.

    With `z` sorted in descending order, the support is the largest `k` with `1 + k z[k] > z[1] + ... + z[k]`, and
    `tau = (z[1] + ... + z[k] - 1) / k`. Source: Martins and Astudillo 2016, arXiv:1602.02068, algorithm 1.

    Keras up to 3.15 sums the partial sums instead, which is right for `k = 1` only (fixed in keras-team/keras#23469).

    >>> sparsemax([1.0, 0.5, -1.0]).tolist()
    [0.75, 0.25, 0.0]
    """
    z = jnp.flip(jnp.sort(jax.lax.stop_gradient(x), axis), axis)
    rank = jnp.arange(1, x.shape[axis] + 1, dtype=x.dtype).reshape([-1 if a == axis % x.ndim else 1 for a in range(x.ndim)])
    size = jnp.sum(1 + rank * z > jnp.cumsum(z, axis), axis, keepdims=True)
    smallest = jnp.take_along_axis(z, size - 1, axis)
    support = x >= smallest  # tau is differentiated as a function of x here, so that no derivative of the sort is needed
    total, size = (jnp.sum(jnp.where(support, v, 0), axis, keepdims=True) for v in (x, jnp.ones_like(x)))
    return jnp.where(support, x - (total - 1) / size, 0)


def _from_logits(link: str, logits: jax.Array, probabilities: jax.Array) -> jax.Array:
    """Let losses find what the probabilities were made of: crossentropy is safer, and cheaper, on logits."""
    frame = frames.current()
    if frame is not None:
        frame.set_logits(probabilities, link, logits)
    return probabilities


# -- names ------------------------------------------------------------------------------------------------------------

swish, hard_swish = silu, hard_silu
_shortcuts = Shortcuts("activation", "keras.activations", {**_functions, "swish": silu, "hard_swish": hard_silu})


def get(identifier: Any) -> Callable:
    """An activation from its name, its config, a callable, or None (`linear`).

    Raises:
        ValueError: the name is unknown, or the identifier is none of these.

    >>> get("relu") is relu, get(None) is linear
    (True, True)
    """
    return linear if identifier is None else _shortcuts.get(identifier)


def serialize(activation: Callable) -> str | dict:
    """The name of one of the functions here; the config of any other callable.

    Raises:
        TypeError: a lambda, which has no name.

    >>> serialize(swish)
    'silu'
    """
    name = getattr(activation, "__name__", None)
    return name if name is not None and _functions.get(name) is activation else registry.serialize(activation)


def deserialize(config: Any, custom_objects: Mapping | None = None) -> Callable:
    """The activation that `serialize` described; `custom_objects` are `{name: callable}` that it may name too.

    >>> deserialize("tanh") is tanh
    True
    """
    return linear if config is None else _shortcuts.get(config, custom_objects)
