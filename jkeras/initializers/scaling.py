"""Random initial values whose variance fits the number of inputs and outputs."""

import math
from collections.abc import Sequence
from typing import Any

import jax

from jkeras.initializers import sampling
from jkeras.initializers.base import Shape, choose
from jkeras.initializers.distributions import RandomInitializer


class VarianceScaling(RandomInitializer):
    """An initializer that draws entries with mean 0 and variance `scale / n`, where n counts inputs or outputs of a
    unit.

    Args:
        scale: the factor of the variance, a positive number.
        mode: what n is: `"fan_in"`, the number of inputs, `"fan_out"`, the number of outputs, or `"fan_avg"`, their mean.
        distribution: `"truncated_normal"` (also called `"normal"`), `"untruncated_normal"` or `"uniform"`.
        input_axes: the axes that count as inputs. It needs `output_axes`, too. By default the last but one axis counts inputs, and
            those before it count for both.
        output_axes: the axes that count as outputs. It needs `input_axes`, too. By default this is the last axis.

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
        choose("mode", mode, ("fan_in", "fan_out", "fan_avg"))
        choose("distribution", distribution, ("uniform", "truncated_normal", "untruncated_normal"))
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes
        super().__init__(seed)

    def __call__(self, shape: Shape, dtype: Any = None) -> jax.Array:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return sampling.uniform(self.key(), shape, dtype, -limit, limit)
        stddev = math.sqrt(variance)
        if self.distribution == "untruncated_normal":
            return sampling.normal(self.key(), shape, dtype, 0.0, stddev)
        # 0.8796...: the standard deviation of the standard normal distribution once it is cut at -2 and 2
        return sampling.truncated_normal(self.key(), shape, dtype, 0.0, stddev / 0.87962566103423978)


def compute_fans(
    shape: Shape, input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """Compute the numbers of inputs and outputs of a unit with weights of this shape, `(fan_in, fan_out)`.

    The last two axes are inputs and outputs; those before them are the window of a convolution and count for both.

    Args:
        shape: the shape of the weights.
        input_axes: the axes that count as inputs. None takes the last but one.
        output_axes: the axes that count as outputs. None takes the last.

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


class GlorotUniform(_Scaled):
    """An initializer that draws from a uniform distribution with variance `2 / (fan_in + fan_out)`. It is the default
    of most layers.

    Source: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks".

    >>> w = GlorotUniform(seed=0)((100, 100))
    >>> round(float(w.var() * 100), 1)
    1.0
    """

    recipe = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """An initializer that draws from a normal distribution, cut at two standard deviations, with variance `2 / (fan_in
    + fan_out)`.

    Source: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks".

    >>> w = GlorotNormal(seed=0)((100, 100))
    >>> round(float(w.var() * 100), 1)
    1.0
    """

    recipe = (1.0, "fan_avg", "truncated_normal")


class LecunUniform(_Scaled):
    """An initializer that draws from a uniform distribution with variance `1 / fan_in`.

    Source: LeCun et al. 1998, "Efficient BackProp".

    >>> w = LecunUniform(seed=0)((100, 100))
    >>> round(float(w.var() * 100), 1)
    1.0
    """

    recipe = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """An initializer that draws from a normal distribution, cut at two standard deviations, with variance `1 / fan_in`.
    It suits networks with SELU.

    Source: Klambauer et al. 2017, arXiv:1706.02515.

    >>> w = LecunNormal(seed=0)((100, 100))
    >>> round(float(w.var() * 100), 1)
    1.0
    """

    recipe = (1.0, "fan_in", "truncated_normal")


class HeUniform(_Scaled):
    """An initializer that draws from a uniform distribution with variance `2 / fan_in`. It suits networks with ReLU.

    Source: He et al. 2015, arXiv:1502.01852.

    >>> w = HeUniform(seed=0)((100, 100))
    >>> round(float(w.var() * 100), 1)
    2.0
    """

    recipe = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """An initializer that draws from a normal distribution, cut at two standard deviations, with variance `2 / fan_in`.
    It suits networks with ReLU.

    Source: He et al. 2015, arXiv:1502.01852.

    >>> w = HeNormal(seed=0)((100, 100))
    >>> round(float(w.var() * 100), 1)
    2.0
    """

    recipe = (2.0, "fan_in", "truncated_normal")
