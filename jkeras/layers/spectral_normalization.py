"""Spectral normalization: divide a kernel by its largest singular value."""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras import initializers, ops
from jkeras.core import frame as frames
from jkeras.layers.input_spec import InputSpec
from jkeras.layers.wrapper import Wrapper

__all__ = ["SpectralNormalization"]


class SpectralNormalization(Wrapper):
    """A layer that wraps another one. In training, it divides that layer's kernel by the kernel's largest singular
    value.

    The value is estimated by power iteration, `v = normalize(u W^T)`, `u = normalize(v W)`, `sigma = v W u^T`, with one
    vector `u` that is kept from call to call (Miyato et al. 2018, arXiv:1802.05957). The kernel itself is not
    overwritten: only the optimizer changes trainable weights.

    Args:
        layer: a layer with a `kernel` or `embeddings`.
        power_iterations: how many iterations each call makes.

    Raises:
        ValueError: `power_iterations` is not positive, or the layer has no kernel.

    >>> import numpy as np
    >>> from jkeras.layers import Dense
    >>> layer = SpectralNormalization(Dense(2, kernel_initializer=lambda shape, dtype: 5 * np.eye(2)))
    >>> np.asarray(layer(np.eye(2, dtype="float32"), training=True)).round(3).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, layer: Any, power_iterations: int = 1, **kwargs: Any):
        super().__init__(layer, **kwargs)
        self.power_iterations = power_iterations

    def build(self, input_shape: Any) -> None:  # type: ignore[override]
        super().build(input_shape)
        self.kernel = getattr(self.layer, "kernel", getattr(self.layer, "embeddings", None))
        if self.kernel is None:
            raise ValueError(
                f"Layer {self.name!r} (SpectralNormalization) wraps {self.layer.name!r}, a {type(self.layer).__name__}, "
                "which has neither a kernel nor embeddings."
            )
        self.vector_u = self.add_weight(
            (1, self.kernel.shape[-1]),
            initializers.TruncatedNormal(stddev=0.02),
            dtype=self.kernel.dtype,
            trainable=False,
            name="vector_u",
        )
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training:
            return self.layer(inputs).astype(inputs.dtype)
        values = frames.current().values  # type: ignore[union-attr]  # the layer's call sees the normalized kernel; afterwards it is as before
        outer = values.get(id(self.kernel))
        values[id(self.kernel)] = self._normalized_kernel()
        try:
            return self.layer(inputs).astype(inputs.dtype)
        finally:
            if outer is None:
                del values[id(self.kernel)]
            else:
                values[id(self.kernel)] = outer

    def _normalized_kernel(self) -> jax.Array:
        kernel = self.kernel.value  # type: ignore[union-attr]
        matrix = kernel.reshape(-1, kernel.shape[-1])
        u = self.vector_u.value.astype(kernel.dtype)
        fixed = jax.lax.stop_gradient(matrix)  # the gradient of sigma is v^T u: none flows through the iteration
        for _ in range(self.power_iterations):
            v = ops.normalize(u @ fixed.T, axis=None)
            u = ops.normalize(v @ fixed, axis=None)
        is_zero = jnp.all(matrix == 0)  # then there is nothing to divide by
        self.vector_u.assign(jnp.where(is_zero, self.vector_u.value, u))
        return kernel / jnp.where(is_zero, 1, v @ matrix @ u.T).reshape(())
