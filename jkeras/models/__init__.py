"""Models: layers that can be trained."""

from jkeras.core.registry import publish
from jkeras.models.functional import Functional
from jkeras.models.model import Model
from jkeras.models.sequential import Sequential

publish("keras", {"Sequential": Sequential, "Functional": Functional, "Model": Model})

__all__ = ["Functional", "Model", "Sequential"]
