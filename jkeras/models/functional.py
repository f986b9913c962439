"""`Functional`: a model made by connecting symbolic tensors.

`Model(inputs, outputs)` walks back from the outputs to the inputs, and remembers the recorded calls in an order in which
they can be run. Calling the model runs them on arrays.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jkeras.core import dtype as dtypes
from jkeras.core import frame as frames
from jkeras.core import symbolic
from jkeras.core.operation import named_operations
from jkeras.core.owner import Owner
from jkeras.core.symbolic import KerasTensor, Node
from jkeras.core.tree import Path
from jkeras.core.variable import Variable
from jkeras.data import Staged
from jkeras.errors import outside, suggest
from jkeras.layers.base import Layer
from jkeras.layers.input_layer import InputLayer
from jkeras.models.graph_config import read_graph, write_graph
from jkeras.models.inference import fit, infer_again, infer_call
from jkeras.models.inputs import check_optional, is_optional
from jkeras.models.model import Model, makes_graphs
from jkeras.models.name_paths import name_paths
from jkeras.models.stage import stage_of


class Functional(Model):
    """A model from symbolic inputs to symbolic outputs. `Model(inputs, outputs)` makes it.

    Args:
        inputs: a symbolic tensor, or a list, tuple or dict of them.
        outputs: likewise.
        name: of the model.

    Raises:
        ValueError: an output does not depend on the inputs, or two layers share a name.

    >>> import jkeras
    >>> x = jkeras.Input((3,))
    >>> model = jkeras.Model(x, jkeras.layers.Dense(2)(x))
    >>> model.output_shape
    (None, 2)
    """

    has_fixed_structure = True
    untraced = ("host_stage",)
    unheld = (*Model.unheld, "_layers", "_operations")

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self._inputs_struct, self._outputs_struct = inputs, outputs
        for what, tensors in (("inputs", self.inputs), ("outputs", self.outputs)):
            for tensor in tensors:
                if not isinstance(tensor, KerasTensor):
                    raise ValueError(
                        f"{what} of a model must be symbolic tensors, made by jkeras.Input() and by calling layers on it, "
                        f"but got {tensor!r}."
                    )
        twice = [tensor.name for i, tensor in enumerate(self.inputs) if any(tensor is x for x in self.inputs[:i])]
        if twice:
            raise ValueError(f"Input {twice[0]!r} is given twice among the model's inputs. Give each input once.")
        self._inferred: dict[tuple, Any] = {}  # outputs by kind of symbolic inputs, see jkeras.models.inference
        self._returned = _without_list(outputs)
        self._graph, self._operations = order_graph(self.inputs, self.outputs)
        self._layers = [operation for operation in self._operations if isinstance(operation, Layer)]
        _check_names(self._layers)
        self.host_stage = stage_of(self, self._graph) if type(self).call is Functional.call else None
        self.built = True

    # -- structure ----------------------------------------------------------------------------------------------------

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, in a list."""
        return symbolic.leaves(self._inputs_struct)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, in a list."""
        return symbolic.leaves(self._outputs_struct)

    @property
    def input(self) -> Any:
        """The symbolic inputs, as the model was given them."""
        return self._inputs_struct

    @property
    def output(self) -> Any:
        """The symbolic outputs, as the model was given them."""
        return self._outputs_struct

    @property
    def input_shape(self) -> Any:
        """The shape of the input, or the list of the inputs' shapes, with None for what varies."""
        return _one_or_all([t.shape for t in self.inputs])

    @property
    def output_shape(self) -> Any:
        """The shape of the output, or the list of the outputs' shapes, with None for what varies."""
        return _one_or_all([t.shape for t in self.outputs])

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [t.name for t in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: those of the layers that make them; with a number where one makes several."""
        names = [t.origin.operation.name if isinstance(t.origin.operation, Layer) else t.name for t in self.outputs]
        return [f"{n}_{names[:i].count(n)}" if names[:i].count(n) else n for i, n in enumerate(names)]

    @property
    def operations(self) -> list[Any]:
        """The layers and operations between inputs and outputs, in the order in which they run."""
        return named_operations(self._operations)

    @property
    def layers(self) -> list[Layer]:
        """The layers, inputs first."""
        return list(self._layers)

    def children(self) -> Iterator[tuple[Path, Owner | Variable]]:
        yield from name_paths(self._layers)
        held = set(map(id, self._layers))
        yield from ((p, c) for p, c in super().children() if id(c) not in held)

    # -- running ------------------------------------------------------------------------------------------------------

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Run the recorded calls on arrays."""
        if isinstance(inputs, Staged):
            made = zip(self.host_stage.tensors, inputs.values, strict=True)
            return replay(self.host_stage.device, {id(t): _as_dtype(array, t) for t, array in made}, self._returned)
        arrays = self._match_inputs(inputs)
        if mask is not None:
            for array, array_mask in zip(arrays, symbolic.leaves(self._arrange_inputs(mask, warn=False)), strict=True):
                if array_mask is not None:
                    frames.set_mask(array, array_mask)
        values = {id(tensor): array for tensor, array in zip(self.inputs, arrays, strict=True)}
        return replay(self._graph, values, self._returned)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return None: the layers have passed the masks on themselves."""
        return None

    def _infer_from_call(self, args: tuple, kwargs: dict) -> Any:
        given = self._fit_symbolic(args, kwargs) if type(self).call is Functional.call else None
        if given is None:
            return super()._infer_from_call(args, kwargs)

        def compute(given: list[KerasTensor]) -> Any:
            values = {id(own): tensor for own, tensor in zip(self.inputs, given, strict=True)}
            return replay(self._graph, values, self._returned, infer_call)

        return infer_again(self._inferred, self.inputs, self._returned, given, compute)

    def _fit_symbolic(self, args: tuple, kwargs: dict) -> list[KerasTensor] | None:
        """One symbolic tensor per input, in order; None for calls whose outputs depend on more, or fail."""
        values = [*args, *(value for name, value in kwargs.items() if name != "training" and value is not None)]
        if len(values) != 1 or (kwargs.get("inputs") is None and not args):
            return None
        given = values[0]
        if isinstance(given, dict):
            keys = self._inputs_struct if isinstance(self._inputs_struct, dict) else self.input_names
            if any(key not in given for key in keys):
                return None
            given = {key: given[key] for key in keys} if keys is self._inputs_struct else [given[key] for key in keys]
        leaves = symbolic.leaves(given)
        if len(leaves) != len(self.inputs):
            return None
        fitted = [fit(tensor, own) for tensor, own in zip(leaves, self.inputs, strict=True)]
        known = [tensor for tensor in fitted if tensor is not None]
        return known if len(known) == len(fitted) else None

    def _match_inputs(self, inputs: Any) -> list[Any]:
        """One array per symbolic input, in order; by name where a dict is given."""
        given = symbolic.leaves(self._arrange_inputs(inputs))
        if len(given) != len(self.inputs):
            raise ValueError(
                f"Model {self.name!r} has {len(self.inputs)} input(s) {self.input_names}, but got {len(given)}."
            )
        return [self._fit(array, tensor) for array, tensor in zip(given, self.inputs, strict=True)]

    def _arrange_inputs(self, x: Any, warn: bool = True) -> Any:
        """Inputs in the structure of the model's own: those of a dict by key, or by the names of the inputs.

        Raises:
            ValueError: an input that is not optional is missing.

        Warns:
            UserWarning: the dict has entries that no input takes.
        """
        if not isinstance(x, dict):
            return x
        by_key = isinstance(self._inputs_struct, dict) and any(key in x for key in self._inputs_struct)
        names = list(self._inputs_struct) if by_key else self.input_names
        tensors = dict(zip(names, self._inputs_struct.values() if by_key else self.inputs, strict=True))
        missing = [name for name, tensor in tensors.items() if name not in x and not is_optional(tensor)]
        if missing:
            raise ValueError(
                f"Model {self.name!r} has inputs {names}, but x lacks {missing}; its keys are {list(x)}."
                f"{suggest(missing[0], [key for key in x if key not in names])}"
            )
        extra = [key for key in x if key not in tensors]
        if extra and warn:
            warnings.warn(
                f"The structure of `inputs` doesn't match the expected structure of model {self.name!r}: it has inputs {names}; x has "
                f"the entries {extra} besides, which are ignored.",
                stacklevel=outside(),
            )
        if by_key:
            return {name: x.get(name) for name in names}
        given = iter([x.get(name) for name in names])
        return symbolic.map_structure(lambda tensor: next(given), self._inputs_struct)

    def _fit(self, array: Any, tensor: KerasTensor) -> Any:
        """Give an array the dtype and, where a last axis of size 1 makes the difference, the shape of its input."""
        if array is None:
            check_optional(self, tensor)
            return None
        array = jnp.asarray(array)
        mask = frames.mask_of(array)
        shape, wanted = array.shape, tensor.shape
        if len(shape) == len(wanted) + 1 and shape[-1] == 1:
            array = array[..., 0]
        elif len(shape) == len(wanted) - 1 and wanted[-1] == 1:
            array = array[..., None]
        fits = array.ndim == len(wanted) and all(
            w is None or w == s for w, s in zip(wanted[1:], array.shape[1:], strict=True)
        )
        if not fits:
            raise ValueError(
                f"Model {self.name!r}: input {tensor.name!r} has shape {wanted}, but got an array of shape {tuple(shape)}."
            )
        array = _as_dtype(array, tensor)
        if mask is not None:
            frames.set_mask(array, mask)
        return array

    def _convert(self, values: Any) -> Any:
        return values  # each input has a dtype of its own, see _fit

    # -- configs ------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict:
        """Return the graph as plain data, in Keras 3's form, if the class takes symbolic tensors as `Model` does. For a
        subclass with a constructor of its own, return the constructor's arguments.
        """
        if not makes_graphs(type(self)):
            return super().get_config()
        graph = write_graph(self._inputs_struct, self._outputs_struct, self._operations, self._graph)
        return {"name": self.name, "trainable": self.trainable, **graph}

    def get_build_config(self) -> dict:
        """Return Keras's form for a model that needs no `build`. A graph is built as soon as it is made."""
        return {"input_shape": None}

    @classmethod
    def from_graph(cls, config: Mapping, custom_objects: Mapping | None = None) -> "Functional":
        """Make a model from what `get_config()` returned, here or in Keras; `from_config` comes here.

        Raises:
            ValueError: the config names what is not known, or its graph is not connected.
        """
        inputs, outputs = read_graph(config, custom_objects)
        known = ("layers", "input_layers", "output_layers", "trainable", "dtype")
        model = cls(inputs=inputs, outputs=outputs, **{key: value for key, value in config.items() if key not in known})
        model._trainable = config.get("trainable", True) is not False  # that of the layers stands in their own configs
        return model


def replay(graph: Iterable[Node], values: dict[int, Any], results: Any, run: Callable | None = None) -> Any:
    """Run recorded calls on other values.

    Args:
        graph: the calls, in an order in which they can run.
        values: `{id(symbolic tensor): value}` for the inputs; those of what is computed are added.
        results: a structure of symbolic tensors.
        run: `run(operation, *args, **kwargs)`; by default the operation is called.

    Returns:
        The values in the place of `results`.
    """

    def value(x: Any) -> Any:
        return values[id(x)] if isinstance(x, KerasTensor) else x

    for node in graph:
        args, kwargs = symbolic.map_structure(value, node.args), symbolic.map_structure(value, node.kwargs)
        returned = node.operation(*args, **kwargs) if run is None else run(node.operation, *args, **kwargs)
        produced = [t for t in symbolic.leaves(node.outputs) if isinstance(t, KerasTensor)]
        for tensor, result in zip(produced, jax.tree.leaves(returned), strict=True):
            values[id(tensor)] = result
    return symbolic.map_structure(value, results)


def order_graph(inputs: list[KerasTensor], outputs: list[KerasTensor]) -> tuple[list[Node], list[Layer | Node]]:
    """The recorded calls between inputs and outputs, and what they call, both in Keras's order.

    What is called is a layer, or a function, whose calls each count for themselves. Keras goes by depth (the longest way to
    an output, deepest first). Within one depth, layers stand in the order in which a walk from the outputs meets them, and
    their weights are saved and listed in that order; calls run in the order in which a walk back over the finished ones
    does.
    """
    known = {id(t) for t in inputs}
    visited: set[int] = set()
    finished: list[Node] = []  # after everything it needs
    pending: set[int] = set()  # what waits for what it needs
    met: dict[int, int] = {}  # id(operation) -> when the walk first met it
    stack: list[tuple[KerasTensor, bool]] = [(tensor, False) for tensor in reversed(outputs)]
    while stack:
        tensor, done = stack.pop()
        node = tensor.origin.node
        if done:
            finished.append(node)
            pending.discard(id(node))
            continue
        met.setdefault(id(_called(node)), len(met))
        if id(tensor) in known or id(node) in visited:
            if id(node) in pending:
                raise ValueError(f"The graph has a cycle: {tensor.name!r} is computed from itself.")
            continue
        if isinstance(node.operation, InputLayer):
            raise ValueError(
                f"The graph is disconnected: the outputs depend on input {tensor.name!r} (shape {tensor.shape}), which is not "
                f"among the model's inputs {[t.name for t in inputs]}."
            )
        visited.add(id(node))
        pending.add(id(node))
        stack.append((tensor, True))
        stack.extend((x, False) for x in reversed(node.inputs))
    for tensor in inputs:
        met.setdefault(id(_called(tensor.origin.node)), -1)  # an input that nothing uses stands first among the last
    depth = _depths(finished, known)
    operations: dict[int, tuple[Any, int]] = {}
    for node in finished:
        called = _called(node)
        operations[id(called)] = (called, max(depth[id(node)], operations.get(id(called), (None, 0))[1]))
    for tensor in inputs:
        operation = tensor.origin.operation
        if isinstance(operation, InputLayer):
            uses = [depth[id(node)] + 1 for node in finished if any(x is tensor for x in node.inputs)]
            operations[id(operation)] = (operation, max(uses, default=0))
    ranked = sorted(operations.values(), key=lambda pair: (-pair[1], met[id(pair[0])]))
    order: dict[int, Node] = {}
    for node in reversed(finished):
        order |= {id(n): n for n in (node, *node.parents) if id(n) in visited and id(n) not in order}
    return sorted(order.values(), key=lambda node: -depth[id(node)]), [operation for operation, _ in ranked]


def _called(node: Node) -> Layer | Node:
    """The layer that is called; a function's calls have nothing in common, so there each stands for itself."""
    return node.operation if isinstance(node.operation, Layer) else node


def _without_list(outputs: Any) -> Any:
    """The value that a model returns for the outputs it was made with: the one output in a list is returned without the
    list.
    """
    single = isinstance(outputs, (list, tuple)) and len(outputs) == 1 and isinstance(outputs[0], KerasTensor)
    return outputs[0] if single else outputs


def _as_dtype(array: Any, tensor: KerasTensor) -> Any:
    return array if array.dtype == tensor.dtype else array.astype(dtypes.canonical(tensor.dtype))


def _one_or_all(shapes: list[tuple]) -> Any:
    return shapes[0] if len(shapes) == 1 else shapes


def _depths(finished: list[Node], known: set[int]) -> dict[int, int]:
    """The longest way from each call to an output; all calls of one layer count as deep as its deepest."""
    depth: dict[int, int] = {id(node): 0 for node in finished}
    layer_depth: dict[int, int] = {}
    for node in reversed(finished):
        here = max(depth[id(node)], layer_depth.get(id(_called(node)), 0))
        depth[id(node)] = layer_depth[id(_called(node))] = here
        for x in node.inputs:
            if id(x) not in known:
                parent = id(x.origin.node)
                depth[parent] = max(depth[parent], here + 1)
    return depth


def _check_names(layers: list[Layer]) -> None:
    taken: set[str] = set()
    for layer in layers:
        if layer.name in taken:
            kind = "Input" if isinstance(layer, InputLayer) else type(layer).__name__
            raise ValueError(
                f"Two layers of the model are named {layer.name!r}; give each a name of its own: {kind}(..., name='...')."
            )
        taken.add(layer.name)
