"""Find mistakes in data before the first step."""

import operator
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jkeras.data.rows import Rows
from jkeras.errors import outside

# Looking for NaN reads everything once (measured: 9 ms for 188 MB in memory); a file larger than this is not read for it.
NAN_CHECK_BYTES = 256 * 2**20


def check_lengths(x: Any, y: Any = None, sample_weight: Any = None, equal: bool = True) -> int:
    """The number of samples, which must not be 0, and be the same in all arrays.

    Args:
        x, y, sample_weight: structures of `Rows`.
        equal: False for a single batch, whose arrays may have lengths of their own (the nodes and the edges of a graph).

    Raises:
        ValueError: naming the arrays and their lengths.
    """
    leaves = jax.tree.leaves((x, y, sample_weight))
    if not jax.tree.leaves(x):
        raise ValueError("There is no data: x holds no array.")
    lengths = {leaf.name: leaf.shape[0] for leaf in leaves}
    if equal and len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        hint = ""
        if isinstance(x, list | tuple) and len(x) in [leaf.shape[0] for leaf in jax.tree.leaves(y)]:
            hint = f" x is a {type(x).__name__} of {len(x)} arrays, so as many inputs. If they are samples: np.stack(x)."
        raise ValueError(f"All arrays must have the same number of samples (their first dimension), but {listed}.{hint}")
    total = leaves[0].shape[0]
    if total == 0:
        raise ValueError(f"The data is empty: {leaves[0].name} has shape {leaves[0].shape}.")
    return total


def check_count(value: Any, name: str) -> int | None:
    """A positive whole number, or None.

    Raises:
        ValueError: for anything else.

    >>> check_count(-3, "batch_size")
    Traceback (most recent call last):
    ValueError: batch_size must be a positive integer, got -3.
    """
    if value is None:
        return None
    try:
        number = operator.index(value) if not isinstance(value, bool | np.bool_) else 0
    except TypeError:
        number = 0
    if number < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}.")
    return number


def warn_about_nan(*trees: Any) -> None:
    """Warn once, naming every array with a NaN and its columns."""
    seen, found = set(), []
    for rows in jax.tree.leaves(trees):
        if id(rows) not in seen and not (rows.on_disk and rows.nbytes > NAN_CHECK_BYTES) and rows.has_nan():
            found.append(_where(rows))
        seen.add(id(rows))
    if found:
        warnings.warn(
            f"NaN in the data: {'; '.join(found)}. The loss will be NaN from the first batch that holds one: "
            "fill or drop them, for example with np.nan_to_num.",
            stacklevel=outside(),
        )


def warn_about_infinity(*trees: Any) -> None:
    """Warn of infinite numbers, naming every array with one and its columns. Reads everything, so ask when a loss is not finite."""
    found = [
        _where(rows, np.isinf)
        for rows in {id(rows): rows for rows in jax.tree.leaves(trees)}.values()
        if rows.dtype.kind == "f" and not (rows.on_disk and rows.nbytes > NAN_CHECK_BYTES) and np.isinf(rows.whole()).any()
    ]
    if found:
        warnings.warn(
            f"Infinite numbers in the data: {'; '.join(found)}. They are why the loss is not finite: replace or drop them.",
            stacklevel=outside(),
        )


def warn_about_negative(weights: Any) -> None:
    """Warn of negative sample weights: a smaller loss is then a worse prediction."""
    for rows in jax.tree.leaves(weights):
        if not rows.on_disk and np.asarray(rows.source).min(initial=0) < 0:
            warnings.warn(
                f"{rows.name} holds negative weights, which training follows by making the loss of those samples larger. If that "
                "is not what you want, pass weights of 0 or more.",
                stacklevel=outside(),
            )
            return


def _where(rows: Rows, is_bad: Callable = np.isnan) -> str:
    """The array and, for a matrix, the columns that are bad, a block of rows at a time."""
    if len(rows.shape) != 2:
        return rows.name
    bad = np.zeros(rows.shape[1], bool)
    for start in range(0, len(rows), 4096):
        bad |= is_bad(rows.read(slice(start, min(start + 4096, len(rows))))).any(axis=0)
    columns = [repr(rows.columns[i]) if rows.columns else str(i) for i in np.flatnonzero(bad)]  # type: ignore[call-overload]
    listed = ", ".join(columns[:10]) + (f" and {len(columns) - 10} more" if len(columns) > 10 else "")
    return f"{rows.name}, column{'s' if len(columns) > 1 else ''} {listed}"
