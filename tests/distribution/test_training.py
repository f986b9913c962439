"""Training on several devices gives the numbers of one device."""

import contextlib
import functools
import json
import os
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

import jkeras
from jkeras import layers
from tests.distribution import matrix
from tests.distribution.runs import TOGETHER, D, distributions, flat, trained

WAYS = ("data parallel", "fully sharded", "sharded optimizer")


@pytest.fixture(autouse=True)
def _one_device_again():
    yield
    D.set_distribution(None)


@functools.cache
def alone(batch_size):
    """What one device gives."""
    return flat(trained("mlp", batch_size=batch_size)[0])


def close(found, wanted):
    np.testing.assert_allclose(np.array(found, float), np.array(wanted, float), atol=2e-6)


@pytest.mark.parametrize("way", WAYS)
def test_losses_evaluation_and_prediction_are_those_of_one_device(way):
    with distributions(2)[way].scope():
        found, model = trained("mlp", batch_size=30)
    close(flat(found), alone(30))
    assert len(model.layers[0].kernel.value.sharding.device_set) == 2


def test_a_mesh_of_jax_is_enough():
    with jax.set_mesh(jax.make_mesh((2,), ("batch",))):
        found, model = trained("mlp", batch_size=7)
    close(flat(found), alone(7))
    assert len(model.layers[0].kernel.value.sharding.device_set) == 2


def test_both_orders_on_one_model():
    """A model trains on one device, on two, and on one again, as if it had stayed."""
    x, y = np.random.RandomState(0).rand(50, 4).astype("float32"), np.ones((50, 1), "float32")

    def losses(contexts):
        jkeras.utils.set_random_seed(3)
        model = jkeras.Sequential([layers.Dense(4, activation="tanh"), layers.Dense(1)])
        model.compile("adam", "mse")
        found = []
        for context in contexts:
            with context:
                found += model.fit(x, y, epochs=1, batch_size=8, verbose=0).history["loss"]
        return found

    nothing = contextlib.nullcontext()
    wanted = losses([nothing, nothing, nothing])
    close(losses([nothing, distributions(2)["fully sharded"].scope(), nothing]), wanted)
    close(losses([distributions(2)["data parallel"].scope(), nothing, distributions(2)["data parallel"].scope()]), wanted)


def test_fully_sharded_state_takes_half_of_the_memory_on_each_of_two_devices():
    with distributions(2)["fully sharded"].scope():
        model = trained("mlp")[1]
        kernel = model.layers[0].kernel
        slots = [v for v in model.optimizer.variables if v.shape == kernel.shape]
        assert len(slots) == 2
        for variable in (kernel, *slots):
            shards = variable.value.addressable_shards
            assert [shard.data.nbytes for shard in shards] == [variable.value.nbytes // 2] * 2


def test_sharded_optimizer_leaves_the_weights_whole():
    with distributions(2)["sharded optimizer"].scope():
        model = trained("mlp")[1]
        kernel = model.layers[0].kernel
        assert kernel.value.sharding.is_fully_replicated
        slots = [v for v in model.optimizer.variables if v.shape == kernel.shape]
        assert not any(v.value.sharding.is_fully_replicated for v in slots)


def test_a_layout_map_divides_a_weight_and_what_the_optimizer_keeps_for_it():
    layouts = D.LayoutMap(D.DeviceMesh((1, 2), ("batch", "model"), D.list_devices()[:2]))
    layouts[".*wide/kernel"] = (None, "model")
    layouts[".*wide/bias"] = ("model",)

    def fit():
        jkeras.utils.set_random_seed(5)
        model = jkeras.Sequential([layers.Dense(8, activation="relu", name="wide"), layers.Dense(1, name="last")])
        model.compile("adam", "mse")
        x = np.random.RandomState(0).rand(20, 4).astype("float32")
        return model.fit(x, x[:, :1], epochs=3, batch_size=6, verbose=0).history["loss"], model

    with D.ModelParallel(layout_map=layouts, batch_dim_name="batch").scope():
        found, model = fit()
        kernel = model.get_layer("wide").kernel
        assert [shard.data.shape for shard in kernel.value.addressable_shards] == [(4, 4)] * 2
        slots = [v for v in model.optimizer.variables if v.shape == (4, 8)]
        assert [v.value.addressable_shards[0].data.shape for v in slots] == [(4, 4)] * 2
        assert model.get_layer("last").kernel.value.sharding.is_fully_replicated
    close(found, fit()[0])


def test_a_key_that_matches_no_variable_is_an_error_that_lists_the_paths():
    layouts = D.LayoutMap(D.DeviceMesh((1, 2), ("batch", "model"), D.list_devices()[:2]))
    layouts["dens/kernel"] = (None, "model")
    with (
        D.ModelParallel(layout_map=layouts).scope(),
        pytest.raises(ValueError, match="dens/kernel.*match no variable.*only/kernel"),
    ):
        model = jkeras.Sequential([layers.Dense(2, name="only")])
        model.compile("sgd", "mse")
        model.fit(np.ones((4, 3), "float32"), np.ones((4, 2), "float32"), verbose=0)


@pytest.mark.parametrize(
    "axes, message",
    [
        ((None, "model"), "Axis 1 .*only/kernel.*length is 3.*2 devices along 'model'"),
        (("model",), "has 1 axes.*shape \\(4, 3\\)"),
    ],
)
def test_a_layout_that_does_not_go_with_the_shape_is_an_error(axes, message):
    layouts = D.LayoutMap(D.DeviceMesh((1, 2), ("batch", "model"), D.list_devices()[:2]))
    layouts[".*only/kernel"] = axes
    with D.ModelParallel(layout_map=layouts).scope(), pytest.raises(ValueError, match=message):
        model = jkeras.Sequential([layers.Dense(3, name="only")])
        model.compile("sgd", "mse")
        model.fit(np.ones((4, 4), "float32"), np.ones((4, 3), "float32"), verbose=0)


def test_weights_are_saved_and_loaded_whole(tmp_path):
    with distributions(2)["fully sharded"].scope():
        model = trained("mlp")[1]
        model.save(tmp_path / "model.keras")
        wanted = model.get_weights()
    again = jkeras.saving.load_model(tmp_path / "model.keras")
    for found, weight in zip(again.get_weights(), wanted, strict=True):
        np.testing.assert_array_equal(found, weight)


def test_models_can_be_trained_batch_by_batch():
    x, y = np.random.RandomState(0).rand(5, 4).astype("float32"), np.ones((5, 1), "float32")

    def losses():
        jkeras.utils.set_random_seed(3)
        model = jkeras.Sequential([layers.Dense(1)])
        model.compile("adam", "mse")
        found = [model.train_on_batch(x, y), model.test_on_batch(x, y)]
        return [*found, *model.predict_on_batch(x).ravel(), *np.ravel(model(x))]

    with distributions(2)["data parallel"].scope():
        found = losses()
    close(found, losses())


def in_a_process(devices, *arguments):
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": os.getcwd()}
    return subprocess.Popen(
        [sys.executable, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def results_of(process):
    output = process.communicate(timeout=600)[0]
    lines = [line for line in output.splitlines() if line.startswith("RESULT ")]
    assert lines and process.returncode == 0, output
    return [json.loads(line[len("RESULT ") :]) for line in lines]


def result_of(process):
    return results_of(process)[-1]


@pytest.mark.longest
def test_two_processes_give_the_numbers_of_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    path = tmp_path / "model.keras"
    processes = [in_a_process(2, "-m", "tests.distribution.runs", str(i), port, str(path)) for i in range(2)]
    results = [result_of(process) for process in processes]
    for number, (kind, _) in enumerate(TOGETHER):
        wanted, model = trained(kind, rows=100)
        for found in results:
            close(found[number], flat(wanted))
    saved = jkeras.saving.load_model(path)
    for found, weight in zip(saved.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(found, weight, atol=2e-6)


@pytest.mark.longest
def test_models_feeds_batch_sizes_and_options_on_many_devices():
    results = results_of(in_a_process(8, "-m", "tests.distribution.matrix"))
    cases = [matrix.Case(*case) for case, *_ in results]
    assert cases == list(matrix.covering(matrix.MODELS))
    assert {case.option for case in cases} == set(matrix.OPTIONS)
    for case, (_, losses, numbers) in zip(cases, results, strict=True):
        assert losses < matrix.tolerance(case), (case, losses)
        assert numbers < 10 * matrix.tolerance(case), (case, numbers)
