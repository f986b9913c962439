"""Layers that compute the strength of frequencies in sound over time."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras import initializers, ops
from jkeras.arguments import Numbers
from jkeras.core import dtype as dtypes
from jkeras.core.data_format import standardize_data_format
from jkeras.layers.input_spec import InputSpec
from jkeras.layers.options import Configured, sizes
from jkeras.layers.preprocessing.images import chosen

__all__ = ["MelSpectrogram", "STFTSpectrogram"]

EPSILON = 1e-7


class STFTSpectrogram(Configured):
    """A layer that computes the short-time Fourier transform of signals, as a convolution with a trainable kernel.

    Args:
        mode: what is returned: `"log"` (of the magnitude), `"magnitude"`, `"psd"` (the power, with that of negative
            frequencies), `"real"`, `"imag"`, `"angle"`, or `"stft"` (real parts, then imaginary parts).
        frame_length: how many samples a window has.
        frame_step: distance between the starts of neighbouring windows; None for half of `frame_length`.
        fft_length: length of the transform, which gives `fft_length // 2 + 1` frequencies; None for the power of two from
            `frame_length` on.
        window: the name of a window of `scipy.signal`, an array of `frame_length` numbers, or None.
        periodic: whether a named window is periodic or symmetric.
        scaling: `"density"` divides by the window's L2 norm, `"spectrum"` by its L1 norm, None not at all.
        padding: `"valid"`, or `"same"` for windows that reach over the ends.
        expand_dims: whether channels get an axis of their own: (batch, time, frequencies, channels).
        data_format: `"channels_last"` for (batch, time, channels), or `"channels_first"`; None for the setting in
            `jkeras.config`.

    Returns:
        An array of shape (batch, time, channels * frequencies), or (batch, channels * frequencies, time).

    Raises:
        ValueError: an unknown word, or lengths that do not fit each other.

    >>> import numpy as np
    >>> STFTSpectrogram(frame_length=16)(np.ones((2, 64, 1), "float32")).shape
    (2, 7, 9)
    """

    modes = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: str | Numbers | None = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        (self.frame_length,) = sizes(self, "frame_length", frame_length, 1)
        if frame_step is not None and not 1 <= frame_step <= frame_length:
            raise ValueError(f"STFTSpectrogram needs frame_step= from 1 to frame_length={frame_length}, got {frame_step}.")
        if fft_length is not None and fft_length < frame_length:
            raise ValueError(f"STFTSpectrogram needs fft_length= from frame_length={frame_length} on, got {fft_length}.")
        self.mode = chosen(self, "mode", mode, self.modes)
        self.padding = chosen(self, "padding", padding, ("valid", "same"))
        self.frame_step, self.fft_length = frame_step, fft_length
        self.window, self.periodic, self.scaling = window, periodic, scaling
        self.expand_dims = expand_dims
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=3)
        self._kernel("real")  # complains about an unknown window or scaling

    def _kernel(self, side: str) -> initializers.STFT:
        return initializers.STFT(side, self.window, self.scaling, self.periodic)

    def build(self, input_shape: Any) -> None:
        length = self.fft_length or 2 ** math.ceil(math.log2(self.frame_length))
        shape = (self.frame_length, 1, length // 2 + 1)
        if self.mode != "imag":
            self.real_kernel = self.add_weight(shape, initializer=self._kernel("real"), name="real_kernel")
        if self.mode != "real":
            self.imag_kernel = self.add_weight(shape, initializer=self._kernel("imag"), name="imag_kernel")

    def call(self, inputs: Any) -> Any:
        if not dtypes.is_float(inputs.dtype):
            raise TypeError(f"Layer {self.name!r} takes floating-point numbers, got {inputs.dtype}: x.astype('float32').")
        signals = inputs if self.data_format == "channels_first" else inputs.swapaxes(1, 2)  # (batch, channels, time)
        if self.mode in ("real", "imag"):
            return self._arrange(self._transform(signals, getattr(self, f"{self.mode}_kernel")))
        real, imag = self._transform(signals, self.real_kernel), self._transform(signals, self.imag_kernel)
        if self.mode == "angle":
            return self._arrange(jnp.arctan2(imag, real))
        if self.mode == "stft":
            return self._arrange(jnp.concatenate([real, imag], -1))
        power = jnp.square(real) + jnp.square(imag)
        if self.mode == "psd":  # the first and the last frequency are their own negatives
            return self._arrange(power + power.at[..., jnp.array([0, -1])].set(0))
        least = jnp.asarray(EPSILON, power.dtype)
        magnitude = jnp.sqrt(jnp.maximum(power, least))
        return self._arrange(magnitude if self.mode == "magnitude" else jnp.log(jnp.maximum(magnitude, least)))

    def _transform(self, signals: jax.Array, kernel: Any) -> jax.Array:
        """One part of the transform, of shape (batch, channels, time, frequencies)."""
        batch, channels, time = signals.shape
        step = self.frame_step or self.frame_length // 2
        kernel = jnp.asarray(kernel.value).astype(signals.dtype)
        outputs = ops.conv(signals.reshape(-1, time, 1), kernel, step, self.padding, data_format="channels_last")
        return outputs.reshape(batch, channels, *outputs.shape[1:])

    def _arrange(self, outputs: jax.Array) -> jax.Array:
        batch, channels, time, frequencies = outputs.shape
        if self.expand_dims:
            return outputs if self.data_format == "channels_first" else jnp.moveaxis(outputs, 1, 3)
        outputs = outputs.swapaxes(2, 3).reshape(batch, channels * frequencies, time)
        return outputs if self.data_format == "channels_first" else outputs.swapaxes(1, 2)


class MelSpectrogram(Configured):
    """A layer that computes the strength of frequencies over time, on the mel scale, which follows how people hear
    distances between tones.

    The spectrum's magnitudes to the power `mag_exp` are summed in `num_mel_bins` triangles that are evenly spaced in
    `1127 ln(1 + hertz / 700)`.

    Args:
        fft_length: length of the Fourier transform.
        sequence_stride: distance between the starts of neighbouring windows, in samples.
        sequence_length: how many samples a window has; None for `fft_length`.
        window: `"hann"`, `"hamming"`, an array of `sequence_length` numbers, or None.
        sampling_rate: samples per second.
        num_mel_bins: how many bands there are.
        min_freq, max_freq: the lowest and the highest frequency, in hertz; None for half of the sampling rate.
        power_to_db: whether to return decibels, `10 log10(x / ref_power)`.
        top_db: how far below the loudest number of the batch decibels go.
        mag_exp: 1 for magnitudes, 2 for powers.
        min_power: the smallest number whose logarithm is taken.
        ref_power: the number that is 0 decibels.

    Returns:
        An array of shape (batch, num_mel_bins, time), or (num_mel_bins, time) for one signal.

    Raises:
        ValueError: `sequence_length` is larger than `fft_length`.

    >>> import numpy as np
    >>> MelSpectrogram(fft_length=64, sequence_stride=16, num_mel_bins=8)(np.ones((2, 160), "float32")).shape
    (2, 8, 11)
    """

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: str | Numbers | None = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        (self.fft_length,), (self.num_mel_bins,) = (
            sizes(self, "fft_length", fft_length, 1),
            sizes(self, "num_mel_bins", num_mel_bins, 1),
        )
        (self.sequence_stride,) = sizes(self, "sequence_stride", sequence_stride, 1)
        self.sequence_length = sequence_length or fft_length
        if self.sequence_length > fft_length:
            raise ValueError(
                f"MelSpectrogram needs sequence_length= up to fft_length={fft_length}, got {self.sequence_length}."
            )
        self.window = window
        self.sampling_rate = sampling_rate
        self.min_freq, self.max_freq = min_freq, max_freq or int(sampling_rate / 2)
        self.power_to_db, self.top_db = power_to_db, top_db
        self.mag_exp, self.min_power, self.ref_power = mag_exp, min_power, ref_power
        self.built = self.needs_no_build

    def call(self, inputs: Any) -> Any:
        signals = inputs.astype("float64" if self.compute_dtype == "float64" else "float32")
        real, imag = ops.stft(signals, self.sequence_length, self.sequence_stride, self.fft_length, self.window)
        spectrum = jnp.sqrt(jnp.square(real) + jnp.square(imag)) ** self.mag_exp
        bands = jnp.tensordot(spectrum, jnp.asarray(self._triangles(spectrum.shape[-1]), spectrum.dtype), 1)
        if self.power_to_db:
            reference = math.log10(max(abs(self.ref_power), self.min_power))
            bands = 10 * (jnp.log10(jnp.maximum(bands, self.min_power)) - reference)
            bands = jnp.maximum(bands, jnp.max(bands) - self.top_db)
        return bands.swapaxes(-1, -2).astype(self.compute_dtype)

    def _triangles(self, frequencies: int) -> np.ndarray:
        """Return the weight of each frequency in each band, of shape (frequencies, num_mel_bins)."""

        def mel(hertz: Any) -> Any:
            return 1127.0 * np.log(1.0 + np.asarray(hertz) / 700.0)

        place = mel(np.linspace(0, self.sampling_rate / 2, frequencies))[:, None]
        edges = np.linspace(mel(self.min_freq), mel(self.max_freq), self.num_mel_bins + 2)
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        weights = np.maximum(0, np.minimum((place - low) / (middle - low), (high - place) / (high - middle)))
        weights[0] = 0  # the constant part of the signal
        return weights
