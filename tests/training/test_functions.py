"""Keras's functions over steps, which are views here: the numbers are those of `fit` and of Keras."""

import jax
import numpy as np
import pytest

import jkeras
from tests.oracle import assert_close, keras

x, y = np.linspace(0, 1, 24, dtype="float32").reshape(8, 3), np.ones((8, 1), "float32")


def model_of(k, **options):
    model = k.Sequential([k.Input((3,)), k.layers.Dense(1, kernel_initializer="ones")])
    model.compile(k.optimizers.SGD(0.1), "mse", metrics=["mae"], **options)
    model.evaluate(x, y, verbose=0)
    return model


def lists(model, *names):
    return [[v.value for v in getattr(model, f"{name}_variables")] for name in names]


def test_the_train_function_trains():
    model, twin = model_of(jkeras, steps_per_execution=2), model_of(jkeras)
    state = [
        *lists(model, "trainable", "non_trainable"),
        [v.value for v in model.optimizer.variables],
        *lists(model, "metrics"),
    ]
    function = model.make_train_function()
    assert function is model.train_function is model.make_train_function() is not model.make_train_function(force=True)
    logs, (trainable, *_) = function(state, iter([(x[:4], y[:4]), (x[4:], y[4:])]))
    twin.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    assert set(logs) == {"loss", "mae"}
    assert_close(trainable, [v.numpy() for v in twin.weights], rtol=1e-5)


def test_the_other_functions():
    model = model_of(jkeras)
    logs, _ = model.make_test_function()(lists(model, "trainable", "non_trainable", "metrics"), iter([(x, y)]))
    assert_close(np.asarray(logs["mae"]), np.abs(model.predict(x, verbose=0) - y).mean(), rtol=1e-5)
    outputs, _ = model.make_predict_function()(lists(model, "trainable", "non_trainable"), iter([x]))
    assert_close(np.asarray(outputs), model.predict(x, verbose=0))


def test_loss_and_updates():
    def gradients(k):
        model = model_of(k)
        given = [*lists(model, "trainable", "non_trainable", "metrics"), x, y, None]
        options = {"training": True, "optimizer_variables": [v.value for v in model.optimizer.variables]}
        (loss, rest), found = jax.value_and_grad(model.compute_loss_and_updates, has_aux=True)(*given, **options)
        return loss, rest[0], rest[1], found

    assert_close(gradients(jkeras), gradients(keras), rtol=1e-5)


def test_overriding_one_is_warned_of():
    with pytest.warns(UserWarning, match="Own.make_train_function is never called.*Override these"):

        class Own(jkeras.Model):
            def make_train_function(self, force=False):
                return None
