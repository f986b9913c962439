"""The state of a run whose arrays are divided between devices: Orbax writes it, each process its own parts.

    folder/7/variables   the arrays, under numbers
    folder/7/host        for each process, what it keeps on the host, as bytes: the names of the arrays, the place in its data, ...

`7` is a number that grows. A checkpoint appears whole or not at all, and is read on any number of devices and processes.
"""

import os
import shutil
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jkeras.runtime.mesh import ONE_DEVICE, current, is_first_process, of_all_processes
from jkeras.saving import orbax, snapshot


def is_divided(arrays: list) -> bool:
    """True if no process can write these arrays alone, or should."""
    if current() is ONE_DEVICE:
        return False
    return jax.process_count() > 1 or any(not getattr(a, "is_fully_replicated", True) for a in arrays)


class DividedStates:
    """The states of a run in a folder.

    Args:
        folder: where. It is made with the first state.
        keep: how many stay, the newest ones.
    """

    def __init__(self, folder: str, keep: int):
        self.folder, self.keep = os.path.abspath(folder), keep
        self._checkpointer: Any = None
        self._writing: Any = None

    def numbers(self) -> list[int]:
        """The numbers of the states that are there, in ascending order."""
        return orbax.steps(self.folder)

    def write(self, variables: dict[str, Any], host: Any) -> None:
        """Begin to write a state; what is written is decided now. All processes have to call this together.

        Args:
            variables: arrays by name.
            host: what this process keeps, as `snapshot.encode` takes it.
        """
        contents = of_all_processes(snapshot.to_bytes({"names": list(variables), "state": host}))
        parts = {
            "variables": {str(i): array for i, array in enumerate(variables.values())},
            "host": {str(i): current().put_whole(np.frombuffer(part, np.uint8)) for i, part in enumerate(contents)},
        }
        if self._checkpointer is None:
            self._checkpointer, found = orbax.checkpointer(self.folder, self.keep), self.numbers()
            self._next = found[-1] + 1 if found else 0
        self._writing = self._checkpointer.save_checkpointables_async(self._next, parts)
        self._next += 1

    def finish(self) -> bool:
        """Wait until the state that is being written is on disk. Returns whether there was one.

        Raises:
            Exception: it could not be written.
        """
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()
        return writing is not None

    def close(self) -> None:
        """Write no more."""
        if self._checkpointer is not None:
            self._checkpointer.close()
            self._checkpointer = None

    def read(self, number: int, place: Callable[[str], Any]) -> Any:
        """A state: what was kept on the host, with the arrays as `"variables"`.

        Args:
            number: of the state.
            place: the sharding that the array of a name shall have; None for one device of this process.

        Raises:
            ValueError: it is damaged.
        """
        own = os.path.join(self.folder, str(number))
        try:
            host = orbax.load(own, "host")
            mine = jax.process_index() if len(host) == jax.process_count() else 0
            kept = snapshot.from_bytes(np.asarray(host[str(mine)]).tobytes())
            names, state = kept["names"], kept["state"]
            arrays = orbax.load(own, "variables", lambda key: place(names[int(key[0])]))
            state["variables"] = {name: arrays[str(i)] for i, name in enumerate(names)}
        except (ValueError, KeyError, TypeError, OSError, AttributeError) as error:
            raise ValueError(f"{own!r} is damaged, or no state that jkeras has written: {error}") from error
        if len(host) != jax.process_count() and state["data"].get("place") is not None:
            state["data"]["place"] = None
            warnings.warn(
                f"The backup was written by {len(host)} processes and there are {jax.process_count()} now, so the states of their "
                "iterators are of no use. Each process reads its data from the begin, up to the batch where training goes on.",
                stacklevel=4,
            )
        return state

    def remove(self) -> None:
        """Delete all states."""
        self.close()
        if is_first_process():
            shutil.rmtree(self.folder, ignore_errors=True)
