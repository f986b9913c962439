"""The host stage of a model: layers at its start that work on the host, on texts and dictionaries.

The graph is cut into two parts. The part that leads to host layers (see `jkeras.layers.preprocessing.host`) runs on the
host, batch by batch, in the thread that prepares data. The other part is compiled, and starts from the arrays at the
cut.
"""

from typing import Any

import jax
import numpy as np

from jkeras.core import symbolic
from jkeras.core.symbolic import KerasTensor, Node
from jkeras.data import HostRows, Rows, Source, Staged, StagedRows, as_rows, is_leaf
from jkeras.layers.base import Layer
from jkeras.layers.preprocessing.host import HostLayer, as_array
from jkeras.models.inference import infer_call


def is_on_host(operation: Any) -> bool:
    """True if an operation is a host layer, or a model that has one."""
    if getattr(operation, "on_host", False):
        return True
    return hasattr(operation, "predict_step") and any(map(is_on_host, operation.layers))


class HostStage:
    """The part of a model that runs on the host.

    Args:
        model: how messages name it.
        inputs: the model's symbolic inputs.
        nodes: all calls of the graph, in order.
        outputs: the model's symbolic outputs.

    Attributes:
        host, device: the calls on either side of the cut.
        tensors: the symbolic tensors on the cut.
    """

    def __init__(self, model: Any, inputs: list[KerasTensor], nodes: list[Node], outputs: list[KerasTensor]):
        self.name, self.inputs = model.name, inputs
        wanted: set[int] = set()  # what host calls need
        host: list[Node] = []
        for node in reversed(nodes):
            if is_on_host(node.operation) or any(id(t) in wanted for t in symbolic.leaves(node.outputs)):
                host.insert(0, node)
                wanted |= {id(t) for t in node.inputs}
        on_host = set(map(id, host))
        self.host, self.device = host, [node for node in nodes if id(node) not in on_host]
        made = {id(t) for t in (*inputs, *(t for node in host for t in symbolic.leaves(node.outputs)))}
        used = [t for node in self.device for t in node.inputs] + outputs
        self.tensors = list({id(t): t for t in used if id(t) in made}.values())

    def check_trainable(self) -> None:
        """Refuse to train a model whose weights stand before a host layer, where there is no gradient."""
        for node in self.host:
            if isinstance(node.operation, Layer) and node.operation.trainable_weights:
                last = next(n.operation.name for n in reversed(self.host) if is_on_host(n.operation))
                raise ValueError(
                    f"Model {self.name!r} cannot train layer {node.operation.name!r}, because layer {last!r}, which runs on the "
                    "host, needs its outputs, or is inside of it. Put host layers at the model's start, before all "
                    "layers with weights, and call those layers by themselves, or set trainable=False."
                )

    # -- running ------------------------------------------------------------------------------------------------------

    def run(self, x: Any) -> Staged:
        """Run the host stage on a batch of inputs."""
        return Staged(tuple(self._compute(self.arrays(x))))

    def arrays(self, x: Any) -> list[np.ndarray]:
        """One NumPy array per input, in order, with a last axis of size 1 where the input has one."""
        leaves = jax.tree.leaves(x, is_leaf=lambda v: isinstance(v, Rows) or is_leaf(v))
        if len(leaves) != len(self.inputs):
            raise ValueError(f"Model {self.name!r} has {len(self.inputs)} input(s), but x holds {len(leaves)} array(s).")
        arrays = [as_array(leaf.source if isinstance(leaf, HostRows) else leaf) for leaf in leaves]
        return [self._fit(array, tensor) for array, tensor in zip(arrays, self.inputs, strict=True)]

    def _fit(self, array: np.ndarray, tensor: KerasTensor) -> np.ndarray:
        wanted = tensor.shape
        if array.ndim == len(wanted) + 1 and array.shape[-1] == 1:
            return array[..., 0]
        if array.ndim == len(wanted) - 1 and wanted[-1] == 1:
            return array[..., None]
        if array.ndim != len(wanted) or any(w not in (None, s) for w, s in zip(wanted[1:], array.shape[1:], strict=True)):
            raise ValueError(
                f"Model {self.name!r} expects inputs of shape {wanted}, but x has shape {(None, *array.shape[1:])} (None stands for "
                "the batch)."
            )
        return array

    def _compute(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        values: dict[int, Any] = {id(t): array for t, array in zip(self.inputs, arrays, strict=True)}

        def value(x: Any) -> Any:
            return values[id(x)] if isinstance(x, KerasTensor) else x

        for node in self.host:
            args, kwargs = symbolic.map_structure(value, node.args), symbolic.map_structure(value, node.kwargs)
            operation = node.operation
            made = operation.call(*args) if isinstance(operation, HostLayer) else operation(*args, **kwargs)
            results = [made] if isinstance(made, np.ndarray) else jax.tree.leaves(made)
            for tensor, result in zip(symbolic.leaves(node.outputs), results, strict=True):
                values[id(tensor)] = np.asarray(result)
        return [values[id(tensor)] for tensor in self.tensors]

    # -- data ---------------------------------------------------------------------------------------------------------

    def wrap(self, x: Any) -> tuple:
        """Wrap whole inputs, which are cut into parts or batches later."""
        return tuple(HostRows(array, f"x[{i}]") for i, array in enumerate(self.arrays(x)))

    def rows(self, x: Any) -> Staged | None:
        """Whole inputs as rows that are computed when they are read; None if their shape depends on the batch."""
        arrays = self.arrays(x)
        lengths = {array.shape[0] for array in arrays}
        shapes = self._shapes(arrays)
        if any(None in shape[1:] for shape in shapes):
            return None
        source = Source(arrays, self._compute) if len(lengths) == 1 else None
        if source is None:
            raise ValueError(
                f"All arrays must have the same number of samples (their first dimension), but the inputs of model {self.name!r} "
                f"have {[array.shape[0] for array in arrays]}."
            )
        count, given = lengths.pop(), {id(t): array for t, array in zip(self.inputs, arrays, strict=True)}
        return Staged(
            tuple(
                as_rows(given[id(tensor)], f"x ({tensor.name})")
                if id(tensor) in given
                else StagedRows(source, place, (count, *shape[1:]), tensor.dtype, f"x (after layer {tensor.name!r})")
                for place, (tensor, shape) in enumerate(zip(self.tensors, shapes, strict=True))
            )
        )

    def _shapes(self, arrays: list[np.ndarray]) -> list[tuple]:
        """The shapes on the cut for inputs of these shapes, with None for what varies."""
        known = {id(t): KerasTensor((None, *a.shape[1:]), t.dtype) for t, a in zip(self.inputs, arrays, strict=True)}

        def value(x: Any) -> Any:
            return known[id(x)] if isinstance(x, KerasTensor) else x

        for node in self.host:
            args, kwargs = symbolic.map_structure(value, node.args), symbolic.map_structure(value, node.kwargs)
            made = symbolic.leaves(infer_call(node.operation, *args, **kwargs))
            known |= {id(t): found for t, found in zip(symbolic.leaves(node.outputs), made, strict=True)}
        return [known[id(tensor)].shape for tensor in self.tensors]


class LateStage:
    """The host stage of a stack that is not connected yet: the first inputs that come say what to connect it to."""

    tensors = None

    def __init__(self, model: Any):
        self._model = model

    def check_trainable(self) -> None:
        """Nothing is known yet."""

    def _found(self, x: Any) -> HostStage:
        if not self._model._tensors:
            self._model._connect_to(x)
        return self._model.host_stage

    def run(self, x: Any) -> Staged:
        return self._found(x).run(x)

    def arrays(self, x: Any) -> list[np.ndarray]:
        return self._found(x).arrays(x)

    def wrap(self, x: Any) -> tuple:
        return self._found(x).wrap(x)

    def rows(self, x: Any) -> Staged | None:
        return self._found(x).rows(x)


def stage_of(model: Any, nodes: list[Node]) -> HostStage | None:
    """The host stage of a graph; None if no layer of it runs on the host."""
    if not any(is_on_host(node.operation) for node in nodes):
        return None
    return HostStage(model, model.inputs, nodes, model.outputs)


__all__ = ["HostStage", "LateStage", "is_on_host", "stage_of"]
