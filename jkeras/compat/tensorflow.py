"""A stand-in for TensorFlow, where it is not installed: enough for programs that use it to get at `tf.keras`.

`tf.keras` is jkeras. `tf.data` makes its data sets of `jkeras.data.Dataset` (`tensorflow_data.py`). Dtypes, `tf.random.set_seed`,
`tf.test.TestCase`, and every function of `tf`, `tf.math`, `tf.nn`, `tf.linalg` and `tf.image` that has a twin in `jkeras.ops` work;
`tensorflow_names.py` has those whose arguments are others. Anything else is an error that names it.
"""

import functools
import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax.numpy as jnp

from jkeras.compat import tensorflow_data, tensorflow_names, tensorflow_testing

DTYPES = (
    *("bool", "float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
)
# Functions that are called otherwise in jkeras.ops.
TWINS = {
    **{f"reduce_{name}": name for name in ("mean", "sum", "max", "min", "prod", "all", "any", "std", "logsumexp")},
    **{"reduce_variance": "var", "pow": "power", "range": "arange"},
    **{"acos": "arccos", "asin": "arcsin", "atan": "arctan", "atan2": "arctan2"},
    **{
        "is_nan": "isnan",
        "is_inf": "isinf",
        "is_finite": "isfinite",
    },
}
PARTS = (
    "math",
    "nn",
    "linalg",
    "random",
    "data",
    "image",
    "compat",
    "config",
    "debugging",
    "errors",
    "io",
    "train",
    "dtypes",
    "distribute",
    "ragged",
    "sparse",
    "test",
    "tpu",
)
# Where programs find classes to annotate with and to compare with; here no object is of them.
ABSENT = ("distribute", "ragged", "sparse", "tpu")
ABSENT_CLASSES = (
    "SparseTensor",
    "RaggedTensor",
    "IndexedSlices",
    "TypeSpec",
    "SparseTensorSpec",
    "RaggedTensorSpec",
    "Module",
)


def module(fullname: str, view: Callable, resolve: Callable) -> ModuleType:
    """The view for `tensorflow` or one of its parts; `resolve` gives the modules in it.

    Raises:
        ModuleNotFoundError: the stand-in has no such part.
    """
    part = fullname.partition(".")[2]
    if part and part.partition(".")[0] not in PARTS:
        raise ModuleNotFoundError(
            f"TensorFlow is not installed, and jkeras's stand-in for it has no {fullname!r}. It has tf.keras and {', '.join(PARTS)}.",
            name=fullname,
        )

    def find(name: str) -> Any:
        return _find(part, name, resolve)

    made = view(fullname, find, lambda: ["keras", *DTYPES, *PARTS] if not part else [], __doc__)
    if not part:
        made.__version__ = "2.16.0"
    return made


def _find(part: str, name: str, resolve: Callable) -> Any:
    path = f"{part}.{name}".lstrip(".")
    for known in (path, name if part in ("math", "linalg") else path):
        if known in _OWN:
            return _OWN[known]
    if any(own.startswith(f"{path}.") for own in _OWN):
        return resolve(f"tensorflow.{path}")
    if not part:
        if name in ("keras", *PARTS):
            return resolve(f"tensorflow.{name}")
        if name in DTYPES:
            return jnp.dtype(name)
    root = part.partition(".")[0]
    if (root in ABSENT and name[:1].isupper()) or (not part and name in ABSENT_CLASSES):
        return _absent_class(path)
    if root in ABSENT and name in ("experimental", "embedding"):
        return resolve(f"tensorflow.{path}")
    twin = TWINS.get(name, name)
    for namespace in {"nn": ("nn", "")}.get(part, (part, "") if part in ("linalg", "image") else ("",)):
        twins = importlib.import_module(f"jkeras.ops.{namespace}".rstrip("."))
        if twin in dir(twins) and part in ("", "math", "nn", "linalg", "image"):
            return getattr(twins, twin)
    raise AttributeError(
        f"TensorFlow is not installed, and jkeras's stand-in for it has no tf.{path}. Look for its twin in jkeras.ops; "
        "a program that needs TensorFlow itself finds it where it is installed.",
        name=name,
    )


@functools.cache
def _absent_class(path: str) -> type:
    """A class that annotations and `isinstance` may name, and that cannot be made."""

    def refuse(self: Any, *args: Any, **kwargs: Any) -> None:
        raise TypeError(f"TensorFlow is not installed, and jkeras's stand-in for it cannot make a tf.{path}.")

    return type(
        path.rpartition(".")[2], (), {"__init__": refuse, "__doc__": f"tf.{path}, of which there are no objects here."}
    )


_OWN = {**tensorflow_names.OWN, **tensorflow_data.OWN, **tensorflow_testing.OWN}
