"""Attention with several heads: `MultiHeadAttention` and `GroupQueryAttention`."""

from collections.abc import Sequence
from typing import Any

from jkeras.layers.heads import Heads
from jkeras.layers.options import alias
from jkeras.serialization import serialize

__all__ = ["GroupQueryAttention", "MultiHeadAttention"]


class MultiHeadAttention(Heads):
    """A layer for attention with several heads, `concat(head_1, ..., head_n) W_O` (Vaswani et al. 2017,
    arXiv:1706.03762).

    Each head projects the inputs, `q = query W_q + b_q` and likewise `k` and `v`, and computes
    `softmax(q k^T / sqrt(key_dim)) v`. With one array as query and value it is self-attention.

    Args:
        num_heads: the number of heads.
        key_dim: the size of each head's queries and keys.
        value_dim: the size of each head's values. None means `key_dim`.
        dropout: the fraction of scores that is dropped in training.
        use_bias: whether the projections have biases.
        output_shape: the size of the output's last axis (or sizes of its last axes); by default the query's.
        attention_axes: the axes along which to attend; by default all but the batch and the features.
        sliding_window: attend only to positions less than this far away.
        flash_attention: True asks for cuDNN's fused kernel (16-bit floats on an NVIDIA GPU); otherwise XLA fuses what it can.
        activity_regularizer: a penalty on the outputs of each projection, which is added to the loss. None means no penalty.
        use_gate: whether what the heads put out is multiplied by `sigmoid(query W_g + b_g)` (arXiv:2505.06708).
        seed: an integer that makes the dropout reproducible. None takes a new one.

    Call arguments:
        query: `(batch, targets, features)`.
        value: `(batch, sources, value_features)`.
        key: `(batch, sources, key_features)`; by default the value.
        query_mask, value_mask, key_mask: booleans `(batch, time)`, False for padding; by default what the inputs carry.
        attention_mask: booleans that broadcast to `(batch, targets, sources)`, or with heads to
            `(batch, heads, targets, sources)`; False keeps a target from attending to a source.
        return_attention_scores: whether to return the scores, `(batch, heads, targets, sources)`, too.
        use_causal_mask: whether a target attends only to sources up to its own position.

    Shapes:
        kernels `(features, heads, dim)`, biases `(heads, dim)`; the output's kernel `(heads, value_dim, features)`.

    Raises:
        ValueError: a size is not a positive integer, `attention_axes` or shapes that do not fit, or `flash_attention`
            together with dropout or returned scores, which it does not have.

    >>> import numpy as np
    >>> x = np.ones((2, 5, 8), "float32")
    >>> outputs, scores = MultiHeadAttention(num_heads=2, key_dim=4)(x, x, return_attention_scores=True)
    >>> outputs.shape, scores.shape
    ((2, 5, 8), (2, 2, 5, 5))
    """

    _num_heads, _key_dim, _value_dim = alias("num_heads"), alias("key_dim"), alias("value_dim")
    _output_shape, _activity_regularizer = alias("output_shape"), alias("sublayer_regularizer")

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        value_dim = key_dim if value_dim is None else value_dim
        super().__init__(
            kwargs,
            dropout=dropout,
            use_bias=use_bias,
            sliding_window=sliding_window,
            flash_attention=flash_attention,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            use_gate=use_gate,
            seed=seed,
        )
        self.num_heads, self.key_dim, self.value_dim = num_heads, key_dim, value_dim
        self.attention_axes = (
            (attention_axes,) if isinstance(attention_axes, int) else attention_axes and tuple(attention_axes)
        )
        self.output_shape = (
            (output_shape,) if isinstance(output_shape, int) else None if output_shape is None else tuple(output_shape)
        )
        self.features = self.output_shape
        self.heads = self.key_heads = num_heads
        self.depth, self.value_depth = key_dim, value_dim

    def get_config(self) -> dict:
        """Return the constructor's arguments, as plain data."""
        return super().get_config() | {"activity_regularizer": serialize(self.sublayer_regularizer)}


class GroupedQueryAttention(Heads):
    """Attention with several heads of which some share their keys and values (Ainslie et al. 2023, arXiv:2305.13245).

    With one head of keys and values it is multi-query attention, with as many as for the queries multi-head attention.

    Args:
        head_dim: the size of each head's queries, keys and values.
        num_query_heads: the number of heads.
        num_key_value_heads: the number of heads of keys and values, a divisor of `num_query_heads`.
        dropout: the fraction of scores that is dropped in training.
        use_bias: whether the projections have biases.
        sliding_window: attend only to positions less than this far away.
        flash_attention: True asks for cuDNN's fused kernel (16-bit floats on an NVIDIA GPU); otherwise XLA fuses what it can.
        activity_regularizer: a penalty on the outputs of each projection and of the layer, which is added to the loss. None means no
            penalty.
        use_gate: whether what the heads put out is multiplied by `sigmoid(query W_g + b_g)` (arXiv:2505.06708).
        seed: an integer that makes the dropout reproducible. None takes a new one.

    Its call is that of `MultiHeadAttention`.

    Raises:
        ValueError: a size is not a positive integer, the heads do not divide, or shapes that do not fit.

    >>> import numpy as np
    >>> x = np.ones((2, 5, 8), "float32")
    >>> GroupQueryAttention(head_dim=4, num_query_heads=6, num_key_value_heads=2)(x, x).shape
    (2, 5, 8)
    """

    stored_as = {
        name: f"_{name}" for name in ("query_dense", "key_dense", "value_dense", "output_dense")
    }  # in Keras's files

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                "GroupQueryAttention needs num_query_heads to be a multiple of num_key_value_heads, got "
                f"num_query_heads={num_query_heads} and num_key_value_heads={num_key_value_heads}."
            )
        super().__init__(
            kwargs,
            dropout=dropout,
            use_bias=use_bias,
            sliding_window=sliding_window,
            flash_attention=flash_attention,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            use_gate=use_gate,
            seed=seed,
        )
        self.head_dim, self.num_query_heads, self.num_key_value_heads = head_dim, num_query_heads, num_key_value_heads
        self.activity_regularizer = self.sublayer_regularizer
        self.heads, self.key_heads = num_query_heads, num_key_value_heads
        self.depth = self.value_depth = head_dim
        self.features = self.attention_axes = None


GroupQueryAttention = GroupedQueryAttention  # the public name; the class's own gives the layers' default names
