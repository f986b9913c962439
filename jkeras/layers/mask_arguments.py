"""Pass masks to the call of a layer, and read the masks of its outputs."""

import warnings
from typing import Any

import jax

from jkeras.core import symbolic
from jkeras.core.frame import Frame
from jkeras.layers.signatures import CallSpec, holds_tensors


def pass_masks(frame: Frame, spec: CallSpec, args: tuple, kwargs: dict) -> Any:
    """Fill in `mask` (or `query_mask`, ...) arguments from the masks that travel; returns the first input's."""
    tensors = [(k, v) for k, v in spec.named(args, kwargs).items() if holds_tensors(v) and not k.endswith("mask")]
    for i, (name, value) in enumerate(tensors):
        argument = f"{name}_mask"
        if len(tensors) == 1 or (i == 0 and argument not in spec.names):
            argument = "mask"  # of the first input, whatever else is given (an RNN's initial_state)
        if argument in spec.names and kwargs.get(argument) is None and argument not in spec.positional[: len(args)]:
            kwargs[argument] = symbolic.map_structure(frame.get_mask, value)
    if kwargs.get("mask") is not None:
        return kwargs["mask"]
    return symbolic.map_structure(frame.get_mask, tensors[0][1]) if tensors else None


def carry_mask(layer: Any, frame: Frame, inputs: Any, mask: Any, outputs: Any, own: bool) -> None:
    """Let the outputs of a call carry masks, as the layer says.

    Args:
        layer: the layer.
        frame: of the call.
        inputs: the first input.
        mask: its mask.
        outputs: of the call.
        own: whether the layer's class has a `compute_mask` of its own.
    """
    masked = mask is not None and any(m is not None for m in symbolic.leaves(mask))
    if not masked and not (layer.supports_masking and own):
        return
    if not layer.supports_masking:
        warnings.warn(
            f"Layer {layer.name!r} ({type(layer).__name__}) got a masked input, but does not support masks: layers after "
            "it will not see the mask. If its output keeps the time axis, set `self.supports_masking = True` in "
            "__init__, or override compute_mask().",
            stacklevel=3,
        )
        return
    flat = jax.tree.leaves(outputs)
    masks = layer.compute_mask(inputs, mask)
    if masks is None:
        return
    masks = masks if isinstance(masks, (list, tuple)) else [masks]
    for output, output_mask in zip(flat, masks, strict=False):
        if output_mask is not None and frame.get_mask(output) is None:
            frame.set_mask(output, output_mask)
