"""Mistakes in graphs and layers are reported where they are made, with the names and shapes that explain them."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jkeras
from jkeras import Input, Model, layers

X = np.zeros((2, 3), "float32")


def text(error):
    """The message of an exception and its notes, as a traceback shows them."""
    return "\n".join([str(error.value), *getattr(error.value, "__notes__", ())])


class Product(layers.Layer):
    """A user's layer with a weight of a wrong shape."""

    def build(self, input_shape):
        self.w = self.add_weight(shape=(7, 2), name="w")

    def call(self, x):
        return jkeras.ops.matmul(x, self.w)


class Around(layers.Layer):
    """A layer that calls another one, which may be set later."""

    def __init__(self, inner=None, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    def call(self, x):
        return self.inner(x)


def called_twice(layer, first, second):
    layer(Input(first))
    return layer(Input(second))


# -- shapes -----------------------------------------------------------------------------------------------------------

SHAPES = {
    "another size": (
        lambda: called_twice(layers.Dense(2, name="d"), (3,), (4,)),
        r"Layer 'd' \(Dense\) expects an input with size 3 along axis -1, but got shape \(None, 4\)",
    ),
    "missing axis": (
        lambda: layers.Conv2D(2, 3, name="c")(Input((8, 8))),
        r"Layer 'c' \(Conv2D\) expects an input with 4 axes, but got shape \(None, 8, 8\)",
    ),
    "large kernel": (
        lambda: layers.Conv2D(2, 5, name="c")(Input((3, 3, 1))),
        r"Layer 'c' \(Conv2D\) has kernel_size=\(5, 5\).*padding=\"same\"",
    ),
    "large pool": (
        lambda: layers.MaxPooling2D(4, name="p")(Input((2, 2, 1))),
        r"Layer 'p' \(MaxPooling2D\) has pool_size=\(4, 4\)",
    ),
    "merge": (
        lambda: layers.Add(name="sum")([Input((3,)), Input((4,))]),
        r"Layer 'sum' \(Add\).*\(None, 3\), \(None, 4\)",
    ),
    "concatenate": (
        lambda: layers.Concatenate(name="cat")([Input((3, 5)), Input((4, 6))]),
        r"Layer 'cat' \(Concatenate\).*\(None, 3, 5\), \(None, 4, 6\)",
    ),
    "reshape": (
        lambda: layers.Reshape((5,), name="r")(Input((3, 2))),
        r"Layer 'r' \(Reshape\).*shape \(3, 2\), which have 6 entries, the shape \(5,\)",
    ),
    "recurrent": (
        lambda: layers.LSTM(2, name="l")(Input((3,))),
        r"Layer 'l' \(LSTM\) expects an input with 3 axes.*\(None, 3\)",
    ),
    "operator": (
        lambda: Input((3,)) + Input((4,)),
        r"came up in add\(\), called on symbolic tensors of shape \(None, 3\), \(None, 4\)",
    ),
    "function": (
        lambda: jkeras.ops.matmul(Input((3, 4)), Input((5, 6))),
        r"came up in matmul\(\), called on symbolic tensors of shape \(None, 3, 4\), \(None, 5, 6\)",
    ),
    "users layer": (
        lambda: Product(name="mine")(Input((3,))),
        r"\(3,\) and \(7,\).*came up in call\(\) of layer 'mine' \(Product\), on shape \(None, 3\)",
    ),
    "users layer on arrays": (lambda: Product(name="mine")(X), r"layer 'mine' \(Product\), on shape \(2, 3\)"),
    "inner layer": (lambda: Around(Product(name="mine"))(Input((3,))), r"came up in call\(\) of layer 'mine' \(Product\)"),
    "middle of a stack": (
        lambda: jkeras.Sequential([Input((8, 8, 3)), layers.Flatten(), layers.Conv2D(3, 3, name="late")]),
        r"Layer 'late' \(Conv2D\) expects an input with 4 axes, but got shape \(None, 192\)",
    ),
    "a model's input": (
        lambda: Model(a := Input((3,), name="a"), layers.Dense(2)(a), name="m")(np.zeros((2, 4))),
        r"Model 'm': input 'a' has shape \(None, 3\), but got an array of shape \(2, 4\)",
    ),
    "unknown channels": (
        lambda: layers.Conv2D(2, 3, name="c")(Input((8, 8, None))),
        r"Layer 'c' \(Conv2D\) needs to know the number of channels, axis -1.*\(None, 8, 8, None\)",
    ),
    "unknown features": (
        lambda: layers.Dense(2, name="d")(layers.Flatten()(Input((None, 3)))),
        r"'d' needs to know the last axis of its input, got shape \(None, None\)",
    ),
}


@pytest.mark.parametrize("case", SHAPES)
def test_shapes_that_do_not_fit(case):
    make, message = SHAPES[case]
    with pytest.raises((ValueError, TypeError)) as error:
        make()
    assert re.search(message, text(error).replace("\n", " ")), text(error)


# -- the structure of the graph ---------------------------------------------------------------------------------------


def diamond(a, b):
    return layers.Add()([layers.Dense(2)(a), layers.Dense(2)(b)])


A, B = Input((3,), name="a"), Input((3,), name="b")
HIDDEN = layers.Dense(2, name="hidden")(A)

GRAPHS = {
    "disconnected": (lambda: Model(A, diamond(A, B)), r"disconnected.*input 'b' \(shape \(None, 3\)\).*inputs \['a'\]"),
    "disconnected before the start": (
        lambda: Model(B, diamond(HIDDEN, B)),
        r"disconnected.*input 'a' \(shape \(None, 3\)\).*inputs \['b'\]",
    ),
    "layers of one name": (
        lambda: Model(A, layers.Dense(2, name="d")(layers.ReLU(name="d")(A))),
        r"Two layers.*'d'.*(Dense|ReLU)\(\.\.\., name='\.\.\.'\)",
    ),
    "inputs of one name": (
        lambda: Model([A, c := Input((3,), name="a")], diamond(A, c)),
        r"'a'.*Input\(\.\.\., name='\.\.\.'\)",
    ),
    "names in a stack": (
        lambda: jkeras.Sequential([layers.Dense(2, name="d"), layers.Dense(2, name="d")]),
        r"A layer named 'd' is already in model",
    ),
    "one input twice": (lambda: Model([A, A], layers.Dense(2)(A)), r"Input 'a' is given twice"),
    "a layer for an output": (
        lambda: Model(A, layers.Dense(2, name="d")),
        r"outputs of a model must be symbolic tensors.*name=d",
    ),
    "an array for an input": (lambda: Model(X, HIDDEN), r"inputs of a model must be symbolic tensors.*array"),
}


@pytest.mark.parametrize("case", GRAPHS)
def test_graphs_that_make_no_sense(case):
    make, message = GRAPHS[case]
    with pytest.raises(ValueError, match=message):
        make()


def test_a_model_is_no_part_of_itself():
    inner = jkeras.Sequential([Input((3,)), layers.Dense(3)], name="inner")
    outer = jkeras.Sequential([inner], name="outer")
    for model in (inner, outer):
        with pytest.raises(ValueError, match=f"Model '{model.name}' cannot be added to 'inner'.*part of itself"):
            inner.add(model)


@pytest.mark.parametrize("inputs", [X, Input((3,))], ids=["array", "symbolic"])
def test_calls_in_a_circle(inputs):
    first, second = Around(name="first"), Around(name="second")
    first.inner, second.inner = second, first
    with pytest.raises(ValueError, match="in a circle: 'first' calls 'second' calls 'first'"):
        first(inputs)
    second.inner = second
    with pytest.raises(ValueError, match="in a circle: 'second' calls 'second'"):
        first(inputs)
    second.inner = layers.Dense(2)
    assert first(inputs).shape[-1] == 2


def test_a_tensor_that_is_computed_from_itself():
    inputs = Input((3,))
    x = layers.Dense(3)(inputs)
    y = layers.Dense(3)(x)
    x.history.node.args = (y,)  # what only a bad config can bring about
    with pytest.raises(ValueError, match=r"The graph has a cycle: 'dense.*' is computed from itself"):
        Model(inputs, y)


def test_back_references_are_no_circle():
    class Child(layers.Layer):
        def call(self, x):
            return 2 * x

    model = jkeras.Sequential([Input((3,)), layers.Dense(1), Child()])
    model.layers[1].parent = model
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], verbose=0)
    assert len(model.weights) == 2


# -- layers that do not know their inputs yet --------------------------------------------------------------------------

UNBUILT = {
    "weights": (lambda d: d.kernel, AttributeError, r"'d' has no attribute 'kernel'. The layer is not built yet.*build\("),
    "count_params": (lambda d: d.count_params(), ValueError, r"Layer 'd' is not built.*Call it on data"),
    "set_weights": (lambda d: d.set_weights([X]), ValueError, r"Layer 'd' has weights of shapes \[\].*not built yet"),
    "output": (lambda d: d.output, AttributeError, r"Layer 'd' has not been called on a symbolic tensor.*`output`"),
    "apply": (
        lambda d: d.apply({"params": {}, "state": {}}, X),
        ValueError,
        r"Layer 'd' is not built.*\n.*layer\.init\(key",
    ),
    "stateless_call": (
        lambda d: d.stateless_call([], [], X),
        ValueError,
        r"each of the 2 variables in 'd'.trainable_variables, got 0",
    ),
    "model.input": (
        lambda d: jkeras.Sequential([d], name="s").input,
        AttributeError,
        r"'s' is not built.*jkeras\.Input\(shape\)",
    ),
    "what no layer has": (
        lambda d: layers.Dense(2, name="e")(X) is None or d.kernl,
        AttributeError,
        r"no attribute 'kernl'",
    ),
}


@pytest.mark.parametrize("case", UNBUILT)
def test_what_an_unbuilt_layer_cannot_say(case):
    ask, kind, message = UNBUILT[case]
    with pytest.raises(kind, match=message):
        ask(layers.Dense(2, name="d"))


def test_a_built_layer_without_the_attribute_is_not_called_unbuilt():
    layer = layers.Dense(2, name="d", use_bias=False)
    layer(X)
    with pytest.raises(AttributeError) as error:
        _ = layer.scale
    assert "not built" not in str(error.value)


def test_the_summary_of_a_model_that_is_not_built_says_so():
    lines: list[str] = []
    jkeras.Sequential([layers.Dense(2)], name="s").summary(print_fn=lines.append)
    assert "not built yet" in lines[0] and "build(input_shape)" in lines[0]


@pytest.mark.parametrize("use,error", [
    (np.tanh, TypeError), (jnp.tanh, ValueError), (lambda x: jnp.ones((3,)) * jnp.stack([x]), ValueError), (float, TypeError),
    (lambda x: 1 if x > 0 else 2, TypeError), (len, TypeError), (list, TypeError),
], ids=["numpy", "jnp", "stack", "float", "if", "len", "list"])  # fmt: skip
def test_values_asked_of_symbolic_tensors(use, error):
    with pytest.raises(error, match=r"symbolic tensor \(shape \(None, 3\)\).*jkeras\.ops.*Lambda"):
        use(A)


# -- writes that would leak -------------------------------------------------------------------------------------------


class Sum(layers.Layer):
    """Adds up what it sees, in a weight."""

    def build(self, input_shape):
        self.total = self.add_weight(shape=(), initializer="zeros", trainable=False, name="total")

    def call(self, x):
        self.total.assign(self.total + jkeras.ops.sum(x))
        return 2 * x


TRANSFORMS = {
    "jit": lambda f, x: jax.jit(lambda x: f(x))(x),
    "vmap": lambda f, x: jax.vmap(f)(x),
    "scan": lambda f, x: jax.lax.scan(lambda carry, row: (carry, f(row)), 0, x)[1],
    "map": lambda f, x: jax.lax.map(f, x),
    "cond": lambda f, x: jax.lax.cond(True, f, lambda x: x, x),
    "grad": lambda f, x: jax.grad(lambda x: f(x).sum())(x),
    "checkpoint": lambda f, x: jax.checkpoint(lambda x: f(x))(x),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_write_under_a_foreign_transformation(transform):
    """Alone, inside of a model's call, and inside of its training: the weight keeps its value, and the message its form."""
    layer = Sum(name="sum")
    layer(X)
    message = r"Variable 'sum/total' was assigned inside a JAX transformation(?s:.*)layer\.apply\(variables, x\)"

    class Transformed(Model):
        def __init__(self):
            super().__init__()
            self.sum, self.out = layer, layers.Dense(1)

        def call(self, x):
            return self.out(TRANSFORMS[transform](self.sum, x))

    model = Transformed()
    model.compile("sgd", "mse")
    for run in (
        lambda: TRANSFORMS[transform](layer, jnp.ones((2, 3))),
        lambda: model(X),
        lambda: model.fit(X, X[:, :1], verbose=0),
    ):
        with pytest.raises(RuntimeError, match=message):
            run()
    assert float(layer.total) == 0.0


def test_the_code_that_the_message_shows_is_right():
    layer = Sum()
    layer(X)
    variables = layer.snapshot()

    def step(state, row):
        outputs, state = layer.apply({"params": {}, "state": state}, row)
        return state, outputs

    state, outputs = jax.lax.scan(step, variables["state"], jnp.ones((4, 3)))
    layer.update({"params": {}, "state": state})
    assert float(layer.total) == 12.0 and outputs.shape == (4, 3)


# -- masks that get lost ----------------------------------------------------------------------------------------------


class Plain(layers.Layer):
    """A user's layer that says nothing about masks."""

    def call(self, x):
        return 2 * x


@pytest.mark.parametrize("build", [
    lambda layer: jkeras.Sequential([layers.Masking(), layer, layers.LSTM(2)])(np.ones((2, 4, 3), "float32")),
    lambda layer: layers.LSTM(2)(layer(layers.Masking()(Input((4, 3))))),
], ids=["array", "graph"])  # fmt: skip
def test_a_layer_that_drops_a_mask_is_named(build):
    with pytest.warns(UserWarning, match=r"'plain_one' \(Plain\) got a masked input.*supports_masking = True.*compute_mask"):
        build(Plain(name="plain_one"))


def test_the_advice_on_masks_is_right():
    layer = Plain()
    layer.supports_masking = True
    x = np.array([[[1.0], [2.0], [0.0]]], "float32")
    pooled = jkeras.Sequential([layers.Masking(), layer, layers.GlobalAveragePooling1D()])(x)
    np.testing.assert_allclose(pooled, [[3.0]])


def test_an_input_that_no_call_made_is_refused():
    x = jkeras.KerasTensor((None, 3))
    with pytest.raises(ValueError, match="comes from no layer or operation.*jkeras.Input"):
        jkeras.Model(x, jkeras.layers.Dense(2)(x))
