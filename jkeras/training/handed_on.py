"""The arguments that a model's own `compute_loss` or `compute_metrics` passes to the built-in method.

An override may call `super().compute_loss` with other targets and outputs than those of the model, for example a list
of one output. The losses are made for the arguments of that call.
"""

from typing import Any

import jax

from jkeras.core.frame import Frame
from jkeras.training.custom import is_custom


class Arrived(Exception):
    """Ends a trial call: what it was for is known."""

    def __init__(self, *values: Any):
        super().__init__("a trial call")
        self.values = values


def handed_on(model: Any, compiled: Any, method: str, spec: Any, y_pred: Any) -> tuple[Any, Any]:
    """Specs of the targets and outputs that reach the built-in method.

    Args:
        model: the trainer.
        compiled: its state, whose `on_arrival` the built-in methods call.
        method: `"compute_loss"` or `"compute_metrics"`.
        spec: `(x, y, sample_weight)` of a batch.
        y_pred: of the outputs.

    Returns:
        `(y, y_pred)`, those of the model where it has no method of its own, or where that cannot be tried.
    """
    x, y, sample_weight = spec
    if not is_custom(model, method):
        return y, y_pred

    def call(x: Any, y: Any, y_pred: Any, sample_weight: Any) -> None:
        with Frame(abstract=True, training=True):
            if method == "compute_loss":
                model._compute_loss(x, y, y_pred, sample_weight, True)
            else:
                model.compute_metrics(x, y, y_pred, sample_weight)

    compiled.on_arrival = _arrive
    try:
        jax.eval_shape(call, x, y, y_pred, sample_weight)
    except Arrived as arrived:
        return arrived.values  # type: ignore[return-value]
    except Exception:
        pass  # the real call will say what is wrong
    finally:
        compiled.on_arrival = None
    return y, y_pred


def _arrive(y: Any, y_pred: Any) -> None:
    raise Arrived(*jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), (y, y_pred)))
