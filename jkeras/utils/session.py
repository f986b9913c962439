"""Starting afresh: seeds and automatic names."""

import gc
import random

import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.core.naming import reset_names
from jkeras.random import reset_global_generator


def set_random_seed(seed: int) -> None:
    """Seed everything that is drawn from now on: initial weights, dropout, shuffles, `jkeras.random`.

    Python's `random`, NumPy's global generator and jkeras's are seeded. The numbers are those that Keras draws (JAX
    backend) after the same call.

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
    """Count automatic names from the beginning again, and forget the global generator and dtype policy.

    Models hold no global state, so there is nothing else to clear: one that nobody refers to is freed.

    Args:
        free_memory: whether to collect unreachable objects now.
    """
    reset_names()
    reset_global_generator()
    dtypes.set_dtype_policy(None)
    if free_memory:
        gc.collect()
