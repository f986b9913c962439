"""Functions of signals and their spectra: sliding windows, Fourier transforms, and the short-time Fourier transform.

Complex arrays are pairs (real part, imaginary part) here, as in Keras.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.errors import suggest
from jkeras.ops.family import Array, Operand, array_op, as_array
from jkeras.ops.op import op

__all__ = ["extract_sequences", "fft", "fft2", "ifft2", "irfft", "istft", "rfft", "stft"]


@array_op
def extract_sequences(x: Array, sequence_length, sequence_stride):
    """Return the windows of a signal.

    Args:
        x: array of shape (..., n).
        sequence_length: length of a window.
        sequence_stride: distance between the starts of neighbouring windows.

    Returns:
        array of shape (..., windows, sequence_length), without windows that pass the end.

    >>> extract_sequences([1, 2, 3, 4, 5], 3, 2).tolist()
    [[1, 2, 3], [3, 4, 5]]
    """
    starts = jnp.arange(0, x.shape[-1] - sequence_length + 1, sequence_stride)
    return x[..., starts[:, None] + jnp.arange(sequence_length)]


def _complex(name, x):
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(f"{name}() needs a pair of arrays, (real part, imaginary part), got {type(x).__name__}.")
    real, imaginary = map(as_array, x)
    if real.shape != imaginary.shape or not all(jnp.issubdtype(part.dtype, jnp.floating) for part in (real, imaginary)):
        raise ValueError(
            f"{name}() needs two floating-point arrays of one shape, got {real.dtype.name}{list(real.shape)} and "
            f"{imaginary.dtype.name}{list(imaginary.shape)}."
        )
    return jax.lax.complex(real, imaginary)


def _parts(x):
    return jnp.real(x), jnp.imag(x)


@op
def fft(x: Operand):
    """Compute the discrete Fourier transform along the last axis, `X[k] = sum_n x[n] exp(-2 pi i k n / N)`.

    Args:
        x: pair (real part, imaginary part) of floating-point arrays of shape (..., n).

    Returns:
        such a pair.

    >>> real, imaginary = fft(([1.0, 0.0], [0.0, 0.0]))
    >>> real.tolist(), imaginary.tolist()
    ([1.0, 1.0], [0.0, 0.0])
    """
    return _parts(jnp.fft.fft(_complex("fft", x)))


@op
def fft2(x: Operand):
    """Compute the discrete Fourier transform along the last two axes.

    Args:
        x: pair (real part, imaginary part) of floating-point arrays of shape (..., m, n).

    Returns:
        such a pair.

    >>> real, imaginary = fft2((jnp.eye(2), jnp.zeros((2, 2))))
    >>> real.tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    return _parts(jnp.fft.fft2(_complex("fft2", x)))


@op
def ifft2(x: Operand):
    """Compute the inverse of `fft2`.

    Args:
        x: pair (real part, imaginary part) of floating-point arrays of shape (..., m, n).

    Returns:
        such a pair.

    >>> real, imaginary = ifft2(fft2((jnp.eye(2), jnp.zeros((2, 2)))))
    >>> real.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return _parts(jnp.fft.ifft2(_complex("ifft2", x)))


@array_op
def rfft(x: Array, fft_length=None):
    """Compute the discrete Fourier transform of a real signal along the last axis, without the mirrored half.

    Args:
        x: floating-point array of shape (..., n).
        fft_length: the signal is cut, or filled with zeros, to this length; by default n.

    Returns:
        pair (real part, imaginary part) of arrays of shape (..., fft_length // 2 + 1).

    >>> real, imaginary = rfft([1.0, 0.0, 0.0, 0.0])
    >>> real.tolist()
    [1.0, 1.0, 1.0]
    """
    return _parts(jnp.fft.rfft(x, fft_length))


@op
def irfft(x: Operand, fft_length=None):
    """Compute the inverse of `rfft`.

    Args:
        x: pair (real part, imaginary part) of floating-point arrays of shape (..., k).
        fft_length: length of the signal, by default 2 (k - 1).

    Returns:
        array of shape (..., fft_length).

    >>> irfft(rfft([1.0, 2.0, 3.0, 4.0])).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    return jnp.fft.irfft(_complex("irfft", x), fft_length)


_WINDOWS = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46)}  # a - b cos(2 pi n / N)


def _window(name, window, sequence_length, fft_length, dtype):
    """The window in the middle of `fft_length` samples, zero elsewhere; of ones if it is None."""
    if fft_length < sequence_length:
        raise ValueError(
            f"{name}() needs fft_length= from sequence_length={sequence_length} on, got fft_length={fft_length}."
        )
    if window is None:
        return jnp.ones(fft_length, dtype)
    if isinstance(window, str):
        if window not in _WINDOWS:
            known = list(_WINDOWS)
            raise ValueError(
                f"{name}() needs window= None, an array, or one of {known}, got {window!r}.{suggest(window, known)}"
            )
        a, b = _WINDOWS[window]
        window = a - b * np.cos(2 * np.pi * np.arange(sequence_length) / sequence_length)
    window = jnp.asarray(window, dtype)
    if window.shape != (sequence_length,):
        raise ValueError(
            f"{name}() needs a window of shape ({sequence_length},) for sequence_length={sequence_length}, got shape {window.shape}."
        )
    before = (fft_length - sequence_length) // 2
    return jnp.pad(window, (before, fft_length - sequence_length - before))


def _check_stride(name, stride):
    if not isinstance(stride, int) or stride <= 0:
        raise ValueError(f"{name}() needs sequence_stride= a positive integer, got {stride!r}.")


@array_op
def stft(x: Array, sequence_length, sequence_stride, fft_length, window="hann", center=True):
    """Compute the short-time Fourier transform: the `rfft` of windows of a signal.

    Args:
        x: float32 or float64 array of shape (..., n).
        sequence_length: length of a window.
        sequence_stride: distance between the starts of neighbouring windows.
        fft_length: length of the transform, not smaller than `sequence_length`; the rest is zeros.
        window: what to multiply the windows with: "hann", "hamming", an array of shape (sequence_length,), or None.
        center: whether to mirror `fft_length // 2` samples at both ends, so that window t is centred at t * stride.

    Returns:
        pair (real part, imaginary part) of arrays of shape (..., windows, fft_length // 2 + 1).

    Raises:
        TypeError: `x` is not float32 or float64.
        ValueError: the lengths, the stride or the window do not fit.

    >>> real, imaginary = stft(jnp.ones(16), sequence_length=8, sequence_stride=4, fft_length=8)
    >>> real.shape
    (5, 5)
    """
    _check_stride("stft", sequence_stride)
    if x.dtype not in (jnp.float32, jnp.float64):
        raise TypeError(f"stft() needs float32 or float64, got x of dtype {x.dtype.name}.")
    factors = _window("stft", window, sequence_length, fft_length, x.dtype)
    if center:
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(fft_length // 2, fft_length // 2)], "reflect")
    return rfft(extract_sequences(x, fft_length, sequence_stride) * factors)


@op
def istft(x: Operand, sequence_length, sequence_stride, fft_length, length=None, window="hann", center=True):
    """Compute the inverse of `stft`: the signal whose windows are nearest to those transformed (Griffin and Lim 1984).

    The inverse transforms are multiplied with the window again and added up where they overlap; that is divided by what
    the squared windows add up to.

    Args:
        x: pair (real part, imaginary part) of floating-point arrays of shape (..., windows, fft_length // 2 + 1).
        sequence_length, sequence_stride, fft_length, window, center: those of `stft`.
        length: length of the signal. By default, it is as long as the windows reach.

    Returns:
        array of shape (..., length).

    Raises:
        ValueError: the lengths, the stride, the window or the shape of `x` do not fit.

    >>> spectrum = stft(jnp.ones(16), 8, 4, 8)
    >>> istft(spectrum, 8, 4, 8).shape
    (16,)
    """
    _check_stride("istft", sequence_stride)
    spectrum = _complex("istft", x)
    if spectrum.ndim < 2:
        raise ValueError(f"istft() needs arrays of shape (..., windows, frequencies), got shape {spectrum.shape}.")
    windows = jnp.fft.irfft(spectrum, fft_length)
    factors = _window("istft", window, sequence_length, fft_length, windows.dtype)
    total = fft_length + sequence_stride * (spectrum.shape[-2] - 1)

    def add_up(windows):
        """The transpose of `extract_sequences`."""
        signal = jax.ShapeDtypeStruct((*windows.shape[:-2], total), windows.dtype)
        return jax.linear_transpose(lambda s: extract_sequences(s, fft_length, sequence_stride), signal)(windows)[0]

    weight = add_up(jnp.broadcast_to(jnp.square(factors), windows.shape[-2:]))
    signal = add_up(windows * factors) / jnp.where(weight > 1e-10, weight, 1.0)
    start = fft_length // 2 if center else 0
    return signal[..., start : total - start if length is None else start + length]
