"""`CSVLogger`: a callback that writes the results of every epoch to a CSV file."""

import csv
import io
import os
from typing import Any

import numpy as np

from jkeras.callbacks.base import Callback
from jkeras.runtime.mesh import is_first_process


class CSVLogger(Callback):
    """A callback that writes a row of results to a CSV file at the end of each epoch.

    The first column is the epoch, the others are the results in alphabetical order. Where training has no validation, columns
    for it are there all the same, filled with `NA`; a file can so be continued by a run that has.

    Of several processes that train together, the first one writes.

    Args:
        filename: of the file; it is opened when training begins.
        separator: what stands between two values.
        append: whether to continue a file that is there; otherwise it is replaced.

    Raises:
        OSError: the file cannot be written.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "log.csv"
    >>> logger = CSVLogger(path)
    >>> logger.on_train_begin(), logger.on_epoch_end(0, {"val_loss": 0.25, "loss": 0.5}), logger.on_train_end()
    (None, None, None)
    >>> print(path.read_text())
    epoch,loss,val_loss
    0,0.5,0.25
    <BLANKLINE>
    """

    def __init__(self, filename: str | os.PathLike, separator: str = ",", append: bool = False):
        super().__init__()
        self.filename, self.sep, self.append = os.fspath(filename), separator, append
        self.keys: Any = None  # the columns, from the first epoch on
        self.csv_file: Any = None  # a file during training
        self.writer: Any = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._close()
        continued = self.append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        if is_first_process():
            self.csv_file = open(self.filename, "a" if self.append else "w", newline="")  # noqa: SIM115 (open for a whole run)
        else:
            self.csv_file = io.StringIO()
        self.keys, self.writer, self._has_header = None, None, continued

    def get_state(self) -> dict:
        """Return the text of the file. Rows that were written after a backup are written again by the resumed run."""
        if not is_first_process():
            return {"text": "", "keys": self.keys}
        with open(self.filename, newline="") as file:
            return {"text": file.read(), "keys": self.keys}

    def set_state(self, state: dict) -> None:
        self.csv_file.truncate(0)
        self.csv_file.seek(0)
        self.csv_file.write(state["text"])
        self.csv_file.flush()
        self._has_header, self.keys = bool(state["text"]), state["keys"]

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs = logs or {}
        if self.writer is None:
            if self.keys is None:
                self.keys = sorted(logs)
                if not any(key.startswith("val_") for key in self.keys):
                    self.keys += [f"val_{key}" for key in self.keys]
            self.writer = csv.writer(self.csv_file, delimiter=self.sep, lineterminator=os.linesep)
            if not self._has_header:
                self.writer.writerow(["epoch", *self.keys])
        self.writer.writerow([epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)])
        self.csv_file.flush()

    def on_train_end(self, logs: dict | None = None) -> None:
        self._close()

    def on_train_error(self, error: BaseException) -> None:
        self._close()

    def _close(self) -> None:
        if self.csv_file is not None:
            self.csv_file.close()
        self.writer = None


def _cell(value: Any) -> Any:
    """A value as it stands in the file: lists and arrays in quotes and brackets."""
    if isinstance(value, str) or np.ndim(value) == 0:
        return value
    return f'"[{", ".join(map(str, value))}]"'
