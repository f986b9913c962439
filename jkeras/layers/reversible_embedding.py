"""An embedding that also computes, from vectors, a score for each integer. It serves as first and last layer of a
language model.
"""

from typing import Any

import jax.numpy as jnp

from jkeras import ops
from jkeras.arguments import read
from jkeras.core import dtype as dtypes
from jkeras.core import frame as frames
from jkeras.core.variable import Variable
from jkeras.layers.embedding import Embedding
from jkeras.layers.layout import Layout, kernel_layout

__all__ = ["ReversibleEmbedding"]


class ReversibleEmbedding(Embedding):
    """A layer like `Embedding`. With `reverse=True`, it multiplies by its table instead: `logits = inputs @
    embeddings.T`.

    Args:
        input_dim: the number of rows: the largest integer plus one.
        output_dim: the length of a row.
        tie_weights: whether both directions share one table (Press and Wolf 2016, arXiv:1608.05859); otherwise the way back
            has a table `reverse_embeddings` of its own.
        mask_zero: whether 0 is padding; the vectors then carry the mask `inputs != 0`.
        reverse_dtype: the dtype in which the logits are computed; by default the compute dtype.
        logit_soft_cap: c, to squash the logits into (-c, c) by `c * tanh(logits / c)`.

    Shapes:
        integers `(batch, ...)` to `(batch, ..., output_dim)`; with `reverse=True` `(batch, ..., output_dim)` to
        `(batch, ..., input_dim)`.

    Raises:
        ValueError: `input_dim` or `output_dim` is not a positive integer, or `logit_soft_cap` is not positive.

    >>> import numpy as np
    >>> layer = ReversibleEmbedding(3, 2)
    >>> logits = layer(layer(np.array([[1, 2]])), reverse=True)
    >>> logits.shape
    (1, 2, 3)
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ):
        penalties = (embeddings_initializer, embeddings_regularizer, embeddings_constraint)
        super().__init__(input_dim, output_dim, *penalties, mask_zero, **kwargs)
        if logit_soft_cap is not None and not logit_soft_cap > 0:
            raise ValueError(f"ReversibleEmbedding needs a positive logit_soft_cap, got logit_soft_cap={logit_soft_cap!r}.")
        if reverse_dtype is not None:
            read("reverse_dtype", dtypes.standardize, reverse_dtype)
        self.tie_weights, self.reverse_dtype, self.logit_soft_cap = tie_weights, reverse_dtype, logit_soft_cap

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        if not self.tie_weights:
            self.hold("reverse_embeddings", (self.output_dim, self.input_dim), autocast=False)

    def layout(self, name: str, shape: tuple[int, ...]) -> Layout:
        if name == "embeddings":
            return super().layout(name, shape)
        return kernel_layout(shape)._replace(packed=0)

    def weight(self, name: str, shape: Any, options: str | None = None, **kwargs: Any) -> Variable:
        if name == "reverse_embeddings":  # it shares the initializer with the table, and nothing else
            return self.add_weight(shape, self.embeddings_initializer, name=name, **kwargs)
        return super().weight(name, shape, options, **kwargs)

    def _quantizable(self) -> dict[str, Variable]:
        reverse = {} if self.tie_weights else {"reverse_embeddings": self.reverse_embeddings}
        return {**super()._quantizable(), **reverse}

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        spec = super().variable_serialization_spec
        if not self.tie_weights:
            for mode, names in spec.items():
                names += ["reverse_embeddings", *(["reverse_embeddings_scale"] if mode else [])]
            spec["int4"].append("reverse_embeddings_zero")
        return spec

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        if not reverse:
            outputs = super().call(inputs)
            if self.mask_zero:
                frames.set_mask(outputs, jnp.not_equal(inputs, 0))
            return outputs
        dtype = self.reverse_dtype or self.compute_dtype
        name = "embeddings" if self.tie_weights else "reverse_embeddings"

        def times(x: Any, table: Any) -> Any:
            return ops.matmul(x, (table.T if self.tie_weights else table).astype(x.dtype))

        logits = self.product(name, times, inputs.astype(dtype)).astype(dtype)
        cap = self.logit_soft_cap
        return logits if cap is None else jnp.tanh(logits / cap) * cap

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Only the way there makes a mask, and `call` does it."""
        return None
