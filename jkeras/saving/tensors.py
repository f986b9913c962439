"""Weights in safetensors files, `name.safetensors`, by the package safetensors (the extra `jkeras[safetensors]`).

The arrays have the names that they have in a `.weights.h5` file, such as `layers/dense/vars/0`. For reading, they are copied
to an HDF5 file in memory, so that all checks of the other form are made here, too.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from jkeras.core.owner import Owner
from jkeras.errors import MissingFileError
from jkeras.saving.store import MOST_ITEMS, WrittenStore, check_budget

EXTENSION = ".safetensors"
INSTALL = (
    'A ".safetensors" file needs the package safetensors, which is not installed:\n    pip install "jkeras[safetensors]"'
)


def _package() -> Any:
    try:
        import safetensors.numpy  # optional
    except ImportError as error:
        raise ImportError(INSTALL) from error
    return safetensors


def write_tensors(modules: dict[str, Owner], path: str, name: str) -> None:
    """Write the stores of modules to a file.

    Args:
        modules: by the names of their groups.
        path: of the file.
        name: how messages call it.

    Raises:
        ValueError: an array has a dtype that the form does not have, such as float8.
    """
    package, found = _package(), {}
    for group, module in modules.items():
        store: dict[str, Any] = {}
        module.save_own_variables(store)  # type: ignore[attr-defined]
        place = f"{group}/vars" if group else "vars"
        found.update({f"{place}/{key}": np.asarray(value, order="C") for key, value in store.items()})
    try:
        package.numpy.save_file(found, path, metadata={"format": "np"})
    except (package.SafetensorError, AttributeError) as error:
        raise ValueError(
            f"The weights cannot be written to {name!r}: {error}. A '.weights.h5' file can hold them."
        ) from error


@contextmanager
def opened_tensors(path: str, max_bytes: int | None) -> Iterator[tuple]:
    """Yields the arrays of a file as a tuple with one open HDF5 file, which exists in memory only.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or its arrays have no names of weights.
    """
    import h5py  # 60 ms, which `import jkeras` need not take

    package = _package()
    if not os.path.isfile(path):
        raise MissingFileError(f"There is no file {path!r}.")
    with h5py.File(path, "w", driver="core", backing_store=False, block_size=2**22) as file:
        try:
            with package.safe_open(path, framework="np") as tensors:
                names = list(tensors.keys())
                if len(names) > MOST_ITEMS:
                    raise ValueError(f"it has more than {MOST_ITEMS:,} arrays")
                stores: dict[str, WrittenStore] = {}
                for name in names:
                    place, _, key = name.rpartition("/")
                    if place != "vars" and not place.endswith("/vars"):
                        raise ValueError(f"the array {name:.200} should have a name such as 'layers/dense/vars/0'")
                    if place not in stores:
                        stores[place] = WrittenStore(file, place.removesuffix("vars").rstrip("/"))
                    stores[place][key] = tensors.get_tensor(name)
        except (package.SafetensorError, ValueError, TypeError, AttributeError, RuntimeError, KeyError) as error:
            raise ValueError(f"{path!r} cannot be read as a file of weights: {error}") from error
        check_budget(file, path, os.path.getsize(path), max_bytes)
        yield (file,)
