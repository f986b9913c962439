"""A `Frame` holds the values of variables during a call.

A variable is a key. Code inside of `with Frame(values):` reads and writes the frame instead of the variables, so it
is a pure function of `values`. A frame also holds other things that belong to one call: the random key, whether the
model is training, the losses that layers add, and the masks of arrays.

An eager call of a layer opens a frame, too. It contains no values, so reads and writes reach the variables
themselves.

The frame of a step that will be compiled is *closed*. A variable that no frame contains would be read from the
variable itself, and become a constant of the program. A closed frame records such variables and raises `Unbound` at
its end. The trainer makes them part of the state, and traces the step again.
"""

import functools
import threading
from collections.abc import Callable
from typing import Any

import jax

from jkeras.core import masks

_thread = threading.local()


@functools.cache
def _trace_state() -> Callable:
    from jax.extend.core import get_opaque_trace_state  # here, because jax.extend takes 20 ms to import

    return get_opaque_trace_state


class Unbound(RuntimeError):
    """A step reads or writes variables that are not part of its state.

    Attributes:
        variables: these.
    """

    def __init__(self, variables: list):
        self.variables = variables
        names = ", ".join(repr(variable.path) for variable in variables)
        super().__init__(
            f"A step reads or writes variables that are not part of the state it was given ({names}), so their values of this "
            "moment would become constants of the compiled program. Make the state with model.make_train_step(x, y), which finds "
            "such variables; or hold them as attributes of the model or of one of its layers."
        )


class Frame:
    """The values, and the rest of the context, of one call.

    Args:
        values: `{id(variable): array}`; reads and writes of these variables stay in the frame.
        key: a JAX random key. When given, every random draw folds its number into it, and seed generators stand
            still; without it, draws advance the seed generators' own state, as in Keras.
        training: what layers see when they are not told; None means "not told yet".
        abstract: for shape inference. Variables that are not bound read as zeros of their shape (nothing is allocated)
            and writes to them are forgotten with the frame.
        closed: for a step: `Unbound` is raised when the frame is left and a variable was used that no frame binds.
    """

    __slots__ = (
        "_trace", "abstract", "autocast", "closed", "draws", "key", "logits", "losses", "made", "masks", "outside", "pure",
        "training", "values",
    )  # fmt: skip

    def __init__(
        self,
        values: dict[int, Any] | None = None,
        key: jax.Array | None = None,
        training: bool | None = None,
        abstract: bool = False,
        closed: bool = False,
    ):
        self.values = {} if values is None else values
        self.pure = values is not None  # every variable is bound: nothing may be created, written or drawn on the side
        self.key, self.training, self.abstract, self.closed = key, training, abstract, closed
        self.outside: list[Any] = []  # the variables that a closed frame has taken in
        self.made: list[Any] = []  # the variables that were made in a closed frame: they end with it
        self.autocast: str | None = None  # the dtype in which float variables are read (mixed precision)
        self.draws = 0  # random draws made so far from `key`
        self.losses: list[tuple[Any, jax.Array]] = []  # (layer, scalar)
        self.masks: dict[int, tuple[Any, Any]] = {}  # id(array) -> (array, mask); the array is kept so the id stays its own
        self.logits: dict[int, tuple[Any, str, Any]] = {}  # id(probabilities) -> (probabilities, link, logits)
        self._trace: Any = None

    def __enter__(self) -> "Frame":
        self._trace = _trace_state()(convention="jkeras")
        frames = stack()
        if frames:  # masks belong to arrays, not to calls
            self.masks = frames[-1].masks
        frames.append(self)
        return self

    def __exit__(self, kind: Any, *exception: Any) -> None:
        stack().pop()
        self._trace = None
        if self.outside and kind is None:
            raise Unbound(self.outside)

    def take_in(self, variable: Any) -> bool:
        """Bind a variable to what its box holds, unless it belongs to the call itself."""
        if variable.detached or any(made is variable for made in self.made):
            return False
        value = variable.read_box()
        if isinstance(value, jax.core.Tracer):
            return False
        self.outside.append(variable)
        self.values[id(variable)] = value
        return True

    def is_foreign_trace(self) -> bool:
        """True if we now run inside a `scan`, `cond`, `vmap`, ... that was entered after the frame was opened."""
        return _trace_state()(convention="jkeras") != self._trace

    def next_key(self) -> jax.Array:
        """A key of its own for each draw of the call."""
        assert self.key is not None, "a frame without a key has no keys to give"
        self.draws += 1
        return jax.random.fold_in(self.key, self.draws)

    def set_mask(self, array: Any, mask: Any) -> None:
        """Let `mask` travel with `array` for the rest of the call."""
        self.masks[id(array)] = (array, mask)

    def get_mask(self, array: Any) -> Any:
        """The mask that travels with `array`, or None."""
        found = self.masks.get(id(array))
        return masks.kept(array) if found is None else found[1]

    def hand_out(self, outputs: Any, inputs: Any) -> Any:
        """The outputs of a call that is over, which keep their masks if no other frame is open; see `masks.hand_out`."""
        return masks.hand_out(outputs, self.masks, inputs) if self.masks and not stack() else outputs

    def set_logits(self, probabilities: Any, link: str, logits: Any) -> None:
        """Remember what a `"softmax"` or `"sigmoid"` was taken of, for losses that are safer on logits."""
        if not self.is_foreign_trace():  # no loss outside of a loop sees what was computed within it
            self.logits[id(probabilities)] = (probabilities, link, logits)

    def get_logits(self, probabilities: Any, link: str) -> Any:
        """The array to which `link` was applied in this call to get `probabilities`, or None."""
        _, known, logits = self.logits.get(id(probabilities), (None, None, None))
        return logits if known == link else None


def mask_of(array: Any) -> Any:
    """The mask that travels with `array`, inside of calls or outside, or None."""
    frame = current()
    return masks.kept(array) if frame is None else frame.get_mask(array)


def set_mask(array: Any, mask: Any) -> None:
    """Let `mask` travel with `array`: for the rest of the call, and outside of calls as an attribute of the array."""
    frame = current()
    if frame is None:
        masks.attach(array, mask)
    else:
        frame.set_mask(array, mask)


def stack() -> list[Frame]:
    """The open frames of this thread, innermost last."""
    try:
        return _thread.stack
    except AttributeError:
        _thread.stack = []
        return _thread.stack


def current() -> Frame | None:
    """The innermost frame, or None outside every call."""
    frames = stack()
    return frames[-1] if frames else None


def binding(variable: Any) -> Frame | None:
    """The innermost frame that binds `variable`, or None. If none does, the innermost closed frame takes it in."""
    closed = None
    for frame in reversed(stack()):
        if frame.abstract or id(variable) in frame.values:
            return frame
        if frame.closed and closed is None:
            closed = frame
    return closed if closed is not None and closed.take_in(variable) else None


def note_made(variable: Any) -> None:
    """Tell the innermost closed frame, if there is one, that the variable was made inside."""
    for frame in reversed(stack()):
        if frame.closed:
            frame.made.append(variable)
            return
