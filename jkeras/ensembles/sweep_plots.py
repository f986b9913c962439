"""Plots of a sweep, on axes of matplotlib."""

from typing import Any

import numpy as np

MOST_NUMBERS = 64  # a heat map of so many cells has room for a number in each


def _label(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def line(axes: Any, name: str, points: list[dict], scores: np.ndarray, monitor: str) -> None:
    """A point for each row, over the values of one name."""
    values = [point.get(name, 0) for point in points]
    labels = list(dict.fromkeys(map(_label, values)))
    axes.plot([labels.index(_label(value)) for value in values], scores, "o")
    axes.set_xticks(range(len(labels)), labels)
    axes.set_xlabel(name)
    axes.set_ylabel(monitor)


def heat(figure: Any, axes: Any, names: list[str], points: list[dict], scores: np.ndarray, monitor: str) -> None:
    """The mean result for each pair of values of two names."""
    first, second = ([_label(v) for v in dict.fromkeys(point[name] for point in points)] for name in names)
    sums, counts = np.zeros((len(first), len(second))), np.zeros((len(first), len(second)))
    for point, score in zip(points, scores, strict=True):
        place = first.index(_label(point[names[0]])), second.index(_label(point[names[1]]))
        sums[place] += score
        counts[place] += 1
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    image = axes.imshow(means, aspect="auto", cmap="viridis")
    axes.set_yticks(range(len(first)), first)
    axes.set_xticks(range(len(second)), second)
    axes.set_ylabel(names[0])
    axes.set_xlabel(names[1])
    figure.colorbar(image, label=monitor)
    if means.size <= MOST_NUMBERS:
        for place, mean in np.ndenumerate(means):
            dark = image.norm(mean) < 0.6
            axes.text(*place[::-1], f"{mean:.3g}", ha="center", va="center", fontsize=8, color="white" if dark else "black")


def parallel(colors: Any, axes: Any, names: list[str], points: list[dict], scores: np.ndarray, monitor: str) -> None:
    """A line for each row: through its values of all names, to its result."""
    places = []
    for name in names:
        labels = list(dict.fromkeys(_label(point[name]) for point in points))
        places.append([labels.index(_label(point[name])) / max(1, len(labels) - 1) for point in points])
        for i, label in enumerate(labels):
            axes.annotate(
                label,
                (len(places) - 1, i / max(1, len(labels) - 1)),
                (-5, 0),
                textcoords="offset points",
                fontsize=8,
                ha="right",
                va="center",
                zorder=3,
                bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1},
            )
    finite = np.isfinite(scores)
    low, high = (scores[finite].min(), scores[finite].max()) if finite.any() else (0.0, 1.0)
    span = high - low or 1.0
    places.append(((np.where(finite, scores, high) - low) / span).tolist())
    for i, each in enumerate(np.transpose(places)):
        axes.plot(range(len(names) + 1), each, color=colors(each[-1]), alpha=0.6, linestyle="-" if finite[i] else ":")
    for place in range(len(names) + 1):
        axes.axvline(place, color="0.6", linewidth=0.8, zorder=0)
    axes.set_xticks(range(len(names) + 1), [*names, monitor])
    axes.set_xlim(-0.35, len(names))
    axes.set_yticks([0, 0.5, 1], [f"{low + part * span:.3g}" for part in (0, 0.5, 1)])
    axes.yaxis.tick_right()
    axes.spines[["top", "left", "right", "bottom"]].set_visible(False)
