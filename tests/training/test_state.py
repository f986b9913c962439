"""What leaves a frame leaves as an array, and everything that a step reads and writes is part of its state."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jkeras
from jkeras import layers, metrics, ops

X, Y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")


class Rows(metrics.Metric):
    """Counts rows; its result is the variable itself."""

    def __init__(self, name="rows", **kwargs):
        super().__init__(name=name, **kwargs)
        self.n = self.add_variable((), "zeros", name="n")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.n.assign_add(float(y_pred.shape[0]))

    def result(self):
        return self.n


class Weight(layers.Layer):
    """Returns its weight, alone and among other outputs."""

    def build(self, input_shape):
        self.w = self.add_weight(shape=(2,), initializer="ones", name="w")

    def call(self, x):
        return {"weight": self.w, "others": [x * self.w, self.w]}


def dense(**options):
    return layers.Dense(1, kernel_initializer="zeros", **options)


# -- variables handed back as values ----------------------------------------------------------------------------------


@pytest.mark.parametrize("jit", [True, False])
def test_a_metric_whose_result_is_a_variable_reports_this_pass(jit):
    model = jkeras.Sequential([dense()])
    model.compile("sgd", "mse", metrics=[Rows()], weighted_metrics=[Rows("other")], jit_compile=jit)
    history = model.fit(X, Y, epochs=3, batch_size=3, verbose=0).history
    assert history["rows"] == history["other"] == [8.0, 8.0, 8.0]
    assert [model.evaluate(X[:n], Y[:n], verbose=0, return_dict=True)["rows"] for n in (5, 2)] == [5.0, 2.0]
    assert model.train_on_batch(X[:3], Y[:3], return_dict=True)["rows"] == 3.0
    assert isinstance(model.get_metrics_result()["rows"], jax.Array)
    metric = Rows()
    assert isinstance(metric(None, X), jax.Array)
    assert float(metric.stateless_result([jnp.float32(7)])) == 7.0


@pytest.mark.parametrize("form", ["batch", "data", "result"])
def test_logs_of_own_steps_are_read_in_the_step(form):
    class Own(jkeras.Model):
        def __init__(self):
            super().__init__()
            self.dense = dense()
            self.n = self.add_weight(shape=(), initializer="zeros", trainable=False, name="n")

        def call(self, x):
            return self.dense(x)

    class Pure(Own):
        def train_step(self, state, batch):
            self.n.assign_add(1.0)
            return state, {"n": self.n}

    class Lists(Own):
        def train_step(self, state, data):
            self.n.assign_add(1.0)
            return {"n": self.n}, state

    class Results(Own):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            self.n.assign_add(1.0)
            return super().compute_loss(x, y, y_pred, sample_weight, training)

        def get_metrics_result(self):
            return {"n": self.n}

    model = {"batch": Pure, "data": Lists, "result": Results}[form]()
    model.compile("sgd", "mse")
    assert model.fit(X, Y, batch_size=4, epochs=2, verbose=0).history["n"] == [2.0, 4.0]


def test_a_layer_that_returns_its_weight_returns_the_value_given():
    layer = Weight()
    variables = layer.init(jax.random.key(0), X)
    variables["params"]["w"] = variables["params"]["w"] * 5
    pure, _ = layer.apply(variables, X)
    listed, _ = layer.stateless_call([jnp.full(2, 5.0)], [], X)
    for outputs in (pure, listed):
        assert outputs["weight"].tolist() == outputs["others"][1].tolist() == [5.0, 5.0]
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(layer(X)))
    assert jax.jacobian(lambda v: layer.apply(v, X)[0]["weight"])(variables)["params"]["w"].tolist() == np.eye(2).tolist()


def test_a_weight_is_an_output_of_a_graph():
    inputs = jkeras.Input((2,))
    outputs = Weight()(inputs)
    assert [t.shape for t in (outputs["weight"], *outputs["others"])] == [(2,), (None, 2), (2,)]
    model = jkeras.Model(inputs, outputs["weight"])
    np.testing.assert_array_equal(model(X), [1.0, 1.0])
    model.set_weights([[3.0, 4.0]])
    np.testing.assert_array_equal(model(X), [3.0, 4.0])
    gain = jkeras.Variable([2.0, 3.0], name="gain")
    assert layers.Lambda(lambda x: gain)(inputs).shape == (2,)


@pytest.mark.parametrize("own", [lambda model: model.w, lambda model: ops.square(model.w), lambda model: 1])
def test_compute_loss_may_return_a_weight(own):
    class Own(jkeras.Model):
        def __init__(self):
            super().__init__()
            self.dense, self.w = dense(), self.add_weight(shape=(), initializer="ones", name="w")

        def call(self, x):
            return self.dense(x)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return own(self)

    model = Own()
    model.compile(jkeras.optimizers.SGD(0.5))
    assert model.fit(X, Y, verbose=0).history["loss"] == [1.0]
    groups = model.trainable_variables, model.non_trainable_variables, model.metrics_variables
    loss, lists = model.stateless_compute_loss(*groups, X, Y, Y)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves((loss, lists)))
    assert float(model.w) == {0: 0.5, 1: 0.0, 2: 1.0}[0 if own(model) is model.w else 2 if own(model) == 1 else 1]


def test_a_loss_that_is_no_scalar_is_refused_in_training():
    class Own(jkeras.Model):
        def __init__(self):
            super().__init__()
            self.dense = dense()

        def call(self, x):
            return self.dense(x)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return self.dense.bias * jnp.ones(3)

    model = Own()
    model.compile("sgd")
    with pytest.raises(ValueError, match=r"Own.compute_loss\(\) must return a scalar for training, got shape \(3,\)"):
        model.fit(X, Y, verbose=0)


# -- variables that are not the model's -------------------------------------------------------------------------------


class Dense(jkeras.Model):
    """One layer of zeros, with a compute_loss that a test may set."""

    def __init__(self, objective=None):
        super().__init__()
        self.dense, self.objective = dense(), objective

    def call(self, x):
        return self.dense(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        if self.objective is not None:
            return self.objective(self)
        return super().compute_loss(x, y, y_pred, sample_weight, training)


class Each(jkeras.callbacks.Callback):
    """Calls a function at the end of each epoch."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def on_epoch_end(self, epoch, logs=None):
        self.function()


@pytest.mark.parametrize("eager", [False, True])
def test_the_optimizers_variables_are_read_as_they_are_in_each_step(eager):
    model = Dense(lambda model: ops.cast(model.optimizer.iterations, "float32"))
    model.compile("sgd", run_eagerly=eager)
    assert model.fit(X, Y, batch_size=2, epochs=2, verbose=0).history["loss"] == [1.5, 5.5]
    assert model.evaluate(X, Y, verbose=0) == 8.0

    class Rate(Dense):
        def call(self, x):
            return self.dense(x) * 0 + self.optimizer.learning_rate

        def get_metrics_result(self):
            return {**super().get_metrics_result(), "rate": self.optimizer.learning_rate}

    model = Rate()
    model.compile(jkeras.optimizers.SGD(0.5), "mse", run_eagerly=eager)
    assert model.predict(X, verbose=0)[0] == 0.5
    model.optimizer.learning_rate = 0.25
    assert model.predict(X, verbose=0)[0] == model.predict_on_batch(X)[0] == 0.25
    logs = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert logs == {"loss": 0.5625, "rate": 0.25}
    assert model.fit(X, Y, verbose=0).history == {"loss": [0.5625], "rate": [0.25]}


def test_a_number_cannot_be_had_of_a_variable_while_a_step_is_traced():
    model = Dense(lambda model: float(model.optimizer.iterations))
    model.compile("sgd")
    with pytest.raises(TypeError, match=r"'sgd\w*/iteration' was turned into a Python float inside a compiled function"):
        model.fit(X, Y, verbose=0)
    model.compile("sgd", run_eagerly=True)
    assert model.fit(X, Y, batch_size=2, epochs=2, verbose=0).history["loss"] == [1.5, 5.5]


def closed_over(beta):
    model = jkeras.Sequential([dense()])
    model.compile(jkeras.optimizers.SGD(0.0), loss=lambda y, p: beta * (y - p) ** 2)
    return model


def held_by_a_layer_of_nobody(beta):
    model = Dense(lambda model: beta.value + 0.0)
    model.compile("sgd")
    return model


def loss_weights(beta):
    inputs = jkeras.Input((2,))
    model = jkeras.Model(inputs, {"a": dense()(inputs), "b": dense()(inputs)})
    model.compile(jkeras.optimizers.SGD(0.0), loss="mse", loss_weights={"a": 0.0, "b": beta})
    return model


@pytest.mark.parametrize("make", [closed_over, held_by_a_layer_of_nobody, loss_weights])
@pytest.mark.parametrize("batch_size", [3])
def test_a_variable_of_nobody_is_read_when_the_step_runs(make, batch_size):
    beta = jkeras.Variable(1.0, trainable=False, name="beta")
    model = make(beta)
    y = {"a": Y, "b": Y} if make is loss_weights else Y
    double = Each(lambda: beta.assign(2 * beta))
    history = model.fit(X, y, batch_size=batch_size, epochs=3, verbose=0, callbacks=[double]).history
    assert history["loss"] == [1.0, 2.0, 4.0]
    first = lambda results: results[0] if isinstance(results, list) else results  # noqa: E731
    for run in (model.evaluate, model.train_on_batch, model.test_on_batch):
        options = {"verbose": 0} if run == model.evaluate else {}
        assert first(run(X, y, **options)) == 8.0
        beta.assign(5.0)
        assert first(run(X, y, **options)) == 5.0
        beta.assign(8.0)
    step, state = model.make_train_step(X, y)
    assert len(state.extra) == 1
    beta.assign(0.0)  # the state is a copy
    assert float(model.pure_results(jax.jit(step)(state, (X, y)))["loss"]) == 8.0


def test_a_step_of_ones_own_that_was_given_too_little_state_says_so():
    beta = jkeras.Variable(1.0, trainable=False, name="beta")
    model = closed_over(beta)
    model.compile("sgd", "mse")
    _, state = model.make_train_step(X, Y)
    terms = model._compiled.objective.terms
    terms[0] = terms[0]._replace(loss=lambda y, p, w: beta * 1.0, safe=None)
    with pytest.raises(RuntimeError, match=r"not part of the state it was given \('beta'\)"):
        jax.jit(lambda state: model.pure_loss(state, (X, Y)))(state)


def test_a_schedule_that_reads_a_variable():
    class Follows(jkeras.optimizers.schedules.LearningRateSchedule):
        def __init__(self, rate):
            self.rate = rate

        def __call__(self, step):
            return self.rate * 1.0

        def get_config(self):
            return {}

    rate = jkeras.Variable(0.1, trainable=False, name="rate")
    model, seen = jkeras.Sequential([dense()]), []
    model.compile(jkeras.optimizers.SGD(Follows(rate)), "mse")
    stop = Each(lambda: (rate.assign(0.0), seen.append(round(model.layers[0].bias[0].item(), 4))))
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[stop])
    assert seen == [0.2, 0.2]


@pytest.mark.parametrize("jit", [True, False])
def test_what_a_metric_or_a_loss_holds_is_state(jit):
    class Holds(metrics.Metric):
        def __init__(self, name="holds"):
            super().__init__(name=name)
            self.generator = jkeras.random.SeedGenerator(5)
            self.layer = layers.BatchNormalization(momentum=0.0)
            self.layer.build((None, 1))
            self.total = self.add_variable((), "zeros", name="total")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.layer(y_true, training=True)
            self.total.assign_add(jkeras.random.uniform((), seed=self.generator))

        def result(self):
            return self.total

    class Noisy(jkeras.losses.Loss):
        def __init__(self):
            super().__init__()
            self.generator = jkeras.random.SeedGenerator(5)

        def call(self, y_true, y_pred):
            return 0 * y_pred[:, 0] + jkeras.random.uniform((), seed=self.generator)

    metric, loss, generator = Holds(), Noisy(), jkeras.random.SeedGenerator(5)
    draws = [float(jkeras.random.uniform((), seed=generator)) for _ in range(12)]
    sums = [sum(draws[i : i + 4]) for i in (0, 4, 8)]
    model = jkeras.Sequential([dense()])
    model.compile("sgd", loss, metrics=[metric], jit_compile=jit)
    history = model.fit(X, Y, batch_size=2, epochs=2, verbose=0).history
    np.testing.assert_allclose(history["holds"], sums[:2], rtol=1e-6)
    np.testing.assert_allclose(np.multiply(4, history["loss"]), sums[:2], rtol=1e-6)
    np.testing.assert_allclose(model.evaluate(X, Y, batch_size=2, verbose=0), [sums[2] / 4, sums[2]], rtol=1e-6)
    assert metric.generator.state.numpy().tolist() == loss.generator.state.numpy().tolist() == [5, 12]
    assert metric.layer.moving_mean.numpy().tolist() == [1.0]
    assert model.stats()["compilations"] <= 2


# -- prediction keeps the state ---------------------------------------------------------------------------------------


class Noise(layers.Layer):
    def __init__(self, **options):
        super().__init__(**options)
        self.generator = jkeras.random.SeedGenerator(3)
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

    def call(self, x):
        self.count.assign_add(1.0)
        return x + jkeras.random.normal((2,), seed=self.generator)


@pytest.mark.parametrize("jit", [True, False])
def test_prediction_goes_on_where_it_stopped(jit):
    model = jkeras.Sequential([jkeras.Input((2,)), Noise()])
    model.compile(jit_compile=jit)
    layer, generator = model.layers[0], jkeras.random.SeedGenerator(3)
    draws = np.stack([jkeras.random.normal((2,), seed=generator) for _ in range(9)])
    outputs = model.predict(np.zeros((8, 2)), batch_size=2, verbose=0)
    np.testing.assert_allclose(outputs[::2], draws[:4], rtol=1e-6)
    assert float(layer.count) == 4.0 and layer.generator.state.numpy().tolist() == [3, 4]
    zeros = np.zeros((2, 2), "float32")
    once = [model.predict_on_batch(zeros)[0] for _ in range(3)]  # the third time the short way
    np.testing.assert_allclose(once, draws[4:7], rtol=1e-6)
    uneven = model.predict(np.zeros((3, 2)), batch_size=2, verbose=0)
    np.testing.assert_allclose(uneven[[0, 2]], draws[7:9], rtol=1e-6)
    assert float(layer.count) == 9.0


def test_a_stateful_recurrent_layer_goes_on_from_batch_to_batch():
    inputs = jkeras.Input(batch_shape=(1, 1, 1))
    recurrent = layers.SimpleRNN(1, stateful=True, activation=None, kernel_initializer="ones", recurrent_initializer="ones")
    model = jkeras.Model(inputs, recurrent(inputs))
    ones = np.ones((4, 1, 1), "float32")
    assert model.predict(ones, batch_size=1, verbose=0).ravel().tolist() == [1.0, 2.0, 3.0, 4.0]
    assert model.predict_on_batch(ones[:1]).item() == 5.0
    recurrent.reset_state()
    assert model.predict_on_batch(ones[:1]).item() == 1.0


@pytest.mark.parametrize("form", ["lists", "pure", "super"])
def test_a_predict_step_of_ones_own_keeps_the_state(form):
    class Counts(jkeras.Model):
        def __init__(self):
            super().__init__()
            self.noise = Noise()

        def call(self, x):
            return self.noise(x)

    class Lists(Counts):
        def predict_step(self, state, data):
            return self.stateless_call(*state, jkeras.utils.unpack_x_y_sample_weight(data)[0])

    class Pure(Counts):
        def predict_step(self, state, batch):
            return self(batch[0])

    class Super(Counts):
        def predict_step(self, state, batch):
            return super().predict_step(state, batch)

    model = {"lists": Lists, "pure": Pure, "super": Super}[form]()
    model(X)
    outputs = model.predict(X, batch_size=4, verbose=0)
    assert float(model.noise.count) == 3.0 and not np.array_equal(outputs[0], outputs[4])


def test_a_metric_updated_in_call():
    class Watched(Dense):
        def __init__(self):
            super().__init__()
            self.mean = metrics.Mean(name="mean")

        def call(self, x):
            self.mean.update_state(x)
            return self.dense(x)

    model = Watched()
    model.compile("sgd", "mse")
    assert model.predict(X, verbose=0).shape == (8, 1)
    outputs, state = jax.jit(model.apply)(model.snapshot(), X)
    assert outputs.shape == (8, 1) and state == {}
    assert float(model.mean.total) == 0.0  # such calls leave it as it was
    assert model.fit(2 * X, Y, verbose=0).history["mean"] == [2.0]
    model.predict(X, verbose=0)
    assert float(model.mean.result()) == 2.0
