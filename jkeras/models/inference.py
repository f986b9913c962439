"""The symbolic outputs of a model that is called inside of another one. They are computed once for each kind of inputs,
layer by layer.

If a nested model were traced again at each call, the time would double with each level of models that call the level
below twice.
"""

from collections.abc import Callable
from typing import Any

from jkeras.core import symbolic
from jkeras.core.symbolic import KerasTensor
from jkeras.layers.base import Layer


def infer_call(operation: Any, *args: Any, **kwargs: Any) -> Any:
    """The symbolic outputs of a layer or an operation. No call is recorded."""
    return operation._infer(args, kwargs) if isinstance(operation, Layer) else symbolic.infer(operation, args, kwargs)


def infer_again(
    known: dict[tuple, Any], own: list[KerasTensor], outputs: Any, given: list[KerasTensor], compute: Callable
) -> Any:
    """The outputs of a model for other symbolic inputs than its own.

    Args:
        known: what was found before, by kind of inputs; this is added to.
        own: the model's symbolic inputs.
        outputs: what it makes of them.
        given: the inputs of this call, fitted to `own`.
        compute: runs the layers on them.
    """
    kind = tuple(map(symbolic.kind, given))
    if kind == tuple(map(symbolic.kind, own)):
        found = outputs
    else:
        found = known[kind] if kind in known else known.setdefault(kind, compute(given))
    return symbolic.map_structure(symbolic.without_history, found)


def fit(tensor: Any, own: KerasTensor) -> KerasTensor | None:
    """A symbolic tensor as a model takes it for its input `own`: in that dtype, and of the sizes that either of them knows.

    Returns:
        None if it does not fit.
    """
    if not isinstance(tensor, KerasTensor):
        return None
    shape, wanted = tensor.shape, own.shape
    if len(shape) == len(wanted) + 1 and shape[-1] == 1:
        shape = shape[:-1]
    elif len(shape) == len(wanted) - 1 and wanted[-1] == 1:
        shape = (*shape, 1)
    if len(shape) != len(wanted) or any(None not in (s, w) and s != w for s, w in zip(shape[1:], wanted[1:], strict=True)):
        return None
    fitted = KerasTensor([w if s is None else s for s, w in zip(shape, wanted, strict=True)], own.dtype, name=tensor.name)
    fitted.mask = tensor.mask
    return fitted


__all__ = ["fit", "infer_again", "infer_call"]
