"""What fit and evaluate log, when an iterator ends them, and what a model keeps under names that the library uses."""

import inspect
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import keras
import numpy as np
import pytest

import jkeras

X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = X[:, :1] * 2


def linear(k, base=None, units=1):
    inputs = k.Input((3,))
    return (base or k.Model)(inputs, k.layers.Dense(units, kernel_initializer="ones")(inputs))


# -- logs of own steps and metrics ------------------------------------------------------------------------------------


def batch_numbers(k):
    """The loss of batch i is i, tracked by a Mean named "loss"; a log of another name is the last batch's."""

    class Counting(k.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.tracker = k.metrics.Mean(name="loss")
            self.unused = k.metrics.Mean(name="unused")

        @property
        def metrics(self):
            return [self.tracker, self.unused]

        def step(self, state, data, metrics_variables):
            number = data[0][0, 0]
            tracked = self.tracker.stateless_update_state(metrics_variables[:2], number)
            return {"loss": number, "unused": 7.0}, tracked + metrics_variables[2:]

        def train_step(self, state, data):
            trained, frozen, optimizer, metrics = state
            logs, metrics = self.step(state, data, metrics)
            return logs, (trained, frozen, optimizer, metrics)

        def test_step(self, state, data):
            trained, frozen, metrics = state
            logs, metrics = self.step(state, data, metrics)
            return logs, (trained, frozen, metrics)

    return linear(k, Counting)


def test_logs_named_after_a_metric_are_its_result():
    numbers = np.repeat(np.arange(4.0), 4)[:, None] * np.ones((1, 3))
    model = batch_numbers(jkeras)
    model.compile("sgd")
    history = model.fit(numbers, Y, batch_size=4, epochs=2, shuffle=False, verbose=0, validation_data=(numbers, Y)).history
    assert history["loss"] == history["val_loss"] == [1.5, 1.5]
    assert history["unused"] == [7.0, 7.0]  # never updated, so that what the step returned counts
    assert model.evaluate(numbers, Y, batch_size=4, verbose=0, return_dict=True)["loss"] == 1.5
    theirs = batch_numbers(keras)
    theirs.compile("sgd")
    kwargs = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}
    assert theirs.fit(numbers, Y, **kwargs).history["loss"] == [1.5, 1.5]


def test_pure_steps_log_so_too():
    class Pure(jkeras.Model):
        def train_step(self, state, anything):  # the parameter's name does not matter
            loss, state = self.pure_loss(state, anything)
            return state, {"loss": loss, "last": anything[0][0, 0]}

    model = linear(jkeras, Pure)
    model.compile("sgd", "mse")
    plain = linear(jkeras)
    plain.compile(jkeras.optimizers.SGD(0.0), "mse")
    kwargs = {"batch_size": 4, "shuffle": False, "verbose": 0}
    ours, theirs = model.fit(X, Y, **kwargs).history, plain.fit(X, Y, **kwargs).history
    np.testing.assert_allclose(ours["loss"], theirs["loss"], rtol=1e-6)
    np.testing.assert_allclose(ours["last"], X[12, 0])


def test_what_compute_metrics_returns_is_logged():
    class Doubled(jkeras.Model):
        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            results = super().compute_metrics(x, y, y_pred, sample_weight)
            return {"doubled": 2 * results["mae"], "loss": results["loss"], "constant": 3}

    model, plain = linear(jkeras, Doubled), linear(jkeras)
    for one in (model, plain):
        one.compile("sgd", "mse", metrics=["mae"])
    ours, theirs = (one.fit(X, Y, batch_size=4, shuffle=False, verbose=0).history for one in (model, plain))
    np.testing.assert_allclose(ours["doubled"][0], 2 * theirs["mae"][0], rtol=1e-6)
    assert set(ours) == {"doubled", "loss", "constant"} and ours["constant"] == [3.0]
    assert set(model.evaluate(X, Y, verbose=0, return_dict=True)) == set(ours)
    np.testing.assert_allclose(model.train_on_batch(X, Y, return_dict=True)["constant"], 3)


def two_results(k):
    class TwoResults(k.metrics.Metric):
        def __init__(self):
            super().__init__(name="two")
            self.total = self.add_variable((), name="total")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total.assign(self.total + k.ops.sum(y_true))

        def result(self):
            return {"a": self.total + 0.0, "b": -1.0 * self.total}

    return TwoResults()


def test_a_compiled_metric_may_have_several_results():
    model = linear(jkeras)
    model.compile("sgd", "mse", metrics=[two_results(jkeras)])
    history = model.fit(X, Y, batch_size=8, verbose=0).history
    np.testing.assert_allclose([history["a"][0], history["b"][0]], [Y.sum(), -Y.sum()], rtol=1e-5)
    assert model.metrics_names == ["loss", "a", "b"]


# -- names of several outputs -----------------------------------------------------------------------------------------


def named(k, structure, **compiled):
    inputs = k.Input((3,))
    layers = iter([k.layers.Dense(1, name="d1"), k.layers.Dense(1, name="d2"), k.layers.Dense(1, name="d3")])
    model = k.Model(inputs, jax.tree.map(lambda _: next(layers)(inputs), structure))
    model.compile("sgd", **compiled)
    y = jax.tree.map(lambda _: Y, structure)
    names = list(model.fit(X, y, verbose=0).history)
    results = model.evaluate(X, y, verbose=0, return_dict=True)
    return names, model, y, results


@pytest.mark.parametrize(
    ("structure", "compiled"),
    [
        ({"age": 0, "sex": 0}, {"loss": {"age": "mse", "sex": "mae"}, "metrics": {"age": ["mae"], "sex": ["mse"]}}),
        ({"age": 0, "sex": 0}, {"loss": "mse", "metrics": {"age": ["mae"]}, "weighted_metrics": {"age": ["mae"]}}),
        ({"age": 0, "p": {"q": 0, "r": 0}}, {"loss": "mse"}),
        ([0, 0], {"loss": "mse", "metrics": [["mse"], ["mae"]], "weighted_metrics": [["mse"], ["mae"]]}),
        (0, {"loss": "mse", "metrics": ["mae"], "weighted_metrics": ["mae"]}),
    ],
)
def test_names_of_logs_are_kerass(structure, compiled):
    ours, model, y, results = named(jkeras, structure, **compiled)
    theirs, *_ = named(keras, structure, **compiled)
    assert ours == theirs
    listed = model.evaluate(X, y, verbose=0)
    assert dict(zip(model.metrics_names, listed, strict=True)) == results


def test_outputs_in_a_dict_may_still_be_named_after_their_layers():
    names, *_ = named(jkeras, {"age": 0, "sex": 0}, loss={"d1": "mse", "d2": "mae"})
    assert names == ["age_loss", "loss", "sex_loss"]


# -- iterators that end -----------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The data ran out")
@pytest.mark.parametrize(("batches", "steps", "epochs"), [(3, None, 1), (4, 2, 2), (3, 2, 2)])
def test_an_iterator_that_runs_dry_ends_training(batches, steps, epochs):
    model = linear(jkeras)
    model.compile("sgd", "mse")
    begun = []
    callback = jkeras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: begun.append(epoch))
    source = ((X[:4], Y[:4]) for _ in range(batches))
    with pytest.warns(UserWarning, match="Training ends here: the iterator has no batch left"):
        history = model.fit(source, steps_per_epoch=steps, epochs=5, verbose=0, callbacks=[callback])
    assert begun == history.epoch == list(range(epochs)) and len(history.history["loss"]) == epochs


# -- the forms of steps, and models that cannot be called on the data ---------------------------------------------------


def test_other_forms_of_steps_are_named():
    class Imperative(jkeras.Model):
        def train_step(self, data):
            return {}

    model = linear(jkeras, Imperative)
    model.compile("sgd", "mse")
    with pytest.raises(
        TypeError, match=r"Imperative.train_step\(data\) is not a step(.|\n)*def train_step\(self, state, data\)"
    ):
        model.fit(X, Y, verbose=0)


def test_lists_may_have_any_name():
    class Renamed(jkeras.Model):
        def train_step(self, values, batch):
            logs, values = super().train_step(values, batch)
            return {**logs, "seven": 7.0}, values

        def predict_step(self, values, batch):
            outputs, frozen = super().predict_step(values, batch)
            return outputs * 2, frozen

    model, plain = linear(jkeras, Renamed), linear(jkeras)
    for one in (model, plain):
        one.compile("sgd", "mse")
    ours, theirs = (one.fit(X, Y, batch_size=4, shuffle=False, verbose=0).history for one in (model, plain))
    assert ours["seven"] == [7.0] and ours["loss"] == theirs["loss"]
    np.testing.assert_allclose(model.predict(X, verbose=0), 2 * plain.predict(X, verbose=0), rtol=1e-6)


@pytest.mark.parametrize("loss", [None, "mse"])
def test_an_own_step_needs_no_call_that_takes_the_data(loss):
    class Generator(jkeras.Model):
        def __init__(self):
            super().__init__()
            self.net = jkeras.Sequential([jkeras.Input((7,)), jkeras.layers.Dense(3)])

        def call(self, latent, condition):
            raise NotImplementedError

        def train_step(self, state, data):
            trained, frozen, optimizer, metrics = state
            x, y, _ = jkeras.utils.unpack_x_y_sample_weight(data)

            def objective(values):
                made, _ = self.net.stateless_call(values, [], jax.numpy.ones((x.shape[0], 7)))
                return self.compute_loss(x, x, made) if loss else jax.numpy.mean((made - x) ** 2)

            value, grads = jax.value_and_grad(objective)(trained)
            trained, optimizer = self.optimizer.stateless_apply(optimizer, grads, trained)
            return {"mine": value}, (trained, frozen, optimizer, metrics)

    model = Generator()
    model.compile(jkeras.optimizers.SGD(0.01), loss)
    history = model.fit(X, Y, epochs=3, verbose=0).history["mine"]
    assert history[2] < history[1] < history[0]


# -- names that a model keeps something under -------------------------------------------------------------------------


def test_attributes_that_keras_has_no_properties_for_can_be_assigned():
    class Own(jkeras.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.loss, self.optimizer, self.history, self.metrics_ = [1.0], jkeras.optimizers.SGD(0.5), [], ["a"]

    model = linear(jkeras, Own)
    assert model.loss == [1.0] and model.history == [] and model.optimizer.learning_rate.numpy() == 0.5
    model.run_eagerly = True
    assert model.run_eagerly and not model.jit_compile
    model.compile("adam", "mse")
    assert model.loss == "mse" and model.optimizer.name == "adam" and model.jit_compile and not model.run_eagerly
    first = model.fit(X, Y, batch_size=8, shuffle=False, verbose=0).history["loss"]
    assert len(first) == 1 and model.history.history["loss"] == first


def test_how_steps_run_can_be_switched_on_the_fly():
    seen = []

    class Looking(jkeras.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            seen.append(isinstance(y, jax.core.Tracer) and not self.run_eagerly)
            return super().compute_loss(x, y, y_pred, sample_weight, training)

    model = linear(jkeras, Looking)
    model.compile(jkeras.optimizers.SGD(0.01, momentum=0.9), "mse")
    model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    assert seen and all(seen)
    seen.clear()
    model.run_eagerly = True
    model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    assert seen == [False, False]
    model.run_eagerly = False
    model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    plain = linear(jkeras)
    plain.compile(jkeras.optimizers.SGD(0.01, momentum=0.9), "mse")
    plain.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    for mine, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)
    model.optimizer = jkeras.optimizers.SGD(0.0)
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_bases_with_explicit_constructors():
    class Both(jkeras.Model, jkeras.layers.Dense):
        def __init__(self):
            jkeras.Model.__init__(self)
            jkeras.layers.Dense.__init__(self, 4)

    model = Both()
    model.compile("sgd", "mse")
    model.fit(X, np.ones((16, 4)), verbose=0)
    assert model.predict(X, verbose=0).shape == (16, 4) and len(model.trainable_variables) == 2


@pytest.mark.parametrize("name", ["fit", "evaluate", "predict", "compile"])
def test_signatures_show_what_there_is(name):
    ours = list(inspect.signature(getattr(linear(jkeras), name)).parameters)
    theirs = list(inspect.signature(getattr(linear(keras), name)).parameters)
    additions = {"fit": ["resume"]}  # ours come last
    assert ours == [parameter for parameter in theirs if parameter != "kwargs"] + additions.get(name, [])
    with pytest.raises(TypeError, match="unexpected keyword argument 'calbacks'|unexpected keyword argument"):
        getattr(linear(jkeras), name)(calbacks=1)


# -- targets that only broadcast --------------------------------------------------------------------------------------


@pytest.mark.parametrize("targets", [Y, Y[:, 0]], ids=["column", "vector"])
def test_targets_that_only_broadcast_are_warned_of_once(targets):
    histories = []
    for k in (jkeras, keras):
        model = linear(k, units=4)
        model.compile("sgd", "mse", metrics=["mae"])
        if k is keras:  # which takes a vector for a row, if it fits
            histories.append(model.fit(X, Y, batch_size=4, shuffle=False, verbose=0).history)
            continue
        with pytest.warns(UserWarning, match=r"targets have shape \(4, 1\)|targets have shape \(4,\)") as warned:
            histories.append(model.fit(X, targets, batch_size=4, shuffle=False, verbose=0).history)
            model.fit(X, targets, batch_size=4, verbose=0)
        assert len(warned) == 1 and "(4, 4)" in str(warned[0].message) and warned[0].filename == __file__
    assert set(histories[0]) == set(histories[1])
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-5)


def test_strict_targets_make_it_an_error():
    model = linear(jkeras, units=4)
    model.compile("sgd", "mse")
    jkeras.config.set_strict_targets(True)
    try:
        with pytest.raises(ValueError, match="only broadcast"):
            model.fit(X, Y, verbose=0)
    finally:
        jkeras.config.set_strict_targets(False)


@pytest.mark.parametrize("targets", [np.ones((16, 3)), np.ones((16, 2, 4)), np.ones((12, 1))], ids=str)
def test_other_shapes_stay_errors(targets):
    model = linear(jkeras, units=4)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError):
        model.fit(X, targets, verbose=0)


# -- hooks set on a callback ------------------------------------------------------------------------------------------


def test_hooks_set_on_a_callback_object_are_called():
    calls = []
    callback = jkeras.callbacks.Callback()
    callback.on_epoch_end = lambda epoch, logs=None: calls.append(("epoch", epoch))
    callback.on_train_batch_end = lambda batch, logs=None: calls.append(("batch", batch))
    model = linear(jkeras)
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=8, verbose=0, callbacks=[callback])
    assert calls == [("batch", 0), ("batch", 1), ("epoch", 0)]


def test_no_metrics_for_two_outputs():
    x = jkeras.Input((2,))
    model = jkeras.Model(x, [jkeras.layers.Dense(1)(x), jkeras.layers.Dense(1)(x)])
    model.compile("sgd", "mse", metrics=[], weighted_metrics=[])
    history = model.fit(np.ones((4, 2)), [np.ones((4, 1))] * 2, verbose=0)
    assert "loss" in history.history


def test_logs_in_logs():
    """The metrics given to compile are one of `model.metrics`, whose result is a dict."""

    class Model(jkeras.Model):
        def train_step(self, state, data):
            values, logs = list(state[3]), {}
            for metric in self.metrics:
                this, values = values[: len(metric.variables)], values[len(metric.variables) :]
                logs[metric.name] = metric.stateless_result(this)
            return logs, state

    x = jkeras.Input((2,))
    model = Model(x, jkeras.layers.Dense(1)(x))
    model.compile("sgd", "mse", metrics=["mae"])
    assert set(model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0).history) == {"loss", "mae"}
