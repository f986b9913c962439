"""Optimizers: `keras.optimizers`."""

from typing import Any

from jkeras.core.registry import Shortcuts
from jkeras.optimizers.base import Optimizer
from jkeras.optimizers.optimizers import SGD, Adam, RMSprop
from jkeras.optimizers.stateful import OptimizerState
from jkeras.optimizers.wrap import is_transformation, wrap

_classes = {cls.__name__: cls for cls in (SGD, RMSprop, Adam)}
_table = Shortcuts("optimizer", "keras.optimizers", {**_classes, **{k.lower(): v for k, v in _classes.items()}})


def get(identifier: Any) -> Any:
    """An optimizer from its name in any case, a config, an optax transformation, an instance or None.

    Raises:
        ValueError: the name is unknown, or the identifier is none of these.

    >>> get("Adam"), get(None)
    (<Adam name=..., learning_rate=0.0010000000474974513>, None)
    """
    if isinstance(identifier, Optimizer) or identifier is None:
        return identifier
    if is_transformation(identifier):
        return wrap(identifier)
    if isinstance(identifier, str) and identifier.lower() in _table.names:
        identifier = identifier.lower()
    if isinstance(identifier, dict) and str(identifier.get("class_name")).lower() in _table.names:
        identifier = {**identifier, "class_name": identifier["class_name"].lower()}
    optimizer = _table.get(identifier)
    if not isinstance(optimizer, Optimizer):
        raise ValueError(
            f"Could not interpret optimizer: {identifier!r}. Pass a name such as 'adam', an instance of an Optimizer, or an "
            "optax transformation."
        )
    return optimizer


__all__ = ["SGD", "Adam", "Optimizer", "OptimizerState", "RMSprop", "get", "wrap"]
