"""Batch normalization, with its moving averages."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from jkeras import ops
from jkeras.core import dtype as dtypes
from jkeras.layers.input_spec import InputSpec
from jkeras.layers.normalization import Normalizing
from jkeras.ops.normalization import to_wide

__all__ = ["BatchNormalization"]


class BatchNormalization(Normalizing):
    """A layer that normalizes each channel, in training by the moments of the batch, otherwise by moving averages of
    these moments.

    In training `(x - mean) / sqrt(variance + epsilon) * gamma + beta` with the moments of the batch, and
    `moving = moving * momentum + moment * (1 - momentum)` (Ioffe and Szegedy 2015, arXiv:1502.03167). A batch that is
    spread over devices as one global array counts as one. A frozen layer (`trainable = False`) always uses the averages.

    Args:
        axis: the axis of the channels.
        momentum: the share of the old value that a moving average keeps in each step, from 0 to 1.
        epsilon: a small number that is added to the variance, so that nothing is divided by 0.
        center: True if an offset, the weight `beta`, is added to the result.
        scale: True if the result is multiplied by a scale, the weight `gamma`.
        renorm: whether training, too, is made to look like inference, by batch renormalization (Ioffe 2017,
            arXiv:1702.03275).
        renorm_clipping: bounds `{"rmax", "rmin", "dmax"}` of its two corrections, any of which may be left out.
        renorm_momentum: the share of the old value that the averages of the renormalization keep in each step, from 0 to 1.
        synchronized: True means that a batch which is spread over devices counts as one. That is the case here with False, too.

    Shapes:
        inputs of any shape, weights `(channels,)`, outputs as inputs. A mask `(batch, ...)` without the last axis leaves
        entries out of the moments.

    Raises:
        ValueError: the mask's shape does not fit, or `renorm_clipping` has unknown or contradictory bounds.

    >>> import numpy as np
    >>> x = np.array([[1.0], [3.0]], "float32")
    >>> BatchNormalization(epsilon=0.0)(x, training=True).tolist()
    [[-1.0], [1.0]]
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: dict | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.axis, self.momentum, self.epsilon = int(axis), float(momentum), float(epsilon)
        self.center, self.scale, self.synchronized = center, scale, synchronized
        self.keep(
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            moving_mean_initializer=moving_mean_initializer,
            moving_variance_initializer=moving_variance_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.renorm, self.renorm_clipping, self.renorm_momentum = renorm, renorm_clipping, renorm_momentum
        if renorm:
            _check_clipping(renorm_clipping or {})
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        (channels,) = shape = self.sizes_along_axes(input_shape)
        self.add_scale_and_offset(shape, self.scale, self.center)
        state: dict[str, Any] = {"trainable": False, "autocast": False}
        self.moving_mean = self.weight("moving_mean", shape, **state)
        self.moving_variance = self.weight("moving_variance", shape, **state)
        if self.renorm:
            stddev = functools.partial(_square_root, self.moving_variance_initializer)
            self.moving_stddev = self.add_weight(shape, stddev, name="moving_stddev", **state)
            self.renorm_mean = self.weight("renorm_mean", shape, "moving_mean", **state)
            self.renorm_stddev = self.add_weight(shape, stddev, name="renorm_stddev", **state)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        x = to_wide(inputs)
        gamma, beta = (None if p is None else to_wide(p.value) for p in (self.gamma, self.beta))
        if training and self.trainable:
            mean, variance = self._moments(x, mask)
            if self.renorm:
                gamma, beta = self._renormalize(mean, variance, gamma, beta)
            else:
                _average(self.moving_mean, mean, self.momentum)
                _average(self.moving_variance, variance, self.momentum)
        else:
            mean, variance = to_wide(self.moving_mean.value), to_wide(self.moving_variance.value)
        outputs = ops.batch_normalization(x, mean, variance, self.axis, beta, gamma, self.epsilon)
        return outputs.astype(self.compute_dtype)

    def _moments(self, x: jax.Array, mask: Any) -> tuple[jax.Array, jax.Array]:
        axes = tuple(a for a in range(x.ndim) if a != self.axis % x.ndim)
        if mask is None:
            return ops.moments(x, axes)
        if mask.ndim != x.ndim - 1:
            raise ValueError(
                f"Layer {self.name!r} (BatchNormalization) needs a mask of shape {x.shape[:-1]} for an input of shape "
                f"{x.shape}, got a mask of shape {mask.shape}."
            )
        kept = jnp.broadcast_to(mask.astype(bool)[..., None], x.shape)
        count = jnp.sum(kept, axes, keepdims=True, dtype=x.dtype) + dtypes.epsilon()
        mean = jnp.sum(jnp.where(kept, x, 0), axes, keepdims=True) / count
        variance = jnp.sum(jnp.where(kept, jnp.square(x - mean), 0), axes, keepdims=True) / count
        return mean.reshape(-1), variance.reshape(-1)

    def _renormalize(self, mean: jax.Array, variance: jax.Array, gamma: Any, beta: Any) -> tuple[jax.Array, jax.Array]:
        """The scale and offset by which the batch's moments act like the averages: `x_hat * r + d` comes before them."""
        bounds = self.renorm_clipping or {}
        stddev = jnp.sqrt(variance + self.epsilon)
        average = jnp.maximum(to_wide(self.renorm_stddev.value), self.epsilon**0.5)
        r = jnp.clip(stddev / average, bounds.get("rmin"), bounds.get("rmax"))
        d = (mean - to_wide(self.renorm_mean.value)) / average
        if bounds.get("dmax") is not None:
            d = jnp.clip(d, -bounds["dmax"], bounds["dmax"])
        r, d = jax.lax.stop_gradient((r, d))
        _average(self.renorm_mean, mean, self.renorm_momentum)
        _average(self.renorm_stddev, stddev, self.renorm_momentum)
        _average(self.moving_mean, mean, self.momentum)
        moving = _average(self.moving_stddev, stddev, self.momentum)
        self.moving_variance.assign(jax.nn.relu(jnp.square(moving) - self.epsilon))
        r, d = (r, d) if gamma is None else (r * gamma, d * gamma)
        return r, d if beta is None else d + beta


def _average(variable: Any, value: jax.Array, momentum: float) -> jax.Array:
    return variable.assign(to_wide(variable.value) * momentum + value * (1.0 - momentum))


def _square_root(initializer: Any, shape: Any, dtype: Any = None) -> jax.Array:
    return jnp.sqrt(initializer(shape, dtype=dtype))


def _check_clipping(bounds: dict) -> None:
    rmin, rmax, dmax = bounds.get("rmin"), bounds.get("rmax"), bounds.get("dmax")
    if (
        set(bounds) - {"rmax", "rmin", "dmax"}
        or (rmin is not None and rmax is not None and rmax < rmin)
        or (dmax is not None and dmax < 0)
    ):
        raise ValueError(
            "BatchNormalization needs renorm_clipping={'rmin': ..., 'rmax': ..., 'dmax': ...} with rmin <= rmax and "
            f"dmax >= 0, got {bounds}."
        )
