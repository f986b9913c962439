"""`History`: the results of every epoch, returned by `fit`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jkeras.callbacks import history_views
from jkeras.callbacks.base import Callback
from jkeras.callbacks.monitor import direction


class History(Callback):
    """A callback that records the results of the epochs. `fit` returns it.

    Args:
        batches: whether to record the results of every batch as well: `fit(..., callbacks=[History(batches=True)])`. The compiled
            loop does that without stopping. An addition of jkeras.

    Attributes:
        epoch: the epochs' numbers.
        history: `{"loss": [...], "accuracy": [...], "val_loss": [...]}`, a value per epoch.
        batches: `{"epoch": [...], "batch": [...], "batch_loss": [...], "loss": [...], ...}`, a value per batch; empty unless it was
            asked for. `batch_loss` is the loss of the batch alone, and the others are the means over the epoch so far.

    >>> history = History()
    >>> history.on_epoch_end(0, {"loss": 0.5})
    >>> history.history
    {'loss': [0.5]}
    >>> history
    <History epochs=1, loss=0.5>
    """

    def __init__(self, batches: bool = False) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list] = {}
        self.batches: dict[str, list] = {}
        self._epochs_of: dict[str, list[int]] = {}  # of each result, since validation may be rarer than training
        if batches:
            self.batch_calls = "later"
            self.on_train_batch_end = self._note_batch  # type: ignore[method-assign]

    def __repr__(self) -> str:
        last = "".join(f", {name}={values[-1]:.4g}" for name, values in self.history.items() if np.ndim(values[-1]) == 0)
        return f"<History epochs={len(self.epoch)}{last}>"

    def plot(self, names: Sequence[str] | None = None, log: bool | None = None) -> Any:
        """Draw the results over the epochs with matplotlib: a panel for each quantity, validation beside training.

        The best epoch is marked, of validation if there is one: the smallest loss, and the best value of a metric that says whether
        large values are good.

        Args:
            names: the quantities to draw, without `val_`; all by default.
            log: whether panels have a logarithmic scale; by default those of losses and learning rates whose values are all
                positive and span more than a factor of ten.

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
        known = history_views.in_pairs([name.removeprefix("val_") for name in scalars])
        wanted = known if names is None else list(names)
        missing = [name for name in wanted if name not in known]
        if missing or not wanted:
            what = f"has no {missing}" if missing else "is empty"
            raise ValueError(f"There is nothing to plot: the history {what}. Its quantities are {known}.")
        results = {name: (self._at(name), values) for name, values in scalars.items()}
        return history_views.draw(wanted, results, log, {name: direction(self.model, name) for name in wanted})

    def frame(self, batches: bool = False) -> Any:
        """Return the results as a pandas `DataFrame`: a row for each epoch, a column for each result; NaN where there
        is none.

        Args:
            batches: whether to make it of `batches`, with a row for each batch.

        Raises:
            ImportError: pandas is not installed.
            ValueError: `batches=True`, and none were recorded.

        >>> history = History()
        >>> history.on_epoch_end(0, {"loss": 0.5}), history.on_epoch_end(1, {"loss": 0.25, "val_loss": 0.3})
        (None, None)
        >>> history.frame()
               loss  val_loss
        epoch
        0      0.50       NaN
        1      0.25       0.3
        """
        try:
            import pandas  # optional, and slow to import
        except ImportError:
            raise ImportError("History.frame() needs pandas, which is not installed:\n    pip install pandas") from None
        if not batches:
            columns = {name: pandas.Series(values, self._at(name)) for name, values in self.history.items()}
            return pandas.DataFrame(columns, pandas.Index(self.epoch, name="epoch"))
        if not self.batches:
            raise ValueError(
                "No results of batches were recorded. Ask for them:\n    model.fit(..., callbacks=[History(batches=True)])"
            )
        return pandas.DataFrame(self.batches).set_index(["epoch", "batch"])

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        results = {name: (self._at(name), values) for name, values in self.history.items()}
        return history_views.html_table(self.epoch, results, {name: direction(self.model, name) for name in results})

    def _at(self, name: str) -> list[int]:
        """The epochs of a result; if somebody has filled in `history` by hand, the last ones."""
        values, known = self.history[name], self._epochs_of.get(name, [])
        if len(known) == len(values):
            return known
        last = self.epoch[-len(values) :]
        return last if len(last) == len(values) else list(range(len(values)))

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.epoch, self.history, self.batches, self._epochs_of, self._now = [], {}, {}, {}, 0

    def get_state(self) -> dict:
        lists = {"history": self.history, "epochs_of": self._epochs_of}
        state = {name: {key: list(values) for key, values in kept.items()} for name, kept in lists.items()}
        batches = {name: np.asarray(values) for name, values in self.batches.items()}
        return {"epoch": list(self.epoch), **state, "batches": batches}

    def set_state(self, state: dict) -> None:
        self.epoch, self.history, self._epochs_of = state["epoch"], state["history"], state["epochs_of"]
        self.batches = {name: values.tolist() for name, values in state["batches"].items()}

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._now = epoch

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self._epochs_of.setdefault(name, []).append(epoch)

    def _note_batch(self, batch: int, logs: dict | None = None) -> None:
        for name, value in {"epoch": self._now, "batch": batch, **(logs or {})}.items():
            self.batches.setdefault(name, []).append(value)
