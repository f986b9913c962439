"""`OrbaxCheckpoint`: checkpoints that Orbax writes, in the background, and on all hosts of a run together."""

import os
import warnings
from numbers import Integral
from typing import Any

import jax
import numpy as np

from jkeras.callbacks.folders import make_writable
from jkeras.callbacks.saver import Saver, check_save_freq
from jkeras.runtime.mesh import is_first_process
from jkeras.saving import orbax


class OrbaxCheckpoint(Saver):
    """A callback that saves the model with the library Orbax during training. It needs the extra `jkeras[orbax]`.

    Each checkpoint is a folder in `directory`, named after its step: the number of the epoch, counted from 0, or with a `save_freq`
    in batches the number of batches that the optimizer has seen. If `directory` holds checkpoints of an earlier run, the
    numbers go on after them. `load_model(directory)` and `model.load_weights(directory)` read the newest; those of Keras are
    read, and Keras reads these.

    If the disk is full, the callback warns, keeps the older checkpoints, and training goes on.

    Args:
        directory: the folder for the checkpoints. It is made if it is not there.
        monitor: the name of the quantity in the logs that says which model is best.
        verbose: 1 says what is saved.
        save_best_only: whether to save only a model that is better than all before.
        mode: `"min"` if smaller is better, `"max"` if larger is, `"auto"` to know it from the metric.
        save_freq: `"epoch"`, or a number of batches.
        initial_value_threshold: with `save_best_only`, the value to beat at first.
        max_to_keep: how many checkpoints stay, the newest ones; None for all.
        save_on_background: whether training goes on while a checkpoint is written.
        save_weights_only: whether to save the weights alone, without the model's config and the optimizer's state.

    Raises:
        ImportError: Orbax is not installed.
        ValueError: a `save_freq` that is neither `"epoch"` nor a positive integer, or a `max_to_keep` below 1.
        OSError: the folder cannot be written; this is found out before training begins.

    Warns:
        UserWarning: the quantity is not in the logs, and nothing is saved; or the disk is full.

    >>> import jkeras, numpy as np, os, tempfile
    >>> model = jkeras.Sequential([jkeras.Input((2,)), jkeras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> folder = tempfile.mkdtemp()
    >>> save = OrbaxCheckpoint(folder, max_to_keep=2)
    >>> history = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=3, verbose=0, callbacks=[save])
    >>> sorted(os.listdir(folder))
    ['1', '2']
    >>> bool((jkeras.models.load_model(folder).layers[0].kernel == model.layers[0].kernel).all())
    True
    """

    kept = ("best", "_batches")

    def __init__(
        self,
        directory: str | os.PathLike,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        max_to_keep: int | None = 1,
        save_on_background: bool = True,
        save_weights_only: bool = False,
    ):
        super().__init__(monitor, mode, initial_value_threshold)
        orbax.library()
        check_save_freq(save_freq)
        if max_to_keep is not None and not (isinstance(max_to_keep, Integral) and max_to_keep > 0):
            raise ValueError(
                f"max_to_keep must be a number of checkpoints, 1 or more, or None for all, got {max_to_keep!r}."
            )
        self.directory = os.path.abspath(os.fspath(directory))
        self.verbose, self.save_best_only, self.save_freq = verbose, save_best_only, save_freq
        self.max_to_keep, self.save_on_background, self.save_weights_only = (
            max_to_keep,
            save_on_background,
            save_weights_only,
        )
        self._writing: list = []  # what the background has not finished
        self._checkpointer: Any = None
        self._first: int | None = None  # what the number of the first checkpoint is, if others came before
        self._shift = 0
        self._batches = 0

    @property
    def checkpointer(self) -> Any:
        """Orbax's `Checkpointer`, while training lasts."""
        if self._checkpointer is None:
            self._checkpointer = orbax.checkpointer(self.directory, self.max_to_keep)
        return self._checkpointer

    def on_train_begin(self, logs: dict | None = None) -> None:
        super().on_train_begin(logs)
        make_writable(self.directory, "OrbaxCheckpoint")
        self._batches = int(self.model.optimizer.iterations) if self.model.optimizer is not None else 0
        self._first, self._shift = None, 0

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._batches += self.save_freq if self._due is not None and self.save_freq != "epoch" else 1
        super().on_train_batch_end(batch, logs)

    def on_train_end(self, logs: dict | None = None) -> None:
        self.wait_until_finished()
        if self._checkpointer is not None:
            self._checkpointer.close()
            self._checkpointer = None

    def on_train_error(self, error: BaseException) -> None:
        if jax.process_count() == 1:  # the other processes may not be there any more
            self.on_train_end()

    def wait_until_finished(self) -> None:
        """Wait until all checkpoints are on disk."""
        writing, self._writing = self._writing, []
        for future in writing:
            self._obeying_the_disk(future.result)

    def _save_model(self, epoch: int, batch: int | None, logs: dict | None) -> None:
        if not self._should_save(epoch, logs or {}):
            return
        self.wait_until_finished()
        parts, step = (
            orbax.contents(self.model, self.save_weights_only),
            self._number(epoch if batch is None else self._batches),
        )
        if self.verbose > 0 and is_first_process():
            print(f"\nEpoch {epoch + 1}: saving model to {os.path.join(self.directory, str(step))}")
        with orbax.library().Context():
            if self.save_on_background:
                save = lambda: self._writing.append(self.checkpointer.save_checkpointables_async(step, parts))  # noqa: E731
            else:
                save = lambda: self.checkpointer.save_checkpointables(step, parts)  # noqa: E731
            if self._obeying_the_disk(save) and self.save_best_only:
                self.best = (logs or {})[self.monitor]

    def _number(self, step: int) -> int:
        """The number of a checkpoint, above those of the runs before."""
        if self._first is None:
            self._first, found = step, orbax.steps(self.directory)
            self._shift = found[-1] + 1 - step if found and found[-1] >= step else 0
        return step + self._shift

    def _should_save(self, epoch: int, logs: dict) -> bool:
        if not self.save_best_only:
            return True
        value = logs.get(self.monitor)
        if value is None or np.ndim(value) > 0:
            warnings.warn(
                f"Can save best model only with {self.monitor} available, as a scalar; nothing is saved at epoch {epoch + 1}. "
                f"Available metrics are: {','.join(logs)}.",
                stacklevel=4,
            )
            return False
        return self.is_better(value, self.best)

    @staticmethod
    def _obeying_the_disk(action: Any) -> bool:
        """Do something that writes. Returns whether there was room for it."""
        try:
            action()
        except Exception as error:
            if not orbax.is_full(error):
                raise
            warnings.warn(f"The disk is full: no checkpoint was saved; training goes on. ({error})", stacklevel=4)
            return False
        return True
