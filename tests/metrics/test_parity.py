"""Every metric against the installed Keras."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jkeras import metrics
from tests.oracle import assert_close, keras

rng = np.random.default_rng(7)


def numbers(*shape):
    return rng.uniform(0.1, 3, shape).astype("float32")


def probabilities(*shape):
    return rng.uniform(0.01, 0.99, shape).astype("float32")


def distribution(*shape):
    p = rng.uniform(0.05, 1, shape)
    return (p / p.sum(-1, keepdims=True)).astype("float32")


def one_hot(*shape):
    return np.eye(shape[-1], dtype="float32")[rng.integers(0, shape[-1], shape[:-1])]


def bits(*shape):
    return rng.integers(0, 2, shape)


def signs(*shape):
    return (2 * rng.integers(0, 2, shape) - 1).astype("float32")


# kind of data: (targets, predictions), each for a batch size
DATA = {
    "numbers": lambda n: (numbers(n, 3), numbers(n, 3)),
    "numbers_1d": lambda n: (numbers(n), numbers(n, 1)),
    "numbers_3d": lambda n: (numbers(n, 4, 2), numbers(n, 4, 2)),
    "classes": lambda n: (rng.integers(0, 3, (n,)), rng.integers(0, 3, (n,))),
    "images": lambda n: (rng.integers(0, 3, (n, 2, 2)), rng.integers(0, 3, (n, 2, 2))),
    "binary": lambda n: (bits(n, 1), probabilities(n, 1)),
    "binary_1d": lambda n: (bits(n), probabilities(n)),
    "binary_mixed": lambda n: (bits(n), probabilities(n, 1)),
    "logits": lambda n: (bits(n, 1), 4 * probabilities(n, 1) - 2),
    "labels": lambda n: (bits(n, 3), probabilities(n, 3)),
    "one_hot": lambda n: (one_hot(n, 4), distribution(n, 4)),
    "one_hot_3d": lambda n: (one_hot(n, 5, 4), distribution(n, 5, 4)),
    "sparse": lambda n: (rng.integers(0, 4, (n,)), distribution(n, 4)),
    "sparse_column": lambda n: (rng.integers(0, 4, (n, 1)), distribution(n, 4)),
    "sparse_3d": lambda n: (rng.integers(0, 4, (n, 5)), distribution(n, 5, 4)),
    "ids": lambda n: (rng.integers(0, 6, (n,)), rng.integers(0, 6, (n, 4))),
    "signs": lambda n: (signs(n, 2), numbers(n, 2) - 1),
    "distributions": lambda n: (distribution(n, 4), distribution(n, 4)),
    "counts": lambda n: (rng.integers(0, 5, (n, 2)).astype("float32"), numbers(n, 2)),
}

CASES = [
    ("Accuracy", {}, "classes"),
    ("BinaryAccuracy", {}, "binary"),
    ("BinaryAccuracy", {}, "binary_mixed"),
    ("BinaryAccuracy", {"threshold": 0.3}, "labels"),
    ("CategoricalAccuracy", {}, "one_hot"),
    ("CategoricalAccuracy", {}, "one_hot_3d"),
    ("SparseCategoricalAccuracy", {}, "sparse"),
    ("SparseCategoricalAccuracy", {}, "sparse_column"),
    ("SparseCategoricalAccuracy", {}, "sparse_3d"),
    ("TopKCategoricalAccuracy", {"k": 2}, "one_hot"),
    ("TopKCategoricalAccuracy", {"k": 3}, "one_hot_3d"),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "sparse"),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "sparse_column"),
    ("SparseTopKCategoricalAccuracy", {"k": 1}, "sparse_3d"),
    ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, "ids"),
    ("MeanSquaredError", {}, "numbers"),
    ("MeanSquaredError", {}, "numbers_1d"),
    ("MeanSquaredError", {}, "numbers_3d"),
    ("RootMeanSquaredError", {}, "numbers"),
    ("RootMeanSquaredError", {}, "numbers_3d"),
    ("MeanAbsoluteError", {}, "numbers"),
    ("MeanAbsolutePercentageError", {}, "numbers"),
    ("MeanSquaredLogarithmicError", {}, "numbers"),
    ("CosineSimilarity", {}, "numbers"),
    ("CosineSimilarity", {"axis": 1}, "numbers_3d"),
    ("LogCoshError", {}, "numbers"),
    ("R2Score", {}, "numbers"),
    ("R2Score", {"class_aggregation": None}, "numbers"),
    ("R2Score", {"class_aggregation": "variance_weighted_average", "num_regressors": 2}, "numbers"),
    ("R2Score", {}, "numbers_1d"),
    ("Hinge", {}, "signs"),
    ("SquaredHinge", {}, "signs"),
    ("CategoricalHinge", {}, "one_hot"),
    ("BinaryCrossentropy", {}, "binary"),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "logits"),
    ("CategoricalCrossentropy", {}, "one_hot"),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, "one_hot_3d"),
    ("SparseCategoricalCrossentropy", {}, "sparse"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "sparse_3d"),
    ("KLDivergence", {}, "distributions"),
    ("Poisson", {}, "counts"),
    ("TruePositives", {}, "binary"),
    ("FalsePositives", {"thresholds": [0.7, 0.2]}, "binary_1d"),
    ("TrueNegatives", {"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]}, "labels"),
    ("FalseNegatives", {"thresholds": 0.4}, "binary_mixed"),
    ("Precision", {}, "binary"),
    ("Precision", {"top_k": 2}, "one_hot"),
    ("Precision", {"class_id": 1, "thresholds": [0.2, 0.6]}, "one_hot"),
    ("Recall", {}, "labels"),
    ("Recall", {"top_k": 1, "class_id": 2}, "one_hot"),
    ("Recall", {"thresholds": list(np.linspace(0.1, 0.8, 21))}, "binary_1d"),
    ("SensitivityAtSpecificity", {"specificity": 0.5}, "binary_1d"),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6, "num_thresholds": 11}, "binary"),
    ("PrecisionAtRecall", {"recall": 0.5, "class_id": 1}, "labels"),
    ("RecallAtPrecision", {"precision": 0.4, "num_thresholds": 1}, "binary_1d"),
    ("AUC", {}, "binary"),
    ("AUC", {"from_logits": True, "summation_method": "majoring"}, "logits"),
    ("AUC", {"curve": "PR"}, "binary_1d"),
    ("AUC", {"curve": "PR", "summation_method": "minoring", "thresholds": [0.6, 0.3, 0.35]}, "binary_1d"),
    ("AUC", {"curve": "PRGAIN", "num_thresholds": 20}, "binary"),
    ("AUC", {"multi_label": True, "num_labels": 3}, "labels"),
    ("AUC", {"multi_label": True, "curve": "PR", "label_weights": [0.5, 2.0, 1.0], "num_thresholds": 9}, "labels"),
    ("AUC", {"label_weights": [0.5, 2.0, 1.0], "num_thresholds": 9}, "labels"),
    ("F1Score", {}, "one_hot"),
    ("F1Score", {"average": "micro", "threshold": 0.5}, "labels"),
    ("FBetaScore", {"beta": 2.0, "average": "macro"}, "one_hot"),
    ("FBetaScore", {"beta": 0.5, "average": "weighted", "threshold": 0.4}, "labels"),
    ("IoU", {"num_classes": 3, "target_class_ids": [0, 2], "dtype": "float32"}, "classes"),
    ("BinaryIoU", {"threshold": 0.4, "dtype": "float32"}, "labels"),
    ("MeanIoU", {"num_classes": 3, "ignore_class": 1, "dtype": "float32"}, "images"),
    ("MeanIoU", {"num_classes": 2}, "classes"),
    ("OneHotIoU", {"num_classes": 4, "target_class_ids": [1, 3], "dtype": "float32"}, "one_hot"),
    ("OneHotMeanIoU", {"num_classes": 4, "dtype": "float32"}, "one_hot"),
    ("PearsonCorrelation", {}, "numbers"),
    ("ConcordanceCorrelation", {}, "numbers"),
]
IDS = [f"{name}-{'-'.join(kwargs)}-{data}" for name, kwargs, data in CASES]


def theirs(name, kwargs, *program):
    """What Keras's metric comes to after each of some lists of batches; one compiled program, as it runs hundreds of small
    ones eagerly."""
    metric = getattr(keras.metrics, name)(**kwargs)
    shape = program[0][0][1].shape
    if not getattr(metric, "_built", True):
        metric._build(*([shape] if name == "AUC" else [shape, shape]))
    per_entry = isinstance(metric, keras.metrics.IoU)  # ours also takes one weight per sample

    def run(program):
        for batches in program:
            state = [variable.value for variable in metric.variables]
            for y_true, y_pred, weight in batches:
                if per_entry and weight is not None:
                    entries = y_true.shape if metric.sparse_y_true else y_true.shape[:-1]
                    weight = jnp.broadcast_to(weight.reshape(-1, *[1] * (len(entries) - 1)), entries)
                state = metric.stateless_update_state(state, y_true, y_pred, weight)
            yield metric.stateless_result(state)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own int64
        if kwargs.get("num_regressors"):  # the adjusted R2 asks Python questions about the count
            return list(run(program))
        return jax.jit(lambda program: list(run(program)))(program)


def ours(name, kwargs, *program):
    """The same by our pure functions."""
    metric = getattr(metrics, name)(**kwargs)
    start = metric.pure_init(*program[0][0][:2])

    @jax.jit
    def run(program):
        results = []
        for batches in program:
            state = start
            for batch in batches:
                state = metric.pure_update(state, *batch)
            results.append(metric.pure_result(state))
        return results

    with jax.numpy_dtype_promotion("strict"):
        return run(program)


@pytest.mark.parametrize(("name", "kwargs", "data"), CASES, ids=IDS)
def test_same_as_keras(name, kwargs, data):
    """Two batches of different sizes, without weights and with weights on one of them."""
    first, second = DATA[data](5), DATA[data](3)
    whole = "int" in _dtype(name, kwargs)
    weight = rng.integers(1, 4, 3) if whole else rng.uniform(0.2, 2, 3).astype("float32")
    program = [(*first, None), (*second, None)], [(*first, None), (*second, weight)]
    assert_close(ours(name, kwargs, *program), theirs(name, kwargs, *program), 2e-6)


def _dtype(name, kwargs):
    return getattr(metrics, name)(**kwargs).dtype


@pytest.mark.parametrize("name", ["Mean", "Sum"])
@pytest.mark.parametrize(
    ("shape", "weight_shape"),
    [((5,), None), ((5, 3), None), ((5,), (5,)), ((5, 3), (5,)), ((5, 3), (5, 3)), ((5, 3), (5, 1)), ((5, 1), (5,))]
    + [((5,), (5, 1)), ((5, 3, 2), (5, 3)), ((5, 3), ()), ((), None), ((), ())],
)
def test_reductions(name, shape, weight_shape):
    their, our = getattr(keras.metrics, name)(), getattr(metrics, name)()
    for _ in range(2):
        values = numbers(*shape)
        weight = None if weight_shape is None else numbers(*weight_shape)
        their.update_state(values, sample_weight=weight)
        our.update_state(values, sample_weight=weight)
    assert_close([v.value for v in our.variables], [v.value for v in their.variables])
    assert_close(our.result(), their.result())


@pytest.mark.parametrize(
    ("name", "data", "kwargs"),
    [
        ("binary_accuracy", "labels", {"threshold": 0.3}),
        ("binary_accuracy", "binary_mixed", {}),
        ("categorical_accuracy", "one_hot_3d", {}),
        ("sparse_categorical_accuracy", "sparse", {}),
        ("sparse_categorical_accuracy", "sparse_column", {}),
        ("top_k_categorical_accuracy", "one_hot_3d", {"k": 2}),
        ("sparse_top_k_categorical_accuracy", "sparse_column", {"k": 2}),
        ("sparse_top_k_categorical_accuracy", "ids", {"k": 3, "from_sorted_ids": True}),
        ("pearson_correlation", "numbers", {}),
        ("concordance_correlation", "numbers_3d", {"axis": 1}),
    ],
)
def test_functions(name, data, kwargs):
    y_true, y_pred = DATA[data](6)
    expected = getattr(keras.metrics, name)(y_true, y_pred, **kwargs)
    with jax.numpy_dtype_promotion("strict"):
        assert_close(getattr(metrics, name)(y_true, y_pred, **kwargs), expected, 2e-6)


def test_ties_count_as_in_keras():
    y_pred = np.array([[1, 1, 1], [2, 1, 2], [0, 3, 3]], "float32")
    for y_true in ([0, 0, 1], [1, 2, 2]):
        for name, kwargs in (("sparse_categorical_accuracy", {}), ("sparse_top_k_categorical_accuracy", {"k": 2})):
            function = getattr(keras.metrics, name)
            assert_close(getattr(metrics, name)(y_true, y_pred, **kwargs), function(np.array(y_true), y_pred, **kwargs))


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        ("TruePositives", {"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]}),
        ("FalsePositives", {"thresholds": 0.75}),
        ("AUC", {"num_thresholds": 5}),
    ],
)
def test_scores_on_a_threshold(name, kwargs):
    y_true, scores = np.array([0, 1, 1, 0, 1]), np.array([0.0, 0.25, 0.5, 0.75, 1.0], "float32")
    program = [[(y_true, scores, None)]]
    assert_close(ours(name, kwargs, *program), theirs(name, kwargs, *program))


def test_adjusted_r2_of_too_few_points():
    data = numbers(3, 1), numbers(3, 1)
    metric = metrics.R2Score(num_regressors=4)
    metric.update_state(*data)
    with pytest.warns(UserWarning, match="too few"):
        value = metric.result()
    assert_close([value], theirs("R2Score", {"num_regressors": 4}, [(*data, None)]))


def test_integer_iou_says_that_it_cuts_fractions():
    metric = metrics.MeanIoU(num_classes=2)
    metric.update_state([0, 1], [0, 1], sample_weight=[1.0, 2.0])
    with pytest.warns(UserWarning, match="float32"):
        metric.update_state([0, 1], [0, 1], sample_weight=[0.5, 2.0])


def test_every_public_name_of_keras():
    missing = [name for name in dir(keras.metrics) if not name.startswith("_") and not hasattr(metrics, name)]
    assert not missing
    tested = {name for name, _, _ in CASES} | {"Mean", "Sum", "MeanMetricWrapper", "Metric"}
    assert {name for name in dir(keras.metrics) if isinstance(getattr(keras.metrics, name), type)} <= tested
