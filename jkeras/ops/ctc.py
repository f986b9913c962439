"""Connectionist temporal classification: label sequences without alignment (Graves et al. 2006).

A network gives a distribution over the classes and a *blank* at every time step. A path of classes stands for the sequence
that is left when repeated classes are merged and blanks are dropped; the probability of a sequence is the sum over its
paths. `ctc_loss` is its negative logarithm, `ctc_decode` looks for the most probable sequences.
"""

import jax
import jax.numpy as jnp
import optax

from jkeras.errors import suggest
from jkeras.ops.family import Array, array_op

__all__ = ["ctc_decode", "ctc_loss"]


@array_op
def ctc_loss(target: Array, output: Array, target_length: Array, output_length: Array, mask_index=0):
    """Compute the negative log-probability of label sequences.

    Args:
        target: int array of shape (batch, labels), the sequences, padded.
        output: array of logits of shape (batch, time, classes).
        target_length: int array of shape (batch,), how many labels count.
        output_length: int array of shape (batch,), how many time steps count.
        mask_index: which class is the blank.

    Returns:
        array of shape (batch,), float32 at least.

    >>> ctc_loss([[1]], jnp.zeros((1, 1, 2)), [1], [1]).tolist()  # one path out of two
    [0.693...]
    """
    output = output.astype(jnp.promote_types(output.dtype, jnp.float32))

    def padding(length, longest):
        return (jnp.arange(longest) >= length[:, None].astype("int32")).astype(output.dtype)

    steps, labels = padding(output_length, output.shape[1]), padding(target_length, target.shape[1])
    return optax.ctc_loss(output, steps, target.astype("int32"), labels, blank_id=mask_index)


@array_op
def ctc_decode(
    inputs: Array,
    sequence_lengths: Array,
    strategy="greedy",
    beam_width=100,
    top_paths=1,
    merge_repeated=True,
    mask_index=0,
):
    """Find the most probable label sequences.

    Args:
        inputs: array of logits of shape (batch, time, classes).
        sequence_lengths: int array of shape (batch,), how many time steps count.
        strategy: "greedy" takes the best class at every step; "beam_search" keeps the best `beam_width` sequences.
        beam_width: how many sequences the beam search keeps.
        top_paths: how many it returns.
        merge_repeated: whether "greedy" merges repeated classes.
        mask_index: which class is the blank; None means the last.

    Returns:
        (sequences, scores): int32 array of shape (paths, batch, time), padded with -1; and an array of shape (batch,
        paths), the negative sum of the logits taken ("greedy") or the log-probability ("beam_search").

    Raises:
        ValueError: another strategy.

    >>> logits = jax.nn.one_hot(jnp.array([[1, 1, 0, 2]]), 3)
    >>> sequences, scores = ctc_decode(logits, [4])
    >>> sequences.tolist()
    [[[1, 2, -1, -1]]]
    """
    inputs = inputs.astype(jnp.promote_types(inputs.dtype, jnp.float32))
    blank = inputs.shape[-1] - 1 if mask_index is None else mask_index
    counts = jnp.arange(inputs.shape[1]) < sequence_lengths[:, None].astype("int32")
    if strategy == "greedy":
        return _greedy(inputs, counts, merge_repeated, blank)
    if strategy == "beam_search":
        decode = jax.vmap(lambda x, c: _beam_search(jax.nn.log_softmax(x), c, beam_width, top_paths, blank))
        sequences, scores = decode(inputs, counts)
        return jnp.moveaxis(sequences, 1, 0), scores
    known = ("greedy", "beam_search")
    raise ValueError(f"ctc_decode() knows the strategies {known}, got {strategy!r}.{suggest(strategy, known)}")


def _greedy(logits, counts, merge_repeated, blank):
    best = jnp.where(counts, jnp.argmax(logits, -1), blank)
    scores = -jnp.sum(jnp.where(counts, jnp.max(logits, -1), 0.0), 1, keepdims=True)
    keep = best != blank
    if merge_repeated:
        keep &= jnp.pad(best[:, 1:] != best[:, :-1], ((0, 0), (1, 0)), constant_values=True)
    order = jnp.argsort(~keep, axis=-1, stable=True)  # what is kept moves to the front
    return jnp.take_along_axis(jnp.where(keep, best, -1), order, -1)[None].astype("int32"), scores


def _beam_search(log_p, counts, width, top_paths, blank):
    """Prefix beam search over one sequence (Hannun et al. 2014, arXiv:1408.2873).

    A beam is a label sequence with two log-probabilities: that of its paths which end in a blank, and that of its paths
    which end in its last label. At every step a beam stays (by a blank, or by repeating its last label) or grows by a
    label; a beam that grows into another one of the beams is merged with it.
    """
    steps, classes = log_p.shape
    sequences = jnp.full((width, steps), -1, "int32")
    lengths = jnp.zeros(width, "int32")
    nothing = jnp.full(width, -jnp.inf, log_p.dtype)
    by_blank, by_label = nothing.at[0].set(0.0), nothing

    def step(beams, row):
        x, counts = row
        return jax.tree.map(lambda new, old: jnp.where(counts, new, old), advance(beams, x), beams), None

    def advance(beams, x):
        sequences, lengths, by_blank, by_label = beams
        last = jnp.where(lengths > 0, jnp.take_along_axis(sequences, lengths[:, None] - 1, 1, mode="clip")[:, 0], -1)
        total = jnp.logaddexp(by_blank, by_label)

        grown = x + jnp.where(jnp.arange(classes) == last[:, None], by_blank[:, None], total[:, None])
        grown = grown.at[:, blank].set(-jnp.inf)  # [beam, class]
        stay_blank = total + x[blank]
        stay_label = by_label + x[last]

        # parent[i, j]: beam j is beam i grown by the last label of j.
        shorter = jnp.where(jnp.arange(steps) == lengths[:, None] - 1, -1, sequences)
        parent = (sequences[:, None] == shorter[None]).all(-1) & (lengths[:, None] == lengths - 1) & (total > -jnp.inf)
        inflow = jnp.where(parent, grown[:, last], -jnp.inf)  # [i, j]
        stay_label = jnp.logaddexp(stay_label, jax.nn.logsumexp(inflow, 0))
        merged = jnp.zeros(grown.shape, bool).at[:, last].max(parent)
        grown = jnp.where(merged, -jnp.inf, grown)

        candidates = jnp.concatenate([jnp.logaddexp(stay_blank, stay_label), grown.ravel()])
        _, best = jax.lax.top_k(candidates, width)
        grows = best >= width
        source = jnp.where(grows, (best - width) // classes, best)
        label = jnp.where(grows, (best - width) % classes, -1)
        end = (jnp.arange(steps) == lengths[source][:, None]) & grows[:, None]
        return (
            jnp.where(end, label[:, None], sequences[source]),
            lengths[source] + grows.astype("int32"),
            jnp.where(grows, -jnp.inf, stay_blank[source]),
            jnp.where(grows, candidates[best], stay_label[source]),
        )

    beams, _ = jax.lax.scan(step, (sequences, lengths, by_blank, by_label), (log_p, counts))
    sequences, _, by_blank, by_label = beams
    scores, best = jax.lax.top_k(jnp.logaddexp(by_blank, by_label), top_paths)
    return sequences[best], scores
