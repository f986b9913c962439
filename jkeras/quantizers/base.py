"""Convert numbers to small integers with a scale: `x` is stored as `round(x * scale)`, and read as that integer divided
by `scale`.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jkeras.arguments import Checked
from jkeras.core.variable import Variable
from jkeras.ops.op import op
from jkeras.runtime.placement import to_device

__all__ = ["AbsMaxQuantizer", "Quantizer", "abs_max_quantize"]

EPSILON = 1e-7


class Quantizer(Checked):
    """The base class of quantizers, which convert arrays to integers. A subclass defines `__call__` and `get_config`.

    Args:
        output_dtype: of the integers.

    >>> class Halves(Quantizer):
    ...     def __call__(self, x, axis=None, to_numpy=False):
    ...         return jnp.round(2 * x).astype(self.output_dtype), jnp.full((), 2.0)
    >>> Halves()(jnp.array([0.5, 1.0]))[0].tolist()
    [1, 2]
    """

    def __init__(self, output_dtype: str = "int8"):
        self.output_dtype = output_dtype

    def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The integers, and the scale; a quantizer of your own says how."""
        return x

    def get_config(self) -> dict:
        """Return the constructor's arguments, as plain data.

        Raises:
            NotImplementedError: a class of your own has not said them.
        """
        raise NotImplementedError(f"{type(self).__name__} must define get_config() to be written to a file.")

    @classmethod
    def from_config(cls, config: dict) -> "Quantizer":
        """Make a quantizer from `get_config()`."""
        return cls(**config)


class AbsMaxQuantizer(Quantizer):
    """A quantizer that scales so that the largest magnitude becomes the largest integer; see `abs_max_quantize`.

    Args:
        axis: the axes along which numbers share a scale, if the call does not say.
        value_range: the smallest and the largest integer.
        epsilon: is added to the largest magnitude, which may be 0.
        output_dtype: of the integers.

    Raises:
        ValueError: `value_range` is wider than int8, where `output_dtype` is that.

    >>> values, scale = AbsMaxQuantizer()(jnp.array([[1.0, -2.0]]))
    >>> values.tolist(), scale.shape
    ([[64, -127]], (1, 1))
    """

    def __init__(
        self,
        axis: int | Sequence[int] | None = None,
        value_range: tuple[int, int] = (-127, 127),
        epsilon: float = EPSILON,
        output_dtype: str = "int8",
    ):
        super().__init__(output_dtype)
        self.axis = None if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.value_range, self.epsilon = value_range, epsilon
        if output_dtype == "int8" and (value_range[0] < -128 or value_range[1] > 127):
            raise ValueError(
                f"Quantizer with output_dtype='int8' requires value_range within [-128, 127]. Received: value_range={value_range}"
            )

    def __call__(self, x: Any, axis: Any = None, to_numpy: bool = False) -> tuple[Any, Any]:
        """Quantize an array.

        Args:
            x: the array.
            axis: the axes along which numbers share a scale; by default those of the constructor, or the last one.
            to_numpy: compute on the host, which leaves the memory of an accelerator alone.

        Returns:
            `(integers, scale)`; the axes that share a scale have length 1 in it.
        """
        axis = axis if axis is not None else self.axis if self.axis is not None else -1
        return abs_max_quantize(x, axis, self.value_range, self.output_dtype, self.epsilon, to_numpy)

    def get_config(self) -> dict:
        config = {"value_range": self.value_range, "epsilon": self.epsilon, "output_dtype": self.output_dtype}
        return config if self.axis is None else {**config, "axis": self.axis}


@op
def abs_max_quantize(
    inputs: Any,
    axis: Any,
    value_range: tuple[int, int] = (-127, 127),
    dtype: str = "int8",
    epsilon: float = EPSILON,
    to_numpy: bool = False,
) -> tuple[Any, Any]:
    """Integers `round(x * scale)` with `scale = value_range[1] / (max|x| + epsilon)`.

    Args:
        inputs: array of floats.
        axis: the axes along which numbers share a scale.
        value_range: the smallest and the largest integer; what is beyond is clipped.
        dtype: of the integers.
        epsilon: keeps the scale finite where all numbers are 0.
        to_numpy: compute on the host, which leaves the memory of an accelerator alone.

    Returns:
        `(integers, scale)`; the scale has the inputs' dtype, and length 1 along `axis`.

    >>> values, scale = abs_max_quantize([[1.0, -2.0]], axis=-1)
    >>> (values / scale).round(2).tolist()
    [[1.0099999904632568, -2.0]]
    """
    xp: Any = np if to_numpy else jnp
    given = inputs.value if isinstance(inputs, Variable) else inputs
    x = xp.asarray(given)
    if to_numpy and x.dtype.kind == "V":  # NumPy knows bfloat16 as a type without arithmetic
        x = x.astype("float32")
    dims = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    scale = value_range[1] / (xp.max(xp.abs(x), axis=dims, keepdims=True) + x.dtype.type(epsilon))
    kept = scale.astype(x.dtype)
    integers = xp.clip(xp.round(x * (scale if to_numpy else kept)), *value_range).astype(dtype)
    if to_numpy:
        return to_device(integers), to_device(kept.astype(getattr(given, "dtype", kept.dtype)))
    return integers, kept
