"""jkeras: Keras's API on plain JAX."""

import gc

import jkeras.runtime.heap  # noqa: F401 (first, because some of its settings count for threads that start later)

_collecting = gc.isenabled()
gc.disable()
try:
    from jkeras import (
        activations,
        backend,
        callbacks,
        config,
        constraints,
        datasets,
        distillation,
        distribution,
        dtype_policies,
        initializers,
        layers,
        legacy,
        losses,
        metrics,
        mixed_precision,
        models,
        ops,
        optimizers,
        preprocessing,
        quantizers,
        random,
        regularizers,
        saving,
        tree,
        utils,
        visualization,
        wrappers,
    )
    from jkeras.compat.hook import as_keras, install
    from jkeras.core.operation import Operation
    from jkeras.core.policy import DTypePolicy
    from jkeras.core.remat import RematScope, remat
    from jkeras.core.scopes import StatelessScope, SymbolicScope
    from jkeras.core.symbolic import KerasTensor
    from jkeras.core.variable import Variable
    from jkeras.dtype_policies import FloatDTypePolicy
    from jkeras.ensembles import Ensemble, cross_validate, sweep
    from jkeras.initializers import Initializer
    from jkeras.layers import Input, InputSpec, Layer
    from jkeras.losses import Loss
    from jkeras.metrics import Metric
    from jkeras.models import Model, Sequential
    from jkeras.models.function import Function
    from jkeras.optimizers import Optimizer
    from jkeras.quantizers import Quantizer
    from jkeras.regularizers import Regularizer
    from jkeras.serialization.namespace import namespace
    from jkeras.serialization.naming import name_scope
    from jkeras.utils.device import device

    if _collecting and not gc.get_freeze_count():
        # All that was imported counts as old, as it would after a collection, which took 60 ms and freed nothing.
        gc.freeze()
        gc.unfreeze()
finally:
    if _collecting:
        gc.enable()

__version__ = "0.1.0"


def version() -> str:
    """Return the version of jkeras, as text.

    >>> version() == __version__
    True
    """
    return __version__


def load_ipython_extension(shell: object) -> None:
    """Run by `%load_ext jkeras` in a notebook. From then on, `import keras` finds jkeras."""
    install()


__all__ = [
    "DTypePolicy",
    "Ensemble",
    "FloatDTypePolicy",
    "Function",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Operation",
    "Optimizer",
    "Quantizer",
    "Regularizer",
    "RematScope",
    "Sequential",
    "StatelessScope",
    "SymbolicScope",
    "Variable",
    "activations",
    "as_keras",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "cross_validate",
    "datasets",
    "distribution",
    "device",
    "distillation",
    "dtype_policies",
    "initializers",
    "layers",
    "legacy",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "name_scope",
    "ops",
    "optimizers",
    "preprocessing",
    "quantizers",
    "random",
    "regularizers",
    "remat",
    "saving",
    "sweep",
    "tree",
    "utils",
    "version",
    "visualization",
    "wrappers",
]

__getattr__, __dir__ = namespace(__name__, __all__)
