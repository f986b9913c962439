"""Each optimizer with each option follows the installed Keras over 100 steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jkeras import optimizers
from jkeras.core.variable import Variable
from tests.oracle import assert_close, keras

STEPS = 100
SHAPES = {"dense/kernel": (3, 4), "dense/bias": (4,), "embedding/table": (5, 3)}
DENSE = ("dense/kernel", "dense/bias")
_rng = np.random.default_rng(0)
START = {path: _rng.normal(size=shape).astype("float32") for path, shape in SHAPES.items()}
NOISE = {path: _rng.normal(size=(STEPS, *shape)).astype("float32") for path, shape in SHAPES.items()}


def gradients(noise, params):
    """Of a noisy quadratic, so that a wrong step shows in all later ones."""
    return [n + 0.3 * p for n, p in zip(noise, params, strict=True)]


def keras_variables(paths):
    made = []
    for path in paths:
        variable = keras.Variable(START[path], name=path.split("/")[1])
        variable._path = path
        made.append(variable)
    return made


def our_variables(paths):
    made = {}
    for path in paths:
        layer, name = path.split("/")
        made.setdefault(layer, {})[name] = variable = Variable(START[path], name=name)
        variable.path = path
    return made


def follow_keras(optimizer, paths=DENSE, noise=NOISE):
    variables = keras_variables(paths)
    optimizer.build(variables)

    def step(carry, noise):
        params, state = carry
        params, state = optimizer.stateless_apply(state, gradients(noise, params), params)
        return (params, state), params

    start = [v.value for v in variables], [v.value for v in optimizer.variables]
    (_, state), path = jax.jit(lambda start: jax.lax.scan(step, start, [noise[path] for path in paths]))(start)
    return path, state


def follow_ours(optimizer, paths=DENSE, noise=NOISE):
    optimizer.build(our_variables(paths))
    nest, flatten = optimizer._parameters.nest, optimizer._parameters.flatten

    def step(carry, noise):
        params, state = carry
        grads = nest(gradients(noise, flatten(params)))
        updates, state = optimizer.update(grads, state, params)
        params = jax.tree.map(jnp.add, params, updates)
        return (params, state), flatten(params)

    start = nest([jnp.asarray(START[path]) for path in paths]), optimizer.read_state()
    with jax.numpy_dtype_promotion("strict"):
        (_, state), path = jax.jit(lambda start: jax.lax.scan(step, start, [noise[path] for path in paths]))(start)
    optimizer.write_state(state)
    return path, [v.value for v in optimizer.variables]


class ours:
    """Stands where the tests expect a library."""

    optimizers = optimizers


def check(name, rtol=1e-5, paths=DENSE, **arguments):
    def make(library):
        kwargs = {k: v(library) if callable(v) else v for k, v in arguments.items()}
        return getattr(library.optimizers, name)(**kwargs)

    expected, expected_state = follow_keras(make(keras), paths)
    actual, state = follow_ours(make(ours), paths)
    assert not np.allclose(START[paths[0]], actual[0][-1]), "nothing moved"
    assert_close(actual, expected, rtol=rtol)
    assert [a.shape for a in state] == [e.shape for e in expected_state]
    assert [str(a.dtype) for a in state] == [str(e.dtype) for e in expected_state]
    assert_close(state, expected_state, rtol=10 * rtol)


RULES = [
    ("SGD", {"learning_rate": 0.05}),
    ("SGD", {"learning_rate": 0.05, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}),
    ("RMSprop", {"learning_rate": 0.01}),
    ("RMSprop", {"learning_rate": 0.01, "rho": 0.8, "momentum": 0.5, "epsilon": 1e-3}),
    ("RMSprop", {"learning_rate": 0.01, "momentum": 0.5, "centered": True}),
    ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.3, "epsilon": 1e-3}),
    ("Adadelta", {"learning_rate": 1.0, "rho": 0.9, "epsilon": 1e-3}),
    ("Adam", {"learning_rate": 0.01}),
    ("Adam", {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3, "amsgrad": True}),
    ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.1}),
    ("Adamax", {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}),
    ("Nadam", {"learning_rate": 0.01}),
    ("Ftrl", {"learning_rate": 0.1}),
    (
        "Ftrl",
        {
            "learning_rate": 0.1,
            "learning_rate_power": -0.7,
            "initial_accumulator_value": 0.2,
            "l1_regularization_strength": 0.05,
            "l2_regularization_strength": 0.1,
            "l2_shrinkage_regularization_strength": 0.1,
            "beta": 0.2,
        },
    ),
    ("Lion", {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.9}),
    ("Lamb", {"learning_rate": 0.01}),
    ("Adafactor", {"learning_rate": 0.05}),
    ("Adafactor", {"learning_rate": 0.5, "beta_2_decay": -0.6, "clip_threshold": 0.5, "relative_step": False}),
    ("Muon", {"learning_rate": 0.01}),
    ("Muon", {"exclude_embeddings": False, "exclude_layers": ["dense"], "nesterov": False, "rms_rate": None, "ns_steps": 3}),
    ("ScheduleFreeAdamW", {"learning_rate": 0.05, "warmup_steps": 20}),
]


@pytest.mark.parametrize(("name", "arguments"), RULES)
def test_rule(name, arguments):
    if name == "Muon":  # Newton-Schulz iterations amplify rounding by up to 3.4 each
        check(name, rtol=1e-4, paths=tuple(SHAPES), **arguments)
    else:
        check(name, **arguments)


def schedule(name, *args, **kwargs):
    return lambda library: getattr(library.optimizers.schedules, name)(*args, **kwargs)


OPTIONS = [
    {"clipnorm": 1.0},
    {"clipvalue": 0.5},
    {"global_clipnorm": 1.0},
    {"weight_decay": 0.1},
    {"use_ema": True, "ema_momentum": 0.9},
    {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 7},
    {"loss_scale_factor": 8.0},
    {"gradient_accumulation_steps": 3},
    {"learning_rate": schedule("ExponentialDecay", 0.1, 20, 0.5), "weight_decay": 0.1},
    {
        "learning_rate": schedule("CosineDecay", 0.01, 50, warmup_target=0.1, warmup_steps=20),
        "clipnorm": 0.7,
        "weight_decay": 0.1,
        "use_ema": True,
        "ema_momentum": 0.9,
        "ema_overwrite_frequency": 5,
        "loss_scale_factor": 2.0,
        "gradient_accumulation_steps": 4,
    },
]


@pytest.mark.parametrize("options", OPTIONS)
def test_option(options):
    check("SGD", **{"learning_rate": 0.05, "momentum": 0.5, **options})


@pytest.mark.parametrize("name", sorted({name for name, _ in RULES} - {"SGD"}))
def test_all_options_at_once(name):
    arguments = {**OPTIONS[-1], "learning_rate": 0.02}
    check(name, rtol=1e-4 if name == "Muon" else 1e-5, **arguments)


def test_weights_excluded_from_decay():
    def make(library, table):
        optimizer = library.optimizers.SGD(0.05, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(var_list=[table], var_names=["bias"])
        return optimizer

    theirs, mine = keras_variables(SHAPES), our_variables(SHAPES)
    reference, optimizer = make(keras, theirs[2]), make(ours, mine["embedding"]["table"])
    reference.build(theirs)
    optimizer.build(mine)
    zero = [np.zeros(shape, "float32") for shape in SHAPES.values()]
    reference.apply(zero, theirs)
    optimizer.apply(zero)
    flat = [mine["dense"]["kernel"], mine["dense"]["bias"], mine["embedding"]["table"]]
    assert_close([v.value for v in flat], [v.value for v in theirs])
    moved = [not np.array_equal(v, START[path]) for v, path in zip(flat, SHAPES, strict=True)]
    assert moved == [True, False, False]


def test_loss_scale_optimizer_follows_keras_through_an_overflow():
    def make(library):
        inner = library.optimizers.Adam(0.01, clipnorm=1.0)
        return library.optimizers.LossScaleOptimizer(inner, initial_scale=4.0, dynamic_growth_steps=10)

    noise = {path: value.copy() for path, value in NOISE.items()}
    noise["dense/bias"][33, 0] = np.inf
    expected, expected_state = follow_keras(make(keras), noise=noise)
    actual, state = follow_ours(make(ours), noise=noise)
    assert_close(actual, expected, rtol=1e-5)
    assert_close(state, expected_state, rtol=1e-4)


def test_multi_optimizer_follows_keras():
    def make(library):
        parts = {"dense/.*": library.optimizers.Adam(0.01, global_clipnorm=1.0)}
        chosen = library.optimizers.OptimizerMap(library.optimizers.SGD(0.05, momentum=0.9), parts)
        return library.optimizers.MultiOptimizer(chosen, loss_scale_factor=2.0)

    expected, expected_state = follow_keras(make(keras), tuple(SHAPES))
    actual, state = follow_ours(make(ours), tuple(SHAPES))
    assert_close(actual, expected, rtol=1e-5)
    assert [a.shape for a in state] == [e.shape for e in expected_state]
    assert_close(state, expected_state, rtol=1e-4)
