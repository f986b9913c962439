"""Numbers of classes as vectors, and real numbers as classes."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jkeras import ops
from jkeras.core.symbolic import KerasTensor
from jkeras.layers.options import Configured
from jkeras.layers.preprocessing.adapt import arrays_of
from jkeras.layers.preprocessing.images import chosen
from jkeras.serialization import deserialize

__all__ = ["CategoryEncoding", "Discretization"]

MODES = ("int", "one_hot", "multi_hot", "count")


def encode(inputs: Any, mode: str, depth: int, dtype: Any, weights: Any = None) -> Any:
    """Class numbers as `depth` numbers each; a number that is no class leaves zeros.

    Args:
        inputs: array of integers.
        mode: "int" for the integers themselves, "one_hot" for a vector each, "multi_hot" for 1 where a class occurs among
            those of a sample, "count" for how often it does.
        depth: the number of classes.
        dtype: of the result.
        weights: array of the shape of `inputs`, what an occurrence counts.
    """
    if mode == "int":
        return inputs.astype(dtype)
    inputs = jnp.atleast_1d(inputs).astype("int32")
    if mode == "one_hot":
        inputs = inputs[..., 0] if inputs.ndim > 1 and inputs.shape[-1] == 1 else inputs
        return ops.one_hot(inputs, depth, dtype=dtype)
    vectors = ops.one_hot(inputs, depth, dtype=dtype)
    axis = min(1, inputs.ndim - 1)
    if mode == "multi_hot":
        return vectors.max(axis)
    if weights is not None:
        vectors = vectors * jnp.atleast_1d(weights).astype(dtype)[..., None]
    return vectors.sum(axis)


def encode_sparse(inputs: Any, mode: str, depth: int, dtype: Any, weights: Any = None) -> Any:
    """The same as `encode` for a mode other than "int", as a `jax.experimental.sparse.BCOO`, without the dense array in between."""
    from jax.experimental.sparse import BCOO  # 0.5 s to import, and rarely used

    inputs = jnp.atleast_1d(inputs).astype("int32")
    if mode == "one_hot" and inputs.ndim > 1 and inputs.shape[-1] == 1:
        inputs = inputs[..., 0]
    places = [index.reshape(-1) for index in jnp.indices(inputs.shape, dtype="int32")]
    if mode != "one_hot":
        del places[min(1, inputs.ndim - 1)]
    known = (inputs >= 0) & (inputs < depth)
    places.append(jnp.where(known, inputs, depth).reshape(-1))  # what lies outside of the shape counts as nothing
    ones = jnp.ones(inputs.size, dtype) if weights is None else jnp.asarray(weights).astype(dtype).reshape(-1)
    shape = encoded_shape(inputs.shape, mode, depth)
    made = BCOO((ones, jnp.stack(places, -1)), shape=shape)
    if mode == "one_hot":
        return made
    made = made.sum_duplicates(nse=inputs.size)
    return made if mode == "count" else BCOO((jnp.minimum(made.data, 1), made.indices), shape=shape)


def encoded_shape(shape: Any, mode: str, depth: int) -> tuple:
    """The shape of `encode` for numbers of a shape, where None is an unknown size."""
    shape = tuple(shape) or (1,)
    if mode == "int":
        return shape
    if mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (*shape[:1], *shape[2:], depth) if len(shape) > 1 else (depth,)


def _check_sparse(layer: Any, sparse: bool, mode: str) -> None:
    if sparse and mode == "int":
        raise ValueError(
            f"`sparse=True` of {type(layer).__name__} may only be used if `output_mode` is 'one_hot', 'multi_hot' or 'count', got "
            f"output_mode={mode!r}."
        )


class CategoryEncoding(Configured):
    """A layer that encodes class numbers as vectors.

    Args:
        num_tokens: the number of classes; inputs are integers from 0 up to below it, others leave zeros.
        output_mode: `"multi_hot"` for 1 where a class occurs in a sample, `"one_hot"` for a vector for each number, or
            `"count"` for how often a class occurs in a sample.
        sparse: whether the vectors are a sparse array (`jax.experimental.sparse.BCOO`), which takes memory for the numbers that are
            given only. `Dense` and the operations take it.

    Call arguments:
        inputs: integers, of shape (batch, numbers), or (batch, 1) for one-hot vectors.
        count_weights: an array of the shape of `inputs`: what each number counts, for `"count"`.

    Raises:
        ValueError: `num_tokens` is missing or not positive, or the mode is unknown.

    >>> import numpy as np
    >>> CategoryEncoding(4)(np.array([[0, 1], [1, 1]])).tolist()
    [[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]
    >>> CategoryEncoding(4, output_mode="count")(np.array([[0, 1], [1, 1]])).tolist()
    [[1.0, 1.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0]]
    """

    unsaved = ("sparse",)

    def __init__(self, num_tokens: int | None = None, output_mode: str = "multi_hot", sparse: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        output_mode = "multi_hot" if output_mode == "binary" else output_mode
        self.output_mode = chosen(self, "output_mode", output_mode, MODES[1:])
        if not isinstance(num_tokens, int) or num_tokens < 1:
            raise ValueError(f"CategoryEncoding needs num_tokens= the number of classes, got num_tokens={num_tokens!r}.")
        self.num_tokens = num_tokens
        self.sparse = bool(sparse)
        self.built = self.needs_no_build

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                f"Layer {self.name!r} got count_weights=, which only output_mode='count' uses; it has {self.output_mode!r}."
            )
        make = encode_sparse if self.sparse else encode
        return make(inputs, self.output_mode, self.num_tokens, self.compute_dtype, count_weights)

    def get_config(self) -> dict:
        """Return the constructor's arguments, as plain data."""
        return super().get_config() | ({"sparse": True} if self.sparse else {})  # Keras leaves it out

    def compute_output_shape(self, input_shape: Any) -> tuple:
        """Return the shape of the vectors for numbers of the given shape."""
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)

    def compute_output_spec(self, inputs: Any, count_weights: Any = None) -> KerasTensor:
        """Shape and dtype of the vectors."""
        return KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype, sparse=self.sparse)


class Discretization(Configured):
    """A layer that replaces real numbers by the numbers of their bins.

    The boundaries are given, or `adapt` finds them in data so that about as many numbers fall into each bin.

    Args:
        bin_boundaries: increasing numbers: bin 0 lies below the first, bin i from the i-th up to below the next.
        num_bins: how many bins `adapt` makes.
        epsilon: how exact `adapt` is: the data are summed up by `1 / epsilon` numbers.
        output_mode: `"int"` for the numbers of the bins, or as in `CategoryEncoding`.
        sparse: whether vectors are a sparse array, as in `CategoryEncoding`.

    Raises:
        ValueError: not exactly one of `bin_boundaries` and `num_bins` is given, or the mode is unknown.

    >>> import numpy as np
    >>> Discretization([0.0, 1.0, 2.0])(np.array([[-1.5, 1.0, 3.4, 0.5]])).tolist()
    [[0, 2, 3, 1]]
    >>> layer = Discretization(num_bins=4, epsilon=0.01)
    >>> layer.adapt(np.arange(100.0))
    >>> layer(np.array([[3.0, 60.0]])).tolist()
    [[0, 2]]
    """

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ):
        super().__init__(name=name, dtype=dtype)
        _check_sparse(self, sparse, output_mode)
        if (num_bins is None) == (bin_boundaries is None):
            raise ValueError(
                f"Discretization needs bin_boundaries= or, to adapt, num_bins=, one of them; got bin_boundaries="
                f"{bin_boundaries!r} and num_bins={num_bins!r}."
            )
        if num_bins is not None and num_bins < 0:
            raise ValueError(f"Discretization needs num_bins= from 0 on, got {num_bins}.")
        self.bin_boundaries = None if bin_boundaries is None else [float(x) for x in bin_boundaries]
        self.num_bins = num_bins
        self.epsilon = epsilon
        self.output_mode = chosen(self, "output_mode", output_mode, MODES)
        self.sparse = bool(sparse)
        self.built = self.needs_no_build

    @property
    def is_fixed(self) -> bool:
        """True if the boundaries were given, so that there is nothing to adapt."""
        return self.num_bins is None

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Find boundaries in data; what was found before is forgotten.

        Args:
            data: whatever holds numbers, as for `Normalization.adapt`.
            steps: how many batches to look at; None for all.

        Raises:
            ValueError: `bin_boundaries` were given, or there are no data.
        """
        if self.num_bins is None:
            raise ValueError(f"Layer {self.name!r} was given its bin_boundaries, so there is nothing to adapt.")
        summary = np.zeros((2, 0))
        for step, values in enumerate(arrays_of(self, data, chunk=None)):
            if steps is not None and step >= steps:
                break
            summary = _compress(_merge(_summary(values, self.epsilon), summary), self.epsilon)
        if not summary.size:
            raise ValueError(f"Layer {self.name!r}: adapt() got no data.")
        self.bin_boundaries = [float(x) for x in _compress(summary, 1 / self.num_bins)[0, :-1]]

    def call(self, inputs: Any) -> Any:
        if self.bin_boundaries is None:
            raise ValueError(
                f"You need to call adapt(data) of layer {self.name!r} before you use it, or to pass bin_boundaries=: it has no "
                "boundaries yet."
            )
        numbers = inputs.astype("float32")
        bins = jnp.searchsorted(jnp.asarray(self.bin_boundaries, "float32"), numbers, side="right")
        make = encode_sparse if self.sparse else encode
        return make(bins, self.output_mode, len(self.bin_boundaries) + 1, self.output_dtype)

    @property
    def output_dtype(self) -> str:
        """The dtype of the outputs: "int32" for output mode "int"."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def compute_output_shape(self, input_shape: Any) -> tuple:
        """Return the shape of the outputs for numbers of the given shape; known before `adapt`."""
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        return tuple(input_shape) if self.output_mode == "int" else encoded_shape(input_shape, self.output_mode, depth or 1)

    def compute_output_spec(self, inputs: Any) -> KerasTensor:
        """Shape and dtype of the outputs."""
        return KerasTensor(self.compute_output_shape(inputs.shape), self.output_dtype, sparse=self.sparse)

    def get_config(self) -> dict:
        """Return the constructor's arguments, as plain data."""
        config = super().get_config() | {"dtype": self.dtype_policy.name}
        del config["trainable"]
        return config

    @classmethod
    def from_config(cls, config: dict, custom_objects: Any = None) -> "Discretization":
        """Make a layer from `get_config()`, which has the boundaries besides `num_bins` once they were found."""
        config = {name: deserialize(value, custom_objects) for name, value in config.items()}
        if config.get("num_bins") is None or config.get("bin_boundaries") is None:
            return cls(**config)
        layer = cls(**config | {"bin_boundaries": None})
        layer.bin_boundaries = [float(x) for x in config["bin_boundaries"]]
        return layer


# A summary of numbers is a few of them in order, each with how many it stands for: an array of shape (2, n).


def _summary(values: np.ndarray, epsilon: float) -> np.ndarray:
    """About `1 / epsilon` of the values, evenly spaced in their order."""
    values = np.sort(values.astype("float32"), axis=None)
    step = max(values.size * epsilon, 1.0)
    some = values[int(step - 1) :: int(step)]
    return np.stack([some, np.full(some.shape, step)])


def _merge(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    both = np.concatenate([one, other], axis=1)
    return both[:, np.argsort(both[0])]


def _compress(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """The summary at every `epsilon` of its weight, linear in between; as it is if it is shorter than that."""
    if summary.shape[1] * epsilon < 1:
        return summary
    places = epsilon + np.arange(0.0, 1.0, epsilon)
    weight = summary[1].cumsum()
    values = np.interp(places, weight / weight[-1], summary[0])
    reached = np.interp(places, weight / weight[-1], weight)
    return np.stack([values, np.diff(reached, prepend=0.0)]).astype("float32")
