"""Accessors by which a harness that runs Keras's own tests reads what Keras keeps in private attributes."""

from jkeras.backend import get_keras_mask, set_keras_mask

__all__ = ["get_keras_mask", "set_keras_mask"]
