"""Pools of wide windows: their programs do not grow with the window, and their values are those of the definition."""

import jax
import numpy as np
import pytest

from jkeras import ops

X = np.random.default_rng(0).normal(size=(1, 70, 2)).astype("float32")


@pytest.mark.parametrize("size, step", [(20, 3), (33, 33), (40, 70)])
def test_values_of_wide_windows(size, step):
    starts = range(0, 70 - size + 1, step)
    for name, reduce in (("max", np.max), ("average", np.mean)):
        expected = np.stack([reduce(X[:, i : i + size], 1) for i in starts], 1)
        np.testing.assert_allclose(getattr(ops, f"{name}_pool")(X, size, step), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("parts", [1, 7, 64, 100])
def test_values_of_parts(parts):
    bounds = [(i * 70 // parts, -(-(i + 1) * 70 // parts)) for i in range(parts)]
    for name, reduce in (("max", np.max), ("average", np.mean)):
        expected = np.stack([reduce(X[:, lo:hi], 1) for lo, hi in bounds], 1)
        np.testing.assert_allclose(getattr(ops, f"adaptive_{name}_pool")(X, parts), expected, rtol=1e-5, atol=1e-6)


POOLS = {
    "max": lambda x: ops.max_pool(x, 1600),
    "overlapping": lambda x: ops.max_pool(x, 1600, 1),
    "wider than the axis": lambda x: ops.average_pool(x, 400_000_000, padding="same"),
    "wider, overlapping": lambda x: ops.max_pool(x, 400_000_000, 2, padding="same"),
    "parts": lambda x: ops.adaptive_max_pool(x, 801),
}


@pytest.mark.parametrize("name", POOLS)
def test_programs_do_not_grow_with_the_window(name):
    text = str(jax.make_jaxpr(jax.grad(lambda x: POOLS[name](x).sum()))(np.zeros((1, 16000, 1), "float32")))
    assert text.count("\n") < 1000  # one line for each entry of a window would be more than 1,600
