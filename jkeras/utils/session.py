"""Reset the state of the process: seeds, automatic names, compiled programs."""

import gc
import random

import jax
import numpy as np

from jkeras.core.policy import reset_dtype_policy
from jkeras.random.seeds import reset_global_generator
from jkeras.runtime.heap import kept
from jkeras.runtime.store import store
from jkeras.serialization.naming import reset_names


def set_random_seed(seed: int) -> None:
    """Seed everything that is drawn from now on: initial weights, dropout, shuffles, `jkeras.random`.

    Python's `random`, NumPy's global generator and jkeras's are seeded. The numbers are those that Keras draws (JAX
    backend) after the same call.

    Args:
        seed: an integer from 0 on.

    Raises:
        ValueError: the seed is not an int.

    >>> import jkeras
    >>> set_random_seed(0)
    >>> first = jkeras.random.normal((2,))
    >>> set_random_seed(0)
    >>> bool((jkeras.random.normal((2,)) == first).all())
    True
    """
    if not isinstance(seed, int):
        raise ValueError(f"set_random_seed() takes an int, got {seed!r} ({type(seed).__name__}).")
    random.seed(seed)
    np.random.seed(seed)
    reset_global_generator()


def clear_session(free_memory: bool = True) -> None:
    """Reset the state that the process keeps outside of models.

    Automatic names are counted from the beginning again. The global random generator, the global dtype policy, and the compiled
    programs that equal models share are deleted. Models that are still in use keep their own programs.

    Args:
        free_memory: whether to also collect unreachable objects, clear JAX's caches (functions that you compiled with `jax.jit` are
            compiled again when they are called next), and give free memory back to the operating system. Takes some
            100 ms.

    >>> import jkeras
    >>> clear_session(free_memory=False)
    >>> jkeras.layers.Dense(1).name  # counted from the beginning
    'dense'
    """
    reset_names()
    reset_global_generator()
    reset_dtype_policy()
    store.clear()
    if free_memory:
        gc.collect()
        jax.clear_caches()
        kept.trim()
