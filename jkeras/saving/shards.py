"""Weights in several files, none larger than a limit, as Keras writes them.

    name.weights.json          {"metadata": {"total_size": bytes}, "weight_map": {"/layers/dense/vars": part, or list of parts}}
    name_00000.weights.h5      a part, an HDF5 file in the form of `weights`
    name_00001.weights.h5      the next one

The index is replaced last, in one step. A save does not overwrite parts that the old index names. It uses other numbers, and
removes the old parts at the end. So the old or the new weights are always complete. Keras always opens the part with the
number 0; it exists even if it contains no weights.
"""

import json
import os
import stat
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from typing import Any

import ml_dtypes
import numpy as np

from jkeras.saving.files import replacing, scratch
from jkeras.saving.members import open_regular
from jkeras.saving.store import check_budget, read_dataset

EXTENSION, PART = ".weights.json", ".weights.h5"
GIB, LARGEST_INDEX, MOST_PARTS = 2**30, 2**28, 10**4
OWNER = "index"  # the attribute of a part that says which index it belongs to


class WrittenShards:
    """Parts that are being written to a folder.

    Args:
        folder: where.
        names: of the parts, as many as are asked for.
        largest: bytes of the arrays in a part.
        owner: the name of the index.
    """

    def __init__(self, folder: str, names: Iterator[str], largest: float, owner: str):
        self.folder, self.names, self.largest, self.owner = folder, names, largest, owner
        self.size, self.total = 0, 0
        self.map: dict[str, str | list[str]] = {}
        self.file: Any = None
        self.name = ""

    def room_for(self, size: int, what: str) -> Any:
        """The file for an array of so many bytes."""
        import h5py  # 60 ms, which `import jkeras` need not take

        if size > self.largest:
            raise ValueError(
                f"{what!r} has {size:,} bytes, which is more than a part may have: max_shard_size={self.largest / GIB:g} (GiB) are "
                f"{int(self.largest):,} bytes. Give a larger max_shard_size."
            )
        if self.file is None or self.size + size > self.largest:
            self.close()
            self.name, self.size = next(self.names), 0
            self.file = h5py.File(os.path.join(self.folder, self.name), "x")
            self.file.attrs[OWNER] = self.owner
        self.size, self.total = self.size + size, self.total + size
        return self.file

    def note(self, group: str) -> None:
        """Note that the present part has arrays of a group."""
        known = self.map.setdefault(group, self.name)
        parts = [known] if isinstance(known, str) else known
        if self.name not in parts:
            self.map[group] = [*parts, self.name]

    def close(self) -> None:
        """Close the present part."""
        if self.file is not None:
            self.file.close()
        self.file = None


class ShardedStore(MutableMapping):
    """The store of one module, whose arrays may lie in several parts."""

    def __init__(self, shards: WrittenShards, path: str, name: str | None = None):
        self._shards, self._where, self._name = shards, f"/{path}/vars" if path else "/vars", name
        self._written: dict[str, np.ndarray] = {}

    def __setitem__(self, key: str, value: Any) -> None:
        value = np.asarray(value)
        file = self._shards.room_for(value.nbytes, f"{self._where}/{key}")
        group = file.require_group(self._where)
        if self._name is not None:
            group.attrs["name"] = self._name
        dataset = group.create_dataset(key, data=value)
        if value.dtype == ml_dtypes.bfloat16:
            dataset.attrs["dtype"] = "bfloat16"
        self._shards.note(self._where)
        self._written[key] = dataset

    def __getitem__(self, key: str) -> np.ndarray:
        return read_dataset(self._written[key])

    def __delitem__(self, key: str) -> None:
        raise TypeError("Arrays that were written to a part of the weights cannot be deleted.")

    def __iter__(self) -> Iterator[str]:
        return iter(self._written)

    def __len__(self) -> int:
        return len(self._written)


@contextmanager
def written_shards(path: str, max_shard_size: float) -> Iterator[WrittenShards]:
    """Yields parts to write; when the block ends well, they and the index take the place of older ones.

    Args:
        path: of the index, which ends in `.weights.json`.
        max_shard_size: of the arrays in a part, in GiB.
    """
    real = os.path.realpath(path)
    parent, owner = os.path.split(real)
    base = owner.removesuffix(EXTENSION)
    old = set(_parts(_read_index(path))) if os.path.isfile(real) else set()

    def free_names() -> Iterator[str]:
        for number in range(MOST_PARTS):
            name = f"{base}_{number:05}{PART}"
            where = os.path.join(parent, name)
            if name not in old and (not os.path.lexists(where) or _is_ours(where, owner)):
                yield name
        raise ValueError(f"{path!r} would have more than {MOST_PARTS} parts. Give a larger max_shard_size.")

    with replacing(path, True) as temporary, scratch(real, folder=True) as folder:
        shards = WrittenShards(folder, free_names(), max_shard_size * GIB, owner)
        try:
            yield shards
        finally:
            shards.close()
        names = os.listdir(folder)
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                os.fsync(file.fileno())
            if os.path.exists(real):
                os.chmod(os.path.join(folder, name), stat.S_IMODE(os.stat(real).st_mode))  # private weights stay private
            os.replace(os.path.join(folder, name), os.path.join(parent, name))
        with open(temporary, "x", encoding="utf-8") as index:
            json.dump({"metadata": {"total_size": shards.total}, "weight_map": shards.map}, index, indent=4)
    _remove_others(parent, base, owner, set(names))


def _remove_others(parent: str, base: str, owner: str, names: set[str]) -> None:
    """Remove the parts of older saves; leave an empty one in the place of part 0 if it has no weights."""
    import h5py  # 60 ms, which `import jkeras` need not take

    first = f"{base}_00000{PART}"
    for name in os.listdir(parent):
        number = name.removeprefix(f"{base}_").removesuffix(PART)
        path = os.path.join(parent, name)
        is_part = name == f"{base}_{number}{PART}" and len(number) == 5 and number.isdigit()
        if is_part and name != first and name not in names and _is_ours(path, owner):
            os.unlink(path)
    where = os.path.join(parent, first)
    with scratch(where):
        pass  # what a save that was killed here has left behind is removed, even if this one needs no empty part
    if first not in names and (not os.path.lexists(where) or _is_ours(where, owner)):
        with replacing(where, True) as temporary, h5py.File(temporary, "x") as file:
            file.attrs[OWNER] = owner


def _is_ours(path: str, owner: str) -> bool:
    """True if a file is a part that was written here for this index."""
    import h5py  # 60 ms, which `import jkeras` need not take

    try:
        with open_regular(path) as opened, h5py.File(opened, "r") as file:
            return file.attrs.get(OWNER) == owner
    except (OSError, RuntimeError, KeyError):
        return False


def _read_index(path: str) -> dict:
    try:
        with open_regular(path) as file:
            text = file.read(LARGEST_INDEX + 1)
        found = json.loads(text) if len(text) <= LARGEST_INDEX else None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path!r} is no index of weights that can be read: {error}") from error
    weight_map: Any = found.get("weight_map") if isinstance(found, dict) else None
    values = weight_map.values() if isinstance(weight_map, dict) else [7]
    for name in (name for value in values for name in (value if isinstance(value, list) else [value])):
        if not isinstance(name, str) or not name.endswith(PART) or os.path.basename(name) != name or "\\" in name:
            raise ValueError(
                f"{path!r} should name parts that lie beside it, such as 'name_00000{PART}', got {name!r:.200}."
            )
    return weight_map


def _parts(weight_map: dict) -> list[str]:
    return list(dict.fromkeys(n for value in weight_map.values() for n in (value if isinstance(value, list) else [value])))


@contextmanager
def opened_shards(path: str, max_bytes: int | None) -> Iterator[tuple]:
    """Yields the open parts that an index names.

    Raises:
        FileNotFoundError: there is no index.
        ValueError: it is damaged, a part is missing or damaged, or all together claim more bytes than such files can mean.
    """
    import h5py  # 60 ms, which `import jkeras` need not take

    if not os.path.isfile(path):
        raise FileNotFoundError(f"There is no file {path!r}.")
    names = _parts(_read_index(path))
    if len(names) > MOST_PARTS:
        raise ValueError(f"{path!r} names {len(names)} parts; at most {MOST_PARTS} are read.")
    with ExitStack() as stack:
        files, stored = [], 0
        for name in names:
            try:
                part = stack.enter_context(open_regular(os.path.join(os.path.dirname(path), name)))
                stored += os.fstat(part.fileno()).st_size
                files.append(stack.enter_context(h5py.File(part, "r")))
            except (OSError, RuntimeError, KeyError) as error:
                raise ValueError(f"{path!r} names {name!r}, which cannot be read as an HDF5 file: {error}") from error
        check_budget(tuple(files), path, stored, max_bytes)
        try:
            yield tuple(files)
        except (OSError, RuntimeError, KeyError) as error:
            raise ValueError(f"The parts of {path!r} cannot be read as HDF5 files: {error}") from error
