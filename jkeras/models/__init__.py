"""Models: layers that can be trained."""

from jkeras.models.cloning import clone_model
from jkeras.models.functional import Functional
from jkeras.models.model import Model, model_from_json
from jkeras.models.sequential import Sequential
from jkeras.saving import load_model, save_model
from jkeras.serialization import named, publish
from jkeras.serialization.namespace import namespace

publish("keras.src.models.functional", named(Functional))
publish("keras", named(Sequential, Model))

__all__ = ["Functional", "Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]

__getattr__, __dir__ = namespace(__name__, __all__)
