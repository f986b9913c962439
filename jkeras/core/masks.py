"""Masks of arrays: the entries of an array that count, stored as long as the array lives.

During a call, masks are stored in its frame. An array that leaves the call (an eager call of a layer, `apply`, a call
inside of a user's own `jax.jit`) keeps its mask in one of two ways. A concrete array stores it as its attribute
`_keras_mask`. A tracer cannot have attributes, so its mask is stored in a table, and is removed when the tracer is
deleted.
"""

import weakref
from typing import Any

import jax
import jax.numpy as jnp

_of_tracers: dict[int, tuple[weakref.ref, Any]] = {}  # id(tracer) -> (tracer, mask)


def kept(array: Any) -> Any:
    """The mask that an array carries, or None."""
    if not isinstance(array, jax.core.Tracer):
        return getattr(array, "_keras_mask", None)
    reference, mask = _of_tracers.get(id(array), (None, None))
    return mask if reference is not None and reference() is array else None


def attach(array: jax.Array, mask: Any) -> None:
    """Let an array outside of calls carry a mask; None takes the mask away.

    Raises:
        TypeError: the array is a NumPy array or a number, which carry nothing.
        RuntimeError: the array or the mask is a tracer, so that the mask might outlive its trace.
    """
    if isinstance(array, jax.core.Tracer) or isinstance(mask, jax.core.Tracer):
        raise RuntimeError(
            "A mask cannot be attached to an array inside a JAX transformation (jit, grad, vmap, ...). Give it to the layer "
            "instead:\n    layer(x, mask=mask)"
        )
    if not isinstance(array, jax.Array):
        raise TypeError(f"Only a JAX array or a symbolic tensor can carry a mask, got {type(array).__name__}.")
    array._keras_mask = mask  # type: ignore[attr-defined]


def hand_out(outputs: Any, masks: dict[int, tuple[Any, Any]], inputs: Any) -> Any:
    """Return the results of a call together with the masks that the call found.

    An input that the call returns as it is, and every tracer, is handed out as a copy. So no array of the caller's gets a
    mask, and no mask depends on the tracer that it is kept for, which would keep both forever.

    Args:
        outputs: nested arrays.
        masks: those of the call, `{id(array): (array, mask)}`.
        inputs: the arguments of the call.
    """
    given = {id(leaf) for leaf in jax.tree.leaves(inputs)}

    def carry(output: Any) -> Any:
        mask = masks.get(id(output), (None, None))[1]
        if mask is None or mask is kept(output) or not isinstance(output, jax.Array):
            return output
        traced = isinstance(mask, jax.core.Tracer)
        if traced or isinstance(output, jax.core.Tracer) or id(output) in given:
            output = jnp.copy(output)
        if isinstance(output, jax.core.Tracer):
            number = id(output)
            _of_tracers[number] = weakref.ref(output, lambda _: _of_tracers.pop(number, None)), mask
        elif not traced:
            output._keras_mask = mask
        return output

    return jax.tree.map(carry, outputs)
