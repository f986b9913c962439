"""Put arrays on devices. No other file of the library does this.

A single device is JAX's default device, or the one that `jkeras.device` chose. For several devices, `mesh.py` decides
the layout.
"""

from typing import Any

import jax
import numpy as np


def to_device(values: Any, sharding: Any = None) -> Any:
    """Arrays on the device; for NumPy arrays without a program, which `jnp.asarray` would compile for each new shape.

    Args:
        values: an array, or any pytree of them. A NumPy array may be used where it lies, so it must not change afterwards.
        sharding: how to lay them out over several devices; by default they go to one.

    >>> to_device({"a": np.zeros(2, "float32")})["a"].tolist()
    [0.0, 0.0]
    """
    return jax.device_put(values, sharding)


def is_tracing() -> bool:
    """True if JAX would record a computation made here (under `jit`, `scan`, ...) instead of running it.

    >>> is_tracing()
    False
    """
    return isinstance(to_device(np.zeros(())), jax.core.Tracer)  # which, unlike jnp.zeros, is no program


def copy_to_device(values: Any) -> Any:
    """Put an array on a device, always in memory of its own, so that it may be donated to a program.

    `may_alias=False` alone copies arrays of JAX, but not a NumPy array whose memory begins at a multiple of 64 bytes.

    >>> mine = np.zeros(2, "float32")
    >>> copied = copy_to_device(mine)
    >>> mine[:] = 1
    >>> copied.tolist()
    [0.0, 0.0]
    """
    own = jax.tree.map(lambda a: a.copy() if isinstance(a, np.ndarray) else a, values)
    return jax.device_put(own, may_alias=False)


def platform() -> str:
    """The kind of the device on which new arrays lie: "cpu", "gpu" or "tpu"."""
    chosen: Any = jax.config.jax_default_device  # type: ignore[attr-defined]
    return (jax.devices(chosen) if isinstance(chosen, str) else [chosen or jax.devices()[0]])[0].platform


def scalar(value: Any, dtype: str) -> jax.Array:
    """A number on the device.

    >>> scalar(3, "int32")
    Array(3, dtype=int32)
    """
    return to_device(np.array(value, dtype))


def placement(leaf: Any) -> Any:
    """The sharding that an array, or the spec of one, has to keep; None if it may be moved."""
    if isinstance(leaf, jax.Array):
        return leaf.sharding if leaf.committed else None
    return getattr(leaf, "sharding", None)


def placements(tree: Any) -> tuple:
    """The `placement` of each leaf."""
    return tuple(map(placement, jax.tree.leaves(tree)))
