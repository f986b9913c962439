"""The memory that a step frees stays in the process, where the next step finds it.

XLA:CPU allocates the temporary memory of a program at every call, as one block, and frees it afterwards. The C library of
Linux (glibc) takes a block of more than 32 MiB straight from the operating system and hands it straight back, so that every
call gets fresh pages, each of which has to be mapped and zeroed when it is first touched. A training step of a small
Transformer touched 53,000 of them: 100 of its 275 ms of CPU time, and 55 of its 160 ms by the clock.

Hence these settings of the process (`man mallopt`). When jkeras is imported: threads share one heap (others cannot hold
large blocks; this counts for threads that have not started yet, such as XLA's before its first use), and up to 2 GiB at its
end are kept when they are free. While a program of jkeras runs (`kept`): no block comes straight from the operating system.
At all other times large arrays, such as those of a user's data, come from it and go back to it as before.

In exchange, the process keeps what its programs once needed, and some more for the gaps that others' blocks leave in it; and
a loop of tiny steps, in each of which XLA allocates some small blocks, takes 15 to 55 % longer on the shared heap.
Once a program needs more than `LIMIT`, memory is too precious for that, and large blocks come from the system again. Nothing
is set with `JKERAS_KEEP_MEMORY=0` in the environment, or with settings of the user's own there (`MALLOC_ARENA_MAX`, ...).
"""

import ctypes
import os
import sys
from collections.abc import Callable

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -3, -4, -8  # malloc.h
LIMIT = 2**30  # bytes of temporary memory
MANY = 65536  # glibc's default for M_MMAP_MAX, the number of blocks from the operating system


def _find_mallopt() -> Callable | None:
    """The function that changes glibc's settings; None if there is none, or if they are not to be changed."""
    own = [name for name in os.environ if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"]
    if sys.platform != "linux" or own or os.environ.get("JKERAS_KEEP_MEMORY") == "0":
        return None
    libc = ctypes.CDLL(None)
    return libc.mallopt if hasattr(libc, "gnu_get_libc_version") else None


class Heap:
    """glibc's heap, as a context for calls of compiled programs: `with kept:`."""

    def __init__(self) -> None:
        self._mallopt = _find_mallopt()
        for option, value in ((M_ARENA_MAX, 1), (M_TRIM_THRESHOLD, 2**31 - 1), (M_MMAP_THRESHOLD, 2**25)):
            self._set(option, value)

    def _set(self, option: int, value: int) -> None:
        if self._mallopt:
            self._mallopt(option, value)

    def expect(self, nbytes: int) -> None:
        """Say how much temporary memory a program needs."""
        if nbytes > LIMIT:
            self._set(M_MMAP_MAX, MANY)
            self._mallopt = None

    def __enter__(self) -> None:
        self._set(M_MMAP_MAX, 0)  # with its counterpart 0.5 us

    def __exit__(self, *exception: object) -> None:
        self._set(M_MMAP_MAX, MANY)


kept = Heap()
