"""A stand-in for TensorFlow, where it is not installed: enough for programs that use it to get at `tf.keras`.

`tf.keras` is jkeras. Dtypes, `tf.constant`, `tf.convert_to_tensor`, `tf.random.set_seed` and every function of `tf`, `tf.math` and
`tf.nn` that has a twin of the same name in `jkeras.ops` work. Anything else is an error that names it.
"""

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras import ops, random
from jkeras.core.variable import Variable
from jkeras.utils.session import set_random_seed

DTYPES = (
    *("bool", "float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
)
# Functions that are called otherwise in jkeras.ops.
TWINS = {
    **{f"reduce_{name}": name for name in ("mean", "sum", "max", "min", "prod", "all", "any", "std", "logsumexp")},
    **{"reduce_variance": "var", "concat": "concatenate", "pow": "power", "range": "arange", "gather": "take"},
    **{"acos": "arccos", "asin": "arcsin", "atan": "arctan", "atan2": "arctan2"},
    **{"is_nan": "isnan", "is_inf": "isinf", "is_finite": "isfinite"},
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
    if path in _OWN:
        return _OWN[path]
    if not part:
        if name in ("keras", *PARTS):
            return resolve(f"tensorflow.{name}")
        if name in DTYPES:
            return jnp.dtype(name)
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


def _constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> jax.Array:
    array = ops.convert_to_tensor(value, dtype=dtype)
    return array if shape is None else jnp.broadcast_to(array, shape)


class GradientTape:
    """There is no tape: JAX differentiates functions."""

    def __init__(self, *args: Any, **kwargs: Any):
        raise TypeError(
            "tf.GradientTape has no counterpart: JAX differentiates functions. Write a function of the variables:\n"
            "    def loss_of(trainable, non_trainable, x, y):\n"
            "        y_pred, non_trainable = model.stateless_call(trainable, non_trainable, x, training=True)\n"
            "        return loss(y, y_pred), non_trainable\n"
            "    (value, state), grads = jax.value_and_grad(loss_of, has_aux=True)(trainable, non_trainable, x, y)\n"
            "or override compute_loss of a Model and let fit differentiate it."
        )


def _function(function: Callable | None = None, **options: Any) -> Callable:
    """`tf.function`: the function itself; JAX traces what is jitted."""
    return (lambda f: f) if function is None else function


_OWN: dict[str, Any] = {
    "constant": _constant,
    "convert_to_tensor": _constant,
    "Tensor": jax.Array,
    "Variable": Variable,
    "TensorShape": tuple,
    "GradientTape": GradientTape,
    "function": _function,
    "random.set_seed": set_random_seed,
    "random.normal": lambda shape, mean=0.0, stddev=1.0, dtype="float32", seed=None: random.normal(
        shape, mean, stddev, np.dtype(dtype).name, seed
    ),
    "random.uniform": lambda shape, minval=0.0, maxval=1.0, dtype="float32", seed=None: random.uniform(
        shape, minval, maxval, np.dtype(dtype).name, seed
    ),
    "newaxis": None,
    "config.list_physical_devices": lambda kind=None: [d for d in jax.devices() if kind in (None, d.platform.upper())],
    "executing_eagerly": lambda: True,
}
