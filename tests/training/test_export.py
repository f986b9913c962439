"""A whole training step exports, through `jax.export`, as one program for any number of rows."""

import jax
import numpy as np
import pytest

import jkeras
from jkeras import layers
from tests.oracle import assert_close


def dense():
    hidden = layers.Dense(8, activation="relu", kernel_regularizer="l2")
    return [hidden, layers.Dropout(0.5), layers.BatchNormalization(), layers.Dense(3, activation="softmax")]


def convolutional():
    return [
        layers.Conv2D(8, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.DepthwiseConv2D(3),
        layers.AveragePooling2D(2, 1, "same"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, activation="softmax"),
    ]


def recurrent():
    return [layers.LSTM(4, return_sequences=True), layers.Bidirectional(layers.GRU(3)), layers.Dense(2)]


CASES = {
    "labels": (dense, (4,), lambda rng, n: rng.integers(0, 3, n), "sparse_categorical_crossentropy", ["accuracy"]),
    "many metrics": (dense, (4,), lambda rng, n: np.eye(3)[rng.integers(0, 3, n)], "dice", ["accuracy", "r2_score", "auc"]),
    "images": (convolutional, (8, 8, 3), lambda rng, n: rng.integers(0, 3, n), "sparse_categorical_crossentropy", []),
    "sequences": (recurrent, (5, 3), lambda rng, n: rng.normal(size=(n, 2)), "mse", ["mae"]),
}


SHORT = ("labels", "sequences")


@pytest.mark.parametrize("case", [case if case in SHORT else pytest.param(case, marks=pytest.mark.slow) for case in CASES])
def test_a_training_step_exports_for_any_number_of_rows(case):
    make, shape, labels, loss, metrics = CASES[case]
    rng = np.random.default_rng(0)
    model = jkeras.Sequential(make())
    model.compile("adam", loss, metrics=[jkeras.metrics.AUC() if name == "auc" else name for name in metrics])
    x, y = rng.normal(size=(4, *shape)).astype("float32"), labels(rng, 4)
    y = y.astype("int32" if y.ndim == 1 else "float32")
    step, state = model.make_train_step(x, y)
    (rows,) = jax.export.symbolic_shape("rows")
    batch = [jax.ShapeDtypeStruct((rows, *a.shape[1:]), a.dtype) for a in (x, y)]
    exported = jax.export.export(jax.jit(step))(state, tuple(batch))
    assert_close(exported.call(state, (x, y)), jax.jit(step)(state, (x, y)), rtol=1e-4, atol=1e-5)
    assert_close(exported.call(state, (x[:3], y[:3])), jax.jit(step)(state, (x[:3], y[:3])), rtol=1e-4, atol=1e-5)
