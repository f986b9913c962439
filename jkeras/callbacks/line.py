"""A line of text that is redrawn, in a terminal or in a notebook.

While it changes, it uses one row of the terminal, and parts that do not fit are left out. When it is finished, the
whole text is shown, on as many rows as it needs.
"""

import shutil
import sys
from collections.abc import Sequence

BAR = 20  # columns of the bar, as in Keras


class Line:
    """The line of one pass over the data: steps done, a bar, the time, the results.

    Args:
        width: columns of the bar.

    >>> line = Line()
    >>> line.finish(3, 3, "0s 2ms/step", ["loss: 0.5"])  # doctest: +ELLIPSIS
    3/3 ...━━━━━━━━━━━━━━━━━━━━... 0s 2ms/step - loss: 0.5
    """

    def __init__(self, width: int = BAR) -> None:
        self._bar = width
        self._shown = 0  # columns on the screen

    def show(self, done: int, total: int | None, time: str, parts: Sequence[str]) -> None:
        """Draw the line anew, in one row.

        Args:
            done: steps behind us.
            total: all steps; None if nobody knows.
            time: how long it takes.
            parts: the results, in the order of their importance; those that do not fit are left out from the end.
        """
        width = columns()
        head = counts(done, total)
        room = sys.maxsize if width is None else width - 1  # in the last column, terminals wrap
        bar = self._bar if total and len(head) + self._bar + len(time) + 2 <= room else 0
        length = len(head) + len(time) + 1 + (bar + 1 if bar else 0)
        shown = []
        for part in parts:
            length += len(part) + 3
            if length > room:
                break
            shown.append(part)
        self._draw(head, bar_of(done, total, bar) if bar else "", bar, time, shown)

    def finish(self, done: int, total: int, time: str, parts: Sequence[str]) -> None:
        """Draw the whole line, wrapped between its parts where it is too long, and begin the next one."""
        width, column = columns() or sys.maxsize, len(counts(done, total)) + self._bar + len(time) + 2
        wrapped = []
        for part in parts:
            column += len(part) + 3
            if column > width:
                wrapped.append("\n   ")
                column = len(part) + 6
            wrapped.append(f" - {part}")
        self._draw(counts(done, total), bar_of(done, total, self._bar), self._bar, time + "".join(wrapped), [])
        sys.stdout.write("\n")
        sys.stdout.flush()
        self._shown = 0

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stdout.write("\r" + " " * self._shown + "\r")
            sys.stdout.flush()
            self._shown = 0

    def _draw(self, head: str, bar: str, bar_columns: int, time: str, parts: Sequence[str]) -> None:
        rest = "".join([time, *(f" - {part}" for part in parts)])
        length = len(head) + 1 + (bar_columns + 1 if bar_columns else 0) + len(rest)
        blanks = " " * (self._shown - length)  # over what stood there
        start = "\r" if self._shown else ""
        sys.stdout.write(f"{start}{head} {bar + ' ' if bar else ''}{rest}{blanks}")
        sys.stdout.flush()
        self._shown = length


def counts(done: int, total: int | None) -> str:
    """`"  3/400"`: as wide at the first step as at the last.

    >>> counts(3, 400), counts(3, None)
    ('  3/400', '3/Unknown')
    """
    return f"{done:>{len(str(total))}}/{total}" if total else f"{done}/Unknown"


def bar_of(done: int, total: int | None, width: int) -> str:
    """The bar, its done part green."""
    filled = width if not total else min(width, width * done // total)
    return f"\x1b[32m{'━' * filled}\x1b[37m{'─' * (width - filled)}\x1b[0m"


def columns() -> int | None:
    """The width of the terminal; None in a notebook, which has none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
