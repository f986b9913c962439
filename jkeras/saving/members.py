"""The members of an archive, in a zip file or in a folder.

An archive can come from anybody. So its names are not used as names of unpacked files, and sizes are compared with the
real sizes before memory or disk space is used.
"""

import lzma
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jkeras.errors import MissingFileError

SMALL = 2**26  # bytes: what is not larger need not be doubted
MOST_ZIPPED = 100  # times; weights, if they are zipped at all, shrink by a tenth


class Members:
    """Reads single members by name.

    Args:
        path: of a zip file or a folder.
        max_bytes: how large a member may be; by default 64 MiB, or 100 times what it has in the archive.

    Raises:
        FileNotFoundError: there is neither.
        ValueError: it is no zip file, or a member that is asked for is missing, double, encrypted, or larger than can be.
    """

    def __init__(self, path: str, max_bytes: int | None = None):
        self.path, self.max_bytes = path, max_bytes
        if not os.path.exists(path):
            raise MissingFileError(f"There is no file {path!r}.")
        self._zip: Any = None
        if not os.path.isdir(path):
            try:
                self._zip = zipfile.ZipFile(path)
            except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
                raise ValueError(f"{path!r} is no '.keras' archive: {error}") from error

    def __enter__(self) -> "Members":
        return self

    def __exit__(self, *error: object) -> None:
        if self._zip is not None:
            self._zip.close()

    def read(self, name: str, largest: int) -> bytes:
        """The bytes of a member that must not have more than `largest`."""
        with self.open(name) as file:
            found = file.read(largest + 1)
        if len(found) > largest:
            raise ValueError(f"{name!r} in {self.path!r} has more than {largest:,} bytes.")
        return found

    def below(self, folder: str) -> list[str]:
        """The names of all members in a folder of the archive."""
        if self._zip is not None:
            names = [info.filename for info in self._zip.infolist() if not info.is_dir()]
            return [name for name in dict.fromkeys(names) if name.startswith(f"{folder}/")]
        root = os.path.join(self.path, folder)
        found = [os.path.join(where, name) for where, _, names in os.walk(root) for name in names]
        return sorted(os.path.relpath(path, self.path).replace(os.sep, "/") for path in found)

    @contextmanager
    def open(self, name: str) -> Iterator[Any]:
        """A member as a file that can be read in any order: unzipped into a nameless temporary file."""
        if self._zip is None:
            try:
                file: Any = open_regular(os.path.join(self.path, name))
            except OSError as error:
                raise ValueError(f"Folder {self.path!r} has no readable {name!r}: {error}") from error
        else:
            info = self._checked(name)
            file = tempfile.TemporaryFile()  # noqa: SIM115
            try:
                with self._zip.open(info) as member:
                    shutil.copyfileobj(member, file, 2**20)
            except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, OSError, zlib.error, lzma.LZMAError) as error:
                file.close()
                raise ValueError(f"{name!r} in {self.path!r} is damaged: {error}") from error
            file.seek(0)
        with file:
            yield file

    def _checked(self, name: str) -> zipfile.ZipInfo:
        found = [info for info in self._zip.infolist() if info.filename == name]
        if len(found) != 1:
            names = ", ".join(repr(info.filename) for info in self._zip.infolist()[:10])
            raise ValueError(f"{self.path!r} should have one member {name!r}, but has {len(found)}; it has {names}.")
        info = found[0]
        if info.flag_bits & 1:
            raise ValueError(f"{name!r} in {self.path!r} is encrypted.")
        if info.file_size > (
            self.max_bytes or max(SMALL, MOST_ZIPPED * min(info.compress_size, os.path.getsize(self.path)))
        ):
            raise ValueError(
                f"{name!r} in {self.path!r} claims {info.file_size:,} bytes, but has {info.compress_size:,} zipped."
            )
        return info


def open_regular(path: str) -> Any:
    """Open a file that is one: links may lead out of the folder, and a pipe may never end."""
    number = os.open(
        path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError("it is no regular file")
    return os.fdopen(number, "rb")
