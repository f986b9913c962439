"""The table that `model.summary()` prints."""

from typing import Any

from jkeras.core import symbolic
from jkeras.core.dtype import canonical
from jkeras.core.symbolic import KerasTensor


def summarize(
    model: Any,
    line_length: int | None = None,
    positions: Any = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Any = None,
) -> str:
    """The text of `model.summary()`; see there for the arguments."""
    header = ["Layer (type)", "Output Shape", "Param #", "Bytes"] + (["Trainable"] if show_trainable else [])
    rows = [_row(layer, depth, show_trainable) for layer, depth in _layers(model, expand_nested, layer_range)]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    if line_length is not None:
        widths = _spread(line_length, positions, widths)
    lines = [f'Model: "{model.name}"', _rule(widths, "┏┳┓", "━"), _cells(header, widths, "┃"), _rule(widths, "┡╇┩", "━")]
    lines += [_cells(row, widths, "│") for row in rows]
    lines.append(_rule(widths, "└┴┘", "─"))
    weights = model.weights
    trainable = [v for v in weights if v.trainable]
    frozen = [v for v in weights if not v.trainable]
    lines += [f" {kind} params: {_count(group)}" for kind, group in _totals(weights, trainable, frozen)]
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and getattr(optimizer, "built", False):
        lines.append(f" Optimizer params: {_count(optimizer.variables)}")
    if not model.built:
        lines.append(" The model is not built yet: call it on data, or build(input_shape), and its sizes are known.")
    return "\n".join(lines)


def _totals(weights: list, trainable: list, frozen: list) -> list[tuple[str, list]]:
    return [("Total", weights), ("Trainable", trainable), ("Non-trainable", frozen)]


def _layers(model: Any, expand_nested: bool, layer_range: Any, depth: int = 0) -> list[tuple[Any, int]]:
    layers = model.layers
    if layer_range is not None:
        names = [layer.name for layer in layers]
        for name in layer_range:
            if name not in names:
                raise ValueError(f"layer_range names {name!r}, but the model's layers are {names}.")
        layers = layers[names.index(layer_range[0]) : names.index(layer_range[1]) + 1]
    found = []
    for layer in layers:
        found.append((layer, depth))
        if expand_nested and hasattr(layer, "layers"):
            found += _layers(layer, True, None, depth + 1)
    return found


def _row(layer: Any, depth: int, show_trainable: bool) -> list[str]:
    shapes = [str(t.shape) for node in layer._nodes[:1] for t in symbolic.leaves(node.outputs) if isinstance(t, KerasTensor)]
    weights = layer.weights if layer.built else []
    row = [
        "  " * depth + f"{layer.name} ({type(layer).__name__})",
        ", ".join(shapes) or "?",
        f"{sum(v.size for v in weights):,}" if layer.built else "0 (unbuilt)",
        size(nbytes(weights)),
    ]
    if not show_trainable:
        return row
    trains = layer.trainable and any(v.trainable for v in weights)
    return [*row, "yes" if trains else "no" if weights else "-"]


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


def _spread(line_length: int, positions: Any, widths: list[int]) -> list[int]:
    """Column widths for a line of a given length: by relative positions of their ends, or in proportion."""
    inner = max(line_length - 3 * len(widths) - 1, len(widths))
    if positions is None:
        ends = [sum(widths[: i + 1]) / sum(widths) for i in range(len(widths))]
    else:
        ends = [*positions, 1.0][: len(widths)]
    edges = [0, *(round(end * inner) for end in ends)]
    return [max(1, b - a) for a, b in zip(edges, edges[1:], strict=False)]


def _rule(widths: list[int], corners: str, line: str) -> str:
    return corners[0] + corners[1].join(line * (w + 2) for w in widths) + corners[2]


def _cells(row: list[str], widths: list[int], bar: str) -> str:
    cells = [text[:w].ljust(w) if i < 2 else text[:w].rjust(w) for i, (text, w) in enumerate(zip(row, widths, strict=True))]
    return f"{bar} " + f" {bar} ".join(cells) + f" {bar}"
