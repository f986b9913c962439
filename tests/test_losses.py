"""Losses against the installed Keras (values and gradients) and against their formulas in float64 NumPy."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jkeras
from jkeras import losses
from jkeras.core.frame import Frame
from jkeras.core.symbolic import KerasTensor
from jkeras.core.variable import Variable
from jkeras.metrics import MeanMetricWrapper
from jkeras.serialization import register_serializable
from tests.oracle import assert_close, keras

EPS = 1e-7
rng = np.random.default_rng(0)
BATCH, WIDTH = 6, 4


def f32(x):
    return np.asarray(x, "float32")


# -- data: every kind of targets and outputs, with zeros, ties and saturated entries among them -----------------------

REALS = f32(rng.normal(size=(BATCH, WIDTH)) * 2)
TARGETS = f32(rng.normal(size=(BATCH, WIDTH)) * 2)
TARGETS[0], TARGETS[1, 0] = REALS[0], 0.0  # no error at all; a zero target
POSITIVE, COUNTS = f32(rng.uniform(0.1, 4, (BATCH, WIDTH))), f32(rng.poisson(2, (BATCH, WIDTH)))
LOGITS = f32(rng.normal(size=(BATCH, WIDTH)) * 4)
LOGITS[0, 0], LOGITS[0, 1], LOGITS[1, 0] = 0.0, 30.0, -30.0
PROBABILITIES = f32(1 / (1 + np.exp(-LOGITS.astype("float64"))))
PROBABILITIES[2, 0], PROBABILITIES[2, 1] = 0.0, 1.0
DISTRIBUTIONS = f32(np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True))
DISTRIBUTIONS[3] = [0.0, 1.0, 0.0, 0.0]
UNNORMALIZED = f32(DISTRIBUTIONS * rng.uniform(0.5, 2, (BATCH, 1)))
BINARY = f32(rng.integers(0, 2, (BATCH, WIDTH)))
SIGNS = 2 * BINARY - 1
LABELS = rng.integers(0, WIDTH, BATCH).astype("int32")
COLUMN = LABELS[:, None]
ONE_HOT = np.eye(WIDTH, dtype="float32")[LABELS]
SOFT = f32(rng.dirichlet(np.ones(WIDTH), BATCH))
PIXEL_LABELS = rng.integers(0, 3, (BATCH, 2)).astype("int32")
PIXELS = f32(rng.normal(size=(BATCH, 2, 3)))
EMBEDDINGS = f32(REALS / np.linalg.norm(REALS, axis=-1, keepdims=True))
IDENTITIES = np.array([0, 0, 1, 1, 1, 2], "int32")  # the last one has no partner
SEQUENCES = np.array([[1, 2, 0], [1, 1, 2], [3, 0, 0]], "int32")
FRAMES = f32(rng.normal(size=(3, 6, 4)))


# -- the formulas, in float64 -----------------------------------------------------------------------------------------


def clip(p):
    return np.clip(p, EPS, float(np.float32(1 - EPS)))  # the bound that float32 has: 1 - 1.19e-7


def log_softmax(x, axis=-1):
    x = x - x.max(axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def bce(y, p):
    return -(y * np.log(clip(p)) + (1 - y) * np.log(1 - clip(p)))


def focal(y, p, gamma=2.0):
    return (1 - (y * p + (1 - y) * (1 - p))) ** gamma * bce(y, p)


def normalized(p, axis=-1):
    return clip(p / p.sum(axis, keepdims=True))


def hinge(y, p):
    return np.maximum(1 - y * p, 0)


def circle_loss(labels, e, gamma=80.0, m=0.4, remove_diagonal=True):
    d = np.maximum(1 - e @ e.T, 0)
    same = labels[:, None] == labels[None]
    other = ~same
    same = same & ~np.eye(len(e), dtype=bool) if remove_diagonal else same
    values = []
    for i in range(len(e)):
        pull = gamma * (d[i, same[i]] + m) * (d[i, same[i]] - m)
        push = gamma * np.maximum(1 + m - d[i, other[i]], 0) * (1 - m - d[i, other[i]])
        exponent = np.logaddexp.reduce(pull, initial=-np.inf) + np.logaddexp.reduce(push, initial=-np.inf)
        values.append(np.logaddexp(0, exponent))
    return np.array(values)


def ctc_loss(labels, logits):
    """The sum over all alignments, written out by enumerating them."""
    values = []
    for row, scores in zip(labels, log_softmax(logits), strict=True):
        row = row[row != 0]
        total = -np.inf
        for path in np.ndindex(*[scores.shape[1]] * scores.shape[0]):
            merged = [c for i, c in enumerate(path) if i == 0 or c != path[i - 1]]
            if [c for c in merged if c != 0] == list(row):
                total = np.logaddexp(total, scores[np.arange(len(path)), path].sum())
        values.append(-total)
    return np.array(values)


def pick(p, labels):
    return np.take_along_axis(p, labels[..., None], -1)[..., 0]


CASES = [  # function, arguments, targets, outputs, formula
    ("mean_squared_error", {}, TARGETS, REALS, lambda y, p: ((y - p) ** 2).mean(-1)),
    ("mean_absolute_error", {}, TARGETS, REALS, lambda y, p: np.abs(y - p).mean(-1)),
    (
        "mean_absolute_percentage_error",
        {},
        TARGETS,
        REALS,
        lambda y, p: (np.abs(y - p) / np.clip(np.abs(y), EPS, np.inf)).mean(-1) * 100,
    ),
    (
        "mean_squared_logarithmic_error",
        {},
        TARGETS,
        REALS,
        lambda y, p: ((np.log(np.clip(p, EPS, np.inf) + 1) - np.log(np.clip(y, EPS, np.inf) + 1)) ** 2).mean(-1),
    ),
    ("huber", {}, TARGETS, REALS, lambda y, p: np.where(abs(y - p) < 1, (y - p) ** 2 / 2, abs(y - p) - 0.5).mean(-1)),
    (
        "huber",
        {"delta": 2.0},
        np.zeros_like(REALS),
        f32([[2.0, -2.0, 0.0, 3.0]] * BATCH),
        lambda y, p: np.where(abs(y - p) < 2, (y - p) ** 2 / 2, 2 * abs(y - p) - 2).mean(-1),
    ),
    ("log_cosh", {}, TARGETS, REALS, lambda y, p: np.log(np.cosh(p - y)).mean(-1)),
    ("cosine_similarity", {}, TARGETS, REALS, lambda y, p: -(unit(y) * unit(p)).sum(-1)),
    ("cosine_similarity", {"axis": 0}, TARGETS, REALS, lambda y, p: -(unit(y.T) * unit(p.T)).sum(-1)),
    ("hinge", {}, SIGNS, REALS, lambda y, p: hinge(y, p).mean(-1)),
    ("hinge", {}, BINARY, REALS, lambda y, p: hinge(2 * y - 1, p).mean(-1)),
    ("hinge", {}, SIGNS, SIGNS, lambda y, p: hinge(y, p).mean(-1)),
    ("hinge", {}, np.ones_like(SIGNS), REALS, lambda y, p: hinge(y, p).mean(-1)),
    ("squared_hinge", {}, SIGNS, REALS, lambda y, p: (hinge(y, p) ** 2).mean(-1)),
    ("squared_hinge", {}, BINARY, REALS, lambda y, p: (hinge(2 * y - 1, p) ** 2).mean(-1)),
    (
        "categorical_hinge",
        {},
        ONE_HOT,
        REALS,
        lambda y, p: np.maximum(((1 - y) * p).max(-1) - (y * p).sum(-1) + 1, 0),
    ),
    ("categorical_hinge", {}, ONE_HOT, ONE_HOT, lambda y, p: np.zeros(BATCH)),
    ("binary_crossentropy", {}, BINARY, PROBABILITIES, lambda y, p: bce(y, p).mean(-1)),
    ("binary_crossentropy", {"axis": 0}, BINARY, PROBABILITIES, lambda y, p: bce(y, p).mean(0)),
    ("binary_crossentropy", {"label_smoothing": 0.2}, BINARY, PROBABILITIES, lambda y, p: bce(y * 0.8 + 0.1, p).mean(-1)),
    (
        "binary_crossentropy",
        {"from_logits": True},
        BINARY,
        LOGITS,
        lambda y, x: (y * np.log1p(np.exp(-x)) + (1 - y) * np.log1p(np.exp(x))).mean(-1),
    ),
    (
        "binary_crossentropy",
        {"from_logits": True, "label_smoothing": 0.2},
        BINARY,
        LOGITS,
        lambda y, x: ((0.8 * y + 0.1) * np.log1p(np.exp(-x)) + (0.9 - 0.8 * y) * np.log1p(np.exp(x))).mean(-1),
    ),
    ("binary_focal_crossentropy", {}, BINARY, PROBABILITIES, lambda y, p: focal(y, p).mean(-1)),
    ("binary_focal_crossentropy", {"gamma": 0.0}, BINARY, PROBABILITIES, lambda y, p: bce(y, p).mean(-1)),
    (
        "binary_focal_crossentropy",
        {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5},
        BINARY,
        PROBABILITIES,
        lambda y, p: ((y * 0.3 + (1 - y) * 0.7) * focal(y, p, 1.5)).mean(-1),
    ),
    (
        "binary_focal_crossentropy",
        {"from_logits": True, "label_smoothing": 0.1},
        BINARY,
        f32(LOGITS / 16),
        lambda y, x: focal(y * 0.9 + 0.05, 1 / (1 + np.exp(-x))).mean(-1),
    ),
    ("categorical_crossentropy", {}, ONE_HOT, DISTRIBUTIONS, lambda y, p: -(y * np.log(normalized(p))).sum(-1)),
    ("categorical_crossentropy", {}, SOFT, UNNORMALIZED, lambda y, p: -(y * np.log(normalized(p))).sum(-1)),
    ("categorical_crossentropy", {"axis": 0}, ONE_HOT, POSITIVE, lambda y, p: -(y * np.log(normalized(p, 0))).sum(0)),
    (
        "categorical_crossentropy",
        {"label_smoothing": 0.2},
        ONE_HOT,
        DISTRIBUTIONS,
        lambda y, p: -((y * 0.8 + 0.05) * np.log(normalized(p))).sum(-1),
    ),
    ("categorical_crossentropy", {"from_logits": True}, ONE_HOT, LOGITS, lambda y, x: -(y * log_softmax(x)).sum(-1)),
    (
        "categorical_focal_crossentropy",
        {},
        ONE_HOT,
        DISTRIBUTIONS,
        lambda y, p: -(0.25 * (1 - normalized(p)) ** 2 * y * np.log(normalized(p))).sum(-1),
    ),
    (
        "categorical_focal_crossentropy",
        {"alpha": [0.1, 0.2, 0.3, 0.4], "gamma": 1.0, "from_logits": True, "label_smoothing": 0.1},
        ONE_HOT,
        f32(LOGITS / 4),
        lambda y, x: (
            -(np.array([0.1, 0.2, 0.3, 0.4]) * (1 - np.exp(log_softmax(x))) * (0.9 * y + 0.025) * log_softmax(x)).sum(-1)
        ),
    ),
    ("sparse_categorical_crossentropy", {}, LABELS, DISTRIBUTIONS, lambda y, p: -np.log(pick(normalized(p), y))),
    ("sparse_categorical_crossentropy", {}, COLUMN, UNNORMALIZED, lambda y, p: -np.log(pick(normalized(p), LABELS))),
    ("sparse_categorical_crossentropy", {}, f32(LABELS), DISTRIBUTIONS, lambda y, p: -np.log(pick(normalized(p), LABELS))),
    ("sparse_categorical_crossentropy", {"from_logits": True}, LABELS, LOGITS, lambda y, x: -pick(log_softmax(x), y)),
    ("sparse_categorical_crossentropy", {"from_logits": True}, PIXEL_LABELS, PIXELS, lambda y, x: -pick(log_softmax(x), y)),
    (
        "sparse_categorical_crossentropy",
        {"from_logits": True, "ignore_class": 1},
        PIXEL_LABELS,
        PIXELS,
        lambda y, x: np.where(y == 1, 0, -pick(log_softmax(x), y)),
    ),
    (
        "sparse_categorical_crossentropy",
        {"ignore_class": 2},
        LABELS,
        DISTRIBUTIONS,
        lambda y, p: np.where(y == 2, 0, -np.log(pick(normalized(p), y))),
    ),
    ("categorical_generalized_cross_entropy", {"q": 0.7}, LABELS, POSITIVE / 9, lambda y, p: (1 - pick(p, y) ** 0.7) / 0.7),
    (
        "kl_divergence",
        {},
        SOFT,
        DISTRIBUTIONS,
        lambda y, p: (np.clip(y, EPS, 1) * np.log(np.clip(y, EPS, 1) / np.clip(p, EPS, 1))).sum(-1),
    ),
    ("poisson", {}, COUNTS, POSITIVE, lambda y, p: (p - y * np.log(p + EPS)).mean(-1)),
    ("dice", {}, BINARY, PROBABILITIES, lambda y, p: 1 - 2 * (y * p).sum() / (y.sum() + p.sum() + EPS)),
    ("dice", {"axis": -1}, BINARY, PROBABILITIES, lambda y, p: 1 - 2 * (y * p).sum(-1) / (y.sum(-1) + p.sum(-1) + EPS)),
    (
        "tversky",
        {"alpha": 0.3, "beta": 0.7},
        BINARY,
        PROBABILITIES,
        lambda y, p: 1 - (y * p).sum() / ((y * p).sum() + 0.3 * ((1 - p) * y).sum() + 0.7 * (p * (1 - y)).sum() + EPS),
    ),
    (
        "tversky",
        {"axis": (1,)},
        BINARY,
        PROBABILITIES,
        lambda y, p: 1 - (y * p).sum(1) / ((y * p).sum(1) + 0.5 * ((1 - p) * y).sum(1) + 0.5 * (p * (1 - y)).sum(1) + EPS),
    ),
    ("circle", {"gamma": 5.0}, IDENTITIES[:-1], EMBEDDINGS[:-1], lambda y, e: circle_loss(y, e, gamma=5.0)),
    (
        "circle",
        {"gamma": 5.0, "margin": 0.2, "remove_diagonal": False},
        IDENTITIES,
        EMBEDDINGS,
        lambda y, e: circle_loss(y, e, 5.0, 0.2, False),
    ),
    ("ctc", {}, SEQUENCES, FRAMES, ctc_loss),
]
IDS = ["-".join([str(i), name, *(f"{k}={v}" for k, v in kwargs.items())]) for i, (name, kwargs, *_) in enumerate(CASES)]
every_case = pytest.mark.parametrize("row", range(len(CASES)), ids=IDS)


def values_and_gradients(module):
    """Every case in one program, so that there is one compilation instead of a hundred."""

    def run(data):
        results = []
        for (name, kwargs, *_), (y_true, y_pred) in zip(CASES, data, strict=True):
            loss = functools.partial(getattr(module, name), y_true, **kwargs)
            values, pull = jax.vjp(loss, y_pred)
            slopes = jnp.cos(jnp.arange(values.size, dtype=values.dtype)).reshape(values.shape)
            results.append((values, pull(slopes)[0]))
        return results

    return jax.device_get(jax.jit(run)([(y_true, y_pred) for _, _, y_true, y_pred, _ in CASES]))


@pytest.fixture(scope="module")
def ours():
    with jax.numpy_dtype_promotion("strict"):
        return values_and_gradients(losses)


@pytest.fixture(scope="module")
def theirs():
    return values_and_gradients(keras.losses)


@every_case
def test_values_and_gradients_are_those_of_keras(row, ours, theirs):
    for actual, expected in zip(ours[row], theirs[row], strict=True):
        assert np.isfinite(expected).all()
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


@every_case
def test_values_are_those_of_the_formula(row, ours):
    _, _, y_true, y_pred, formula = CASES[row]
    y_true = y_true if y_true.dtype == "int32" else y_true.astype("float64")
    assert_close(ours[row][0], formula(y_true, y_pred.astype("float64")), rtol=1e-6)


# -- classes, weights, reductions, masks ------------------------------------------------------------------------------

CLASSES = sorted(n for n in dir(keras.losses) if inspect.isclass(getattr(keras.losses, n)) and n != "Loss")
REDUCTIONS = ["sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None]


def data_of(class_name):
    """Targets and outputs of the first case of the class's function."""
    function = getattr(losses, class_name)
    name = function().fn.__name__
    return next((y_true, y_pred) for n, _, y_true, y_pred, _ in CASES if n == name)


def weighted_losses(module):
    """Every class, without and with sample weights."""

    def run(data):
        results = {}
        for name in CLASSES:
            y_true, y_pred = data[name]
            weights = jnp.arange(len(y_pred), dtype="float32")
            loss = getattr(module, name)()
            results[name] = loss(y_true, y_pred), loss(y_true, y_pred, sample_weight=weights)
        return results

    return jax.device_get(jax.jit(run)({name: data_of(name) for name in CLASSES}))


@pytest.fixture(scope="module")
def class_losses():
    with jax.numpy_dtype_promotion("strict"):
        ours = weighted_losses(losses)
    return ours, weighted_losses(keras.losses)


@pytest.mark.parametrize("name", CLASSES)
def test_classes_give_the_numbers_of_keras(name, class_losses):
    ours, theirs = class_losses
    assert_close(ours[name], theirs[name])


WEIGHTS = {
    "none": None,
    "per_sample": f32([0, 1, 2, 0.5, 3, 1]),
    "per_sample_column": f32([[0], [1], [2], [0.5], [3], [1]]),
    "per_value": f32(rng.uniform(0, 2, (BATCH, 2))),
    "scalar": f32(2.0),
    "zeros": np.zeros(BATCH, "float32"),
}
FLAT = f32(rng.normal(size=(BATCH, 1)))  # values of shape (6,)
DEEP = f32(rng.normal(size=(BATCH, 2, 3)))  # values of shape (6, 2)


def every_reduction(module):
    def run(flat, deep):
        results = {}
        for reduction in REDUCTIONS:
            loss = module.MeanSquaredError(reduction=reduction)
            for name, weight in WEIGHTS.items():
                if name != "per_value":
                    results[reduction, name, "flat"] = loss(flat * 0, flat, sample_weight=weight)
                if name not in ("per_sample", "zeros"):  # Keras has no meaning for these
                    results[reduction, name, "deep"] = loss(deep * 0, deep, sample_weight=weight)
        return [*results.items()]

    keys = []
    values = jax.jit(lambda *data: [keys.append(key) or value for key, value in run(*data)])(FLAT, DEEP)
    return dict(zip(keys, jax.device_get(values), strict=True))


def test_reductions_and_weights_are_those_of_keras():
    with jax.numpy_dtype_promotion("strict"):
        ours = every_reduction(losses)
    theirs = every_reduction(keras.losses)
    assert len(ours) == len(REDUCTIONS) * (5 + 4)
    for key, expected in theirs.items():
        assert_close(ours[key], expected, err_msg=str(key))


def test_one_weight_per_sample_weighs_all_its_values():
    values = rng.normal(size=(BATCH, 2))
    weight = WEIGHTS["per_sample"]
    loss = losses.reduce_weighted_values(f32(values), weight)
    assert_close(loss, (values * weight[:, None]).mean())
    square = losses.reduce_weighted_values(f32(values[:2]), weight[:2])  # not one weight per column
    assert_close(square, (values[:2] * weight[:2, None]).mean())


class TestMasks:
    Y = f32(rng.normal(size=(4, 3, 2)))
    MASK = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 1, 1]], bool)

    def run(self, reduction, weight=None, mask=MASK):
        y_pred = jnp.asarray(self.Y)
        with jax.numpy_dtype_promotion("strict"), Frame() as frame:
            frame.set_mask(y_pred, jnp.asarray(mask))
            return losses.MeanSquaredError(reduction=reduction)(np.zeros_like(self.Y), y_pred, sample_weight=weight)

    def run_keras(self, reduction, weight=None):
        y_pred = keras.ops.convert_to_tensor(self.Y)
        keras.src.backend.set_keras_mask(y_pred, self.MASK)
        return keras.losses.MeanSquaredError(reduction=reduction)(np.zeros_like(self.Y), y_pred, sample_weight=weight)

    @pytest.mark.parametrize("reduction", REDUCTIONS)
    def test_the_mask_of_the_outputs_is_honoured_as_in_keras(self, reduction):
        weight = f32(rng.uniform(0, 2, (4, 3)))
        assert_close(self.run(reduction), self.run_keras(reduction))
        assert_close(self.run(reduction, weight), self.run_keras(reduction, weight))

    def test_what_is_masked_does_not_count(self):
        values = (self.Y**2).mean(-1)
        assert_close(self.run("mean"), values[self.MASK].mean())
        weight = f32([1, 2, 3, 4])
        expected = (values * weight[:, None])[self.MASK].sum() / self.MASK.sum()
        assert_close(self.run("mean", weight), expected)

    def test_nothing_counts(self):
        assert self.run("mean", mask=np.zeros((4, 3), bool)) == 0
        assert self.run("mean_with_sample_weight", mask=np.zeros((4, 3), bool)) == 0

    def test_a_mask_that_does_not_fit(self):
        with pytest.raises(ValueError, match=r"values of shape \(4, 3\).*shape \(4, 2\)"):
            self.run("mean", mask=np.ones((4, 2), bool))

    def test_ignored_classes_do_not_count_in_the_mean(self):
        loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1)
        theirs = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1)
        assert_close(loss(PIXEL_LABELS, PIXELS), theirs(PIXEL_LABELS, PIXELS))
        counted = PIXEL_LABELS != 1
        assert_close(loss(PIXEL_LABELS, PIXELS), -pick(log_softmax(PIXELS.astype("float64")), PIXEL_LABELS)[counted].mean())

    def test_both_masks_count(self):
        y_pred = jnp.asarray(PIXELS)
        mask = rng.integers(0, 2, (BATCH, 2)).astype(bool)
        with Frame() as frame:
            frame.set_mask(y_pred, jnp.asarray(mask))
            loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1)(PIXEL_LABELS, y_pred)
        counted = mask & (PIXEL_LABELS != 1)
        assert_close(loss, -pick(log_softmax(PIXELS.astype("float64")), PIXEL_LABELS)[counted].mean())


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-10, 10, width=32), st.floats(0, 4, width=32), st.booleans()), min_size=1, max_size=8),
    st.sampled_from(REDUCTIONS[:4]),
)
def test_reduction_is_its_formula(rows, reduction):
    v, w, m = (np.array(column, "float64") for column in zip(*rows, strict=True))
    total = (v * w * m).sum()
    divisor = {"sum": 1.0, "mean_with_sample_weight": (w * m).sum()}.get(reduction, m.sum())
    expected = total / divisor if divisor else 0.0
    actual = losses.reduce_weighted_values(f32(v), f32(w), m.astype(bool), reduction)
    assert abs(float(actual) - expected) <= 1e-5 * max(1, abs(v).max())


def test_a_reduction_that_does_not_exist():
    with pytest.raises(ValueError, match=r"Unknown reduction 'summ'.*Did you mean 'sum'"):
        losses.MeanSquaredError(reduction="summ")


@pytest.mark.parametrize("weight", [np.ones(5), np.ones((6, 2)), np.ones((2, 6))], ids=lambda w: str(w.shape))
def test_weights_that_do_not_fit(weight):
    with pytest.raises(ValueError, match=r"one weight per sample, of shape \(6,\)"):
        losses.MeanSquaredError()(FLAT, FLAT, sample_weight=weight)


# -- names, configs, signatures ---------------------------------------------------------------------------------------

FUNCTIONS = sorted({name for name, *_ in CASES})
ALIASES = ["mse", "MSE", "mae", "MAE", "mape", "MAPE", "msle", "MSLE", "bce", "BCE", "kld", "KLD"]


def test_every_loss_of_keras_has_a_case():
    known = {n for n in dir(keras.losses) if not n.startswith("_")} - {"get", "serialize", "deserialize", "Loss"}
    assert known == {*FUNCTIONS, *CLASSES}
    assert known < set(losses.__all__)


@pytest.mark.parametrize("name", [n for n in dir(keras.losses) if not n.startswith("_")])
def test_signatures_are_those_of_keras(name):
    def parameters(item):
        return [(p.name, p.default) for p in inspect.signature(item).parameters.values()]

    item, theirs = getattr(losses, name), getattr(keras.losses, name)
    expected = parameters(theirs)
    assert parameters(item)[: len(expected)] == expected
    if inspect.isclass(theirs):
        expected = parameters(theirs.__init__)
        assert parameters(item.__init__)[: len(expected)] == expected
    assert item.__doc__


@pytest.mark.parametrize("name", [*FUNCTIONS, *CLASSES, *ALIASES])
def test_names_mean_what_they_mean_in_keras(name):
    if "eneralized" in name:  # Keras forgot these two in its table of names
        found, theirs = losses.get(name), getattr(keras.losses, name)
    else:
        found, theirs = losses.get(name), keras.losses.get(name)
    if inspect.isfunction(found):
        assert found.__name__ == theirs.__name__
        assert found is getattr(losses, name)
    else:
        assert type(found).__name__ == name
        assert (found.name, found.reduction) == (losses.get(name).name, "sum_over_batch_size")


def test_spellings_of_tutorials():
    assert losses.get("mean_squared_err") is losses.mean_squared_err is losses.mean_squared_error
    for old, new in [
        ("cosine", "cosine_similarity"),
        ("cosine_proximity", "cosine_similarity"),
        ("kullback_leibler_divergence", "kl_divergence"),
        ("logcosh", "log_cosh"),
        ("huber_loss", "huber"),
    ]:
        assert losses.get(old) is getattr(losses, new)


def test_get_takes_what_keras_takes():
    def mine(y_true, y_pred):
        return y_pred - y_true

    loss = losses.Huber()
    assert losses.get(None) is None
    assert losses.get(mine) is mine
    assert losses.get(loss) is loss
    assert isinstance(losses.get(losses.Huber), losses.Huber)
    config = {"class_name": "CategoricalCrossentropy", "config": {"from_logits": True}}
    assert losses.get(config).from_logits is True
    with pytest.raises(ValueError, match=r"Unknown loss: 'mean_sqared_error'\. Did you mean 'mean_squared_error'"):
        losses.get("mean_sqared_error")
    with pytest.raises(ValueError, match="Could not interpret loss: 3"):
        losses.get(3)


ARGUMENTS = {
    "Huber": {"delta": 2.0},
    "CosineSimilarity": {"axis": 1},
    "BinaryCrossentropy": {"from_logits": True, "label_smoothing": 0.1, "axis": 1},
    "BinaryFocalCrossentropy": {"apply_class_balancing": True, "alpha": 0.5, "gamma": 1.0},
    "CategoricalCrossentropy": {"label_smoothing": 0.1},
    "CategoricalFocalCrossentropy": {"alpha": [0.25, 0.5, 0.1, 0.1], "gamma": 3.0},
    "SparseCategoricalCrossentropy": {"from_logits": True, "ignore_class": 2, "axis": -1},
    "Dice": {"axis": (1,)},
    "Tversky": {"alpha": 0.2, "beta": 0.4, "axis": (1,)},
    "Circle": {"gamma": 4.0, "margin": 0.1, "remove_diagonal": False},
    "CategoricalGeneralizedCrossEntropy": {"q": 0.25},
}


@pytest.mark.parametrize("name", CLASSES)
def test_configs_go_there_and_back_and_to_keras(name):
    arguments = {**ARGUMENTS.get(name, {}), "reduction": "sum", "name": "mine"}
    loss = getattr(losses, name)(**arguments)
    config = loss.get_config()
    assert {k: config[k] for k in arguments} == arguments
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == config
    # Keras makes the same loss of our config, and we of Keras's (which leaves out a few arguments).
    theirs = getattr(keras.losses, name).from_config(config)
    written = keras.losses.serialize(theirs)
    assert losses.serialize(loss)["class_name"] == written["class_name"]
    back = losses.deserialize(written)
    assert type(back) is type(loss)
    assert (
        {k: back.get_config()[k] for k in theirs.get_config()}
        == theirs.get_config()
        == {k: config[k] for k in theirs.get_config()}
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_written_as_keras_writes_them(name):
    function, theirs = getattr(losses, name), getattr(keras.losses, name)
    assert losses.serialize(function) == keras.losses.serialize(theirs)
    assert losses.deserialize(losses.serialize(function)) is function
    assert losses.deserialize(name) is function


def test_dtype():
    loss = losses.MeanSquaredError(dtype="bfloat16")
    assert loss(FLAT, FLAT).dtype == loss.dtype == "bfloat16"
    assert losses.MeanSquaredError.from_config(loss.get_config()).dtype == "bfloat16"
    assert losses.MeanSquaredError()(jnp.ones(2, "bfloat16"), jnp.ones(2, "bfloat16")).dtype == "float32"
    # Class numbers are not rounded to bfloat16, which has no 257.
    logits = jnp.zeros((1, 300)).at[0, 257].set(50.0)
    assert losses.SparseCategoricalCrossentropy(from_logits=True, dtype="bfloat16")([257], logits) < 1e-3


def test_misspelt_arguments_get_a_suggestion():
    with pytest.raises(TypeError, match=r"BinaryCrossentropy\(\) got an unexpected keyword .*Did you mean 'from_logits'"):
        losses.BinaryCrossentropy(form_logits=True)
    with pytest.raises(TypeError, match="takes from 1 to 4 positional arguments but 5 were given"):
        losses.MeanSquaredError("sum", "mine", None, 3)
    assert losses.Tversky(0.1, 0.9, "sum").get_config()["beta"] == 0.9


# -- losses of one's own ----------------------------------------------------------------------------------------------


@register_serializable("test_losses")
class Worst(losses.Loss):
    def call(self, y_true, y_pred):
        return jnp.max(jnp.abs(y_true - y_pred), axis=-1)


@register_serializable("test_losses")
def bent(y_true, y_pred, power=2):
    return jnp.mean(jnp.abs(y_true - y_pred) ** power, axis=-1)


def test_a_class_of_ones_own():
    loss = Worst()
    assert loss.name.startswith("worst")
    assert_close(loss(TARGETS, REALS), np.abs(TARGETS - REALS).max(-1).mean())
    again = losses.deserialize(losses.serialize(Worst(reduction="sum", name="mine")))
    assert (type(again), again.reduction, again.name) == (Worst, "sum", "mine")


def test_a_class_without_call():
    with pytest.raises(TypeError, match=r"must define call\(self, y_true, y_pred\)"):
        losses.Loss()(FLAT, FLAT)


def test_a_function_of_ones_own():
    loss = losses.LossFunctionWrapper(bent, power=3, name="bent")
    assert_close(loss(TARGETS, REALS), (np.abs(TARGETS - REALS) ** 3).mean())
    again = losses.deserialize(losses.serialize(loss))
    assert (again.fn, again.power, again.name) == (bent, 3, "bent")
    # As in Keras, its arguments have the same rank.
    assert_close(loss(FLAT[:, 0], FLAT * 2), (np.abs(FLAT) ** 3).mean())


def test_a_subclass_of_a_loss_of_the_library():
    class Doubled(losses.MeanSquaredError):
        def __init__(self, factor=2.0, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, y_true, y_pred):
            return self.factor * super().call(y_true, y_pred)

    assert_close(Doubled(name="doubled")(FLAT, FLAT + 1), 2.0)
    assert Doubled(reduction="sum").get_config() == {"name": "mean_squared_error", "reduction": "sum"}


def test_structures_of_targets():
    def both(y_true, y_pred):
        return jnp.abs(y_true["a"] - y_pred["a"]) + jnp.abs(y_true["b"] - y_pred["b"])

    y = {"a": FLAT[:, 0], "b": FLAT}
    p = {"a": FLAT + 1, "b": FLAT + 2}
    assert_close(losses.LossFunctionWrapper(both)(y, p), 3.0, rtol=1e-5)


# -- logits -----------------------------------------------------------------------------------------------------------

LINKED = [
    ("binary_crossentropy", BINARY, jax.nn.sigmoid, "sigmoid"),
    ("categorical_crossentropy", ONE_HOT, jax.nn.softmax, "softmax"),
    ("sparse_categorical_crossentropy", LABELS, jax.nn.softmax, "softmax"),
]


@pytest.mark.parametrize(("name", "y", "activation", "link"), LINKED, ids=lambda x: x if isinstance(x, str) else "")
def test_with_logits_is_the_same_loss(name, y, activation, link):
    function = getattr(losses, name)
    wrapped = losses.LossFunctionWrapper(function, name="mine", reduction="sum")
    x = jnp.asarray(LOGITS / 8)
    for loss in (function, wrapped):
        safe = losses.with_logits(loss)
        assert safe.link == link
        assert losses.with_logits(safe) is None
        assert_close(safe(y, x), loss(y, activation(x)), rtol=2e-6)
    safe = losses.with_logits(wrapped)
    assert (safe.name, safe.reduction) == ("mine", "sum")
    assert "from_logits" not in wrapped.get_config()
    # A confident mistake is felt: clipped probabilities would have no gradient.
    x = -100 * (2 * ONE_HOT - 1)
    y = ONE_HOT if link == "sigmoid" else y
    gradient = jax.grad(lambda x: safe(y, x))(jnp.asarray(x))
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0.1
    assert np.abs(jax.grad(lambda x: wrapped(y, activation(x)))(jnp.asarray(x))).max() == 0


def test_losses_without_a_form_on_logits():
    class Mine(losses.BinaryCrossentropy):
        def call(self, y_true, y_pred):
            return 2 * super().call(y_true, y_pred)

    for loss in (
        losses.MeanSquaredError(),
        losses.mean_squared_error,
        losses.BinaryCrossentropy(from_logits=True),
        losses.CategoricalCrossentropy(axis=1),
        losses.CategoricalFocalCrossentropy(),
        Mine(),
        Worst(),
        bent,
    ):
        assert losses.with_logits(loss) is None
    partial = losses.with_logits(functools.partial(losses.binary_crossentropy, label_smoothing=0.2))
    assert_close(partial(BINARY, LOGITS), losses.binary_crossentropy(BINARY, LOGITS, True, 0.2))


@pytest.fixture(scope="module")
def hard_gradients():
    """The gradients at zero vectors and certain mistakes, of every loss behind an activation that goes with it."""
    activations = dict.fromkeys(["circle", "ctc"], lambda x: x)
    activations |= dict.fromkeys(["cosine_similarity", "mean_absolute_percentage_error", "poisson"], jax.nn.relu)

    def run(data):
        results = {}
        for name, (y_true, y_pred) in data.items():
            loss = functools.partial(getattr(losses, name), y_true, **({"q": 0.7} if "generalized" in name else {}))
            activation = activations.get(name, jax.nn.softmax)
            total = jax.grad(lambda x, f=loss, a=activation: jnp.sum(f(a(x))))
            results[name] = jax.lax.map(total, jnp.stack([jnp.zeros_like(y_pred), -200 * y_pred, 200 * y_pred]))
        return results

    with jax.numpy_dtype_promotion("strict"):
        return jax.device_get(jax.jit(run)({name: (y_true, y_pred) for name, _, y_true, y_pred, _ in CASES}))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_hard_cases_have_finite_gradients(name, hard_gradients):
    assert np.isfinite(hard_gradients[name]).all()


# -- shapes -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def strict():
    jkeras.config.set_strict_targets(True)
    yield
    jkeras.config.set_strict_targets(False)


SAME_SHAPE = [n for n in FUNCTIONS if getattr(losses, n).targets != "labels"]


@pytest.mark.parametrize("name", SAME_SHAPE)
def test_targets_that_would_only_broadcast_are_refused(name, strict):
    loss = getattr(losses, name)
    for targets in ((4,), (4, 1), (3,), (1, 3), (4, 2), (4, 3, 1, 1)):
        with pytest.raises(ValueError, match=rf"{name}: y_true has shape .* y_pred has shape \(4, 3\)"):
            loss(jnp.ones(targets), jnp.ones((4, 3)))


def test_targets_may_broadcast_unless_told_otherwise():
    y, p = np.array([[1.0], [0.0], [2.0]], "float32"), np.arange(12.0, dtype="float32").reshape(3, 4)
    for name in ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh", "poisson", "hinge", "cosine_similarity"):
        assert_close(getattr(losses, name)(y, p), getattr(keras.losses, name)(y, p), rtol=1e-5)
        assert_close(getattr(losses, name)(y[:, 0], p), getattr(losses, name)(y, p))


@pytest.mark.parametrize("name", [n for n in SAME_SHAPE if n not in ("dice", "tversky") and not n.startswith("categorical")])
def test_a_last_axis_of_one_comes_and_goes(name):
    loss = getattr(losses, name)
    y, p = np.array([1.0, 0.0, 1.0, 1.0]), np.array([0.5, 0.25, 0.75, 0.5])
    expected = loss(y[:, None], p[:, None])
    assert expected.shape == (4,)
    assert_close(loss(y, p[:, None]), expected)
    assert_close(loss(y[:, None], p), expected)


def test_lists_integers_and_variables():
    assert losses.mean_squared_error([[1, 2]], [[2, 4]]).tolist() == [2.5]
    assert losses.MeanSquaredError()([[1, 2]], [[2, 4]]) == 2.5
    assert losses.mean_squared_error(np.ones((1, 2), "int64"), Variable([[2.0, 4.0]])).tolist() == [5.0]
    assert losses.mean_squared_error(np.zeros((2, 3), "float64"), np.ones((2, 3), "float64")).dtype == "float32"
    assert losses.mean_squared_error(KerasTensor((None, 3)), KerasTensor((None, 3))).shape == (None,)


def test_the_sparse_loss_says_what_it_needs():
    with pytest.raises(ValueError, match=r"shape \(6, 4\).*shape \(6,\), but it has shape \(6, 4\).*'categorical_cross"):
        losses.sparse_categorical_crossentropy(ONE_HOT, DISTRIBUTIONS)
    with pytest.raises(ValueError, match=r"class numbers in the shape \(6,\), but it has shape \(5,\)"):
        losses.sparse_categorical_crossentropy(LABELS[:5], DISTRIBUTIONS)
    along_first = losses.sparse_categorical_crossentropy(LABELS, DISTRIBUTIONS.T, axis=0)
    assert_close(along_first, losses.sparse_categorical_crossentropy(LABELS, DISTRIBUTIONS))
    unknown = losses.sparse_categorical_crossentropy([-1, 7], DISTRIBUTIONS[:2])
    assert np.abs(unknown).max() == 0


def test_an_argument_in_the_place_of_another():
    with pytest.raises(ValueError, match="axis must be an integer, got axis=True"):
        losses.categorical_crossentropy(ONE_HOT, DISTRIBUTIONS, False, 0.0, True)
    with pytest.raises(ValueError, match=r"q between 0 and 1, got q=1\.5"):
        losses.CategoricalGeneralizedCrossEntropy(q=1.5)
    with pytest.raises(ValueError, match=r"\(batch, time, classes\).*\(6,\) and \(6, 4\)"):
        losses.ctc(LABELS, LOGITS)


def test_a_single_class_warns():
    with pytest.warns(SyntaxWarning, match=r"shape \(6, 1\) has a single class.*binary_crossentropy"):
        losses.categorical_crossentropy(FLAT, FLAT)


# -- the check before training ----------------------------------------------------------------------------------------


def spec(*shape, dtype="float32"):
    return KerasTensor(shape, dtype)


LABEL_ARRAY = np.array([0, 2, 1, 3])
BAD = [  # loss, targets, outputs, what the message says
    ("categorical_crossentropy", spec(None), spec(None, 3), r"\(None,\).*\(None, 3\).*sparse_categorical_cross.*3\)"),
    ("categorical_crossentropy", LABEL_ARRAY[:, None], spec(None, 4), "to_categorical"),
    ("categorical_crossentropy", spec(None, 3), spec(None, 4), "3 classes, so the last layer needs 3 units, but it has 4"),
    ("categorical_hinge", spec(8), spec(8, 4), "one-hot"),
    ("sparse_categorical_crossentropy", spec(8, 4), spec(8, 4), "loss='categorical_crossentropy'.*argmax"),
    ("sparse_categorical_crossentropy", spec(8, 3), spec(8, 4), "look one-hot"),
    ("sparse_categorical_crossentropy", spec(8), spec(8, 1), "single class.*binary_crossentropy"),
    ("sparse_categorical_crossentropy", spec(8), spec(8, 5, 3), r"Class numbers of shape \(8, 5\)"),
    ("sparse_categorical_crossentropy", LABEL_ARRAY, spec(4, 3), "from 0 to 3, but 3 outputs stand for the classes 0 to 2"),
    ("sparse_categorical_crossentropy", LABEL_ARRAY + 1, spec(4, 4), "start at 1: pass y - 1 .* 5 units"),
    ("sparse_categorical_crossentropy", -LABEL_ARRAY, spec(4, 4), "from -3 to 0"),
    ("sparse_categorical_crossentropy", LABEL_ARRAY / 2, spec(4, 4), "whole, but one of them is 0.5"),
    ("categorical_generalized_cross_entropy", LABEL_ARRAY, spec(4, 3), "from 0 to 3"),
    ("binary_crossentropy", spec(8), spec(8, 2), r"Dense\(1, activation='sigmoid'\).*sparse_categorical_crossentropy"),
    ("binary_crossentropy", spec(8, 3), spec(8, 1), r"Dense\(3, activation='softmax'\).*categorical_crossentropy"),
    ("binary_crossentropy", spec(8, 3), spec(8, 2), "3 columns, so the last layer needs 3 units"),
    ("mean_squared_error", spec(8), spec(8, 3), "only broadcast.*one unit instead of 3"),
    ("mean_squared_error", spec(8, 1), spec(8, 3), "only broadcast"),
    ("mean_squared_error", spec(8, 3), spec(8, 1), "3 columns, so the last layer needs 3 units, but it has 1"),
    ("mean_squared_error", spec(8, 5, 2), spec(8, 2), "as many axes as the outputs, 2, but they have 3"),
    ("mean_squared_error", spec(8, 5, 2), spec(8, 4, 2), "the shape of the outputs"),
    ("circle", spec(8, 4), spec(8, 4), "one class number per sample"),
    ("ctc", spec(8), spec(8, 4), r"\(batch, labels\) and \(batch, time, classes\)"),
]


@pytest.mark.parametrize(("name", "y_true", "y_pred", "message"), BAD, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(BAD)])
def test_wrong_targets_are_found_before_training(name, y_true, y_pred, message, strict):
    function = getattr(losses, name)
    for loss in (function, losses.LossFunctionWrapper(function)):
        with pytest.raises(ValueError, match=rf"Loss '{name}': the targets have shape .*{message}"):
            losses.check_targets(loss, y_true, y_pred)


GOOD = [
    ("categorical_crossentropy", spec(None, 3), spec(None, 3)),
    ("categorical_crossentropy", spec(8, 3), spec(None, 3)),
    ("sparse_categorical_crossentropy", spec(None, dtype="float32"), spec(None, 3)),
    ("sparse_categorical_crossentropy", LABEL_ARRAY, spec(None, 4)),
    ("sparse_categorical_crossentropy", LABEL_ARRAY[:, None].astype("float64"), spec(None, 4)),
    ("sparse_categorical_crossentropy", LABEL_ARRAY > 0, spec(None, 2)),
    ("binary_crossentropy", spec(8), spec(8, 1)),
    ("binary_crossentropy", spec(8, 2), spec(8, 2)),
    ("mean_squared_error", spec(8), spec(8, 1)),
    ("mean_squared_error", spec(8, 1), spec(8)),
    ("mean_squared_error", spec(8), spec(8)),
    ("mean_squared_error", spec(8, 5), spec(8, 5, 1)),
    ("circle", spec(8, 1), spec(8, 4)),
    ("ctc", spec(8, 3), spec(8, 10, 4)),
    ("hinge", spec(8), None),
]


@pytest.mark.parametrize(("name", "y_true", "y_pred"), GOOD, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(GOOD)])
def test_right_targets_pass(name, y_true, y_pred):
    losses.check_targets(losses.LossFunctionWrapper(getattr(losses, name)), y_true, y_pred)


def test_only_what_is_known_is_checked():
    losses.check_targets(losses.SparseCategoricalCrossentropy(ignore_class=-1), -np.ones(4), spec(4, 3))
    losses.check_targets(bent, spec(8), spec(8, 3))
    with pytest.raises(ValueError, match=r"shape \(8, 3\) have no axis 2"):
        losses.check_targets(losses.SparseCategoricalCrossentropy(axis=2), spec(8), spec(8, 3))
    losses.check_targets(Worst(), spec(8), spec(8, 3))


def test_inside_jit_label_values_are_not_looked_at():
    @jax.jit
    def run(labels):
        losses.check_targets(losses.sparse_categorical_crossentropy, labels, spec(4, 3))
        return labels

    assert run(LABEL_ARRAY).shape == (4,)


@pytest.mark.parametrize("loss", ["mse", "mae", "binary_crossentropy", "poisson", "huber"])
@pytest.mark.parametrize("target,output", [((5, 4), (5, 4)), ((5, 4), (5, 4, 1)), ((5, 4, 1), (5, 4)), ((4, 4), (4, 4))])
def test_each_number_of_the_targets_may_have_a_weight(loss, target, output):
    rng = np.random.default_rng(1)
    y, p = rng.uniform(0.1, 0.9, target).astype("float32"), rng.uniform(0.1, 0.9, output).astype("float32")
    w = rng.uniform(size=target[:2]).astype("float32")
    function = losses.get(loss)
    single = np.asarray(function(y.reshape(-1, 1), p.reshape(-1, 1)))  # each number on its own
    expected = (single * w.reshape(-1)).mean()
    np.testing.assert_allclose(losses.LossFunctionWrapper(function)(y, p, w), expected, rtol=1e-5)
    metric = MeanMetricWrapper(function)
    metric.update_state(y, p, w)
    np.testing.assert_allclose(metric.result(), (single * w.reshape(-1)).sum() / w.sum(), rtol=1e-5)


def test_a_loss_of_whole_vectors_has_one_weight_for_each():
    with pytest.raises(ValueError, match=r"values of shape \(5, 1\), which the weights .* of shape \(5, 4\) do not fit"):
        losses.CosineSimilarity()(np.ones((5, 4)), np.ones((5, 4)), np.ones((5, 4)))
