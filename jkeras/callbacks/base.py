"""The base class of callbacks, whose hooks are called between the steps, batches and epochs of training.

A callback that overrides a batch hook is called for every batch, so training returns to Python after each one. With
`batch_calls`, a callback can ask for fewer calls. Callbacks that only use epochs cost nothing per step.
"""

from typing import Any

from jkeras.arguments import Checked


class Callback(Checked):
    """The base class of callbacks. A subclass overrides the hooks that it needs.

    `logs` is a dict of the running results (`{"loss": 0.3, ...}`); hooks may read and change the model's weights, its
    optimizer's learning rate, and set `self.model.stop_training = True` (`stop_evaluating` and `stop_predicting` end an evaluation
    and a prediction).

    Attributes:
        model: the model in training.
        params: `{"verbose": ..., "epochs": ..., "steps": ...}`.
        batch_calls: when the batch hooks are called. Training runs many steps per call of a compiled loop, and returns to
            Python where a callback wants to be called. Set it in the class (a property will do) or on the object:

            - `"each"`, the default: before and after every batch. The loop then runs one batch at a time.
            - a number `n`: `on_train_batch_end` after every `n` training steps of the run, counted on through its epochs.
            - a list or set of numbers, or a function: the hooks for these training steps. The steps of a run are numbered
              from 0. The function is given the number of the next step and returns the first number, this or a later
              one, that it wants to be called for, or None if there is no more.
            - `"chunk"`: `on_train_batch_end` whenever the loop returns anyway, about every 75 ms.
            - `"later"`: the hooks of every batch, in order, some time after it. Such a callback may only read `logs`, which
              are those of its batch and hold the batch's own loss as `"batch_loss"` besides. If it sets `stop_training`,
              training stops after the batches that have been run by then.
            - `"nonfinite"`: `on_train_batch_end` after a batch whose loss is NaN or infinite, with `"batch_loss"` in the
              logs. The loop stops at that batch and leaves out its step: weights, optimizer and the states of layers are
              those before it. Training goes on with the next batch unless the callback sets `stop_training`.
            - `"nonfinite update"`: the same, and also after a batch whose step would make a parameter or the optimizer's state NaN or
              infinite, as gradients do that are not finite. The results of the epoch leave out that batch, too.

            During evaluation, `"later"` works as in training, and anything else means `"each"`. During prediction, everything
            means `"each"`. A subclass that overrides a batch hook and does not set `batch_calls` itself gets `"each"`.

    >>> class Stop(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.model.stop_training = logs["loss"] < 0.1

    >>> class Sample(Callback):
    ...     batch_calls = 100
    ...     def on_train_batch_end(self, batch, logs=None):
    ...         print(batch, self.model.layers[0].bias)
    """

    batch_calls: Any = "each"

    def __init__(self) -> None:
        self.params: dict = {}
        self._model: Any = None

    @property
    def model(self) -> Any:
        """The model in training."""
        return self._model

    def set_params(self, params: dict) -> None:
        """Called once before the run with its parameters."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Called once before the run with the model."""
        self._model = model

    def on_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """This is the older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """This is the older name of `on_train_batch_end`."""

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Before an epoch of training."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Called after an epoch and its validation. `logs` contains the results of both; names of validation results
        begin with `val_`.
        """

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Before a training batch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Called after a training batch. `logs` contains the results of the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_test_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Before an evaluation batch."""

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Called after an evaluation batch."""

    def on_predict_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Before a prediction batch."""

    def on_predict_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Called after a prediction batch. `logs["outputs"]` contains its outputs."""

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Before training."""

    def on_train_end(self, logs: dict | None = None) -> None:
        """Called after training, also if Ctrl-C has ended it. `logs` contains the results of the last epoch."""

    def on_train_error(self, error: BaseException) -> None:
        """Called after an exception or Ctrl-C has ended training, before the exception reaches the caller of `fit`."""

    def on_checkpoint(self, logs: dict | None = None) -> None:
        """Called after all other hooks of a batch or an epoch. The state of the whole run can be saved here."""

    def get_state(self) -> dict | None:
        """Return the state of this callback for a backup of the run. In a resumed run, it is passed to `set_state`.

        Returns:
            A dict of numbers, texts, arrays, and lists, tuples and dicts of them. None for a callback that has nothing to keep.
        """
        return None

    def set_state(self, state: dict) -> None:
        """Take back what `get_state` returned; called after `on_train_begin`, and within an epoch after `on_epoch_begin`."""

    def on_test_begin(self, logs: dict | None = None) -> None:
        """Before evaluation or validation."""

    def on_test_end(self, logs: dict | None = None) -> None:
        """Called after evaluation or validation."""

    def on_predict_begin(self, logs: dict | None = None) -> None:
        """Before prediction."""

    def on_predict_end(self, logs: dict | None = None) -> None:
        """Called after prediction."""
