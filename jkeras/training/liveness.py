"""How much memory a function's arrays take while it runs, from its trace alone."""

from typing import Any


def peak_bytes(jaxpr: Any) -> int:
    """The most bytes that the results of a program's operations take at one time, each kept until its last use.

    XLA fuses operations and so keeps fewer arrays; this is known without compiling.

    Args:
        jaxpr: of `jax.make_jaxpr`.

    >>> import jax, jax.numpy as jnp
    >>> peak_bytes(jax.make_jaxpr(lambda x: jnp.exp(jnp.sin(x)).sum())(jnp.ones(1000)))
    8000
    """
    jaxpr = getattr(jaxpr, "jaxpr", jaxpr)
    last: dict[Any, int] = {}
    for i, equation in enumerate(jaxpr.eqns):
        last.update((v, i) for v in equation.invars if _is_variable(v))
    last.update((v, len(jaxpr.eqns)) for v in jaxpr.outvars if _is_variable(v))
    kept: dict[Any, int] = {}
    live = peak = 0
    for i, equation in enumerate(jaxpr.eqns):
        made = {v: _nbytes(v) for v in equation.outvars}
        inside = max(map(peak_bytes, _within(equation)), default=0)
        peak = max(peak, live + max(sum(made.values()), inside))
        kept |= made
        live += sum(made.values())
        ended = {v for v in (*equation.invars, *equation.outvars) if _is_variable(v) and last.get(v, i) == i}
        live -= sum(kept.pop(v, 0) for v in ended)
    return peak


def _is_variable(value: Any) -> bool:
    return not hasattr(value, "val")  # as a constant has


def _nbytes(variable: Any) -> int:
    size = getattr(variable.aval, "size", 0)
    return size * variable.aval.dtype.itemsize if isinstance(size, int) else 0


def _within(equation: Any) -> list:
    """The programs that an operation runs, the body of a loop for example."""
    values = [v for value in equation.params.values() for v in (value if isinstance(value, (list, tuple)) else [value])]
    return [v for v in values if hasattr(getattr(v, "jaxpr", v), "eqns")]
