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


@pytest.mark.parametrize("form", ["batch", "data"])
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
