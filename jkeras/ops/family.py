"""Operations that share a signature, written once per signature.

Most of `jkeras.ops` is one call of jnp under Keras's argument names. A *family* is such a call as a function of the
function to be called: its prototype says the signature, documents the arguments, and shows the call. The members are
then one line each: the jnp function, what it computes, and an example, which becomes a doctest.

    @family
    def reduction(function, x: Array, axis=None, keepdims=False):
        '''What all members document.'''
        return function(x, axis=axis, keepdims=keepdims)

    sum = reduction(jnp.sum, "Compute the sum of the entries along axes.", "sum([1, 2, 3]) -> 6")

The annotations have an effect: an argument annotated `Array` may be given as a NumPy array, a number, a nested list
or a variable, and arrives as a JAX array (Python numbers as weakly typed ones, so `x + 1` keeps the dtype of `x`).
`Arrays` is a list or tuple of them.
"""

import functools
import inspect
import itertools
import textwrap
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import jax
import jax.numpy as jnp

from jkeras.core import dtype as dtypes
from jkeras.core.variable import Variable
from jkeras.ops.op import Operand, Setting, op
from jkeras.ops.sparse import call_on_sparse, is_sparse

Array = jax.Array
Arrays = Sequence[jax.Array]
# Positions. Floating-point numbers, as an `Input` has them by default, are cut off to integers.
Indices = Annotated[jax.Array, "positions"]


def as_array(x: Any) -> Any:
    """Convert anything array-like to a JAX array. None stays None.

    >>> as_array([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if x is None or isinstance(x, jax.Array) or is_sparse(x):
        return x
    if isinstance(x, Variable):
        return x.value
    if isinstance(x, (list, tuple)) and any(isinstance(item, Variable) for item in x):
        x = [item.value if isinstance(item, Variable) else item for item in x]
    return jnp.asarray(x)


def as_indices(x: Any) -> Any:
    """Convert anything array-like to a JAX array of integers.

    >>> as_indices([0.0, 2.0]).tolist()
    [0, 2]
    """
    x = as_array(x)
    return x.astype("int32") if jnp.issubdtype(x.dtype, jnp.floating) else x


def _as_arrays(xs: Any) -> Any:
    return as_array(xs) if isinstance(xs, (jax.Array, Variable)) else [as_array(x) for x in xs]


_ARRAYS = (Array, Array | None, Arrays, Indices)
_CONVERSIONS = {Array: as_array, Array | None: as_array, Arrays: _as_arrays, Indices: as_indices, Setting: as_array}


def operands(function: Callable) -> frozenset[str]:
    """Return the names of an operation's arguments that a config of Keras has in the call, not in the operation's settings.

    >>> @array_op
    ... def scaled(x: Array, weights: Setting = None, factor: Operand = 2.0, axis=-1):
    ...     return x * factor
    >>> sorted(operands(scaled))
    ['factor', 'x']
    """
    parameters = inspect.signature(function).parameters.values()
    return frozenset(p.name for p in parameters if p.annotation in (*_ARRAYS, Operand))


def array_op(function: Callable) -> Callable:
    """Make an operation from a function whose array arguments are annotated `Array` or `Arrays`.

    >>> @array_op
    ... def halve(x: Array):
    ...     return x / 2
    >>> halve([2.0, 4.0]).tolist()
    [1.0, 2.0]
    """
    parameters = inspect.signature(function).parameters.values()
    conversions = {p.name: _CONVERSIONS.get(p.annotation) for p in parameters}
    positional = [conversions[p.name] for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    variadic = next((conversions[p.name] for p in parameters if p.kind is p.VAR_POSITIONAL), None)

    @functools.wraps(function)
    def convert(*args: Any, **kwargs: Any) -> Any:
        each = zip(args, itertools.chain(positional, itertools.repeat(variadic)), strict=False)
        values = [x if to is None else to(x) for x, to in each]
        kwargs = {name: to(x) if (to := conversions.get(name)) else x for name, x in kwargs.items()}
        if any(is_sparse(x) or (type(x) is list and any(map(is_sparse, x))) for x in values):
            return call_on_sparse(function, values, kwargs)
        if any(map(is_sparse, kwargs.values())):  # by name: dense, because the rules go by the order of the arguments
            kwargs = {name: x.todense() if is_sparse(x) else x for name, x in kwargs.items()}
        return function(*values, **kwargs)

    return op(convert)


def family(prototype: Callable) -> Callable[..., Callable]:
    """Turn a prototype, whose first argument is the function to call, into a maker of operations.

    The maker takes that function, a line that says what the operation computes, an example, and the operation's name (by
    default that of the function). An example `call -> result` shows the result as nested lists; one that begins with `>>>` is
    shown as it is.

    >>> @family
    ... def twice(function, x: Array):
    ...     '''Arguments of all members.'''
    ...     return function(function(x))
    >>> root = twice(jnp.sqrt, "Compute the fourth root.", "root([16.0]) -> [2.0]", "root")
    >>> root.__name__, float(root(16.0)), inspect.signature(root).parameters.keys() == {"x"}
    ('root', 2.0, True)
    >>> root.__doc__.splitlines()[-2:]
    ['>>> root([16.0]).tolist()', '[2.0]']
    """
    shared = _sections(prototype)
    signature = inspect.signature(prototype)
    signature = signature.replace(parameters=list(signature.parameters.values())[1:])

    def make(function: Callable, summary: str, example: str, name: str | None = None) -> Callable:
        def member(*args: Any, **kwargs: Any) -> Any:
            return prototype(function, *args, **kwargs)

        member.__name__ = member.__qualname__ = name or function.__name__
        member.__module__ = prototype.__module__
        member.__doc__ = f"{summary}\n\n{shared}\n\n{_doctest(example)}"
        member.__signature__ = signature  # type: ignore[attr-defined]
        return array_op(member)

    return make


def _doctest(example: str) -> str:
    """Write `call -> result` as a doctest. A text without an arrow is one already."""
    call, arrow, result = example.partition(" -> ")
    return f">>> {call}.tolist()\n{result}" if arrow else example


def _sections(prototype: Callable) -> str:
    """Return the docstring of a prototype. Cleaning one that is a list of arguments alone removes the list's indentation."""
    text = inspect.cleandoc(prototype.__doc__ or "")
    heading, _, rest = text.partition("\n")
    return f"{heading}\n{textwrap.indent(rest, '    ')}" if heading == "Args:" and not rest.startswith(" ") else text


def floating(x: Array) -> Array:
    """Return `x` itself if it is floating-point or complex, and otherwise `x` in the default float.

    >>> floating(jnp.arange(2)).dtype.name
    'float32'
    """
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(dtypes.canonical(None))
