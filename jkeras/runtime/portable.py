"""The same computation in JAX's own operations alone, for programs that read and translate it.

A primitive of this library's own has a rule for each platform, and `lax.platform_dependent` leaves the choice of a branch to XLA.
A converter to another format knows neither. `portable(function, arguments)` traces the function and runs what was traced anew, with
the replacements in `PORTABLE` and with the branch for any platform.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax

PORTABLE: dict[str, Callable] = {}  # by the name of a primitive: the same in JAX's operations
_INLINED = ("jaxpr", "call_jaxpr", "fun_jaxpr")
_LOOPS = ("scan", "while", "cond")


def portable(function: Callable, arguments: Sequence[Any], replacements: Mapping[str, Callable] = PORTABLE) -> Callable:
    """A function of the same arrays that computes the same.

    Args:
        function: of arrays; it returns a structure of arrays.
        arguments: the shapes and dtypes of its arguments, with symbols, if need be.
        replacements: by the name of a primitive, what takes its place.

    >>> import jax.numpy as jnp
    >>> twice = portable(lambda x: jax.lax.platform_dependent(x, cpu=jnp.negative, default=lambda x: 2 * x), [jnp.float32(0)])
    >>> twice(3.0).item()
    6.0
    """
    traced, outputs = jax.make_jaxpr(function, return_shape=True)(*arguments)

    def computed(*arrays: Any) -> Any:
        return jax.tree.unflatten(jax.tree.structure(outputs), _run(traced, replacements, *arrays))

    return computed


def _run(closed: Any, replacements: Mapping, *arguments: Any) -> list:
    jaxpr = closed.jaxpr
    values: dict[Any, Any] = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*closed.consts, *arguments], strict=True))

    def value_of(atom: Any) -> Any:
        return atom.val if hasattr(atom, "val") else values[atom]

    for equation in jaxpr.eqns:
        given = [value_of(atom) for atom in equation.invars]
        outputs = _apply(equation, given, replacements)
        values |= zip(equation.outvars, outputs, strict=True)
    return [value_of(atom) for atom in jaxpr.outvars]


def _apply(equation: Any, given: list, replacements: Mapping) -> list:
    name, params = equation.primitive.name, equation.params
    if name == "platform_index":
        return [params["platforms"].index(None)]
    if name == "cond" and isinstance(given[0], int):
        return _run(params["branches"][given[0]], replacements, *given[1:])
    if name in replacements:
        return [replacements[name](*given, **params)]
    if name == "scan" and params["reverse"]:  # no converter knows a loop that runs backwards
        first, carried = params["num_consts"] + params["num_carry"], params["num_carry"]
        found = _bind(equation, [*given[:first], *map(_flipped, given[first:])], params | {"reverse": False}, replacements)
        return [*found[:carried], *map(_flipped, found[carried:])]
    if name not in _LOOPS:
        for key in _INLINED:
            if hasattr(params.get(key), "jaxpr"):
                return _run(params[key], replacements, *given)
    return _bind(equation, given, params, replacements)


def _flipped(x: Any) -> Any:
    return jax.lax.rev(x, (0,))


def _bind(equation: Any, given: list, params: dict, replacements: Mapping) -> list:
    outputs = equation.primitive.bind(*given, **{key: _rewritten(value, replacements) for key, value in params.items()})
    return list(outputs) if equation.primitive.multiple_results else [outputs]


def _rewritten(value: Any, replacements: Mapping) -> Any:
    """A parameter of a loop, with its programs rewritten."""
    if isinstance(value, tuple) and value and all(hasattr(part, "jaxpr") for part in value):
        return tuple(_rewritten(part, replacements) for part in value)
    if not (hasattr(value, "jaxpr") and hasattr(value, "consts")):
        return value
    shapes = [jax.ShapeDtypeStruct(aval.shape, aval.dtype, weak_type=aval.weak_type) for aval in value.in_avals]
    return jax.make_jaxpr(lambda *arguments: _run(value, replacements, *arguments))(*shapes)
