"""Recomputation: the intermediate results of a layer are dropped, and computed again when the gradient needs them.

This takes time and saves memory (Chen et al. 2016, arXiv:1604.06174): `jax.checkpoint` stores only the inputs of a
call. The call also reads and writes variables, adds losses and returns masks. So it runs in a frame of its own, whose
contents are inputs and outputs of the checkpointed function.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any

import jax

from jkeras.core import frame as frames
from jkeras.core.frame import Frame
from jkeras.core.variable import Variable, as_arrays

MODES = ("full", "activations", "larger_than", "list_of_layers", None)
_thread = threading.local()


class RematScope:
    """A block in which layers are made that are recomputed in the backward pass, instead of stored, to save memory.

    The outermost layer of a call (the model that is trained) is never recomputed as a whole, which would save nothing.

    Args:
        mode: `"full"`: all layers; `"activations"`: only their `activation`; `"larger_than"`: those whose outputs have more than
            `output_size_threshold` entries; `"list_of_layers"`: those named in `layer_names`; None: none, inside of another scope.
        output_size_threshold: for `"larger_than"`.
        layer_names: for `"list_of_layers"`.

    Raises:
        ValueError: there is no such mode.

    >>> import jkeras
    >>> with RematScope("full"):
    ...     layer = jkeras.layers.Dense(4, activation="relu")
    """

    def __init__(self, mode: str | None = "full", output_size_threshold: int = 1024, layer_names: Any = None):
        if mode not in MODES:
            raise ValueError(f"Invalid mode {mode!r} of RematScope. Supported modes are {MODES}.")
        self.mode, self.output_size_threshold, self.layer_names = mode, output_size_threshold, list(layer_names or [])

    def __enter__(self) -> "RematScope":
        _scopes().append(self)
        return self

    def __exit__(self, *exception: Any) -> None:
        _scopes().pop()


def _scopes() -> list[RematScope]:
    if not hasattr(_thread, "scopes"):
        _thread.scopes = []
    return _thread.scopes


def current_scope() -> RematScope | None:
    """The innermost open scope that asks for something, or None."""
    scopes = _scopes()
    return scopes[-1] if scopes and scopes[-1].mode is not None else None


def remat(f: Callable) -> Callable:
    """Make a function, or a layer, that is recomputed in the backward pass. The gradients stay the same.

    Args:
        f: called with arrays and structures of them; it may use layers, whose state and losses come out as without `remat`.

    >>> import jax.numpy as jnp
    >>> float(jax.grad(remat(lambda x: jnp.sin(jnp.sin(x))))(0.0))
    1.0
    """

    def recomputed(*args: Any, **kwargs: Any) -> Any:
        return recompute(f, args, kwargs)

    return recomputed


def recompute(function: Callable, args: tuple, kwargs: dict, variables: Iterable[Variable] | None = None) -> Any:
    """`function(*args, **kwargs)`, of which the gradient keeps the arguments only.

    Args:
        function: what is called.
        args, kwargs: of the call; arrays among them may be anywhere in lists, tuples and dicts.
        variables: the only ones that the call may write; by default all that frames bind.
    """
    stack = list(frames.stack())
    if any(frame.abstract for frame in stack):
        return function(*args, **kwargs)
    leaves, structure = jax.tree.flatten((args, kwargs), is_leaf=lambda x: isinstance(x, Variable))
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, jax.Array)]
    held = {name: value for frame in stack for name, value in frame.values.items()}
    if variables is not None:
        held = {id(v): held[id(v)] for v in variables if id(v) in held}
    outer = stack[-1] if stack else None
    notes: dict[str, Any] = {}  # what is no array, from inside

    def run(held: dict, arrays: list, masks: list) -> tuple:
        values = list(leaves)
        for place, array in zip(places, arrays, strict=True):
            values[place] = array
        args, kwargs = jax.tree.unflatten(structure, values)
        if outer is None:
            return as_arrays(function(*args, **kwargs)), {}, [], [], []
        with Frame(dict(held), key=outer.key, training=outer.training) as frame:
            frame.autocast, frame.draws = outer.autocast, outer.draws
            for array, mask in zip(arrays, masks, strict=True):
                if mask is not None:
                    frame.set_mask(array, mask)
            outputs = as_arrays(function(*args, **kwargs))
            found = jax.tree.leaves(outputs)
            known = [frame.logits.get(id(x), (None, None, None)) for x in found]
            notes.update(
                draws=frame.draws, owners=[layer for layer, _ in frame.losses], links=[link for _, link, _ in known]
            )
            changed = {name: value for name, value in frame.values.items() if value is not held.get(name)}
            return (
                outputs,
                changed,
                [value for _, value in frame.losses],
                [frame.get_mask(x) for x in found],
                [logits for *_, logits in known],
            )

    arrays = [leaves[i] for i in places]
    masks = [None if outer is None else outer.get_mask(array) for array in arrays]
    outputs, changed, losses, masks, logits = jax.checkpoint(run)(held, arrays, masks)
    if outer is not None:
        for name, value in changed.items():
            next(frame for frame in reversed(stack) if name in frame.values).values[name] = value
        outer.draws = notes["draws"]
        outer.losses += zip(notes["owners"], losses, strict=True)
        for output, mask, link, behind in zip(jax.tree.leaves(outputs), masks, notes["links"], logits, strict=True):
            if mask is not None:
                outer.set_mask(output, mask)
            if link is not None:
                outer.set_logits(output, link, behind)
    return outputs
