"""The devices that there are, and the processes that train together."""

import os
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from jkeras.utils.session import set_random_seed


def list_devices(device_type: str | None = None) -> list[str]:
    """Return the devices of all processes, as strings such as `"gpu:0"`.

    Args:
        device_type: `"cpu"`, `"gpu"` or `"tpu"`; by default the kind that JAX computes on.

    Raises:
        RuntimeError: JAX knows no devices of this kind.

    >>> list_devices("cpu")[0]
    'cpu:0'
    """
    return [name_of(device) for device in jax.devices(device_type and device_type.lower())]


def get_device_count(device_type: str | None = None) -> int:
    """Return the number of devices of all processes.

    Args:
        device_type: `"cpu"`, `"gpu"` or `"tpu"`; by default the kind that JAX computes on.

    >>> get_device_count() == len(list_devices())
    True
    """
    return len(list_devices(device_type))


def name_of(device: Any) -> str:
    """The name of one of JAX's devices, as `list_devices` gives it."""
    return f"{device.platform}:{device.id}"


def device_named(name: str) -> Any:
    """JAX's device of a name such as `"cpu:0"`.

    Raises:
        ValueError: there is none.
    """
    kind, _, number = name.partition(":")
    try:
        known = {str(device.id): device for device in jax.devices(kind)}
    except RuntimeError:
        known = {}
    if number not in known:
        there = [name_of(device) for device in jax.devices()]
        raise ValueError(f"There is no device {name!r}. JAX knows these devices: {there}.")
    return known[number]


def initialize(job_addresses: str | None = None, num_processes: int | None = None, process_id: int | None = None) -> None:
    """Join the other processes of a run on several machines, and take the random seed of the first process.

    Call it once in each process, before anything else. Arguments that are not given are read from the environment variables
    `KERAS_DISTRIBUTION_JOB_ADDRESSES`, `KERAS_DISTRIBUTION_NUM_PROCESSES` and `KERAS_DISTRIBUTION_PROCESS_ID`. Without those, JAX
    finds the values by itself under Slurm, Open MPI, and on cloud TPUs.

    Args:
        job_addresses: the address of process 0 with a port, such as `"10.0.0.1:1234"`. In a list with commas, only the first address
            is used.
        num_processes: the number of processes.
        process_id: the number of this process, from 0.

    Raises:
        RuntimeError: it has been called before.

    >>> initialize("10.0.0.1:1234", num_processes=2, process_id=0)  # doctest: +SKIP
    """
    if jax.distributed.is_initialized():
        raise RuntimeError(
            "jkeras.distribution.initialize() has been called already in this process. Call it once, at the start."
        )
    address = job_addresses or os.environ.get("KERAS_DISTRIBUTION_JOB_ADDRESSES")
    jax.distributed.initialize(
        address and address.split(",")[0],
        _number(num_processes, "KERAS_DISTRIBUTION_NUM_PROCESSES"),
        _number(process_id, "KERAS_DISTRIBUTION_PROCESS_ID"),
    )
    set_random_seed(int(multihost_utils.broadcast_one_to_all(np.uint32(np.random.randint(2**31 - 1)))))


def _number(given: int | None, variable: str) -> int | None:
    text = os.environ.get(variable)
    return int(text) if given is None and text is not None else given
