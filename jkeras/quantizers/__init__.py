"""Quantization: convert numbers to small integers or 8-bit floats, and configure the quantization of layers."""

import inspect
from collections.abc import Mapping
from typing import Any

from jkeras import serialization
from jkeras.errors import suggest
from jkeras.quantizers import config
from jkeras.quantizers.base import *  # noqa: F403
from jkeras.quantizers.base import Quantizer
from jkeras.quantizers.config import *  # noqa: F403
from jkeras.quantizers.fake import *  # noqa: F403
from jkeras.quantizers.float8 import *  # noqa: F403
from jkeras.quantizers.int4 import *  # noqa: F403
from jkeras.quantizers.zero_point import *  # noqa: F403
from jkeras.serialization import publish
from jkeras.serialization.namespace import namespace
from jkeras.serialization.naming import snake_case

__all__ = [
    "AbsMaxQuantizer", "Quantizer", "abs_max_quantize", "AWQConfig", "Float8QuantizationConfig", "GPTQConfig",
    "Int4QuantizationConfig", "Int8QuantizationConfig", "QuantizationConfig", "fake_quant_with_min_max_vars",
    "compute_float8_amax_history", "compute_float8_scale", "quantize_and_dequantize", "pack_int4", "unpack_int4",
    "abs_max_quantize_grouped_with_zero_point",
]  # fmt: skip
_CLASSES = {name: globals()[name] for name in __all__ if inspect.isclass(globals()[name])}
publish("keras.quantizers", _CLASSES)


def serialize(initializer: Any) -> Any:
    """Return the class and config of a quantizer, or of a config of quantization, in Keras 3's form.

    Args:
        initializer: the quantizer, under the name that Keras gives the argument.

    >>> import jkeras
    >>> serialize(jkeras.quantizers.AbsMaxQuantizer(axis=0))["config"]["axis"]
    (0,)
    """
    return serialization.serialize(initializer)


def deserialize(config: Any, custom_objects: Mapping | None = None) -> Any:
    """Make a quantizer from the config that `serialize` returned.

    Args:
        config: what `serialize` returned, or a name.
        custom_objects: `{name: class}` that the config may name besides those of the library and the registered ones.

    Raises:
        ValueError: the config names something unknown.

    >>> deserialize(serialize(AbsMaxQuantizer(axis=0))).value_range
    (-127, 127)
    """
    return serialization.deserialize(config, custom_objects)


def get(identifier: Any, **kwargs: Any) -> Any:
    """Return a quantizer from a quantizer, its name, a class, a config, or None.

    Args:
        identifier: the name may be that of the class, or in snake case.
        **kwargs: of the constructor, where one is made.

    Raises:
        ValueError: the name is unknown.

    >>> get("abs_max_quantizer").value_range
    (-127, 127)
    """
    if isinstance(identifier, dict):
        identifier = deserialize(identifier)
    names = {**_CLASSES, **{snake_case(name): kind for name, kind in _CLASSES.items()}}
    if isinstance(identifier, str):
        if identifier not in names:
            raise ValueError(f"Could not interpret quantizer identifier: {identifier!r}.{suggest(identifier, names)}")
        identifier = names[identifier]
    if inspect.isclass(identifier):
        return identifier(**kwargs)
    if identifier is None or isinstance(identifier, (Quantizer, config.QuantizationConfig)) or callable(identifier):
        return identifier
    raise ValueError(
        f"Could not interpret quantizer identifier: {identifier!r}. Pass a name such as 'abs_max_quantizer', a Quantizer, "
        "a config or a function."
    )


__all__ += ["deserialize", "get", "serialize"]

__getattr__, __dir__ = namespace(__name__, __all__)
