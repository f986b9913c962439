"""Attention without projections and heads: it computes a score between each query and each key.

A softmax over the keys turns the scores into the weights of a mean of the values. The layers differ in the score:
`query . key` (Luong et al. 2015, arXiv:1508.04025) or `sum(tanh(query + key))` (Bahdanau et al. 2014, arXiv:1409.0473).
"""

from typing import Any

import jax.numpy as jnp

from jkeras import activations, random
from jkeras.layers.options import Configured

__all__ = ["AdditiveAttention", "Attention"]


class Attention(Configured):
    """A layer that computes, for each query, a mean of the values, weighted by `softmax(score(query, key))`.

    Args:
        use_scale: whether a learned scalar multiplies the products.
        score_mode: "dot" for `scale query . key`, "concat" for `weight sum(tanh(scale (query + key)))`.
        dropout: the fraction of weights that is dropped in training.
        seed: an integer that makes the dropout reproducible. None takes a new one.

    Call arguments:
        inputs: `[query, value]` or `[query, value, key]`, of shapes `(batch, targets, features)`, `(batch, sources,
            value_features)` and `(batch, sources, features)`; without a key, the value is the key.
        mask: `[query_mask, value_mask]`, booleans `(batch, time)` or None; by default what the inputs carry. Outputs for
            masked queries are 0; masked values do not count.
        return_attention_scores: whether to return the weights, `(batch, targets, sources)`, too.
        use_causal_mask: whether a target attends only to sources up to its own position.

    Raises:
        ValueError: another `score_mode`; inputs that are no list of two or three.

    >>> import numpy as np
    >>> query, value = np.zeros((1, 2, 3), "float32"), np.array([[[1, 2, 3], [3, 4, 5]]], "float32")
    >>> Attention()([query, value]).tolist()
    [[[2.0, 3.0, 4.0], [2.0, 3.0, 4.0]]]
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(f"Attention needs score_mode='dot' or 'concat', got score_mode={score_mode!r}.")
        self.use_scale, self.score_mode, self.dropout, self.seed = use_scale, score_mode, dropout, seed
        if dropout > 0:
            self.seed_generator = random.SeedGenerator(seed)

    def build(self, input_shape: Any) -> None:
        self._check("inputs", input_shape)
        self.scale = self.add_weight((), "ones", name="scale") if self.use_scale else None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def scores(self, query: Any, key: Any) -> Any:
        """Compute the scores `(batch, targets, sources)`."""
        scale = None if self.scale is None else self.scale.value
        if self.score_mode == "dot":
            products = query @ key.swapaxes(-1, -2)
            return products if scale is None else products * scale
        pairs = query[..., :, None, :] + key[..., None, :, :]
        return self.concat_score_weight.value * jnp.tanh(pairs if scale is None else scale * pairs).sum(-1)

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check("inputs", inputs)
        query, value, key = inputs if len(inputs) == 3 else (*inputs, inputs[1])
        query_mask, value_mask = self._masks(mask)
        scores = self.scores(query, key)
        kept = None if value_mask is None else value_mask.astype(bool)[..., None, :]
        if use_causal_mask:
            causal = jnp.tri(*scores.shape[-2:], dtype=bool)  # type: ignore[misc]
            kept = causal if kept is None else kept & causal[None]
        if kept is not None:
            far = 65504.0 if scores.dtype == "float16" else 1e9  # the largest float16; subtracted, so that gradients flow
            scores = jnp.where(kept, scores, scores - far)
        weights = activations.softmax(scores)
        if training and self.dropout > 0:
            weights = random.dropout(weights, self.dropout, seed=self.seed_generator)
        outputs = weights @ value
        if query_mask is not None:
            outputs = jnp.where(query_mask.astype(bool)[..., None], outputs, 0)
        return (outputs, weights) if return_attention_scores else outputs

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the query's mask."""
        return self._masks(mask)[0]

    def _masks(self, mask: Any) -> tuple:
        if mask is None:
            return None, None
        self._check("mask", mask)
        return mask[0], mask[1]

    def _check(self, what: str, values: Any) -> None:
        if not isinstance(values, (list, tuple)) or len(values) not in (2, 3):
            got = f"{len(values)} of them" if isinstance(values, (list, tuple)) else f"a {type(values).__name__}"
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) needs {what}=[query, value] or [query, value, key], got {got}."
            )


class AdditiveAttention(Attention):
    """A layer like `Attention`, with the score `sum(scale tanh(query + key))`.

    Args:
        use_scale: whether a learned vector weighs the features in the sum.
        dropout: the fraction of weights that is dropped in training.
        seed: an integer that makes the dropout reproducible. None takes a new one.

    Raises:
        ValueError: inputs that are no list of two or three.

    >>> import numpy as np
    >>> query, value = np.zeros((1, 2, 3), "float32"), np.ones((1, 4, 3), "float32")
    >>> AdditiveAttention(use_scale=False)([query, value], return_attention_scores=True)[1].tolist()
    [[[0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25]]]
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, seed: int | None = None, **kwargs: Any):
        super().__init__(use_scale=use_scale, dropout=dropout, seed=seed, **kwargs)

    def build(self, input_shape: Any) -> None:
        self._check("inputs", input_shape if isinstance(input_shape[0], (list, tuple)) else None)
        features = input_shape[0][-1]
        self.scale = self.add_weight((features,), "glorot_uniform", name="scale") if self.use_scale else None

    def scores(self, query: Any, key: Any) -> Any:
        """Compute the scores `(batch, targets, sources)`."""
        pairs = jnp.tanh(query[..., :, None, :] + key[..., None, :, :])
        return pairs.sum(-1) if self.scale is None else pairs @ self.scale.value
