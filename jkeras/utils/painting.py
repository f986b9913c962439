"""Draw a layout: as SVG directly, in other formats with matplotlib."""

import html
import os
from collections.abc import Iterator
from typing import Any

from jkeras.utils.layout import FONT, LINE, Layout, Place, cell_text, text_width

SPLINES = ("ortho", "curved", "spline", "polyline", "line")
Point = tuple[float, float]


def save(layout: Layout, path: str, dpi: int, splines: str, vertical: bool) -> None:
    """Write a picture; the ending of the name says in which format.

    Args:
        layout: what to draw.
        path: of the file.
        dpi: dots per inch of formats that are made of dots; a line of text is a quarter of an inch high.
        splines: how arrows are drawn, one of `SPLINES`.
        vertical: whether arrows lead up or down.

    Raises:
        ImportError: another format than SVG, and matplotlib is not installed.
    """
    if os.path.splitext(path)[1].lower() == ".svg":
        with open(path, "w", encoding="utf-8") as file:
            file.write(svg(layout, splines, vertical))
        return
    try:
        from matplotlib.figure import Figure  # optional, and slow to import
    except ImportError:
        raise ImportError(
            f"{path!r} is drawn with matplotlib, which is not installed. Install it, or draw an SVG file, which needs nothing:\n"
            '    pip install "jkeras[plot]"\n'
            f"    jkeras.utils.plot_model(model, {os.path.splitext(path)[0] + '.svg'!r})"
        ) from None
    _figure(Figure, layout, splines, vertical).savefig(path, dpi=dpi)


def _cells(place: Place) -> Iterator[tuple[float, float, float, str, str, str]]:
    """The parts of a box: `(x, y, width, text, color of the ground, of the text)`; all are one line high."""
    box, scale = place.item, place.width
    yield place.x, place.y, scale, box.title, "black", "white"
    y = place.y + LINE
    if box.activation is not None:
        yield place.x, y, scale, f"Activation: {box.activation}", "white", "black"
        y += LINE
    widths = [text_width(cell_text(cell)) for cell in box.cells]
    x = place.x
    for cell, width in zip(box.cells, widths, strict=True):
        width *= scale / sum(widths)
        yield x, y, width, cell_text(cell), cell[2], "black" if cell[2] == "white" else "white"
        x += width


def _curves(way: list[Point], splines: str, vertical: bool) -> list[tuple[str, list[Point]]]:
    """An arrow as commands of a path: M (go to), L (line to), C (curve to)."""
    if splines == "line":
        way = [way[0], way[-1]]
    commands = [("M", [way[0]])]
    for (x, y), (u, v) in zip(way, way[1:], strict=False):
        if splines in ("line", "polyline"):
            commands.append(("L", [(u, v)]))
            continue
        middle = (y + v) / 2 if vertical else (x + u) / 2
        first, second = ((x, middle), (u, middle)) if vertical else ((middle, y), (middle, v))
        commands += (
            [("L", [point]) for point in (first, second, (u, v))] if splines == "ortho" else [("C", [first, second, (u, v)])]
        )
    return commands


def svg(layout: Layout, splines: str, vertical: bool) -> str:
    """The picture as the text of an SVG file.

    >>> from jkeras.utils.diagram import Box, Group
    >>> from jkeras.utils.layout import lay_out
    >>> text = svg(lay_out(Group("m", {1: Box("a"), 2: Box("b & c")}, [(1, 2)])), "ortho", True)
    >>> text.count("<rect"), text.count("<path"), "b &amp; c" in text
    (3, 2, True)
    """
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{layout.width:.0f}" height="{layout.height:.0f}" '
        f'viewBox="0 0 {layout.width:.0f} {layout.height:.0f}" font-family="Helvetica, Arial, sans-serif" font-size="{FONT}">',
        '<defs><marker id="arrow" viewBox="0 0 10 10" refX="10" refY="5" markerWidth="5" markerHeight="5" orient="auto">'
        '<path d="M 0 0 L 10 5 L 0 10 z"/></marker></defs>',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for frame in layout.frames:
        parts.append(
            f'<rect x="{frame.x:.1f}" y="{frame.y:.1f}" width="{frame.width:.1f}" height="{frame.height:.1f}" fill="none" '
            f'stroke="black" stroke-dasharray="6 4"/><text x="{frame.x + 8:.1f}" y="{frame.y + FONT + 4:.1f}">'
            f"{html.escape(frame.item.name)}</text>"
        )
    for way in layout.ways:
        drawn = " ".join(
            f"{c} " + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) for c, points in _curves(way, splines, vertical)
        )
        parts.append(f'<path d="{drawn}" fill="none" stroke="black" stroke-width="2" marker-end="url(#arrow)"/>')
    for place in layout.boxes.values():
        for x, y, width, text, ground, color in _cells(place):
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{LINE}" fill="{ground}" stroke="black"/>'
                f'<text x="{x + width / 2:.1f}" y="{y + LINE / 2 + FONT * 0.35:.1f}" text-anchor="middle" fill="{color}">'
                f"{html.escape(text)}</text>"
            )
    return "\n".join([*parts, "</svg>\n"])


def _figure(figure_class: Any, layout: Layout, splines: str, vertical: bool) -> Any:
    """The picture as a figure of matplotlib, 100 pixels to an inch."""
    from matplotlib.patches import FancyArrowPatch, Rectangle
    from matplotlib.path import Path

    figure = figure_class(figsize=(layout.width / 100, layout.height / 100))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, layout.width), ylim=(layout.height, 0))
    axes.set_axis_off()
    points = 72 / 100 * FONT * 0.95
    for frame in layout.frames:
        axes.add_patch(Rectangle((frame.x, frame.y), frame.width, frame.height, fill=False, linestyle="--"))
        axes.text(frame.x + 8, frame.y + 6, frame.item.name, va="top", fontsize=points)
    codes = {"M": Path.MOVETO, "L": Path.LINETO, "C": Path.CURVE4}
    for way in layout.ways:
        commands = _curves(way, splines, vertical)
        path = Path([p for _, found in commands for p in found], [codes[c] for c, found in commands for _ in found])
        axes.add_patch(FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=12, linewidth=1.5, color="black"))
    for place in layout.boxes.values():
        for x, y, width, text, ground, color in _cells(place):
            axes.add_patch(Rectangle((x, y), width, LINE, facecolor=ground, edgecolor="black", linewidth=1))
            axes.text(
                x + width / 2, y + LINE / 2, text, ha="center", va="center", color=color, fontsize=points, parse_math=False
            )
    return figure
