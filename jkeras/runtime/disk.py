"""Compiled programs on disk, so that the next process that trains the same model need not compile it: JAX's own cache.

What is in such a directory is run. So it must belong to this user, and nobody else may write to it. Programs of other versions, or for
another processor, lie in directories of their own. What cannot be read or written counts as not there.
"""

import contextlib
import hashlib
import os
import platform
import stat
import warnings
from pathlib import Path
from typing import Any

import jax
import jaxlib
from jax.experimental.compilation_cache import compilation_cache

VARIABLE = "JKERAS_COMPILATION_CACHE"  # in the environment: the directory
MAX_BYTES = 2**30
_TROUBLE = r"Error (reading|writing) persistent compilation cache entry"
_SETTINGS = {  # small programs count, too; what JAX would add to XLA's options depends on the directory
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_enable_xla_caches": "none",
}
_before: dict[str, Any] = {}  # JAX's settings, while ours hold


def keep_on_disk(directory: "str | Path | None", max_bytes: int = MAX_BYTES) -> None:
    """Keep compiled programs in a directory, or, with None, no longer.

    Args:
        directory: where.
        max_bytes: how much may lie there. The oldest programs are deleted when this is called.

    Raises:
        PermissionError: the directory belongs to somebody else, or others may write to it.
    """
    for name, value in _before.items():
        jax.config.update(name, value)
    _before.clear()
    if directory is not None:
        path = _private(Path(directory).expanduser()) / _this_processor()
        path.mkdir(mode=0o700, exist_ok=True)
        _shrink(path.parent, max_bytes)
        for name, value in {**_SETTINGS, "jax_compilation_cache_dir": str(path)}.items():
            _before[name] = getattr(jax.config, name)
            jax.config.update(name, value)
        warnings.filterwarnings("ignore", _TROUBLE)
    compilation_cache.reset_cache()  # which JAX opens once


def start_from_environment() -> None:
    """Do as the environment says; where that cannot be done, say so and go on without."""
    directory = os.environ.get(VARIABLE)
    if directory and directory != "0":
        try:
            keep_on_disk(directory)
        except OSError as error:
            warnings.warn(f"{VARIABLE}={directory}: {error} Programs are not kept.", stacklevel=2)


def is_kept() -> bool:
    """Return True if JAX keeps programs on disk, for jkeras or because the user's own program says so."""
    config: Any = jax.config
    return bool(config.jax_compilation_cache_dir) and bool(config.jax_enable_compilation_cache)


def _private(path: Path) -> Path:
    """A directory that is this user's own; made if it is not there."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.stat()
    owner = getattr(os, "getuid", lambda: found.st_uid)()
    if found.st_uid != owner:
        raise PermissionError(f"{path} belongs to another user, and programs from it are run. Choose another directory.")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(
            f"Others may write to {path}, and programs from it are run. Run chmod go-w on it, or choose another directory."
        )
    return path


def _this_processor() -> str:
    """A name for what a program was compiled with and for. A program for another processor might not run."""
    told = [jax.__version__, jaxlib.__version__, platform.system(), platform.machine()]
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as lines:
        wanted = ("model name", "flags", "Features")
        told += sorted({line.strip() for line in lines if line.startswith(wanted)})
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


def _shrink(path: Path, max_bytes: int) -> None:
    """Delete the files that were used least recently until the others take no more than this."""
    files = []
    for file in path.rglob("*"):
        with contextlib.suppress(OSError):
            found = file.lstat()
            if stat.S_ISREG(found.st_mode):
                files.append((max(found.st_atime, found.st_mtime), found.st_size, file))
    room = max_bytes
    for _, size, file in sorted(files, reverse=True, key=lambda item: item[0]):
        room -= size
        if room < 0:
            with contextlib.suppress(OSError):
                file.unlink()
