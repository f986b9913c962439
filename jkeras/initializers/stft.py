"""The short-time Fourier transform as the kernel of a convolution."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.arguments import Numbers
from jkeras.core import dtype as dtypes
from jkeras.initializers.base import Shape, choose
from jkeras.initializers.fixed import Fixed


class STFT(Fixed):
    """An initializer that makes the kernel of a convolution that computes the short-time Fourier transform of a signal.

    For the shape `(T, 1, F)`, entry `(t, 0, f)` is the real (or imaginary) part of `w_t exp(-2 pi i t f / (2 (F - 1)))`.

    Args:
        side: `"real"` or `"imag"`.
        window: the name of a window of `scipy.signal`, an array of T values, or None.
        scaling: `"density"` divides by the window's L2 norm, `"spectrum"` by its L1 norm, None not at all.
        periodic: whether a named window is periodic (for spectral analysis) or symmetric.

    Raises:
        ValueError: an option is unknown, or the window has not T values.

    >>> STFT("real", window=None)((2, 1, 2)).round().tolist()
    [[[1.0, 1.0]], [[1.0, -1.0]]]
    """

    def __init__(
        self,
        side: str = "real",
        window: str | Numbers | None = "hann",
        scaling: str | None = "density",
        periodic: bool = False,
    ):
        choose("side", side, ("real", "imag"))
        choose("scaling", scaling, ("density", "spectrum", None))
        if isinstance(window, str):
            _window(window, 1, periodic)  # complains about an unknown name
        self.side, self.window, self.scaling, self.periodic = side, window, scaling, periodic

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        length, _, frequencies = shape
        dtype = dtypes.canonical(dtype)
        t = jnp.arange(length, dtype=dtype).reshape(length, 1, 1)
        f = jnp.arange(frequencies, dtype=dtype).reshape(1, 1, frequencies) / (2 * (frequencies - 1))
        angle = -2 * t * f * jnp.pi
        kernel = jnp.cos(angle) if self.side == "real" else jnp.sin(angle)
        if self.window is None:
            return kernel
        window = _window(self.window, length, self.periodic) if isinstance(self.window, str) else self.window
        window = jnp.asarray(window, dtype)
        if window.shape != (length,):
            raise ValueError(f"STFT's window must have {length} values for a kernel of shape {shape}, got {window.shape}.")
        scale = {"density": lambda: jnp.sqrt(jnp.sum(window**2)), "spectrum": lambda: jnp.sum(abs(window)), None: lambda: 1}
        return kernel * window.reshape(length, 1, 1) / scale[self.scaling]()  # type: ignore[operator]


def _window(name: str, length: int, periodic: bool) -> np.ndarray:
    from scipy.signal import get_window  # slow to import, and only this initializer needs it

    return get_window(name, length, periodic)
