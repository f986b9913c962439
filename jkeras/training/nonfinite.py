"""Find the place where numbers stopped being finite: run one batch again, op by op, from the state before its step."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core import tree
from jkeras.core.observing import observing
from jkeras.training.step import make_loss


def explain(model: Any, batch: tuple) -> str:
    """A sentence that says what is not finite: the data, the weights, the first layer's outputs, the loss, or gradients.

    Args:
        model: a compiled model, in the state before the step.
        batch: `(x, y, sample_weight)`.
    """
    for name, part in zip(("x", "y", "sample_weight"), batch, strict=True):
        for value in jax.tree.leaves(part):
            rows = np.flatnonzero(~np.isfinite(_floats(value)).reshape(len(value), -1).all(1))
            if rows.size:
                return f"The data is not finite: {name} has {_counts(value)} in {_rows(rows)} of the batch."
    plan = model._compiled.plan
    ts = plan.read()
    for path, value in tree.flatten(ts.params).items():
        if _counts(value):
            return f"The weight {tree.show(path)!r} has {_counts(value)} before the step."
    found: list[str] = []

    def look(layer: Any, outputs: Any) -> None:
        for value in jax.tree.leaves(outputs):
            if not found and not isinstance(value, jax.core.Tracer) and _counts(value):
                kind = type(layer).__name__
                found.append(
                    f"The first layer whose output is not finite is {layer.name!r} ({kind}): its output of shape {value.shape} "
                    f"has {_counts(value)}."
                )

    loss_of = make_loss(model, plan.slots)
    try:
        with observing(look):
            loss, _ = loss_of(ts, batch, True)
    except Exception as error:  # a step of the user's own may do without call() and compute_loss()
        return found[0] if found else f"The batch could not be replayed through call() and compute_loss(): {error}"
    if found:
        return found[0]
    if not bool(jnp.isfinite(loss).all()):
        return f"The outputs of all layers are finite, and the loss of them is {loss}."
    grads = jax.grad(lambda params: loss_of(ts._replace(params=params), batch, True)[0])(ts.params)
    bad = [f"{tree.show(path)!r} ({_counts(value)})" for path, value in tree.flatten(grads).items() if _counts(value)]
    start = f"The outputs of all layers and the loss, {float(loss):.6g}, are finite"
    if bad:
        return f"{start}. These weights have a gradient that is not: {', '.join(bad)}."
    return f"{start}, and so are the gradients: the optimizer's step is too large, or its state overflows."


def _floats(value: Any) -> np.ndarray:
    """The numbers for NumPy, which does not know all of JAX's dtypes."""
    value = np.asarray(value)
    return value if value.dtype.kind in "biufc" else value.astype("float32")


def _counts(value: Any) -> str:
    """`"3 NaN and 1 infinite numbers"`; empty if there are none.

    >>> _counts(np.array([1.0, np.nan, np.inf]))
    '1 NaN and 1 infinite of 3 numbers'
    """
    numbers = _floats(value)
    nans, infinite = int(np.isnan(numbers).sum()), int(np.isinf(numbers).sum())
    parts = [f"{nans} NaN"] * (nans > 0) + [f"{infinite} infinite"] * (infinite > 0)
    return f"{' and '.join(parts)} of {numbers.size} numbers" if parts else ""


def _rows(rows: np.ndarray) -> str:
    shown = ", ".join(map(str, rows[:5]))
    return f"row{'s' * (len(rows) > 1)} {shown}{', ...' * (len(rows) > 5)}"
