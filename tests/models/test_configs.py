"""Configs of models: here, from Keras, and to Keras; what they describe computes the same with the same weights."""

import json

import numpy as np
import pytest

import jkeras
from tests.oracle import assert_close, keras

X = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")
TOKENS = np.array([[1, 2, 0, 0], [3, 0, 0, 0], [4, 4, 4, 4], [2, 1, 3, 0]], "int32")


def operators(k):
    x = k.Input((6,), name="x")
    y = 2.0 * x - x**2 + x[:, :1]
    return k.Model(x, k.layers.Dense(3)(y / 3.0), name="operators")


def functions(k):
    x = k.Input((6,), name="x")
    a = k.ops.reshape(k.ops.concatenate([x, k.ops.relu(x)], axis=-1), (-1, 3, 4))
    b = k.ops.einsum("bij,bkj->bik", a, a[:, 1:, ...])
    c = k.ops.where(a[..., :2] > 0, b, 0.5)
    d = k.activations.gelu(k.ops.softmax(c, axis=1)) + k.activations.relu(b, negative_slope=0.25)
    e = k.ops.sum(d, axis=(1,), keepdims=True) + k.ops.mean(x) + np.array([1.0, 2.0], "float32")
    return k.Model(x, k.layers.Flatten()(e))


def shared(k):
    x, z = k.Input((6,), name="x"), k.Input((4,), name="z")
    dense = k.layers.Dense(4, activation="tanh", name="shared")
    left = dense(x)
    right = dense(k.layers.Dense(6, name="widen")(z))
    again = dense(k.layers.Dense(6, name="middle")(left))
    return k.Model([x, z], k.layers.Add(name="sum")([left, right, again]))


def nested(k):
    inner_x = k.Input((6,), name="inner_x")
    hidden = k.layers.Dense(5, activation="relu", name="hidden")(inner_x)
    inner = k.Model(inner_x, [hidden, k.layers.Dense(6, name="back")(hidden)], name="inner")
    block = k.Sequential([k.layers.Input((6,)), k.layers.Dense(6, name="in_block")], name="block")
    x = k.Input((6,), name="x")
    first, second = inner(x)
    _, third = inner(second)
    return k.Model(x, {"features": first, "all": [block(third), block(x), inner(block(x))[1]]}, name="outer")


def structures(k):
    inputs = {"a": k.Input((6,), name="a"), "b": k.Input((6,), name="b")}
    total = k.layers.Add(name="total")([inputs["a"], inputs["b"]])
    return k.Model(inputs, [total, {"deep": (k.layers.Dense(2, name="top")(total), total * 2)}])


def masked(k):
    x = k.Input((4,), dtype="int32", name="tokens")
    y = k.layers.LSTM(3, name="lstm")(k.layers.Embedding(5, 4, mask_zero=True, name="table")(x))
    return k.Model(x, k.layers.Dense(2, name="out")(y))


def frozen(k):
    x = k.Input((6,))
    first = k.layers.Dense(4, name="first")
    model = k.Model(x, k.layers.BatchNormalization(name="norm")(first(x)), name="frozen")
    first.trainable = False
    return model


def stacked(k):
    layers = [k.layers.Input((6,)), k.layers.Dense(4, activation="relu", kernel_regularizer="l2"), k.layers.Dropout(0.1)]
    return k.Sequential([*layers, k.Sequential([k.layers.Dense(3, name="deep")], name="inside")], name="stacked")


def policies(k):
    x = k.Input((6,))
    return k.Model(x, k.layers.Dense(3, dtype="float32")(k.layers.Dense(5, dtype="mixed_bfloat16")(x)))


MODELS = {
    **{make.__name__: (make, X) for make in (operators, functions, nested, frozen, stacked, policies)},
    "shared": (shared, [X, X[:, :4]]),
    "structures": (structures, {"a": X, "b": X + 1}),
    "masked": (masked, TOKENS),
}


def close(actual, expected):
    assert_close(
        [np.asarray(a, "float32") for a in _flat(actual)], [np.asarray(e, "float32") for e in _flat(expected)], 1e-5
    )


def _flat(outputs):
    import jax

    return jax.tree.leaves(outputs)


@pytest.fixture(params=MODELS)
def pair(request):
    make, data = MODELS[request.param]
    theirs, ours = make(keras), make(jkeras)
    ours.set_weights(theirs.get_weights())
    return theirs, ours, data


def test_configs_go_from_here_to_keras(pair):
    theirs, ours, data = pair
    config = json.loads(json.dumps(ours.get_config()))
    model = type(theirs).from_config(config)
    model.set_weights(ours.get_weights())
    close(model(data), theirs(data))
    assert [layer.name for layer in model.layers] == [layer.name for layer in ours.layers]
    assert [v.trainable for v in model.weights] == [v.trainable for v in ours.weights]


def test_configs_come_here_from_keras(pair):
    theirs, _, data = pair
    config = json.loads(json.dumps(theirs.get_config()))
    model = getattr(jkeras.models, type(theirs).__name__).from_config(config)
    model.set_weights(theirs.get_weights())
    close(model(data), theirs(data))
    assert model.name == theirs.name
    assert [layer.name for layer in model.layers] == [layer.name for layer in theirs.layers]
    assert [v.trainable for v in model.weights] == [v.trainable for v in theirs.weights]


def test_configs_come_back(pair):
    _, ours, data = pair
    model = jkeras.models.model_from_json(ours.to_json())
    model.set_weights(ours.get_weights())
    close(model(data), ours(data))
    assert json.dumps(model.get_config()) == json.dumps(ours.get_config())


def test_a_model_that_starts_in_the_middle_of_another():
    whole = operators(jkeras)
    middle = jkeras.Model(whole.layers[-1].input, whole.output)
    again = jkeras.Model.from_config(middle.get_config())
    again.set_weights(middle.get_weights())
    data = np.ones((2, 6), "float32")
    close(again(data), middle(data))
    close(keras.Model.from_config(middle.get_config()).output_shape, middle.output_shape)


def test_json_says_how_a_model_was_compiled():
    results = []
    for k in (keras, jkeras):
        model = stacked(k)
        loss = k.losses.Huber(reduction="sum")
        model.compile(k.optimizers.SGD(0.25, momentum=0.5), loss, metrics=["mae", k.metrics.MeanSquaredError(name="m")])
        results.append(model.to_json())
    for text in results:
        model = jkeras.models.model_from_json(text)
        assert (model.optimizer.momentum, float(model.optimizer.learning_rate.numpy())) == (0.5, 0.25)
        assert model.loss.reduction == "sum"
        names = set(model.evaluate(X, np.zeros((4, 3), "float32"), verbose=0, return_dict=True))
        assert names == {"loss", "mae", "m"}
    assert keras.models.model_from_json(results[1]).optimizer.momentum == 0.5
    assert stacked(jkeras).get_compile_config() == {}


def test_what_no_config_can_say_of_a_compiled_model_is_left_out_with_a_warning():
    import optax

    model = stacked(jkeras)
    model.compile(optax.sgd(0.1), "mse")
    with pytest.warns(UserWarning, match="'stacked' was compiled is left out.*optax"):
        text = model.to_json()
    assert not jkeras.models.model_from_json(text).compiled
    with pytest.warns(UserWarning, match="lambda"):
        model.compile("sgd", lambda y, p: y - p)
        assert model.get_compile_config() == {}


def test_a_model_with_a_compile_of_its_own_is_not_compiled_from_a_config():
    class Own(jkeras.Sequential):
        def compile(self, rate):
            super().compile(jkeras.optimizers.SGD(rate), "mse")

    model = Own([jkeras.layers.Dense(1)])
    with pytest.warns(UserWarning, match="compile\\(\\) of its own"):
        model.compile_from_config({"optimizer": "sgd"})
    assert not model.compiled


class Widths(jkeras.Model):
    """A user's model of its own arguments."""

    def __init__(self, widths, name=None):
        super().__init__(name=name)
        self.widths = widths
        self.blocks = [jkeras.layers.Dense(width) for width in widths]

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return x

    def get_config(self):
        return {"widths": self.widths, "name": self.name}


class Graph(jkeras.Model):
    """A user's model that takes symbolic tensors as `Model` does."""


class Fixed(jkeras.Model):
    """A user's graph with arguments of its own."""

    def __init__(self, units, **kwargs):
        x = jkeras.Input((6,))
        super().__init__(inputs=x, outputs=jkeras.layers.Dense(units)(x), **kwargs)
        self.units = units

    def get_config(self):
        return {"units": self.units, "name": self.name}


def test_subclassed_models():
    again = Widths.from_config(Widths([3, 2], name="w").get_config())
    assert again.widths == [3, 2] and again.name == "w"
    x = jkeras.Input((6,))
    graph = Graph(x, jkeras.layers.Dense(2)(x), name="g")
    again = Graph.from_config(graph.get_config())
    assert isinstance(again, Graph) and again.output_shape == (None, 2) and again.name == "g"
    fixed = Fixed.from_config(Fixed(3).get_config())
    assert isinstance(fixed, Fixed) and fixed.output_shape == (None, 3)
    with pytest.raises(TypeError, match=r"Widths\(...\) does not take.*\['widht'\].*from_config"):
        Widths.from_config({"widht": [1]})


def test_custom_objects_inside_a_graph():
    class Raise(jkeras.layers.Layer):
        def call(self, x):
            return x + 1

    x = jkeras.Input((6,))
    model = jkeras.Model(x, Raise(name="raise")(x))
    with pytest.raises(ValueError, match=r"'Raise'.*register_keras_serializable"):
        jkeras.Model.from_config(model.get_config())
    close(jkeras.Model.from_config(model.get_config(), custom_objects={"Raise": Raise})(X), X + 1)
    close(jkeras.models.model_from_json(model.to_json(), custom_objects={"Raise": Raise})(X), X + 1)
    outer = jkeras.Model(x, jkeras.Sequential([model])(x))
    with jkeras.utils.custom_object_scope({"Raise": Raise}):
        close(jkeras.Model.from_config(outer.get_config())(X), X + 1)


def chain():
    """The config of x -> first -> second, to be spoilt."""
    x = jkeras.Input((6,), name="x")
    return jkeras.Model(x, jkeras.layers.Dense(2, name="second")(jkeras.layers.Dense(3, name="first")(x))).get_config()


def _node(config, index):
    return config["layers"][index]["inbound_nodes"][0]["args"][0]["config"]["keras_history"]


SPOILT = {
    "a circle": (lambda c: _node(c, 1).__setitem__(0, "second"), r"\['first', 'second'\] are never computed"),
    "an unknown layer": (lambda c: _node(c, 1).__setitem__(0, "third"), "'third', which is not among its layers"),
    "an unknown call": (lambda c: c.update(output_layers=["second", 4, 0]), "call 4 of 'second', which does not exist"),
    "an unknown output": (lambda c: c.update(output_layers=["second", 0, 1]), "output 1 of call 0 of 'second'"),
    "a negative number": (lambda c: _node(c, 1).__setitem__(1, -1), "address is"),
    "no address": (lambda c: c.update(output_layers="second"), "addresses"),
    "an optimizer for a layer": (
        lambda c: c["layers"][1].update(module="keras.optimizers", class_name="SGD", config={}), "'SGD' as layer 'first'"),
    "a module": (lambda c: c["layers"][1].update(module="os", class_name="system", config={}), "not known here"),
    "a function": (lambda c: c["layers"][1].update(module="keras.ops", class_name="add", config={}), "'add'.*no class"),
    "an operation": (
        lambda c: c["layers"][1].update(module="keras.src.ops.numpy", class_name="Summ", config={}), "Did you mean 'Sum'"),
    "a name twice": (lambda c: c["layers"][2].update(name="first"), "named 'first'"),
    "Keras 2": (lambda c: c["layers"][1].update(inbound_nodes=[[["x", 0, 0, {}]]]), "calls of 'first' must be given as"),
    "no layer": (lambda c: c["layers"].append("first"), "got 'first'"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILT)
def test_configs_that_describe_no_graph(case):
    spoil, message = SPOILT[case]
    config = json.loads(json.dumps(chain()))
    spoil(config)
    with pytest.raises(ValueError, match=message):
        jkeras.Model.from_config(config)


def test_calls_that_no_config_can_hold():
    x = jkeras.Input((6,))
    kernel = jkeras.Variable(np.ones((6, 2), "float32"), name="kernel")
    with pytest.raises(TypeError, match=r"(?s)'matmul'.*x2=.*a config cannot hold.*layer"):
        jkeras.Model(x, jkeras.ops.matmul(x, kernel)).get_config()
    with pytest.raises(TypeError, match=r"call of 'dropout'.*not one of jkeras\.ops.*layer"):
        jkeras.Model(x, jkeras.random.dropout(x, 0.5, seed=1)).get_config()
    with pytest.raises(TypeError, match=r"lambda"):
        jkeras.Model(x, jkeras.layers.Lambda(lambda x: x)(x)).get_config()
