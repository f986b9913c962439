"""Plots of a `History`, and its table in a notebook."""

import html
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from jkeras.callbacks.table import in_pairs, number

Results = dict[str, tuple[list[int], list]]  # name -> the epochs, and the values
ROWS = 12  # a longer table leaves out its middle


def draw(names: Sequence[str], results: Results, log: bool | None, better: dict[str, str | None]) -> Any:
    """A figure with a panel for each name.

    Args:
        names, log: as in `History.plot`.
        results: to draw.
        better: of each name, whether `"min"` or `"max"` is best, or None.
    """
    try:
        from matplotlib.figure import Figure  # optional, and slow to import
    except ImportError:
        raise ImportError(
            'History.plot() draws with matplotlib, which is not installed:\n    pip install "jkeras[plot]"'
        ) from None
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(4.5 * columns, 3.2 * rows), layout="constrained")
    for name, axes in zip(names, figure.subplots(rows, columns, squeeze=False).flat, strict=False):
        _panel(axes, name, results, log, better[name])
    for axes in figure.axes[len(names) :]:
        axes.remove()
    if "ipykernel" in type(sys.stdout).__module__:
        from IPython.display import display  # a notebook has it

        display(figure)
    return figure


def _panel(axes: Any, name: str, results: Results, log: bool | None, better: str | None) -> None:
    """One quantity: lines of training and validation, and a mark at the best epoch."""
    lines = [(label, results[key]) for label, key in (("training", name), ("validation", f"val_{name}")) if key in results]
    for label, (at, values) in lines:
        axes.plot(at, values, "-" if len(values) > 1 else "o", label=label)
    at, values = lines[-1][1]
    best = best_of(values, better)
    if best is not None:
        axes.plot(at[best], values[best], "k*", markersize=9, label=f"best: epoch {at[best]}")
    numbers = np.asarray([value for _, (_, values) in lines for value in values], float)
    finite = numbers[np.isfinite(numbers)]
    is_wide = finite.size > 0 and finite.min() > 0 and finite.max() > 10 * finite.min()
    by_factors = name.endswith("loss") or name.startswith("learning_rate")
    axes.set_yscale("log" if (is_wide and by_factors if log is None else log) else "linear")
    axes.set_title(name)
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    if len(axes.lines) > 1:
        axes.legend()


def best_of(values: Sequence, better: str | None) -> int | None:
    """Return the position of the best finite value. Return None if there is none, or if it is not known which values
    are better.

    >>> best_of([3.0, float("nan"), 1.0], "min"), best_of([3.0, 1.0], "max"), best_of([1.0], None)
    (2, 0, None)
    """
    finite = [i for i, value in enumerate(values) if np.isfinite(value)]
    if not finite or better is None:
        return None
    return (min if better == "min" else max)(finite, key=lambda i: values[i])


def html_table(epochs: list[int], results: Results, better: dict[str, str | None]) -> str:
    """The results as HTML, a row for each epoch; the best value of each column is bold.

    >>> html_table([0], {"loss": ([0], [0.5])}, {"loss": "min"})
    '<table><tr><th>epoch</th><th>loss</th></tr><tr><td>0</td><td><b>0.5000</b></td></tr></table>'
    """
    names = in_pairs([name for name, (_, values) in results.items() if all(np.ndim(value) == 0 for value in values)])
    cells = {name: dict(zip(*results[name], strict=True)) for name in names}
    best = {}
    for name in names:
        at, values = results[name]
        found = best_of(values, better[name])
        best[name] = None if found is None else at[found]

    def cell(name: str, epoch: int) -> str:
        text = number(float(cells[name][epoch])) if epoch in cells[name] else ""
        return f"<td><b>{text}</b></td>" if best.get(name) == epoch else f"<td>{text}</td>"

    rows = ["".join(f"<th>{html.escape(name)}</th>" for name in ["epoch", *names])]
    rows += [f"<td>{epoch}</td>" + "".join(cell(name, epoch) for name in names) for epoch in epochs]
    if len(epochs) > ROWS:
        rows[1 + ROWS // 2 : -(ROWS // 2)] = ["<td>...</td>" * (1 + len(names))]
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"
