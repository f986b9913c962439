"""Every row of the catalogue through every check."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jkeras
from jkeras.core import tree
from jkeras.core.symbolic import KerasTensor
from tests.catalogue import ROWS
from tests.oracle import assert_close, keras

IGNORED = {"quantization_config", "lora_rank", "lora_alpha", "gptq_unpacked_column_size", "build_config"}


@pytest.fixture(autouse=True)
def strict_promotion():
    """Our code mixes no dtypes by accident."""
    with jax.numpy_dtype_promotion("strict"):
        yield


def through_json(config):
    """A config as it comes back from a file: tuples are lists."""
    return json.loads(json.dumps(config))


def weighted_sum(outputs):
    """A scalar that depends on every output in its own way."""
    total = 0.0
    for i, output in enumerate(jax.tree.leaves(outputs)):
        total += jnp.sum(output * jnp.asarray(np.random.default_rng(100 + i).normal(size=output.shape), output.dtype))
    return total


def pair(row):
    """Our layer and Keras's, with the same random weights."""
    inputs, call = row.inputs(), ({} if row.mask is None else {"mask": row.mask})
    with jax.numpy_dtype_promotion("standard"):
        theirs = row.make(keras)
        theirs(inputs, **call)
    ours = row.make(jkeras)
    ours(inputs, **call)
    assert [(v.name, v.shape, v.trainable) for v in ours.weights] == [(w.name, w.shape, w.trainable) for w in theirs.weights]
    rng = np.random.default_rng(1)
    weights = [(rng.normal if w.ndim > 1 else rng.random)(size=w.shape).astype(w.dtype) for w in theirs.get_weights()]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    return ours, theirs, inputs, call


def keras_values(row, theirs, inputs, call):
    """Outputs, new state, and gradients with respect to parameters and inputs, in Keras."""
    state = [v.value for v in theirs.non_trainable_variables]
    arguments = call | ({"training": True} if row.training else {})

    def loss(parameters, inputs):
        outputs, new = theirs.stateless_call(parameters, state, inputs, **arguments)
        return weighted_sum(outputs), (outputs, new)

    argnums = (0, 1) if row.integers is None else (0,)
    with jax.numpy_dtype_promotion("standard"):
        grad = jax.jit(jax.grad(loss, argnums, has_aux=True))
        gradients, aux = grad([v.value for v in theirs.trainable_variables], inputs)
    return *aux, gradients


def in_order(ours, collection, values):
    """The leaves of a nested dict in the order of `ours.variables` (JAX sorts a dict by its keys)."""
    flat = tree.flatten(values)
    return [flat[path] for path, variable in ours.slots().items() if variable.collection == collection]


def our_values(row, ours, inputs, call):
    """The same in jkeras, and the outputs under `vmap`: `apply` under three transformations, in one compilation."""

    def loss(params, inputs):
        variables = {"params": params, "state": state}
        outputs, new = ours.apply(variables, inputs, training=row.training, **call)
        return weighted_sum(outputs), (outputs, in_order(ours, "state", new))

    def run(params, inputs):
        mapped = jax.vmap(lambda x: loss(params, x)[1][0])(jax.tree.map(lambda x: jnp.stack([x, x]), inputs))
        return *jax.grad(loss, argnums, has_aux=True)(params, inputs), mapped

    argnums = (0, 1) if row.integers is None else (0,)
    params, state = (ours.snapshot()[name] for name in ("params", "state"))
    (params_gradient, *rest), (outputs, new), mapped = jax.jit(run)(params, inputs)
    return outputs, new, (in_order(ours, "params", params_gradient), *rest), mapped


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_outputs_state_and_gradients_are_those_of_keras(row):
    ours, theirs, inputs, call = pair(row)
    expected = keras_values(row, theirs, inputs, call)
    *actual, mapped = our_values(row, ours, inputs, call)
    for name, ours_, theirs_ in zip(("outputs", "state", "gradients"), actual, expected, strict=True):
        assert_close(ours_, theirs_, rtol=row.rtol, err_msg=name)
    assert_close(mapped, jax.tree.map(lambda x: jnp.stack([x, x]), actual[0]), rtol=row.rtol, err_msg="under vmap")
    if ours.losses:
        ours(inputs, **call), theirs(inputs, **call)
        assert_close(ours.losses, [np.asarray(x) for x in theirs.losses], rtol=row.rtol, err_msg="losses")


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_inferred_shapes_are_those_of_the_call(row):
    inputs, call = row.inputs(), ({} if row.mask is None else {"mask": row.mask})
    real = row.make(jkeras)(inputs, **call)
    layer = row.make(jkeras)
    inferred = layer.compute_output_shape(jax.tree.map(lambda x: x.shape, inputs))
    assert inferred == jax.tree.map(lambda x: x.shape, real)
    assert not layer.weights or layer.built is False, "shape inference built the layer"
    batched = jax.tree.map(lambda x: KerasTensor((None, *x.shape[1:]), x.dtype), inputs)
    symbolic = layer(batched)
    assert symbolic.shape == (None, *real.shape[1:])
    assert symbolic.dtype == real.dtype.name


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_configs_are_read_here_and_in_keras(row):
    ours, theirs = row.make(jkeras), row.make(keras)
    config, expected = ours.get_config(), theirs.get_config()
    assert type(ours).from_config(config).get_config() == config
    missing = {key for key, value in expected.items() if key not in config and value is not None}
    assert not missing - IGNORED
    assert through_json(type(theirs).from_config(through_json(config)).get_config()) == through_json(expected)
    assert through_json(type(ours).from_config(through_json(expected)).get_config()) == through_json(config)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_mixed_precision_computes_in_bfloat16(row):
    ours = row.make(jkeras)
    inputs, call = row.inputs(), ({} if row.mask is None else {"mask": row.mask})
    full = ours(inputs, **call)
    mixed = row.make(jkeras, dtype="mixed_bfloat16")
    mixed.build_abstractly(inputs, **call)
    mixed.set_weights(ours.get_weights())
    outputs, _ = jax.jit(mixed.apply)(mixed.snapshot(), inputs, **call)
    assert outputs.dtype == "bfloat16"
    assert all(v.dtype == "float32" for v in mixed.trainable_weights)
    assert_close(outputs.astype("float32"), full, rtol=3e-2)


@pytest.mark.parametrize("row", [row for row in ROWS if row.bad is not None], ids=str)
def test_inputs_of_another_shape_are_refused_by_name(row):
    layer = row.make(jkeras)
    layer.build_abstractly(row.inputs())
    for symbolic in (False, True):
        bad = KerasTensor(row.bad) if symbolic else np.zeros(row.bad, "float32")
        with pytest.raises(ValueError, match="the_layer"):
            layer(bad)


def test_every_layer_of_keras_with_a_counterpart_has_a_row():
    rows = {row.name for row in ROWS}
    layers = {
        name for name, cls in vars(jkeras.layers).items() if isinstance(cls, type) and issubclass(cls, jkeras.layers.Layer)
    }
    aliases = {name for name in layers if getattr(jkeras.layers, name).__name__ != name}
    sequences = ("recurrent", "recurrent_cells", "sequence_wrappers")  # these have a file of their own, test_recurrent.py
    recurrent = {name for name in layers if getattr(jkeras.layers, name).__module__.split(".")[-1] in sequences}
    assert layers - aliases - recurrent - rows == {"Layer", "InputLayer", "Wrapper"}
