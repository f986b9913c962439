"""Meshes, layouts and layout maps, in Keras's words."""

import jax
import numpy as np
import pytest

from jkeras import distribution as D


def mesh():
    return D.DeviceMesh((4, 2), ["batch", "model"], [f"cpu:{i}" for i in range(8)])


def test_a_mesh_needs_no_devices_before_it_is_used():
    assert mesh().shape == (4, 2)
    assert mesh().axis_names == ["batch", "model"]
    assert mesh().devices.shape == (4, 2)
    with pytest.raises(ValueError, match="There is no device 'cpu:2'"):
        _ = mesh().backend_mesh


@pytest.mark.parametrize(
    "arguments, message",
    [
        (((), ()), "at least one axis"),
        (((4, 2), ["batch"]), "2 sizes in shape.*1 names"),
        (((4, 2), ["batch", "model"], ["cpu:0"]), "needs 8 devices, got 1.*xla_force_host_platform_device_count"),
    ],
)
def test_a_mesh_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        D.DeviceMesh(*arguments)


def test_devices():
    assert D.list_devices("CPU")[:2] == ["cpu:0", "cpu:1"]
    assert D.get_device_count() == len(jax.devices())


def test_a_layout_knows_the_axes_of_its_mesh():
    with pytest.raises(ValueError, match="no axis \\['modle'\\]"):
        D.TensorLayout((None, "modle"), mesh())
    layout = D.TensorLayout((None, "model"))
    with pytest.raises(ValueError, match="no mesh yet"):
        _ = layout.backend_layout
    layout.device_mesh = mesh()
    with pytest.raises(ValueError, match="has a mesh already"):
        layout.device_mesh = mesh()


def test_a_layout_map_finds_the_equal_key_before_patterns():
    layouts = D.LayoutMap(mesh())
    layouts[".*kernel"] = (None, "model")
    layouts["dense/kernel"] = D.TensorLayout(("batch", None))
    assert layouts["dense/kernel"].axes == ("batch", None)
    assert layouts["other/kernel"].axes == (None, "model")
    assert layouts["other/kernel_norm"] is None  # a pattern has to match the whole path
    assert list(layouts) == [".*kernel", "dense/kernel"]
    layouts["o.*"] = ("model",)
    with pytest.raises(ValueError, match="matches several keys"):
        layouts["other/kernel"]
    with pytest.raises(ValueError, match="a layout for 'o.\\*' already"):
        layouts["o.*"] = ("batch",)
    del layouts["o.*"]
    assert len(layouts) == 2
    with pytest.raises(ValueError, match="must be a TensorLayout or a tuple"):
        layouts["x"] = "model"


def test_distribute_tensor():
    two = D.DeviceMesh((2,), ["batch"], ["cpu:0", "cpu:1"])
    layout = D.TensorLayout(("batch", None), two)
    x = np.arange(12, dtype="float32").reshape(4, 3)
    for function in (D.distribute_tensor, jax.jit(D.distribute_tensor, static_argnums=1)):
        divided = function(x, layout)
        np.testing.assert_array_equal(divided, x)
        assert divided.sharding.shard_shape(x.shape) == (2, 3)


def test_scopes_nest():
    first, second = D.DataParallel(devices=["cpu:0"]), D.Distribution(mesh())
    assert D.distribution() is None
    with first.scope():
        with second.scope():
            assert D.distribution() is second
        assert D.distribution() is first
    assert D.distribution() is None


def test_layouts_of_data_and_variables():
    parallel = D.DataParallel(D.DeviceMesh((8,), ["data"], [f"cpu:{i}" for i in range(8)]))
    assert parallel.batch_dim_name == "data"
    assert parallel.num_model_replicas == 8
    assert parallel.get_data_layout((4, 2, 2)).axes == ("data", None, None)
    with pytest.warns(UserWarning, match="has 2 axes"):
        D.DataParallel(mesh())


@pytest.mark.parametrize("value", ["dp", 3])
def test_set_distribution_takes_distributions(value):
    with pytest.raises(ValueError, match="takes a distribution or None"):
        D.set_distribution(value)


def test_model_parallel_needs_a_layout_map():
    with pytest.raises(ValueError, match="layout_map must be a LayoutMap"):
        D.ModelParallel()
    with pytest.raises(ValueError, match="not an axis of the mesh"):
        D.ModelParallel(layout_map=D.LayoutMap(mesh()), batch_dim_name="data")
