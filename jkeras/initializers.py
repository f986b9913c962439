"""Initial values of weights: an initializer is a function `(shape, dtype) -> array`.

The random ones keep the variance of signals near one through the layers. With `fan_in` and `fan_out` the number of
inputs and outputs that one unit sees, a weight is drawn with variance

    Lecun     1 / fan_in                    (LeCun et al. 1998, "Efficient BackProp")
    Glorot    2 / (fan_in + fan_out)        (Glorot & Bengio 2010)
    He        2 / fan_in                    (He et al. 2015, arXiv:1502.01852)

from a normal distribution (cut at two standard deviations) or a uniform one. All of them are `VarianceScaling`.

An initializer is a pure function of its seed: called twice it gives the same values, so a weight can be drawn when it is
first read. A variable takes a `fork()` of the initializer it is given; each fork has a draw number of its own, so that
two variables made from one instance differ.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.core.errors import suggest
from jkeras.core.registry import Shortcuts
from jkeras.core.registry import deserialize as _deserialize
from jkeras.core.registry import serialize as _serialize
from jkeras.random import SeedGenerator, default_seed, is_tracing, raw_key

Shape = Sequence[int]


class Initializer:
    """Base of all initializers: subclasses define `__call__(shape, dtype)` and, to be saved, `get_config`.

    >>> class Sevens(Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return jnp.full(shape, 7, dtype)
    >>> Sevens()((2,), "int32").tolist()
    [7, 7]
    """

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        """The initial values.

        Args:
            shape: of the array.
            dtype: of the array; by default `floatx()`.
        """
        raise TypeError(f"{type(self).__name__} must define __call__(self, shape, dtype=None), returning an array.")

    def get_config(self) -> dict:
        """The arguments that make this initializer again, as plain data."""
        return {}

    @classmethod
    def from_config(cls, config: dict) -> "Initializer":
        """Make an initializer from `get_config()`."""
        return cls(**config)

    def clone(self) -> "Initializer":
        """Another initializer with the same config; an unseeded one gets a new seed."""
        return self.from_config(self.get_config())


# -- values that are not random -----------------------------------------------------------------------------------------


class _Fixed(Initializer):
    """An initializer whose values depend on the shape alone."""

    def fork(self) -> Initializer:
        """Itself: every variable gets the same values."""
        return self


class Constant(_Fixed):
    """All entries equal to `value` (a number, or an array that is broadcast to the shape).

    >>> Constant(2.0)((2,)).tolist()
    [2.0, 2.0]
    """

    _exact = False  # whether the value must have the very shape that is asked for

    def __init__(self, value: Any = 0.0):
        self.value = value

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        shape, value = _shape(shape), self.value
        if self._exact and np.shape(value) != shape:
            raise ValueError(f"A weight of shape {shape} cannot be initialized by an array of shape {np.shape(value)}.")
        if not isinstance(value, jax.Array):
            return _on_device(np.asarray(value).astype(dtypes.canonical(dtype)), shape)
        return jnp.broadcast_to(value.astype(dtypes.canonical(dtype)), shape)

    def get_config(self) -> dict:
        return {"value": _serialize(self.value)}

    @classmethod
    def from_config(cls, config: dict) -> "Constant":
        return cls(_deserialize(config["value"]))


class Zeros(_Fixed):
    """All entries 0.

    >>> Zeros()((2,)).tolist()
    [0.0, 0.0]
    """

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        return _on_device(np.zeros((), dtypes.canonical(dtype)), _shape(shape))


class Ones(_Fixed):
    """All entries 1.

    >>> Ones()((2,)).tolist()
    [1.0, 1.0]
    """

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        return _on_device(np.ones((), dtypes.canonical(dtype)), _shape(shape))


def _on_device(value: np.ndarray, shape: tuple[int, ...]) -> jax.Array:
    """`value` broadcast to `shape`. A transfer needs no compilation, where XLA would compile once per shape."""
    return jnp.broadcast_to(value, shape) if is_tracing() else jnp.asarray(np.broadcast_to(value, shape).copy())


class Identity(_Fixed):
    """`gain` times the identity matrix (with ones on the main diagonal if it is not square).

    Raises:
        ValueError: the shape has not two axes.

    >>> Identity()((2, 2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        if len(shape) != 2:
            raise ValueError(f"Identity makes matrices (2 axes), but was asked for shape {tuple(shape)}.")
        return self.gain * jnp.eye(*shape, dtype=dtypes.canonical(dtype))

    def get_config(self) -> dict:
        return {"gain": self.gain}


class STFT(_Fixed):
    """The kernel of a convolution that computes the short-time Fourier transform of a signal.

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

    def __init__(self, side: str = "real", window: Any = "hann", scaling: str | None = "density", periodic: bool = False):
        _choose("side", side, ("real", "imag"))
        _choose("scaling", scaling, ("density", "spectrum", None))
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
        return kernel * window.reshape(length, 1, 1) / scale[self.scaling]()

    def get_config(self) -> dict:
        return {"side": self.side, "window": self.window, "periodic": self.periodic, "scaling": self.scaling}


def _window(name: str, length: int, periodic: bool) -> np.ndarray:
    from scipy.signal import get_window  # slow to import, and only this initializer needs it

    return get_window(name, length, periodic)


# -- random values ------------------------------------------------------------------------------------------------------


class RandomInitializer(Initializer):
    """Base of the random ones.

    Args:
        seed: an int, a `SeedGenerator` (a new draw at every call), or None: an int drawn from Python's `random` now.
    """

    _key: Any = None  # draws from this key, when it is not None, and otherwise from (seed, draw number)

    def __init__(self, seed: Any = None):
        if isinstance(seed, dict):
            seed = _deserialize(seed)
        if seed is not None and not isinstance(seed, (int, np.integer, SeedGenerator)):
            raise ValueError(f"{type(self).__name__}'s seed must be an int, a SeedGenerator or None, got seed={seed!r}.")
        self._init_seed = seed
        self.seed = default_seed() if seed is None else seed
        self._number, self._forks = 0, 0

    def fork(self) -> "RandomInitializer":
        """A copy with a draw number of its own; the first one draws what this initializer draws."""
        other = copy.copy(self)
        other._number, other._forks = self._forks, 0
        self._forks += 1
        if isinstance(self.seed, SeedGenerator):
            with jax.ensure_compile_time_eval():
                other._key = self.seed.next()  # now, so that variables draw in the order they are made
        return other

    def with_key(self, key: jax.Array) -> "RandomInitializer":
        """A copy that draws from a JAX key, or this initializer itself if the user gave it a seed."""
        if self._init_seed is not None:
            return self
        other = copy.copy(self)
        other._key = key
        return other

    def key(self) -> Any:
        """The JAX key of the next draw."""
        if self._key is not None:
            return self._key
        return self.seed.next() if isinstance(self.seed, SeedGenerator) else raw_key(self.seed, self._number)

    def get_config(self) -> dict:
        return {"seed": _serialize(self._init_seed)}


_SIZES = (2**14, 2**17, 2**20, 2**22, 2**24)


def _draw(sample: Any, key: Any, shape: Shape, dtype: Any) -> Any:
    """`sample(key, shape, dtype)`, an array of independent entries, without one compilation per shape.

    JAX's counter-based generator computes entry i from (key, i) alone, so the first n of N > n entries are what a draw of
    n gives. We draw one of a few sizes and cut: a compilation takes 50-200 ms, a million entries 10 ms (one CPU core).
    """
    shape, dtype = _shape(shape), dtypes.canonical(dtype)
    size = math.prod(shape)
    padded = next((n for n in _SIZES if n >= size), None)
    counts = jax.config.jax_threefry_partitionable and jax.config.jax_default_prng_impl == "threefry2x32"
    if padded is None or not counts or not isinstance(key, np.ndarray) or is_tracing():
        return sample(jnp.asarray(key), shape, dtype)
    return np.asarray(sample(jnp.asarray(key), (padded,), dtype))[:size].reshape(shape)


def _affine(sample: Any, scale: float, shift: float) -> jax.Array:
    """`sample * scale + shift` in the sample's dtype, rounded after each operation."""
    if isinstance(sample, np.ndarray):
        return jnp.asarray(sample * sample.dtype.type(scale) + sample.dtype.type(shift))
    return sample * scale + shift


def _normal(key: Any, shape: Shape, dtype: Any) -> Any:
    return _draw(jax.random.normal, key, shape, dtype)


def _truncated_normal(key: Any, shape: Shape, dtype: Any) -> Any:
    return _draw(lambda key, shape, dtype: jax.random.truncated_normal(key, -2.0, 2.0, shape, dtype), key, shape, dtype)


def _uniform(key: Any, shape: Shape, dtype: Any, low: float, high: float) -> jax.Array:
    sample = _draw(lambda key, shape, dtype: jax.random.uniform(key, shape, dtype, low, high), key, shape, dtype)
    return jnp.array(sample) if isinstance(sample, np.ndarray) else sample


class RandomNormal(RandomInitializer):
    """Normally distributed entries.

    >>> RandomNormal(stddev=1.0, seed=0)((2, 3)).shape
    (2, 3)
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None):
        self.mean, self.stddev = mean, stddev
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        return _affine(_normal(self.key(), shape, dtype), self.stddev, self.mean)

    def get_config(self) -> dict:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomInitializer):
    """Normally distributed entries, at most two standard deviations from the mean.

    >>> bool(abs(TruncatedNormal(stddev=1.0, seed=0)((100,))).max() < 2)
    True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None):
        self.mean, self.stddev = mean, stddev
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        return _affine(_truncated_normal(self.key(), shape, dtype), self.stddev, self.mean)

    def get_config(self) -> dict:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class RandomUniform(RandomInitializer):
    """Entries uniformly distributed in `[minval, maxval)`.

    >>> bool(RandomUniform(2.0, 3.0, seed=0)((100,)).min() >= 2)
    True
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None):
        self.minval, self.maxval = minval, maxval
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        return _uniform(self.key(), shape, dtype, self.minval, self.maxval)

    def get_config(self) -> dict:
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


class Orthogonal(RandomInitializer):
    """`gain` times a random matrix with orthonormal rows or columns, whichever are fewer (Saxe et al. 2014).

    A kernel with more than two axes is seen as a matrix with as many columns as its last axis is long.

    Raises:
        ValueError: the shape has fewer than two axes.

    >>> w = Orthogonal(seed=0)((3, 2))
    >>> abs((w.T @ w).round(3)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, gain: float = 1.0, seed: Any = None):
        self.gain = gain
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal makes matrices (2 axes or more), but was asked for shape {tuple(shape)}.")
        dtype = dtypes.canonical(dtype)
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        gaussian = jnp.asarray(_normal(self.key(), tall, dtype if dtype.itemsize > 2 else "float32"))
        q = _orthonormal_columns(gaussian)
        return (self.gain * (q if rows >= columns else q.T).reshape(_shape(shape))).astype(dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "gain": self.gain}


@jax.jit
def _orthonormal_columns(gaussian: jax.Array) -> jax.Array:
    """Q of the QR decomposition, with the signs that make it uniformly distributed (Mezzadri 2007, math-ph/0609050)."""
    q, r = jnp.linalg.qr(gaussian)
    return q * jnp.sign(jnp.diagonal(r))


class VarianceScaling(RandomInitializer):
    """Entries with mean 0 and variance `scale / n`, where n counts inputs or outputs of a unit.

    Args:
        scale: positive.
        mode: n is `"fan_in"`, `"fan_out"`, or their mean, `"fan_avg"`.
        distribution: `"truncated_normal"` (also called `"normal"`), `"untruncated_normal"` or `"uniform"`.
        seed: see `RandomInitializer`.
        input_axes: the axes that count as inputs, and `output_axes` those that count as outputs, when both are given.

    Raises:
        ValueError: an option is unknown, or the scale is not positive.

    >>> w = VarianceScaling(2.0, "fan_in", "uniform", seed=0)((100, 100))
    >>> round(float(w.var() * 100), 1)
    2.0
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ):
        if scale <= 0:
            raise ValueError(f"scale must be positive, got scale={scale!r}.")
        distribution = {"normal": "truncated_normal"}.get(distribution.lower(), distribution.lower())
        _choose("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        _choose("distribution", distribution, ("uniform", "truncated_normal", "untruncated_normal"))
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return _uniform(self.key(), shape, dtype, -limit, limit)
        if self.distribution == "untruncated_normal":
            return _affine(_normal(self.key(), shape, dtype), math.sqrt(variance), 0.0)
        # 0.8796...: the standard deviation of the standard normal distribution after truncation to [-2, 2]
        return _affine(_truncated_normal(self.key(), shape, dtype), math.sqrt(variance) / 0.87962566103423978, 0.0)

    def get_config(self) -> dict:
        axes = {"input_axes": self.input_axes, "output_axes": self.output_axes}
        return {**super().get_config(), "scale": self.scale, "mode": self.mode, "distribution": self.distribution, **axes}


def compute_fans(
    shape: Shape, input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """How many inputs and outputs a unit with weights of this shape has, `(fan_in, fan_out)`.

    The last two axes are inputs and outputs; those before them are the window of a convolution and count for both.

    >>> compute_fans((3, 3, 8, 16)), compute_fans((5,)), compute_fans((2, 3, 4), [0], [1, 2])
    ((72, 144), (5, 5), (2, 12))
    """
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        return (math.prod(shape),) * 2
    *window, inputs, outputs = shape
    return math.prod(window) * inputs, math.prod(window) * outputs


class _Scaled(VarianceScaling):
    """A `VarianceScaling` with scale, mode and distribution fixed."""

    recipe: tuple[float, str, str]

    def __init__(self, seed: Any = None, input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None):
        super().__init__(*self.recipe, seed, input_axes, output_axes)

    def get_config(self) -> dict:
        return {k: v for k, v in super().get_config().items() if k in ("seed", "input_axes", "output_axes")}


class GlorotUniform(_Scaled):
    """Uniform with variance `2 / (fan_in + fan_out)`: the default of most layers."""

    recipe = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal with variance `2 / (fan_in + fan_out)`."""

    recipe = (1.0, "fan_avg", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform with variance `1 / fan_in`."""

    recipe = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal with variance `1 / fan_in`: for SELU networks."""

    recipe = (1.0, "fan_in", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform with variance `2 / fan_in`: for ReLU networks."""

    recipe = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal with variance `2 / fan_in`: for ReLU networks."""

    recipe = (2.0, "fan_in", "truncated_normal")


# -- names --------------------------------------------------------------------------------------------------------------


def _choose(name: str, value: Any, options: tuple) -> None:
    if value not in options:
        known = [option for option in options if option is not None]
        raise ValueError(f"{name} must be one of {options}, got {name}={value!r}.{suggest(value, known)}")


def _shape(shape: Shape) -> tuple[int, ...]:
    return tuple(int(d) for d in shape)


constant, zeros, ones, identity, stft = Constant, Zeros, Ones, Identity, STFT
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
orthogonal, variance_scaling = Orthogonal, VarianceScaling
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal
he_uniform, he_normal = HeUniform, HeNormal
IdentityInitializer, OrthogonalInitializer, STFTInitializer = Identity, Orthogonal, STFT

_classes = {
    "Constant": constant,
    "GlorotNormal": glorot_normal,
    "GlorotUniform": glorot_uniform,
    "HeNormal": he_normal,
    "HeUniform": he_uniform,
    "Identity": identity,
    "LecunNormal": lecun_normal,
    "LecunUniform": lecun_uniform,
    "Ones": ones,
    "Orthogonal": orthogonal,
    "RandomNormal": random_normal,
    "RandomUniform": random_uniform,
    "STFT": stft,
    "TruncatedNormal": truncated_normal,
    "VarianceScaling": variance_scaling,
    "Zeros": zeros,
}
_aliases = {
    "constant": Constant,
    "glorot_normal": GlorotNormal,
    "glorot_uniform": GlorotUniform,
    "he_normal": HeNormal,
    "he_uniform": HeUniform,
    "identity": Identity,
    "lecun_normal": LecunNormal,
    "lecun_uniform": LecunUniform,
    "ones": Ones,
    "one": Ones,
    "orthogonal": Orthogonal,
    "random_normal": RandomNormal,
    "normal": RandomNormal,
    "random_uniform": RandomUniform,
    "uniform": RandomUniform,
    "stft": STFT,
    "truncated_normal": TruncatedNormal,
    "variance_scaling": VarianceScaling,
    "zeros": Zeros,
    "zero": Zeros,
    "IdentityInitializer": Identity,
    "OrthogonalInitializer": Orthogonal,
    "STFTInitializer": STFT,
}
_shortcuts = Shortcuts("initializer", "keras.initializers", _classes | _aliases)


def get(identifier: Any) -> Any:
    """An initializer from a name, a config, a class, an array (the values themselves), a function, or None.

    Raises:
        ValueError: the name is unknown, or the identifier is none of these.

    >>> get("zeros")((2,)).tolist()
    [0.0, 0.0]
    >>> get("glorot")
    Traceback (most recent call last):
    ...
    ValueError: Unknown initializer: 'glorot'. Did you mean 'glorot_normal'?
    """
    if isinstance(identifier, (np.ndarray, np.generic, jax.Array)):
        values = Constant(identifier)
        values._exact = True
        return values
    return _shortcuts.get(identifier)


def serialize(initializer: Any) -> Any:
    """The config of an initializer, as plain data."""
    return _serialize(initializer)


def deserialize(config: Any, custom_objects: Mapping | None = None) -> Any:
    """Make an initializer from `serialize()`."""
    return _shortcuts.get(config, custom_objects)
