"""Sparse arrays (`jax.experimental.sparse.BCOO`) in operations: the rules that keep results sparse.

Three kinds of operations keep an array sparse:

- *elementwise*: functions of one array that are 0 at 0. They run on the entries that are stored.
- *union*: of two sparse arrays; an entry is stored where one of the two stores it.
- the operations that JAX has rules for (`sparsify`): products, sums along axes, reshaping.

Everything else is computed on the dense arrays. On symbolic tensors the same tables say whether the result is sparse.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

ELEMENTWISE = frozenset(
    (
        *("abs", "absolute", "arcsin", "arcsinh", "arctan", "arctanh", "cast", "cbrt", "ceil", "conj", "conjugate", "copy"),
        *("deg2rad", "expm1", "floor", "imag", "log1p", "negative", "rad2deg", "real", "relu", "relu6", "round", "sign"),
        *("sin", "sinh", "soft_shrink", "hard_shrink", "softsign", "sqrt", "square", "tan", "tanh", "tanh_shrink", "trunc"),
    )
)
UNION = frozenset(("add", "maximum", "minimum", "subtract"))
PRODUCTS = frozenset(("multiply",))
QUOTIENTS = frozenset(("divide", "true_divide"))
ALL = frozenset(("concatenate", "matmul"))  # sparse where all arguments are
ARRANGING = frozenset(("digitize", "expand_dims", "mean", "reshape", "squeeze", "sum", "transpose"))


def is_sparse(x: Any) -> bool:
    """Return True if `x` is one of JAX's sparse arrays."""
    return type(x).__module__.startswith("jax.experimental.sparse")


def stays_sparse(name: str, flags: Sequence[bool]) -> bool:
    """Return True if the result of an operation is sparse.

    Args:
        name: the operation's.
        flags: whether each of its arrays is sparse.

    >>> stays_sparse("multiply", [True, False]), stays_sparse("add", [True, False])
    (True, False)
    """
    if name in ELEMENTWISE or name in ARRANGING:
        return flags[0]
    if name in UNION or name in ALL:
        return all(flags)
    if name in PRODUCTS:
        return any(flags)
    return name in QUOTIENTS and list(flags) == [True, False]


def call_on_sparse(function: Callable, args: list, kwargs: dict) -> Any:
    """Call an operation whose arguments have sparse arrays among them.

    Args:
        function: the operation as a function of dense arrays.
        args, kwargs: its arguments.
    """
    leaves, structure = jax.tree.flatten(args, is_leaf=is_sparse)
    places = [i for i, x in enumerate(leaves) if isinstance(x, jax.Array) or is_sparse(x)]
    arrays = [leaves[i] for i in places]

    def call(*arrays: Any) -> Any:
        filled = leaves[:]
        for i, array in zip(places, arrays, strict=True):
            filled[i] = array
        return function(*jax.tree.unflatten(structure, filled), **kwargs)

    name, flags = function.__name__, [is_sparse(x) for x in arrays]
    if name == "bincount" and is_sparse(args[0]):
        weights = arrays[1] if len(arrays) > 1 else kwargs.get("weights")
        return _count_stored(arrays[0], weights, kwargs.get("minlength", args[2] if len(args) > 2 else 0))
    if name in ELEMENTWISE and flags[0]:
        return _on_entries(call, arrays[0], *arrays[1:])
    if (
        name == "digitize"
        and flags == [True, False]
        and not _is_traced(arrays[1])
        and not int(call(jnp.zeros(()), arrays[1]))
    ):
        return _on_entries(call, *arrays)
    if name in UNION and flags == [True, True] and arrays[0].shape == arrays[1].shape:
        return _on_union(call, *arrays)
    if name in QUOTIENTS and flags == [True, False]:
        return _quotient(call, *arrays)
    if name in UNION or name in QUOTIENTS or (name == "concatenate" and not all(flags)):
        return call(*map(_dense, arrays))
    from jax.experimental.sparse import sparsify  # imported already by whoever made the array

    try:
        return sparsify(call)(*arrays)
    except (NotImplementedError, TypeError):  # no rule, or a size that depends on values
        return call(*map(_dense, arrays))


def _dense(x: Any) -> jax.Array:
    return x.todense() if is_sparse(x) else x


def _is_traced(x: Any) -> bool:
    return isinstance(x, jax.core.Tracer)


def _with(x: Any, data: Any) -> Any:
    """A sparse array with other values at the same positions."""
    from jax.experimental.sparse import BCOO

    return BCOO((data, x.indices), shape=x.shape, indices_sorted=x.indices_sorted, unique_indices=x.unique_indices)


def _unique(x: Any) -> Any:
    """The same array with each position stored once, so that a function may be applied to the entries."""
    return x if x.unique_indices else x.sum_duplicates(nse=x.nse, remove_zeros=False)


def _on_entries(call: Callable, x: Any, *others: Any) -> Any:
    x = _unique(x)
    return _with(x, call(x.data, *others))


def _on_union(call: Callable, x: Any, y: Any) -> Any:
    """A function of two sparse arrays, on the positions that one of them stores."""
    from jax.experimental.sparse import BCOO, bcoo_update_layout

    rows = min(x.n_dense, y.n_dense)  # leave whole slices together where both do
    x, y = (bcoo_update_layout(_unique(a), n_batch=0, n_dense=rows, on_inefficient=None) for a in (x, y))
    indices = jnp.concatenate([x.indices, y.indices])

    def spread(data: Any) -> Any:
        nse = x.nse + y.nse if _is_traced(indices) else None  # a compiled program cannot count the positions
        return BCOO((data, indices), shape=x.shape).sum_duplicates(nse=nse, remove_zeros=False)

    left = spread(jnp.concatenate([x.data, jnp.zeros_like(y.data, x.dtype)]))
    right = spread(jnp.concatenate([jnp.zeros_like(x.data, y.dtype), y.data]))
    return _with(left, call(left.data, right.data))


def _count_stored(x: Any, weights: Any, minlength: int) -> Any:
    """`bincount` of the entries that are stored, which are of an array with one or two axes; sparse."""
    from jax.experimental.sparse import BCOO, bcoo_update_layout

    if weights is not None and not is_sparse(weights):
        raise ValueError("bincount() of a sparse array takes sparse weights with the same entries, got a dense array.")
    x, *others = (bcoo_update_layout(a, n_batch=0, n_dense=0, on_inefficient=None) for a in (x, weights) if a is not None)
    if others and (x.indices.shape != others[0].indices.shape or not bool(jnp.all(x.indices == others[0].indices))):
        raise ValueError(
            "bincount() of a sparse array takes sparse weights with the same entries, but other ones are stored."
        )
    stored = jnp.all(x.indices < jnp.asarray(x.shape), axis=1)  # what lies outside of the shape is padding
    length = max(int(jnp.max(jnp.where(stored, x.data, 0), initial=-1)) + 1, minlength)
    places = jnp.concatenate([x.indices[:, :-1], x.data[:, None].astype(x.indices.dtype)], axis=1)
    amounts = others[0].data if others else jnp.ones(x.nse, "int32")
    counts = BCOO((jnp.where(stored, amounts, 0), places), shape=(*x.shape[:-1], length))
    return counts.sum_duplicates(remove_zeros=False)


def _quotient(call: Callable, x: Any, y: jax.Array) -> Any:
    """A sparse array through a dense one. Where that is 0 or NaN, the entries that are not stored become NaN."""
    from jax.experimental.sparse import BCOO, bcoo_extract

    if not _is_traced(y) and bool(jnp.any((y == 0) | jnp.isnan(y))):
        return BCOO.fromdense(call(x.todense(), y), n_batch=x.n_batch, n_dense=x.n_dense)
    x = _unique(x)
    return _with(x, call(x.data, bcoo_extract(x, jnp.broadcast_to(y, x.shape)).data))
