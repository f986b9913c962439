"""Constructors check their arguments by the annotations.

Without this check, `Dense(use_bias="no")` would mean True, and `Adam(epsilon="small")` would fail later, in a line that
does not name the argument. So the base classes of layers, losses, metrics, optimizers, initializers, regularizers,
constraints, callbacks and schedules derive from `Checked`. It wraps the constructors of the library's own classes: the
annotation of an argument, such as `float | None`, and the range of its name in `RANGES` define the valid values.
Constructors of users' classes are not checked.
"""

import functools
import inspect
import math
import numbers
import operator
import os
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np

from jkeras.errors import ArgumentError, unexpected_keywords


class Range(NamedTuple):
    """The range of a number. `open` is True if the ends themselves are excluded."""

    low: float = -math.inf
    high: float = math.inf
    open: tuple[bool, bool] = (False, False)

    def holds(self, value: float) -> bool:
        low, high = (operator.lt if end else operator.le for end in self.open)
        return bool(low(self.low, value) and high(value, self.high))

    def __str__(self) -> str:
        if self == Range():
            return "that is not NaN"
        if self.high == math.inf and self.open[1]:
            return f"from {self.low} on that is finite"
        if self.high == math.inf:
            return f"above {self.low}" if self.open[0] else f"from {self.low} on"
        if self.low == -math.inf:
            return f"below {self.high}" if self.open[1] else f"up to {self.high}"
        text = f"between {self.low} and {self.high}"
        return {(False, True): f"{text} ({self.high} excluded)", (True, False): f"{text} ({self.low} excluded)"}.get(
            self.open, f"{text} (both excluded)" if all(self.open) else text
        )


FINITE = Range(0, open=(False, True))
COUNT, NOT_NEGATIVE, NOT_POSITIVE, POSITIVE = Range(1), Range(0), Range(high=0), Range(0, open=(True, False))
FRACTION, BELOW_ONE = Range(0, 1), Range(0, 1, (False, True))

# Where numbers must lie, by the name of the argument; a class whose argument means something else says so in `argument_ranges`.
RANGES: dict[str, Range] = {
    name: limits
    for limits, names in {
        COUNT: (
            "units filters depth_multiplier groups num_heads num_query_heads num_key_value_heads head_dim key_dim value_dim "
            "sliding_window output_shape input_dim output_dim num_bins num_mel_bins max_number n k top_k lora_rank power_iterations "
            "output_sequence_length sequence_length sampling_rate gptq_unpacked_column_size num_classes"
        ),
        NOT_NEGATIVE: (
            "epsilon stddev delta gamma beta alpha lora_alpha patience cooldown start_from_epoch min_lr verbose class_id "
            "histogram_freq embeddings_freq limit clip_limit min_freq max_freq top_db ref_power min_power initial_learning_rate "
            "end_learning_rate max_learning_rate warmup_target warmup_steps decay_rate power m_mul min_value max_value "
            "negative_slope lr learning_rate batch_size ndim min_ndim max_ndim"
        ),
        FINITE: "l1 l2",
        POSITIVE: "save_seconds t_mul div_factor final_div_factor mag_exp",
        FRACTION: "dropout recurrent_dropout rate label_smoothing momentum renorm_momentum rho ema_momentum margin",
        BELOW_ONE: "beta_1 beta_2 adam_beta_1 adam_beta_2",
        NOT_POSITIVE: "learning_rate_power beta_2_decay",
    }.items()
    for name in names.split()
}


class Checked:
    """Base of classes whose constructors check their arguments.

    >>> class Noise(Checked):
    ...     argument_ranges = {"stddev": NOT_NEGATIVE}
    ...     def __init__(self, stddev: float = 1.0, seed: int | None = None):
    ...         self.stddev = stddev
    >>> Noise.__init__ = checked(Noise.__init__)        # as is done for the library's own classes
    >>> Noise(np.float32(0.5)).stddev, Noise(seed=None).stddev
    (0.5, 1.0)
    >>> Noise("much")
    Traceback (most recent call last):
    jkeras.errors.ArgumentError: Noise needs stddev= a number, got stddev='much'.
    >>> Noise(-1)
    Traceback (most recent call last):
    jkeras.errors.ArgumentError: Noise needs stddev= a number from 0 on, got stddev=-1.
    >>> Noise(stdev=1)
    Traceback (most recent call last):
    jkeras.errors.ArgumentError: Noise() got an unexpected keyword argument 'stdev'. Did you mean 'stddev'?
    """

    argument_ranges: Mapping[str, Range | None] = {}  # beside `RANGES`; None: any number

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls) and cls.__module__.partition(".")[0] == __package__:
            cls.__init__ = checked(cls.__init__)  # type: ignore[method-assign, misc]


def checked(init: Callable) -> Callable:
    """A constructor that checks its arguments, takes NumPy's numbers for Python's, and names the class in its errors."""

    @functools.wraps(init)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        kinds, positional, variadic = _kinds(init)
        owner = type(self)
        if not variadic and not kinds.keys() >= kwargs.keys():
            raise unexpected_keywords(f"{owner.__name__}()", [name for name in kwargs if name not in kinds], kinds)
        given = [check(owner, name, value, kinds[name]) for name, value in zip(positional, args)]
        named = {name: check(owner, name, value, kinds.get(name)) for name, value in kwargs.items()}
        try:
            init(self, *given, *args[len(given) :], **named)
        except (ValueError, TypeError) as error:
            if len(error.args) == 1 and isinstance(error.args[0], str) and owner.__name__ not in error.args[0]:
                error.args = (f"{owner.__name__}: {error.args[0]}",)
            raise

    return wrapped


def known_arguments(owner: type, function: Callable, options: Mapping[str, Any]) -> None:
    """Refuse options that a wrapped function does not take.

    >>> known_arguments(Checked, lambda y, p, delta=1.0: p, {"detla": 2.0})
    Traceback (most recent call last):
    jkeras.errors.ArgumentError: Checked() got an unexpected keyword argument 'detla'. Did you mean 'delta'?
    """
    try:
        parameters = inspect.signature(function).parameters
    except (ValueError, TypeError):  # of a function of C
        return
    unknown = [name for name in options if name not in parameters]
    if unknown and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        raise unexpected_keywords(f"{owner.__name__}()", unknown, parameters)


class Kind(NamedTuple):
    """The meaning of an annotation: a test of values, and a description in words."""

    fits: Callable[[Any], bool]
    words: str
    annotation: Any


def check(owner: type, name: str, value: Any, kind: Kind | None) -> Any:
    """The value of an argument, as plain Python's, if it is of that kind and in the range of that name.

    Raises:
        ArgumentError: it is not.
    """
    value = plain(value)
    if kind is not None and not kind.fits(value):
        raise ArgumentError(f"{owner.__name__} needs {name}= {kind.words}, got {name}={_shown(value)}.")
    if kind is not None and kind.annotation is bool and type(value) is not bool:
        return bool(value)
    limits = _limits(owner, name) if kind is not None and type(value) in (int, float) else None
    if limits is not None and not limits.holds(value):
        raise ArgumentError(f"{owner.__name__} needs {name}= {_in_words(kind.words, limits)}, got {name}={value!r}.")  # type: ignore[union-attr]
    return value


def _limits(owner: type, name: str) -> Range | None:
    for cls in owner.__mro__:
        if name in (ranges := vars(cls).get("argument_ranges", {})):
            return ranges[name]
    return RANGES.get(name, Range())


def _in_words(words: str, limits: Range) -> str:
    if limits == COUNT:
        return words.replace("an integer", "a positive integer")
    first, comma, others = words.partition(",")
    return f"{first} {limits}{comma}{others}"


def read(name: str, reader: Callable[[Any], Any], value: Any) -> Any:
    """`reader(value)`; an error says which argument the value was given for.

    >>> read("momentum", float, "much")
    Traceback (most recent call last):
    ValueError: momentum='much': could not convert string to float: 'much'
    """
    try:
        return reader(value)
    except (ValueError, TypeError) as error:
        if len(error.args) == 1 and isinstance(error.args[0], str) and name not in error.args[0]:
            error.args = (f"{name}={_shown(value)}: {error.args[0]}",)
        raise


_PLAIN = {int, float, str, bool, types.NoneType}


def plain(value: Any) -> Any:
    """NumPy's numbers, alone and in tuples and lists, as Python's.

    >>> plain(np.int64(3)), plain((np.int64(3), None))
    (3, (3, None))
    """
    if type(value) in _PLAIN:
        return value
    if isinstance(value, np.integer | np.floating | np.bool_):
        return value.item()
    if type(value) in (tuple, list) and any(isinstance(x, np.generic) for x in value):
        return type(value)(map(plain, value))
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}... (of type {type(value).__name__})"


@functools.lru_cache(1000)
def signature(function: Callable) -> inspect.Signature:
    """`inspect.signature`, which takes as long as half a constructor, once for each function."""
    return inspect.signature(function)


@functools.lru_cache(1000)
def _kinds(init: Callable) -> tuple[dict[str, Kind | None], list[str], bool]:
    """The kinds of the arguments of a constructor, by name, the names of the positional ones, and whether it takes other keywords."""
    parameters = list(signature(init).parameters.values())[1:]
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    found = {p.name: _kind(p.annotation) for p in parameters if p.kind not in variadic}
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return found, positional, any(p.kind is p.VAR_KEYWORD for p in parameters)


def _is_integer(value: Any) -> bool:
    if type(value) is int:
        return True
    if isinstance(value, bool | float):
        return False
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def _is_number(value: Any) -> bool:
    if type(value) is float or type(value) is int:
        return True
    if isinstance(value, numbers.Real):
        return not isinstance(value, bool)
    return hasattr(type(value), "__float__") and getattr(value, "shape", None) == ()


def _is_sequence(value: Any) -> bool:
    listed = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    return listed or (hasattr(value, "__array__") and getattr(value, "ndim", 0) > 0)


_SIMPLE: dict[Any, tuple[Callable[[Any], bool], str]] = {
    bool: (lambda value: value is None or (isinstance(value, int) and value in (0, 1)), "to be a boolean (True or False)"),
    int: (_is_integer, "an integer"),
    float: (_is_number, "a number"),
    str: (lambda value: isinstance(value, str), "a string"),
    os.PathLike: (lambda value: isinstance(value, os.PathLike), "a path"),
    types.NoneType: (lambda value: value is None, "None"),
    dict: (lambda value: isinstance(value, Mapping), "a dict"),
}


Numbers = Annotated[Any, Kind(lambda value: _is_number(value) or _is_sequence(value), "a number, or an array", None)]


def _kind(annotation: Any) -> Kind | None:
    """Return the `Kind` of an annotation, or None for `Any` and annotations that are not checked.

    >>> _kind(float | None).words, _kind(Sequence[int]).words, _kind(Any), _kind(int).fits(2.5)
    ('a number, or None', 'a list of integers', None, False)
    """
    if annotation in (Any, inspect.Parameter.empty):
        return None
    if typing.get_origin(annotation) is Literal:
        options = typing.get_args(annotation)
        return Kind(lambda value: isinstance(value, str) and value in options, " or ".join(map(repr, options)), annotation)
    if typing.get_origin(annotation) is Annotated:
        return next((entry for entry in annotation.__metadata__ if isinstance(entry, Kind)), None)
    if annotation in _SIMPLE:
        return Kind(*_SIMPLE[annotation], annotation)
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        kinds = [_kind(part) for part in parts]
        if any(kind is None for kind in kinds):
            return None
        some: list[Kind] = kinds  # type: ignore[assignment]
        words = [kind.words.removeprefix("to be ") for kind in some]
        text = f"{', '.join(words[:-1])}, or {words[-1]}" if len(words) > 1 else words[0]
        return Kind(lambda value: any(kind.fits(value) for kind in some), text, annotation)
    kind = origin or annotation
    if kind is Callable:
        return Kind(callable, "a function", annotation)
    if kind is Mapping or kind is dict:
        return Kind(*_SIMPLE[dict], annotation)
    if kind in (Sequence, list, tuple):
        return _sequence(annotation, parts)
    if isinstance(kind, type):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        return Kind(lambda value: isinstance(value, kind), f"{article} {kind.__name__}", annotation)
    return None


def _sequence(annotation: Any, parts: tuple) -> Kind:
    fixed = typing.get_origin(annotation) is tuple and Ellipsis not in parts
    inner = _kind(parts[0]) if parts else None

    def fits(value: Any) -> bool:
        if not _is_sequence(value) or (fixed and len(value) != len(parts)):
            return False
        return inner is None or all(inner.fits(plain(entry)) for entry in value)

    count = f"{len(parts)} " if fixed else ""
    names = "" if inner is None else f" of {count}{inner.words.removeprefix('an ').removeprefix('a ')}s"
    return Kind(fits, f"a list{names}", annotation)
