"""Write files completely or not at all.

A file is written under another name beside the target, and replaces the target when it is complete. So an error, a
full disk or a kill never destroys the old file.
"""

import ctypes
import hashlib
import os
import platform
import re
import shutil
import stat
import sys
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from jkeras.runtime.mesh import is_first_process


def path_of(filepath: Any) -> str:
    """A file's name as a text.

    Raises:
        TypeError: it is no name.
        ValueError: it is of a place that is not in the file system.
    """
    if not isinstance(filepath, (str, os.PathLike)):
        raise TypeError(
            f"The name of a file should be a text or a path, got {filepath!r} of type {type(filepath).__name__}."
        )
    path = os.fspath(filepath)
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if "://" in path:
        raise ValueError(f"{path!r} is not in the file system. Copy the file yourself, and give the name of the copy.")
    return path


def may_write(path: str, overwrite: bool) -> bool:
    """True if a file may be written at `path`; folders on the way there are made.

    Raises:
        FileExistsError: there is a file, `overwrite` is False, and there is no terminal to ask at.
    """
    if os.path.exists(path) and not overwrite:
        if not (sys.stdin is not None and sys.stdin.isatty()):
            raise FileExistsError(f"{path!r} exists already. Save under another name, or with overwrite=True.")
        return input(f"{path!r} exists already. Replace it? [y/n] ").strip().lower() in ("y", "yes")
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    return True


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
    given, path = path, os.path.realpath(path)  # a symbolic link stays one, to the new file
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path!r} is a folder; give the name of a file.")
    if os.path.exists(path) and not overwrite:
        raise FileExistsError(f"{path!r} exists already. Save under another name, or with overwrite=True.")
    with naming(given), scratch(path) as temporary:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())  # the bytes reach the disk before the name does: a power cut leaves the old or the new
        if not is_first_process():  # of several that train together and all call this
            return
        if os.path.exists(path):
            os.chmod(temporary, stat.S_IMODE(os.stat(path).st_mode))  # a private file stays private
        os.replace(temporary, path)


@contextmanager
def replacing_folder(path: str, names: Collection[str]) -> Iterator[str]:
    """Yields the name of a new folder to fill, which takes the place of the folder `path` when the block ends well.

    Args:
        path: of a folder, which need not exist.
        names: what is replaced; whatever else the folder has stays in it.

    Raises:
        NotADirectoryError: there is a file at `path`.
    """
    given, path = path, os.path.realpath(path)
    exists = os.path.lexists(path)
    if exists and not os.path.isdir(path):
        raise NotADirectoryError(f"{given!r} is a file; give the name of a folder.")
    others = set(os.listdir(path)) - set(names) if exists else ()
    with naming(given), scratch(path, folder=True) as new:
        yield new
        for where, _, files in os.walk(new):
            for name in files:
                with open(os.path.join(where, name), "rb") as file:
                    os.fsync(file.fileno())
        for name in others:
            _link(os.path.join(path, name), os.path.join(new, name))
        if exists:
            os.chmod(new, stat.S_IMODE(os.stat(path).st_mode))
            _exchange(new, path)  # what was there is removed under the other name
        else:
            os.rename(new, path)


def _link(source: str, target: str) -> None:
    """Give a file, or all files of a folder, a second place."""
    if os.path.isdir(source) and not os.path.islink(source):
        shutil.copytree(source, target, symlinks=True, copy_function=_link)
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # a file system without such links
        shutil.copy2(source, target, follow_symlinks=False)


def _exchange(one: str, two: str) -> None:
    """Let two folders swap their names, in one step where the system can."""
    if sys.platform.startswith("linux"):
        swap = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
        here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
        if swap is not None and swap(here, os.fsencode(one), here, os.fsencode(two), exchange) == 0:
            return
    aside = f"{one}-old"  # swept by the next save, as all that begins like this
    os.rename(two, aside)
    os.rename(one, two)
    os.rename(aside, one)


@contextmanager
def scratch(path: str, folder: bool = False) -> Iterator[str]:
    """Yields the name of a file to write beside `path`, or of a new folder there, which is gone at the end.

    The name says which process writes it, so that what a killed one left behind is found, and removed, by the next. It does not
    grow with the name of `path`, which may be as long as names may be.
    """
    parent, name = os.path.split(path)
    key = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:12]
    host = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
    prefix = f".jkeras-{key}-{host}-"
    for left in os.listdir(parent or "."):
        process = left.removeprefix(prefix).split("-")[0] if left.startswith(prefix) else ""
        if process.isdigit() and not _is_alive(int(process)):
            _remove(os.path.join(parent, left))
    temporary = os.path.join(parent, f"{prefix}{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        try:
            if folder:
                os.mkdir(temporary)
            yield temporary
        finally:
            _remove(temporary)
    finally:
        _remove(temporary)  # a Ctrl-C may have come to the first one


def _remove(path: str) -> None:
    """Remove a file or a folder, if it is there; a link is removed, not what it leads to."""
    with suppress(OSError):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Add the name of the user's file and the error number to an error of the operating system (a full disk is 28,
    ENOSPC).
    """
    try:
        yield
    except OSError as error:
        found = re.search(r"errno = (\d+)", str(error))  # in the words of the HDF5 library
        number = error.errno or (int(found.group(1)) if found else None)
        if number is None or error.filename == path:
            raise
        raise OSError(number, os.strerror(number), path) from error


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        return True
    return True
