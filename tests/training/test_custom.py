"""Custom steps: Keras's own form gives Keras's numbers, the pure form those of the built-in step, both inside the engine."""

import jax
import numpy as np
import pytest

import jkeras
from tests.oracle import keras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 4)).astype("float32")
Y = RNG.normal(size=(160, 1)).astype("float32")


def both(run):
    """The results of `run(library)`, seeded alike: jkeras's, then Keras's."""
    results = []
    for k in (jkeras, keras):
        k.utils.clear_session()
        k.utils.set_random_seed(5)
        results.append(run(k))
    return results


def assert_histories_match(ours, theirs, rtol=1e-4):
    assert set(ours) == set(theirs)
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=rtol, atol=1e-6, err_msg=name)


def network(k, base=None):
    """A small functional model with state (BatchNormalization) and randomness (Dropout)."""
    inputs = k.Input((4,))
    hidden = k.layers.Dropout(0.2)(k.layers.BatchNormalization()(k.layers.Dense(8, activation="relu")(inputs)))
    return (base or k.Model)(inputs, k.layers.Dense(1, kernel_regularizer="l2")(hidden))


def with_lists(k):
    """A model whose steps have Keras's form, as its guide for JAX writes them."""

    class Custom(k.Model):
        def objective(self, trainable, non_trainable, metrics, x, y, training):
            y_pred, non_trainable, losses = self.stateless_call(
                trainable, non_trainable, x, training=training, return_losses=True
            )
            loss, (_, non_trainable, metrics) = self.stateless_compute_loss(
                trainable, non_trainable, metrics, x=x, y=y, y_pred=y_pred, training=training
            )
            assert len(losses) == 1
            return loss, (y_pred, non_trainable, metrics)

        def track(self, metrics_variables, loss, y, y_pred):
            logs, new = {}, []
            for metric in self.metrics:
                mine = metrics_variables[len(new) : len(new) + len(metric.variables)]
                seen = (loss,) if metric.name == "loss" else (y, y_pred)
                mine = metric.stateless_update_state(mine, *seen)
                result = metric.stateless_result(mine)
                logs.update(result if isinstance(result, dict) else {metric.name: result})
                new += mine
            return logs, new

        def train_step(self, state, data):
            trainable, non_trainable, optimizer_variables, metrics = state
            x, y = data
            gradient = jax.value_and_grad(self.objective, has_aux=True)
            (loss, (y_pred, non_trainable, metrics)), grads = gradient(trainable, non_trainable, metrics, x, y, True)
            trainable, optimizer_variables = self.optimizer.stateless_apply(optimizer_variables, grads, trainable)
            logs, metrics = self.track(metrics, loss, y, y_pred)
            return logs, (trainable, non_trainable, optimizer_variables, metrics)

        def test_step(self, state, data):
            trainable, non_trainable, metrics = state
            x, y = data
            loss, (y_pred, non_trainable, metrics) = self.objective(trainable, non_trainable, metrics, x, y, False)
            logs, metrics = self.track(metrics, loss, y, y_pred)
            return logs, (trainable, non_trainable, metrics)

        def predict_step(self, state, data):
            x, _, _ = k.utils.unpack_x_y_sample_weight(data)
            outputs, non_trainable = self.stateless_call(*state, x, training=False)
            return 10 * outputs, non_trainable

    return network(k, Custom)


def test_keras_steps_give_keras_numbers(large_calls):
    def run(k):
        model = with_lists(k)
        model.compile("adam", "mse", metrics=["mae"])
        history = model.fit(X, Y, epochs=3, validation_split=0.25, verbose=0).history
        return history, model.evaluate(X, Y, verbose=0), model.predict(X[:5], verbose=0), model.get_weights(), model

    ours, theirs = both(run)
    assert_histories_match(ours[0], theirs[0])
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-4)
    np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-3, atol=1e-4)
    for a, b in zip(ours[3], theirs[3], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    stats = ours[4].stats()
    assert stats["calls"] < stats["steps"]  # many steps per compiled call


class Pure(jkeras.Model):
    def train_step(self, state, batch):
        def objective(params):
            return self.pure_loss(state._replace(params=params), batch)

        grads, state = jax.grad(objective, has_aux=True)(state.params)
        state = self.pure_update(state, grads)
        return state, self.pure_results(state)

    def test_step(self, state, batch):
        _, state = self.pure_loss(state, batch, training=False)
        return state, self.pure_results(state)

    def predict_step(self, state, batch):
        x, y, sample_weight = batch
        assert y is None and sample_weight is None
        return self.apply(state.variables, x)[0]


class Super(jkeras.Model):
    """Overrides that only pass on, in the two forms."""

    def train_step(self, state, data):
        return super().train_step(state, data)

    def test_step(self, state, batch):
        return super().test_step(state, batch)

    def predict_step(self, state, data):
        return super().predict_step(state, data)


@pytest.mark.parametrize("base", [Pure, Super])
def test_steps_of_the_parts_are_the_built_in_step(base, large_calls):
    def run(base):
        jkeras.utils.set_random_seed(5)
        model = network(jkeras, base)
        model.compile("adam", "mse", metrics=["mae"])
        model.fit(X, Y, epochs=3, validation_split=0.25, verbose=0, sample_weight=np.arange(160, dtype="float32") / 80)
        return model

    ours, plain = run(base), run(jkeras.Model)
    assert_histories_match(ours.history.history, plain.history.history, rtol=1e-6)
    np.testing.assert_allclose(ours.evaluate(X, Y, verbose=0), plain.evaluate(X, Y, verbose=0), rtol=1e-6)
    np.testing.assert_allclose(ours.predict(X, verbose=0), plain.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    assert ours.stats()["calls"] < ours.stats()["steps"]


def test_a_loop_of_ones_own_with_the_built_in_step():
    def made():
        jkeras.utils.set_random_seed(5)
        model = network(jkeras)
        model.compile("adam", "mse")
        return model

    fitted, model = made(), made()
    fitted.fit(X, Y, batch_size=32, epochs=1, shuffle=False, verbose=0)
    step, state = model.make_train_step(X[:32], Y[:32])
    before = model.get_weights()
    jitted = jax.jit(step, donate_argnums=0)
    for start in range(0, 160, 32):
        state = jitted(state, (X[start : start + 32], Y[start : start + 32]))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))  # nothing on the side
    np.testing.assert_allclose(model.pure_results(state)["loss"], fitted.history.history["loss"][0], rtol=1e-5)
    model.update(state)
    assert int(model.optimizer.iterations) == 5
    for a, b in zip(model.get_weights(), fitted.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_compute_loss_and_metrics_as_attributes():
    def run(k):
        class Custom(k.Model):
            def __init__(self):
                super().__init__()
                self.dense = k.layers.Dense(1)
                self.size = k.metrics.Mean(name="size")

            def call(self, x):
                return self.dense(x)

            def compute_loss(self, x, y, y_pred, sample_weight):  # without `training`, as early Keras 3 had it
                loss = k.ops.mean(k.ops.abs(y - y_pred)) + k.ops.sum(self.losses)
                self.size.update_state(k.ops.abs(y_pred))
                return loss

        model = Custom()
        model.compile("sgd")
        history = model.fit(X, Y, epochs=2, verbose=0).history
        return history, [m.name for m in model.metrics], len(model.metrics_variables)

    (ours, *rest), (theirs, *expected) = both(run)
    assert rest == expected
    assert_histories_match(ours, theirs)


def test_a_subclass_given_symbolic_tensors_is_a_graph_and_keeps_its_class():
    class Scaled(jkeras.Model):
        def __init__(self, width):
            inputs = jkeras.Input((4,))
            super().__init__(inputs=inputs, outputs=jkeras.layers.Dense(width)(inputs))
            self.width = width

    model = Scaled(3)
    assert isinstance(model, Scaled) and isinstance(model, type(jkeras.Model(model.inputs, model.outputs)))
    assert type(model) is type(Scaled(2)) and type(model).__qualname__ == Scaled.__qualname__
    assert model.width == 3 and model(X).shape == (160, 3)


def test_add_loss_in_a_vae():
    def run(k):
        class Sampling(k.layers.Layer):
            def __init__(self):
                super().__init__()
                self.seed = k.random.SeedGenerator(1)

            def call(self, inputs):
                mean, log_var = inputs
                kl = 1 + log_var - k.ops.square(mean) - k.ops.exp(log_var)
                self.add_loss(-0.5 * k.ops.mean(k.ops.sum(kl, axis=-1)))
                return mean + k.ops.exp(0.5 * log_var) * k.random.normal(k.ops.shape(mean), seed=self.seed)

        inputs = k.Input((4,))
        codes = [k.layers.Dense(2)(inputs), k.layers.Dense(2)(inputs)]
        model = k.Model(inputs, k.layers.Dense(4)(Sampling()(codes)))
        model.compile("adam", "mse")
        return model.fit(X, X, epochs=3, verbose=0).history

    assert_histories_match(*both(run))


def test_parts_of_the_parameters_in_turn():
    """Each optimizer's state counts only its own updates; a single optimizer refuses to update a part."""
    layers = [jkeras.Input((4,)), jkeras.layers.Dense(2, name="a"), jkeras.layers.Dense(1, name="b")]
    model = jkeras.Sequential(layers, name="sequential")
    first, second = jkeras.optimizers.Adam(0.1), jkeras.optimizers.SGD(0.1)
    model.compile(jkeras.optimizers.MultiOptimizer(lambda v: first if v.path.startswith("sequential/a/") else second), "mse")
    _, state = model.make_train_step(X[:32], Y[:32])
    grads = jax.tree.map(jax.numpy.ones_like, state.params)
    new = model.pure_update(state, {"a": grads["a"]})
    assert np.array_equal(new.params["b"]["kernel"], state.params["b"]["kernel"])
    np.testing.assert_allclose(new.params["a"]["kernel"], state.params["a"]["kernel"] - 0.1, rtol=1e-4, atol=1e-5)
    assert [int(inner.iterations) for inner in new.opt_state.inner] == [1, 0]
    with pytest.raises(ValueError, match="gradients for \\['c'\\]"):
        model.pure_update(state, {"c": grads["a"]})
    model.compile("adam", "mse")
    _, state = model.make_train_step(X[:32], Y[:32])
    with pytest.raises(ValueError, match="updates all parameters at once"):
        model.pure_update(state, {"a": grads["a"]})


def test_what_a_step_assigns_goes_into_the_state():
    class Noisy(jkeras.Model):
        def __init__(self):
            super().__init__()
            self.dense = jkeras.layers.Dense(1)
            self.seed = jkeras.random.SeedGenerator(3)
            self.draws = jkeras.metrics.Sum(name="draws")

        def call(self, x):
            return self.dense(x)

        def train_step(self, state, batch):
            self.draws.update_state(jkeras.random.uniform((), seed=self.seed))
            return state, {"draws": self.draws.result()}

    model = Noisy()
    model.compile("sgd")
    logs = model.fit(X, Y, batch_size=32, verbose=0).history
    reference = jkeras.random.SeedGenerator(3)
    drawn = sum(float(jkeras.random.uniform((), seed=reference)) for _ in range(5))
    np.testing.assert_allclose(logs["draws"], [drawn], rtol=1e-5)
    assert model.seed.state.numpy().tolist() == reference.state.numpy().tolist()


def test_a_model_without_call_has_no_outputs_for_metrics():
    class Holder(jkeras.Model):
        def train_step(self, state, batch):
            return state, {"loss": 0.0}

    model = Holder()
    model.compile("sgd", "mse", metrics=["mae"])
    with pytest.raises(ValueError, match="defines no call"):
        model.fit(X, Y, verbose=0)
    model.compile("sgd", "mse")
    assert model.fit(X, Y, verbose=0).history == {"loss": [0.0]}


def bad(step):
    model = type("Bad", (jkeras.Sequential,), {"train_step": step})([jkeras.Input((4,)), jkeras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)


def test_mistakes_are_named():
    def one(self, state, batch):
        return state

    def other_tree(self, state, batch):
        return state._replace(params={}), {}

    def other_shape(self, state, batch):
        return state._replace(params=jax.tree.map(lambda a: a[None], state.params)), {}

    def no_logs(self, state, data):
        return 1.0, state

    def short(self, state, data):
        return {}, state[:2]

    for step, error, message in [
        (one, TypeError, "pair: .*or \\(state, logs\\) if"),
        (other_tree, ValueError, "Missing are .*params.*kernel"),
        (other_shape, ValueError, "it had shape \\(1,\\)|it had shape \\(4, 1\\)"),
        (no_logs, TypeError, "logs of Bad.train_step must be a dict"),
        (short, ValueError, "lists of lengths"),
    ]:
        with pytest.raises(error, match=message):
            bad(step)


def test_stateless_call_checks_its_lists():
    layer = jkeras.layers.Dense(2)
    with pytest.raises(ValueError, match="`trainable_variables` must have one value for each of the 2"):
        layer.stateless_call([], [], X)
    outputs, state = layer.stateless_call(layer.trainable_variables, [], X)
    np.testing.assert_allclose(outputs, layer(X), rtol=1e-6)
    assert state == []


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy):
    def run(k):
        k.config.set_dtype_policy(policy)
        try:
            model = k.Sequential([k.Input((4,)), k.layers.Dense(8, activation="relu"), k.layers.Dense(1, dtype="float32")])
            model.compile("sgd", "mse")
            history = model.fit(X, Y, epochs=3, verbose=0).history
            return history, type(model.optimizer).__name__, model.layers[0].kernel.dtype, float(model.optimizer.iterations)
        finally:
            k.config.set_dtype_policy("float32")

    (ours, *rest), (theirs, *expected) = both(run)
    assert rest == expected
    assert (rest[0] == "LossScaleOptimizer") == (policy == "mixed_float16")
    assert_histories_match(ours, theirs, rtol=2e-2)


def test_loss_scaling_can_be_left_out():
    jkeras.config.set_dtype_policy("mixed_float16")
    try:
        model = jkeras.Sequential([jkeras.Input((4,)), jkeras.layers.Dense(1)])
    finally:
        jkeras.config.set_dtype_policy("float32")
    model.compile("sgd", "mse", auto_scale_loss=False)
    assert type(model.optimizer) is jkeras.optimizers.SGD


@pytest.mark.parametrize("built", [True, False])
def test_an_own_step_without_a_loss_gets_the_rows_in_keras_order(built):
    def run(k):
        class Own(k.Sequential):
            def train_step(self, state, data):
                return {"row": data[0, 0]}, tuple(list(part) for part in state)

        model = Own([k.Input((4,))] * built + [k.layers.Dense(2)])
        model.compile("sgd")
        return [model.fit(X, batch_size=40, epochs=2, verbose=0).history["row"] for _ in range(2)]

    ours, theirs = both(run)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_an_own_step_may_train_the_variables_that_its_optimizer_was_built_on():
    def run(k):
        class Half(k.Model):
            def __init__(self):
                super().__init__()
                self.fixed, self.head = (k.Sequential([k.Input((4,)), k.layers.Dense(n)]) for n in (4, 1))
                self.built = True

            def call(self, x):
                return self.head(self.fixed(x))

            def train_step(self, state, data):
                trainable, rest, optimizer, metrics = state
                places = [i for i, v in enumerate(self.trainable_variables) if any(v is w for w in self.head.weights)]
                hidden, _ = self.fixed.stateless_call([trainable[i] for i in range(4) if i not in places], [], data[0])

                def loss(head):
                    return k.ops.mean((self.head.stateless_call(head, [], hidden)[0] - data[1]) ** 2)

                value, grads = jax.value_and_grad(loss)([trainable[i] for i in places])
                new, optimizer = self.optimizer.stateless_apply(optimizer, grads, [trainable[i] for i in places])
                trainable = list(trainable)
                for i, array in zip(places, new):
                    trainable[i] = array
                return {"error": value}, (trainable, rest, optimizer, metrics)

        model = Half()
        model.compile(k.optimizers.Adam(0.1))
        model.optimizer.build(model.head.trainable_variables)
        history = model.fit(X, Y, batch_size=40, epochs=3, verbose=0).history
        return history, len(model.optimizer.variables), model.get_weights()

    (ours, count, weights), (theirs, wanted, wanted_weights) = both(run)
    assert_histories_match(ours, theirs)
    assert count == wanted
    for a, b in zip(weights, wanted_weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
