"""Recurrences against a Python loop over their steps, with JAX's own gradient of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jkeras.ops import recurrent
from jkeras.ops.recurrent import Product, gru, lstm, project, recur, simple_rnn, step
from tests.oracle import assert_close

STEPS, BATCH, UNITS = 3, 2, 3
RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.normal(size=shape).astype("float32")


def dropped(count):
    return [Product(draw(UNITS, UNITS), dropout=draw(BATCH, UNITS)) for _ in range(count)]


# network, gates, products, states
NETWORKS = {
    "simple_rnn": (simple_rnn(jnp.tanh), 1, [Product(draw(UNITS, UNITS))], 1),
    "lstm": (lstm(jnp.tanh, jax.nn.sigmoid), 4, [Product(draw(UNITS, 4 * UNITS))], 2),
    "lstm-dropout": (lstm(jnp.tanh, jax.nn.sigmoid, 4), 4, dropped(4), 2),
    "gru": (gru(jnp.tanh, jax.nn.sigmoid), 3, [Product(draw(UNITS, 3 * UNITS), draw(3 * UNITS))], 1),
    "gru-before": (
        *(gru(jnp.tanh, jax.nn.sigmoid, reset_after=False), 3),
        *([Product(draw(UNITS, 2 * UNITS)), Product(draw(UNITS, UNITS))], 1),
    ),
    "gru-before-dropout": (gru(jnp.tanh, jax.nn.sigmoid, reset_after=False, products=3), 3, dropped(3), 1),
}


def loop(network, x, states, products, mask, backwards):
    """The definition."""
    outputs = []
    for t in reversed(range(len(x))) if backwards else range(len(x)):
        new = step(network, x[t], states, products)
        states = new if mask is None else tuple(jnp.where(mask[t][:, None], n, s) for n, s in zip(new, states, strict=True))
        outputs.append(states[0])
    return jnp.stack(outputs), states


def loss_of(run, network, mask, backwards, sequences=True):
    def loss(x, states, products):
        outputs, last = run(network, x, states, products, mask, backwards)
        return sum((jnp.cos(s) * (k + 1)).sum() for k, s in enumerate(last)) + (jnp.sin(outputs).sum() if sequences else 0.0)

    return loss


@pytest.mark.parametrize("masked", [False, True], ids=["plain", "masked"])
@pytest.mark.parametrize("name", NETWORKS)
def test_values_and_gradients(name, masked):
    network, gates, products, count = NETWORKS[name]
    mask = np.array([[1, 1], [0, 1], [1, 0]], bool) if masked else None
    arguments = draw(STEPS, BATCH, gates * UNITS), tuple(draw(BATCH, UNITS) for _ in range(count)), products
    actual, expected = (
        jax.jit(jax.value_and_grad(loss_of(run, network, mask, backwards=masked), (0, 1, 2)))(*arguments)
        for run in (recur, loop)
    )
    assert_close(actual, expected, rtol=1e-5)


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_segments_are_one_recurrence(name, backwards, monkeypatch):
    network, gates, products, count = NETWORKS[name]
    mask = np.array([[1, 1], [0, 1], [1, 0]], bool)
    arguments = draw(STEPS, BATCH, 4), tuple(draw(BATCH, UNITS) for _ in range(count)), (products, draw(4, gates * UNITS))
    seen = []

    def in_segments(network, x, states, weights, mask, backwards):
        def projected(x):
            seen.append(len(x))
            return project(x, weights[1])

        return recur(network, x, states, weights[0], mask, backwards, project=projected)

    def at_once(network, x, states, weights, mask, backwards):
        return loop(network, project(x, weights[1]), states, weights[0], mask, backwards)

    monkeypatch.setattr(recurrent, "_segments", lambda steps, states, products: 2)
    actual, expected = (
        jax.jit(jax.value_and_grad(loss_of(run, network, mask, backwards), (0, 1, 2)))(*arguments)
        for run in (in_segments, at_once)
    )
    assert_close(actual, expected, rtol=1e-5)
    assert sorted(seen) == [1, 2]


@pytest.mark.parametrize("units, steps, segments", [(8, 80, 1), (128, 80, 5), (512, 80, 5), (512, 15, 1), (512, 16, 2)])
def test_segments_are_long_and_few(units, steps, segments):
    states, products = (jnp.zeros((32, units)),), [Product(jnp.zeros((units, 4 * units)))]
    assert recurrent._segments(steps, states, products) == segments


def test_last_state_alone_and_unrolled():
    network, gates, products, _ = NETWORKS["gru"]
    x, states = draw(STEPS, BATCH, gates * UNITS), (draw(BATCH, UNITS),)

    def unrolled(network, x, states, products, mask, backwards):
        return recur(network, x, states, products, mask, backwards, unroll=True, sequences=False)

    assert unrolled(network, x, states, products, None, False)[0] is None
    actual = jax.jit(jax.grad(loss_of(unrolled, network, None, False, sequences=False)))(x, states, products)
    expected = jax.jit(jax.grad(loss_of(loop, network, None, False, sequences=False)))(x, states, products)
    assert_close(actual, expected, rtol=1e-5)


def test_second_order_and_vmap():
    network, gates, products, _ = NETWORKS["lstm"]
    states = draw(BATCH, UNITS), draw(BATCH, UNITS)
    xs = draw(2, STEPS, BATCH, gates * UNITS)

    def squared_gradient(run):
        loss = loss_of(run, network, None, False)
        inner = jax.grad(loss, (0, 2))
        return jax.grad(lambda x: sum((g**2).sum() for g in jax.tree.leaves(inner(x, states, products))))

    actual = jax.jit(jax.vmap(squared_gradient(recur)))(xs)
    expected = jax.jit(jax.vmap(squared_gradient(loop)))(xs)
    assert_close(actual, expected, rtol=1e-4)


def test_project_with_a_mask_for_each_gate():
    x, kernel, bias, masks = draw(STEPS, BATCH, 4), draw(4, 6), draw(6), (draw(BATCH, 4), draw(BATCH, 4))
    expected = np.concatenate([(x * m) @ k for m, k in zip(masks, np.split(kernel, 2, 1), strict=True)], -1) + bias
    assert_close(project(x, kernel, bias, masks), expected, rtol=1e-5)
    assert_close(project(x, kernel, None, masks[:1]), (x * masks[0]) @ kernel, rtol=1e-5)


@pytest.mark.parametrize("masked", [False, True], ids=["plain", "masked"])
@pytest.mark.parametrize("name", ["lstm", "gru-before-dropout"])
def test_forward_mode(name, masked):
    network, gates, products, count = NETWORKS[name]
    mask = np.array([[1, 1], [0, 1], [1, 0]], bool) if masked else None
    arguments = draw(STEPS, BATCH, gates * UNITS), tuple(draw(BATCH, UNITS) for _ in range(count)), products
    tangents = jax.tree.map(lambda a: draw(*a.shape), arguments)
    actual, expected = (
        jax.jit(lambda *args, run=run: jax.jvp(lambda *a: run(network, *a, mask, masked), *args))(arguments, tangents)
        for run in (recur, loop)
    )
    assert_close(actual, expected, rtol=1e-5)


def test_modes_agree_and_compose():
    network, gates, products, _ = NETWORKS["gru"]
    x, states = draw(STEPS, BATCH, gates * UNITS), (draw(BATCH, UNITS),)

    def outputs(kernel):
        return recur(network, x, states, [products[0]._replace(kernel=kernel)])[0]

    kernel = products[0].kernel
    forward, backward = (jax.jit(mode(outputs))(kernel) for mode in (jax.jacfwd, jax.jacrev))
    assert_close(forward, backward, rtol=1e-5)

    def loss(scale):
        return (outputs(kernel * scale) ** 2).sum()

    def slow(scale):
        return (loop(network, x, states, [products[0]._replace(kernel=kernel * scale)], None, False)[0] ** 2).sum()

    scale = jnp.ones(())
    for second in (lambda f: jax.jacfwd(jax.grad(f)), lambda f: jax.grad(jax.jacfwd(f))):
        assert_close(jax.jit(second(loss))(scale), jax.jit(second(slow))(scale), rtol=1e-4)


def carries(loop):
    """The shapes that a scan carries: those of its results that have no axis of steps."""
    body = loop.params["jaxpr"]
    inside = getattr(body, "jaxpr", body).outvars
    return [v.aval.shape for v, step in zip(loop.outvars, inside, strict=True) if v.aval.shape == step.aval.shape]


def test_only_one_product_makes_the_gradient_of_the_weights():
    """The loop of the backward pass carries states alone, no sum as large as the weights."""
    network, gates, products, _ = NETWORKS["lstm"]
    x, states = draw(STEPS, BATCH, gates * UNITS), (draw(BATCH, UNITS), draw(BATCH, UNITS))
    gradient = jax.grad(loss_of(recur, network, None, False), (0, 2))
    loops = [e for e in jax.make_jaxpr(gradient)(x, states, products).eqns if e.primitive.name == "scan"]
    assert len(loops) == 2
    carried = [shape for loop in loops for shape in carries(loop)]
    assert set(carried) == {(BATCH, UNITS)}
