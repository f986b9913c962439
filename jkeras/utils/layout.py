"""Compute the places of the boxes of a diagram. A box is in the row of its longest path from the start; rows are sorted
so that few lines cross.

The layout is made from top to bottom, and turned for other directions. The frame of an inner model is laid out
first, and is then placed in its row like a box. An arrow over several rows goes through gaps in the rows between.
Source: K. Sugiyama, S. Tagawa, M. Toda: Methods for Visual Understanding of Hierarchical System Structures (1981).
"""

from dataclasses import dataclass, field
from typing import Any

from jkeras.utils.diagram import Box, Group

FONT, LETTER = 14, 0.62  # the height of letters in pixels, and the width of one in heights
PAD, GAP, ROW_GAP, MARGIN = 10, 24, 40, 14
LINE = FONT + PAD


@dataclass
class Place:
    """A rectangle: of a box with its three lines of cells, or of a frame."""

    x: float
    y: float
    width: float
    height: float
    item: Any


@dataclass
class Layout:
    """All rectangles, and the ways of the arrows as lists of points."""

    width: float = 0.0
    height: float = 0.0
    boxes: dict[int, Place] = field(default_factory=dict)
    frames: list[Place] = field(default_factory=list)
    ways: list[list[tuple[float, float]]] = field(default_factory=list)


def text_width(text: str) -> float:
    """The room that a text takes, with a margin."""
    return len(text) * FONT * LETTER + 2 * PAD


def cell_text(cell: tuple[str, str, str]) -> str:
    """The text of a cell."""
    return f"{cell[0]}: {cell[1]}" if cell[0] else cell[1]


def box_size(box: Box) -> tuple[float, float]:
    """Width and height of a box: a title, a line for the activation, and a line of cells, as far as they are there."""
    cells = sum(text_width(cell_text(cell)) for cell in box.cells)
    lines = 1 + (box.activation is not None) + bool(box.cells)
    activation = text_width(f"Activation: {box.activation}") if box.activation is not None else 0
    return max(text_width(box.title), activation, cells), lines * LINE


def lay_out(group: Group, rankdir: str = "TB") -> Layout:
    """The places of everything.

    Args:
        group: the diagram.
        rankdir: `"TB"`, `"BT"`, `"LR"` or `"RL"`: where arrows lead to (top, bottom, left, right).

    Raises:
        ValueError: another `rankdir`.

    >>> layout = lay_out(Group("m", {1: Box("a"), 2: Box("b")}, [(1, 2)]))
    >>> layout.boxes[1].y < layout.boxes[2].y, len(layout.ways)
    (True, 1)
    """
    if rankdir not in ("TB", "BT", "LR", "RL"):
        raise ValueError(f"rankdir must be 'TB', 'BT', 'LR' or 'RL', got {rankdir!r}.")
    turned = rankdir in ("LR", "RL")
    layout = _rows(group, turned)
    everything = [*layout.boxes.values(), *layout.frames]
    if rankdir in ("BT", "RL"):
        for place in everything:
            place.y = layout.height - place.y - place.height
        layout.ways = [[(x, layout.height - y) for x, y in way] for way in layout.ways]
    if turned:
        for place in everything:
            place.x, place.y, place.width, place.height = place.y, place.x, place.height, place.width
        layout.ways = [[(y, x) for x, y in way] for way in layout.ways]
        layout.width, layout.height = layout.height, layout.width
    for place in everything:
        place.x, place.y = place.x + MARGIN, place.y + MARGIN
    layout.ways = [[(x + MARGIN, y + MARGIN) for x, y in way] for way in layout.ways]
    layout.width, layout.height = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
    return layout


def _rows(group: Group, turned: bool) -> Layout:
    """The layout of a group, from above to below; `turned` if boxes lie on their sides."""
    inner = {key: _rows(item, turned) for key, item in group.items.items() if isinstance(item, Group)}
    holder = {key: key for key in group.items} | {box: key for key, layout in inner.items() for box in layout.boxes}
    sizes = {}
    for key, item in group.items.items():
        if key in inner:
            width, height = inner[key].width + 2 * PAD, inner[key].height + 2 * PAD
            sizes[key] = (width + LINE, height) if turned else (width, height + LINE)  # with room for the name
        else:
            sizes[key] = box_size(item)[::-1] if turned else box_size(item)  # type: ignore[arg-type]
    edges = [(a, b) for a, b in group.edges if a in holder and b in holder and holder[a] != holder[b]]
    rank = _ranks(list(group.items), [(holder[a], holder[b]) for a, b in edges])
    rows: list[list] = [[] for _ in range(max(rank.values(), default=-1) + 1)]
    for key in group.items:
        rows[rank[key]].append(key)
    chains = []  # of each edge, what it goes through from row to row
    for number, (a, b) in enumerate(edges):
        first, last = holder[a], holder[b]
        gaps = [("gap", number, row) for row in range(rank[first] + 1, rank[last])]
        for gap in gaps:
            sizes[gap] = (GAP, 0.0)  # type: ignore[index]
            rows[gap[2]].append(gap)
        chains.append([first, *gaps, last])
    _sort(rows, chains)
    layout = Layout()
    row_widths = [sum(sizes[key][0] for key in row) + GAP * (len(row) - 1) for row in rows]
    layout.width, y = max(row_widths, default=0.0), 0.0
    through: dict[Any, list[tuple[float, float]]] = {}  # the way through a gap
    for row, row_width in zip(rows, row_widths, strict=True):
        x, height = (layout.width - row_width) / 2, max(sizes[key][1] for key in row)
        for key in row:
            w, h = sizes[key]
            top = y + (height - h) / 2
            through[key] = [(x + w / 2, y), (x + w / 2, y + height)]
            if key in inner:
                _insert(layout, inner[key], x + PAD + LINE * turned, top + PAD + LINE * (not turned))
                layout.frames.append(Place(x, top, w, h, group.items[key]))
            elif key in group.items:
                layout.boxes[key] = Place(x, top, w, h, group.items[key])
            x += w + GAP
        y += height + ROW_GAP
    layout.height = max(0.0, y - ROW_GAP)
    for (a, b), chain in zip(edges, chains, strict=True):
        start, end = layout.boxes[a], layout.boxes[b]
        way = [(start.x + start.width / 2, start.y + start.height)]
        for gap in chain[1:-1]:  # type: ignore[assignment]
            way += through[gap]
        layout.ways.append([*way, (end.x + end.width / 2, end.y)])
    return layout


def _insert(layout: Layout, inner: Layout, x: float, y: float) -> None:
    for place in (*inner.boxes.values(), *inner.frames):
        place.x, place.y = place.x + x, place.y + y
    layout.boxes |= inner.boxes
    layout.frames += inner.frames
    layout.ways += [[(px + x, py + y) for px, py in way] for way in inner.ways]


def _ranks(keys: list, edges: list[tuple]) -> dict[Any, int]:
    """The longest way to each item; an edge that would close a circle (a layer that is called again) counts for nothing."""
    rank = dict.fromkeys(keys, 0)
    kept: dict[Any, list] = {key: [] for key in keys}
    for a, b in edges:
        if not _reaches(kept, b, a):
            kept[a].append(b)
    for _ in keys:
        changed = False
        for a in keys:
            for b in kept[a]:
                if rank[b] <= rank[a]:
                    rank[b], changed = rank[a] + 1, True
        if not changed:
            break
    return rank


def _reaches(edges: dict[Any, list], start: Any, goal: Any) -> bool:
    seen, waiting = set(), [start]
    while waiting:
        key = waiting.pop()
        if key == goal:
            return True
        if key not in seen:
            seen.add(key)
            waiting.extend(edges[key])
    return False


def _sort(rows: list[list], chains: list[list]) -> None:
    """Order each row by the middle of what its items are connected with in the row before, down and up, a few times."""
    near: dict[Any, list] = {}
    for chain in chains:
        for first, second in zip(chain, chain[1:], strict=False):
            near.setdefault(first, []).append(second)
            near.setdefault(second, []).append(first)
    for sweep in range(4):
        place = {key: (number + 0.5) / len(row) for row in rows for number, key in enumerate(row)}
        for row, other in (
            zip(rows[1:], rows, strict=False) if sweep % 2 == 0 else zip(rows[-2::-1], rows[:0:-1], strict=False)
        ):
            beside = set(other)

            def middle(key: Any, beside: set = beside, place: dict = place) -> float:
                found = [place[k] for k in near.get(key, ()) if k in beside]
                return sum(found) / len(found) if found else place[key]

            row.sort(key=middle)
            place |= {key: (number + 0.5) / len(row) for number, key in enumerate(row)}
