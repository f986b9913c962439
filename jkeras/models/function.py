"""`Function`: a callable part of a graph, from symbolic inputs to symbolic outputs, without training."""

from typing import Any

import jax

from jkeras.core import symbolic
from jkeras.core.operation import Operation, named_operations
from jkeras.core.symbolic import KerasTensor
from jkeras.models.functional import order_graph, replay


class Function(Operation):
    """A function from symbolic inputs to symbolic outputs, made from the recorded calls between them.

    Args:
        inputs: a symbolic tensor, or a structure of them. They may lie in the middle of a graph.
        outputs: likewise.
        name: of the function.

    Raises:
        ValueError: there are no inputs or outputs, they are not symbolic, or an output does not depend on the inputs.

    >>> import jkeras, numpy as np
    >>> x = jkeras.Input((3,))
    >>> y = 2 * x
    >>> Function(y, y + 1)(np.ones((1, 3))).tolist()
    [[2.0, 2.0, 2.0]]
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None):
        super().__init__(name=name)
        self._inputs_struct, self._outputs_struct = inputs, outputs
        for what, tensors in (("inputs", self.inputs), ("outputs", self.outputs)):
            if not tensors or not all(isinstance(tensor, KerasTensor) for tensor in tensors):
                raise ValueError(f"{what} of a Function must be symbolic tensors, at least one, got {what}={tensors!r}.")
        for tensor in self.inputs:
            if tensor.history is None:
                symbolic.record(_given, (), {}, tensor, tensor.name)
        for tensor in self.outputs:
            _check_connected(tensor, self.inputs)
        self._graph, self._ordered = order_graph(self.inputs, self.outputs)

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, in a list."""
        return symbolic.leaves(self._inputs_struct)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, in a list."""
        return symbolic.leaves(self._outputs_struct)

    @property
    def operations(self) -> list[Any]:
        """The layers and operations between them, in the order in which they run."""
        return [operation for operation in named_operations(self._ordered) if operation.name != _given.__name__]

    def call(self, inputs: Any) -> Any:
        """Run the recorded calls on arrays, or on other symbolic tensors."""
        return replay(self._graph, dict(zip(map(id, self.inputs), self._match(inputs), strict=True)), self._outputs_struct)

    def symbolic_call(self, inputs: Any) -> Any:
        """Record the calls once more, on other symbolic tensors."""
        return self.call(inputs)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the symbolic outputs, which are part of no graph."""
        return symbolic.infer(self.call, (inputs,))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the outputs for shapes of the inputs."""
        shapes = (
            [tuple(input_shape)] if len(self.inputs) == 1 and not isinstance(input_shape, dict) else _shapes(input_shape)
        )
        tensors = [KerasTensor(shape, x.dtype) for shape, x in zip(shapes, self.inputs, strict=True)]
        arranged = iter(tensors)
        outputs = self.compute_output_spec(symbolic.map_structure(lambda _: next(arranged), self._inputs_struct))
        return symbolic.map_structure(lambda x: x.shape, outputs)

    def get_config(self) -> dict:
        """Raise an error: a Function has no config. A Model with the same inputs and outputs has one.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("A Function has no config: make a jkeras.Model of its inputs and outputs.")

    def _match(self, inputs: Any) -> list:
        """The arrays for the inputs, in order."""
        wanted, given = (jax.tree.structure(s, is_leaf=symbolic.is_leaf) for s in (self._inputs_struct, inputs))
        arrays = symbolic.leaves(inputs)
        if (wanted != given and len(arrays) != 1) or len(arrays) != len(self.inputs):  # type: ignore[operator]
            raise ValueError(f"Function {self.name!r} got an invalid input structure: {given} instead of {wanted}.")
        for array, tensor in zip(arrays, self.inputs, strict=True):
            shape = tuple(array.shape)
            fits = len(shape) == tensor.ndim and all(
                None in (n, m) or n == m for n, m in zip(shape, tensor.shape, strict=True)
            )
            if not fits:
                raise ValueError(f"Function {self.name!r} got incompatible inputs: shape {shape} for {tensor.shape}.")
        return arrays


def _given() -> None:
    """Return the origin of a symbolic tensor that was made by hand."""


def _check_connected(output: KerasTensor, inputs: list[KerasTensor]) -> None:
    known, waiting, seen = {id(x) for x in inputs}, [output], set()
    while waiting:
        x = waiting.pop()
        if id(x) in known or (x.history is not None and id(x.history.node) in seen):
            continue
        if x.history is None or not x.history.node.inputs:
            raise ValueError(
                f"Output {output.name!r} of the Function depends on {x.name!r} (shape {x.shape}), which is not among its inputs."
            )
        seen.add(id(x.history.node))
        waiting.extend(x.history.node.inputs)


def _shapes(structure: Any) -> list[tuple]:
    items = structure.values() if isinstance(structure, dict) else structure
    return [tuple(shape) for shape in items]


__all__ = ["Function"]
