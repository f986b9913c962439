"""Metrics over uneven batches against their definitions, written on all the data at once in float64 NumPy."""

import numpy as np
import pytest

from jkeras import metrics
from tests.oracle import assert_close

rng = np.random.default_rng(3)
N = 200
W = rng.uniform(0.1, 2, N)
NUMBERS = rng.uniform(0.5, 3, (N, 2)), rng.uniform(0.5, 3, (N, 2))
BINARY = rng.integers(0, 2, N), np.round(rng.uniform(0, 1, N) * 40) / 40 * 0.98 + 0.01
CLASSES = rng.integers(0, 3, N), rng.dirichlet(np.ones(3), N)


def mean(values, w):
    values = values.reshape(N, -1).mean(-1)
    return (values * w).sum() / w.sum()


def r2(y, p, w):
    w = w[:, None]
    average = (y * w).sum(0) / w.sum()
    return np.mean(1 - ((y - p) ** 2 * w).sum(0) / ((y - average) ** 2 * w).sum(0))


def area(y, p, w):
    """The weighted chance that a positive scores above a negative; a tie is half a win."""
    wins = (p[:, None] > p[None]) + 0.5 * (p[:, None] == p[None])
    pairs = (w * y)[:, None] * (w * (1 - y))[None]
    return (wins * pairs).sum() / pairs.sum()


def precision(y, p, w):
    return (w * y * (p > 0.5)).sum() / (w * (p > 0.5)).sum()


def recall(y, p, w):
    return (w * y * (p > 0.5)).sum() / (w * y).sum()


def overlap(y, p, w):
    p = p.argmax(-1)
    return np.mean([(w * ((y == k) & (p == k))).sum() / (w * ((y == k) | (p == k))).sum() for k in range(3)])


def f1(y, p, w):
    chosen = np.eye(3)[p.argmax(-1)]
    w = w[:, None]
    right = (w * chosen * y).sum(0)
    return np.mean(2 * right / ((w * chosen).sum(0) + (w * y).sum(0)))


def rows(y, p):
    return np.eye(3)[y], p


FORMULAS = [
    (metrics.MeanSquaredError(), NUMBERS, lambda y, p, w: mean((y - p) ** 2, w)),
    (metrics.RootMeanSquaredError(), NUMBERS, lambda y, p, w: np.sqrt(mean((y - p) ** 2, w))),
    (metrics.MeanAbsoluteError(), NUMBERS, lambda y, p, w: mean(abs(y - p), w)),
    (metrics.MeanAbsolutePercentageError(), NUMBERS, lambda y, p, w: 100 * mean(abs(y - p) / y, w)),
    (metrics.MeanSquaredLogarithmicError(), NUMBERS, lambda y, p, w: mean((np.log1p(y) - np.log1p(p)) ** 2, w)),
    (metrics.LogCoshError(), NUMBERS, lambda y, p, w: mean(np.log(np.cosh(y - p)), w)),
    (metrics.Poisson(), NUMBERS, lambda y, p, w: mean(p - y * np.log(p), w)),
    (
        metrics.CosineSimilarity(),
        NUMBERS,
        lambda y, p, w: mean((y * p).sum(-1) / np.linalg.norm(y, axis=-1) / np.linalg.norm(p, axis=-1), w),
    ),
    (metrics.R2Score(), NUMBERS, r2),
    (metrics.Hinge(), (2 * BINARY[0] - 1, BINARY[1]), lambda y, p, w: mean(np.maximum(1 - y * p, 0), w)),
    (metrics.SquaredHinge(), (2 * BINARY[0] - 1, BINARY[1]), lambda y, p, w: mean(np.maximum(1 - y * p, 0) ** 2, w)),
    (metrics.BinaryCrossentropy(), BINARY, lambda y, p, w: mean(-np.log(np.where(y, p, 1 - p)), w)),
    (metrics.SparseCategoricalCrossentropy(), CLASSES, lambda y, p, w: mean(-np.log(p[np.arange(N), y]), w)),
    (metrics.CategoricalCrossentropy(), rows(*CLASSES), lambda y, p, w: mean(-(y * np.log(p)).sum(-1), w)),
    (metrics.BinaryAccuracy(), BINARY, lambda y, p, w: mean((p > 0.5) == y, w)),
    (metrics.SparseCategoricalAccuracy(), CLASSES, lambda y, p, w: mean(p.argmax(-1) == y, w)),
    (metrics.SparseTopKCategoricalAccuracy(2), CLASSES, lambda y, p, w: mean(p.argmin(-1) != y, w)),
    (metrics.Precision(), BINARY, precision),
    (metrics.Recall(), BINARY, recall),
    (metrics.AUC(num_thresholds=2001), BINARY, area),
    (metrics.F1Score("macro"), rows(*CLASSES), f1),
    (metrics.MeanIoU(3, dtype="float32", sparse_y_pred=False), CLASSES, overlap),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("metric", "data", "formula"), FORMULAS, ids=[type(m).__name__ for m, _, _ in FORMULAS])
def test_against_the_definition(metric, data, formula, weighted):
    y_true, y_pred = data
    if type(metric).__name__ in ("Hinge", "SquaredHinge", "BinaryCrossentropy"):  # means over the last axis
        y_true, y_pred = y_true[:, None], y_pred[:, None]
    metric.reset_state()
    for part in np.split(np.arange(N), [64, 128]):  # the last batch is larger
        metric.update_state(y_true[part], y_pred[part].astype("float32"), W[part].astype("float32") if weighted else None)
    expected = formula(*data, W if weighted else np.ones(N))
    assert_close(metric.result(), expected, 5e-6)
