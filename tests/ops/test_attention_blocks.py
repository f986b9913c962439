"""Attention a block of targets at a time: the numbers of the computation in one piece, and a tenth of its memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jkeras
from jkeras.ops import attention_blocks, dot_product_attention
from jkeras.runtime import compiler_options

RNG = np.random.default_rng(0)


def draw(*shape, dtype="float32"):
    return jnp.asarray(RNG.normal(size=shape), dtype)


PADDING = jnp.asarray(RNG.random((2, 1, 1, 10)) < 0.7)
CASES = {
    "plain": {},
    "causal": {"is_causal": True},
    "padding": {"mask": PADDING},
    "padding and causal": {"mask": PADDING, "is_causal": True},
    "a mask of all": {"mask": jnp.asarray(RNG.random((1, 4, 12, 10)) < 0.7)},
    "nothing to attend to": {"mask": jnp.zeros((2, 1, 1, 10), bool)},
    "bias": {"bias": draw(4, 12, 10)},
    "bias of examples": {"bias": draw(2, 1, 12, 10), "mask": PADDING},
    "soft cap": {"attn_logits_soft_cap": 2.0, "scale": 0.7},
}


QUICK = {"xla_backend_optimization_level": 0}


@pytest.fixture
def blocks(monkeypatch):
    """Choose whether every sequence is a long one, and the targets in a block."""

    def choose(wanted, size=3):
        monkeypatch.setattr(attention_blocks, "LONG", 0 if wanted else 2**60)
        monkeypatch.setattr(attention_blocks, "BLOCK", size * 4 * 10 * 4)  # heads, sources, bytes

    return choose


def compare(options, blocks, heads=4, size=3):
    """Compare outputs and gradients in blocks and in one piece."""
    arrays = [draw(2, 12, 4, 3), draw(2, 10, heads, 3), draw(2, 10, heads, 5)]
    arrays += [options["bias"]] if "bias" in options else []

    def loss(q, k, v, bias=None):
        given = options if bias is None else options | {"bias": bias}
        outputs = dot_product_attention(q, k, v, **given)
        return jnp.sum(jnp.sin(jnp.arange(outputs.size).reshape(outputs.shape)) * outputs), outputs

    results = []
    for wanted in (False, True):
        blocks(wanted, size)
        gradient = jax.value_and_grad(lambda *a: loss(*a), range(len(arrays)), has_aux=True)
        results.append(jax.jit(gradient, compiler_options=QUICK)(*arrays))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6), *results)


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_numbers_are_those_of_one_piece(options, blocks):
    compare(options, blocks)


def test_heads_may_share_their_keys(blocks):
    compare(CASES["padding and causal"], blocks, heads=2)


@pytest.mark.parametrize("size", [1, 5, 12])
def test_blocks_of_any_size(size, blocks):
    compare(CASES["bias of examples"], blocks, size=size)


@pytest.mark.parametrize("dtype, tolerance", [("bfloat16", 2e-2), ("float16", 2e-3)])
def test_other_dtypes(dtype, tolerance, blocks):
    arrays = [draw(2, length, 4, 3, dtype=dtype) for length in (12, 10, 10)]
    blocks(False)
    expected = dot_product_attention(*arrays, mask=PADDING)
    blocks(True)
    outputs = dot_product_attention(*arrays, mask=PADDING)
    assert outputs.dtype == dtype
    np.testing.assert_allclose(outputs.astype("float32"), expected.astype("float32"), rtol=tolerance, atol=tolerance)


def test_forward_mode_second_derivatives_and_vmap(blocks):
    q, k, v = draw(2, 12, 4, 3), draw(2, 10, 4, 3), draw(2, 10, 4, 3)
    scalar = lambda q: jnp.sum(dot_product_attention(q, k, v) ** 2)  # noqa: E731
    results = []
    for wanted in (False, True):
        blocks(wanted)

        def run(q):
            second = jax.jvp(jax.grad(scalar), (q,), (q,))[1]
            return jax.jvp(scalar, (q,), (q,)), second, jax.vmap(lambda q: dot_product_attention(q, k, v))(q[None])

        results.append(jax.jit(run, compiler_options=QUICK)(q))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), *results)


def test_memory_is_a_tenth():
    layer = jkeras.layers.MultiHeadAttention(4, 8)
    x = jnp.zeros((16, 1024, 8))
    layer.build(x.shape, x.shape)
    variables = layer.snapshot()

    def loss(params, x):
        outputs, _ = layer.apply({**variables, "params": params}, x, x, use_causal_mask=True)
        return jnp.sum(outputs)

    program = jax.jit(jax.grad(loss)).lower(variables["params"], x).compile({"xla_backend_optimization_level": 0})
    scores = 16 * 4 * 1024 * 1024 * 4
    assert program.memory_analysis().temp_size_in_bytes < scores / 10 + 40 * x.nbytes * 4


def test_blocks_are_for_long_sequences_on_a_cpu():
    long, short = jnp.zeros((32, 1024, 4, 8)), jnp.zeros((32, 128, 4, 8))
    assert attention_blocks.is_long(long, long) and not attention_blocks.is_long(short, short)
    with compiler_options.lowering_for("gpu"):
        assert not attention_blocks.is_long(long, long)
