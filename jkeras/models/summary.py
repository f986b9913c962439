"""The table of `model.summary()`: a row for each layer, and the sizes of the whole."""

import html
import re
import shutil
import sys
from collections import Counter
from typing import Any

from jkeras.core import symbolic
from jkeras.core.dtype import canonical
from jkeras.core.symbolic import KerasTensor, Node
from jkeras.layers.base import Layer
from jkeras.models.graph_config import Names
from jkeras.models.operation_config import class_name, operation_name
from jkeras.models.table import Table


def summarize(
    model: Any, expand_nested: bool = False, show_trainable: bool = False, layer_range: Any = None
) -> tuple[Table, list[str]]:
    """The table of `model.summary()`, and the lines below it; see there for the arguments."""
    sources = _sources(model)
    header = ["Layer (type)", "Output Shape", "Param #"]
    header += ["Connected to"] if sources else []
    header += ["Trainable"] if show_trainable else []
    rows = []
    for layer, name, depth in _layers(model, expand_nested, layer_range):
        row = _row(layer, name, depth)
        if sources:
            row.append(", ".join(sources.get(id(layer), ["-"])) if not depth else "")
        if show_trainable:
            trains = isinstance(layer, Layer) and layer.trainable and any(v.trainable for v in layer.weights)
            row.append("Y" if trains else "N" if isinstance(layer, Layer) and layer.weights else "-")
        rows.append(row)
    weights = model.weights
    groups = {"Total": weights, "Trainable": [v for v in weights if v.trainable]}
    groups["Non-trainable"] = [v for v in weights if not v.trainable]
    lines = [f"{kind} params: {_count(group)}" for kind, group in groups.items()]
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and getattr(optimizer, "built", False):
        lines.append(f"Optimizer params: {_count(optimizer.variables)}")
    if not model.built:
        lines.append("The model is not built yet: call it on data, or build(input_shape), and its sizes are known.")
    return Table(header, rows), lines


def show(title: str, table: Table, lines: list[str], line_length: int | None, positions: Any, print_fn: Any) -> None:
    """Print a summary, or, in a notebook, display it as HTML.

    Args:
        title: above the table.
        table, lines: as `summarize` returns them.
        line_length: the width of the table; None for as much as it needs, at most the terminal's.
        positions: where the columns end.
        print_fn: what to call with the text instead.
    """
    if print_fn is None and line_length is None and "ipykernel" in type(sys.stdout).__module__:
        from IPython.display import HTML, display  # a notebook has it

        display(HTML(f"<b>{html.escape(title)}</b>{table.html()}" + "".join(f"<div>{line}</div>" for line in lines)))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    if positions is not None and line_length is None:
        line_length = width or 100
    text = table.text(line_length or width, positions, exact=line_length is not None)
    (print_fn or print)("\n".join([title, text, *(f" {line}" for line in lines)]))


def _layers(model: Any, expand_nested: bool, layer_range: Any, depth: int = 0) -> list[tuple[Any, str, int]]:
    layers = getattr(model, "_operations", None) or model.layers
    if layer_range is not None:
        layers = _within(layers, layer_range)
    found = []
    for layer, name in zip(layers, _names(layers), strict=True):
        found.append((layer, name, depth))
        if expand_nested and hasattr(layer, "layers"):
            found += _layers(layer, True, None, depth + 1)
    return found


def _within(layers: list, layer_range: Any) -> list:
    if len(layer_range) != 2:
        raise ValueError(f"layer_range is (first, last), the names of two layers, got {layer_range!r}.")
    names = _names(layers)
    edges = []
    for pattern, found in zip(layer_range, (iter(names), reversed(names)), strict=True):
        match = next((n for n in found if n == pattern or re.fullmatch(pattern, n)), None)
        if match is None:
            raise ValueError(f"layer_range names {pattern!r}, but the model's layers are {names}.")
        edges.append(match)
    start, stop = names.index(edges[0]), len(names) - names[::-1].index(edges[1])
    return layers[min(start, stop - 1) : max(start + 1, stop)]


def _names(operations: list) -> list[str]:
    """The names of layers and of single calls of operations, as a config has them."""
    names = Names(o.name for o in operations if isinstance(o, Layer))
    return [o.name if isinstance(o, Layer) else names.new(operation_name(o.operation)) for o in operations]


def _row(layer: Any, name: str, depth: int) -> list[str]:
    indent = "   " * (depth - 1) + " └ " if depth else ""
    if isinstance(layer, Node):  # a call of an operation
        return [f"{indent}{name} ({class_name(layer.operation)})", _outputs(layer), "0"]
    built = layer.built
    params = f"{sum(v.size for v in layer.weights):,}" if built else "0 (unbuilt)"
    return [f"{indent}{name} ({type(layer).__name__})", output_shapes(layer), params]


def _outputs(node: Node) -> str:
    return ", ".join(str(t.shape) for t in symbolic.leaves(node.outputs) if isinstance(t, KerasTensor))


def output_shapes(layer: Layer) -> str:
    """The shapes of the outputs, as they were recorded; of a layer that was only called on arrays, for what it was built."""
    if layer._nodes:
        return _outputs(layer._nodes[0])
    build_shapes = getattr(layer, "_build_shapes", None)
    if not layer.built or not build_shapes:
        return "?"
    try:
        shape = layer.compute_output_shape(*build_shapes.values())
    except Exception:  # a call of the user's own that needs more than shapes
        return "?"
    return str(shape) if isinstance(shape, tuple) else ", ".join(map(str, shape))


def _sources(model: Any) -> dict[int, list[str]]:
    """Of each operation of a graph that is no chain, the tensors that it is called on: `"dense[0][0]"`."""
    graph = getattr(model, "_graph", None)
    if not graph:
        return {}
    operations = model._operations
    names = dict(zip(map(id, operations), _names(operations), strict=True))
    calls: Counter[int] = Counter()
    address: dict[int, str] = {}  # of a node, how often its layer was called before
    called = {id(node): node.operation if isinstance(node.operation, Layer) else node for node in graph}
    for node in graph:
        key = id(called[id(node)])
        address[id(node)] = f"{names[key]}[{calls[key]}]"
        calls[key] += 1
    sources: dict[int, list[str]] = {}
    for node in graph:
        for tensor in node.inputs:
            if tensor.history is not None:
                start = address.get(id(tensor.origin.node), f"{tensor.name}[0]")
                sources.setdefault(id(called[id(node)]), []).append(f"{start}[{tensor.origin.index}]")
    is_chain = all(len(node.inputs) <= 1 for node in graph) and max(calls.values()) == 1
    outgoing = Counter(source for found in sources.values() for source in found)
    return {} if is_chain and max(outgoing.values(), default=0) <= 1 else sources


def _count(variables: list) -> str:
    return f"{sum(v.size for v in variables):,} ({size(nbytes(variables))})"


def nbytes(variables: list) -> int:
    """The bytes that some variables take."""
    return sum(v.size * canonical(v.dtype).itemsize for v in variables)


def size(count: int) -> str:
    """A number of bytes in the unit that suits it.

    >>> size(108), size(2048), size(5 * 2**20)
    ('108.00 B', '2.00 KB', '5.00 MB')
    """
    amount = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1024 or unit == "GB":
            return f"{amount:.2f} {unit}"
        amount /= 1024
    return ""
