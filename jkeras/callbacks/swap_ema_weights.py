"""`SwapEMAWeights`: a callback that evaluates and saves with the running means of the weights, and trains with the
weights.
"""

from typing import Any

from jkeras.callbacks.base import Callback


class SwapEMAWeights(Callback):
    """A callback that uses the running means of the weights for evaluation and prediction, and restores the weights
    afterwards.

    The optimizer keeps the means if it has `use_ema=True`.

    Args:
        swap_on_epoch: whether the means stand in the model at the end of each epoch as well, so that a `ModelCheckpoint` that comes
            after this callback in the list saves them.

    Raises:
        ValueError: the optimizer keeps no means.

    >>> import jkeras, numpy as np
    >>> model = jkeras.Sequential([jkeras.layers.Dense(1)])
    >>> model.compile(jkeras.optimizers.SGD(0.1, use_ema=True), "mse")
    >>> history = model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0, callbacks=[SwapEMAWeights()])
    """

    def __init__(self, swap_on_epoch: bool = False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._ema_weights_in_model = False

    def get_state(self) -> dict:
        return {"means_in_model": self._ema_weights_in_model}

    def set_state(self, state: dict) -> None:
        self._ema_weights_in_model = state["means_in_model"]

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self.swap_on_epoch:
            self._put(means=False)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self.swap_on_epoch and not self._ema_weights_in_model:
            self._put(means=True)
            if epoch == self.params["epochs"] - 1:  # training ends, and puts the means in their place: they are there
                for variable, mean in self._pairs():
                    mean.assign(variable)

    def on_test_begin(self, logs: dict | None = None) -> None:
        self._put(means=True)

    def on_test_end(self, logs: dict | None = None) -> None:
        self._put(means=False)

    def on_predict_begin(self, logs: dict | None = None) -> None:
        self._put(means=True)

    def on_predict_end(self, logs: dict | None = None) -> None:
        self._put(means=False)

    def _put(self, means: bool) -> None:
        """See to it that the model holds the means, or the weights."""
        if means is self._ema_weights_in_model:
            return
        for variable, mean in self._pairs():
            value = variable.value
            variable.assign(mean)
            mean.assign(value)
        self._ema_weights_in_model = means

    def _pairs(self) -> list[tuple[Any, Any]]:
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        pairs = [pair for part in getattr(optimizer, "optimizers", [optimizer]) for pair in part.running_means()]
        if not pairs:
            raise ValueError(
                f"SwapEMAWeights must be used when `use_ema=True` is set on the optimizer, but {optimizer.name!r} keeps no means:\n"
                "    model.compile(jkeras.optimizers.Adam(use_ema=True), ...)"
            )
        return pairs
