"""Arrays in HDF5 files: one group per module, one dataset per variable.

    layers/dense/vars        attribute "name": the name of the layer
    layers/dense/vars/0      the kernel
    layers/dense/vars/1      the bias

A file can come from anybody, so its contents are checked. Groups and datasets must be plain ones of the same file (HDF5
also has links into other files, and datasets made from them), contain numbers, and have the size that they claim.
bfloat16, which HDF5 does not have, is stored as 2-byte blobs with the attribute "dtype".
"""

import math
import os
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import ml_dtypes
import numpy as np

from jkeras.saving.members import MOST_ZIPPED, SMALL

MOST_COMPRESSED = 1100  # times; zlib, the strongest filter that HDF5 has, packs zeros 1032 times

MOST_ITEMS = 30_000  # groups and arrays in a file; to look at one takes some 50 us
DEEPEST = 60  # groups in groups; hard links may go in a circle


class WrittenStore(MutableMapping):
    """The store of one module in a file that is being written.

    Args:
        file: an open `h5py.File`.
        path: of the module's group.
        name: of the module, noted beside.
    """

    def __init__(self, file: Any, path: str, name: str | None = None):
        self._group = file.create_group(f"{path}/vars" if path else "vars")
        if name is not None:
            self._group.attrs["name"] = name

    def __setitem__(self, key: str, value: Any) -> None:
        value = np.asarray(value)
        dataset = self._group.create_dataset(key, data=value)
        if value.dtype == ml_dtypes.bfloat16:
            dataset.attrs["dtype"] = "bfloat16"

    def __getitem__(self, key: str) -> np.ndarray:
        return read_dataset(self._group[key])

    def __delitem__(self, key: str) -> None:
        del self._group[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._group)

    def __len__(self) -> int:
        return len(self._group)


class ReadStore(Mapping):
    """The store of one module in a file that is being read; empty if the file has none.

    Args:
        file: an open `h5py.File`, or several, each with a part of the arrays.
        path: of the module's group.

    Raises:
        ValueError: the group, or a dataset that is asked for, is not a plain one.
    """

    def __init__(self, file: Any, path: str):
        self._where = f"{path}/vars" if path else "vars"
        self._groups: list[Any] = []
        self._datasets: dict[str, Any] = {}  # that were found, and checked
        for group in _files(file):
            for part in self._where.split("/"):
                group = None if group is None else plain_member(group, part, "Group", self._where)
            if group is not None:
                self._groups.append(group)

    def __getitem__(self, key: str) -> np.ndarray:
        return read_dataset(self._dataset(key))

    def shape(self, key: str) -> tuple[int, ...]:
        """The shape of an array, which is not read."""
        return tuple(self._dataset(key).shape)

    def dtype(self, key: str) -> np.dtype:
        """The dtype of an array, which is not read."""
        return self._dataset(key).dtype

    def __iter__(self) -> Iterator[str]:
        return (key for group in self._groups for key in group)

    def __len__(self) -> int:
        return sum(map(len, self._groups))

    def _dataset(self, key: str) -> Any:
        if key not in self._datasets:
            members = (
                plain_member(group, key, "Dataset", f"{self._where}/{key}") for group in self._groups if "/" not in key
            )
            found = next((member for member in members if member is not None), None)
            if found is None:
                raise KeyError(key)
            self._datasets[key] = found
        return self._datasets[key]


def _files(file: Any) -> tuple:
    return file if isinstance(file, tuple) else (file,)


def check_budget(file: Any, name: str, stored: int, max_bytes: int | None) -> None:
    """Raise unless all arrays of a file together claim no more than a file of that size can mean.

    Args:
        file: an open `h5py.File`, or several.
        name: of it, for messages.
        stored: how many bytes lie on disk.
        max_bytes: the limit; by default 64 MiB, or `MOST_ZIPPED` times what lies on disk.

    Raises:
        ValueError: they claim more (a dataset that is linked twice counts twice, for it is read twice), or a name is not text.
    """
    import h5py  # 60 ms, which `import jkeras` need not take

    limit = max(SMALL, MOST_ZIPPED * stored) if max_bytes is None else max_bytes
    claimed, items, groups = 0, 0, [(part, 0) for part in _files(file)]
    while groups:
        group, depth = groups.pop()
        items += len(group)
        if items > MOST_ITEMS:
            raise ValueError(f"{name!r} has more than {MOST_ITEMS:,} groups and arrays.")
        for key in group:
            if isinstance(key, bytes):  # h5py could not decode it
                raise ValueError(f"{name!r} has a group or array whose name is not text: {key[:100]!r}.")
            item = group[key] if _lies_in(group, key) else None
            if isinstance(item, h5py.Group) and depth < DEEPEST:
                groups.append((item, depth + 1))
            elif isinstance(item, h5py.Dataset):
                claimed += math.prod(item.shape or ()) * item.dtype.itemsize
            if claimed > limit:
                raise ValueError(
                    f"{name!r} claims more than {limit:,} bytes of arrays, but has {stored:,} bytes on disk. If you trust it, "
                    f"pass max_bytes= with the number of bytes that it may take."
                )


def stored_paths(file: Any) -> Iterator[str]:
    """The paths of the modules that have arrays in a file; links are not followed."""
    import h5py  # 60 ms, which `import jkeras` need not take

    groups = [("", part) for part in _files(file)]
    while groups:
        path, group = groups.pop()
        for name in group:
            item = group[name] if _lies_in(group, name) else None
            if isinstance(item, h5py.Group):
                if name == "vars" and len(item):
                    yield path
                elif name != "vars" and path.count("/") < DEEPEST:
                    groups.append((f"{path}/{name}" if path else name, item))


def _lies_in(group: Any, name: str) -> bool:
    """True if a member of a group lies there itself, and is no link to elsewhere."""
    import h5py  # 60 ms, which `import jkeras` need not take

    link = group.id.links.get_info(os.fsencode(name))  # `group.get` takes twice the time
    return link.type == h5py.h5l.TYPE_HARD


def plain_member(group: Any, name: str, kind: str, where: str) -> Any:
    """A member of a group, which must lie there itself; None if there is none."""
    if not group.id.links.exists(os.fsencode(name)):
        return None
    if not _lies_in(group, name):
        link = type(group.get(name, getlink=True)).__name__
        raise ValueError(f"{where!r} is a link to elsewhere ({link}), which is not followed.")
    item = group[name]
    if type(item).__name__ != kind:
        raise ValueError(f"{where!r} should be a {kind.lower()}, but is a {type(item).__name__.lower()}.")
    if kind == "Dataset":
        _check(item, where)
    return item


def _check(dataset: Any, where: str) -> None:
    """Raise unless a dataset consists of numbers that lie in this file."""
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{where!r} takes its numbers from other files, which are not opened.")
    if dataset.shape is None or not (dataset.dtype.kind in "biufc" or _is_bfloat16(dataset)):
        raise ValueError(f"{where!r} holds no array of numbers, but {dataset.dtype} of shape {dataset.shape}.")
    item, stored = dataset.dtype.itemsize, dataset.id.get_storage_size()
    claimed = math.prod(dataset.shape) * item
    chunk = math.prod(dataset.chunks or ()) * item
    if max(claimed, chunk) > max(SMALL, MOST_COMPRESSED * stored):
        raise ValueError(f"{where!r} claims {max(claimed, chunk):,} bytes, but the file has {stored:,} for it.")


def _is_bfloat16(dataset: Any) -> bool:
    return dataset.dtype.itemsize == 2 and dataset.dtype.kind == "V" and str(dataset.attrs.get("dtype")) == "bfloat16"


def read_dataset(dataset: Any) -> np.ndarray:
    """The array that a dataset holds."""
    values = np.asarray(dataset[()])
    return values.view(ml_dtypes.bfloat16) if _is_bfloat16(dataset) else values
