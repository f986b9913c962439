"""In which structures inputs and outputs come: by name or by place, one in a list, some left out, batches of graphs."""

import numpy as np
import pytest

import jkeras
from jkeras.layers import Concatenate, Dense, Layer
from tests.oracle import keras

RNG = np.random.default_rng(0)
WIDE, DEEP = RNG.normal(size=(8, 3)).astype("float32"), RNG.normal(size=(8, 4)).astype("float32")
Y = RNG.normal(size=(8, 1)).astype("float32")
NAMED = {"deep": DEEP, "wide": WIDE}


def two_inputs(k=jkeras, form=list):
    wide, deep = k.Input((3,), name="wide"), k.Input((4,), name="deep")
    y = k.layers.Dense(1, kernel_initializer="ones")(k.layers.Concatenate()([wide, 2 * deep]))
    made = k.Model({"wide": wide, "deep": deep} if form is dict else form([wide, deep]), y)
    made.compile("sgd", "mse")
    return made


def every_way(made, x, y):
    """What all methods that take data say."""
    return [
        made.fit(x, y, validation_data=(x, y), verbose=0, shuffle=False).history["val_loss"][0],
        made.fit(x, y, validation_split=0.5, verbose=0, shuffle=False).history["val_loss"][0],
        made.evaluate(x, y, verbose=0),
        made.train_on_batch(x, y),
        made.test_on_batch(x, y),
        made.predict(x, verbose=0).sum(),
        made.predict_on_batch(x).sum(),
        float(np.asarray(made(x)).sum()),
    ]


@pytest.mark.parametrize("form", [list, tuple, dict])
def test_inputs_by_name(form):
    ours = every_way(two_inputs(form=form), NAMED, Y)
    np.testing.assert_allclose(ours, every_way(two_inputs(keras, form), NAMED, Y), rtol=1e-5)
    made = two_inputs(form=form)
    made.fit(((NAMED, Y) for _ in range(2)), verbose=0)


def test_entries_that_no_input_takes():
    extra = {**NAMED, "id": np.array(["a"] * 8)}
    made = two_inputs()
    with pytest.warns(UserWarning, match=r"inputs \['wide', 'deep'\]; x has the entries \['id'\]") as caught:
        made.predict(extra, verbose=0)
    assert [w.filename for w in caught] == [__file__]
    with pytest.raises(ValueError, match=r"lacks \['wide'\]; its keys are \['deep', 'wide_'\]. Did you mean 'wide_'"):
        made.predict({"deep": DEEP, "wide_": WIDE}, verbose=0)


def test_a_step_of_ones_own_sees_the_data_as_it_was_given():
    class Weighted(jkeras.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return (x["scale"] * (y - y_pred) ** 2).mean()

    wide = jkeras.Input((3,), name="wide")
    made = Weighted([wide], Dense(1, kernel_initializer="zeros")(wide))
    made.compile("sgd", metrics=[])
    with pytest.warns(UserWarning, match="scale"):
        loss = made.evaluate({"wide": WIDE, "scale": np.full((8, 1), 3.0)}, np.ones((8, 1)), verbose=0)
    assert loss == pytest.approx(3.0)


class Maybe(Layer):
    def call(self, x, y=None):
        return x if y is None else x + y


def test_an_input_that_may_be_left_out():
    a, b = jkeras.Input((3,), name="a"), jkeras.Input((3,), name="b", optional=True)
    made = jkeras.Model([a, b], Dense(1, kernel_initializer="ones")(Maybe()(a, b)))
    made.compile(jkeras.optimizers.SGD(0.0), "mse")
    for x in ([WIDE, None], {"a": WIDE, "b": None}, {"a": WIDE}):
        assert every_way(made, x, Y)[5] == pytest.approx(WIDE.sum(), abs=1e-4)
    assert every_way(made, [WIDE, WIDE], Y)[5] == pytest.approx(2 * WIDE.sum(), abs=1e-4)
    for use in (lambda x: made.predict(x, verbose=0), made, lambda x: made.fit(x, Y, verbose=0)):
        with pytest.raises(ValueError, match=r"None for the input 'a'.*optional=True"):
            use([None, WIDE])


@pytest.mark.parametrize("first", [[], [jkeras.Input((3,), name="wide")]], ids=["deferred", "built"])
@pytest.mark.parametrize("x", [{"wide": WIDE}, [WIDE]], ids=["dict", "list"])
def test_a_sequential_model_takes_its_one_input_in_a_structure(first, x):
    def made():
        layers = [*([jkeras.Input((3,), name="wide")] if first else []), Dense(1, kernel_initializer="ones")]
        model = jkeras.Sequential(layers)
        model.compile("sgd", "mse")
        return model

    np.testing.assert_allclose(every_way(made(), x, Y), every_way(made(), WIDE, Y), rtol=1e-6)


@pytest.mark.parametrize("form", [lambda y: [y], lambda y: (y,)], ids=["list", "tuple"])
def test_a_list_of_one_output_is_one_array(form, tmp_path):
    x = jkeras.Input((4, 3))
    inner = jkeras.Model(x, form(Dense(2, kernel_initializer="ones")(x)))
    pooled = jkeras.layers.GlobalAveragePooling1D()(inner(x))
    assert pooled.shape == (None, 2)
    made = jkeras.Model(x, form(pooled))
    made.compile("sgd", "mse")
    data = RNG.normal(size=(5, 4, 3)).astype("float32")
    expected = data.mean(axis=1).sum(axis=1, keepdims=True) * np.ones(2)
    made.save(tmp_path / "model.keras")
    for model in (made, jkeras.models.load_model(tmp_path / "model.keras"), jkeras.models.clone_model(made)):
        model.set_weights(made.get_weights())
        for outputs in (model.predict(data, verbose=0), model(data), model.predict_on_batch(data)):
            np.testing.assert_allclose(np.asarray(outputs), expected, rtol=1e-4, atol=1e-5)
    made.fit(data, np.ones((5, 2)), verbose=0)
    made.fit(data, [np.ones((5, 2))], verbose=0)
    assert isinstance(made.output, type(form(0)))


@pytest.mark.parametrize("loss", [{"a": ["mse"], "b": "mae"}, [["mse"], "mae"], [["mse"], ["mae"]]], ids=str)
def test_losses_in_lists_of_their_own(loss):
    def run(k):
        x = k.Input((3,))
        made = k.Model(x, [k.layers.Dense(1, name=n, kernel_initializer="ones")(x) for n in "ab"])
        made.compile("sgd", loss)
        return made.evaluate(WIDE, [Y, Y], verbose=0, return_dict=True)["loss"]

    assert run(jkeras) == pytest.approx(run(keras), rel=1e-5)
    # Several losses of one output are added; tests/training/test_structures.py has more of them.


class Graphs(jkeras.utils.PyDataset):
    """A graph for each batch: nodes (n, 3) and edges (2, e)."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        nodes = np.full((5 + index, 3), 1.0, "float32")
        return (nodes, np.ones((2, 7), "int32")), np.ones((5 + index, 1), "float32")


class OfGraphs(jkeras.Model):
    def __init__(self):
        super().__init__()
        self.dense = Dense(1, kernel_initializer="ones")

    def call(self, inputs):
        nodes, edges = inputs
        return self.dense(nodes) + edges.sum()


@pytest.mark.parametrize("source", [lambda: Graphs(), lambda: (Graphs()[i] for i in range(3))], ids=["dataset", "generator"])
def test_batches_whose_arrays_differ_in_length(source):
    made = OfGraphs()
    made.compile(jkeras.optimizers.SGD(0.0), "mse")
    assert made.fit(source(), verbose=0).history["loss"] == [256.0]  # (3 + 14 - 1)^2
    assert made.evaluate(source(), verbose=0) == 256.0
    assert made.predict(((Graphs()[i][0],) for i in range(3)), verbose=0).shape == (18, 1)


def test_single_batches_whose_arrays_differ_in_length():
    made = OfGraphs()
    made.compile(jkeras.optimizers.SGD(0.0), "mse")
    x, y = Graphs()[1]
    assert made.train_on_batch(x, y) == made.test_on_batch(x, y) == 256.0
    assert made.predict_on_batch(x).shape == (6, 1)
    with pytest.raises(ValueError, match=r"x\[0\] has 6, x\[1\] has 2"):
        made.fit(x, y, verbose=0)  # whole arrays count samples


@pytest.mark.parametrize("y", [RNG.integers(0, 2, (6, 4)), RNG.integers(0, 2, (6, 4, 1))], ids=["2d", "3d"])
def test_a_weight_and_a_class_for_each_step(y):
    x = RNG.normal(size=(6, 4, 3)).astype("float32")
    weights = RNG.uniform(size=(6, 4)).astype("float32")

    def made():
        model = jkeras.Sequential([jkeras.Input((4, 3)), Dense(1, "sigmoid", kernel_initializer="ones")])
        model.compile(jkeras.optimizers.SGD(0.0), "binary_crossentropy", weighted_metrics=["mse", "accuracy"])
        return model

    labels, p = y.reshape(6, 4), 1 / (1 + np.exp(-x.sum(axis=-1)))
    values = -np.where(labels == 1, np.log(p), np.log(1 - p))
    got = made().evaluate(x, y, sample_weight=weights, verbose=0)
    right = [
        values * weights,
        (labels - p) ** 2 * weights / weights.mean(),
        (labels == (p > 0.5)) * weights / weights.mean(),
    ]
    np.testing.assert_allclose(got, [r.mean() for r in right], rtol=1e-4)
    history = made().fit(x, y, class_weight={0: 1.0, 1: 10.0}, verbose=0).history
    np.testing.assert_allclose(history["loss"][0], (values * np.where(labels == 1, 10, 1)).mean(), rtol=1e-4)


def test_layers_without_a_bias_have_none():
    layers = jkeras.layers
    for layer in (
        Dense(2, use_bias=False), layers.Conv1D(2, 2, use_bias=False), layers.Conv2DTranspose(2, 2, use_bias=False),
        layers.SeparableConv1D(2, 2, use_bias=False), layers.DepthwiseConv2D(2, use_bias=False), layers.GRUCell(2, use_bias=False),
        layers.EinsumDense("ab,bc->ac", 2),
    ):  # fmt: skip
        assert layer.bias is None, layer
    with pytest.raises(AttributeError, match="not built"):
        Dense(2).bias  # noqa: B018


def test_concatenation_of_named_inputs_is_in_the_order_of_the_model():
    made = two_inputs()
    np.testing.assert_allclose(made.predict(NAMED, verbose=0), made.predict([WIDE, DEEP], verbose=0))
    assert isinstance(made.layers[-1], Dense) and any(isinstance(layer, Concatenate) for layer in made.layers)
