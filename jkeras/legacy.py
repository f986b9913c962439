"""`keras.legacy`: what Keras 3 keeps of older releases, the form of configs before it (`legacy.saving`)."""

from jkeras.serialization.namespace import namespace
from jkeras.utils import legacy as saving

__all__ = ["saving"]

__getattr__, __dir__ = namespace(__name__, __all__)
