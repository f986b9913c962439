"""Files that appear whole or not at all.

What is written stands under another name beside the target, and takes its place when it is complete. So an error, a full
disk or a kill never destroys the file that was there.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def replacing(path: str, overwrite: bool) -> Iterator[str]:
    """Yields the name of a file to write, which takes the place of `path` when the block ends well.

    Raises:
        FileExistsError: there is a file at `path`, and `overwrite` is False.
        IsADirectoryError: there is a folder at `path`.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> with replacing(os.path.join(folder.name, "a.txt"), overwrite=False) as name, open(name, "w") as file:
    ...     _ = file.write("whole")
    >>> os.listdir(folder.name)
    ['a.txt']
    >>> folder.cleanup()
    """
    path = os.path.realpath(path)  # a symbolic link stays one, to the new file
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path!r} is a folder; give the name of a file.")
    if os.path.exists(path) and not overwrite:
        raise FileExistsError(f"{path!r} exists already. Save under another name, or with overwrite=True.")
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{uuid.uuid4().hex[:12]}")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())  # the bytes reach the disk before the name does: a power cut leaves the old or the new
        os.replace(temporary, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
