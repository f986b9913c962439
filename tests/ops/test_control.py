"""Operations that take functions: against Keras where it computes the same, with variables, symbolically, and under jit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jkeras import ops
from jkeras.core.symbolic import KerasTensor
from jkeras.core.variable import Variable
from tests.oracle import assert_close, keras

X = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
BOTH = pytest.mark.parametrize("ops_of", [ops, keras.ops], ids=["jkeras", "keras"])


@BOTH
def test_branches(ops_of):
    assert float(ops_of.cond(True, lambda: jnp.ones(()), lambda: jnp.zeros(()))) == 1
    assert float(ops_of.cond(np.array(False), lambda: jnp.ones(()), lambda: jnp.zeros(()))) == 0
    branches = [lambda a, b: a + b, lambda a, b: a * b]
    assert [float(ops_of.switch(i, branches, 3.0, 4.0)) for i in (-1, 0, 1, 7)] == [7, 7, 12, 12]


@BOTH
def test_while_loops(ops_of):
    def count(i):
        return i + 1

    assert int(ops_of.while_loop(lambda i: i < 10, count, 0)) == 10
    assert int(ops_of.while_loop(lambda i: i < 10, count, 0, maximum_iterations=4)) == 4
    result = ops_of.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, 2 * x), (0, X))
    assert isinstance(result, tuple)
    assert_close(result[1], 8 * X)
    first, second = ops_of.while_loop(lambda i, x: i < 3, lambda i, x: [i + 1, x + 1], [0, X], maximum_iterations=2)
    assert int(first) == 2
    assert_close(second, X + 2)


@BOTH
def test_loops_over_rows(ops_of):
    assert_close(ops_of.fori_loop(1, 4, lambda i, total: total + i, 0), 6)
    carry, ys = ops_of.scan(lambda c, x: (c + x, c * x), np.zeros(3, "float32"), X)
    assert_close(carry, X.sum(0))
    assert_close(ys, (np.cumsum(X, 0) - X) * X)
    carry, ys = ops_of.scan(lambda c, _: (c + 1, c), 0, length=4, reverse=True, unroll=2)
    assert (int(carry), ys.tolist()) == (4, [3, 2, 1, 0])
    assert_close(ops_of.map(lambda x: x.sum(), X), X.sum(1))
    assert_close(ops_of.vectorized_map(lambda pair: pair[0] @ pair[1], (X, X)), (X * X).sum(1))
    assert_close(ops_of.associative_scan(lambda a, b: a * b, X, reverse=True), np.cumprod(X[::-1], 0)[::-1])
    assert_close(ops_of.associative_scan(lambda a, b: a + b, X, axis=1), np.cumsum(X, 1))
    pair = ops_of.associative_scan(lambda a, b: (a[0] + b[0], a[1] * b[1]), (X, X))
    assert_close(pair, (np.cumsum(X, 0), np.cumprod(X, 0)))


@BOTH
def test_vectorize(ops_of):
    f = ops_of.vectorize(lambda a, b: a - b)
    assert_close(f(X, X[0]), X - X[0])
    dot = ops_of.vectorize(lambda a, b: (a * b).sum(), signature="(n),(n)->()")
    assert_close(dot(X, X[0]), X @ X[0])


@BOTH
def test_gradients_of_ones_own(ops_of):
    @ops_of.custom_gradient
    def log1pexp(x):
        e = jnp.exp(x)
        return jnp.log(1 + e), lambda upstream: upstream * (1 - 1 / (1 + e))

    assert_close(log1pexp(jnp.asarray(0.0)), np.log(2))
    assert float(jax.grad(log1pexp)(100.0)) == 1  # that of the formula is NaN
    value, slope = ops_of.jvp(jnp.sin, (jnp.asarray(0.0),), (jnp.asarray(2.0),))
    assert (float(value), float(slope)) == (0, 2)
    value, slope, aux = ops_of.jvp(lambda x: (x * x, x), (3.0,), (1.0,), has_aux=True)
    assert (float(value), float(slope), float(aux)) == (9, 6, 3)
    assert float(jax.grad(lambda x: x * ops_of.stop_gradient(x))(3.0)) == 3


def test_variables_go_in_and_out():
    v = Variable(X)
    assert_close(ops.cond(True, lambda: v, lambda: 2 * v), X)
    assert_close(ops.scan(lambda c, x: (c + x, x), Variable(np.zeros(3, "float32")), v)[0], X.sum(0))
    assert_close(ops.fori_loop(0, 2, lambda i, x: x + v, v), 3 * X)
    assert_close(ops.while_loop(lambda i, x: i < 1, lambda i, x: (i + 1, v), (0, v))[1], X)
    assert_close(ops.map(lambda d: d["a"] * 2, {"a": v}), 2 * X)
    assert_close(ops.switch(0, [lambda x: x, lambda x: 2 * x], v), X)
    assert_close(ops.custom_gradient(lambda x: (2 * x, lambda g: g))(v), 2 * X)


def test_symbolic_tensors():
    x = KerasTensor((None, 3))
    assert ops.map(lambda row: row[:2], x).shape == (None, 2)
    assert ops.vectorized_map(lambda row: row.sum(), x).shape == (None,)
    carry, ys = ops.scan(lambda c, row: (c + row, c), np.zeros(3, "float32"), x)
    assert (carry.shape, ys.shape) == ((3,), (None, 3))
    assert ops.associative_scan(lambda a, b: a + b, x).shape == (None, 3)
    assert ops.while_loop(lambda a: ops.all(a < 3), lambda a: a + 1, x).shape == (None, 3)
    assert ops.fori_loop(0, 3, lambda i, a: a * 2, x).shape == (None, 3)
    assert ops.vectorize(lambda a: a + 1)(x).shape == (None, 3)
    assert ops.custom_gradient(lambda a: (a * 2, lambda g: g))(x).shape == (None, 3)
    assert ops.cond(KerasTensor((), "bool"), lambda: X, lambda: -X).shape == (5, 3)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="unroll=0"):
        ops.scan(lambda c, x: (c, x), 0, X, unroll=0)
    with pytest.raises(TypeError, match="needs a function, got 3"):
        ops.vectorize(3)
