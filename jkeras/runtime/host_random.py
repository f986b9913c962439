"""The states of the generators that draw on the host: Python's `random` and NumPy's global one."""

import random

import numpy as np


def host_random_state() -> dict:
    """Both states, as plain values and arrays.

    >>> state = host_random_state()
    >>> first = np.random.rand(), random.random()
    >>> set_host_random_state(state)
    >>> (np.random.rand(), random.random()) == first
    True
    """
    return {"python": random.getstate(), "numpy": np.random.get_state()}


def set_host_random_state(state: dict) -> None:
    """Put both generators into a state that `host_random_state` returned."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
