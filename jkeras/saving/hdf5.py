"""Whole models in `name.h5`. Files of Keras 1, 2 and 3 are read; Keras 2 and 3 read the files that are written.

attributes of the root   model_config, training_config (JSON), keras_version, backend
model_weights            the arrays, layer by layer (see `layered`)
optimizer_weights        likewise
"""

import inspect
import json
import warnings
from typing import Any

from jkeras.core.turns import at_one_step
from jkeras.saving.bounds import check_text
from jkeras.saving.keras2_configs import modernize
from jkeras.saving.keras2_writing import NotInKeras2, antiquate
from jkeras.saving.layered import layered_group, read_layers, read_optimizer, read_text, write_layers, write_optimizer
from jkeras.serialization import published, serialize

VERSION = "3.15.1"  # the Keras whose format this is
ENDINGS = (".h5", ".hdf5")


def read_config(file: Any, name: str, largest: int) -> dict | None:
    """The config of the model in a file, in Keras 3's form, with a `compile_config` if it was compiled.

    Args:
        file: an open HDF5 file.
        name: of it, for messages.
        largest: how long the text may be.

    Returns:
        The config; None if the file holds weights alone.

    Raises:
        ValueError: it is no JSON, or describes what cannot be translated.
    """
    text = read_text(file.attrs, "model_config", largest)
    if text is None:
        return None
    version = read_text(file.attrs, "keras_version", 100) or _version_of(file)
    config = _parsed(text, "model_config", name)
    if not isinstance(config, dict) or not {"class_name", "config"} <= set(config):
        raise ValueError(f"The attribute 'model_config' of {name!r} does not describe a model.")
    try:
        found = modernize(config, version)
        training = read_text(file.attrs, "training_config", largest)
        if training is not None:
            found["compile_config"] = _training(_parsed(training, "training_config", name), version)
    except (TypeError, LookupError, AttributeError) as error:
        raise ValueError(
            f"{name!r} describes a model in a form that is not known: {type(error).__name__}: {error}"
        ) from error
    return found


def _version_of(file: Any) -> str:
    group = layered_group(file)
    return (read_text(group.attrs, "keras_version", 100) if group is not None else None) or "1"


def _parsed(text: str, attribute: str, name: str) -> Any:
    check_text(text, attribute, name)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The attribute {attribute!r} of {name!r} is no JSON that can be read: {error}") from error


def read_arrays(model: Any, file: Any, name: str) -> None:
    """Take the weights, and the optimizer's state if the model is compiled."""
    group = layered_group(file)
    if group is None:
        raise ValueError(f"{name!r} has no group 'model_weights' with the names of the layers.")
    read_layers(model, group, name)
    if model.compiled:
        read_optimizer(model, file)


def _training(config: Any, version: str) -> dict:
    """Return the arguments of `compile`, as Keras 3 writes them."""
    optimizer = modernize(config["optimizer_config"], version)
    optimizer["class_name"] = optimizer["class_name"].split(">")[-1]
    optimizer.update(
        module="keras.optimizers", registered_name=None, config=_optimizer(optimizer["class_name"], optimizer["config"])
    )
    metrics = [_metric(modernize(config.get(key), version)) for key in ("metrics", "weighted_metrics")]
    return {
        "optimizer": optimizer,
        "loss": _loss(modernize(config.get("loss"), version)),
        "loss_weights": config.get("loss_weights"),
        "metrics": _flat(metrics[0]),
        "weighted_metrics": _flat(metrics[1]),
    }


def _optimizer(name: str, config: dict) -> dict:
    config = {{"lr": "learning_rate"}.get(key, key): value for key, value in config.items()}
    config["name"] = str(config.get("name", name)).lower()
    decay = config.pop("decay", 0.0)
    if decay and isinstance(config.get("learning_rate"), (int, float)):
        schedule = {"initial_learning_rate": config["learning_rate"], "decay_steps": 1, "decay_rate": decay}
        module = "keras.optimizers.schedules"
        config["learning_rate"] = {
            "module": module,
            "class_name": "InverseTimeDecay",
            "config": schedule,
            "registered_name": None,
        }
    return {key: value for key, value in config.items() if value is not None or key == "weight_decay"}


def _loss(config: Any) -> Any:
    if isinstance(config, list):
        return [_loss(item) for item in config]
    if isinstance(config, dict) and isinstance(config.get("config"), dict):
        left = {
            key: value for key, value in config["config"].items() if (key, value) != ("reduction", "auto") and key != "fn"
        }
        return {**config, "config": left}
    return {key: _loss(value) for key, value in config.items()} if isinstance(config, dict) else config


def _metric(config: Any) -> Any:
    """Keras 2 wraps functions in MeanMetricWrapper; `compile` takes their names."""
    if isinstance(config, list):
        return [_metric(item) for item in config]
    if isinstance(config, dict) and config.get("class_name") in ("MeanMetricWrapper", "SumOverBatchSizeMetricWrapper"):
        function, name = config["config"].get("fn"), str(config["config"].get("name"))
        function = function.get("config") if isinstance(function, dict) else function
        return "accuracy" if name.split("_")[-1] in ("accuracy", "acc") and str(function).endswith("accuracy") else function
    if isinstance(config, dict) and "class_name" not in config:
        return {key: _metric(value) for key, value in config.items()}
    return config


def _flat(metrics: Any) -> Any:
    """The metrics of one output need no list of lists."""
    return metrics[0] if isinstance(metrics, list) and len(metrics) == 1 and isinstance(metrics[0], list) else metrics


# -- writing ----------------------------------------------------------------------------------------------------------


def write_model(model: Any, path: str, include_optimizer: bool) -> None:
    """Write a model to a new file.

    Raises:
        TypeError: something in the model has no config, such as a lambda.

    Warns:
        UserWarning: Keras 2 has no form for something in the model, so that only Keras 3 reads the file.
    """
    import h5py  # 60 ms, which `import jkeras` need not take

    config = serialize(model)
    compiled = config.pop("compile_config", None) if include_optimizer else None
    config = {"class_name": config["class_name"], "config": config["config"]}
    try:
        config = antiquate(config, is_layer=True)
    except NotInKeras2 as reason:
        warnings.warn(
            f"Model {model.name!r} has no form that Keras 2 reads, because of {reason}; Keras 3 reads it.", stacklevel=5
        )
    with h5py.File(path, "x") as file:
        file.attrs["keras_version"], file.attrs["backend"] = VERSION.encode(), b"jax"
        _write_text(file, "model_config", config)
        if compiled:
            optimizer = antiquate(compiled.pop("optimizer"), is_layer=True)
            unused = ("ema_momentum",) if not optimizer["config"].get("use_ema") else ()  # Keras 2 does not know it
            optimizer["config"] = {
                k: v for k, v in optimizer["config"].items() if v not in (None, False) and k not in unused
            }
            training = {key: _compile_argument(value) for key, value in compiled.items()}
            _write_text(file, "training_config", {**training, "optimizer_config": optimizer})
        optimizer = model.optimizer if compiled and model.optimizer.built else None
        with at_one_step([*model.variables, *(optimizer.variables if optimizer else ())]):
            write_layers(model, file.create_group("model_weights"), VERSION)
            if optimizer:
                write_optimizer(model, file)


def _compile_argument(value: Any) -> Any:
    """A loss or a metric; of functions the whole names, for Keras 3 fails at its own short ones."""
    if isinstance(value, str):
        function = published("keras.losses").get(value)
        return getattr(function, "__name__", value) if inspect.isfunction(function) else value
    if isinstance(value, dict) and "class_name" not in value:
        return {key: _compile_argument(item) for key, item in value.items()}
    return [_compile_argument(item) for item in value] if isinstance(value, list) else antiquate(value)


def _write_text(file: Any, name: str, content: Any) -> None:
    """Write JSON to an attribute, which may have any length as a text of variable length."""
    import h5py  # 60 ms, which `import jkeras` need not take

    file.attrs.create(name, json.dumps(content), dtype=h5py.string_dtype())
