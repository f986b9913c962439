"""Configs of Keras 2, as Keras 3 writes them.

    {"class_name": "Dense", "config": {...}}     ->  {"module": "keras.layers", "class_name": "Dense", "config": {...}, ...}
    "batch_input_shape": [None, 3]               ->  an InputLayer's "batch_shape"
    "inbound_nodes": [[["x", 0, 0, {}]]]         ->  [{"args": [tensor], "kwargs": {}}]
    {"class_name": "TFOpLambda", ...}            ->  the operation of that name (`keras2_operations`)

Arguments with another name, default or meaning in Keras 3 are translated, so that the model computes the same as before.
Nothing in a config is run. A config that cannot be translated raises a ValueError.
"""

from collections.abc import Mapping
from typing import Any

from jkeras.saving.keras2_operations import operation_entry
from jkeras.serialization import published

RENAMED = {
    **{"CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU", "BatchNormalizationV1": "BatchNormalization", "ThresholdedReLU": "ReLU"},
    **{"BatchNormalizationV2": "BatchNormalization", "SyncBatchNormalization": "BatchNormalization", "Model": "Functional"},
}
RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
# Options that say nothing about what a layer computes, or only how a backend did it.
_DROPPED = """
    input_length implementation fused virtual_batch_size adjustment query_shape key_shape value_shape
    is_legacy_optimizer softmax_robust_masking jit_compile experimental_run_tf_function sample_weight_mode
    batch_input_shape
"""
DROPPED = frozenset(_DROPPED.split())
KINDS = ("keras.layers", "keras.initializers", "keras.regularizers", "keras.constraints", "keras.optimizers", "keras.losses")
KINDS = (*KINDS, "keras.metrics", "keras.optimizers.schedules", "keras")  # type: ignore[assignment]
DEEPEST = 100  # configs in configs


def modernize(config: Any, version: str, depth: int = 0) -> Any:
    """The config of an object, or a structure of them, in Keras 3's form.

    Args:
        config: as a file of Keras 2, or a `name.h5` of Keras 3, has it.
        version: of the Keras that wrote it.
        depth: how many configs this one is in.

    Raises:
        ValueError: it cannot be translated.

    >>> modernize({"class_name": "LeakyReLU", "config": {"alpha": 0.5}}, "2.2.4")["config"]
    {'negative_slope': 0.5}
    """
    if depth > DEEPEST:
        raise ValueError(f"The config has more than {DEEPEST} configs in each other.")
    if isinstance(config, list):
        return [modernize(item, version, depth + 1) for item in config]
    if not isinstance(config, dict):
        return config
    if "class_name" not in config or "config" not in config:
        return {key: modernize(value, version, depth + 1) for key, value in config.items()}
    name, inner = config["class_name"], config["config"]
    if not isinstance(name, str):
        raise ValueError(f"A config's 'class_name' should be a text, got {name!r}.")
    if name.startswith("__") or name == "function":
        return config
    if name in ("Sequential", "Functional", "Model") or (isinstance(inner, dict) and isinstance(inner.get("layers"), list)):
        inner = _model(name, inner, version, depth)
    elif isinstance(inner, dict):
        inner = {key: modernize(value, version, depth + 1) for key, value in inner.items()}
        inner = _options(name, inner, version)
    return {**_named(name, config), "config": inner}


def _named(name: str, config: dict) -> dict:
    """The entry, without its config: the class as Keras 3 names it."""
    rest = {key: value for key, value in config.items() if key not in ("config", "shared_object_id")}
    if config.get("module") is not None:
        return rest
    registered, plain = (name, name.split(">")[-1]) if ">" in name else (None, RENAMED.get(name, name))
    if plain == "Functional":
        return {**rest, "class_name": plain, "module": "keras.src.models.functional", "registered_name": None}
    module = next((kind for kind in KINDS if plain in published(kind)), None)
    return {**rest, "class_name": plain, "module": module, "registered_name": None if module else registered}


def _options(name: str, config: dict, version: str) -> dict:
    """A layer's (initializer's, ...) options, by today's names and defaults."""
    old = not version.startswith("3")
    found = {k: v for k, v in config.items() if k not in DROPPED or (k == "batch_input_shape" and name == "InputLayer")}
    if "batch_input_shape" in found:
        found["batch_shape"] = found.pop("batch_input_shape")
    if found.get("data_format", 0) is None:
        del found["data_format"]
    if not found.get("time_major", True):
        del found["time_major"]
    if isinstance(found.get("dtype"), dict) and found["dtype"].get("class_name") in ("Policy", "PolicyV1", "AutoCastPolicy"):
        found["dtype"] = found["dtype"]["config"].get("name")
    if old:
        for key in ("activation", "recurrent_activation"):
            if found.get(key) == "hard_sigmoid":
                found[key] = "keras2_hard_sigmoid"  # 0.2 x + 0.5, where Keras 3 has x / 6 + 0.5
    for key in ("max_value", "negative_slope", "threshold", "alpha", "theta"):
        if isinstance(found.get(key), dict):  # a NumPy scalar
            found[key] = found[key].get("value")
    translate = TRANSLATORS.get(name) or (
        _initializer if RENAMED.get(name, name) in published("keras.initializers") else None
    )
    return translate(found) if translate else found


def _initializer(config: dict) -> dict:
    config.pop("dtype", None)
    if "distribution" in config:
        config["distribution"] = {"normal": "truncated_normal"}.get(config["distribution"], config["distribution"])
    return config


def _rename(**names: str) -> Any:
    return lambda config: {names.get(key, key): value for key, value in config.items()}


def _batch_normalization(config: dict) -> dict:
    axis = config.get("axis", -1)
    config["axis"] = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    config.pop("mode", None)  # of Keras 1
    return {
        k: v for k, v in config.items() if k not in ("renorm", "renorm_clipping", "renorm_momentum") or config.get("renorm")
    }


def _gru(config: dict) -> dict:
    return {"reset_after": False, **config}  # files from before there was a choice


def _cudnn_gru(config: dict) -> dict:
    return {**config, "reset_after": True}


def _lambda(config: dict) -> dict:
    function, kind = config.get("function"), config.get("function_type")
    if kind != "function" or not isinstance(function, str):
        raise ValueError(
            f"Layer {config.get('name')!r} is a Lambda whose code stands in the file, which is never run. Make the model in your "
            "program, with a named function, and call load_weights() on it."
        )
    found = {"class_name": "function", "config": function, "module": "builtins", "registered_name": function}
    left = ("function_type", "module", "output_shape_type", "output_shape_module", "output_shape")
    return {**{k: v for k, v in config.items() if k not in left}, "function": found}


def _without(*keys: str) -> Any:
    return lambda config: {key: value for key, value in config.items() if key not in keys}


TRANSLATORS = {
    "LeakyReLU": _rename(alpha="negative_slope"),
    "ThresholdedReLU": _rename(theta="threshold"),
    "BatchNormalization": _batch_normalization,
    "BatchNormalizationV1": _batch_normalization,
    "BatchNormalizationV2": _batch_normalization,
    "SyncBatchNormalization": lambda config: {**_batch_normalization(config), "synchronized": True},
    "GRU": _gru,
    "GRUCell": _gru,
    "CuDNNGRU": _cudnn_gru,
    "Lambda": _lambda,
    "SeparableConv1D": _without("kernel_initializer", "kernel_regularizer", "kernel_constraint", "groups"),
    "SeparableConv2D": _without("kernel_initializer", "kernel_regularizer", "kernel_constraint", "groups"),
    "DepthwiseConv1D": _without("kernel_initializer", "kernel_regularizer", "kernel_constraint", "groups", "filters"),
    "DepthwiseConv2D": _without("kernel_initializer", "kernel_regularizer", "kernel_constraint", "groups", "filters"),
    "Conv1DTranspose": _without("groups"),
    "Conv2DTranspose": _without("groups"),
    "Conv3DTranspose": _without("groups"),
    "Attention": _without("causal"),
    "AdditiveAttention": _without("causal"),
}


# -- models -----------------------------------------------------------------------------------------------------------


def _model(name: str, config: Any, version: str, depth: int) -> dict:
    if isinstance(config, list):  # a Sequential of the first Keras 2
        config = {"layers": config}
    if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        raise ValueError(f"The config of a model should have a list 'layers', got {config!r:.200}.")
    layers = config["layers"]
    for layer in layers:
        if not isinstance(layer, dict) or not isinstance(layer.get("config"), (dict, list)):
            raise ValueError(f"A model's layers should be configs, got {layer!r:.200}.")
    if "input_layers" in config:
        return {**config, **_graph(config, version, depth)}
    first = layers[0]["config"] if layers and isinstance(layers[0]["config"], dict) else {}
    made = [modernize(layer, version, depth + 1) for layer in layers]
    if "batch_input_shape" in first and layers[0]["class_name"] != "InputLayer":
        start = {"batch_shape": first["batch_input_shape"], "dtype": first.get("dtype") or "float32"}
        if not isinstance(start["dtype"], str):
            start["dtype"] = "float32"
        made.insert(0, {"module": "keras.layers", "class_name": "InputLayer", "config": start, "registered_name": None})
    return {**config, "layers": made}


def _graph(config: dict, version: str, depth: int) -> dict:
    """A graph's layers, inputs and outputs; see `models.graph_config` for the form."""
    entries = {str(entry.get("name")): entry for entry in config["layers"]}
    nested = {name for name, entry in entries.items() if isinstance(entry["config"], list) or "layers" in entry["config"]}
    lowest: dict[str, int] = {}  # Keras 2 counts the calls of a model from 1, because it was called when it was made
    ends = [config["input_layers"], config["output_layers"]]
    for part in _references([[entry.get("inbound_nodes") or [] for entry in entries.values()], ends], entries):
        lowest[part[0]] = min(part[1], lowest.get(part[0], part[1]))
    base = {name: lowest.get(name, 0) for name in nested}

    def tensor(reference: list) -> dict:
        history = [reference[0], reference[1] - base.get(reference[0], 0), reference[2]]
        return {"class_name": "__keras_tensor__", "config": {"keras_history": history}}

    def value(item: Any) -> Any:
        if _is_reference(item, entries):
            return tensor(item)
        if isinstance(item, dict):
            return {key: value(x) for key, x in item.items()}
        return [value(x) for x in item] if isinstance(item, list) else item

    def call(entry: dict, node: Any) -> dict:
        if isinstance(node, dict) and {"args", "kwargs"} <= set(node):
            return node
        kwargs: dict = {}

        def inputs(item: Any) -> Any:
            if isinstance(item, list) and item and isinstance(item[0], str) and len(item) in (3, 4):
                kwargs.update(item[3] if len(item) == 4 and isinstance(item[3], dict) else {})
                return item[2] if item[0] == "_CONSTANT_VALUE" else tensor(item)
            if isinstance(item, dict):
                return {key: inputs(x) for key, x in item.items()}
            if not isinstance(item, list):
                raise ValueError(f"The calls of layer {entry.get('name')!r} have no form that is known: {node!r:.200}.")
            return [inputs(x) for x in item]

        first = inputs(node)
        if isinstance(first, list) and len(first) == 1:
            first = first[0]
        if isinstance(first, list) and RENAMED.get(entry["class_name"], entry["class_name"]) in RECURRENT:
            first, kwargs["initial_state"] = first[0], first[1:]
            return {"args": [first], "kwargs": {**value(kwargs), "initial_state": kwargs["initial_state"]}}
        return {"args": [first], "kwargs": value(kwargs)}

    layers = []
    for name, entry in entries.items():
        nodes = [call(entry, node) for node in entry.get("inbound_nodes") or []]
        if entry["class_name"] in ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"):
            layers.append(operation_entry(name, entry, nodes))
        elif version.startswith("3") and "module" not in entry and not {"trainable", "dtype"} & set(entry["config"]):
            is_layer = (
                entry["class_name"] == "InputLayer" or isinstance(entry["config"], list) or "layers" in entry["config"]
            )
            module = {} if is_layer else {"module": "keras.src.ops.numpy", "registered_name": None}
            layers.append(
                {**(modernize(entry, version, depth + 1) if is_layer else entry), **module, "inbound_nodes": nodes}
            )
        else:
            layers.append({**modernize(entry, version, depth + 1), "name": name, "inbound_nodes": nodes})

    def end(structure: Any) -> Any:
        if _is_reference(structure, entries):
            name, call, index = structure
            counts = name in nested and "input_layers" in entries[name]["config"]
            return [name, call - base.get(name, 0) + counts, index]
        if isinstance(structure, dict):
            return {key: end(item) for key, item in structure.items()}
        if isinstance(structure, list):
            return end(structure[0]) if len(structure) == 1 else [end(item) for item in structure]
        raise ValueError(f"A graph's inputs and outputs are addresses [layer, call, output], got {structure!r:.200}.")

    return {"layers": layers, "input_layers": end(ends[0]), "output_layers": end(ends[1])}


def _is_reference(item: Any, entries: Mapping) -> bool:
    plain = isinstance(item, list) and len(item) in (3, 4) and [type(part) for part in item[:3]] == [str, int, int]
    return plain and item[0] in entries


def _references(item: Any, entries: Mapping) -> list[list]:
    """All references in a structure; Keras 3's are dicts, which count calls from 0."""
    found, stack = [], [item]
    while stack:
        part = stack.pop()
        if _is_reference(part, entries):
            found.append(part)
            stack.extend(part[3:])
        elif isinstance(part, dict):
            if "keras_history" in part:
                continue
            stack.extend(part.values())
        elif isinstance(part, list):
            stack.extend(part)
    return found
