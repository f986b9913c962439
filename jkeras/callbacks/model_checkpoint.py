"""`ModelCheckpoint`: a callback that saves the model at the end of epochs or every n batches."""

import errno
import os
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jkeras.callbacks.folders import make_writable
from jkeras.callbacks.saver import Saver, check_save_freq
from jkeras.runtime.mesh import is_first_process
from jkeras.saving import orbax

ORBAX = ".orbax"


class ModelCheckpoint(Saver):
    """A callback that saves the model, or its weights, during training.

    A file is written beside its place and moved there when it is whole, so a file that is there is never half a file. If the disk is
    full, the callback warns, keeps the older file, and training goes on.

    Args:
        filepath: where to save. It may hold fields that are filled in: `"{epoch:02d}-{val_loss:.2f}.keras"`; `epoch` and `batch`
            count from 1, the others are the names in the logs. It ends in `.keras` or `.h5`, or, for weights, in `.weights.h5`; or in
            `.orbax`, for a folder that Orbax writes in the background, on several devices each process its own parts of the arrays
            (the extra `jkeras[orbax]`). Folders that are not there are made.
        monitor: the name of the quantity in the logs that says which model is best.
        verbose: 1 says what is saved.
        save_best_only: whether to save only a model that is better than all before.
        save_weights_only: whether to save the weights (with the optimizer's state) instead of the whole model.
        mode: `"min"` if smaller is better, `"max"` if larger is, `"auto"` to know it from the metric.
        save_freq: `"epoch"`, or a number of batches. The compiled loop returns after so many batches, and nowhere else.
        initial_value_threshold: with `save_best_only`, the value to beat at first.

    Raises:
        ValueError: a wrong ending of the file's name, or a `save_freq` that is neither `"epoch"` nor a positive integer.
        OSError: the file cannot be written; this is found out before training begins, where that can be.
        KeyError: `filepath` has a field that is not in the logs.

    >>> import jkeras, numpy as np, os, tempfile
    >>> model = jkeras.Sequential([jkeras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> folder = tempfile.mkdtemp()
    >>> save = ModelCheckpoint(os.path.join(folder, "{epoch:02d}.keras"))
    >>> history = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=2, verbose=0, callbacks=[save])
    >>> sorted(os.listdir(folder))
    ['01.keras', '02.keras']
    """

    def __init__(
        self,
        filepath: str | os.PathLike,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ):
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose, self.save_best_only, self.save_weights_only = verbose, save_best_only, save_weights_only
        self.save_freq = save_freq
        check_save_freq(save_freq)
        self._writing: Any = None  # what the background has not finished
        if self.filepath.endswith(ORBAX):
            orbax.library()
        endings = (".weights.h5", ORBAX) if save_weights_only else (".keras", ".h5", ORBAX)
        if not self.filepath.endswith(endings):
            option = "save_weights_only=True" if save_weights_only else "save_weights_only=False"
            raise ValueError(
                f"With {option}, the filepath of ModelCheckpoint must end in {' or '.join(map(repr, endings))}. "
                f"Received: filepath={self.filepath}"
            )

    def on_train_begin(self, logs: dict | None = None) -> None:
        super().on_train_begin(logs)
        folder = os.path.dirname(self.filepath) or "."
        if "{" in folder:  # known only when it is filled in
            return
        make_writable(folder, f"ModelCheckpoint(filepath={self.filepath!r})")
        if os.path.isdir(self.filepath) and not self.filepath.endswith(ORBAX):
            raise _is_a_directory(self.filepath)

    def on_train_end(self, logs: dict | None = None) -> None:
        self._finish(self.filepath)

    def on_train_error(self, error: BaseException) -> None:
        if jax.process_count() == 1:  # the other processes may not be there any more
            self._finish(self.filepath)

    def _should_save_model(self, epoch: int, batch: int | None, logs: dict, filepath: str) -> bool:
        if not self.save_best_only:
            self._say(epoch, f"saving model to {filepath}")
            return True
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(
                f"Can save best model only with {self.monitor} available. Available metrics are: {','.join(logs)}. "
                "The model is saved without a comparison.",
                stacklevel=4,
            )
            return True
        if np.ndim(current) > 0:
            warnings.warn(
                f"Can save best model only when `monitor` is a scalar value. Received: {current}. "
                "Falling back to `save_best_only=False`.",
                stacklevel=4,
            )
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        if not self.is_better(current, self.best):
            self._say(epoch, f"{self.monitor} did not improve from {best}")
            return False
        self._say(epoch, f"{self.monitor} improved from {best} to {current:.5f}, saving model to {filepath}")
        return True

    def _save_model(self, epoch: int, batch: int | None, logs: dict | None) -> None:
        logs = logs or {}
        filepath = self._get_file_path(epoch, batch, logs)
        if not self._should_save_model(epoch, batch, logs, filepath):
            return
        if not self._finish(filepath, then=lambda: self._write(filepath)):
            return
        if self.save_best_only and np.ndim(logs.get(self.monitor, ())) == 0:
            self.best = logs[self.monitor]  # now that it is on disk
        self._say(epoch, f"finished saving model to {filepath}")

    def _write(self, filepath: str) -> None:
        os.makedirs(os.path.dirname(filepath) or ".", exist_ok=True)
        if filepath.endswith(ORBAX):
            self._writing = orbax.save(self.model, filepath, self.save_weights_only)
        elif self.save_weights_only:
            self.model.save_weights(filepath, overwrite=True)
        else:
            self.model.save(filepath, overwrite=True)

    def _finish(self, filepath: str, then: Callable[[], None] = lambda: None) -> bool:
        """Wait for what is being written, and do something then. Returns whether there was room for it."""
        writing, self._writing = self._writing, None
        try:
            if writing is not None:
                writing.result()
            then()
        except IsADirectoryError as error:
            raise _is_a_directory(filepath) from error
        except Exception as error:
            if not orbax.is_full(error):
                raise
            warnings.warn(
                f"The disk is full: the model was not saved to {filepath}; training goes on. ({error})", stacklevel=4
            )
            return False
        return True

    def _get_file_path(self, epoch: int, batch: int | None, logs: dict | None) -> str:
        fields = {"epoch": epoch + 1, **(logs or {})}
        if batch is not None:
            fields.setdefault("batch", batch + 1)
        try:
            return self.filepath.format(**fields)
        except KeyError as error:
            raise KeyError(
                f'Failed to format this callback filepath: "{self.filepath}". Reason: {error} is not among {sorted(fields)}.'
            ) from None

    def _say(self, epoch: int, text: str) -> None:
        if self.verbose > 0 and is_first_process():
            print(f"\nEpoch {epoch + 1}: {text}")


def _is_a_directory(path: str) -> IsADirectoryError:
    return IsADirectoryError(
        errno.EISDIR,
        f"Please specify a non-directory filepath for ModelCheckpoint. Filepath used is an existing directory: {path}",
    )
