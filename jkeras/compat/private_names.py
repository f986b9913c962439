"""Private functions of Keras that packages import and that no public name can replace."""

import importlib.util
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jkeras import ops, random, tree
from jkeras.core import frame as frames
from jkeras.core.data_format import standardize_data_format
from jkeras.core.operation import Operation
from jkeras.core.scopes import StatelessScope
from jkeras.core.symbolic import KerasTensor, infer
from jkeras.core.variable import Variable
from jkeras.serialization.naming import auto_name, object_name, snake_case

# What Keras's private names are called here.
ALIASES = {"KerasVariable": "Variable", "BackendVariable": "Variable", "GroupedQueryAttention": "GroupQueryAttention"}
_globals = threading.local()


def any_symbolic_tensors(args: tuple | None = None, kwargs: dict | None = None) -> bool:
    """True if a symbolic tensor is among the arguments of a call."""
    return any(isinstance(leaf, KerasTensor) for leaf in tree.flatten((args or (), kwargs or {})))


def keras_export(*names: Any, **options: Any) -> Callable:
    """Keras's decorator for public names, which changes nothing here."""
    return lambda item: item


def compute_output_spec(fn: Callable, *args: Any, **kwargs: Any) -> Any:
    """The symbolic tensors that a function returns for symbolic ones."""
    return infer(fn, args, kwargs)


def in_stateless_scope() -> bool:
    """True if the code runs where variables do not keep what they are assigned."""
    return frames.current() is not None and any(frame.values for frame in frames.stack())


def in_symbolic_scope() -> bool:
    """True if only shapes are inferred."""
    return any(frame.abstract for frame in frames.stack())


def get_stateless_scope() -> Any:
    """A view on the innermost frame, as a `StatelessScope`; None outside."""
    if not in_stateless_scope():
        return None
    scope = StatelessScope()
    scope._frame = frames.stack()[-1]
    return scope


def get_global_attribute(name: str, default: Any = None, set_to_default: bool = False) -> Any:
    """A value that belongs to the thread."""
    value = getattr(_globals, name, None)
    if value is None and set_to_default:
        setattr(_globals, name, default)
    return default if value is None else value


def set_global_attribute(name: str, value: Any) -> None:
    """Set a value that belongs to the thread."""
    setattr(_globals, name, value)


def standardize_tuple(value: Any, n: int, name: str, allow_zero: bool = False) -> tuple[int, ...]:
    """`n` positive integers: from one, or from as many."""
    numbers = (value,) * n if isinstance(value, int) else tuple(value)
    if len(numbers) != n or any(int(v) != v or v < (0 if allow_zero else 1) for v in numbers):
        raise ValueError(f"{name} must be {n} {'' if allow_zero else 'positive '}integers, got {value!r}.")
    return tuple(int(v) for v in numbers)


def standardize_padding(value: Any, allow_causal: bool = False) -> str:
    """One of the names of paddings, in lower case."""
    padding = str(value).lower()
    allowed = {"valid", "same", *(["causal"] if allow_causal else [])}
    if padding not in allowed:
        raise ValueError(f"padding must be one of {sorted(allowed)}, got {value!r}.")
    return padding


def standardize_shape(shape: Any) -> tuple:
    """A shape as a tuple of integers and None."""
    return tuple(None if d is None else int(d) for d in shape)


def to_snake_case(name: str) -> str:
    """A class's name as it is written in the names of layers."""
    return snake_case(name)


def get_object_name(obj: Any) -> str:
    """The name of an object, or of its class in snake case."""
    return object_name(obj)


def uniquify(name: str) -> str:
    """The name, with a number if it has been given before."""
    return auto_name(name)


def is_default(method: Callable) -> Callable:
    """Mark a method as the base class's own."""
    method._is_default = True  # type: ignore[attr-defined]
    return method


def default(method: Callable) -> Callable:
    """Mark a method as the base class's own."""
    return is_default(method)


def filter_traceback(fn: Callable) -> Callable:
    """Keras's decorator that shortens tracebacks: the function itself."""
    return fn


def no_automatic_dependency_tracking(fn: Callable) -> Callable:
    """Keras's decorator for methods whose attributes are not looked at: the method itself."""
    return fn


def has_arg(fn: Callable, name: str, accept_all: bool = False) -> bool:
    """True if a function has an argument of that name."""
    parameters = inspect.signature(fn).parameters
    return name in parameters or (accept_all and any(p.kind is p.VAR_KEYWORD for p in parameters.values()))


def to_list(x: Any) -> list:
    """A list, or a list of the one thing."""
    return list(x) if isinstance(x, (list, tuple)) else [x]


def remove_by_id(lst: list, value: Any) -> None:
    """Remove an object from a list by identity."""
    lst[:] = [item for item in lst if item is not value]


def print_msg(message: Any, line_break: bool = True) -> None:
    """Print a message."""
    print(message, end="\n" if line_break else "", flush=True)


def draw_seed(seed: Any) -> Any:
    """The next key of a seed generator, or the key of a number."""
    if isinstance(seed, random.SeedGenerator):
        return seed.next()
    return random.SeedGenerator(seed).next() if seed is not None else global_seed_generator().next()


def global_seed_generator() -> Any:
    """The generator that is used where none is given."""
    return get_global_attribute("seed_generator", set_to_default=True, default=random.SeedGenerator())


def is_nnx_enabled() -> bool:
    """True if variables are flax's: never."""
    return False


def get_keras_mask(x: Any) -> Any:
    """The mask that travels with an array."""
    return x._keras_mask if isinstance(x, KerasTensor) else frames.mask_of(x)


class Tracker:
    """A stand-in for the class that Keras uses to watch attributes. It tracks nothing."""

    def __init__(self, config: Any = None, exclusions: Any = None):
        self.config = config

    def track(self, attr: Any) -> Any:
        """The attribute itself."""
        return attr

    def add_to_store(self, store_name: str, value: Any) -> None:
        """Add a value to one of the lists that the tracker was given."""
        self.config[store_name][1].append(value)

    def lock(self, msg: str | None = None) -> None:
        """Nothing is locked."""

    def unlock(self) -> None:
        """Nothing is locked."""


@contextmanager
def DotNotTrackScope() -> Iterator[None]:
    """A block in which attributes are not looked at."""
    yield


class LazyModule:
    """A module that may be absent; `available` says whether it is there."""

    def __init__(self, name: str):
        self._name = name

    @property
    def available(self) -> bool:
        """True if the module can be imported."""
        return importlib.util.find_spec(self._name) is not None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module(self._name), name)


# The other packages that `keras.src.utils.module_utils` knows.
LAZY = ("tensorflow", "torch", "scipy", "jax", "flax", "grain", "optree", "gfile", "orbax", "ai_edge_litert", "openvino")
FACTS = {
    "SUPPORTS_SPARSE_TENSORS": True,
    "SUPPORTS_RAGGED_TENSORS": False,
    "SUPPORTS_COMPLEX_DTYPES": True,
    "IS_THREAD_SAFE": True,
    "standardize_data_format": standardize_data_format,
    "random_seed_dtype": lambda: "uint32",
    "is_tensor": ops.is_tensor,
    "Variable": Variable,
    "Operation": Operation,
}
_FUNCTIONS = (
    any_symbolic_tensors, keras_export, compute_output_spec, in_stateless_scope, in_symbolic_scope, get_stateless_scope,
    get_global_attribute, set_global_attribute, standardize_tuple, standardize_padding, standardize_shape, to_snake_case,
    get_object_name, uniquify, is_default, default, filter_traceback, no_automatic_dependency_tracking, has_arg, to_list,
    remove_by_id, print_msg, draw_seed, global_seed_generator, is_nnx_enabled, get_keras_mask, Tracker, DotNotTrackScope,
    LazyModule,
)  # fmt: skip
OWN = {**FACTS, "auto_name": auto_name, **{function.__name__: function for function in _FUNCTIONS}}
