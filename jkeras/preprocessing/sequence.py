"""Sequences of different lengths; see `jkeras.utils`."""

from jkeras.serialization.namespace import namespace
from jkeras.utils import pad_sequences

__all__ = ["pad_sequences"]

__getattr__, __dir__ = namespace(__name__, __all__)
