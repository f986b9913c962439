"""The floating-point operations of a model's call, by XLA's cost analysis."""

from collections.abc import Callable, Iterator
from typing import Any

import jax

from jkeras.core import symbolic


def flops_per_sample(model: Any) -> int:
    """The floating-point operations of the call at inference for one sample; a multiplication and an addition are two.

    XLA counts the operations of the program before it optimizes it. It counts the body of a loop once, so the bodies of loops over
    time are counted here as often as they run.

    Args:
        model: a model that is built, with inputs of known shapes but for the batch.

    Raises:
        ValueError: the model is not built, its inputs are not known, or a dimension besides the batch is not.

    >>> import jkeras
    >>> flops_per_sample(jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(4)]))  # 3 * 4 * 2, and 4 for the bias
    28
    """
    if model.host_stage is not None:
        raise ValueError(f"{model.name!r} begins with layers that run on the host, whose operations cannot be counted.")
    inputs = getattr(model, "inputs", None) if model.built else None
    if not inputs:
        raise ValueError(
            f"The operations of {model.name!r} cannot be counted before its inputs are known: give it an Input, or call it on data."
        )
    if any(None in tensor.shape[1:] for tensor in symbolic.leaves(inputs)):
        shapes = [tensor.shape for tensor in symbolic.leaves(inputs)]
        raise ValueError(
            f"The number of operations of {model.name!r} depends on sizes that are not known: its inputs have the shapes {shapes}. "
            "Make a model whose Input has no None after the batch."
        )
    rows = max(tensor.shape[0] or 1 for tensor in symbolic.leaves(inputs))
    specs = symbolic.map_structure(lambda t: jax.ShapeDtypeStruct((t.shape[0] or 1, *t.shape[1:]), t.dtype), model.input)
    call = lambda variables, x: model.apply(variables, x, training=False)[0]  # noqa: E731
    return round(flops(call, model.snapshot(), specs) / rows)


def flops(function: Callable, *args: Any) -> float:
    """The floating-point operations of a function for some arguments, arrays or specs of them; loops of unknown length count once.

    >>> import jax.numpy as jnp
    >>> loop = lambda x: jax.lax.fori_loop(0, 10, lambda i, x: x * 2.0, x)
    >>> flops(loop, jnp.ones(3)) >= 30
    True
    """
    return _count(jax.make_jaxpr(function)(*args))


def _count(closed: Any) -> float:
    from jax.extend.core import jaxpr_as_fun  # here, because jax.extend takes 20 ms to import

    specs = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in closed.jaxpr.invars]
    cost = jax.jit(jaxpr_as_fun(closed)).lower(*specs).cost_analysis() or {}
    total = max(0.0, float(cost.get("flops", 0.0)))
    for loop in _scans(closed.jaxpr):
        total += (loop.params["length"] - 1) * _count(loop.params["jaxpr"])
    return total


def _scans(jaxpr: Any) -> Iterator[Any]:
    """The loops of known length in a program, but not those within them."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "scan":
            yield equation
            continue
        for value in jax.tree.leaves(list(equation.params.values())):
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from _scans(inner)
