"""The heads of attention: each projects queries, keys and values into a small space of its own, and attends there.

The mathematics is that of `ops.dot_product_attention`, along one axis. Attention along other or several axes is brought
to that form: the attention axes are flattened into one, and all others count as batch.
"""

import functools
from typing import Any

import jax.numpy as jnp

from jkeras import ops, regularizers
from jkeras.arguments import read
from jkeras.initializers import Initializer
from jkeras.layers.activation import Softmax
from jkeras.layers.attention_axes import Order
from jkeras.layers.einsum_dense import EinsumDense
from jkeras.layers.options import Configured, alias
from jkeras.layers.regularization import Dropout
from jkeras.layers.signatures import call_spec
from jkeras.ops.attention import attention_logits, attention_weights, weighted_sum


class Heads(Configured):
    """The base of the layers below. They differ in the numbers and sizes of their heads.

    Subclasses set `heads`, `key_heads` (of keys and values; a divisor of `heads`), `depth` (of queries and keys),
    `value_depth`, `features` (the output's shape per position, or None) and `attention_axes`.
    """

    unsaved = ("flash_attention",)
    heads: int
    key_heads: int
    depth: int
    value_depth: int
    features: tuple | None
    attention_axes: Any  # a tuple once the layer is built

    def __init__(self, kwargs: dict, **options: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.sublayer_regularizer = read("activity_regularizer", regularizers.get, options.pop("activity_regularizer"))
        self.keep(**options)
        if self.flash_attention and self.dropout > 0:
            raise ValueError(
                f"{type(self).__name__}: the fused kernel of flash_attention=True has no dropout, got dropout="
                f"{self.dropout}. Leave one of them out."
            )

    # -- weights ------------------------------------------------------------------------------------------------------

    def build(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> None:
        if value_shape is None:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) needs a query and a value: layer(query, value), or layer(x, x) for "
                "self-attention."
            )
        key_shape = value_shape if key_shape is None else key_shape
        rank = len(query_shape)
        self._check(query_shape, value_shape, key_shape)
        axes = range(1, rank - 1) if self.attention_axes is None else self.attention_axes
        self.attention_axes = tuple(axis % rank if axis < 0 else axis for axis in axes)
        if len(set(self.attention_axes)) != len(self.attention_axes) or not set(self.attention_axes) <= {*range(rank - 1)}:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) cannot attend along attention_axes={tuple(axes)} of a query "
                f"of shape {tuple(query_shape)}: they must be different axes before the last."
            )
        self._rank = rank
        self.query_dense = self._dense("query", "ihd", query_shape, (self.heads, self.depth))
        self.key_dense = self._dense("key", "ihd", key_shape, (self.key_heads, self.depth))
        if self.use_gate:
            self._gate_dense = self._dense("gate", "ihd", query_shape, (self.heads, self.value_depth), "sigmoid")
        self.value_dense = self._dense("value", "ihd", value_shape, (self.key_heads, self.value_depth))
        self._softmax = Softmax(dtype=self.dtype_policy, name="softmax")
        self._dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
        features = self.features or (query_shape[-1],)
        attended = (*query_shape[:-1], self.heads, self.value_depth)
        self.output_dense = self._dense("attention_output", "hd" + "ijklm"[: len(features)], attended, features)

    def _check(self, query: Any, value: Any, key: Any) -> None:
        """Raise unless inputs of these shapes fit each other, and the weights if they are made."""
        fits = len(query) == len(value) == len(key) and tuple(value[1:-1]) == tuple(key[1:-1])
        if fits and self.built:
            wanted = [dense.kernel.shape[0] for dense in (self.query_dense, self.value_dense, self.key_dense)]
            fits = wanted == [query[-1], value[-1], key[-1]]
        if not fits:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) needs a query, a value and a key with equally many axes, a value "
                f"and a key that differ in the last one at most, and that one as long as when the layer was built; got shapes "
                f"query={tuple(query)}, value={tuple(value)}, key={tuple(key)}."
            )

    def _dense(self, name: str, axes: str, input_shape: Any, output: tuple, activation: Any = None) -> EinsumDense:
        """A projection whose kernel has the given axes, of which the last `len(output)` are the output's."""
        ins, outs = axes[: -len(output)], axes[-len(output) :]
        layer = EinsumDense(
            f"...{ins},{axes}->...{outs}",
            output_shape=output,
            activation=activation,
            bias_axes=outs if self.use_bias else None,
            kernel_initializer=_another(self.kernel_initializer),
            bias_initializer=_another(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            activity_regularizer=self.sublayer_regularizer,
            dtype=self.dtype_policy,
            name=name,
        )
        layer.supports_masking = True  # a projection takes each position by itself
        layer.build(tuple(input_shape))
        return layer

    @property
    def _inverse_sqrt_key_dim(self) -> float:
        """The factor of the products of queries and keys."""
        return self.depth**-0.5

    # -- the call -----------------------------------------------------------------------------------------------------

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        key = value if key is None else key
        self._check(query.shape, value.shape, key.shape)
        if return_attention_scores and self.flash_attention:
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}): the fused kernel of flash_attention=True does not keep the "
                "scores that return_attention_scores=True asks for. Leave one of them out."
            )
        order = Order(query.shape, value.shape, self.attention_axes)
        given = {"query_mask": query_mask, "value_mask": value_mask, "key_mask": key_mask, "attention_mask": attention_mask}
        # Causality alone is left to the fused computation; a subclass that computes its own way is given it as a mask.
        fused = type(self)._compute_attention is Heads._compute_attention and not self._keeps_scores(return_attention_scores)
        limited = self.sliding_window is not None or any(mask is not None for mask in given.values())
        causal = {"use_causal_mask": True} if use_causal_mask and fused and not limited else {}
        mask = self._compute_attention_mask(query, value, **given, use_causal_mask=use_causal_mask and not causal)
        queries = order.sequence(self.query_dense(query))
        keys = order.sequence(self.key_dense(key))
        gate = self._gate_dense(query) if self.use_gate else None
        values = order.sequence(self.value_dense(value))
        taken = call_spec(type(self)._compute_attention).names  # an override need not know what came later
        asked = {"return_attention_scores": return_attention_scores} if "return_attention_scores" in taken else {}
        attended, scores = self._compute_attention(queries, keys, values, mask, training, **asked, **causal)
        attended = order.restored(attended)
        outputs = self.output_dense(attended if gate is None else attended * gate)
        return (outputs, order.unflattened(scores)) if return_attention_scores else outputs

    # What follows is called where Keras calls it, so that subclasses may override it.

    def _keeps_scores(self, returned: bool) -> bool:
        """True if scores are computed by themselves: Keras does so where it drops some out or returns them, and for inputs with
        several axes. There a target that may attend to nothing gets zeros, and elsewhere the mean of all values."""
        return self.dropout > 0 or returned or self._rank != 3

    def _compute_attention(
        self,
        query: Any,
        key: Any,
        value: Any,
        attention_mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> tuple[Any, Any]:
        """Compute the outputs of the heads, and the scores if they are computed separately.

        Args:
            query, key, value: projected, `(batch, time, heads, dim)`; several attention axes are one here.
            attention_mask: `(batch, targets, sources)` or `(batch, heads, targets, sources)`, or None.
            training: whether scores are dropped out.
            return_attention_scores: whether the scores are needed.
            use_causal_mask: whether a target attends only to sources up to its own position.
        """
        mask = attention_mask[:, None] if attention_mask is not None and attention_mask.ndim == 3 else attention_mask
        if not self._keeps_scores(return_attention_scores):
            options = {"scale": self._inverse_sqrt_key_dim, "is_causal": use_causal_mask}
            return ops.dot_product_attention(
                query, key, value, mask=mask, **options, flash_attention=self.flash_attention
            ), None
        if type(self)._masked_softmax is Heads._masked_softmax:
            scores = attention_weights(query, key, mask=mask, scale=self._inverse_sqrt_key_dim)
            scores = scores if mask is None else jnp.where(mask, scores, 0)
        else:
            products = attention_logits(query, key, scale=self._inverse_sqrt_key_dim).astype(key.dtype)
            scores = self._masked_softmax(products, attention_mask)
        dropped = self._dropout_layer(scores, training=training) if self.dropout > 0 else scores
        return weighted_sum(dropped, value), scores

    def _masked_softmax(self, attention_scores: Any, attention_mask: Any = None) -> Any:
        """The softmax of the scores `(batch, heads, targets, sources)` over the sources that the mask keeps."""
        if attention_mask is not None and attention_mask.ndim < attention_scores.ndim:
            attention_mask = attention_mask[:, None]
        return self._softmax(attention_scores, mask=attention_mask)

    def _compute_causal_mask(self, query: Any, value: Any = None) -> Any:
        """`(1, targets, sources)`: True for the sources up to the target's own position."""
        order = Order(query.shape, (query if value is None else value).shape, self.attention_axes)
        return jnp.tri(order.targets, order.sources, dtype=bool)[None]

    def _compute_attention_mask(
        self,
        query: Any,
        value: Any,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """All that limits the attention, as one mask `(batch, targets, sources)`, or with heads; None if nothing does."""
        order = Order(query.shape, value.shape, self.attention_axes)
        masks = self._masks(order, query_mask, [m for m in (value_mask, key_mask) if m is not None], attention_mask)
        if use_causal_mask:
            masks.append(self._compute_causal_mask(query, value)[:, None])
        if not masks:
            return None
        mask = functools.reduce(jnp.logical_and, masks)
        return mask[:, 0] if mask.shape[1] == 1 else mask

    def _masks(self, order: Order, targets: Any, sources: list, attention_mask: Any) -> list:
        """Return the masks that limit the attention, without causality. They broadcast to (batch, heads, targets,
        sources).
        """
        masks = [order.padding(mask, order.value)[:, None, None] for mask in sources]
        if targets is not None:
            masks.append(order.padding(targets, order.query)[:, None, :, None])
        if attention_mask is not None:
            masks.append(self._fitted(attention_mask, order))
        if self.sliding_window is not None:
            distance = jnp.arange(order.targets)[:, None] - jnp.arange(order.sources)[None]
            masks.append((jnp.abs(distance) < min(self.sliding_window, 2**31 - 1))[None, None])
        return masks

    def _fitted(self, mask: Any, order: Order) -> Any:
        """An attention mask as it broadcasts to (batch, heads, targets, sources)."""
        full = order.scores(self.heads)
        least = len(full) - len(order.batch) - 1
        given = mask.shape
        shape = (*given[: mask.ndim - least], *(1,) * (len(full) - mask.ndim), *given[mask.ndim - least :])
        if mask.ndim < least or len(shape) != len(full) or any(m not in (1, n) for m, n in zip(shape, full, strict=True)):
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) needs an attention_mask that broadcasts to its scores, of shape "
                f"{full}; got a mask of shape {given}. A mask (batch, targets, sources) is used for all heads."
            )
        mask = mask.astype(bool).reshape(shape)
        if len(order.batch) > 1 or least > 2:
            heads = shape[len(order.batch)]
            mask = jnp.broadcast_to(mask, (*order.batch, heads, *full[len(order.batch) + 1 :]))
            mask = mask.reshape(-1, heads, order.targets, order.sources)
        return mask


for _name in (
    *("query_dense", "key_dense", "value_dense", "output_dense", "attention_axes", "sliding_window", "flash_attention"),
    *("dropout", "use_bias", "use_gate", "seed", "kernel_initializer", "bias_initializer", "kernel_regularizer"),
    *("bias_regularizer", "kernel_constraint", "bias_constraint"),
):
    setattr(Heads, f"_{_name}", alias(_name))


def _another(initializer: Any) -> Any:
    """An initializer for each projection: an unseeded one draws a new seed, as in Keras."""
    return initializer.clone() if isinstance(initializer, Initializer) else initializer
