"""`TerminateOnNaN`: a callback that stops training at the first loss that is not finite."""

from typing import Any

import numpy as np

from jkeras.callbacks.base import Callback


class TerminateOnNaN(Callback):
    """A callback that stops training at a batch whose loss is NaN or infinite.

    The compiled loop itself looks at each loss, so this callback does not slow training down. The step of that batch is left out:
    the model keeps the weights from before it, which are finite (Keras keeps those after it).

    Args:
        raise_error: whether to raise an error, instead of ending training as at the end of an epoch.

    Raises:
        RuntimeError: such a loss, with `raise_error=True`; `on_train_end` is then not called.

    >>> import jkeras, numpy as np
    >>> model = jkeras.Sequential([jkeras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x, y = np.ones((6, 2), "float32"), np.array([[0.0]] * 4 + [[1e30]] * 2)  # whose square is no float32
    >>> history = model.fit(x, y, batch_size=2, epochs=5, shuffle=False, verbose=0, callbacks=[TerminateOnNaN()])
    Batch 2: Invalid loss, terminating training
    >>> len(history.epoch), bool(np.isfinite(model.get_weights()[0]).all())
    (1, True)
    """

    batch_calls = "nonfinite"

    def __init__(self, raise_error: bool = False):
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: dict | None = None) -> None:
        loss: Any = (logs or {}).get("batch_loss", (logs or {}).get("loss"))
        if loss is None or np.all(np.isfinite(loss)):
            return
        if self.raise_error:
            raise RuntimeError(
                f"NaN or Inf loss encountered at batch {batch}. Loss value: {loss}. Terminating training immediately."
            )
        print(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
