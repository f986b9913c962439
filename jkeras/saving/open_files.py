"""Files that the user has opened, such as `io.BytesIO()`, in the place of names.

Archives and HDF5 files need a name, and are read in any order. So a model is first written to a temporary file, which
is copied when it is complete. For reading, the open file is copied to a temporary one.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

HDF5 = b"\x89HDF\r\n\x1a\n"


def is_open_file(filepath: Any) -> bool:
    """True if this is an open file and no name."""
    return not isinstance(filepath, (str, os.PathLike)) and (hasattr(filepath, "write") or hasattr(filepath, "read"))


@contextmanager
def to_open_file(file: Any, name: str) -> Iterator[str]:
    """Yields the name of a file to write, whose bytes are copied to an open file when the block ends well."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        yield path
        with open(path, "rb") as whole:
            shutil.copyfileobj(whole, file, 2**20)


@contextmanager
def from_open_file(file: Any, name: str, name_of_hdf5: str) -> Iterator[str]:
    """Yields the name of a file with what is left to read of an open file.

    Args:
        file: open for reading bytes.
        name: what the file is called.
        name_of_hdf5: what it is called if it is an HDF5 file.

    Raises:
        TypeError: it is open for reading text, or not for reading.
    """
    if not hasattr(file, "read"):
        raise TypeError(f"{file!r} is not open for reading: give io.BytesIO(content), or open(name, 'rb').")
    start = file.read(len(HDF5))
    if not isinstance(start, bytes):
        raise TypeError(f"{file!r} gives {type(start).__name__}, not bytes: open the file with open(name, 'rb').")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name_of_hdf5 if start == HDF5 else name)
        with open(path, "wb") as whole:
            whole.write(start)
            shutil.copyfileobj(file, whole, 2**20)
        yield path
