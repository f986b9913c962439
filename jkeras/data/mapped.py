"""Memory-mapped arrays, read without the map.

A map has two costs when a file is larger than memory. First, pages that were read stay in the process's memory, up to
the size of the file's cache, until the system needs them; this looks like a memory leak. Second, every row that is
read at random causes a page fault, and the system reads more than the row from the disk. So the rows of a large file
are read from the file itself, directly to their places in the batch (`preadv`). The map only gives their positions.
"""

import mmap
import os
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from jkeras.data.rows import Index, Rows, cast, take

# A smaller file is read through its map: it may all stay in memory, where its rows cost no call to the system.
# Measured on 2 GB in the cache, rows of 4 KB at random, in CPU time: 4.2 us a row like this, 5.4 through a map whose
# pages are given back every 128 rows. An epoch raised the resident memory by 20 MB like this, by 2000 MB through the map.
MAPPED_BYTES = 256 * 2**20
READ_BYTES = 64 * 2**20  # at most this much in one call


class MappedRows(Rows):
    """A memory-mapped array."""

    on_disk = True

    def __init__(self, source: np.ndarray, name: str, dtype: Any = None, columns: Sequence | None = None):
        super().__init__(source.view(np.ndarray), name, dtype, columns)
        self._file: int | None = None
        place = locate(source) if source.nbytes > MAPPED_BYTES else None
        if place is not None:
            path, self._offset = place
            self._file = os.open(path, os.O_RDONLY)
            weakref.finalize(self, os.close, self._file)

    def read(self, index: Index) -> np.ndarray:
        # Always a copy: a batch must not change when the file does.
        rows = np.array(take(self.source, index)) if self._file is None else self._from_file(index)
        return cast(rows, self.dtype, self.name)

    def whole(self) -> np.ndarray:
        return self.source if self.source.dtype == self.dtype else super().whole()

    def _from_file(self, index: Index) -> np.ndarray:
        index = range(index.start, index.stop) if isinstance(index, slice) else index.tolist()  # type: ignore[assignment]
        rows = np.empty((len(index), *self.shape[1:]), self.source.dtype)  # type: ignore[arg-type]
        room = memoryview(rows.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
        width, step = self.source.itemsize * int(np.prod(self.shape[1:])), self.source.strides[0]
        if isinstance(index, range) and step == width:
            self._fill(room, self._offset + index.start * step)
        else:
            for place, number in enumerate(index):  # type: ignore[arg-type]
                self._fill(room[place * width : (place + 1) * width], self._offset + number * step)
        return rows

    def _fill(self, room: memoryview, position: int) -> None:
        while room:
            count = os.preadv(self._file, [room[:READ_BYTES]], position)  # type: ignore[arg-type]
            if count == 0:
                raise OSError(
                    f"The file behind {self.name} has become shorter than its memory map. Do not change the file during training."
                )
            room, position = room[count:], position + count


def is_mapped(array: np.ndarray) -> bool:
    """True if an array is a view of a memory-mapped file."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base  # type: ignore[assignment]
    return isinstance(array, mmap.mmap)


def locate(array: np.ndarray) -> tuple[str, int] | None:
    """The file behind a mapped array and the position of its first byte in it, or None where they are not known.

    They are not for a private map (its changes are not in the file), for rows that do not lie in one piece, or for a file
    that is gone or replaced.
    """
    source, memmap, base = array.view(np.ndarray), None, array
    while isinstance(base, np.ndarray):
        memmap = base if isinstance(base, np.memmap) else memmap
        base = base.base  # type: ignore[assignment]
    path = getattr(memmap, "filename", None)
    if path is None or memmap.mode == "c" or not source[:1].flags.c_contiguous or not hasattr(os, "preadv"):
        return None
    begin = memmap.offset - memmap.offset % mmap.ALLOCATIONGRANULARITY  # of the map in the file
    offset = begin + _address(source) - _address(np.frombuffer(base, np.uint8))
    return (os.fspath(path), offset) if _same(source, path, offset) else None


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _same(source: np.ndarray, path: Any, offset: int) -> bool:
    """True if the file holds, at the ends of the array, what the map shows."""
    try:
        with open(path, "rb") as file:
            for number in (0, len(source) - 1):
                row = source[number].tobytes()
                file.seek(offset + number * source.strides[0])
                if file.read(len(row)) != row:
                    return False
    except OSError:
        return False
    return True
