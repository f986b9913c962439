"""`model.quantize`: quantize each layer that has a quantized form. For GPTQ and AWQ, data is passed through the model
first.
"""

import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core.undo import all_or_nothing
from jkeras.layers.adaptable import Adaptable
from jkeras.layers.base import Layer
from jkeras.layers.calibrated import Gptq
from jkeras.quantizers.awq import Magnitudes, quantize_by_magnitudes
from jkeras.quantizers.config import CALIBRATED
from jkeras.quantizers.gptq import Moments, quantize_by_moments

STRUCTURE = (
    'a dictionary with keys "pre_block_layers" and "sequential_blocks", whose values are lists of layers: give it as '
    "config.quantization_layer_structure, or let the model's get_quantization_layer_structure(mode) return it"
)


def quantize(model: Any, config: Any, filters: Any = None, type_check: bool = True) -> None:
    """Quantize the layers of a model; see `Model.quantize`."""
    if filters is not None and not (isinstance(filters, (str, list, tuple)) or callable(filters)):
        raise ValueError(
            f"The `filters` argument must be a regex string, a list of regex strings, or a callable. Received: {filters!r}"
        )
    if config.mode in CALIBRATED:
        structure = config.quantization_layer_structure
        structure = model.get_quantization_layer_structure(config.mode) if structure is None else structure
        if structure is None:
            raise ValueError(f"For mode={config.mode!r}, a valid quantization structure must be provided: {STRUCTURE}.")
        _calibrate(model, config, structure, filters, type_check)
        return
    for layer in _leaves(model):
        if is_chosen(layer, filters):
            try:
                layer.quantize(config.mode, type_check=type_check, config=config)
            except NotImplementedError as error:
                if layer._can_quantize:
                    warnings.warn(f"Layer {layer.name!r} stays as it is: {error}", stacklevel=4)


def is_chosen(layer: Layer, filters: Any) -> bool:
    """True if a layer's name is found by a regular expression, or by one of several, or a function says so.

    >>> from types import SimpleNamespace as Named
    >>> is_chosen(Named(name="head"), ["dense", "^he"]), is_chosen(Named(name="head"), "dense")
    (True, False)
    """
    if filters is None:
        return True
    if callable(filters):
        return bool(filters(layer))
    return any(re.search(pattern, layer.name) for pattern in ([filters] if isinstance(filters, str) else filters))


def _leaves(layer: Any) -> list[Any]:
    """The layers that have no layers inside, in the order in which they are reached."""
    return [part for part in layer._flatten_layers() if len(part._flatten_layers()) == 1]


def _calibrate(model: Any, config: Any, structure: dict, filters: Any, type_check: bool) -> None:
    blocks = structure.get("sequential_blocks", [])
    if not blocks:
        raise ValueError(f"No sequential blocks found in the structure to quantize; it should be {STRUCTURE}.")
    flows = _samples(config)
    with all_or_nothing(model, model._flatten_layers(include_self=False)):
        for layer in structure.get("pre_block_layers", []):
            flows = [layer(x) for x in flows]
        for block in blocks:
            layers = [
                x for x in _leaves(block) if isinstance(x, Adaptable) and config.mode in x.modes and is_chosen(x, filters)
            ]
            for layer in layers:
                layer.quantize(config.mode, type_check=type_check, config=config)
            _choose_integers(block, [held.form for x in layers for held in x._held.values()], flows, config)
            flows = [_first(block(x)) for x in flows]  # what the next block sees are the outputs of rounded weights


def _choose_integers(block: Layer, forms: Iterable[Any], flows: list, config: Any) -> None:
    """Show a block the data, and round the weights of its layers by what they were given."""
    seen: dict[Gptq, Any] = {}
    for form in forms:
        seen[form] = (Moments if config.mode == "gptq" else Magnitudes)(form.matrix[0])
        form.watch = seen[form].add
    for x in flows:
        block(x)
    for form, statistics in seen.items():
        form.watch = None
        if not statistics.count:
            form.layer.stay_float()
            warnings.warn(f"Layer {form.layer.name!r} stays as it is: its block did not call it.", stacklevel=5)
            continue
        kernel = np.asarray(form.dense()).reshape(form.matrix)
        others = {}
        if config.mode == "gptq":
            rounded = quantize_by_moments(kernel, statistics.mean(), config)
        else:
            rounded, others["awq_scales"] = quantize_by_magnitudes(kernel, statistics.largest, config)
        values = {"{}_scale": rounded.scale, "{}_zero": rounded.zero, "g_idx": rounded.groups, **others}
        form.calibrate(rounded.integers, **values)


def _first(outputs: Any) -> Any:
    return outputs[0] if isinstance(outputs, (list, tuple)) else outputs


def _samples(config: Any) -> list[jax.Array]:
    """Pieces of the data, each a batch of one sequence of tokens.

    The tokens are put one behind the other, and repeated where there are too few; the pieces begin at equal distances.
    """
    dataset, length = config.dataset, config.sequence_length
    if dataset is None:
        raise ValueError(f"{config.mode.upper()} looks at data: {type(config).__name__}(dataset=..., tokenizer=...).")
    if isinstance(dataset, (str, bytes)) or not hasattr(dataset, "__iter__"):
        raise TypeError(f"`dataset` must be an iterable of texts or of arrays of tokens, got {type(dataset).__name__}.")
    items = list(dataset)
    if not items:
        raise ValueError("The dataset for calibration is empty. Give texts or arrays of tokens: GPTQConfig(dataset=[...]).")
    tokenize: Callable = lambda x: x  # noqa: E731
    if isinstance(items[0], str):
        if config.tokenizer is None:
            raise ValueError(f"The dataset has texts, so {type(config).__name__} needs a tokenizer, too.")
        tokenize = getattr(config.tokenizer, "tokenize", config.tokenizer)
    tokens = np.concatenate([np.asarray(tokenize(item)).reshape(-1) for item in items]).astype("int32")
    needed = config.num_samples * length
    tokens = np.tile(tokens, -(-needed // max(tokens.size, 1))) if tokens.size < needed else tokens
    starts = np.arange(config.num_samples) * max(1, (tokens.size - length + 1) // config.num_samples)
    return [jnp.asarray(tokens[start : start + length])[None] for start in starts]
