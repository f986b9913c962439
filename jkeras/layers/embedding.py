"""Embedding: a table with one row per integer."""

import warnings
from typing import Any

import jax
import numpy as np

from jkeras import ops
from jkeras.layers.adaptable import Adaptable, stored
from jkeras.layers.layout import Layout, table_layout
from jkeras.ops.family import is_sparse
from jkeras.quantizers.config import QuantizationConfig

__all__ = ["Embedding"]


class Embedding(Adaptable):
    """A layer that looks up a row of a trainable table for each integer.

    Args:
        input_dim: the number of rows: the largest integer plus one.
        output_dim: the length of a row.
        mask_zero: whether 0 is padding; the output then carries the mask `inputs != 0`.
        weights: the table's initial value, an array of shape `(input_dim, output_dim)`.

    Shapes:
        inputs `(batch, ...)` of integers (floats are truncated), embeddings `(input_dim, output_dim)`, outputs
        `(batch, ..., output_dim)`.

    Raises:
        ValueError: `input_dim` or `output_dim` is not a positive integer, or `weights` has another shape.

    >>> import numpy as np
    >>> table = np.array([[0.0, 0.0], [1.0, 2.0]], "float32")
    >>> Embedding(2, 2, weights=table)(np.array([1, 0])).tolist()
    [[1.0, 2.0], [0.0, 0.0]]
    """

    unsaved = ("weights",)
    also_written = {"activity_regularizer": None}
    adapted = "embeddings"
    modes = ("int8", "int4")

    _embeddings = stored("embeddings")

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: QuantizationConfig | None = None,
        **kwargs: Any,
    ):
        if kwargs.pop("input_length", None) is not None:
            warnings.warn("Embedding takes its inputs' length from the inputs: leave input_length= out.", stacklevel=2)
        super().__init__(lora_rank=lora_rank, lora_alpha=lora_alpha, **kwargs)
        self.quantization_config = quantization_config
        self.input_dim, self.output_dim = input_dim, output_dim
        self.keep(
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
        )
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.autocast = False  # integers stay integers
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Any = None) -> None:
        if not self.built:
            # Not cast when it is read: only the few rows that are looked up are.
            self.hold("embeddings", (self.input_dim, self.output_dim), autocast=False)
            self.adapt_if_asked()

    def layout(self, name: str, shape: tuple[int, ...]) -> Layout:
        return table_layout((shape[0], shape[1]))

    def call(self, inputs: Any) -> Any:
        if is_sparse(inputs):
            inputs = inputs.todense()
        if not isinstance(inputs, jax.core.Tracer) and all(d.platform == "cpu" for d in inputs.devices()):
            self.check_indices(inputs)
        indices = inputs if inputs.dtype in ("int32", "int64") else inputs.astype("int32")
        # The gradient is a scatter-add, which XLA:CPU does in place, in a loop as well: 32 x 80 rows of a table of
        # 20000 x 128 took 1.4 ms per step inside a fori_loop (0.2 ms of it the update of the whole table), 4.8 ms alone.
        return self.rows("embeddings", indices)

    def _beside(self) -> list[str]:
        return []

    def check_indices(self, indices: Any) -> None:
        """Refuse integers that the table has no row for; only numbers can be looked at, so not those inside of `jax.jit`."""
        indices = np.asarray(indices)
        low, high = (int(indices.min()), int(indices.max())) if indices.size else (0, 0)
        if low < 0 or high >= self.input_dim:
            raise ValueError(
                f"Embedding {self.name!r} has rows for the integers 0 to {self.input_dim - 1}, but its input goes from {low} to "
                f"{high}: it needs input_dim={high + 1} at least, and no negative integers."
            )

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return ops.not_equal(inputs, 0) if self.mask_zero else None
