"""The layers."""

from jkeras.core.registry import publish
from jkeras.layers.base import Layer
from jkeras.layers.core import Activation, Dense
from jkeras.layers.input_layer import Input, InputLayer
from jkeras.layers.input_spec import InputSpec
from jkeras.layers.regularization import Dropout
from jkeras.layers.reshaping import Flatten

__all__ = ["Activation", "Dense", "Dropout", "Flatten", "Input", "InputLayer", "InputSpec", "Layer"]

publish("keras.layers", {name: globals()[name] for name in __all__})
