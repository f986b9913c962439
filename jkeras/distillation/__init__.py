"""Distillation: a small model learns from the outputs of a large one."""

from jkeras.distillation.distiller import Distiller
from jkeras.distillation.losses import DistillationLoss, FeatureDistillation, LogitsDistillation
from jkeras.serialization import publish
from jkeras.serialization.namespace import namespace

__all__ = ["DistillationLoss", "Distiller", "FeatureDistillation", "LogitsDistillation"]

publish("keras.distillation", {name: globals()[name] for name in __all__})

__getattr__, __dir__ = namespace(__name__, __all__)
