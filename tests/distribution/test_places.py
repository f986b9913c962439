"""Where variables are made, and where data may come from."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

import jkeras
from jkeras import layers
from jkeras.runtime.mesh import put
from tests.distribution.runs import D, batches, distributions

RNG = np.random.RandomState(0)
X = RNG.rand(20, 4).astype("float32")
Y = X[:, :1]


def make(initializer="glorot_uniform"):
    jkeras.utils.set_random_seed(3)
    model = jkeras.Sequential([layers.Dense(8, kernel_initializer=initializer), layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def fit(model, x=X, y=Y):
    return model.fit(x, y, batch_size=6, verbose=0, shuffle=False).history["loss"]


def test_no_device_makes_the_whole_of_a_divided_weight():
    """Its values are computed in a program whose result is divided; so are what the optimizer keeps for it."""
    made = []

    def initializer(shape, dtype=None):
        values = jnp.ones(shape, dtype)
        made.append(isinstance(values, jax.core.Tracer))
        return values

    with distributions(2)["fully sharded"].scope():
        make(initializer).build((None, 4))
    assert made and all(made)
    made.clear()
    with distributions(2)["data parallel"].scope():
        make(initializer).build((None, 4))
    assert not any(made)


def test_copies_share_no_memory_with_the_array_that_one_device_has():
    mine = jnp.arange(4.0)
    sharding = distributions(2)["data parallel"].placement.sharding()
    copy = put(mine, sharding, copy=True)
    addresses = {shard.data.unsafe_buffer_pointer() for shard in copy.addressable_shards}
    assert mine.unsafe_buffer_pointer() not in addresses


def devices_in(order, *axes):
    """A mesh of some of the devices, and an array's rows divided along its first axis."""
    found = np.array([jax.devices()[i] for i in order]).reshape([2, *[1] * (len(axes) - 1)])
    return NamedSharding(Mesh(found, axes), PartitionSpec(axes[0]))


PLACES = {
    "x and y on two meshes": lambda: (devices_in((0, 1), "batch"), devices_in((1, 0), "rows", "columns")),
    "x on another mesh than the model": lambda: (devices_in((1, 0), "rows"), None),
    "x and y on two devices": lambda: (jax.devices()[1], jax.devices()[0]),
}
WAYS = {
    "one device": contextlib.nullcontext,
    "fully sharded": lambda: distributions(2)["fully sharded"].scope(),
}


def told_apart(model, x, y):
    """Without a mesh nothing says where the arrays belong."""
    for call in (lambda: model.evaluate(x, y, verbose=0), lambda: model.train_on_batch(x, y)):
        with pytest.raises(ValueError, match="must lie on the same devices(.|\n)*float32(.|\n)*float32(.|\n)*jax.set_mesh"):
            call()
    assert np.isfinite(fit(model)).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("places", PLACES)
def test_arrays_may_lie_anywhere_if_a_mesh_says_where_they_belong(places, way):
    x, y = (array if place is None else jax.device_put(array, place) for array, place in zip((X, Y), PLACES[places]()))
    wanted = fit(make())
    with WAYS[way]():
        model = make()
        if way == "one device" and "two" in places:
            return told_apart(model, x, y)
        np.testing.assert_allclose(fit(model, x, y), wanted, atol=1e-6)
        wanted = model.evaluate(X, Y, verbose=0)
        np.testing.assert_allclose(model.evaluate(x, y, verbose=0), wanted, atol=1e-6)
        np.testing.assert_allclose(model.predict(x, verbose=0), model.predict(X, verbose=0), atol=1e-6)
        model.train_on_batch(x, y)


def test_a_model_moves_to_other_devices():
    wanted = fit(make())
    with D.DataParallel(devices=["cpu:1"]).scope():
        model = make()
        model.build((None, 4))
    with distributions(2)["fully sharded"].scope():
        np.testing.assert_allclose(fit(model), wanted, atol=1e-6)
    assert np.isfinite(fit(model)).all()


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
@pytest.mark.parametrize("feed", ["stacks", "generator"])
def test_a_mesh_of_jax_counts_in_threads_that_read_ahead(kind, feed):
    """`jax.set_mesh` holds in one thread alone, so the others are told of it."""
    wanted = fit(make())
    jkeras.config.set_device_memory_budget(0)
    try:
        with jax.set_mesh(jax.make_mesh((2,), ("batch",), axis_types=(kind,))):
            model = make()
            found = fit(model) if feed == "stacks" else model.fit(batches((X, Y), 6), verbose=0).history["loss"]
    finally:
        jkeras.config.set_device_memory_budget(None)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert len(model.layers[0].kernel.value.sharding.device_set) == 2


@pytest.mark.parametrize("way", ["set_weights", "load_weights", "load_model", "update_train_state"])
def test_values_go_where_they_belong_when_they_are_assigned(way, tmp_path):
    """Each device gets its part of a divided weight at once, not at the next step."""
    with distributions(2)["fully sharded"].scope():
        model, other = make(), make()
        fit(model)
        fit(other)
        weights = [2 * w for w in model.get_weights()]
        model.set_weights(weights)
        if way == "set_weights":
            other.set_weights(weights)
        elif way == "load_weights":
            model.save_weights(tmp_path / "model.weights.h5")
            other.load_weights(tmp_path / "model.weights.h5")
        elif way == "load_model":
            model.save(tmp_path / "model.keras")
            other = jkeras.saving.load_model(tmp_path / "model.keras")
        else:
            other.update_train_state(jax.tree.map(np.asarray, model.train_state()))
        for found, wanted in zip(other.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(found, wanted)
        kernel = other.layers[0].kernel
        divided = [kernel, *(v for v in other.optimizer.variables if v.shape == kernel.shape)]
        assert len(divided) == 3
        assert [v.value.sharding.shard_shape(v.shape) for v in divided] == [(4, 4)] * len(divided)


def test_optax_keeps_its_state_where_it_belongs_under_a_mesh_with_explicit_axes():
    def losses():
        model = make()
        model.compile(optax.lbfgs(), "mse")
        return fit(model)

    wanted = losses()
    with jax.set_mesh(jax.make_mesh((2,), ("batch",), axis_types=(AxisType.Explicit,))):
        np.testing.assert_allclose(losses(), wanted, rtol=1e-4)
