"""The available devices, and the processes that train together."""

import logging
import os
import sys
from collections.abc import Callable
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


GONE_SECONDS = 30  # a process of which nothing is heard for so long is gone, and ends the others
VARIABLES = {  # of the environment, in the order in which they count
    "job_addresses": ("KERAS_DISTRIBUTION_JOB_ADDRESSES",),
    "num_processes": ("KERAS_DISTRIBUTION_NUM_PROCESSES", "WORLD_SIZE"),
    "process_id": ("KERAS_DISTRIBUTION_PROCESS_ID", "RANK"),
}


def initialize(job_addresses: str | None = None, num_processes: int | None = None, process_id: int | None = None) -> None:
    """Join the other processes of a run on several machines, and take the random seed of the first process.

    Call it once in each process, before anything else. What is not given is read from the environment: the variables
    `KERAS_DISTRIBUTION_JOB_ADDRESSES`, `KERAS_DISTRIBUTION_NUM_PROCESSES` and `KERAS_DISTRIBUTION_PROCESS_ID`, or those that
    `torchrun` and others set: `MASTER_ADDR` with `MASTER_PORT`, `WORLD_SIZE` and `RANK`. Without them, JAX looks for it (under Slurm,
    Open MPI, and on cloud TPUs).

    If one of the processes is killed, the others end with a message within a minute. A process that ends with an error that nobody
    catches leaves at once, so that the others do not wait for it.

    Args:
        job_addresses: the address of process 0 with a port, such as `"10.0.0.1:1234"`. In a list with commas, only the first address
            is used.
        num_processes: the number of processes.
        process_id: the number of this process, from 0.

    Raises:
        RuntimeError: it has been called before.
        ValueError: some of address, number of processes and number of this process are known, but not all; or a number is none.

    >>> initialize("10.0.0.1:1234", num_processes=2, process_id=0)  # doctest: +SKIP
    """
    if jax.distributed.is_initialized():
        raise RuntimeError(
            "jkeras.distribution.initialize() has been called already in this process. Call it once, at the start."
        )
    address = job_addresses or _variable("job_addresses") or _torchrun_address()
    count = _number("num_processes", num_processes)
    number = _number("process_id", process_id)
    known = {"job_addresses": address, "num_processes": count, "process_id": number}
    missing = [name for name, value in known.items() if value is None]
    if 0 < len(missing) < 3:
        hints = {name: " or ".join(VARIABLES[name]) for name in missing}
        raise ValueError(
            f"initialize() knows {sorted(set(known) - set(missing))}, but not {missing}. Pass it, or set the environment variable "
            f"{', '.join(hints.values())}: initialize('10.0.0.1:1234', num_processes=2, process_id=0)."
        )
    if count is not None and number is not None and not 0 <= number < count:
        raise ValueError(f"process_id must be from 0 to {count - 1} with num_processes={count}, got {number}.")
    jax.distributed.initialize(address and address.split(",")[0], count, number, heartbeat_timeout_seconds=GONE_SECONDS)
    sys.excepthook = _leaving(sys.excepthook)
    set_random_seed(int(multihost_utils.broadcast_one_to_all(np.uint32(np.random.randint(2**31 - 1)))))


def _variable(name: str) -> str | None:
    return next((os.environ[key] for key in VARIABLES[name] if os.environ.get(key)), None)


def _torchrun_address() -> str | None:
    host, port = os.environ.get("MASTER_ADDR"), os.environ.get("MASTER_PORT")
    return f"{host}:{port}" if host and port else None


def _number(name: str, given: int | None) -> int | None:
    text = _variable(name) if given is None else str(given)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{name} must be a number, got {text!r} from the environment variable {VARIABLES[name]}.") from None


def _leaving(before: Callable) -> Callable:
    """A hook for errors that end the process: it shows them and leaves, without waiting for the others, who wait for this one."""

    def leave(kind: type, error: BaseException, trace: Any) -> None:
        before(kind, error, trace)
        if not hasattr(sys, "ps1"):  # somebody types
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)

    return leave
