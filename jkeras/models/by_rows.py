"""Find out if a model's outputs for a row depend on that row alone. Then rows may be added to a batch and dropped
afterwards.

This is known for graphs of the library's own layers that do not mix entries along the first axis and change no state during
prediction. A user's own code is not analysed; such a model gets its batches unchanged.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from jkeras.core import symbolic
from jkeras.core.symbolic import KerasTensor, Node
from jkeras.layers.base import Layer
from jkeras.layers.core import Lambda
from jkeras.layers.einsum_dense import EinsumDense
from jkeras.layers.sequence_wrappers import TimeDistributed
from jkeras.training.custom import is_custom

OWN = ("jkeras.layers.", "jkeras.models.sequential", "jkeras.models.functional")
AXES = ("axis", "axes", "attention_axes")
FUNCTIONS = ("activation", "recurrent_activation")
ELEMENTWISE = {
    *("abs", "absolute", "add", "cos", "cast", "divide", "elu", "exp"),
    *("gelu", "log", "log1p", "logical_not", "maximum", "minimum", "multiply", "negative"),
    *("power", "relu", "round", "sigmoid", "sign", "silu", "sin", "softplus"),
    *("sqrt", "square", "subtract", "tanh", "true_divide"),
}


def works_by_rows(model: Any) -> bool:
    """True if a model is a graph of layers that are known to work row by row at inference.

    >>> import jkeras
    >>> layers = [jkeras.Input((3,)), jkeras.layers.Dense(2)]
    >>> works_by_rows(jkeras.Sequential(layers))
    True
    >>> works_by_rows(jkeras.Sequential([*layers, jkeras.layers.Lambda(lambda x: x - x.mean(0))]))
    False
    """
    layers = [module for module in model.modules() if isinstance(module, Layer)]
    return all(map(_is_known, layers)) and all(_is_by_rows(m) for m in layers if hasattr(m, "predict_step"))


def _is_by_rows(model: Any) -> bool:
    """True if the graph of a model passes whole rows from layer to layer."""
    nodes = graph_of(model)
    tensors = [*(model.inputs or ()), *(t for node in nodes for t in symbolic.leaves(node.outputs))]
    rows = all(isinstance(t, KerasTensor) and len(t.shape) > 1 and t.shape[0] is None for t in tensors)
    return bool(nodes) and rows and not is_custom(model, "predict_step") and all(map(_passes_rows, nodes))


def graph_of(model: Any) -> list[Node]:
    """The recorded calls of a model; none if it is not a graph, or not built yet."""
    if hasattr(model, "_graph"):
        return list(model._graph)
    return [tensor.origin.node for tensor in getattr(model, "_tensors", ())[1:]]


def _passes_rows(node: Node) -> bool:
    leaves = symbolic.leaves((node.args, node.kwargs))
    if node.kwargs.get("training") or any(np.ndim(x) for x in leaves if not isinstance(x, (KerasTensor, str))):
        return False  # draws random numbers or sees the batch's statistics; or an array with rows of its own
    if isinstance(node.operation, TimeDistributed):
        return all(len(tensor.shape) > 2 for tensor in node.inputs)
    if isinstance(node.operation, Layer):
        return True
    function = node.operation
    return getattr(function, "__module__", "").startswith("jkeras.ops") and function.__name__ in ELEMENTWISE


def _is_known(layer: Layer) -> bool:
    own = vars(layer)
    if not type(layer).__module__.startswith(OWN) or any(name in own for name in ("call", "build", "__call__")):
        return False
    if isinstance(layer, Lambda) or getattr(layer, "stateful", False):
        return False
    if isinstance(layer, TimeDistributed) and any(isinstance(m, TimeDistributed) for m in _below(layer)):
        return False
    if isinstance(layer, EinsumDense) and not _keeps_first(layer.equation):
        return False
    functions = [own[name] for name in FUNCTIONS if own.get(name) is not None]
    axes = [axis for name in AXES if own.get(name) is not None for axis in np.ravel(own[name]).tolist()]
    return all(axis == -1 or axis > 0 for axis in axes) and all(map(_is_own_function, functions))


def _below(layer: Layer) -> Iterable[Any]:
    return (module for module in layer.modules() if module is not layer)


def _is_own_function(function: Any) -> bool:
    module = getattr(function, "__module__", None) or type(function).__module__
    return module.startswith("jkeras.") and "<lambda>" not in getattr(function, "__qualname__", "")


def _keeps_first(equation: str) -> bool:
    """True if the first axis of the inputs is the first of the outputs, and no axis of the kernel.

    >>> _keeps_first("abc,cd->abd"), _keeps_first("ab,ac->bc")
    (True, False)
    """
    inputs, rest = equation.replace(" ", "").split(",")
    kernel, outputs = rest.split("->")
    return inputs[0] == outputs[0] and (inputs[0] == "." or inputs[0] not in kernel)
