"""Keras's `make_train_function` and similar methods, for programs that call the steps themselves.

`fit` does not use them, as it runs many steps in one compiled program, unless a class overrides one: then the function is called
with each batch.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jax

from jkeras.core.scopes import StatelessScope
from jkeras.training.custom import built_in


class StepFunctions:
    """The methods of a model that return functions over Keras's steps.

    Attributes:
        train_function, test_function, predict_function: what the three methods have made; None before.
    """

    untraced: tuple[str, ...] = ("train_function", "test_function", "predict_function")
    train_function: Callable | None = None
    test_function: Callable | None = None
    predict_function: Callable | None = None

    @built_in
    def make_train_function(self: Any, force: bool = False) -> Callable:
        """Make `train_function(state, iterator) -> (logs, state)`: the training step on the next batches.

        Args:
            force: whether to make it anew if it is there.

        Returns:
            The function. `state` holds four lists of values: trainable and non-trainable variables, the optimizer's, the metrics'.
            A call takes `steps_per_execution` batches.

        Raises:
            ValueError: the model is not compiled or not built.
        """
        if force or self.train_function is None:
            self.train_function = _over_batches(self.train_step, self._compiled_steps())
        return self.train_function

    @built_in
    def make_test_function(self: Any, force: bool = False) -> Callable:
        """Make `test_function(state, iterator) -> (logs, state)`: the evaluation step on the next batches.

        Args:
            force: whether to make it anew if it is there.

        Returns:
            The function. `state` holds three lists of values: trainable and non-trainable variables, and the metrics'.
        """
        if force or self.test_function is None:
            self.test_function = _over_batches(self.test_step, self._compiled_steps())
        return self.test_function

    @built_in
    def make_predict_function(self: Any, force: bool = False) -> Callable:
        """Make `predict_function(state, iterator) -> (outputs, state)`: the outputs for the next batch.

        Args:
            force: whether to make it anew if it is there.

        Returns:
            The function. `state` holds two lists of values: trainable and non-trainable variables.
        """
        if force or self.predict_function is None:
            step = jax.jit(self.predict_step)

            def predict(state: Any, iterator: Iterator) -> tuple:
                outputs, non_trainable = step(state, next(iterator))
                return outputs, (state[0], non_trainable)

            self.predict_function = predict
        return self.predict_function

    def compute_loss_and_updates(
        self: Any,
        trainable_variables: list,
        non_trainable_variables: list,
        metrics_variables: list,
        x: Any,
        y: Any,
        sample_weight: Any,
        training: bool = False,
        optimizer_variables: list | None = None,
    ) -> tuple:
        """The loss as a pure function of lists, for `jax.value_and_grad(..., has_aux=True)`.

        Args:
            trainable_variables, non_trainable_variables, metrics_variables: values of the model's lists of these names.
            x, y, sample_weight: the batch.
            training: whether layers compute as in training, and the optimizer's loss scale counts.
            optimizer_variables: those of the optimizer; its loss scale is read from them.

        Returns:
            `(loss, (loss without the optimizer's scale, y_pred, non_trainable_variables, metrics_variables))`.
        """
        y_pred, non_trainable_variables = self.stateless_call(
            trainable_variables, non_trainable_variables, x, training=training
        )
        loss, (_, non_trainable_variables, metrics_variables) = self.stateless_compute_loss(
            trainable_variables, non_trainable_variables, metrics_variables, x, y, y_pred, sample_weight, training
        )
        scaled = loss
        if training and self.optimizer is not None:
            with StatelessScope(zip(self.optimizer.variables, optimizer_variables or [], strict=False)):
                scaled = self.optimizer.scale_loss(loss)
        return scaled, (loss, y_pred, non_trainable_variables, metrics_variables)

    def jax_state_sync(self) -> None:
        """Nothing has to be done: weights that are read during `fit` are always the current ones."""

    def _compiled_steps(self: Any) -> int:
        return getattr(self, "steps_per_execution", 1) or 1


def _over_batches(step: Callable, count: int) -> Callable:
    compiled = jax.jit(step)

    def run(state: Any, iterator: Iterator) -> tuple:
        logs: dict = {}
        for batch in itertools.islice(iterator, count):
            logs, state = compiled(state, batch)
        return logs, state

    return run
