"""Keras's stateless methods of a layer: calls as pure functions of lists of values, in the order of the variables."""

from collections.abc import Sequence
from typing import Any

import jax

from jkeras.core import frame as frames
from jkeras.core.binding import ListBinding
from jkeras.core.frame import Frame
from jkeras.layers.weights import Weighted


class Stateless(Weighted):
    """A module with `stateless_call`. `Module.apply` does the same with trees."""

    losses: list

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> tuple:
        """Call the layer as a pure function; it keeps its own values. A layer that is not built is built.

        For the metrics inside, the call leaves no trace.

        Args:
            trainable_variables: values in the order of `self.trainable_variables`.
            non_trainable_variables: values in the order of `self.non_trainable_variables`, seed generators' included.
            *args, **kwargs: of the call.
            return_losses: whether to return `self.losses` of this call, too.

        Returns:
            `(outputs, non_trainable_variables)`, or `(outputs, non_trainable_variables, losses)`.

        Raises:
            ValueError: a list has another length than its variables.

        >>> import jkeras, numpy as np
        >>> layer = jkeras.layers.BatchNormalization()
        >>> layer.build((None, 2))
        >>> x = np.array([[1.0, 2.0], [3.0, 4.0]], "float32")
        >>> _, (mean, variance) = layer.stateless_call(
        ...     layer.trainable_variables, layer.non_trainable_variables, x, training=True)
        >>> mean.round(2).tolist(), layer.moving_mean.numpy().tolist()
        ([0.019999999552965164, 0.029999999329447746], [0.0, 0.0])
        """
        if not self.built:
            self.build_abstractly(*args, **kwargs)  # what has no variables needs no more
        trained, rest = self.trainable_variables, self.non_trainable_variables
        binding = ListBinding(self, trainable_variables=trained, non_trainable_variables=rest)
        values = {"trainable_variables": trainable_variables, "non_trainable_variables": non_trainable_variables}
        counted = {id(v): v.value for v in self.metrics_variables}
        outer = frames.current()

        def call(frame: Frame) -> tuple:
            return self(*args, **kwargs), self.losses if return_losses else None

        (outputs, losses), after, frame = binding.call(call, values, also=counted)
        if outer is not None:  # the logits behind probabilities travel with the outputs
            for output in map(id, jax.tree.leaves(outputs)):
                outer.logits |= {output: frame.logits[output]} if output in frame.logits else {}
        outputs = frame.hand_out(outputs, (args, kwargs))
        state = after["non_trainable_variables"]
        return (outputs, state, losses) if return_losses else (outputs, state)

    @property
    def metrics(self) -> list:
        """The metrics that this layer and those below it hold as attributes."""
        return self.own_metrics()

    @property
    def metrics_variables(self) -> list:
        """The variables of `metrics`, metric after metric."""
        return [variable for metric in self.metrics for variable in metric.variables]
