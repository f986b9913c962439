"""`Input`: the symbolic tensor that a model starts from."""

import warnings
from typing import Any

import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.core import symbolic
from jkeras.core.symbolic import KerasTensor
from jkeras.errors import outside
from jkeras.layers.base import Layer


class InputLayer(Layer):
    """The layer that `Input` makes. It has a symbolic tensor and returns its input.

    Args:
        shape: the shape of one sample, with None for dimensions that vary.
        batch_size: the number of samples in each batch, if it is fixed. None lets it vary.
        dtype: the dtype of the input. None means the default float.
        sparse: None or False: arrays are dense.
        ragged: None or False: no array is ragged.
        batch_shape: the shape with the batch axis, instead of `shape` and `batch_size`.
        input_tensor: an existing symbolic tensor, which the layer then holds.
        optional: True if None may be passed instead of an array.
        name: the name of the input, a string without `/`. None takes a name that is free.

    >>> InputLayer((3,)).output.shape
    (None, 3)
    """

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: KerasTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ):
        if shape is None and kwargs.get("input_shape") is not None:
            warnings.warn("Argument `input_shape` is deprecated. Use `shape` instead.", stacklevel=outside())
            shape = kwargs.pop("input_shape")
        super().__init__(name=name, **kwargs)
        if input_tensor is not None and not isinstance(input_tensor, KerasTensor):
            raise ValueError(
                f"Argument `input_tensor` must be a KerasTensor, a symbolic tensor, got {type(input_tensor).__name__}. An array is "
                "given to the model when it is called."
            )
        if sparse or ragged:
            raise ValueError(
                "Sparse and ragged inputs are not supported; give SciPy sparse matrices to fit(), which densifies rows."
            )
        if input_tensor is not None:
            batch_shape, dtype = input_tensor.shape, dtype or input_tensor.dtype
        elif batch_shape is None:
            if shape is None:
                raise ValueError("Input() needs the shape of a sample: Input(shape=(features,)).")
            batch_shape = (batch_size, *_as_shape(shape))
        elif shape is not None:
            raise ValueError("Give Input() either shape= (one sample) or batch_shape= (with the batch axis), not both.")
        self.batch_shape = _as_shape(batch_shape)
        self.optional = optional
        self._input_dtype = dtypes.standardize(dtype)
        self.built = self.needs_no_build
        tensor = input_tensor if input_tensor is not None else KerasTensor(self.batch_shape, self._input_dtype)
        symbolic.record(self, (), {}, tensor, self.name)
        self._nodes.append(tensor.origin.node)

    @property
    def dtype(self) -> str:
        """The dtype of the input."""
        return self._input_dtype

    def call(self, inputs: Any) -> Any:
        return inputs

    def get_config(self) -> dict:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": self.optional,
        }


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> KerasTensor:
    """Make the symbolic tensor that stands for a model's input.

    Args:
        shape: the shape of one sample, with None for dimensions that vary.
        batch_size: the number of samples in each batch, if it is fixed. None lets it vary.
        dtype: the dtype of the input. None means the default float.
        sparse, ragged: None or False: arrays are dense and regular.
        batch_shape: the shape with the batch axis, instead of `shape` and `batch_size`.
        name: the name of the input, by which `fit` finds it in a dict of arrays. None takes a name that is free.
        tensor: an existing symbolic tensor to start from.
        optional: True if None may be passed instead of an array.

    Returns:
        A `KerasTensor` of shape `(batch_size, *shape)`.

    >>> Input((32,), name="pixels")
    <KerasTensor shape=(None, 32), dtype=float32, name=pixels>
    """
    layer = InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name)
    return layer.output


def _as_shape(shape: Any) -> tuple:
    if isinstance(shape, (int, np.integer)):
        raise ValueError(f"A shape is a tuple: write Input(shape=({shape},)).")
    sizes = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    for size in sizes:
        if size is not None and not (isinstance(size, (int, np.integer)) and not isinstance(size, bool) and size >= 0):
            raise ValueError(
                f"A shape is a tuple of integers from 0 on, with None for what varies, but Input() got {shape!r}. For example: "
                "Input(shape=(28, 28, 1))."
            )
    return tuple(None if size is None else int(size) for size in sizes)
