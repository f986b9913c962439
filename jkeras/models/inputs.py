"""Compare the inputs of a call with the inputs that the model was built for, before anything is compiled."""

from typing import Any

from jkeras.core import symbolic
from jkeras.data import ArrayData


def check_inputs(model: Any, data: Any) -> None:
    """Compare a batch's shapes with the inputs that the model was built for."""
    expected = getattr(model, "inputs", None) if model.host_stage is None else model.host_stage.tensors
    if not expected or not isinstance(data, ArrayData):
        return
    given = symbolic.leaves(model._arrange_inputs(data.spec()[0]))
    if len(given) != len(expected):
        raise ValueError(f"Model {model.name!r} has {len(expected)} input(s), but x holds {len(given)} array(s).")
    for tensor, array in zip(expected, given, strict=True):
        if array is None:
            check_optional(model, tensor)
            continue
        fits = len(tensor.shape) == len(array.shape) and all(
            want is None or want == got for want, got in zip(tensor.shape[1:], array.shape[1:], strict=True)
        )
        squeezable = abs(len(tensor.shape) - len(array.shape)) == 1
        if not fits and not squeezable:
            raise ValueError(
                f"Model {model.name!r} expects inputs of shape {tensor.shape}, but x has shape "
                f"{(None, *array.shape[1:])} (None stands for the batch)."
            )
    _check_indices(model, data)


def _check_indices(model: Any, data: ArrayData) -> None:
    """Let embeddings that stand right behind an input look at its numbers."""
    looking = [layer for layer in model.layers if hasattr(type(layer), "check_indices")]
    if not looking or data.on_disk:
        return
    for tensor, array in zip(model.inputs, symbolic.leaves(model._arrange_inputs(data.tree[0])), strict=True):
        for layer in looking:
            if array is not None and any(node.inputs and node.inputs[0] is tensor for node in layer._nodes):
                layer.check_indices(array)


def is_optional(tensor: Any) -> bool:
    """True if a symbolic input may be left out."""
    return isinstance(tensor, symbolic.KerasTensor) and getattr(tensor.origin.operation, "optional", False)


def check_optional(model: Any, tensor: Any) -> None:
    """Refuse None for an input that may not be left out."""
    if not is_optional(tensor):
        raise ValueError(
            f"Model {model.name!r} got None for the input {tensor.name!r}. Give an array, or make the input so that it may be "
            f"left out: Input({tensor.shape[1:]}, name={tensor.name!r}, optional=True)."
        )
