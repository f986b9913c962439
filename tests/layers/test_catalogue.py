"""Every row of the catalogue through every check.

What a row computes is computed once, in two compiled programs: one of Keras, one of ours.
"""

import contextlib
import inspect
import json
from typing import Any, NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jkeras
from jkeras.core import tree
from jkeras.core.symbolic import KerasTensor
from jkeras.initializers import RandomInitializer
from tests.catalogue import ROWS
from tests.oracle import assert_close, keras

IGNORED = {"quantization_config", "lora_rank", "lora_alpha", "gptq_unpacked_column_size", "build_config"}
STRICT = {"numpy_dtype_promotion": "strict", "numpy_rank_promotion": "raise"}
KERAS = {"numpy_dtype_promotion": "standard", "numpy_rank_promotion": "allow"}
QUICK = {"xla_backend_optimization_level": 0}  # the programs run once: a third less to compile


@pytest.fixture(autouse=True)
def strict_promotion():
    """Our code mixes no dtypes by accident, and adds the axes that broadcasting needs itself."""
    with promotion(**STRICT):
        yield


@pytest.fixture(scope="module", params=ROWS, ids=str)
def row(request):
    """All tests of one row, then those of the next, so that they share what is computed."""
    return request.param


@pytest.fixture(scope="module")
def computed(row):
    with promotion(**STRICT):
        return compute(row)


def through_json(config):
    """A config as it comes back from a file: tuples are lists."""
    return json.loads(json.dumps(config))


def weighted_sum(outputs):
    """A scalar that depends on every output in its own way."""
    total = 0.0
    for i, output in enumerate(jax.tree.leaves(outputs)):
        total += jnp.sum(output * jnp.asarray(np.random.default_rng(100 + i).normal(size=output.shape), output.dtype))
    return total


def shapes_of(arrays):
    return jax.tree.map(lambda x: tuple(x.shape), arrays)


@contextlib.contextmanager
def promotion(numpy_dtype_promotion, numpy_rank_promotion):
    """JAX's switches for what is converted or broadcast without being asked."""
    with jax.numpy_dtype_promotion(numpy_dtype_promotion), jax.numpy_rank_promotion(numpy_rank_promotion):
        yield


@contextlib.contextmanager
def undrawn():
    """Keras's layers built here start from zeros: to draw their weights takes it a compilation for each shape.

    Yields what would have been drawn: shapes and seeds.
    """
    drawn = []
    random = [keras.initializers.VarianceScaling, keras.initializers.RandomUniform, keras.initializers.Orthogonal]

    def zeros(self, shape, dtype=None):
        drawn.append((tuple(shape), self.seed))
        return jax.device_put(np.zeros(shape, dtype))

    with contextlib.ExitStack() as patches:
        for initializer in (*random, keras.initializers.TruncatedNormal):
            patches.enter_context(mock.patch.object(initializer, "__call__", zeros))
        yield drawn


@contextlib.contextmanager
def policy(name):
    """A dtype policy for all layers made here, those inside wrappers included."""
    jkeras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        jkeras.config.set_dtype_policy("float32")


def their_layer(row):
    """Keras's layer, built by a symbolic call; and the shapes and seeds of the weights that it drew."""
    with promotion(**KERAS), undrawn() as drawn:
        keras.utils.set_random_seed(0)
        layer = row.make(keras)
        dtype = "float32" if row.integers is None else "int32"
        layer(*row.arguments(lambda shape: keras.KerasTensor(shape, dtype)), **row.call)
        for name in ("reset_dropout_mask", "reset_recurrent_dropout_mask"):
            getattr(layer, name, lambda: None)()  # a cell keeps the mask of its last call, here a tracer
        return layer, sorted(drawn)


def our_layers(row, config):
    """Our layer, one made from Keras's config, and one that computes in bfloat16; built."""

    def build(make, **arguments):
        jkeras.utils.set_random_seed(0)
        layer = make(**arguments)
        layer.build_abstractly(*row.inputs(), **row.call)
        return layer

    ours = build(row.make, library=jkeras)
    again = build(type(ours).from_config, config=through_json(config) | {name: getattr(ours, name) for name in row.lost})
    with policy("mixed_bfloat16"):
        return ours, again, build(row.make, library=jkeras)


class Computed(NamedTuple):
    """What a row computes, in Keras and here."""

    ours: Any
    theirs: Any
    weights: list
    outputs: tuple  # ours, theirs
    state: tuple
    gradients: tuple  # with respect to the parameters and (unless they are integers) the inputs
    losses: tuple
    mapped: Any  # outputs of a layer made from Keras's config, under vmap
    mixed: Any  # outputs in mixed precision


def compute(row):
    (theirs, drawn), args = their_layer(row), row.inputs()
    ours, again, mixed = our_layers(row, theirs.get_config())
    assert [(v.name, v.shape, v.trainable) for v in ours.weights] == [(w.name, w.shape, w.trainable) for w in theirs.weights]
    random = [(v.shape, v._initializer.seed) for v in ours.weights if isinstance(v._initializer, RandomInitializer)]
    assert sorted(random) == drawn, "seeds of the initial values"
    for mine, value in zip(ours.weights, theirs.get_weights(), strict=True):
        assert not value.any() or np.array_equal(mine.numpy(), value), "initial values"
    rng = np.random.default_rng(1)
    weights = [(rng.normal if w.ndim > 1 else rng.random)(size=w.shape).astype(w.dtype) for w in theirs.get_weights()]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    expected = their_values(row, theirs, args)
    (*actual, mapped, half) = our_values(row, ours, again, mixed, args, penalized=bool(expected[-1]))
    pairs = list(zip(actual, expected, strict=True))
    return Computed(ours, theirs, weights, *pairs, mapped, half)


def their_values(row, layer, args):
    """Outputs, new state, gradients and losses in Keras."""
    variables, state = layer.trainable_variables, layer.non_trainable_variables
    start = [(v, v.value) for v in state]
    arguments = row.call | ({"training": True} if row.training else {})

    def loss(parameters, args):
        values = [*zip(variables, parameters, strict=True), *start]
        with keras.StatelessScope(
            values, collect_losses=True
        ) as scope:  # stateless_call() leaves out the layer's own losses
            outputs = layer(*args, **arguments)
            losses = layer.losses
        return weighted_sum(outputs), (outputs, [scope.get_current_value(v) for v in state], losses)

    argnums = (0, 1) if row.integers is None else (0,)
    with promotion(**KERAS):
        grad = jax.jit(jax.grad(loss, argnums, has_aux=True), compiler_options=QUICK)
        gradients, (outputs, new, losses) = grad([v.value for v in variables], args)
    return outputs, new, gradients, losses


def our_values(row, layer, again, mixed, args, penalized):
    """The same in jkeras; then `again` under `vmap` and `mixed`, both with the weights of `layer`."""

    def in_order(collection, values):  # of `layer.variables`, where JAX sorts a dict by its keys
        flat = tree.flatten(values)
        return [flat[path] for path, variable in layer.slots().items() if variable.collection == collection]

    def call(layer, params, args):
        return layer.apply({"params": params, "state": state}, *args, training=row.training, **row.call)

    def loss(params, args):
        outputs, new = call(layer, params, args)
        return weighted_sum(outputs), (outputs, new)

    def run(params, args):
        gradients, (outputs, new) = jax.grad(loss, argnums, has_aux=True)(params, args)
        values = in_order("params", params), in_order("state", state)
        training = {"training": True} if row.training else {}
        losses = []
        if penalized:
            losses = layer.stateless_call(*values, *args, return_losses=True, **row.call, **training)[2]
        mapped = jax.vmap(lambda x: call(again, params, x)[0])(jax.tree.map(lambda x: jnp.stack([x, x]), args))
        return outputs, new, gradients, losses, mapped, call(mixed, params, args)[0]

    argnums = (0, 1) if row.integers is None else (0,)
    params, state = (layer.snapshot()[name] for name in ("params", "state"))
    outputs, new, gradients, *rest = jax.jit(run, compiler_options=QUICK)(params, args)
    gradients = (in_order("params", gradients[0]), *gradients[1:])
    new = tree.flatten(new)
    tracked = [p for p, v in layer.slots().items() if v.collection == "state" and v.name != "rnn_state"]  # as in Keras
    return outputs, [new[path] for path in tracked], gradients, *rest


def test_outputs_state_gradients_and_losses_are_those_of_keras(row, computed):
    for name in ("outputs", "state", "gradients", "losses"):
        ours, theirs = getattr(computed, name)
        if name == "losses":
            ours, theirs = sorted(map(float, ours)), sorted(map(float, theirs))  # in no order
        assert_close(ours, theirs, rtol=row.rtol, atol=row.atol, err_msg=name)


def test_a_layer_made_from_keras_config_maps_over_a_batch_of_batches(row, computed):
    assert_close(computed.mapped, jax.tree.map(lambda x: jnp.stack([x, x]), computed.outputs[0]), rtol=row.rtol)


def test_mixed_precision_computes_in_bfloat16(row, computed):
    full, half = computed.outputs[0], computed.mixed
    assert all(x.dtype == "bfloat16" for x in jax.tree.leaves(half))
    if not row.noisy:
        assert_close(jax.tree.map(lambda x: x.astype("float32"), half), full, rtol=3e-2)


def test_weights_are_set_and_read_in_keras_order(computed):
    assert_close(computed.ours.get_weights(), computed.weights, rtol=0, atol=0)


def test_inferred_shapes_are_those_of_the_call(row, computed):
    real = computed.outputs[0]
    layer = row.make(jkeras)
    if set(row.call) <= {"mask"}:
        assert layer.compute_output_shape(*shapes_of(row.inputs())) == shapes_of(real)
        assert not layer.weights or layer.built is False, "shape inference built the layer"
    dtype = "float32" if row.integers is None else "int32"
    batch = (
        jax.tree.leaves(real)[0].shape[0] if row.fixed or row.call else None
    )  # masks and states in the call are arrays of a batch
    outputs = layer(*row.arguments(lambda shape: KerasTensor((batch, *shape[1:]), dtype)), **row.call)
    for symbolic, x in zip(jax.tree.leaves(outputs), jax.tree.leaves(real), strict=True):
        assert symbolic.shape == (batch, *x.shape[1:])
        assert symbolic.dtype == x.dtype.name


def test_configs_are_read_here_and_in_keras(row):
    ours, theirs = row.make(jkeras), row.make(keras)
    config, expected = ours.get_config(), theirs.get_config()
    assert type(ours).from_config(config).get_config() == config
    missing = {key for key, value in expected.items() if key not in config and value is not None}
    assert not missing - IGNORED
    kept = {key: value for key, value in through_json(config).items() if key not in row.lost}
    assert through_json(type(theirs).from_config(through_json(config)).get_config()) == through_json(expected)
    again = through_json(type(ours).from_config(through_json(expected)).get_config())
    assert {key: value for key, value in again.items() if key not in row.lost} == kept


@pytest.mark.parametrize("refusing", [row for row in ROWS if row.bad is not None], ids=str)
def test_inputs_of_another_shape_are_refused_by_name(refusing):
    layer = refusing.make(jkeras)
    layer.build_abstractly(*refusing.inputs())
    for make in (lambda shape: np.zeros(shape, "float32"), KerasTensor):
        with pytest.raises(ValueError, match="the_layer"):
            layer(*refusing.arguments(make, refusing.bad))


PUBLIC = {
    name: cls
    for name, cls in vars(jkeras.layers).items()
    if isinstance(cls, type) and issubclass(cls, jkeras.layers.Layer) and not issubclass(cls, jkeras.Model)
}
ALIASES = {
    name for name, cls in PUBLIC.items() if any(PUBLIC[other] is cls for other in list(PUBLIC)[: list(PUBLIC).index(name)])
}
ABSTRACT = {"Layer", "InputLayer", "Wrapper"}  # nothing to compute
# Tested in files of their own: test_preprocessing.py, test_lookup.py, test_conv_lstm.py, test_jax_layer.py.
HERE = {row.name for row in ROWS}
APART = {n for n, cls in PUBLIC.items() if cls.__module__.startswith("jkeras.layers.preprocessing") and n not in HERE}
APART |= {name for name in PUBLIC if name.startswith("ConvLSTM")} | {"JaxLayer", "FlaxLayer"}
ELSEWHERE = {  # options that change no mathematics, or that a row cannot show
    None: {"name", "dtype", "seed", "weights"}  # `weights` are initial values
    | {
        "lora_rank",
        "lora_alpha",
        "quantization_config",
        "gptq_unpacked_column_size",
    },  # in test_lora.py, test_quantization.py
    "Lambda": {"output_shape", "mask"},  # in test_arguments.py
    "Resizing": {"fill_mode"},  # has one value
    "CategoryEncoding": {"sparse"},  # in test_sparse_vectors.py
    "LayerNormalization": {"rms_scaling"},  # warns that it is another formula
    "SimpleRNN": {"activity_regularizer"},  # Keras forgets it
    "LSTM": {"use_cudnn"},
    "GRU": {"use_cudnn"},
    "BatchNormalization": {"synchronized"},  # across devices
    "MultiHeadAttention": {"flash_attention"},  # a choice of kernel; in test_attention.py
    "GroupQueryAttention": {"flash_attention"},
    "ReversibleEmbedding": {"reverse_dtype"},  # in test_reversible_embedding.py
}


def test_every_layer_has_a_row():
    assert set(PUBLIC) - ALIASES - APART - {row.name for row in ROWS} == ABSTRACT


@pytest.mark.parametrize("name", sorted(set(PUBLIC) - ALIASES - ABSTRACT - APART))
def test_every_option_is_in_some_row(name):
    parameters = inspect.signature(PUBLIC[name].__init__).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.name != "self" and p.kind is not p.VAR_KEYWORD}
    given = [row.options(jkeras) for row in ROWS if row.name == name]
    shown = {key for options in given for key, value in options.items() if repr(value) != repr(defaults.get(key))}
    assert set(defaults) - ELSEWHERE[None] - ELSEWHERE.get(name, set()) - shown == set()
