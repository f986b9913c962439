"""Make an operation of a function of arrays. All of `jkeras.ops` is made this way.

`op(f)` works on arrays, on `Variable`s (it reads them) and on symbolic tensors (it records the call, and
`jax.eval_shape` says what comes out). The function itself is plain jnp.
"""

import functools
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from jkeras.core import symbolic
from jkeras.core.variable import Variable
from jkeras.ops.sparse import stays_sparse

F = TypeVar("F", bound=Callable)
# In a config of Keras, arrays are arguments of an operation's call, and all other arguments are settings of the operation. These two
# annotations name the exceptions: an operand that is no array, and a setting that is one.
Operand = Annotated[Any, "operand"]
Setting = Annotated[Any, "setting"]


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
            outputs = symbolic.call(operation, args, kwargs)
            return _mark_sparse(function.__name__, args, outputs)
        return function(*map(_read, args), **{name: _read(value) for name, value in kwargs.items()})

    return operation  # type: ignore[return-value]


def spec_of(operation: Callable) -> Callable[[F], F]:
    """Decorator for the function that says what an operation returns on symbolic tensors, where sizes depend on values.

    The function takes the operation's arguments and returns symbolic tensors without a history, or `NotImplemented` where
    `jax.eval_shape` can tell after all.

    >>> from jkeras.core.symbolic import KerasTensor
    >>> positive = op(lambda x: x[x > 0])
    >>> @spec_of(positive)
    ... def some(x):
    ...     return KerasTensor((None,), x.dtype)
    >>> positive(KerasTensor((4,))).shape
    (None,)
    """

    def register(spec: F) -> F:
        operation.spec = spec  # type: ignore[attr-defined]
        return spec

    return register


def _mark_sparse(name: str, args: tuple, outputs: Any) -> Any:
    """Say of a symbolic output whether it will be sparse."""
    tensors = [x for x in symbolic.leaves(args) if isinstance(x, symbolic.KerasTensor)]
    if any(x.sparse for x in tensors) and isinstance(outputs, symbolic.KerasTensor):
        vars(outputs)["sparse"] = stays_sparse(name, [x.sparse for x in tensors])
    return outputs


def _read(x: Any) -> Any:
    if isinstance(x, Variable):
        return x.value
    if type(x) in (list, tuple) and any(isinstance(item, Variable) for item in x):
        return type(x)(map(_read, x))
    return x
