"""jkeras: Keras's programming model on plain JAX."""

import gc

_collecting = gc.isenabled()
gc.disable()  # what is imported stays: a collection in the middle of it took 60 ms and freed nothing

from jkeras import (
    activations,
    callbacks,
    config,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    random,
    regularizers,
    utils,
)
from jkeras.core.dtype import DTypePolicy
from jkeras.core.symbolic import KerasTensor
from jkeras.core.variable import Variable
from jkeras.layers import Input, InputSpec, Layer
from jkeras.losses import Loss
from jkeras.metrics import Metric
from jkeras.models import Model, Sequential
from jkeras.optimizers import Optimizer

if _collecting:
    gc.enable()

__version__ = "0.1.0"

__all__ = [
    "DTypePolicy",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Sequential",
    "Variable",
    "activations",
    "callbacks",
    "config",
    "constraints",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "random",
    "regularizers",
    "utils",
]
