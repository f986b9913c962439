"""Pooling: values and derivatives are those of Keras, which are those of XLA's windows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jkeras import ops
from tests.oracle import assert_close, keras


def normal(*shape, dtype="float32"):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), dtype)


# (spatial shape, window, strides, padding)
WINDOWS = {
    "1d": ((8,), 2, 2, "valid"),
    "1d that overlap": ((9,), 3, 1, "same"),
    "1d with gaps": ((11,), 2, 3, "valid"),
    "1d wide": ((200,), 150, 7, "same"),
    "2d": ((6, 8), 2, 2, "valid"),
    "2d that leave entries over": ((5, 8), (2, 3), (2, 3), "valid"),
    "2d padded": ((5, 7), (2, 3), (2, 3), "same"),
    "2d that overlap": ((7, 6), 3, 2, "same"),
    "2d along one axis": ((4, 6), (1, 3), (1, 2), "valid"),
    "2d of single entries": ((5, 6), 1, 2, "same"),
    "3d": ((4, 4, 6), 2, 2, "valid"),
    "3d that overlap": ((5, 4, 4), (3, 2, 3), (2, 1, 3), "same"),
    "of which none fits": ((2, 5), 3, 3, "valid"),
}
KINDS = ("max_pool", "average_pool")


def value_and_gradient(pool, x, arguments):
    def loss(x):
        y = pool(x, *arguments)
        return (y * jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)).sum(), y

    return jax.jit(jax.grad(loss, has_aux=True))(x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", WINDOWS.values(), ids=WINDOWS)
def test_values_and_gradients_are_keras(kind, case):
    shape, *arguments = case
    ties = jnp.round(2 * normal(2, *shape, 3))  # most windows have several largest entries
    for x in (normal(2, *shape, 3), ties):
        results = [value_and_gradient(getattr(library, kind), x, arguments) for library in (ops, keras.ops)]
        assert_close(*results)


def test_the_first_largest_entry_gets_the_gradient():
    x = jnp.ones((1, 4, 4, 1))
    gradient = jax.grad(lambda x: ops.max_pool(x, 2).sum())(x)
    assert gradient[0, :, :, 0].tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]] * 2
    row_major = jnp.array([[0.0, 1.0], [1.0, 1.0]]).reshape(1, 2, 2, 1)  # not the first column's: the first row's
    assert jax.grad(lambda x: ops.max_pool(x, 2).sum())(row_major)[0, :, :, 0].tolist() == [[0, 1], [0, 0]]


def test_padding_is_no_entry():
    x = -jnp.ones((1, 3, 1))
    assert ops.max_pool(x, 3, 1, "same").tolist() == x.tolist()
    assert ops.average_pool(x, 3, 1, "same").tolist() == x.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_channels_first(kind):
    pool, x = getattr(ops, kind), normal(2, 5, 6, 3)
    first = pool(jnp.moveaxis(x, -1, 1), 3, 2, "same", "channels_first")
    assert_close(jnp.moveaxis(first, 1, -1), pool(x, 3, 2, "same"))


def test_strides_default_to_the_window():
    x = normal(2, 7, 3)
    for pool in (ops.max_pool, ops.average_pool):
        assert_close(pool(x, 3), pool(x, 3, 3))


@pytest.mark.parametrize("dtype", ["int32", "int8", "bfloat16", "float16"])
def test_dtypes_are_keras(dtype):
    x = np.random.default_rng(0).integers(-9, 9, size=(2, 5, 6, 3))
    for kind in KINDS:
        for arguments in ((2, 2, "valid"), (3, 1, "same")):
            ours = getattr(ops, kind)(jnp.asarray(x, dtype), *arguments)
            theirs = getattr(keras.ops, kind)(jnp.asarray(x, dtype), *arguments)
            assert ours.dtype == theirs.dtype
            assert_close(ours, theirs, rtol=1e-2 if ours.dtype == "bfloat16" else 1e-3)


def test_sums_of_small_integers_do_not_overflow():
    assert ops.average_pool(jnp.full((1, 4, 1), 100, "int8"), 2)[0, :, 0].tolist() == [100, 100]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arguments", [(2, 2, "valid"), (3, 2, "same")])
def test_transformations(kind, arguments):
    """Forward mode, second derivatives and `vmap`, against windows that are gathered one by one."""
    pool, x, v = getattr(ops, kind), normal(3, 2, 5, 4, 2), jnp.cos(normal(3, 2, 5, 4, 2))

    def evaluate(pool):
        def gradient(x):
            return jax.grad(lambda x: jnp.sin(pool(x, *arguments)).sum())(x)

        def all_of_them(x, v):
            return jax.jvp(lambda x: pool(x, *arguments), (x,), (v,)), jax.jvp(gradient, (x,), (v,))[1]

        together = jax.jit(jax.vmap(all_of_them))(x, v)
        reverse = jax.jit(jax.grad(lambda x: (gradient(x) ** 2).sum()))(x[0])
        return together, reverse

    def one_by_one(x, size, steps, padding):
        """Each window gathers its entries from the flat image, and leaves out those that are not there."""
        n, h, w, c = x.shape
        numbers = np.arange(1, h * w + 1).reshape(1, h, w, 1).astype("float32")
        pads = jax.lax.padtype_to_pads((h, w), (size, size), (steps, steps), padding.upper())
        numbers = np.pad(numbers, [(0, 0), *pads, (0, 0)])[0, :, :, 0].astype(int)
        rows, columns = ((m - size) // steps + 1 for m in numbers.shape)
        starts = [(i * steps, j * steps) for i in range(rows) for j in range(columns)]
        index = np.stack([numbers[i : i + size, j : j + size].ravel() for i, j in starts])
        entries = x.reshape(n, h * w, c)[:, np.maximum(index - 1, 0)]
        there = (index > 0)[None, :, :, None]
        if kind == "max_pool":
            y = jnp.max(jnp.where(there, entries, -jnp.inf), 2)
        else:
            y = jnp.sum(jnp.where(there, entries, 0), 2) / np.sum(there, 2, dtype="float32")
        return y.reshape(n, rows, columns, c)

    assert_close(evaluate(pool), evaluate(one_by_one), rtol=1e-5)


def test_other_platforms_get_xlas_windows():
    x = normal(2, 6, 6, 3)
    for pool in (ops.max_pool, ops.average_pool):
        gradient = jax.jit(jax.grad(lambda x: pool(x, 2).sum()))  # noqa: B023
        text = {p: jax.export.export(gradient, platforms=[p])(x).mlir_module() for p in ("cuda", "cpu")}
        xlas = {p: "stablehlo.reduce_window" in t or "stablehlo.select_and_scatter" in t for p, t in text.items()}
        assert xlas == {"cuda": True, "cpu": False}


# --- adaptive pooling


@pytest.mark.parametrize("shape, parts", [((7,), 3), ((5, 8), (2, 8)), ((4, 5, 3), (2, 1, 3))])
@pytest.mark.parametrize("kind", ["adaptive_max_pool", "adaptive_average_pool"])
def test_adaptive_pooling_is_keras(kind, shape, parts):
    x = normal(2, *shape, 3)
    assert_close(getattr(ops, kind)(x, parts), getattr(keras.ops, kind)(x, parts))


def test_errors():
    x = jnp.ones((1, 5, 5, 2))
    with pytest.raises(ValueError, match="pool_size must be an integer or 2"):
        ops.max_pool(x, (1, 2, 3))
    with pytest.raises(ValueError, match="strides must be an integer or 2"):
        ops.average_pool(x, 2, (1,))
    with pytest.raises(ValueError, match=r"max_pool\(\) needs padding=.valid. or .same., got padding=.full."):
        ops.max_pool(x, 2, padding="full")
