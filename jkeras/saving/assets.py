"""Assets: files that layers write besides the weights, such as the vocabulary of a `StringLookup`.

A layer with the two methods `save_assets(dir_path)` and `load_assets(dir_path)` gets a folder of its own. In the
archive, it is `assets/<path of the layer>/`, as in Keras. Archives can come from anybody, so a member is unpacked only
to a new folder, under a path without `..`, and its size is limited.
"""

import os
import tempfile
from collections.abc import Iterator
from typing import Any

from jkeras.saving.groups import stored_modules
from jkeras.saving.members import Members

FOLDER = "assets"
LARGEST = 2**30  # bytes of one member


def write_assets(model: Any, folder: str) -> list[str]:
    """Let all layers of a model write their files below `folder`; returns the files' names in the archive."""
    for path, module in _with_assets(model, "save_assets"):
        own = os.path.join(folder, FOLDER, *path.split("/"))
        os.makedirs(own, exist_ok=True)
        module.save_assets(own)
    found = [os.path.join(where, name) for where, _, names in os.walk(os.path.join(folder, FOLDER)) for name in names]
    return sorted(os.path.relpath(path, folder).replace(os.sep, "/") for path in found)


def read_assets(model: Any, members: Members) -> None:
    """Let the layers of a model read their files.

    Raises:
        ValueError: a file has a bad name, or does not fit its layer.
    """
    modules = dict(_with_assets(model, "load_assets"))
    files: dict[str, dict[str, str]] = {}  # module -> {its file: the member}
    for name in members.below(FOLDER):
        owners = [path for path in modules if not path or name.startswith(f"{FOLDER}/{path}/")]
        if owners:
            owner = max(owners, key=len)
            files.setdefault(owner, {})[name.removeprefix(f"{FOLDER}/{owner}").lstrip("/")] = name
    for path, named in files.items():
        with tempfile.TemporaryDirectory() as folder:
            for relative, name in named.items():
                parts = relative.split("/")
                if any(part in ("", ".", "..") or os.sep in part or os.path.isabs(part) or ":" in part for part in parts):
                    raise ValueError(f"{members.path!r} has a file with a name that is not allowed: {name!r}.")
                os.makedirs(os.path.join(folder, *parts[:-1]), exist_ok=True)
                with open(os.path.join(folder, *parts), "wb") as file:
                    file.write(members.read(name, LARGEST))
            try:
                modules[path].load_assets(folder)
            except (ValueError, RuntimeError, OSError, UnicodeError) as error:
                raise ValueError(f"The files of {path!r} in {members.path!r} do not fit the model: {error}") from error


def _with_assets(model: Any, method: str) -> Iterator[tuple[str, Any]]:
    return ((path, module) for path, module in stored_modules(model).items() if hasattr(module, method))
