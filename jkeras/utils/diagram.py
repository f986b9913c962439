"""Describe a model as a diagram: boxes for layers, arrows between them, frames around inner models."""

from dataclasses import dataclass, field
from typing import Any

from jkeras.core import symbolic
from jkeras.core.symbolic import KerasTensor, Node
from jkeras.layers.base import Layer
from jkeras.models import Functional, Sequential
from jkeras.models.operation_config import class_name
from jkeras.models.summary import output_shapes

WHITE, BLACK, GREEN, RED = "white", "black", "forestgreen", "firebrick"


@dataclass
class Box:
    """A layer, or one call of an operation."""

    title: str
    activation: str | None = None
    cells: list[tuple[str, str, str]] = field(default_factory=list)  # what is shown: (label, value, color)


@dataclass
class Group:
    """A model, with what is in it by the numbers of the objects: boxes, and the groups of models within."""

    name: str
    items: dict[int, "Box | Group"] = field(default_factory=dict)
    edges: list[tuple[int, int]] = field(default_factory=list)  # between boxes, wherever they are


@dataclass
class Shown:
    """The parts that a diagram shows: the arguments of `plot_model`."""

    shapes: bool
    dtype: bool
    names: bool
    activations: bool
    trainable: bool
    nested: bool


def diagram(model: Any, shown: Shown) -> Group:
    """The diagram of a model that is built.

    Raises:
        ValueError: the model is not built.

    >>> import jkeras
    >>> model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2, name="a"), jkeras.layers.Dense(1, name="b")])
    >>> found = diagram(model, Shown(True, False, True, False, False, False))
    >>> [(box.title, box.cells[0]) for box in found.items.values()], len(found.edges)
    ([('a (Dense)', ('Input shape', '(None, 3)', 'white')), ('b (Dense)', ('Input shape', '(None, 2)', 'white'))], 1)
    """
    if not model.built:
        raise ValueError(
            f"Model {model.name!r} cannot be drawn, because it has not yet been built. Build the model first by calling "
            "`build()` or by "
            "calling the model on a batch of data."
        )
    group = Group(model.name)
    if not isinstance(model, Functional | Sequential):
        group.items[id(model)] = _box(model, shown)
        return group
    steps = model.layers if isinstance(model, Sequential) else model._operations
    for step in steps:
        is_group = shown.nested and isinstance(step, Functional | Sequential)
        group.items[id(step)] = diagram(step, shown) if is_group else _box(step, shown)
    edges = {(_end(a, b, shown), _start(c, d, shown)): None for a, b, c, d in _arrows(model, steps)}
    group.edges = list(edges)
    return group


def _arrows(model: Any, steps: list) -> list[tuple[Any, int, Any, int]]:
    """`(from, number of its output, to, number of its input)`, of what the model itself connects."""
    if isinstance(model, Sequential):
        return [(first, 0, second, 0) for first, second in zip(steps, steps[1:], strict=False)]
    found = []
    for node in model._graph:
        for number, tensor in enumerate(node.inputs):
            if tensor.history is not None:
                found.append((_called(tensor.origin.node), tensor.origin.index, _called(node), number))
    return found


def _end(step: Any, number: int, shown: Shown) -> int:
    """The box that an arrow comes from: of a model within, the one that makes the output."""
    while shown.nested and isinstance(step, Functional | Sequential):
        if isinstance(step, Sequential):
            step = step.layers[-1]
        else:
            history = step.outputs[number].history
            step, number = _called(history.node), history.index  # type: ignore[union-attr]
    return id(step)


def _start(step: Any, number: int, shown: Shown) -> int:
    """The box that an arrow leads to: of a model within, the input."""
    while shown.nested and isinstance(step, Functional | Sequential):
        step = step.layers[0] if isinstance(step, Sequential) else _called(step.inputs[number].origin.node)
    return id(step)


def _called(node: Node) -> Any:
    return node.operation if isinstance(node.operation, Layer) else node


def _box(step: Any, shown: Shown) -> Box:
    is_layer = isinstance(step, Layer)
    kind = type(step).__name__ if is_layer else class_name(step.operation)
    box = Box(f"{step.name} ({kind})" if shown.names and is_layer else kind)
    activation = getattr(step, "activation", None)
    if shown.activations and activation is not None:
        box.activation = getattr(activation, "name", None) or getattr(activation, "__name__", None) or str(activation)
    node = step if not is_layer else next(iter(step._nodes), None)
    if shown.shapes:
        if kind != "InputLayer":
            box.cells.append(("Input shape", _input_shapes(step, node), WHITE))
        box.cells.append(("Output shape", _listed(node.outputs, "shape") if node else output_shapes(step), WHITE))
    if shown.dtype:
        box.cells.append(("Output dtype", _listed(node.outputs, "dtype") if node else "?", WHITE))
    if shown.trainable and is_layer and step.weights:
        box.cells.append(("", "Trainable", GREEN) if step.trainable else ("", "Non-trainable", RED))
    return box


def _listed(values: Any, attribute: str) -> str:
    found = [str(getattr(t, attribute)) for t in symbolic.leaves(values) if isinstance(t, KerasTensor)]
    return found[0] if len(found) == 1 else f"[{', '.join(found)}]"


def _input_shapes(step: Any, node: Node | None) -> str:
    if node is not None:
        return _listed((node.args, node.kwargs), "shape")
    shapes = list((getattr(step, "_build_shapes", None) or {}).values())
    return ", ".join(map(str, shapes)) if shapes else "?"
