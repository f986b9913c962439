"""Layers that run on the host, in NumPy, before the compiled part of a model. Devices cannot store strings.

A `HostLayer` can be called on arrays, lists and pandas columns, and on symbolic tensors. In a model, only host layers
may come before it. The part from the inputs to the host layers (the *host stage*, see `jkeras.models.stage`) runs on
the host, and the rest in the compiled loop.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.core import frame as frames
from jkeras.core import symbolic
from jkeras.core.symbolic import KerasTensor
from jkeras.layers.base import Layer

ENCODINGS = ("one_hot", "multi_hot", "count")


class HostLayer(Layer):
    """Base of the layers that run on the host. A subclass defines `call` on NumPy arrays and `compute_output_spec`."""

    on_host = True

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.autocast = False
        self.built = True

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        self._check_initialized()
        if symbolic.is_symbolic(inputs):
            return self._call_symbolically((inputs,), {})
        if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(inputs)):
            return self._in_a_trace(inputs)
        outputs = np.asarray(self.call(inputs))
        return outputs if outputs.dtype == object else jnp.asarray(outputs)

    def build(self, input_shape: Any = None) -> None:
        """There is nothing to make: a vocabulary is given or adapted."""

    def build_from_config(self, config: dict) -> None:
        """There is nothing to make."""

    def get_build_config(self) -> dict:
        """Nothing: the layer is built as soon as it is made."""
        return {}

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the outputs for inputs of the given shape."""
        shapes = input_shape if input_shape and isinstance(input_shape[0], (tuple, list)) else None
        inputs = [KerasTensor(shape) for shape in shapes] if shapes else KerasTensor(input_shape)
        return self.compute_output_spec(inputs).shape

    def _in_a_trace(self, inputs: Any) -> Any:
        """While shapes are inferred: zeros of the right shape. In a compiled function: an error."""
        frame = frames.current()
        if frame is not None and frame.abstract:
            spec = self.compute_output_spec(symbolic.map_structure(lambda x: KerasTensor(x.shape, x.dtype), inputs))
            return jnp.zeros(spec.shape, dtypes.canonical(spec.dtype))
        raise TypeError(
            f"Layer {self.name!r} ({type(self).__name__}) runs on the host and cannot be part of a compiled function. In a model, "
            "let it stand before all layers that compute on the device; outside of one, call it on arrays before the function."
        )


def refuse_sparse(owner: str, sparse: bool) -> None:
    """Refuse `sparse=True`, and say what makes sparse arrays.

    Raises:
        ValueError: `sparse` is true.
    """
    if sparse:
        raise ValueError(
            f"`sparse=True` of {owner} can only be used with the TensorFlow backend of Keras: what {owner} makes is dense. "
            "For sparse vectors take output_mode='int', and let CategoryEncoding(num_tokens, output_mode, sparse=True) follow."
        )


def texts_of(values: Any, name: str, encoding: str = "utf-8") -> tuple[list[bytes], tuple[int, ...]]:
    """The texts in an array, a list or a pandas column, encoded, and the shape that they stand in.

    Raises:
        ValueError: an entry is no text.

    >>> texts_of([["a", "b"]], "layer")
    ([b'a', b'b'], (1, 2))
    """
    array = as_array(values)
    if array.dtype.kind in "biufc" and array.size:
        raise ValueError(
            f"Layer {name!r} takes texts, but got numbers of dtype {array.dtype}. For integers use IntegerLookup, or make texts "
            "of them: np.asarray(x).astype(str)."
        )
    flat = array.reshape(-1).tolist()
    try:
        return [text if type(text) is bytes else text.encode(encoding) for text in flat], array.shape
    except (AttributeError, UnicodeEncodeError):
        for i, text in enumerate(flat):
            if not isinstance(text, (str, bytes)):
                raise ValueError(
                    f"Layer {name!r} takes texts, but entry {i} is {text!r}, of type {type(text).__name__}. Fill missing texts "
                    'first, for example column.fillna("").'
                ) from None
        raise


def as_array(values: Any) -> np.ndarray:
    """Anything that holds an array, as one; texts in lists keep their own lengths."""
    if isinstance(values, np.ndarray):
        return values
    if hasattr(values, "to_numpy"):  # of pandas
        return values.to_numpy()
    if isinstance(values, (list, tuple)) and holds_text(values):
        if not isinstance(values[0], (str, bytes)) and len(shapes := {np.shape(v) for v in values}) > 1:
            raise ValueError(
                "The rows of a list of texts must have one length, but they have the shapes "
                f"{sorted(shapes, key=str)[:5]}. Pad them, or pass one array per batch."
            )
        return np.array(values, dtype=object)
    return np.asarray(values)


def holds_text(values: Any) -> bool:
    """True if lists (of lists) hold texts."""
    while isinstance(values, (list, tuple)) and values:
        values = values[0]
    return isinstance(values, (str, bytes))


def is_array(data: Any) -> bool:
    """True if data for `adapt` is one array, and not something that yields batches."""
    if isinstance(data, (list, tuple, str, bytes, int, float, np.ndarray, np.generic, jax.Array)):
        return True
    return hasattr(data, "to_numpy") or hasattr(data, "__array__")


def batches_of(data: Any, steps: int | None = None) -> Iterator[Any]:
    """The batches of inputs for `adapt`: one of an array, or what a generator, a loader or a `PyDataset` yields.

    Of a batch `(x, y)`, as `fit` takes it, the inputs.
    """
    if is_array(data):
        yield data
        return
    if not hasattr(data, "__iter__") and not hasattr(data, "__getitem__"):
        raise ValueError(
            f"adapt() takes an array, a list, a pandas column, or something that yields batches, got a {type(data).__name__}."
        )
    for number, batch in enumerate(data):
        if steps is not None and number >= steps:
            return
        yield batch[0] if isinstance(batch, tuple) and batch else batch


def encode(indices: np.ndarray, mode: str, depth: int, dtype: Any) -> np.ndarray:
    """Indices as vectors of length `depth`; indices outside of it count as nothing.

    Args:
        indices: integers; their last axis is the sample, for `multi_hot` and `count`.
        mode: one of `ENCODINGS`.
        depth: the length of the vectors.
        dtype: of the result.

    >>> encode(np.array([[0, 2, 2]]), "count", 3, "float32").tolist()
    [[1.0, 0.0, 2.0]]
    """
    if indices.ndim == 0:
        indices = indices[None]
    if mode == "one_hot":
        if indices.ndim > 1 and indices.shape[-1] == 1:
            indices = indices[..., 0]
        places, samples = np.arange(indices.size), indices.shape
    else:
        samples = indices.shape[:-1]
        places = np.arange(indices.size) // max(indices.shape[-1], 1)
    flat = indices.reshape(-1)
    known = (flat >= 0) & (flat < depth)
    size = int(np.prod(samples)) * depth
    cells = places[known] * depth + flat[known]
    if mode == "count":
        return np.bincount(cells, minlength=size).astype(dtype).reshape(*samples, depth)
    found = np.zeros(size, dtype)
    found[cells] = 1
    return found.reshape(*samples, depth)


def encoded_shape(shape: Sequence, mode: str, depth: int | None) -> tuple:
    """The shape of `encode` for indices of a shape."""
    shape = tuple(shape)
    if mode != "one_hot":
        return (*shape[:-1], depth)
    return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
