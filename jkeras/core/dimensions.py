"""Infer shapes when a dimension is None, which means that it is not known yet.

`settle` infers shapes by calling a function on abstract arrays. It replaces None by one of these, in this order:

1. A symbol of JAX that may be any number from 1 on. One call says exactly which dimensions of the result depend on it. A
   second symbol is known to be large, so that comparisons such as `steps > 5` have an answer.
2. Two numbers, for code that needs numbers (`range(steps)`): dimensions of the result that differ are unknown.
3. The sizes that an unknown dimension meets, which the messages of the failed tries name: `(None, 8) + (10, 8)` is possible
   for 10 only, and a reshape to rows of 7 for multiples of 7.

During such a call, inner inferences (of a layer that is built) use the same replacement for None.
"""

import itertools
import math
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import export

PAIRS = ((72, 144), (1440, 2880))  # the first for loops, which are short then; the second for what is cut off
PRIMES = (1009, 1013, 1019, 1021, 1031, 1033, 1039, 1049, 1051, 1061, 1063, 1069)  # tell unknown dimensions apart
LARGE = 2**24  # the least size of the second symbol
TRIES = 24  # at most, of sizes that are guessed from messages

Shape = Sequence[Any]
Place = tuple[int, int]  # a tensor's number, and an axis of it


class Sizes:
    """The numbers that stand for None in one try.

    Args:
        default: a number or a symbol.
        at: what stands at some places instead.
    """

    def __init__(self, default: Any, at: dict[Place, int] | None = None):
        self.default, self.at = default, at or {}
        self._all = {default, *self.at.values()} if isinstance(default, int) else set()

    def fill(self, shape: Shape, tensor: int = 0) -> list:
        """A shape without None."""
        return [self.at.get((tensor, axis), self.default) if d is None else d for axis, d in enumerate(shape)]

    def known(self, shape: Shape) -> tuple:
        """A shape that came up in this try, with None for what is not known."""
        return tuple(None if not isinstance(d, int) or d in self._all else d for d in shape)


class Spec(NamedTuple):
    """A shape, with None for what is not known, and a dtype."""

    shape: tuple
    dtype: str


class _Thread(threading.local):
    def __init__(self) -> None:
        self.tries: list[Sizes] = []


_thread = _Thread()


def known(shape: Shape) -> tuple:
    """A shape as it is shown and given to `build`: None for what only stands for an unknown dimension.

    >>> known((2, 3))
    (2, 3)
    """
    return (_thread.tries[-1] if _thread.tries else _NOTHING).known(shape)


_NOTHING = Sizes(-1)


def as_float(size: Any) -> Any:
    """A size as a number to compute with: a float, or a scalar array where the size is a symbol of an exported program."""
    return float(size) if isinstance(size, int) else jnp.asarray(size, "float32")


@contextmanager
def _standing_in(sizes: Sizes) -> Iterator[None]:
    _thread.tries.append(sizes)
    try:
        yield
    finally:
        _thread.tries.pop()


_symbols: list[Any] = []


def _symbol(number: int) -> Any:
    """The symbol that may be anything, or the large one; both are called None in messages."""
    if not _symbols:
        for constraints in ((), (f"None >= {LARGE}",)):
            _symbols.extend(export.symbolic_shape("None", constraints=constraints))
    return _symbols[number]


def settle(evaluate: Callable[[Sizes], Any], shapes: Sequence[Shape], numbers: bool = True) -> Any:
    """The shapes that come out, for arguments of which some dimensions are unknown.

    Args:
        evaluate: infers the outputs (a tree of `jax.ShapeDtypeStruct`) with the given sizes for None.
        shapes: those of the arguments, in the order in which `evaluate` numbers them.
        numbers: whether to go on with numbers when symbols fail.

    Returns:
        The tree of `Spec`s.

    Raises:
        Exception: what `evaluate` raised in the try that says most; None stands in its message for what is unknown.
    """

    def attempt(*tries: Sizes) -> Any:
        found = []
        for sizes in tries:
            with _standing_in(sizes):
                found.append(evaluate(sizes))
        return _merge(tries, found)

    if not any(None in shape for shape in shapes):
        return attempt(_thread.tries[-1] if _thread.tries else _NOTHING)
    if _thread.tries:
        return attempt(_thread.tries[-1])
    failures: list[Exception] = []
    for tries in _standard(numbers):
        try:
            return attempt(*tries)
        except Exception as error:
            _anonymize(error, tries)
            failures.append(error)
    if numbers:
        for tries in _meetings(attempt, shapes, failures):
            try:
                return attempt(*tries)
            except Exception:  # a guess; the errors of the standard tries say what is wrong
                continue
    raise next((error for error in failures if not _is_of_symbols(error)), failures[-1])


def _standard(numbers: bool) -> Iterator[tuple[Sizes, ...]]:
    yield (Sizes(_symbol(0)),)
    yield (Sizes(_symbol(1)),)
    for pair in PAIRS if numbers else ():
        yield tuple(map(Sizes, pair))


def _merge(tries: Sequence[Sizes], found: list) -> Any:
    """The outputs of one try, or of two that are unknown where they differ."""

    def one(a: jax.ShapeDtypeStruct, b: jax.ShapeDtypeStruct) -> Spec:
        if len(a.shape) != len(b.shape):
            raise ValueError(
                "The number of axes of the output depends on the size of an unknown dimension (None) of the input: for two sizes "
                f"the output has the shapes {a.shape} and {b.shape}. Give the dimension a size."
            )
        if 0 in a.shape and len(found) > 1:
            raise ValueError(
                "The output would be empty for the sizes of an unknown dimension (None) that fit. Give the dimension a size."
            )
        # A single try's numbers are seen through; two tries that agree say that the number is no stand-in.
        shape = a.shape if len(found) > 1 else tries[0].known(a.shape)
        return Spec(tuple(m if m == n else None for m, n in zip(shape, b.shape, strict=True)), a.dtype.name)

    return jax.tree.map(one, found[0], found[-1])


# --- the sizes that unknown dimensions meet


def _meetings(attempt: Callable, shapes: Sequence[Shape], failures: list[Exception]) -> Iterator[tuple[Sizes, ...]]:
    """Guesses, at most `TRIES`: sizes for some of the places where None stands, and two for the others."""
    places = [(i, axis) for i, shape in enumerate(shapes) for axis, d in enumerate(shape) if d is None]
    texts: list[str] = [_text(error) for error in failures]
    given = [str(tuple(shape)) for shape in shapes]

    def guesses() -> Iterator[tuple[Sizes, ...]]:
        factor = math.lcm(*_numbers([*texts, *given]))
        if factor < LARGE:
            yield tuple(Sizes(factor * size) for size in PAIRS[0])
        for at in assigned():
            yield tuple(Sizes(size, at) for size in PAIRS[0])

    def assigned() -> Iterator[dict[Place, int]]:
        for groups in ([axis for _, axis in places], [place if place[1] else 0 for place in places]):
            met: dict[Any, int] = {}
            for _ in range(4):  # more of them come to light when the first ones have been given their sizes
                numbers = dict(zip(dict.fromkeys(groups), PRIMES, strict=False))
                tried = {
                    place: met.get(group, numbers.get(group, PRIMES[-1]))
                    for place, group in zip(places, groups, strict=True)
                }
                try:
                    attempt(Sizes(PRIMES[-1], tried))
                    break
                except Exception as error:
                    texts.append(_text(error))
                    message = str(error)
                found = _aligned(message, {prime: group for group, prime in numbers.items() if group not in met})
                if not found:
                    break
                met |= found
            if met:
                at = {place: met[group] for place, group in zip(places, groups, strict=True) if group in met}
                yield at
                for number in _numbers([*texts, *given]):
                    yield dict.fromkeys(places, number) | at
        inner = [place for place in places if place[1]]
        for number in _numbers([*texts, *given]):
            for some in (inner, places, [place for place in places if not place[1]]):
                if some:
                    yield dict.fromkeys(some, number)

    return itertools.islice(guesses(), TRIES)


def _text(error: Exception) -> str:
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


def _numbers(texts: list[str]) -> list[int]:
    """The sizes that are named, in order."""
    found = dict.fromkeys(int(number) for text in texts for number in re.findall(r"(?<![\w.])\d{1,6}(?![\w.]*\d)", text))
    hidden = {0, 1, LARGE, *itertools.chain(*PAIRS), *PRIMES}
    return [number for number in found if number not in hidden][:8]


def _aligned(text: str, groups: dict[int, Any]) -> dict[Any, int]:
    """Return the sizes that are across from the primes in a message that writes shapes below each other, aligned at the
    end.
    """
    found = re.findall(r"[\[(]([\dNone, ]+)[\])]", text)
    shapes = [[part.strip() for part in shape.split(",") if part.strip()] for shape in found]
    shapes += [[size] for sizes in re.findall(r"sizes: ([\d, ]+)", text) for size in sizes.split(", ")]  # all of one axis
    met: dict[Any, int] = {}
    pairs = sorted(itertools.permutations(shapes, 2), key=lambda pair: len(pair[0]) != len(pair[1]))
    for one, other in pairs:
        for a, b in zip(reversed(one), reversed(other), strict=False):
            if a.isdigit() and b.isdigit() and int(a) in groups and int(b) > 1 and int(b) not in PRIMES:
                met.setdefault(groups[int(a)], int(b))
    return met


# --- messages


def _is_of_symbols(error: Exception) -> bool:
    """True if an error says no more than that a symbol is not a number."""
    text = _text(error)
    kinds = (
        jax.errors.TracerBoolConversionError,
        jax.errors.ConcretizationTypeError,
        jax.errors.InconclusiveDimensionOperation,
    )
    return isinstance(error, kinds) or "_DimExpr" in text or re.search(r"(mod|floordiv|max|min)\(.*None", text) is not None


def _anonymize(error: Exception, tries: Sequence[Sizes]) -> None:
    """Write None in a message for the numbers that stand for it."""
    numbers = [size for sizes in tries for size in (sizes.default, *sizes.at.values()) if isinstance(size, int)]
    if not numbers:
        return
    pattern = re.compile(rf"(?<![\d.])({'|'.join(map(str, numbers))})(?![\d.]\d|\d)")
    error.args = tuple(pattern.sub("None", part) if isinstance(part, str) else part for part in error.args)
    if hasattr(error, "__notes__"):
        error.__notes__ = [pattern.sub("None", note) for note in error.__notes__]


__all__ = ["Sizes", "Spec", "as_float", "known", "settle"]
