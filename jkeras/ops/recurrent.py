"""Recurrences over time: the LSTM, the GRU and the simple RNN, and the loop and the derivative that they share.

A step of such a network is elementwise mathematics between matrix products with the previous state:

    p_k = (l_k(x, s, p_1 .. p_{k-1}) * m_k) @ W_k + b_k         the products; most networks have one, of all gates
    s'  = f(x, s, p)                                            the next state; its first array is the output

where `x` is the projected input, computed for all steps at once before the loop, and `m_k` are masks for dropout. Networks
differ only in `l_k` and `f`.

Differentiating the loop as it stands would add `l_k^T dp_k` to the gradient of `W_k` at every step, a sum as large as the
weights, and linearize `l_k` and `f` a step at a time. Here the derivative is written as another loop, linear in

    dp_k = (dl_k * m_k) @ W_k + r_k,    r_k = d((l_k * m_k) @ W_k + b_k) by W_k, m_k and b_k alone
    ds'  = f'(dx, ds, dp)

where `r_k` is one product over all steps, computed before the loop; so is the linearization. That is forward mode. JAX
transposes it. The result in reverse mode is a loop that carries the gradient of the state alone, stacks `dp_k`, and one product
over all steps after it. It is ordinary JAX code, so it can be differentiated again, in either mode. (LSTM, batch 32, 80 steps, 128
units, in a loop: forward 5.0 ms of CPU time, with the gradient 17.8, of which 11.1 are the products.)

On a CPU a loop runs on one core. So a long recurrence is run in segments. While the loop of one segment runs, the other cores
compute the parts of other segments that are outside of loops: the inputs of later ones and, in reverse mode, the gradients of
the weights. A training step
of that LSTM behind an embedding takes 0.85 of the time.

Weights are Keras's: the gates of an LSTM stand in the order i, f, c, o and those of a GRU in the order z, r, h.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jkeras.ops.products import rows_times
from jkeras.ops.ranks import add, multiply
from jkeras.runtime.compiler_options import target

SEGMENT = 3 * 10**7  # multiplications in the loop of a segment
SEGMENTS = 5  # at most: 8 take 0.99 of the time of 5, and each takes its time to compile

__all__ = ["Network", "Product", "gru", "lstm", "project", "recur", "simple_rnn", "step", "unrolling"]

States = tuple[jax.Array, ...]
Gates = tuple[jax.Array, ...]  # one array (batch, units) for each gate


class Network(NamedTuple):
    """The elementwise mathematics of a step, where `x` and `p` are tuples with one array for each gate."""

    lefts: tuple[Callable, ...]  # l_k(x, states, gates so far) -> what the k-th product multiplies, (batch, units)
    gates: tuple[int, ...]  # how many gates each product makes
    next: Callable  # f(x, states, gates) -> states
    additive: bool = False  # whether x is only ever added to the products: then `l_k` and `f` get None and the sums


class Product(NamedTuple):
    """The arrays of one product of a step."""

    kernel: jax.Array  # (units, n)
    bias: jax.Array | None = None  # (n,)
    dropout: jax.Array | None = None  # (batch, units): the same mask at every step


def simple_rnn(activation: Callable) -> Network:
    """Return the simple recurrent network, `h' = activation(x + p)` (Elman 1990)."""
    return Network((_hidden,), (1,), lambda x, s, p: (activation(p[0]),), additive=True)


def lstm(activation: Callable, recurrent_activation: Callable, products: int = 1) -> Network:
    """Return the long short-term memory (Hochreiter and Schmidhuber 1997) with the forget gate of Gers et al. 2000.

    Args:
        activation: of the candidate and of the memory; tanh in the papers.
        recurrent_activation: of the gates; the sigmoid in the papers.
        products: 1 for one product of all gates, or 4 for one of each.

    States are the output `h` and the memory `c`.
    """

    def after(x: None, s: States, p: Gates) -> States:
        i, f, g, o = p
        c = recurrent_activation(f) * s[1] + recurrent_activation(i) * activation(g)
        return recurrent_activation(o) * activation(c), c

    return Network((_hidden,) * products, (4 // products,) * products, after, additive=True)


def gru(activation: Callable, recurrent_activation: Callable, reset_after: bool = True, products: int = 1) -> Network:
    """Return the gated recurrent unit (Cho et al. 2014, arXiv:1406.1078).

    Args:
        activation: of the candidate.
        recurrent_activation: of the gates.
        reset_after: whether the reset gate multiplies the candidate's product (as in cuDNN) or what goes into it.
        products: 1 for as few products as possible (two if the gate comes before one), or 3 for one of each gate.
    """

    def after(x: Gates, s: States, p: Gates) -> States:
        z = recurrent_activation(x[0] + p[0])
        candidate = activation(x[2] + (recurrent_activation(x[1] + p[1]) * p[2] if reset_after else p[2]))
        return (z * s[0] + (1 - z) * candidate,)

    def reset(x: Gates, s: States, p: Gates) -> jax.Array:
        return recurrent_activation(x[1] + p[1]) * s[0]

    if reset_after:
        return Network((_hidden,) * products, (3 // products,) * products, after)
    gates = (2, 1) if products == 1 else (1, 1, 1)
    return Network((*(_hidden,) * (len(gates) - 1), reset), gates, after)


def _hidden(x: Gates | None, s: States, p: Gates) -> jax.Array:
    return s[0]


def project(inputs: jax.Array, kernel: jax.Array, bias: jax.Array | None = None, dropout: Sequence = ()) -> jax.Array:
    """Compute `(inputs * mask) @ kernel + bias`, with one mask for all gates, or one for each gate.

    Args:
        inputs: (..., batch, features).
        kernel: (features, gates * units).
        dropout: no masks, one, or as many as there are gates, each of shape (batch, features).
    """
    if len(dropout) <= 1:
        projected = rows_times(multiply(inputs, dropout[0]) if dropout else inputs, kernel)
    else:
        parts = zip(dropout, jnp.split(kernel, len(dropout), -1), strict=True)
        projected = jnp.concatenate([rows_times(multiply(inputs, m), k) for m, k in parts], -1)
    return projected if bias is None else add(projected, bias)


def step(network: Network, x: jax.Array, states: States, products: Sequence[Product]) -> States:
    """Compute one step of a network.

    >>> network, kernel = simple_rnn(jnp.tanh), jnp.zeros((2, 2))
    >>> step(network, jnp.zeros((1, 2)), (jnp.ones((1, 2)),), [Product(kernel)])[0].tolist()
    [[0.0, 0.0]]
    """
    return _advance(network, _split(x, sum(network.gates)), states, products)[0]


def recur(
    network: Network,
    x: jax.Array,
    states: States,
    products: Sequence[Product],
    mask: jax.Array | None = None,
    go_backwards: bool = False,
    unroll: bool = False,
    sequences: bool = True,
    project: Callable = lambda x: x,
) -> tuple[jax.Array | None, States]:
    """Run a network over time.

    Args:
        network: what to run.
        x: the inputs, (steps, batch, ...).
        states: at the start, each (batch, units).
        products: the arrays of each product.
        mask: (steps, batch), bool; where it is False the states stay what they were. Not differentiated.
        go_backwards: whether to start at the end.
        unroll: whether the loop is written out, which takes long to compile.
        sequences: whether the outputs of all steps are wanted.
        project: makes the projected inputs, (steps, batch, n), of any steps of `x`.

    Returns:
        outputs: the first state after each step, (steps, batch, units), in the order in which they were computed;
            None if not wanted.
        states: after the last step.

    >>> network, kernel = simple_rnn(jnp.tanh), jnp.eye(2)
    >>> outputs, (last,) = recur(network, jnp.ones((3, 1, 2)), (jnp.zeros((1, 2)),), [Product(kernel)])
    >>> outputs.shape, bool((outputs[-1] == last).all())
    ((3, 1, 2), True)
    """
    count = 1 if unroll else _segments(x.shape[0], states, products)
    bounds = [x.shape[0] * i // count for i in range(count + 1)]
    parts = [slice(lo, hi) for lo, hi in zip(bounds, bounds[1:])] if count > 1 else [slice(None)]
    outputs: list = []
    for part in reversed(parts) if go_backwards else parts:
        of_mask = None if mask is None else mask[part]
        of_part, states = _recur(network, project(x[part]), states, products, of_mask, go_backwards, unroll, sequences)
        outputs.append(of_part)
    return (outputs[0] if count == 1 else jnp.concatenate(outputs) if sequences else None), states


def unrolling(x: jax.Array, unroll: bool) -> int:
    """Return the number of steps of a `lax.scan` over `x` that are unrolled: all if wanted, unless their number is not
    known yet.
    """
    return x.shape[0] if unroll and isinstance(x.shape[0], int) else 1


def _segments(steps: int, states: States, products: Sequence[Product]) -> int:
    """The number of segments in which a recurrence is run."""
    batch = states[0].shape[0]
    if target() != "cpu" or not isinstance(steps, int) or not isinstance(batch, int):
        return 1  # a program for any number of steps or rows is one loop
    multiplications = steps * batch * sum(product.kernel.size for product in products)
    return max(1, min(SEGMENTS, steps // 8, multiplications // SEGMENT))


def _recur(
    network: Network,
    x: jax.Array,
    states: States,
    products: Sequence[Product],
    mask: jax.Array | None,
    go_backwards: bool,
    unroll: bool,
    sequences: bool,
) -> tuple[jax.Array | None, States]:
    """`recur` in one segment, of projected inputs."""
    if mask is not None:
        mask = mask.astype(bool)[..., None]
    count = sum(network.gates)

    def scan(body: Callable, carry: States, inputs: tuple) -> tuple:
        return lax.scan(body, carry, inputs, reverse=go_backwards, unroll=unrolling(x, unroll))

    def forward(x: jax.Array, states: States, products: list[Product], mask: jax.Array | None, keep: Callable) -> tuple:
        def body(s: States, inputs: tuple) -> tuple:
            x_t, mask_t = inputs
            new, rows = _advance(network, x_t, s, products)
            new = _hold(mask_t, new, s)
            return new, keep(new, rows)

        # Each gate's inputs in an array of their own: XLA:CPU does not vectorize a step that reads one slice of a longer
        # array at several places (101 us a step of an LSTM of 128 units, batch 32, and 58 like this; 43 is the product).
        return scan(body, states, (_split(x, count), mask))

    @jax.custom_jvp
    def run(x: jax.Array, states: States, products: list[Product], mask: jax.Array | None) -> tuple:
        states, outputs = forward(x, states, products, mask, lambda new, rows: new[0] if sequences else None)
        return outputs, states

    @run.defjvp
    def run_and_derivative(primals: tuple, tangents: tuple) -> tuple:
        (x, states, products, mask), (dx, ds, d_products, _) = primals, tangents
        # States after each step are stacked and shifted below, not those before, which are copied as they are overwritten:
        # an LSTM's step is then eight kernels, and up to eight XLA:CPU runs in order on one thread (5.65 ms; ten took 5.83).
        last, (after, rows) = forward(x, states, products, mask, lambda new, rows: (new, rows))
        before = tuple(_shift(start, each, go_backwards) for start, each in zip(states, after, strict=True))

        # Everything that does not depend on the states' derivatives is done here, for all steps at once.
        seen, added = _given(network, _split(x, count))
        p: Gates = ()
        linear_lefts, r = [], []
        for k, (row, product, d_product) in enumerate(zip(rows, products, d_products, strict=True)):
            value, linear = _linearized(network.lefts[k], seen, before, p)
            linear_lefts.append(linear)
            r.append(jax.jvp(lambda q, value=value: _multiply(value, q), (product,), (d_product,))[1])
            p = (*p, *_gates(network, k, row, added))
        linear_next = _linearized(network.next, seen, before, p)[1]
        if network.additive:
            r, dx = [a + b for a, b in zip(r, _by_product(network, dx), strict=True)], None

        def body(ds: States, inputs: tuple) -> tuple:
            r, dx, lefts, after, mask_t = inputs
            dx = None if dx is None else _split(dx, count)
            dp: Gates = ()
            for k, product in enumerate(products):
                row = _multiply(lefts[k](dx, ds, dp), product._replace(bias=None)) + r[k]
                dp = (*dp, *_split(row, network.gates[k]))
            ds = _hold(mask_t, after(dx, ds, dp), ds)
            return ds, ds[0] if sequences else None

        ds, d_outputs = scan(body, ds, (r, dx, linear_lefts, linear_next, mask))
        return (after[0] if sequences else None, last), (d_outputs, ds)

    outputs, states = run(x, tuple(states), list(products), mask)
    return (jnp.flip(outputs, 0) if go_backwards and sequences else outputs), states


def _linearized(function: Callable, *args: Any) -> tuple:
    """The values of an elementwise function at all steps, and its linear maps, stacked."""
    return jax.vmap(lambda *args: jax.linearize(function, *args))(*args)


def _shift(start: jax.Array, after: jax.Array, backwards: bool) -> jax.Array:
    """A state before each step, from that after each step."""
    return jnp.concatenate([after[1:], start[None]] if backwards else [start[None], after[:-1]])


def _advance(network: Network, x: Gates, s: States, products: Sequence[Product]) -> tuple[States, list[jax.Array]]:
    """The states after a step, and the products."""
    seen, added = _given(network, x)
    p: Gates = ()
    rows = []
    for k, product in enumerate(products):
        rows.append(_multiply(network.lefts[k](seen, s, p), product))
        p = (*p, *_gates(network, k, rows[k], added))
    return network.next(seen, s, p), rows


def _given(network: Network, x: Gates) -> tuple[Gates | None, Gates | None]:
    """Return the parts of `x` that `l_k` and `f` use, and the part that is added to the gates."""
    return (None, x) if network.additive else (x, None)


def _gates(network: Network, k: int, row: jax.Array, added: Gates | None) -> Gates:
    """The gates that the k-th product makes."""
    gates, first = _split(row, network.gates[k]), sum(network.gates[:k])
    return gates if added is None else tuple(added[first + j] + gate for j, gate in enumerate(gates))


def _by_product(network: Network, array: jax.Array) -> list[jax.Array]:
    """The parts of an array of all gates that belong to each product."""
    units = array.shape[-1] // sum(network.gates)
    return jnp.split(array, [units * sum(network.gates[:k]) for k in range(1, len(network.gates))], -1)


def _split(array: jax.Array, count: int) -> Gates:
    return tuple(jnp.split(array, count, -1))


def _hold(mask: jax.Array | None, new: States, old: States) -> States:
    return new if mask is None else tuple(jnp.where(mask, n, o) for n, o in zip(new, old, strict=True))


def _multiply(left: jax.Array, product: Product) -> jax.Array:
    """`(left * m) @ W + b`, for one step or all of them."""
    left = left if product.dropout is None else multiply(left, product.dropout)
    rows = rows_times(left, product.kernel)
    return rows if product.bias is None else add(rows, product.bias)
