"""Configs of Keras 3 in the form of Keras 2, which both read: the other direction of `keras2_configs`.

There is no form that both read for operations (`2 * x`), tensors given by keyword (`attention(q, value=v)`), and models in
graphs. A model with those is written as Keras 3 writes it, and Keras 2 cannot read it.
"""

import inspect
from typing import Any

from jkeras.serialization import get_registered_object, published

# Options that Keras 2 does not have; without them the layer is the same, as far as they are not used
_UNKNOWN = """
    quantization_config optional seed renorm renorm_clipping renorm_momentum synchronized use_gate zero_output_for_mask
    keepdims rms_scaling lora_rank lora_alpha sparse_lookup input_axes output_axes num_key_value_heads
    build_input_shape loss_scale_factor gradient_accumulation_steps
"""
UNKNOWN = frozenset(_UNKNOWN.split())


class NotInKeras2(Exception):
    """The config says something for which Keras 2 has no form."""


def antiquate(config: Any, is_layer: bool = False) -> Any:
    """A config, or a structure of them, as Keras 2 writes it.

    Args:
        config: in Keras 3's form.
        is_layer: whether it is of a model, or of a layer in one; those stand in a file without their module.

    Raises:
        NotInKeras2: it cannot be.

    >>> config = {"module": "keras.layers", "class_name": "ReLU", "config": {"max_value": 6.0}, "registered_name": None}
    >>> antiquate(config, is_layer=True)
    {'class_name': 'ReLU', 'config': {'max_value': 6.0}}
    """
    if isinstance(config, (list, tuple)):
        return [antiquate(item, is_layer) for item in config]
    if not isinstance(config, dict):
        return config
    if "class_name" not in config or "config" not in config:
        return {key: antiquate(value) for key, value in config.items()}
    name, inner = config["class_name"], config["config"]
    if name == "DTypePolicy":
        return inner["name"]
    if name == "function":
        return config.get("registered_name") if config.get("registered_name") != "function" else inner
    if str(config.get("module")).startswith("keras.src.ops"):
        raise NotInKeras2(f"the operation {name!r}")
    if name.startswith("__"):
        raise NotInKeras2(f"a value of the kind {name!r}")
    if "input_layers" in inner:
        inner = {**inner, **_graph(inner)}
    else:
        inner = {
            key: antiquate(value, key == "layers") for key, value in inner.items() if not (key in UNKNOWN and not value)
        }
    if name == "InputLayer":
        inner["batch_input_shape"] = inner.pop("batch_shape")
    registered = config.get("registered_name")
    if not is_layer:
        return {"module": config.get("module"), "class_name": name, "config": inner, "registered_name": registered}
    return {"class_name": registered if registered and ">" in registered else name, "config": inner}


def _graph(config: dict) -> dict:
    """A graph's layers, inputs and outputs."""
    nested = [entry["name"] for entry in config["layers"] if "layers" in entry["config"]]
    if nested:
        raise NotInKeras2(f"the model {nested[0]!r} in it, whose calls Keras 2 counts from 1 and Keras 3 from 0")

    def reference(tensor: Any) -> list:
        return list(tensor["config"]["keras_history"])

    def call(entry: dict, node: dict) -> list:
        signature = _signature(entry)
        extra = dict(zip(list(signature)[1:], node["args"][1:], strict=False))
        if len(node["args"]) < 1 or len(extra) < len(node["args"]) - 1:
            raise NotInKeras2(f"the call of layer {entry['name']!r}")
        kwargs = {key: value for key, value in (node["kwargs"] | extra).items() if value is not None}
        if (
            kwargs.get("training") is False
            and signature.get("training") is False
            and "training" not in node.get("given", ())
        ):
            del kwargs["training"]
        first = node["args"][0]
        tensors = first if isinstance(first, (list, tuple)) else [first]
        if not all(_is_tensor(x) for x in tensors) or _holds_tensors(kwargs):
            raise NotInKeras2(f"the call of layer {entry['name']!r}, with tensors by keyword or in a structure")
        return [[*reference(tensor), antiquate(kwargs)] for tensor in tensors]

    def end(structure: Any) -> list:
        if isinstance(structure, (list, tuple)) and len(structure) == 3 and isinstance(structure[0], str):
            return [list(structure)]
        if not isinstance(structure, (list, tuple)):
            raise NotInKeras2("inputs or outputs in a dict")
        return [part for item in structure for part in end(item)]

    layers = []
    for entry in config["layers"]:
        nodes = [call(entry, node) for node in entry["inbound_nodes"]]
        layers.append({**antiquate(entry, True), "name": entry["name"], "inbound_nodes": nodes})
    return {"layers": layers, "input_layers": end(config["input_layers"]), "output_layers": end(config["output_layers"])}


def _signature(entry: dict) -> dict[str, Any]:
    """The arguments of a layer's call, with their defaults."""
    name = entry["class_name"]
    known = get_registered_object(entry.get("registered_name") or name) or published("keras.layers").get(name)
    if known is None:
        return {"inputs": inspect.Parameter.empty, "training": None, "mask": None}
    return {p.name: p.default for p in list(inspect.signature(known.call).parameters.values())[1:]}


def _is_tensor(value: Any) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _holds_tensors(value: Any) -> bool:
    if isinstance(value, dict):
        return _is_tensor(value) or any(map(_holds_tensors, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_holds_tensors, value))
