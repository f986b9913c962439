"""Initial weights: Keras's numbers, pure functions of their seed, a draw of its own for each variable."""

import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jkeras import initializers
from jkeras.core.variable import Variable
from jkeras.random import SeedGenerator
from tests.oracle import keras

FIXED = ("Zeros", "Ones", "Constant")
SEEDED = (
    ("RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Orthogonal")
    + ("GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform")
)  # fmt: skip
ALIASES = [n for n in dir(keras.initializers) if isinstance(getattr(keras.initializers, n), type) and n != "Initializer"]
OPTIONS = {
    "Constant": {"value": 2.5},
    "RandomNormal": {"mean": 1.0, "stddev": 0.3},
    "TruncatedNormal": {"mean": -1.0, "stddev": 0.3},
    "RandomUniform": {"minval": 1.0, "maxval": 3.0},
    "Orthogonal": {"gain": 1.5},
}


def both(name, **options):
    return getattr(initializers, name)(**options), getattr(keras.initializers, name)(**options)


@pytest.fixture(autouse=True)
def _strict(request, monkeypatch):
    """Initializers run without implicit dtype promotion (Keras's need it, and are called outside)."""
    for cls in {getattr(initializers, n) for n in (*FIXED, *SEEDED, "Identity", "STFT")}:
        call = cls.__call__

        def strict(self, *args, _call=call, **kwargs):
            with jax.numpy_dtype_promotion("strict"):
                return _call(self, *args, **kwargs)

        monkeypatch.setattr(cls, "__call__", strict)


def assert_equal(actual, expected):
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.dtype == expected.dtype
    if jax.__version_info__ >= (0, 11) and actual.dtype in ("float32", "float64"):
        # Newer compilers contract `a * b + c` in Keras's programs, so last bits differ. They are equal with JAX 0.10.
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-7)
    else:
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("shape", [(6, 3), (3, 2, 4, 5)], ids=str)
@pytest.mark.parametrize("name", (*FIXED, *SEEDED))
@pytest.mark.slow
def test_numbers_are_keras(name, shape):
    options = {"seed": 42} if name in SEEDED else {}
    ours, theirs = both(name, **options, **OPTIONS.get(name, {}))
    assert_equal(ours(shape), theirs(shape))


@pytest.mark.parametrize("name", ["RandomNormal", "GlorotUniform", "Ones"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_numbers_are_keras(name, dtype):
    ours, theirs = both(name, **({"seed": 42} if name in SEEDED else {}))
    assert_equal(ours((6, 3), dtype), theirs((6, 3), dtype))


@pytest.mark.parametrize("distribution", ["uniform", "normal", "truncated_normal", "untruncated_normal"])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.slow
def test_variance_scaling(mode, distribution):
    ours, theirs = both("VarianceScaling", scale=0.7, mode=mode, distribution=distribution, seed=3)
    assert_equal(ours((3, 2, 4, 5)), theirs((3, 2, 4, 5)))


@pytest.mark.parametrize("shape", [(), (7,), (2, 3), (2, 3, 4), (2, 3, 4, 5)], ids=str)
def test_fans(shape):
    from keras.src.initializers.random_initializers import compute_fans

    assert initializers.compute_fans(shape) == compute_fans(shape)
    if len(shape) > 2:
        assert initializers.compute_fans(shape, [0], [1, 2]) == compute_fans(shape, [0], [1, 2])


def test_named_axes_count_as_inputs_and_outputs():
    ours, theirs = both("HeNormal", seed=1, input_axes=[0], output_axes=[1, 2])
    assert_equal(ours((4, 2, 3)), theirs((4, 2, 3)))


@pytest.mark.slow
def test_large_shapes_are_keras():  # beyond the sizes that are drawn together
    ours, theirs = both("GlorotUniform", seed=5)
    for shape in [(2**17 + 1,), (1025, 1024)]:
        assert_equal(ours(shape), theirs(shape))


def test_other_generators_give_the_numbers_of_a_plain_draw(monkeypatch):
    expected = keras.initializers.RandomNormal(seed=1)((3, 4))
    jax.config.update("jax_threefry_partitionable", False)  # entries depend on the size of the draw
    try:
        old = initializers.RandomNormal(seed=1)((3, 4))
        assert_equal(old, keras.initializers.RandomNormal(seed=1)((3, 4)))
    finally:
        jax.config.update("jax_threefry_partitionable", True)
    assert (np.asarray(old) != np.asarray(expected)).any()


@pytest.mark.slow
def test_unseeded_draws_follow_pythons_random():
    random.seed(7)
    expected = [keras.initializers.get("glorot_uniform")((6, 3)), keras.initializers.HeNormal()((6, 3))]
    state = random.getstate()
    random.seed(7)
    actual = [initializers.get("glorot_uniform")((6, 3)), initializers.HeNormal()((6, 3))]
    for a, e in zip(actual, expected, strict=True):
        assert_equal(a, e)
    assert random.getstate() == state


def test_the_order_of_reading_does_not_matter():
    random.seed(7)
    first, second = (Variable(initializers.get("glorot_uniform"), (2, 2)) for _ in range(2))
    expected = np.asarray(first.value), np.asarray(second.value)
    random.seed(7)
    first, second = (Variable(initializers.get("glorot_uniform"), (2, 2)) for _ in range(2))
    b, a = np.asarray(second.value), np.asarray(first.value)
    assert_equal(np.stack([a, b]), np.stack(expected))


@pytest.mark.parametrize("name", ["GlorotUniform", "TruncatedNormal", "Orthogonal"])
def test_an_instance_is_pure_and_its_forks_differ(name):
    initializer = getattr(initializers, name)(seed=1)
    assert_equal(initializer((4, 4)), initializer((4, 4)))
    first, second = Variable(initializer, (4, 4)), Variable(initializer, (4, 4))
    assert_equal(first.value, initializer((4, 4)))
    assert (np.asarray(first.value) != np.asarray(second.value)).any()


def test_fixed_values_fork_to_the_same():
    ones = initializers.Ones()
    assert_equal(ones.fork()((2,)), ones((2,)))


def test_a_seed_generator_as_seed():
    ours, theirs = SeedGenerator(3), keras.random.SeedGenerator(3)
    for _ in range(2):
        assert_equal(initializers.HeNormal(seed=ours)((6, 3)), keras.initializers.HeNormal(seed=theirs)((6, 3)))
    a, b = Variable(initializers.HeNormal(seed=ours), (6, 3)), Variable(initializers.HeNormal(seed=ours), (6, 3))
    expected = [keras.initializers.HeNormal(seed=theirs)((6, 3)) for _ in range(2)]
    assert_equal(b.value, expected[1])
    assert_equal(a.value, expected[0])


def test_drawing_from_a_key():
    unseeded, seeded = initializers.RandomNormal(stddev=2.0), initializers.RandomNormal(stddev=2.0, seed=1)
    assert seeded.with_key(jax.random.key(0)) is seeded
    draw = jax.jit(lambda key: unseeded.with_key(key)((5000,)))
    values = np.asarray(draw(jax.random.key(0)))
    assert abs(values.mean()) < 0.1 and abs(values.std() - 2) < 0.1
    assert_equal(draw(jax.random.key(0)), values)
    assert (np.asarray(draw(jax.random.key(1))) != values).mean() > 0.9


@pytest.mark.parametrize("name", ["GlorotUniform", "Orthogonal", "LecunNormal"])
def test_ensembles_by_vmap(name):
    initializer = getattr(initializers, name)()
    members = jax.vmap(lambda key: initializer.with_key(key)((6, 3)))(jax.random.split(jax.random.key(0), 4))
    assert members.shape == (4, 6, 3)
    assert len(np.unique(np.asarray(members)[:, 0, 0])) == 4


@pytest.mark.parametrize("name", ["zeros", "ones", "identity", "glorot_uniform", "orthogonal", "constant"])
def test_traced_values_are_the_eager_ones(name):
    initializer = initializers.get(name)
    np.testing.assert_allclose(jax.jit(lambda: initializer((3, 3)))(), initializer((3, 3)), atol=1e-7)


def test_orthogonal():
    assert_equal(initializers.Orthogonal(seed=1)((3, 5)), keras.initializers.Orthogonal(seed=1)((3, 5)))
    for shape in [(6, 3), (3, 5), (3, 2, 4, 5)]:
        w = np.asarray(initializers.Orthogonal(2.0, seed=1)(shape)).reshape(-1, shape[-1])
        w = w if w.shape[0] >= w.shape[1] else w.T
        np.testing.assert_allclose(w.T @ w, 4 * np.eye(w.shape[1]), atol=1e-5)
    half = initializers.Orthogonal(seed=1)((4, 4), "bfloat16")
    assert half.dtype == "bfloat16"


@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_identity(gain):
    for shape in [(3, 3), (2, 4)]:
        ours, theirs = both("Identity", gain=gain)
        assert_equal(ours(shape), theirs(shape))


@pytest.mark.parametrize("side", ["real", "imag"])
@pytest.mark.parametrize(
    ("window", "scaling", "periodic"),
    [("hann", "density", False), ("hamming", "spectrum", True), ("hann", None, False), (None, "density", False)],
)
def test_stft(side, window, scaling, periodic):
    ours, theirs = both("STFT", side=side, window=window, scaling=scaling, periodic=periodic)
    np.testing.assert_allclose(ours((8, 1, 5)), theirs((8, 1, 5)), atol=1e-6)


def test_stft_with_a_window_of_numbers():
    window = np.linspace(0.1, 1.0, 8)
    ours, theirs = both("STFT", window=window)
    np.testing.assert_allclose(ours((8, 1, 5)), theirs((8, 1, 5)), atol=1e-6)


def test_constant_arrays():
    ours, theirs = both("Constant", value=np.array([1, 2, 3]))
    assert_equal(ours((2, 3)), theirs((2, 3)))
    again = initializers.deserialize(initializers.serialize(ours))
    assert_equal(again((2, 3)), ours((2, 3)))


# -- names and configs --------------------------------------------------------------------------------------------------


def test_every_name_of_keras_is_here():
    missing = [n for n in dir(keras.initializers) if not n.startswith("_") and not hasattr(initializers, n)]
    assert missing == []


@pytest.mark.parametrize("name", ["one", "zero", "normal", "uniform", *ALIASES])
def test_names_mean_what_they_mean_in_keras(name):
    theirs = initializers.Constant() if name.lower() == "constant" else keras.initializers.get(name)  # Keras needs a value
    ours = initializers.get(name)
    assert type(ours).__name__ == type(theirs).__name__
    assert ours.get_config() == (theirs.get_config() or ours.get_config())  # Keras's Identity forgets its gain


@pytest.mark.parametrize("name", (*FIXED, *SEEDED, "Identity", "STFT"))
@pytest.mark.slow
def test_configs_go_both_ways(name):
    options = {"seed": 42} if name in SEEDED else {}
    ours, theirs = both(name, **options, **OPTIONS.get(name, {}))
    config = initializers.serialize(ours)
    expected = keras.initializers.serialize(theirs)
    if name == "Identity":
        expected["config"]["gain"] = 1.0  # Keras forgets it, but reads it
    assert config == expected
    again = initializers.deserialize(config)
    shape = (4, 1, 3) if name == "STFT" else (6, 3)
    assert_equal(again(shape), ours(shape))
    assert_equal(keras.initializers.deserialize(config)(shape), ours(shape))
    assert_equal(initializers.get({"class_name": name, "config": ours.get_config()})(shape), ours(shape))


def test_a_seed_generator_in_a_config():
    ours = initializers.HeNormal(seed=SeedGenerator(4, name="g"))
    again = initializers.deserialize(initializers.serialize(ours))
    assert isinstance(again.seed, SeedGenerator)
    assert_equal(again((6, 3)), ours((6, 3)))


def test_clone_of_an_unseeded_one_has_another_seed():
    random.seed(0)
    one = initializers.GlorotUniform()
    assert one.clone().seed != one.seed
    assert initializers.GlorotUniform(seed=3).clone().seed == 3


def test_get():
    def mine(shape, dtype=None):
        return jnp.full(shape, 3, dtype)

    assert initializers.get(None) is None
    assert initializers.get(mine) is mine
    assert isinstance(initializers.get(initializers.Ones), initializers.Ones)
    one = initializers.Ones()
    assert initializers.get(one) is one
    for array in (np.arange(3), jnp.arange(3)):
        assert initializers.get(array)((3,), "float32").tolist() == [0, 1, 2]
        with pytest.raises(ValueError, match=r"shape \(2, 3\).*array of shape \(3,\)"):
            initializers.get(array)((2, 3), "float32")


# -- mistakes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: initializers.get("glorot_unifrom"), "Did you mean 'glorot_uniform'"),
        (lambda: initializers.get(3.5), "Could not interpret initializer: 3.5"),
        (lambda: initializers.VarianceScaling(0.0), "scale must be positive"),
        (lambda: initializers.VarianceScaling(mode="fan_on"), "mode.*Did you mean 'fan_in'"),
        (lambda: initializers.VarianceScaling(distribution="unifrm"), "Did you mean 'uniform'"),
        (lambda: initializers.HeNormal(seed="a"), "HeNormal's seed must be an int"),
        (lambda: initializers.Identity()((3,)), r"Identity makes matrices.*\(3,\)"),
        (lambda: initializers.Orthogonal()((3,)), r"Orthogonal makes matrices.*\(3,\)"),
        (lambda: initializers.STFT("reel"), "side must be one of.*Did you mean 'real'"),
        (lambda: initializers.STFT(scaling="densty"), "scaling must be one of.*Did you mean 'density'"),
        (lambda: initializers.STFT(window=np.ones(3))((4, 1, 3)), "window must have 4 values"),
        (lambda: initializers.Constant(np.ones(3))((2, 2)), "broadcast"),
    ],
)
def test_messages(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_subclass_without_call():
    with pytest.raises(TypeError, match="must define __call__"):
        initializers.Initializer()((2,))


@pytest.mark.parametrize("name", SEEDED)
def test_drawing_compiles_no_generator(name):
    """NumPy draws what JAX would: at most a small function of the numbers is compiled, once for many shapes."""
    compiled = []
    listen = lambda event, seconds, fun_name=None, **_: compiled.append(fun_name) if "backend_compile" in event else None  # noqa: E731
    initializer = getattr(initializers, name)(seed=3)
    initializer((4, 4))
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        values = [initializer(shape) for shape in ((5, 7), (2, 3, 11), (13, 1))]
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert len(values) == 3 and compiled == []


@pytest.mark.parametrize("size", [1, 2**14, 2**14 + 3])
def test_numpy_draws_jax_s_numbers(size):
    from jkeras.initializers import counter

    key = np.array([2**32 - 5, 7], "uint32")
    expected = jax.jit(lambda key: jax.random.uniform(key, (size,), "float32", -0.3, 1.7))(key)
    assert_equal(counter.uniform(key, size, -0.3, 1.7), expected)


def test_building_a_model_compiles_next_to_nothing():
    """What is computed before the first step is NumPy's; only the normal distribution of an orthogonal matrix is XLA's."""
    import jkeras

    jax.clear_caches()
    compiled = []
    listen = lambda event, seconds, fun_name=None, **_: compiled.append(fun_name) if "backend_compile" in event else None  # noqa: E731
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        layers = [jkeras.layers.Embedding(5, 3), jkeras.layers.LSTM(4), jkeras.layers.BatchNormalization()]
        model = jkeras.Sequential([jkeras.Input((6,)), *layers, jkeras.layers.Dropout(0.5), jkeras.layers.Dense(2)])
        model.compile("adam", "mse", metrics=["accuracy"])
        assert all(np.isfinite(value).all() for value in model.get_weights())
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert len(compiled) <= 1, compiled
