"""`History`: the results of every epoch, returned by `fit`."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from jkeras.callbacks.base import Callback


class History(Callback):
    """Records what the epochs came to.

    Attributes:
        epoch: the epochs' numbers.
        history: `{"loss": [...], "accuracy": [...], "val_loss": [...]}`, a value per epoch.

    >>> history = History()
    >>> history.on_epoch_end(0, {"loss": 0.5})
    >>> history.history
    {'loss': [0.5]}
    >>> history
    <History epochs=1, loss=0.5>
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list] = {}

    def __repr__(self) -> str:
        last = "".join(f", {name}={values[-1]:.4g}" for name, values in self.history.items() if np.ndim(values[-1]) == 0)
        return f"<History epochs={len(self.epoch)}{last}>"

    def plot(self, names: Sequence[str] | None = None, log: bool | None = None) -> Any:
        """Draw the results over the epochs with matplotlib: a panel for each quantity, validation beside training.

        The best epoch is marked where the quantity is a loss: the smallest value, of validation if there is one.

        Args:
            names: the quantities to draw, without `val_`; all by default.
            log: whether panels have a logarithmic scale; by default those of losses whose values are all positive and span more
                than a factor of ten.

        Returns:
            The figure, which a notebook shows and `figure.savefig("history.png")` saves.

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: there is nothing to draw, or no quantity of such a name.

        >>> history = History()
        >>> for epoch in range(3):
        ...     history.on_epoch_end(epoch, {"loss": 1 / (1 + epoch), "val_loss": 1.0, "acc": 0.5})
        >>> [axes.get_title() for axes in history.plot().axes]
        ['loss', 'acc']
        """
        scalars = {name: values for name, values in self.history.items() if all(np.ndim(value) == 0 for value in values)}
        known = list(dict.fromkeys(name.removeprefix("val_") for name in scalars))
        wanted = known if names is None else list(names)
        missing = [name for name in wanted if name not in known]
        if missing or not wanted:
            what = f"has no {missing}" if missing else "is empty"
            raise ValueError(f"There is nothing to draw: the history {what}. Its quantities are {known}.")
        try:
            from matplotlib.figure import Figure  # optional, and slow to import
        except ImportError:
            raise ImportError(
                'History.plot() draws with matplotlib, which is not installed:\n    pip install "jkeras[plot]"'
            ) from None
        columns = min(3, len(wanted))
        rows = -(-len(wanted) // columns)
        figure = Figure(figsize=(4.5 * columns, 3.2 * rows), layout="constrained")
        for name, axes in zip(wanted, figure.subplots(rows, columns, squeeze=False).flat, strict=False):
            _panel(axes, name, self.epoch, scalars, log)
        for axes in figure.axes[len(wanted) :]:
            axes.remove()
        if "ipykernel" in type(sys.stdout).__module__:
            from IPython.display import display  # a notebook has it

            display(figure)
        return figure

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.epoch, self.history = [], {}

    def get_state(self) -> dict:
        return {"epoch": list(self.epoch), "history": {name: list(values) for name, values in self.history.items()}}

    def set_state(self, state: dict) -> None:
        self.epoch, self.history = state["epoch"], state["history"]

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


def _panel(axes: Any, name: str, epochs: list[int], scalars: dict[str, list], log: bool | None) -> None:
    """One quantity: training as a thin line, validation as a thick one, a mark at the best epoch of a loss."""
    is_loss = name == "loss" or name.endswith("_loss")
    lines = [(label, scalars[key]) for label, key in (("training", name), ("validation", f"val_{name}")) if key in scalars]
    for label, values in lines:
        at = epochs[-len(values) :]  # validation may have begun later, or be rarer
        axes.plot(at if len(at) == len(values) else range(len(values)), values, "-" if len(values) > 1 else "o", label=label)
    numbers = np.asarray([value for _, values in lines for value in values], float)
    finite = numbers[np.isfinite(numbers)]
    if is_loss and np.isfinite(lines[-1][1]).any() and len(lines[-1][1]) == len(epochs):
        best = int(np.nanargmin(np.where(np.isfinite(lines[-1][1]), lines[-1][1], np.nan)))
        axes.plot(epochs[best], lines[-1][1][best], "k*", markersize=9, label=f"best: epoch {epochs[best]}")
    wide = is_loss and finite.size > 0 and finite.min() > 0 and finite.max() > 10 * finite.min()
    axes.set_yscale("log" if (wide if log is None else log) else "linear")
    axes.set_title(name)
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend()
