"""A layer's expectations of its input, which are checked before it computes."""

from collections.abc import Sequence
from typing import Any

from jkeras.arguments import Checked
from jkeras.core import symbolic
from jkeras.serialization import arguments_of


class InputSpec(Checked):
    """A description of the inputs that a layer accepts: the dtype, the number of axes, and some of the lengths.

    Args:
        dtype: the expected dtype.
        shape: the full shape, with None for what may vary.
        ndim: the exact number of axes.
        max_ndim: the largest number of axes.
        min_ndim: the smallest number of axes.
        axes: `{axis: size}`; axes may be negative.
        allow_last_axis_squeeze: whether a missing or extra last axis of size 1 is fine.
        name: of the input.
        optional: whether None may be passed.

    >>> InputSpec(min_ndim=2, axes={-1: 3})
    InputSpec(min_ndim=2, axes={-1: 3})
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ):
        self.dtype, self.name, self.optional = dtype, name, optional
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(k): v for k, v in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze

    def get_config(self) -> dict:
        """Return the constructor's arguments of this spec."""
        return arguments_of(self)

    @classmethod
    def from_config(cls, config: dict) -> "InputSpec":
        """Make a spec from `get_config()`."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"InputSpec({', '.join(f'{k}={v}' for k, v in self.get_config().items() if v)})"

    def mismatch(self, shape: tuple) -> str | None:
        """Return the requirement that `shape` does not meet, in words, or None if it meets all."""
        if self.allow_last_axis_squeeze and self.shape is not None and abs(len(shape) - len(self.shape)) == 1:
            if shape and shape[-1] == 1:
                shape = shape[:-1]
            elif self.shape and self.shape[-1] == 1:
                shape = (*shape, 1)
        if self.ndim is not None and len(shape) != self.ndim:
            return f"{self.ndim} axes"
        if self.max_ndim is not None and len(shape) > self.max_ndim:
            return f"at most {self.max_ndim} axes"
        if self.min_ndim is not None and len(shape) < self.min_ndim:
            return f"at least {self.min_ndim} axes"
        for axis, size in self.axes.items():
            if not -len(shape) <= axis < len(shape):
                return f"an axis {axis} of size {size}"
            if size is not None and shape[axis] not in (size, None):
                return f"size {size} along axis {axis}"
        for axis, size in enumerate(self.shape or ()):
            if size is not None and shape[axis] not in (size, None):
                return f"shape {self.shape}"
        return None


def check_input(layer: Any, inputs: Any) -> None:
    """Compare the inputs of a layer with its `input_spec`.

    Raises:
        ValueError: naming the layer, what it expects and the shape it got.
    """
    if layer.input_spec is None:
        return
    specs = symbolic.leaves(layer.input_spec)
    arrays = symbolic.leaves(inputs)
    if len(specs) != len(arrays):
        raise ValueError(f"Layer {layer.name!r} expects {len(specs)} input(s), but got {len(arrays)}.")
    for spec, array in zip(specs, arrays, strict=True):
        shape = getattr(array, "shape", None)
        if spec is None or shape is None:
            if array is None and not (spec is None or spec.optional):
                raise ValueError(f"Layer {layer.name!r} got None where it expects an array.")
            continue
        problem = spec.mismatch(tuple(shape))
        if problem:
            hint = ""
            if spec.ndim == len(shape) + 1 and getattr(layer, "data_format", None) == "channels_last":
                hint = f" For a single channel, give it an axis: x[..., None], and Input({(*shape[1:], 1)})."
            raise ValueError(
                f"Layer {layer.name!r} ({type(layer).__name__}) expects an input with {problem}, but got shape {tuple(shape)}."
                f"{hint}"
            )
