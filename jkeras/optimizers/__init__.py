"""Optimizers: `keras.optimizers`."""

from typing import Any

from jkeras import serialization
from jkeras.optimizers import schedules
from jkeras.optimizers.adam import Adam, Adamax, AdamW, Nadam, ScheduleFreeAdamW
from jkeras.optimizers.adaptive import Adadelta, Adagrad, Ftrl, RMSprop
from jkeras.optimizers.base import Optimizer
from jkeras.optimizers.descent import SGD, Lion
from jkeras.optimizers.from_optax import is_transformation, wrap
from jkeras.optimizers.layerwise import Adafactor, Lamb
from jkeras.optimizers.loss_scale import LossScaleOptimizer
from jkeras.optimizers.multi_optimizer import MultiOptimizer, OptimizerMap
from jkeras.optimizers.muon import Muon
from jkeras.optimizers.pure import OptimizerState
from jkeras.serialization import Shortcuts, deserialize, named
from jkeras.serialization.namespace import namespace

_CLASSES = (
    *(SGD, RMSprop, Adagrad, Adadelta, Adam, AdamW, Adamax, Nadam, Ftrl, Lion, Lamb, Adafactor, Muon, ScheduleFreeAdamW),
    *(LossScaleOptimizer, MultiOptimizer, OptimizerMap, Optimizer),
)
_shortcuts = Shortcuts("optimizer", "keras.optimizers", named(*_CLASSES, spell=str.lower))


def get(identifier: Any) -> Optimizer | None:
    """Return an optimizer from its name in any case, a config, an optax transformation, an instance, a class, or None.

    Args:
        identifier: a name such as `"adam"`, a config, an optax transformation, an `Optimizer`, a class, or None, which stays
            None.

    Raises:
        ValueError: the name is unknown, or the identifier is none of these.

    >>> get("adam").name.startswith("adam"), get(None)
    (True, None)
    >>> get("rmsporp")
    Traceback (most recent call last):
    ...
    ValueError: Unknown optimizer: 'rmsporp'. Did you mean 'rmsprop'?
    """
    if isinstance(identifier, Optimizer) or identifier is None:
        return identifier
    if is_transformation(identifier):
        return wrap(identifier)
    if isinstance(identifier, str) and identifier.lower() in _shortcuts.names:
        identifier = identifier.lower()
    if isinstance(identifier, dict) and str(identifier.get("class_name")).lower() in _shortcuts.names:
        identifier = {**identifier, "class_name": identifier["class_name"].lower()}
    optimizer = _shortcuts.get(identifier)
    if not isinstance(optimizer, Optimizer):
        raise ValueError(
            f"Could not interpret optimizer: {identifier!r}. Pass a name such as 'adam', an instance of an Optimizer, or an "
            "optax transformation."
        )
    return optimizer


def serialize(optimizer: Optimizer) -> dict:
    """Return the optimizer's class and config, in Keras 3's form; `deserialize` makes it again, without its state.

    Args:
        optimizer: the optimizer. Its state is no part of the result.

    >>> serialize(SGD(0.5))["class_name"]
    'SGD'
    """
    return serialization.serialize(optimizer)


__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerMap",
    "OptimizerState",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "schedules",
    "serialize",
    "wrap",
]

__getattr__, __dir__ = namespace(__name__, __all__)
