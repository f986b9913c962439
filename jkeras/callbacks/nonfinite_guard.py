"""`NonFiniteGuard`: a callback that reacts to steps whose numbers are not finite."""

import warnings

from jkeras.callbacks.base import Callback

ACTIONS = ("raise", "stop", "skip")


class NonFiniteGuard(Callback):
    """A callback that checks that the loss, the weights and the optimizer's state stay finite in every step of
    training.

    The compiled loop itself looks at each step, and stops at the first one that is not finite. That step is left out: weights,
    optimizer, metrics and the states of layers are those before it. The batch is then computed once more, layer by layer, so
    that the message says where the numbers stop being finite: in the data, in a weight, in the first layer with such an output,
    in the loss, or in which gradients.

    Args:
        action: `"raise"` raises an error with that message; `"stop"` ends training as at the end of an epoch, with the message as
            a warning; `"skip"` goes on with the next batch, and warns of the first one that was left out.
        limit: with `"skip"`, how many steps in a row may be left out before it is an error; None for no limit.

    Raises:
        FloatingPointError: in `fit`, a step that is not finite, with `action="raise"`, or too many in a row.
        ValueError: an unknown action.

    Attributes:
        skipped: `(epoch, batch)` of the steps that were left out.

    >>> import jkeras, numpy as np
    >>> model = jkeras.Sequential([jkeras.Input((2,)), jkeras.layers.Dense(1, name="head")])
    >>> model.compile("sgd", "mse")
    >>> x, y = np.full((4, 2), 1e38, "float32"), np.ones((4, 1))
    >>> try:
    ...     history = model.fit(x, y, verbose=0, callbacks=[NonFiniteGuard()])
    ... except FloatingPointError as error:
    ...     print(error)
    Batch 0 of epoch 1 is not finite. The outputs of all layers are finite, and the loss of them is inf.
    """

    batch_calls = "nonfinite update"

    def __init__(self, action: str = "raise", limit: int | None = 100):
        super().__init__()
        if action not in ACTIONS:
            raise ValueError(f"NonFiniteGuard(action={action!r}): the actions are {', '.join(map(repr, ACTIONS))}.")
        self.action, self.limit = action, limit
        self.skipped: list[tuple[int, int]] = []
        self._epoch = self._row = 0
        self._updates = -1  # that the optimizer had made at the last of these steps

    def get_state(self) -> dict:
        return {"skipped": list(self.skipped)}

    def set_state(self, state: dict) -> None:
        self.skipped = [tuple(place) for place in state["skipped"]]

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.skipped, self._row, self._updates = [], 0, -1

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.skipped.append((self._epoch, batch))
        updates = int(self.model.optimizer.iterations)
        self._row, self._updates = (self._row + 1 if updates == self._updates else 1), updates
        is_over = self.limit is not None and self._row > self.limit
        if self.action == "skip" and not is_over and len(self.skipped) > 1:
            return
        message = f"Batch {batch} of epoch {self._epoch + 1} is not finite. {self.model._run_of_fit.explain()}"
        if self.action == "raise" or is_over:
            raise FloatingPointError(message)
        if self.action == "stop":
            self.model.stop_training = True
        ends = "Training ends before its step." if self.action == "stop" else "Its step is left out, and training goes on."
        warnings.warn(f"{message} {ends}", stacklevel=2)
