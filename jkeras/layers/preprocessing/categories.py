"""Numbers of classes as vectors, and real numbers as classes."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from jkeras import ops
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


def _check_sparse(layer: Any, sparse: bool) -> None:
    if sparse:
        raise ValueError(f"{type(layer).__name__} makes dense arrays: leave out sparse=True.")


class CategoryEncoding(Configured):
    """Class numbers as vectors.

    Args:
        num_tokens: the number of classes; inputs are integers from 0 up to below it, others leave zeros.
        output_mode: `"multi_hot"` for 1 where a class occurs in a sample, `"one_hot"` for a vector for each number, or
            `"count"` for how often a class occurs in a sample.
        sparse: False: the vectors are dense arrays.

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
        _check_sparse(self, sparse)
        output_mode = "multi_hot" if output_mode == "binary" else output_mode
        self.output_mode = chosen(self, "output_mode", output_mode, MODES[1:])
        if not isinstance(num_tokens, int) or num_tokens < 1:
            raise ValueError(f"CategoryEncoding needs num_tokens= the number of classes, got num_tokens={num_tokens!r}.")
        self.num_tokens = num_tokens
        self.sparse = False
        self.built = self.needs_no_build

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                f"Layer {self.name!r} got count_weights=, which only output_mode='count' uses; it has {self.output_mode!r}."
            )
        return encode(inputs, self.output_mode, self.num_tokens, self.compute_dtype, count_weights)


class Discretization(Configured):
    """Real numbers as the numbers of bins.

    The boundaries are given, or `adapt` finds them in data so that about as many numbers fall into each bin.

    Args:
        bin_boundaries: increasing numbers: bin 0 lies below the first, bin i from the i-th up to below the next.
        num_bins: how many bins `adapt` makes.
        epsilon: how exact `adapt` is: the data are summed up by `1 / epsilon` numbers.
        output_mode: `"int"` for the numbers of the bins, or as in `CategoryEncoding`.
        sparse: False: vectors are dense arrays.

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
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ):
        super().__init__(name=name, dtype=dtype)
        _check_sparse(self, sparse)
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
        self.sparse = False
        self.built = self.needs_no_build

    @property
    def is_fixed(self) -> bool:
        """Whether the boundaries were given, so that there is nothing to adapt."""
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
            raise ValueError(f"Layer {self.name!r} has no boundaries yet: call adapt(data), or pass bin_boundaries=.")
        dtype = "int32" if self.output_mode == "int" else self.compute_dtype
        numbers = inputs.astype("float32")
        bins = jnp.searchsorted(jnp.asarray(self.bin_boundaries, "float32"), numbers, side="right")
        return encode(bins, self.output_mode, len(self.bin_boundaries) + 1, dtype)

    def get_config(self) -> dict:
        """The constructor's arguments, as plain data."""
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
