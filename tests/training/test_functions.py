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


def overriding(k, seen):
    """A model whose three functions count their batches; the first is written anew, the others wrap the built-in ones."""

    class Own(k.Model):
        def make_train_function(self, force=False):
            step = jax.jit(self.train_step)

            def train(state, iterator):
                for batch in iterator:
                    seen.append(("train", batch[0].shape[0]))
                    logs, state = step(state, batch)
                    return {**logs, "twice": 2 * float(logs["loss"])}, state

            self.train_function = train

        def make_test_function(self, force=False):
            built_in = super().make_test_function(force) or self.test_function

            def test(state, iterator):
                seen.append(("test", 0))
                return built_in(state, iterator)

            self.test_function = test

        def make_predict_function(self, force=False):
            built_in = super().make_predict_function(force) or self.predict_function

            def predict(state, iterator):
                seen.append(("predict", 0))
                outputs, state = built_in(state, iterator)
                return jax.tree.map(lambda a: -a, outputs), state

            self.predict_function = predict
            return predict

    inputs = k.Input((3,))
    model = Own(inputs, k.layers.Dense(1, kernel_initializer="ones")(inputs))
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def test_functions_that_a_class_overrides_are_called():
    data, targets = np.linspace(-1, 1, 36, dtype="float32").reshape(12, 3), np.ones((12, 1), "float32")
    found = []
    for k in (jkeras, keras):
        seen: list = []
        model = overriding(k, seen)
        history = model.fit(data, targets, batch_size=4, epochs=2, shuffle=False, verbose=0).history
        results = model.evaluate(data, targets, batch_size=6, verbose=0, return_dict=True)
        found.append((history, results, model.predict(data, batch_size=12, verbose=0)))
        assert [kind for kind, _ in seen] == ["train"] * 6 + ["test"] * 2 + ["predict"]
    assert set(found[0][0]) == set(found[1][0]) == {"loss", "mae", "twice"}
    assert_close(found[0], found[1], rtol=1e-5)


def test_a_function_that_is_none_is_refused():
    class Nothing(jkeras.Model):
        def make_train_function(self, force=False):
            self.train_function = None

    inputs = jkeras.Input((3,))
    model = Nothing(inputs, jkeras.layers.Dense(1)(inputs))
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="Nothing.make_train_function must return a function"):
        model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)


def test_eager_steps_see_values_once():
    """A step that runs op by op may look at numbers, with callbacks that watch each batch, too."""
    seen = []

    class Own(jkeras.Model):
        def train_step(self, state, data):
            logs, state = super().train_step(state, data)
            seen.append(float(logs["loss"]))
            return logs, state

    inputs = jkeras.Input((3,))
    model = Own(inputs, jkeras.layers.Dense(1, kernel_initializer="ones")(inputs))
    model.compile("sgd", "mse", run_eagerly=True)
    data, targets = np.ones((8, 3), "float32"), np.zeros((8, 1), "float32")
    model.fit(data, targets, batch_size=4, verbose=0)
    assert len(seen) == 2
    model.fit(data, targets, batch_size=4, verbose=0, callbacks=[jkeras.callbacks.TerminateOnNaN()])
    assert len(seen) == 4
