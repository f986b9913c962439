"""Branches, loops and maps that run inside a compiled program, and functions with gradients of their own.

The functions given here are traced once. The values that a loop carries must keep their shapes and dtypes from one
iteration to the next.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jkeras.core.variable import as_arrays
from jkeras.ops.family import as_indices
from jkeras.ops.op import Operand, op

__all__ = [
    "associative_scan", "cond", "custom_gradient", "fori_loop", "jvp", "map", "scan", "switch", "vectorize",
    "vectorized_map", "while_loop",
]  # fmt: skip


def _reading(function: Callable) -> Callable:
    """The function, with variables among what it returns replaced by their values."""
    return lambda *args: as_arrays(function(*args))


@op
def cond(pred: Operand, true_fn: Operand, false_fn: Operand):
    """Call one of two functions and return its result. The other does not run.

    Args:
        pred: boolean scalar.
        true_fn, false_fn: functions without arguments that return arrays (or structures of them) of the same shapes.

    >>> float(cond(True, lambda: jnp.ones(()), lambda: jnp.zeros(())))
    1.0
    """
    return jax.lax.cond(pred, _reading(true_fn), _reading(false_fn))


@op
def switch(index: Operand, branches: Operand, *operands: Operand):
    """Call the function at a position of a list and return its result.

    Args:
        index: integer scalar; out of bounds means the first or the last.
        branches: list of functions of `operands` that return arrays of the same shapes.
        operands: their arguments.

    >>> float(switch(1, [lambda x: x, lambda x: 10 * x], 2.0))
    20.0
    """
    return jax.lax.switch(as_indices(index), [_reading(branch) for branch in branches], *as_arrays(operands))


@op
def while_loop(cond, body, loop_vars: Operand, maximum_iterations=None):
    """Repeat a function while a condition holds.

    Args:
        cond: function of the loop variables that returns a boolean scalar.
        body: function of the loop variables that returns the next ones.
        loop_vars: tuple or list of arrays, or a single array, to begin with.
        maximum_iterations: the largest number of iterations. None sets no limit.

    Returns:
        the last loop variables: a tuple, or a single array.

    >>> [int(x) for x in while_loop(lambda i, total: i < 4, lambda i, total: (i + 1, total + i), (0, 0))]
    [4, 6]
    """
    several = isinstance(loop_vars, (tuple, list))
    start = tuple(as_arrays(loop_vars)) if several else (as_arrays(loop_vars),)

    def goes_on(carry):
        turn, values = carry
        going = jnp.asarray(cond(*values))
        return going if maximum_iterations is None else going & (turn < maximum_iterations)

    def next_turn(carry):
        turn, values = carry
        values = as_arrays(body(*values))
        return turn + 1, tuple(values) if several else (values,)

    _, values = jax.lax.while_loop(goes_on, next_turn, (0, start))
    return values if several else values[0]


@op
def fori_loop(lower, upper, body_fun, init_val: Operand):
    """Call a function for each integer of a range, and carry a value.

    Args:
        lower: the first integer.
        upper: the end. It is not included.
        body_fun: function `(i, value) -> value`.
        init_val: the value to begin with, an array or a structure of arrays.

    >>> int(fori_loop(0, 4, lambda i, total: total + i, 0))
    6
    """
    return jax.lax.fori_loop(lower, upper, _reading(body_fun), as_arrays(init_val))


@op
def scan(f: Operand, init: Operand, xs: Operand = None, length=None, reverse=False, unroll=1):
    """Carry a value along the first axis of arrays, and stack the outputs of all steps.

    Args:
        f: function `(carry, x) -> (carry, y)`.
        init: the carry to begin with, an array or a structure of arrays.
        xs: array, or structure of arrays, of shape (length, ...); each `x` is one slice of them.
        length: number of steps, needed if `xs` is None.
        reverse: whether to go from the last slice to the first.
        unroll: how many steps to compile into one turn of the loop; True for all of them.

    Returns:
        (carry, ys): the last carry, and the `y` stacked, of shape (length, ...).

    Raises:
        ValueError: `unroll` is neither a boolean nor a positive integer.

    >>> carry, sums = scan(lambda total, x: (total + x, total + x), 0.0, jnp.array([1.0, 2.0, 3.0]))
    >>> float(carry), sums.tolist()
    (6.0, [1.0, 3.0, 6.0])
    """
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(f"scan() needs a boolean or a positive integer for unroll, got unroll={unroll!r}.")
    return jax.lax.scan(_reading(f), as_arrays(init), as_arrays(xs), length, reverse, unroll)


@op
def associative_scan(f: Operand, elems: Operand, reverse=False, axis=0):
    """Combine slices by an associative function into running results, in logarithmically many parallel steps.

    Args:
        f: function of two slices (or structures of them), such as addition, that may be applied in any grouping.
        elems: array or structure of arrays.
        reverse: whether to go from the last slice to the first.
        axis: the axis to go along.

    Returns:
        arrays of the shapes of `elems`.

    >>> associative_scan(lambda a, b: a + b, jnp.array([1, 2, 3])).tolist()
    [1, 3, 6]
    """
    return jax.lax.associative_scan(_reading(f), as_arrays(elems), reverse, axis)


@op
def map(f: Operand, xs: Operand):
    """Apply a function to each slice along the first axis, one after the other, and stack the results.

    Args:
        f: function of one slice.
        xs: array or structure of arrays of shape (length, ...).

    >>> map(lambda x: x * x, jnp.array([1, 2, 3])).tolist()
    [1, 4, 9]
    """
    return jax.lax.map(_reading(f), as_arrays(xs))


@op
def vectorized_map(function, elements: Operand):
    """Apply a function to each slice along the first axis, all at once, and stack the results.

    Args:
        function: function of one slice (a structure of slices, if `elements` is a structure).
        elements: array or structure of arrays of shape (length, ...).

    >>> vectorized_map(lambda pair: pair[0] * pair[1], (jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0]))).tolist()
    [3.0, 8.0]
    """
    return jax.vmap(_reading(function))(as_arrays(elements))


def vectorize(pyfunc, *, excluded=None, signature=None):
    """Make a function of arrays of any shape, which broadcast, from a function of scalars (or of small arrays).

    Args:
        pyfunc: the function.
        excluded: positions or names of the arguments that are passed on as they are.
        signature: "(n),(n)->()" and the like, when arguments and results are not scalars.

    Raises:
        TypeError: `pyfunc` cannot be called.

    >>> dot = vectorize(lambda a, b: (a * b).sum(), signature="(n),(n)->()")
    >>> dot([[1, 2], [3, 4]], [1, 10]).tolist()
    [21, 43]
    """
    if not callable(pyfunc):
        raise TypeError(f"vectorize() needs a function, got {pyfunc!r}.")
    return op(jnp.vectorize(pyfunc, excluded=frozenset(excluded or ()), signature=signature))


def custom_gradient(f: Operand):
    """Define the gradient of a function; used as a decorator.

    Args:
        f: function of arrays that returns (value, grad), where `grad(upstream)` returns the gradient of each argument,
            given the gradient of the value.

    >>> @custom_gradient
    ... def clipped(x):
    ...     return x, lambda upstream: jnp.clip(upstream, -1.0, 1.0)
    >>> float(jax.grad(lambda x: 5.0 * clipped(x))(2.0))
    1.0
    """
    return op(functools.wraps(f)(jax.custom_gradient(f)))


@op
def jvp(fun: Operand, primals: Operand, tangents: Operand, has_aux=False):
    """Compute the value of a function and its derivative in a direction (forward-mode differentiation).

    Args:
        fun: function of arrays.
        primals: tuple of its arguments.
        tangents: tuple of directions, of the same shapes.
        has_aux: whether `fun` returns (value, something else), and the latter is to be passed on.

    Returns:
        (value, derivative), or (value, derivative, something else).

    >>> [float(x) for x in jvp(lambda x: x * x, (3.0,), (1.0,))]
    [9.0, 6.0]
    """
    return jax.jvp(fun, tuple(as_arrays(primals)), tuple(as_arrays(tangents)), has_aux=has_aux)
