"""CTC against the sum over all paths, which is the definition."""

import itertools

import numpy as np
import pytest

from jkeras import ops

T, C, BLANK = 4, 3, 0
LOGITS = np.random.default_rng(3).normal(size=(2, T, C)).astype("float32") * 2


def collapse(path, blank=BLANK):
    """What a path of classes stands for."""
    return tuple(c for c, previous in zip(path, (None, *path), strict=False) if c != previous and c != blank)


def probabilities(logits, blank=BLANK):
    """{sequence: the sum of the probabilities of its paths}."""
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    total = {}
    for path in itertools.product(range(C), repeat=len(p)):
        sequence = collapse(path, blank)
        total[sequence] = total.get(sequence, 0) + np.prod([row[c] for row, c in zip(p, path, strict=True)], dtype="float64")
    return total


@pytest.mark.parametrize("target", [(1,), (1, 2), (1, 1), (2, 1, 2)])
def test_loss_is_the_log_probability_of_the_sequence(target):
    padded = np.array([target + (0,) * (3 - len(target))] * 2)
    loss = ops.ctc_loss(padded, LOGITS, [len(target)] * 2, [T, T - 1])
    expected = [-np.log(probabilities(LOGITS[0]).get(target, 0)), -np.log(probabilities(LOGITS[1, :-1]).get(target, 0))]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.parametrize("blank", [0, 2])
def test_a_wide_beam_finds_the_most_probable_sequences(blank):
    sequences, scores = ops.ctc_decode(
        LOGITS, [T, T - 1], "beam_search", beam_width=40, top_paths=3, mask_index=None if blank == 2 else blank
    )
    assert sequences.shape == (3, 2, T)
    for sample, length in enumerate((T, T - 1)):
        best = sorted(probabilities(LOGITS[sample, :length], blank).items(), key=lambda item: -item[1])[:3]
        for place, (sequence, probability) in enumerate(best):
            assert tuple(sequences[place, sample].tolist()) == sequence + (-1,) * (T - len(sequence))
            np.testing.assert_allclose(scores[sample, place], np.log(probability), rtol=1e-5)


def test_a_narrow_beam_keeps_valid_sequences():
    sequences, scores = ops.ctc_decode(LOGITS, [T, T], "beam_search", beam_width=2, top_paths=2)
    for sample in range(2):
        total = probabilities(LOGITS[sample])
        for place in range(2):
            sequence = tuple(c for c in sequences[place, sample].tolist() if c >= 0)
            assert scores[sample, place] <= np.log(total[sequence]) + 1e-5


def test_greedy_collapses_the_best_path():
    sequences, scores = ops.ctc_decode(LOGITS, [T, 2])
    for sample, length in enumerate((T, 2)):
        sequence = collapse(LOGITS[sample, :length].argmax(-1))
        assert tuple(sequences[0, sample].tolist()) == sequence + (-1,) * (T - len(sequence))
        np.testing.assert_allclose(scores[sample, 0], -LOGITS[sample, :length].max(-1).sum(), rtol=1e-6)


def test_an_unknown_strategy_is_named():
    with pytest.raises(ValueError, match=r"got 'greedi'\. Did you mean 'greedy'"):
        ops.ctc_decode(LOGITS, [T, T], "greedi")
