"""Tables as text, fitted into a width, and as HTML."""

import html
import re
import unicodedata
from collections.abc import Sequence

RIGHT = ("Param #",)  # columns of numbers


class Table:
    """Rows of cells under a header.

    Args:
        header: the columns' names.
        rows: the cells, as text.

    >>> print(Table(["Layer", "Param #"], [["dense", "6"]]).text())
    ┏━━━━━━━┳━━━━━━━━━┓
    ┃ Layer ┃ Param # ┃
    ┡━━━━━━━╇━━━━━━━━━┩
    │ dense │       6 │
    └───────┴─────────┘
    """

    def __init__(self, header: Sequence[str], rows: Sequence[Sequence[str]]):
        self.header, self.rows = list(header), [list(row) for row in rows]

    def text(self, width: int | None = None, positions: Sequence[float] | None = None, exact: bool = False) -> str:
        """The table with lines between its cells; cells that are too long for their column are wrapped.

        Args:
            width: the most columns of the terminal that it may take; None for as many as it needs.
            positions: where the columns end, as parts of `width` (0 to 1) or as numbers of columns.
            exact: whether to take all of `width`.
        """
        natural = [max(columns_of(row[i]) for row in [self.header, *self.rows]) for i in range(len(self.header))]
        widths = natural
        if width is not None:
            room = max(width - 3 * len(natural) - 1, 4 * len(natural))
            if positions is not None:
                widths = _at_positions(positions, width, len(natural))
            elif exact or sum(natural) > room:
                widths = _fit(natural, room)
        lines = [_rule(widths, "┏┳┓", "━"), *self._cells(self.header, widths, "┃"), _rule(widths, "┡╇┩", "━")]
        wrapped = [self._cells(row, widths, "│") for row in self.rows]
        ruled = any(len(row) > 1 for row in wrapped)  # where all rows are one line, lines between them only cost space
        for i, row in enumerate(wrapped):
            lines += [_rule(widths, "├┼┤", "─"), *row] if ruled and i else row
        return "\n".join([*lines, _rule(widths, "└┴┘", "─")])

    def html(self) -> str:
        """The table for a notebook."""
        side = ['style="text-align:right"' if name in RIGHT else 'style="text-align:left"' for name in self.header]

        def line(cells: Sequence[str], tag: str) -> str:
            written = (f"<{tag} {s}>{html.escape(c)}</{tag}>" for c, s in zip(cells, side, strict=True))
            return f"<tr>{''.join(written)}</tr>"

        body = "".join(line(row, "td") for row in self.rows)
        return f"<table><thead>{line(self.header, 'th')}</thead><tbody>{body}</tbody></table>"

    def _cells(self, row: Sequence[str], widths: Sequence[int], bar: str) -> list[str]:
        wrapped = [wrap(cell, width) for cell, width in zip(row, widths, strict=True)]
        lines = []
        for i in range(max(map(len, wrapped))):
            cells = []
            for name, parts, width in zip(self.header, wrapped, widths, strict=True):
                part = parts[i] if i < len(parts) else ""
                blanks = " " * (width - columns_of(part))
                cells.append(blanks + part if name in RIGHT else part + blanks)
            lines.append(f"{bar} " + f" {bar} ".join(cells) + f" {bar}")
        return lines


def columns_of(text: str) -> int:
    """The number of columns of a terminal that a text takes. Chinese, Japanese and Korean characters take two each.

    >>> columns_of("dense"), columns_of("一二")
    (5, 4)
    """
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def wrap(text: str, width: int) -> list[str]:
    """Text in lines of at most `width` columns, broken at spaces where there are any.

    >>> wrap("embedding (Embedding)", 12), wrap("abcdefgh", 5)
    (['embedding', '(Embedding)'], ['abcde', 'fgh'])
    """
    lines, line = [], ""
    for word in re.findall(r"\s*\S+", text):
        if columns_of(line + word) <= width:
            line += word
            continue
        if line:
            lines.append(line)
        line = ""
        for character in word.lstrip() if lines else word:
            if columns_of(line + character) > width and line:
                lines.append(line)
                line = ""
            line += character
    return [*lines, line]


def _fit(natural: Sequence[int], room: int) -> list[int]:
    """Widths that add up to `room`: the widest columns give way first, or all grow in proportion."""
    widths = list(natural)
    while sum(widths) > room:
        widest = max(range(len(widths)), key=widths.__getitem__)
        if widths[widest] == 1:
            break
        widths[widest] -= 1
    spare = room - sum(widths)
    widths = [w + spare * n // sum(natural) for w, n in zip(widths, natural, strict=True)]
    return [widths[0] + room - sum(widths), *widths[1:]]


def _at_positions(positions: Sequence[float], width: int, count: int) -> list[int]:
    ends = [round(p * width) if max(positions) <= 1 else round(p) for p in positions][: count - 1]
    edges = [0, *ends, width - 1]
    if len(ends) != count - 1 or edges != sorted(edges):
        raise ValueError(f"positions needs {count} rising numbers, one for the end of each column, got {list(positions)}.")
    return [max(1, b - a - 3) for a, b in zip(edges, edges[1:], strict=False)]


def _rule(widths: Sequence[int], corners: str, line: str) -> str:
    return corners[0] + corners[1].join(line * (w + 2) for w in widths) + corners[2]
