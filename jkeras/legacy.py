"""`keras.legacy`: parts of older releases that Keras 3 keeps, the old form of configs (`legacy.saving`)."""

from jkeras.serialization.namespace import namespace
from jkeras.utils import legacy as saving

__all__ = ["saving"]

__getattr__, __dir__ = namespace(__name__, __all__)
