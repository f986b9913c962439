"""Functions that read values which Keras stores in private attributes, for the harness that runs Keras's own tests."""

from jkeras.backend import get_keras_mask, set_keras_mask

__all__ = ["get_keras_mask", "set_keras_mask"]
