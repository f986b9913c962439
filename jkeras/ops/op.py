"""How a function of arrays becomes an operation: the one mechanism behind all of `jkeras.ops`.

`op(f)` works on arrays, on `Variable`s (it reads them) and on symbolic tensors (it records the call, and
`jax.eval_shape` says what comes out). The function itself is plain jnp.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from jkeras.core import symbolic
from jkeras.core.variable import Variable

F = TypeVar("F", bound=Callable)


def op(function: F) -> F:
    """Let a function of arrays accept variables and symbolic tensors too.

    >>> import jax.numpy as jnp
    >>> from jkeras.core.symbolic import KerasTensor
    >>> double = op(lambda x: x + x)
    >>> double(KerasTensor((None, 3))).shape, double(jnp.ones(2)).tolist()
    ((None, 3), [2.0, 2.0])
    """

    @functools.wraps(function)
    def operation(*args: Any, **kwargs: Any) -> Any:
        if symbolic.is_symbolic(args, kwargs):
            return symbolic.call(operation, args, kwargs)
        return function(*map(_read, args), **{name: _read(value) for name, value in kwargs.items()})

    return operation  # type: ignore[return-value]


def _read(x: Any) -> Any:
    if isinstance(x, Variable):
        return x.value
    if type(x) in (list, tuple) and any(isinstance(item, Variable) for item in x):
        return type(x)(map(_read, x))
    return x
