"""Wrappers for layers on sequences: `Bidirectional` and `TimeDistributed`."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jkeras import ops
from jkeras.core import frame as frames
from jkeras.errors import keywords_of
from jkeras.layers.base import Layer
from jkeras.layers.options import Configured
from jkeras.layers.wrapper import Wrapper, hand_on_policy
from jkeras.serialization import deserialize, serialize

__all__ = ["Bidirectional", "TimeDistributed"]

_MERGE = {
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) / 2,
    "concat": lambda a, b: jnp.concatenate([a, b], -1),
    None: lambda a, b: (a, b),
}
_SHARED = ("stateful", "return_sequences", "return_state")


class Bidirectional(Configured):
    """A layer that runs one copy of a recurrent layer forwards and one backwards, and merges their outputs (Schuster
    and Paliwal 1997).

    Args:
        layer: a recurrent layer; the copies are made from its config.
        merge_mode: `"concat"`, `"sum"`, `"mul"`, `"ave"`, or None for both outputs as they are.
        weights: initial weights of both, as from `get_weights()`.
        backward_layer: the layer that runs backwards, with go_backwards=True; by default a copy of `layer`.

    With `return_state`, the states of the forward layer come after the outputs, and then those of the backward layer; an
    `initial_state` is a list in the same order.

    Raises:
        ValueError: an argument is not a layer, the mode is unknown, or the two layers do not go together.

    >>> import jkeras, numpy as np
    >>> Bidirectional(jkeras.layers.LSTM(4))(np.zeros((2, 5, 3), "float32")).shape
    (2, 8)
    """

    unsaved = ("weights",)

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: Sequence | None = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ):
        for name, value in (("layer", layer), ("backward_layer", backward_layer)):
            if not isinstance(value, Layer) and (name == "layer" or value is not None):
                raise ValueError(f"Bidirectional needs a recurrent layer as {name}, got {value!r}.")
            missing = [n for n in ("go_backwards", *_SHARED) if value is not None and not hasattr(value, n)]
            if missing:
                raise ValueError(
                    f"Bidirectional needs a recurrent layer as {name}, such as LSTM or GRU, got {value!r}, which has no "
                    f"{missing[0]!r}."
                )
        if merge_mode not in _MERGE:
            raise ValueError(f"Bidirectional needs merge_mode= one of {list(_MERGE)}, got merge_mode={merge_mode!r}.")
        super().__init__(**kwargs)
        self.forward_layer = _copy(layer, "forward")
        self.backward_layer = backward_layer or _copy(layer, "backward", go_backwards=True)
        if kwargs.get("dtype") is not None:
            hand_on_policy(self, self.forward_layer, self.backward_layer)
        if self.forward_layer.go_backwards == self.backward_layer.go_backwards:
            raise ValueError(
                "Bidirectional needs layers that run in different directions, but both have "
                f"go_backwards={layer.go_backwards}."  # type: ignore[attr-defined]
            )
        for name in _SHARED:
            values = getattr(self.forward_layer, name), getattr(self.backward_layer, name)
            if values[0] != values[1]:
                raise ValueError(f"Bidirectional needs the same {name} in both layers, got {values[0]} and {values[1]}.")
        for one in (self.forward_layer, self.backward_layer):
            if hasattr(one, "zero_output_for_mask"):
                one.zero_output_for_mask = one.return_sequences
        self.stateful, self.return_sequences, self.return_state = (getattr(self.forward_layer, name) for name in _SHARED)
        self.merge_mode = merge_mode
        self._given_weights = weights
        self.supports_masking = True
        self.input_spec = layer.input_spec

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
        if self._given_weights:
            self.set_weights(self._given_weights)

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None) -> Any:
        half = len(initial_state) // 2 if initial_state is not None else 0
        starts = (initial_state[:half], initial_state[half:]) if half else (None, None)
        forth = self.forward_layer(sequences, initial_state=starts[0], mask=mask)
        back = self.backward_layer(sequences, initial_state=starts[1], mask=mask)
        states: tuple = ()
        if self.return_state:
            (forth, *first), (back, *second) = forth, back
            states = (*first, *second)
        if self.return_sequences:
            back = jnp.flip(back, 0 if getattr(self.backward_layer, "time_major", False) else 1)
        outputs = _MERGE[self.merge_mode](forth, back)
        if not states:
            return outputs
        return (*outputs, *states) if self.merge_mode is None else (outputs, *states)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the inputs for the outputs of all steps."""
        mask = jax.tree.leaves(previous_mask)[0] if self.return_sequences and previous_mask is not None else None
        return [mask, mask] if self.merge_mode is None else [mask]

    def reset_state(self) -> None:
        """Let stateful layers start anew, from zeros."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    @property
    def layer(self) -> Layer:
        """The layer that runs forwards."""
        return self.forward_layer


def _copy(layer: Layer, direction: str, **changes: Any) -> Any:
    config = serialize(layer)
    config["config"] |= {"name": f"{direction}_{layer.name.removeprefix(direction + '_')}", **changes}
    config.pop("build_config", None)
    return deserialize(config)


class TimeDistributed(Wrapper):
    """A layer that applies another layer, with the same weights, to every step of a sequence `(batch, steps, ...)`.

    Args:
        layer: the layer, for inputs of shape (batch, ...).

    Call arguments:
        inputs: with at least three axes.
        mask: (batch, steps, ...), bool; a layer that takes a mask gets that of the step.

    Raises:
        ValueError: the inputs have fewer than three axes, or the mask another batch size or number of steps.

    >>> import jkeras, numpy as np
    >>> TimeDistributed(jkeras.layers.Dense(4))(np.zeros((2, 5, 3), "float32")).shape
    (2, 5, 4)
    """

    def __init__(self, layer: Layer, **kwargs: Any):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any = None) -> None:
        if len(input_shape) < 3:
            raise ValueError(
                f"Layer {self.name!r} (TimeDistributed) expects inputs of shape (batch, steps, ...) with at least 3 axes, "
                f"but got shape {tuple(input_shape)}."
            )
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is not None and mask.shape[:2] != inputs.shape[:2]:
            raise ValueError(
                f"Layer {self.name!r} (TimeDistributed) got a mask of shape {mask.shape}, whose first two axes do not fit "
                f"inputs of shape {inputs.shape}."
            )
        count, frame = inputs.shape[1], frames.current()
        if isinstance(count, int):  # written out, so that each step has random numbers and updates of its own
            steps = [self._step(inputs[:, t], None if mask is None else mask[:, t]) for t in range(count)]
            outputs, masks = jax.tree.map(lambda *parts: jnp.stack(parts, 1), *steps)
        elif frame is not None and frame.abstract:  # the number is a symbol: a shape is inferred
            step = self._step(inputs[:, 0], None if mask is None else mask[:, 0])
            outputs, masks = jax.tree.map(lambda x: jnp.broadcast_to(x[:, None], (x.shape[0], count, *x.shape[1:])), step)
        else:  # a program is exported that runs for any number
            turned = jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), (inputs, mask))
            outputs, masks = jax.tree.map(
                lambda x: jnp.swapaxes(x, 0, 1), jax.lax.map(lambda step: self._step(*step), turned)
            )
        if masks is not None:
            frames.set_mask(outputs, masks)
        return outputs

    def _step(self, inputs: Any, mask: Any) -> tuple[Any, Any]:
        """Return the outputs of the layer for one step, and their mask, if the layer has one within the step."""
        given = {}
        if mask is not None and mask.ndim > 1:
            frames.set_mask(inputs, mask)
        elif mask is not None and self._takes_mask:
            given = {"mask": mask}
        output = self.layer(inputs, **given)
        mask = frames.mask_of(output)
        return output, mask if mask is not None and mask.ndim > 1 else None

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask of the steps, for a layer that returns no masks itself. A step counts if any of its entries
        counts.
        """
        if previous_mask is None or len(previous_mask.shape) <= 2:
            return previous_mask
        return ops.any(previous_mask, axis=tuple(range(2, len(previous_mask.shape))))

    @property
    def _takes_mask(self) -> bool:
        return "mask" in keywords_of(self.layer.call)
