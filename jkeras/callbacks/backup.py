"""`BackupAndRestore`: a callback that lets a killed run continue from its last backup."""

import contextlib
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable
from numbers import Integral
from typing import Any

import jax

from jkeras.callbacks.base import Callback
from jkeras.callbacks.callback_list import CallbackList
from jkeras.callbacks.folders import make_writable
from jkeras.runtime.mesh import ONE_DEVICE, current
from jkeras.saving import orbax, snapshot
from jkeras.saving.divided import DividedStates, is_divided

BACKUP_SECONDS = 300  # of `fit(resume=folder)`


class BackupAndRestore(Callback):
    """A callback that backs up the whole state of a run of `fit`. When the same script is started again, it continues
    the run.

    A backup holds the weights, the optimizer's state, the sums of metrics, the states of all generators of random numbers,
    the order of the data and the place in it, the `History`, and what callbacks keep (`Callback.get_state`). So a run that
    was killed, and is started again, ends with the same weights, bit by bit, as a run that was never killed. Iterators with
    `get_state` and `set_state`, such as Grain's, are set to their place. Data that can only be read from its begin is read once
    more up to the place, with a warning.

    Where arrays are divided between devices, or several processes train together, the library Orbax writes the backup (the extra
    `jkeras[orbax]`), each process its own parts. It is read on any number of devices and processes, in any layout.

    A backup is written beside its place and moved there when it is whole, by a thread, while training goes on. If the disk
    is full, the callback warns, keeps the older backup, and training goes on. When training is complete the backup is
    deleted; a run that was ended by an error or by Ctrl-C keeps it. No file that this callback has not written is ever
    deleted.

    Args:
        backup_dir: the folder for the backup. It is made if it is not there. One folder is for one run.
        save_freq: `"epoch"`, a number of batches, or False for none of them.
        double_checkpoint: whether the backup before the last one is kept as well, and used if the last one is damaged.
        delete_checkpoint: whether the backup is deleted when training is complete.
        save_seconds: also back up when so many seconds have gone by since the last backup; an addition of jkeras.
        save_on_sigterm: whether a SIGTERM, as clusters send it before they end a job, first makes a backup; the process ends after
            that as it does without. An addition of jkeras.

    Raises:
        ValueError: an empty `backup_dir`, a `save_freq` that is none of the above, or, in `fit`, a backup that is damaged or
            belongs to another model, optimizer or data.
        TypeError: the `get_state` of a callback returns what cannot be written.
        OSError: the folder cannot be written.

    Warns:
        UserWarning: a callback of yours has attributes and no `get_state`; the disk is full; data is read once more.

    >>> import jkeras, numpy as np, os, tempfile
    >>> folder = os.path.join(tempfile.mkdtemp(), "backup")
    >>> x, y = np.ones((8, 2)), np.ones((8, 1))
    >>> class Crash(Callback):
    ...     def on_epoch_begin(self, epoch, logs=None):
    ...         if epoch == 2:
    ...             raise RuntimeError
    >>> model = jkeras.Sequential([jkeras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> try:
    ...     model.fit(x, y, epochs=4, verbose=0, callbacks=[BackupAndRestore(folder), Crash()])
    ... except RuntimeError:
    ...     print(os.listdir(folder))
    ['latest.backup']
    >>> model.fit(x, y, epochs=4, verbose=0, callbacks=[BackupAndRestore(folder)]).epoch
    [0, 1, 2, 3]
    >>> os.path.exists(folder)
    False
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike,
        save_freq: str | int | bool = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
        save_seconds: float | None = None,
        save_on_sigterm: bool = False,
    ):
        super().__init__()
        if not backup_dir:
            raise ValueError(f"Empty `backup_dir` argument passed: backup_dir={backup_dir!r}. Give the name of a folder.")
        if save_freq != "epoch" and save_freq is not False:
            is_number = isinstance(save_freq, Integral) and not isinstance(save_freq, bool)
            if not (is_number and save_freq > 0):  # type: ignore[operator]
                raise ValueError(
                    f"Invalid value for argument `save_freq`. Received: save_freq={save_freq!r}. Expected 'epoch', a number of "
                    "batches, 1 or more, or False."
                )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq, self.double_checkpoint, self.delete_checkpoint = save_freq, double_checkpoint, delete_checkpoint
        self.save_seconds, self.save_on_sigterm = save_seconds, save_on_sigterm
        self._weights_path = os.path.join(self.backup_dir, "latest.backup")
        self._prev_weights_path = os.path.join(self.backup_dir, "previous.backup")
        self._divided = DividedStates(os.path.join(self.backup_dir, "divided.backup"), 2 if double_checkpoint else 1)
        self._current_epoch = 0
        self._last_batch_seen = 0
        self._pending: dict | None = None  # the state at a moment that asks for a backup, while callbacks are still called
        self._failed = False
        self._terminated = False
        self._handler: Any = None
        self._writer: threading.Thread | None = None
        self._error: Exception | None = None

    @property
    def batch_calls(self) -> Any:
        """The steps after which the loop returns: every `save_freq`th of the run."""
        return self.save_freq if isinstance(self.save_freq, Integral) and self.save_freq else []

    # -- restoring ----------------------------------------------------------------------------------------------------

    def on_train_begin(self, logs: dict | None = None) -> None:
        if self._run is None:
            raise RuntimeError("BackupAndRestore backs up a run of model.fit(...): pass it in callbacks=[...] there.")
        make_writable(self.backup_dir, "BackupAndRestore")
        self._pending, self._failed, self._terminated, self._error = None, False, False, None
        self._current_epoch = self._last_batch_seen = 0
        self._saved_at = time.monotonic()
        state = self._read()
        if state is not None:
            self._run.resume(state)
            self._current_epoch = self._run.epoch
        if self.save_on_sigterm and threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGTERM, self._note)

    def _read(self) -> dict | None:
        """The newest backup that is whole."""
        found: list[Any] = [path for path in (self._weights_path, self._prev_weights_path) if os.path.exists(path)]
        found += reversed(
            self._divided.numbers()
        )  # there are none, or no files: a new backup of one kind ends those of the other
        for number, path in enumerate(found, 1):
            try:
                return self._divided.read(path, self._place()) if isinstance(path, int) else snapshot.read_snapshot(path)
            except ValueError as error:
                if number == len(found):
                    raise ValueError(f"{error} Delete the file to train from the start.") from None
                warnings.warn(f"{error} The backup before it is used.", stacklevel=4)
        return None

    def _place(self) -> Callable[[str], Any]:
        """Return a function from the name of a variable in the state to its layout."""
        variables, placement = self._run.variables(), current()

        def place(name: str) -> Any:
            return placement.of(variables[name]) if name in variables and placement is not ONE_DEVICE else None

        return place

    # -- saving -------------------------------------------------------------------------------------------------------

    @property
    def _run(self) -> Any:
        return getattr(self.model, "_run_of_fit", None)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._last_batch_seen = batch
        self._pending = self._run.get_state()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._current_epoch, self._last_batch_seen = epoch + 1, 0
        if self.save_freq == "epoch":
            self._pending = self._run.get_state()

    def on_checkpoint(self, logs: dict | None = None) -> None:
        is_late = self.save_seconds is not None and time.monotonic() - self._saved_at >= self.save_seconds
        terminated = self._terminated
        if self.save_seconds is not None or self.save_on_sigterm:  # all processes do the same: what the first one wants
            told = current().agreed(is_late + 2 * terminated)
            is_late, terminated = bool(told & 1), bool(told & 2)
        if self._pending is not None or is_late or terminated:
            self._pending = None
            self._save(self._run.get_state())
        if terminated:
            self._finish()
            self._leave()
            os.kill(os.getpid(), signal.SIGTERM)

    def _save(self, state: dict) -> None:
        """Write a backup, in a thread. What is written is decided now."""
        self._finish()
        arrays: list = []
        for name, own in [*state["callbacks"], ("The iterator of the data: its", state["data"])]:
            try:
                snapshot.encode(own, [])
            except TypeError as error:
                dot = " " if name.endswith("its") else "."
                raise TypeError(f"{name}{dot}get_state() returned what a backup cannot hold: {error}.") from None
        self._saved_at = time.monotonic()
        if is_divided(list(state["variables"].values())):
            self._divided.write(state["variables"], {name: own for name, own in state.items() if name != "variables"})
            return
        structure = snapshot.encode(state, arrays)
        self._writer = threading.Thread(target=self._write, args=(structure, arrays))
        self._writer.start()

    def _write(self, structure: Any, arrays: list) -> None:
        try:
            if self.double_checkpoint and os.path.exists(self._weights_path):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._prev_weights_path)
                os.link(self._weights_path, self._prev_weights_path)  # both names, until the new file takes the first
            snapshot.write_snapshot(self._weights_path, structure, arrays)
            self._divided.remove()  # of a run before, on several devices
        except Exception as error:
            self._error = error

    def _finish(self) -> None:
        """Wait until the backup that is being written is on disk."""
        if self._writer is not None:
            if self._writer.ident is not None:  # a Ctrl-C may have come before it was started
                self._writer.join()
            self._writer = None
        try:
            if self._divided.finish():
                self._remove_files()
        except Exception as failure:
            self._error = failure
        error, self._error = self._error, None
        if error is not None and orbax.is_full(error):
            warnings.warn(f"The disk is full: no backup was made; training goes on. ({error})", stacklevel=4)
        elif error is not None:
            raise error

    # -- the end ------------------------------------------------------------------------------------------------------

    def on_train_error(self, error: BaseException) -> None:
        self._failed = True
        self._leave()
        pending, self._pending = self._pending, None
        if jax.process_count() > 1:  # the others may not be there any more, and none can write alone
            return
        if pending is not None:
            self._save(pending)
        self._finish()
        self._divided.close()

    def on_train_end(self, logs: dict | None = None) -> None:
        self._leave()
        if self._failed:  # by Ctrl-C
            return
        self._finish()
        self._divided.close()
        if not self.delete_checkpoint:
            return
        self._remove_files()
        self._divided.remove()
        with contextlib.suppress(OSError):  # there is something of somebody else's in it
            os.rmdir(self.backup_dir)

    def _remove_files(self) -> None:
        for path in (self._weights_path, self._prev_weights_path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def _note(self, number: int, frame: Any) -> None:
        self._terminated = True

    def _leave(self) -> None:
        if self._handler is not None:
            signal.signal(signal.SIGTERM, self._handler)
            self._handler = None


def with_backup(callbacks: Any, resume: Any) -> Any:
    """The callbacks of a run, with a `BackupAndRestore` for `fit(resume=folder)`.

    Raises:
        ValueError: there is a `BackupAndRestore` already.

    >>> len(with_backup([], "folder")), with_backup([], None)
    (1, [])
    """
    if resume is None:
        return callbacks
    if isinstance(resume, bool) or not isinstance(resume, (str, os.PathLike)):
        raise ValueError(f"resume must be the name of a folder, got {resume!r}: model.fit(..., resume='backup').")
    listed = CallbackList(callbacks).callbacks
    if any(isinstance(callback, BackupAndRestore) for callback in listed):
        raise ValueError(
            "fit(resume=...) makes a BackupAndRestore, and there is one in callbacks already. Give one of the two."
        )
    return [*listed, BackupAndRestore(resume, save_seconds=BACKUP_SECONDS)]
