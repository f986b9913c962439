"""Layers that combine several arrays to one, and functions that do the same."""

import functools
import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jkeras import ops
from jkeras.core.variable import as_arrays
from jkeras.layers.options import Configured

__all__ = [
    "Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract", "add", "average",
    "concatenate", "dot", "maximum", "minimum", "multiply", "subtract",
]  # fmt: skip


class _Merge(Configured):
    """Merges entry by entry, with broadcasting. An input with fewer axes gets axes of length 1 after the batch.

    There is a mask if every input has one. It leaves out the entries that all inputs leave out.
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        shapes = input_shape
        if not isinstance(shapes, (list, tuple)) or not shapes or not all(isinstance(s, (list, tuple)) for s in shapes):
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) merges a list of inputs: call it as layer([a, b]), got an "
                f"input of shape {shapes}."
            )
        self.check_shapes([tuple(s) for s in shapes])

    def check_shapes(self, shapes: list[tuple]) -> None:
        """Raise an error unless inputs of these shapes can be merged."""
        rank = max(map(len, shapes))
        aligned = [s[:1] + (1,) * (rank - len(s)) + s[1:] for s in shapes]
        batches = {s[0] for s in shapes} - {None}
        for sizes in list(zip(*aligned, strict=True))[1:]:
            if len(set(sizes) - {1, None}) > 1:
                raise self.mismatch(shapes)
        if len(batches) > 1:
            raise self.mismatch(shapes)

    def mismatch(self, shapes: list) -> ValueError:
        """The error for inputs that do not fit together."""
        return ValueError(f"Layer {self.name!r} ({type(self).__name__}) cannot merge inputs of shapes {shapes}.")

    def call(self, inputs: Any, mask: Any = None) -> Any:
        rank = max(x.ndim for x in inputs)
        arrays = [x.reshape(x.shape[0], *(1,) * (rank - x.ndim), *x.shape[1:]) for x in inputs]
        masks = mask if isinstance(mask, (list, tuple)) else [None] * len(arrays)
        return self.merge(arrays, [m if m is None else _broadcast(m, x.shape) for m, x in zip(masks, arrays, strict=True)])

    def merge(self, arrays: list[jax.Array], masks: list) -> jax.Array:
        """The result, from arrays of one rank and masks of their shapes (or None)."""
        raise TypeError(f"{type(self).__name__} must define merge().")

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        masks = previous_mask if isinstance(previous_mask, (list, tuple)) else [previous_mask]
        if any(m is None for m in masks):
            return None
        return functools.reduce(ops.logical_or, masks)


def _broadcast(mask: jax.Array, shape: tuple) -> jax.Array:
    """A mask without the last axes, as an array of the whole shape."""
    return jnp.broadcast_to(mask.reshape(*mask.shape, *(1,) * (len(shape) - mask.ndim)), shape)


class Add(_Merge):
    """A layer that adds its inputs.

    >>> import numpy as np
    >>> Add()([np.ones((1, 2), "float32"), np.ones((1, 2), "float32")]).tolist()
    [[2.0, 2.0]]
    """

    def merge(self, arrays: list[jax.Array], masks: list) -> jax.Array:
        return functools.reduce(operator.add, arrays)


class Average(_Merge):
    """A layer that computes the mean of its inputs.

    >>> import numpy as np
    >>> Average()([np.zeros((1, 2), "float32"), np.ones((1, 2), "float32")]).tolist()
    [[0.5, 0.5]]
    """

    def merge(self, arrays: list[jax.Array], masks: list) -> jax.Array:
        return functools.reduce(operator.add, arrays) / len(arrays)


class Subtract(_Merge):
    """A layer that subtracts the second input from the first.

    Raises:
        ValueError: there are not two inputs.

    >>> import numpy as np
    >>> Subtract()([np.zeros((1, 2), "float32"), np.ones((1, 2), "float32")]).tolist()
    [[-1.0, -1.0]]
    """

    def check_shapes(self, shapes: list[tuple]) -> None:
        if len(shapes) != 2:
            raise ValueError(f"Layer {self.name!r} (Subtract) takes 2 inputs, got {len(shapes)}, of shapes {shapes}.")
        super().check_shapes(shapes)

    def merge(self, arrays: list[jax.Array], masks: list) -> jax.Array:
        return arrays[0] - arrays[1]


class Multiply(_Merge):
    """A layer that multiplies its inputs. Masked entries count as 1, and as 0 where all inputs are masked.

    >>> import numpy as np
    >>> Multiply()([np.full((1, 2), 3.0, "float32"), np.full((1, 2), 2.0, "float32")]).tolist()
    [[6.0, 6.0]]
    """

    def merge(self, arrays: list[jax.Array], masks: list) -> jax.Array:
        kept = [x if m is None else jnp.where(m, x, 1) for x, m in zip(arrays, masks, strict=True)]
        product = functools.reduce(operator.mul, kept)
        if any(m is None for m in masks):
            return product
        return jnp.where(functools.reduce(ops.logical_or, masks), product, 0)


class _Extremum(_Merge):
    """The largest or smallest entry among those that are not masked."""

    choose: Callable

    def merge(self, arrays: list[jax.Array], masks: list) -> jax.Array:
        result, kept = arrays[0], masks[0]
        for x, mask in zip(arrays[1:], masks[1:], strict=True):
            x = x if mask is None else jnp.where(mask, x, result)
            result = result if kept is None else jnp.where(kept, result, x)
            kept = None if mask is None or kept is None else kept | mask
            result = type(self).choose(result, x)
        return result


class Maximum(_Extremum):
    """A layer that returns the largest of its inputs, entry by entry. Masked entries do not count.

    >>> import numpy as np
    >>> Maximum()([np.array([[1.0, 5.0]]), np.array([[2.0, 3.0]])]).tolist()
    [[2.0, 5.0]]
    """

    choose = staticmethod(jnp.maximum)


class Minimum(_Extremum):
    """A layer that returns the smallest of its inputs, entry by entry. Masked entries do not count.

    >>> import numpy as np
    >>> Minimum()([np.array([[1.0, 5.0]]), np.array([[2.0, 3.0]])]).tolist()
    [[1.0, 3.0]]
    """

    choose = staticmethod(jnp.minimum)


class Concatenate(_Merge):
    """A layer that joins its inputs along an axis.

    Args:
        axis: the axis, counted with the batch axis as 0. All other axes must have the same lengths.

    >>> Concatenate().compute_output_shape([(None, 2), (None, 3)])
    (None, 5)
    """

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def check_shapes(self, shapes: list[tuple]) -> None:
        if len(set(map(len, shapes))) > 1 or not -len(shapes[0]) <= self.axis < len(shapes[0]):
            raise self.mismatch(shapes)
        axis = self.axis % len(shapes[0])
        for a, sizes in enumerate(zip(*shapes, strict=True)):
            if a != axis and len(set(sizes) - {None}) > 1:
                raise self.mismatch(shapes)

    def merge(self, arrays: list[jax.Array], masks: list) -> jax.Array:
        return ops.concatenate(arrays, axis=self.axis)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        masks = previous_mask if isinstance(previous_mask, (list, tuple)) else [previous_mask]
        if all(m is None for m in masks):
            return None
        masks = as_arrays(masks)
        shapes = [x.shape if m is None or m.ndim < len(x.shape) else m.shape for m, x in zip(masks, inputs, strict=True)]
        full = [jnp.ones(s, bool) if m is None else _broadcast(m, s) for m, s in zip(masks, shapes, strict=True)]
        return jnp.any(jnp.concatenate([mask.astype(bool) for mask in full], self.axis), -1)


class Dot(_Merge):
    """A layer that computes scalar products of the vectors along an axis of each of two inputs.

    Args:
        axes: the axis along which the vectors lie: one integer for both inputs, or a pair. It cannot be 0, the batch.
        normalize: True if the vectors are scaled to length 1 first. The results are cosines then.

    Shapes:
        inputs `(batch, ...)` twice; outputs the first's other axes, then the second's; `(batch, 1)` if there are none.

    >>> Dot(axes=(1, 2)).compute_output_shape([(None, 3, 4), (None, 5, 3)])
    (None, 4, 5)
    """

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(axes, (int, list, tuple)):
            raise TypeError(f"Dot needs an integer or a pair of integers, got axes={axes!r}.")
        if not isinstance(axes, int) and (len(axes) != 2 or not all(isinstance(a, int) for a in axes)):
            raise ValueError(f"Dot needs an integer or a pair of integers, got axes={axes!r}.")
        self.axes, self.normalize = axes, normalize

    def _axes(self, ranks: list[int]) -> list[int]:
        pair = [self.axes] * 2 if isinstance(self.axes, int) else self.axes
        return [a % n for a, n in zip(pair, ranks, strict=True)]

    def check_shapes(self, shapes: list[tuple]) -> None:
        if len(shapes) != 2:
            raise ValueError(f"Layer {self.name!r} (Dot) takes 2 inputs, got {len(shapes)}, of shapes {shapes}.")
        a, b = self._axes([len(s) for s in shapes])
        m, n = shapes[0][a], shapes[1][b]
        if 0 in (a, b) or (m != n and None not in (m, n)):
            raise ValueError(
                f"Layer {self.name!r} (Dot) needs vectors of one length along axes={self.axes}, got inputs of shapes "
                f"{shapes}."
            )

    def call(self, inputs: Any) -> Any:  # type: ignore[override]
        x, y = inputs
        a, b = self._axes([x.ndim, y.ndim])
        if self.normalize:
            x, y = ops.normalize(x, axis=a), ops.normalize(y, axis=b)
        outputs = jax.lax.dot_general(x, y, (((a,), (b,)), ((0,), (0,))))
        return outputs if outputs.ndim > 1 else outputs[:, None]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        return None


def _function(layer: type[_Merge]) -> Callable:
    """Return a function of a list of inputs that applies the layer."""

    def merge(inputs: Any, **kwargs: Any) -> Any:
        return layer(**kwargs)(inputs)

    merge.__name__ = merge.__qualname__ = layer.__name__.lower()
    operation = layer.__doc__.partition("\n")[0]  # type: ignore[union-attr]
    merge.__doc__ = f"""Apply `layers.{layer.__name__}(**kwargs)` to the inputs. {operation.replace("A layer that", "The layer", 1)}

    Args:
        inputs: a list of arrays or of symbolic tensors.
        **kwargs: the arguments of every layer, such as `name` and `dtype`.

    >>> import jkeras
    >>> a, b = jkeras.Input((3,)), jkeras.Input((3,))
    >>> jkeras.layers.{merge.__name__}([a, b]).shape
    (None, 3)
    """
    return merge


add, average, maximum, minimum = _function(Add), _function(Average), _function(Maximum), _function(Minimum)
multiply, subtract = _function(Multiply), _function(Subtract)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Join the inputs along an axis. It is the same as `layers.Concatenate(axis, **kwargs)(inputs)`.

    Args:
        inputs: a list of arrays or of symbolic tensors.
        axis: the axis, counted with the batch axis as 0. All other axes must have the same lengths.
        **kwargs: the arguments of every layer, such as `name` and `dtype`.

    >>> import jkeras
    >>> concatenate([jkeras.Input((3,)), jkeras.Input((4,))]).shape
    (None, 7)
    """
    return Concatenate(axis, **kwargs)(inputs)


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """Compute scalar products along an axis of each of two inputs. It is the same as `layers.Dot(axes, **kwargs)(inputs)`.

    Args:
        inputs: a list of two arrays or symbolic tensors.
        axes: the axis along which the vectors lie: one integer for both inputs, or a pair. It cannot be 0, the batch.
        **kwargs: `normalize`, and the arguments of every layer, such as `name` and `dtype`.

    >>> import jkeras
    >>> dot([jkeras.Input((3,)), jkeras.Input((3,))], axes=1).shape
    (None, 1)
    """
    return Dot(axes, **kwargs)(inputs)
