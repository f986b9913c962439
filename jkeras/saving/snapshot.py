"""Plain values and arrays in one file, from which a run can continue later.

The file is a zip archive as `numpy.savez` writes it. One member holds the structure as JSON, with the numbers of the
arrays in their places; the others are the arrays. Nothing in it is ever run, and the archive's checksums reveal a
damaged file.
"""

import io
import json
import zipfile
from typing import Any

import numpy as np

from jkeras.saving.files import replacing


def encode(value: Any, arrays: list) -> Any:
    """The structure of a nested value for JSON; its arrays are added to `arrays`.

    Args:
        value: None, numbers, texts, bytes, arrays, and dicts, lists and tuples of them.
        arrays: NumPy or JAX arrays found so far.

    Raises:
        TypeError: there is something else in it.

    >>> arrays = []
    >>> encode({"a": (1, np.zeros(2))}, arrays), len(arrays)
    ({'dict': [['a', {'tuple': [1, {'array': 0}]}]]}, 1)
    """
    if isinstance(value, np.generic):
        arrays.append(np.asarray(value))
        return {"scalar": len(arrays) - 1}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, bytes):
        arrays.append(np.frombuffer(value, np.uint8))
        return {"bytes": len(arrays) - 1}
    if isinstance(value, dict):
        return {"dict": [[encode(k, arrays), encode(v, arrays)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        return {"list" if isinstance(value, list) else "tuple": [encode(item, arrays) for item in value]}
    if hasattr(value, "dtype") and hasattr(value, "shape") and value.dtype != object:
        arrays.append(value)
        return {"array": len(arrays) - 1}
    raise TypeError(
        f"a {type(value).__name__} cannot be written: only None, numbers, texts, bytes, arrays, and dicts, lists and tuples of them"
    )


def decode(value: Any, arrays: list) -> Any:
    """The nested value that `encode` was given."""
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "dict":
        return {decode(k, arrays): decode(v, arrays) for k, v in content}
    if kind == "array":
        return arrays[content]
    if kind == "bytes":
        return arrays[content].tobytes()
    if kind == "scalar":
        return arrays[content][()]
    items = [decode(item, arrays) for item in content]
    return items if kind == "list" else tuple(items)


def write_snapshot(path: str, structure: Any, arrays: list) -> None:
    """Write what `encode` returned and collected; the file appears whole or not at all.

    Raises:
        OSError: the file cannot be written.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     arrays, path = [], os.path.join(folder, "state")
    ...     write_snapshot(path, encode({"a": np.arange(3)}, arrays), arrays)
    ...     read_snapshot(path)
    {'a': array([0, 1, 2])}
    """
    with replacing(path, overwrite=True) as temporary, open(temporary, "wb") as file:
        _write(file, structure, arrays)


def _write(file: Any, structure: Any, arrays: list) -> None:
    found = [np.asarray(array) for array in arrays]
    # NumPy's format does not know JAX's own dtypes (bfloat16, float8): their bytes are written, and their names.
    dtypes = [array.dtype.name if array.dtype.kind == "V" else None for array in found]
    text = json.dumps({"structure": structure, "dtypes": dtypes})
    members = {
        f"array_{i}": a if name is None else a.view(f"u{a.dtype.itemsize}") for i, (a, name) in enumerate(zip(found, dtypes))
    }
    np.savez(file, structure=np.frombuffer(text.encode(), np.uint8), **members)  # type: ignore[arg-type]


def to_bytes(value: Any) -> bytes:
    """The content of such a file.

    >>> from_bytes(to_bytes({"a": (1, np.arange(3))}))
    {'a': (1, array([0, 1, 2]))}
    """
    arrays: list = []
    structure, file = encode(value, arrays), io.BytesIO()
    _write(file, structure, arrays)
    return file.getvalue()


def from_bytes(content: bytes) -> Any:
    """The value that `to_bytes` was given.

    Raises:
        ValueError: the content is damaged.
    """
    return _read(io.BytesIO(content), "A part of a backup")


def read_snapshot(path: str) -> Any:
    """The value in a file.

    Raises:
        ValueError: the file is damaged, or none that `write_snapshot` has written.
    """
    with open(path, "rb") as opened:
        return _read(opened, repr(path))


def _read(opened: Any, name: str) -> Any:
    try:
        with np.load(opened, allow_pickle=False) as file:
            header = json.loads(file["structure"].tobytes())
            arrays = [file[f"array_{i}"] for i in range(len(header["dtypes"]))]
        arrays = [a if name is None else a.view(np.dtype(name)) for a, name in zip(arrays, header["dtypes"], strict=True)]
        return decode(header["structure"], arrays)
    except (zipfile.BadZipFile, ValueError, KeyError, EOFError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{name} is damaged, or no file that jkeras has written: {error}") from None
