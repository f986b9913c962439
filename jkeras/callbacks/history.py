"""`History`: the results of every epoch, returned by `fit`."""

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
