"""A whole `fit` gives Keras's numbers: the same seed, the same weights, shuffles, dropout masks, losses."""

import numpy as np
import pytest

import jkeras
from tests.oracle import keras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(203, 2)).astype("float32")
Y = np.eye(2, dtype="float32")[(X.sum(axis=1) > 0).astype(int)]


def tutorial(k, dropout=0.0):
    """The tutorial's model, in either library."""
    layers = [k.layers.Dense(units=5, activation="relu"), k.layers.Dense(units=2, activation="softmax")]
    if dropout:
        layers.insert(1, k.layers.Dropout(dropout))
    return k.Sequential([k.layers.Input((2,)), *layers])


def both(run):
    """The results of `run(library)` after seeding each library alike."""
    results = []
    for k in (keras, jkeras):
        k.utils.clear_session()
        k.utils.set_random_seed(7)
        results.append(run(k))
    return results


def assert_histories_match(a, b, rtol=1e-5):
    assert set(a) == set(b)
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=rtol, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.slow
def test_the_tutorials_fit_over_20_epochs(optimizer):
    def run(k):
        model = tutorial(k)
        model.compile(loss="categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
        history = model.fit(X, Y, epochs=20, batch_size=5, shuffle=False, verbose=0).history
        return history, model.get_weights(), model.predict(X[:7], verbose=0), model.evaluate(X, Y, verbose=0)

    (theirs, *rest), (ours, *own) = both(run)
    assert_histories_match(theirs, ours)
    for a, b in zip([*rest[0], rest[1], rest[2]], [*own[0], own[1], own[2]], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run_with_shuffling_dropout_and_validation():
    def run(k):
        model = tutorial(k, dropout=0.3)
        model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy", "mse"])
        initial = model.get_weights()
        history = model.fit(X, Y, epochs=5, batch_size=16, validation_split=0.2, verbose=0).history
        return initial, history

    (their_start, theirs), (our_start, ours) = both(run)
    assert all(np.array_equal(a, b) for a, b in zip(their_start, our_start, strict=True))  # bit for bit
    assert_histories_match(theirs, ours, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:The data ran out")  # steps_per_epoch that do not divide a pass, in both libraries
@pytest.mark.parametrize("options", [
    {"class_weight": {0: 1.0, 1: 3.0}},
    {"sample_weight": RNG.uniform(0, 2, 203).astype("float32")},
    {"steps_per_epoch": 4},
    {"validation_data": (X[:50], Y[:50]), "validation_batch_size": 7, "validation_freq": 2},
    {"shuffle": "batch"},
], ids=lambda o: next(iter(o)))  # fmt: skip
def test_the_arguments_of_fit(options):
    def run(k):
        model = tutorial(k)
        model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"], weighted_metrics=["accuracy"])
        return model.fit(X, Y, epochs=4, batch_size=32, verbose=0, **options).history

    theirs, ours = both(run)
    assert_histories_match(theirs, ours)


@pytest.mark.parametrize("loss,target", [
    ("binary_crossentropy", Y[:, :1]), ("mse", Y), ("sparse_categorical_crossentropy", Y.argmax(1)), ("mape", Y + 1),
    ("squared_hinge", 2 * Y - 1),
])  # fmt: skip
def test_losses_and_what_accuracy_means_for_them(loss, target):
    def run(k):
        units, activation = (1, "sigmoid") if loss.startswith("binary") else (2, "softmax")
        head = k.layers.Dense(units, activation=activation)
        model = k.Sequential([k.layers.Input((2,)), k.layers.Dense(4, activation="tanh"), head])
        model.compile(loss=loss, optimizer="sgd", metrics=["accuracy"])
        return model.fit(X, target, epochs=3, batch_size=32, verbose=0).history

    theirs, ours = both(run)
    assert_histories_match(theirs, ours)


def test_regularizers_and_constraints():
    def run(k):
        model = k.Sequential(
            [
                k.layers.Input((2,)),
                k.layers.Dense(4, kernel_regularizer="l2", activity_regularizer="l1", kernel_constraint="unit_norm"),
                k.layers.Dense(2, bias_regularizer="l1", activation="softmax"),
            ]
        )
        model.compile(loss="categorical_crossentropy", optimizer="sgd")
        return model.fit(X, Y, epochs=3, batch_size=32, verbose=0).history, model.get_weights()

    (theirs, weights), (ours, own) = both(run)
    assert_histories_match(theirs, ours)
    for a, b in zip(weights, own, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_single_batches():
    def run(k):
        model = tutorial(k)
        model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
        results = [model.train_on_batch(X[i : i + 8], Y[i : i + 8]) for i in range(0, 40, 8)]
        model.reset_metrics()
        return results, model.test_on_batch(X[:8], Y[:8]), model.predict_on_batch(X[:3])

    (trained, tested, predicted), (ours, tested_ours, predicted_ours) = both(run)
    np.testing.assert_allclose(trained, ours, rtol=1e-5)
    np.testing.assert_allclose(tested, tested_ours, rtol=1e-5)
    np.testing.assert_allclose(predicted, predicted_ours, rtol=1e-5)
