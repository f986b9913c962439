"""What compiled programs send between devices: the rows of a batch stay on the device that has them."""

import contextlib
from unittest.mock import ANY

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

import jkeras
from benchmarks.sharding import collectives
from jkeras import layers, ops
from jkeras.ops import attention_blocks, convolution_cpu
from jkeras.runtime.compiler_options import all_cores
from tests.distribution.runs import distributions

RNG = np.random.RandomState(0)


@pytest.fixture(autouse=True)
def few_at_a_time(monkeypatch):
    """Loops over a few examples at a time, as with large arrays."""
    monkeypatch.setattr(convolution_cpu, "_examples", lambda *_: 5)
    monkeypatch.setattr(attention_blocks, "LONG", 1)
    monkeypatch.setattr(attention_blocks, "BLOCK", 64)


def conv(x, w):
    return ops.conv(x, w, padding="same")


def strided(x, w):
    return ops.conv(x, w, strides=2, padding="same")


def attention(x, w):
    return ops.dot_product_attention(x * w, x, x, is_causal=True)


CASES = {
    "one channel": (conv, (36, 4, 4, 1), (3, 3, 1, 2)),
    "three channels": (conv, (36, 4, 4, 3), (3, 3, 3, 2)),
    "a step": (strided, (36, 4, 4, 8), (3, 3, 8, 8)),
    "many channels, in a program of a user's own": (conv, (36, 4, 4, 20), (3, 3, 20, 20)),
    "long attention": (attention, (4, 8, 1, 4), (4,)),
}


def lowering(case):
    return contextlib.nullcontext() if "own" in case else all_cores()


@pytest.mark.parametrize("case", CASES)
def test_loops_over_examples_send_no_examples(case):
    """The sum of the weights' gradients is all that two devices say to each other."""
    function, *shapes = CASES[case]
    x, w = (RNG.rand(*shape).astype("float32") for shape in shapes)
    gradients = jax.grad(lambda x, w: jnp.sum(function(x, w) ** 2), (0, 1))
    with lowering(case):
        wanted = jax.jit(gradients)(x, w)
    mesh = jax.make_mesh((2,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    rows, whole = NamedSharding(mesh, PartitionSpec("batch")), NamedSharding(mesh, PartitionSpec())
    with jax.set_mesh(mesh), lowering(case):
        lowered = jax.jit(gradients, in_shardings=(rows, whole), out_shardings=(rows, whole)).lower(x, w)
    compiled = lowered.compile()
    found = compiled(jax.device_put(x, rows), jax.device_put(w, whole))
    assert set(collectives(compiled.as_text())) == {"all-reduce"}
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", ["three channels", "long attention"])
def test_one_device_takes_a_few_examples_at_a_time(case):
    function, *shapes = CASES[case]
    x, w = (np.ones(shape, "float32") for shape in shapes)
    with lowering(case):
        text = jax.jit(function).lower(x, w).as_text()
    assert "while" in text


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_training_loop_sends_the_gradients_once_and_what_batch_normalization_needs(batch_norm):
    """Batch normalization needs the mean and the variance of the whole batch, and sums in the backward pass."""
    with distributions(2)["data parallel"].scope():
        normalized = [layers.BatchNormalization()] * batch_norm
        model = jkeras.Sequential([layers.Conv2D(2, 3), *normalized, layers.Flatten(), layers.Dense(1)])
        model.compile("adam", "mse")
        model.fit(np.ones((8, 6, 6, 1), "float32"), np.ones((8, 1), "float32"), batch_size=4, verbose=0)
    programs = [prepared.run.as_text() for prepared in model._compiled.plan.train.over_rows._known.values()]
    assert [collectives(text) for text in programs] == [{"all-reduce": (4 if batch_norm else 1, ANY)}]
