"""Random numbers: Keras's for a seed, from a generator, from the global one; and from the key of a call."""

import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jkeras.random
from jkeras.core.frame import Frame
from jkeras.core.module import Module
from jkeras.core.symbolic import KerasTensor
from jkeras.core.variable import Variable
from jkeras.random import SeedGenerator
from jkeras.utils import set_random_seed
from tests.oracle import keras

LOGITS = np.log(np.array([[0.1, 0.6, 0.3], [0.5, 0.25, 0.25]], "float32"))
X = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
DRAWS = {
    "normal": ((3, 4), 1.0, 2.0),
    "uniform": ((3, 4), -1.0, 2.0),
    "truncated_normal": ((3, 4), 1.0, 2.0),
    "randint": ((3, 4), -5, 9),
    "categorical": (LOGITS, 4),
    "dropout": (X, 0.4),
    "shuffle": (X, 1),
    "gamma": ((3, 4), 0.7),
    "binomial": ((3, 4), 5.0, 0.3),
    "beta": ((3, 4), 0.7, 1.3),
}


def draw(name, **options):
    return np.asarray(getattr(jkeras.random, name)(*DRAWS[name], **options))


def keras_draw(name, **options):
    args = [keras.ops.convert_to_tensor(a) if isinstance(a, np.ndarray) else a for a in DRAWS[name]]
    return np.asarray(getattr(keras.random, name)(*args, **options))


@pytest.mark.parametrize("name", DRAWS)
def test_numbers_are_keras(name):
    expected = keras_draw(name, seed=42)
    actual = draw(name, seed=42)
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)
    ours, theirs = SeedGenerator(7), keras.random.SeedGenerator(7)
    for _ in range(2):
        np.testing.assert_array_equal(draw(name, seed=ours), keras_draw(name, seed=theirs))
    for _ in range(2):
        keras.utils.set_random_seed(11)
        expected = keras_draw(name), random.random(), np.random.rand()
        set_random_seed(11)
        np.testing.assert_array_equal(draw(name), expected[0])
        assert (random.random(), np.random.rand()) == expected[1:]


@pytest.mark.parametrize("name", DRAWS)
def test_nothing_is_promoted_implicitly(name):
    function, args = getattr(jkeras.random, name), DRAWS[name]
    with jax.numpy_dtype_promotion("strict"):
        spec = jax.eval_shape(lambda: function(*args, seed=1))
    assert spec.dtype == ("int32" if name in ("randint", "categorical") else "float32")


def test_the_global_generator_goes_on_like_keras():
    keras.utils.set_random_seed(3)
    expected = [np.asarray(keras.random.uniform((2,))) for _ in range(4)]
    set_random_seed(3)
    np.testing.assert_array_equal([np.asarray(jkeras.random.uniform((2,))) for _ in range(4)], expected)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision(dtype):
    for name in ("normal", "uniform"):
        expected = keras_draw(name, dtype=dtype, seed=1)
        np.testing.assert_array_equal(draw(name, dtype=dtype, seed=1).astype("float32"), expected.astype("float32"))


@pytest.mark.parametrize("noise_shape", [(3, 1), (None, 1), (1, 4)])
def test_dropout_with_a_shared_mask(noise_shape):
    expected = keras.random.dropout(keras.ops.convert_to_tensor(X), 0.5, noise_shape, seed=1)
    np.testing.assert_array_equal(jkeras.random.dropout(X, 0.5, noise_shape, seed=1), expected)


def test_dropout_of_nothing_and_everything():
    np.testing.assert_array_equal(jkeras.random.dropout(X, 0.0), X)
    np.testing.assert_array_equal(jkeras.random.dropout(X, 1.0), np.zeros_like(X))


@pytest.mark.parametrize("key", [jax.random.key(5), jax.random.PRNGKey(5)], ids=["new", "raw"])
def test_a_jax_key_as_seed(key):
    np.testing.assert_array_equal(draw("normal", seed=key), jax.random.normal(key, (3, 4)) * 2.0 + 1.0)


def test_statistics():
    sample = np.asarray(jkeras.random.normal((20_000,), 1.0, 2.0, seed=jax.random.key(0)))
    assert abs(sample.mean() - 1) < 0.05 and abs(sample.std() - 2) < 0.05
    classes = np.asarray(jkeras.random.categorical(LOGITS, 20_000, seed=0))
    np.testing.assert_allclose(np.bincount(classes[0]) / 20_000, np.exp(LOGITS[0]), atol=0.02)


# -- generators and frames ----------------------------------------------------------------------------------------------


def test_a_generator_counts():
    generator, theirs = SeedGenerator(5), keras.random.SeedGenerator(5)
    for ordered in (True, True, False, False, True):
        np.testing.assert_array_equal(generator.next(ordered), theirs.next(ordered))
    np.testing.assert_array_equal(generator.state.value, theirs.state.value)
    assert generator.state.name == "seed_generator_state" and generator.state.dtype == "uint32"
    assert SeedGenerator.from_config(generator.get_config()).next().tolist() == [5, 0]


def test_an_unseeded_generator_draws_from_pythons_random():
    random.seed(1)
    expected = np.asarray(keras.random.SeedGenerator().next())
    random.seed(1)
    np.testing.assert_array_equal(SeedGenerator().next(), expected)


class Noise(Module):
    """A module that draws twice."""

    def __init__(self, seed=0):
        self.generator = SeedGenerator(seed)

    def __call__(self, x):
        draw = lambda: jkeras.random.normal(x.shape, seed=self.generator)  # noqa: E731
        return draw(), draw()


def test_in_a_pure_call_the_key_decides_and_the_state_stands_still():
    noise = Noise()
    variables = noise.snapshot()
    apply = jax.jit(lambda key: noise.apply(variables, jnp.zeros(3), key=key))
    (a, b), state = apply(jax.random.key(0))
    (again, _), _ = apply(jax.random.key(0))
    (other, _), _ = apply(jax.random.key(1))
    np.testing.assert_array_equal(a, again)
    assert (a != b).all() and (a != other).all()
    np.testing.assert_array_equal(state["generator"]["state"], [0, 0])


def test_in_a_pure_call_without_a_key_the_state_advances_and_is_returned():
    noise, theirs = Noise(), keras.random.SeedGenerator(0)
    (a, b), state = jax.jit(lambda v: noise.apply(v, jnp.zeros(3)))(noise.snapshot())
    np.testing.assert_array_equal(a, keras.random.normal((3,), seed=theirs))
    np.testing.assert_array_equal(b, keras.random.normal((3,), seed=theirs))
    np.testing.assert_array_equal(state["generator"]["state"], [0, 2])
    np.testing.assert_array_equal(noise.generator.state.value, [0, 0])


class Unseeded(Module):
    """A module that draws without a seed."""

    def __call__(self, x):
        return jkeras.random.normal(x.shape)


def test_no_seed():
    module, x = Unseeded(), jnp.zeros(3)
    one, _ = module.apply({}, x, key=jax.random.key(0))
    two, _ = jax.jit(lambda key: module.apply({}, x, key=key))(jax.random.key(0))
    np.testing.assert_array_equal(one, two)
    assert module(x).shape == (3,)
    assert module.build_abstractly(x).shape == (3,)
    for traced in (lambda: module.apply({}, x), jax.jit(lambda: module(x)), jax.jit(lambda: module.apply({}, x))):
        with pytest.raises(ValueError, match="without a seed inside a pure or traced function"):
            traced()


def test_shape_inference_draws_nothing():
    noise = Noise()
    before = random.getstate()
    outputs = noise.build_abstractly(jnp.zeros(3))
    assert outputs[0].shape == (3,)
    np.testing.assert_array_equal(noise.generator.state.value, [0, 0])
    assert random.getstate() == before


def test_what_is_made_during_shape_inference_is_real():
    made = []

    def build():
        with Frame(abstract=True):
            made.append(SeedGenerator(3))
            with jax.ensure_compile_time_eval():
                made.append(jkeras.random.normal((2,), seed=made[0]))
        return jnp.zeros(())

    jax.eval_shape(build)
    generator, sample = made
    np.testing.assert_array_equal(sample, keras.random.normal((2,), seed=3))
    np.testing.assert_array_equal(generator.next(), [3, 1])


def test_variables_and_symbolic_tensors():
    np.testing.assert_array_equal(jkeras.random.dropout(Variable(X), 0.4, seed=1), draw("dropout", seed=1))
    assert jkeras.random.dropout(KerasTensor((None, 4)), 0.4, seed=1).shape == (None, 4)


# -- names and mistakes -------------------------------------------------------------------------------------------------


def test_every_name_of_keras_is_here():
    assert [n for n in dir(keras.random) if not n.startswith("_") and not hasattr(jkeras.random, n)] == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: jkeras.random.normal((2,), seed="a"), "seed must be an int, a SeedGenerator, a JAX key or None"),
        (lambda: SeedGenerator("a"), "SeedGenerator's seed must be an int or None"),
        (lambda: jkeras.random.uniform((2,), dtype="int32"), "uniform.*floating-point.*random.randint"),
        (lambda: jkeras.random.randint((2,), 0, 3, dtype="float32"), "randint.*integers.*random.uniform"),
        (lambda: jkeras.random.categorical(jnp.ones(3), 2), r"logits of shape \(batch, classes\).*\(3,\)"),
        (lambda: jkeras.random.dropout(X, 1.5), "rate must lie between 0 and 1"),
        (lambda: jkeras.random.dropout(X, 0.5, noise_shape=(3,)), r"noise_shape.*\(3,\).*\(3, 4\)"),
    ],
)
def test_messages(make, message):
    with pytest.raises(ValueError, match=message):
        make()
