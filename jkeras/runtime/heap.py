"""Keep the memory that a step frees in the process, for the next step.

XLA:CPU allocates the temporary memory of a program at every call, and frees it afterwards. The C library of Linux (glibc)
takes a block of more than 32 MiB directly from the operating system and returns it directly. So every call gets
new pages, each of which is mapped and zeroed when it is first touched. A training step of a small Transformer
touched 53,000 of them: 100 of its 275 ms of CPU time, and 55 of its 160 ms by the clock.

There are three measures against this. First, programs are compiled so that they ask for several blocks of 16 MiB or the
size of their largest array instead of one for everything (`compiler_options`): those fit into the heaps of 64 MiB that
glibc makes for each thread. Second, glibc keeps up to 2 GiB of free memory at the end of a heap, and does not delete an
empty heap (`man mallopt`). Third, while a program of jkeras runs (`kept`), no block that fits comes directly from the
operating system. At all other times, large arrays, such as those of a user's data, come from the system and go back to
it.

In exchange, the process keeps the memory that its programs once needed, and some more for gaps between blocks.
If a program needs more than `LIMIT`, large blocks come from the system again.

`JKERAS_KEEP_MEMORY` in the environment changes that: with `0`, or with settings of the user's own (`MALLOC_ARENA_MAX`,
...), nothing is changed. With `all`, threads that start after the import share one heap, without a bound for a block.
Programs with arrays of more than 64 MiB need that (a language model with 8,000 words took 450 instead of 660 ms a step,
with 131 MB of logits); a loop of microsecond steps takes longer by some 15 %, since each step makes small allocations,
too.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -3, -4, -8  # malloc.h
BLOCK = 2**24  # bytes of temporary memory to ask for at once
ROOM = 63 * 2**20  # bytes; the largest block that fits into a thread's heap
LIMIT = 2**30  # bytes of temporary memory
MANY = 65536  # glibc's default for M_MMAP_MAX, the number of blocks from the operating system


def _find_glibc() -> Any:
    """The C library, if it is glibc; None otherwise."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    return libc if hasattr(libc, "gnu_get_libc_version") else None


def _find_mallopt() -> Callable | None:
    """The function that changes glibc's settings; None if there is none, or if they are not to be changed."""
    own = [name for name in os.environ if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"]
    libc = _find_glibc()
    return None if own or libc is None or os.environ.get("JKERAS_KEEP_MEMORY") == "0" else libc.mallopt


class Heap:
    """glibc's heap, as a context for calls of compiled programs: `with kept:`."""

    def __init__(self) -> None:
        self._libc, self._mallopt = _find_glibc(), _find_mallopt()
        # A heap that is empty is dissolved unless fewer bytes than M_TOP_PAD would be left to those that are not.
        for option, value in ((M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 2**26), (M_MMAP_THRESHOLD, 2**25)):
            self._set(option, value)
        self._shared = os.environ.get("JKERAS_KEEP_MEMORY") == "all"
        if self._shared:
            self._set(M_ARENA_MAX, 1)

    def _set(self, option: int, value: int) -> None:
        if self._mallopt:
            self._mallopt(option, value)

    def compiler_options(self, largest: int) -> dict[str, int]:
        """Return the compiler options for a program whose largest temporary array has a given number of bytes."""
        fits = self._mallopt is not None and not self._shared and largest <= ROOM
        return {"xla_multiheap_size_constraint_per_heap": max(BLOCK, largest)} if fits else {}

    def expect(self, nbytes: int) -> None:
        """Say how much temporary memory a program needs."""
        if nbytes > LIMIT:
            self._set(M_MMAP_MAX, MANY)
            self._mallopt = None

    def trim(self) -> None:
        """Give what is free back to the operating system, where the C library is glibc."""
        if self._libc is not None:
            self._libc.malloc_trim(0)

    def __enter__(self) -> None:
        self._set(M_MMAP_MAX, 0)  # with its counterpart 0.5 us

    def __exit__(self, *exception: object) -> None:
        self._set(M_MMAP_MAX, MANY)


kept = Heap()
