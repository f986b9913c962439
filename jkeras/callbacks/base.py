"""Callbacks: what happens between the steps, batches and epochs of training.

A callback that overrides a batch hook is called for every batch, so training hands control back to Python after each
one; callbacks that look only at epochs cost nothing per step.
"""

from typing import Any

_BATCH_HOOKS = {
    "train": ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


class Callback:
    """Base of all callbacks: override the hooks you need.

    `logs` is a dict of the running results (`{"loss": 0.3, ...}`); hooks may read and change the model's weights, its
    optimizer's learning rate, and set `self.model.stop_training = True`.

    Attributes:
        model: the model in training.
        params: `{"verbose": ..., "epochs": ..., "steps": ...}`.

    >>> class Stop(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.model.stop_training = logs["loss"] < 0.1
    """

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
        """The older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """The older name of `on_train_batch_end`."""

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Before an epoch of training."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """After an epoch and its validation; `logs` has both results, validation's prefixed `val_`."""

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Before a training batch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """After a training batch; `logs` are the results of the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_test_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Before an evaluation batch."""

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """After an evaluation batch."""

    def on_predict_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Before a prediction batch."""

    def on_predict_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """After a prediction batch; `logs["outputs"]` are its outputs."""

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Before training."""

    def on_train_end(self, logs: dict | None = None) -> None:
        """After training; `logs` are the last epoch's."""

    def on_test_begin(self, logs: dict | None = None) -> None:
        """Before evaluation or validation."""

    def on_test_end(self, logs: dict | None = None) -> None:
        """After evaluation or validation."""

    def on_predict_begin(self, logs: dict | None = None) -> None:
        """Before prediction."""

    def on_predict_end(self, logs: dict | None = None) -> None:
        """After prediction."""


class CallbackList:
    """Calls several callbacks as if they were one.

    Args:
        callbacks: a callback or a list of them.
        model: passed to each.
        params: passed to each.
    """

    def __init__(self, callbacks: Any, model: Any, params: dict):
        self.callbacks = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []
        for callback in self.callbacks:
            callback.set_params(params)
            callback.set_model(model)

    def watches_batches(self, mode: str) -> bool:
        """Whether a callback wants to be called for every batch of `"train"`, `"test"` or `"predict"`."""
        return any(overrides(c, hook) for c in self.callbacks for hook in _BATCH_HOOKS[mode])

    def __getattr__(self, hook: str) -> Any:
        if not hook.startswith("on_"):
            raise AttributeError(hook)
        overriding = [getattr(c, hook) for c in self.callbacks if overrides(c, hook) or self._forwards(c, hook)]

        def call(*args: Any) -> None:
            for function in overriding:
                function(*args)

        setattr(self, hook, call)
        return call

    @staticmethod
    def _forwards(callback: Any, hook: str) -> bool:
        return hook.startswith("on_train_batch") and overrides(callback, hook.replace("train_", ""))


def overrides(callback: Any, hook: str) -> bool:
    """Whether a callback's class has a hook of its own.

    >>> overrides(Callback(), "on_epoch_end")
    False
    """
    return getattr(type(callback), hook, None) is not getattr(Callback, hook, None)
