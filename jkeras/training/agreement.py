"""Processes that train together have to do the same, or they wait for each other forever. So they compare what they are about to do.

What they compare goes through `told`: each process says what it knows, or which error it has met, and hears what the others say. If
they differ, all of them raise an error that names the difference.
"""

import contextlib
import json
import zlib
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from jkeras.data import ArrayData
from jkeras.runtime.host_random import host_random_state
from jkeras.runtime.mesh import ONE_DEVICE, current, of_all_processes

SHOWN = 300  # characters of a value in a message


def together() -> bool:
    """True if several processes train together here."""
    return jax.process_count() > 1 and current() is not ONE_DEVICE


def anywhere(flag: Any) -> bool:
    """True if a flag is true on any process; all have to call this at the same time.

    >>> anywhere(True), anywhere(False)
    (True, False)
    """
    return any(part == b"1" for part in of_all_processes(b"1" if flag else b"0")) if together() else bool(flag)


def told(facts: dict[str, Any]) -> None:
    """Compare facts with those of the other processes.

    Args:
        facts: by name, what JSON can hold.

    Raises:
        ValueError: they differ, on every process.
        RuntimeError: another process has met an error.
    """
    everyone = [json.loads(part) for part in of_all_processes(json.dumps(facts).encode())]
    failed = {number: its["error"] for number, its in enumerate(everyone) if "error" in its}
    if failed and "error" not in facts:
        raise RuntimeError(
            "\n".join(["Another process has met an error:", *(f"  process {n}: {e}" for n, e in failed.items())])
        )
    lines = []
    for name in {name: None for its in everyone for name in its}:
        values = [its.get(name) for its in everyone]
        if any(value != values[0] for value in values) and not failed:
            lines += [
                f"  {name}:",
                *(f"    process {number}: {_short(value, values)}" for number, value in enumerate(values)),
            ]
    if lines:
        raise ValueError("Processes that train together must do the same. These differ:\n" + "\n".join(lines))


def _short(value: Any, values: list) -> str:
    """A value; of lists, what is not in all of them."""
    if all(isinstance(one, list) for one in values):
        value = [item for item in value if not all(item in one for one in values)]
    text = str(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + " ..."


@contextlib.contextmanager
def agreeing() -> Iterator[dict[str, Any]]:
    """A block at whose end the processes compare the facts that it has put into the dict. An error in it is told to the others."""
    facts: dict[str, Any] = {}
    try:
        yield facts
    except Exception as error:
        if together():
            told({"error": f"{type(error).__name__}: {error}"})
        raise
    if together():
        told(facts)


def about_data(data: Any, name: str = "data") -> dict[str, Any]:
    """Return the properties that the data of a pass must have in common. Arrays are the same on all processes; a stream
    has its own rows on each.
    """
    if not together():
        return {}
    mesh = current().mesh
    devices = {
        "devices": f"{dict(mesh.shape)} {[device.id for device in mesh.devices.flat]}, batch along {current().batch!r}"
    }
    if not isinstance(data, ArrayData):
        return devices | {f"kind of {name}": data.describe()}
    leaves = jax.tree.leaves(data.spec())
    first = next(data.stacks(1))[1]
    return devices | {
        f"shapes of {name}": [f"{a.dtype}{list(a.shape)}" for a in leaves],
        f"samples of {name}": [data.num_samples, data.batch_size],
        f"first batch of {name} (checksum)": _checksum(jax.tree.leaves(first)),
    }


def about_run(model: Any, data: Any, validation: Any, **settings: Any) -> dict[str, Any]:
    """Return the properties that a run of `fit` must have in common."""
    if not together():
        return {}
    variables, placement = model._compiled.plan.slots.variables, current()
    shuffles = settings.get("shuffle") and isinstance(data, ArrayData)
    whole = [v.value for v in variables]
    return {
        "settings": {name: str(value) for name, value in settings.items()},
        "model": [f"{v.path} {v.dtype}{list(v.shape)}" for v in variables],
        "layout": [f"{v.path} {tuple(placement.of(v).spec)}" for v in variables],
        "optimizer": type(model.optimizer).__name__,
        **about_data(data),
        **({} if validation is None else about_data(validation.feed.data, "validation_data")),
        "random seed (jkeras.utils.set_random_seed)": _checksum([repr(host_random_state()).encode()]) if shuffles else None,
        "weights and optimizer (checksum)": _checksum([a for a in whole if a.is_fully_replicated]),
    }


def about_stack(item: Any) -> dict[str, Any]:
    """Return the properties that a stack of streamed batches must have in common with those of the other processes."""
    if item is None:
        return {"batches that are left": 0}
    count, batches = item[:2]
    shapes = [f"{a.dtype}{list(a.shape[1:])}" for a in jax.tree.leaves(batches)]
    return {"batches that are left": f"{count} or more", "shapes of the next batch, of all processes together": shapes}


def _checksum(arrays: list) -> int:
    total = 0
    for array in arrays:
        content = array if isinstance(array, bytes) else np.asarray(array).tobytes()
        total = zlib.crc32(content, total)
    return total
