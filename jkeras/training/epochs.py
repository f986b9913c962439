"""The loop over epochs."""

from typing import Any

import numpy as np

from jkeras.callbacks.callback_list import CallbackList
from jkeras.callbacks.progress import Progress
from jkeras.data import ArrayData
from jkeras.training.agreement import anywhere
from jkeras.training.custom import is_custom
from jkeras.training.feed import Feed
from jkeras.training.passes import EvaluationPass, TrainingPass
from jkeras.training.results import by_name
from jkeras.training.run import Run
from jkeras.training.stats import Clock


class Validation:
    """The data of the validation during `fit`, and the epochs after which it runs.

    Args:
        feed: the data.
        steps: the number of batches; None for all.
        frequency: after every so many epochs, or after the epochs in this list, counted from 1.
        arguments: the same data as arguments of `evaluate`, for a model that overrides it.
    """

    def __init__(self, feed: Feed, steps: int | None, frequency: Any, arguments: dict[str, Any]):
        self.feed, self.steps, self.frequency, self.arguments = feed, steps, frequency, arguments

    def results(self, model: Any, callbacks: CallbackList) -> dict:
        """Evaluate a model.

        Raises:
            TypeError: the model's own `evaluate` has not returned a dict.
        """
        if not is_custom(model, "evaluate"):
            return EvaluationPass(model, self.feed, callbacks, None, self.steps).evaluate()
        results = model.evaluate(**self.arguments, callbacks=callbacks, return_dict=True)
        if not isinstance(results, dict):
            raise TypeError(
                f"{type(model).__name__}.evaluate must return a dict when it is called with return_dict=True, as fit does after an "
                f"epoch; got {type(results).__name__}."
            )
        return results

    def is_due(self, epoch: int) -> bool:
        """True if an epoch, counted from 0, is followed by a validation."""
        if isinstance(self.frequency, (list, tuple, set)):
            return epoch + 1 in self.frequency
        return (epoch + 1) % self.frequency == 0


def train(run: Run, epochs: int, validation: Validation | None, progress: Progress | None) -> None:
    """The epochs of `fit`, while no other thread trains the model.

    Args:
        run: the run, whose position moves on.
        epochs: the number of the last epoch.
        validation: None for none.
        progress: the progress bar, or None.
    """
    model, feed, callbacks, initial_epoch = run.model, run.feed, run.callbacks, run.epoch
    compiled, data, logs, finite = model._compiled, feed.data, {}, True
    try:
        model._run_of_fit = run
        callbacks.on_train_begin({})
        goes_on = run.begin()
        logs = run.logs
        for epoch in range(run.epoch, epochs if goes_on else run.epoch):
            if epoch > initial_epoch and anywhere(data.is_used_up()):
                break
            callbacks.on_epoch_begin(epoch, {})
            logs = TrainingPass(model, feed, callbacks, progress, run).epoch(epoch)
            data.end_epoch()
            if finite and isinstance(data, ArrayData) and not np.all(np.isfinite(logs.get("loss", 0.0))):
                finite = False  # it stays so; once is enough
                data.warn_about_infinity()
            if validation is not None and validation.is_due(epoch):
                logs |= {f"val_{name}": value for name, value in validation.results(model, callbacks).items()}
            run.ended, run.logs = True, logs
            with Clock(compiled.stats, "callback_seconds"):
                callbacks.on_epoch_end(epoch, by_name(logs))
                callbacks.on_checkpoint()
            if anywhere(model.stop_training):
                break
        callbacks.on_train_end(by_name(logs))
    except BaseException as error:
        callbacks.on_train_error(error)
        if isinstance(error, KeyboardInterrupt):
            callbacks.on_train_end(by_name(logs))
        raise
    finally:  # the weights stay on loan until somebody reads one; what they are is valid however the run ended
        if epochs > initial_epoch and compiled.optimizer is not None:
            compiled.optimizer.finalize_variable_values(list(compiled.prepare(model).slots.params.values()))
