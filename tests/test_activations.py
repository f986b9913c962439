"""Activations against the installed Keras (values and gradients) and against their formulas in float64 NumPy."""

import inspect
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jkeras import activations
from jkeras.core.frame import Frame
from jkeras.core.symbolic import KerasTensor
from jkeras.core.variable import Variable
from jkeras.serialization import register_serializable
from tests.oracle import assert_close, keras

# Rows of 8, with the kinks of every activation among the points.
POINTS = np.array(
    [
        [-20.0, -6.0, -3.0, -2.5, -2.0, -1.5, -1.0, -0.75],
        [-0.5, -0.25, -1e-3, 0.0, 1e-3, 0.25, 0.5, 0.75],
        [1.0, 1.5, 2.0, 2.5, 3.0, 6.0, 7.0, 20.0],
    ],
    "float32",
)
SLOPES = np.cos(np.arange(POINTS.size, dtype="float32")).reshape(POINTS.shape)  # cotangents that no symmetry cancels


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def simplex_projection(x):
    """max(x - tau, 0) with tau found by bisection."""
    low, high = x.min() - 1, x.max()
    for _ in range(200):
        tau = (low + high) / 2
        low, high = (tau, high) if np.maximum(x - tau, 0).sum() > 1 else (low, tau)
    return np.maximum(x - tau, 0)


erf = np.vectorize(math.erf)
FORMULAS = [  # name, arguments, the formula
    ("linear", {}, lambda x: x),
    ("relu", {}, lambda x: np.maximum(x, 0)),
    ("relu", {"negative_slope": 0.25}, lambda x: np.where(x > 0, x, 0.25 * x)),
    ("relu", {"max_value": 2.5}, lambda x: np.clip(x, 0, 2.5)),
    ("relu", {"max_value": 6.0}, lambda x: np.clip(x, 0, 6)),
    ("relu", {"threshold": 0.5}, lambda x: np.where(x > 0.5, x, 0)),
    ("relu", {"negative_slope": 0.25, "threshold": 0.5}, lambda x: np.where(x > 0.5, x, 0.25 * (x - 0.5))),
    ("relu", {"negative_slope": 0.25, "max_value": 6.0}, lambda x: np.where(x > 0, np.minimum(x, 6), 0.25 * x)),
    (
        "relu",
        {"negative_slope": 0.25, "max_value": 2.5, "threshold": -0.5},
        lambda x: np.where(x > -0.5, np.clip(x, 0, 2.5), 0.25 * (x + 0.5)),
    ),
    ("relu6", {}, lambda x: np.clip(x, 0, 6)),
    ("leaky_relu", {}, lambda x: np.where(x > 0, x, 0.2 * x)),
    ("leaky_relu", {"negative_slope": 0.5}, lambda x: np.where(x > 0, x, 0.5 * x)),
    ("elu", {}, lambda x: np.where(x > 0, x, np.expm1(x))),
    ("elu", {"alpha": 0.5}, lambda x: np.where(x > 0, x, 0.5 * np.expm1(x))),
    ("celu", {}, lambda x: np.where(x > 0, x, np.expm1(x))),
    ("celu", {"alpha": 0.5}, lambda x: np.where(x > 0, x, 0.5 * np.expm1(x / 0.5))),
    ("selu", {}, lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))),
    ("gelu", {}, lambda x: x * (1 + erf(x / np.sqrt(2))) / 2),
    ("gelu", {"approximate": True}, lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
    ("silu", {}, lambda x: x * sigmoid(x)),
    ("hard_silu", {}, lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    ("mish", {}, lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    ("glu", {}, lambda x: x[..., :4] * sigmoid(x[..., 4:])),
    ("sigmoid", {}, sigmoid),
    ("log_sigmoid", {}, lambda x: -np.log1p(np.exp(-x))),
    ("hard_sigmoid", {}, lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    ("sparse_sigmoid", {}, lambda x: np.clip((x + 1) / 2, 0, 1)),
    ("tanh", {}, np.tanh),
    ("hard_tanh", {}, lambda x: np.clip(x, -1, 1)),
    ("softsign", {}, lambda x: x / (1 + np.abs(x))),
    ("exponential", {}, np.exp),
    ("softplus", {}, lambda x: np.log1p(np.exp(x))),
    ("squareplus", {}, lambda x: (x + np.sqrt(x * x + 4)) / 2),
    ("squareplus", {"b": 1.0}, lambda x: (x + np.sqrt(x * x + 1)) / 2),
    ("sparse_plus", {}, lambda x: np.where(x >= 1, x, np.where(x <= -1, 0, (x + 1) ** 2 / 4))),
    ("tanh_shrink", {}, lambda x: x - np.tanh(x)),
    ("soft_shrink", {}, lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)),
    ("soft_shrink", {"threshold": 1.0}, lambda x: np.sign(x) * np.maximum(np.abs(x) - 1, 0)),
    ("hard_shrink", {}, lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    ("hard_shrink", {"threshold": 1.0}, lambda x: np.where(np.abs(x) > 1, x, 0)),
    ("threshold", {"threshold": 0.5, "default_value": -7.0}, lambda x: np.where(x > 0.5, x, -7)),
    ("softmax", {}, softmax),
    ("softmax", {"axis": 0}, lambda x: softmax(x.T).T),
    ("softmax", {"axis": (0, 1)}, lambda x: softmax(x.reshape(1, -1)).reshape(x.shape)),
    ("log_softmax", {}, lambda x: np.log(softmax(x))),
    ("log_softmax", {"axis": 0}, lambda x: np.log(softmax(x.T).T)),
    ("sparsemax", {}, lambda x: np.apply_along_axis(simplex_projection, -1, x)),
    ("sparsemax", {"axis": 0}, lambda x: np.apply_along_axis(simplex_projection, 0, x)),
]
ROWS = range(len(FORMULAS))
IDS = [f"{name}-{'-'.join(map(str, kwargs.values()))}".rstrip("-") for name, kwargs, _ in FORMULAS]


def values_and_gradients(module):
    """Every row in one program, so that there is one compilation instead of a hundred."""

    def run(x, slopes):
        results = []
        for name, kwargs, _ in FORMULAS:
            y, pull = jax.vjp(lambda x, n=name, k=kwargs: getattr(module, n)(x, **k), x)
            results.append((y, pull(slopes[:, : y.shape[-1]])[0]))
        return results

    return jax.device_get(jax.jit(run)(POINTS, SLOPES))


@pytest.fixture(scope="module")
def ours():
    with jax.numpy_dtype_promotion("strict"):
        return values_and_gradients(activations)


@pytest.fixture(scope="module")
def theirs():
    return values_and_gradients(keras.activations)


@pytest.mark.parametrize("row", [r for r in ROWS if FORMULAS[r][0] != "sparsemax"], ids=lambda r: IDS[r])
def test_values_and_gradients_are_those_of_keras(row, ours, theirs):
    for a, e in zip(ours[row], theirs[row], strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: IDS[r])
def test_values_are_those_of_the_formula(row, ours):
    with np.errstate(over="ignore"):
        expected = FORMULAS[row][2](POINTS.astype("float64"))
    assert_close(ours[row][0], expected, rtol=1e-6)


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_sparsemax_is_keras_where_one_entry_survives(axis):
    # With more than one survivor, Keras 3.15 is off its own definition: there the formula above is the judge.
    x = 10 * np.random.default_rng(0).permutation(60).reshape(3, 4, 5).astype("float32")
    assert_close(activations.sparsemax(x, axis=axis), keras.activations.sparsemax(x, axis=axis))


def test_sparsemax_gradient_is_the_centred_one_on_the_support():
    """The Jacobian is diag(s) - s s^T / |s| for the indicator s of the support (Martins and Astudillo, eq. 10)."""
    x = np.random.default_rng(1).normal(size=(6, 5)).astype("float32")
    slopes = np.random.default_rng(2).normal(size=x.shape).astype("float32")
    y, pull = jax.vjp(activations.sparsemax, x)
    s = np.asarray(y) > 0
    mean = (s * slopes).sum(-1, keepdims=True) / s.sum(-1, keepdims=True)
    assert s.sum(-1).max() > 1
    np.testing.assert_allclose(pull(slopes)[0], s * (slopes - mean), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-50, 50, width=32), min_size=8, max_size=8))
def test_distributions_are_distributions(values):
    x = jnp.asarray(values, "float32")
    for function in (activations.softmax, activations.sparsemax):
        y = np.asarray(function(x), "float64")
        assert (y >= 0).all()
        assert abs(y.sum() - 1) < 1e-5
        order = np.argsort(values, kind="stable")
        assert (np.diff(y[order]) >= -1e-6).all()


@pytest.mark.parametrize("name", [n for n in dir(keras.activations) if not n.startswith("_")])
def test_signatures_are_those_of_keras(name):
    def parameters(function):
        return [(p.name, p.default) for p in inspect.signature(function).parameters.values()]

    function = getattr(activations, name)
    expected = parameters(getattr(keras.activations, name))
    assert parameters(function)[: len(expected)] == expected
    assert function.__doc__


NAMES = sorted({name for name, _, _ in FORMULAS})


@pytest.mark.parametrize("name", NAMES)
def test_names_lead_there_and_back(name):
    function = getattr(activations, name)
    assert activations.get(name) is function
    assert activations.serialize(function) == keras.activations.serialize(getattr(keras.activations, name)) == name
    assert activations.deserialize(name) is function


def test_every_activation_of_keras_has_a_row():
    known = {n for n in dir(keras.activations) if not n.startswith("_")}
    assert known - {"get", "serialize", "deserialize", "swish", "hard_swish"} == set(NAMES)


def test_aliases_and_none():
    assert activations.get(None) is activations.linear
    assert activations.get("swish") is activations.swish is activations.silu
    assert activations.get("hard_swish") is activations.hard_swish is activations.hard_silu
    assert activations.get(activations.relu) is activations.relu


def test_a_function_of_ones_own():
    def cube(x):
        return x**3

    assert activations.get(cube) is cube
    register_serializable("test_activations")(cube)
    config = activations.serialize(cube)
    assert activations.deserialize(config) is cube
    assert activations.get("test_activations>cube") is cube


def test_unknown_names_get_a_suggestion():
    with pytest.raises(ValueError, match=r"Unknown activation: 'rleu'\. Did you mean 'relu'\?"):
        activations.get("rleu")
    with pytest.raises(ValueError, match="Could not interpret activation: 3"):
        activations.get(3)


def test_a_lambda_has_no_name():
    with pytest.raises(TypeError, match="lambda"):
        activations.serialize(lambda x: x)


def test_softmax_over_a_single_entry_warns():
    with pytest.warns(UserWarning, match=r"shape \(2, 1\).*use 'sigmoid'"):
        activations.softmax(jnp.ones((2, 1)))


def test_glu_needs_two_halves():
    with pytest.raises(ValueError, match=r"even size along axis=-1.*\(2, 3\)"):
        activations.glu(jnp.ones((2, 3)))


def test_variables_lists_and_symbolic_tensors():
    assert activations.relu(Variable([-1.0, 2.0])).tolist() == [0.0, 2.0]
    assert activations.relu([-1.0, 2.0]).tolist() == [0.0, 2.0]
    x = KerasTensor((None, 4))
    assert activations.softmax(x).shape == (None, 4)
    assert activations.glu(x, axis=1).shape == (None, 2)
    assert activations.linear(x) is x


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_stays_half_precision(name):
    arguments = (1.0, 0.0) if name == "threshold" else ()
    with jax.numpy_dtype_promotion("strict"):
        out = jax.eval_shape(lambda x: getattr(activations, name)(x, *arguments), jnp.ones((2, 4), "bfloat16"))
    assert out.dtype == "bfloat16"


def test_the_frame_remembers_logits():
    x = jnp.asarray([[1.0, 2.0], [3.0, 5.0]])
    with Frame() as frame:
        p, q = activations.softmax(x), activations.sigmoid(x)
        assert frame.get_logits(p, "softmax") is x
        assert frame.get_logits(q, "sigmoid") is x
        assert frame.get_logits(p, "sigmoid") is None
        assert frame.get_logits(activations.softmax(x, axis=0), "softmax") is None
        assert frame.get_logits(activations.softmax(x, axis=1), "softmax") is x
