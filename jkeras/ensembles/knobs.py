"""Numbers of a step that differ between members: momentum, weight decay, dropout rates, factors of regularizers, ...

In a model they are Python numbers, and constants of its program. In a sweep they are leaves of the state, so that a
whole grid is one program. While a step is traced, the attribute that normally holds such a number holds a `Number`. A
`Number` computes with Python numbers in Python's precision, for all members. When it meets an array, it becomes the
current member's leaf. So `1 - rate` has the same bits as in a model.
"""

import operator
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core import tree
from jkeras.core.variable import Variable
from jkeras.layers import Dropout
from jkeras.losses import Loss
from jkeras.regularizers import Regularizer
from jkeras.training.step import Slots


class Found(NamedTuple):
    """A number of a model that may become a leaf of the state."""

    value: float
    places: list[dict]  # the dicts that hold it, under `key`
    key: str


def find(model: Any) -> dict[str, Found]:
    """The numbers of a compiled model that may differ between members, by their places.

    >>> import jkeras
    >>> model = jkeras.Sequential([jkeras.Input((2,)), jkeras.layers.Dropout(0.5), jkeras.layers.Dense(1)])
    >>> model.compile(jkeras.optimizers.SGD(momentum=0.9), "mse")
    >>> found = find(model)
    >>> found["layer 0 rate"].value, found["optimizer momentum"].value
    (0.5, 0.9)
    """
    found: dict[str, Found] = {}
    layers = model._flatten_layers(include_self=False)
    for i, layer in enumerate(layers):
        if type(layer) is Dropout:
            found[f"layer {i} rate"] = Found(layer.rate, [vars(layer)], "rate")
        for name, item in list(vars(layer).items()):
            if isinstance(item, Regularizer):
                for key, value in vars(item).items():
                    if type(value) is float:
                        found[f"layer {i} {name} {key}"] = Found(value, [vars(item)], key)
    optimizer, compiled = model.optimizer, model._compiled
    for key, value in vars(optimizer).items():
        if type(value) is float and not key.startswith("_"):
            found[f"optimizer {key}"] = Found(value, [vars(optimizer)], key)
    if isinstance(compiled.loss, Loss):
        arguments = getattr(compiled.loss, "_fn_kwargs", {})
        terms = [] if compiled.objective is None else compiled.objective.terms
        made = [loss for term in terms for loss in (term.loss, term.safe)]
        places = [arguments, *(each._fn_kwargs for each in made if each is not None and each._fn_kwargs is not arguments)]
        for key, value in arguments.items():
            if type(value) is float:
                found[f"loss {key}"] = Found(value, [place for place in places if key in place], key)
    return found


class NumberError(Exception):
    """A step does something with a number that cannot differ between members."""


class Knobs:
    """The numbers that differ between the members of an ensemble.

    Args:
        values: for each place (see `find`) the numbers of the members.
    """

    def __init__(self, values: Mapping[str, Any] = {}):
        self.values = {name: np.asarray(numbers, "float64") for name, numbers in values.items()}
        self.variable: Variable | None = None  # of all numbers that meet arrays, for one member
        self._known: dict[Any, tuple[int, np.ndarray]] = {}  # an expression -> its place among them, its values
        self._current: Any = None  # the variable's value, while a step is traced
        self.lock = (
            threading.RLock()
        )  # programs are compiled on other threads, too; the model holds the numbers of one trace

    @property
    def variables(self) -> list[Variable]:
        """The variables that are added to the state."""
        return [] if self.variable is None else [self.variable]

    def names(self) -> str:
        """The expressions that identify the knobs in a program, in order."""
        return repr([*self.values, *self._known])

    def record(self, model: Any, trace: Callable[[], Any]) -> None:
        """Find out which expressions of the numbers meet arrays.

        Args:
            model: the template, ready to train.
            trace: traces the steps.
        """
        if self.values:
            try:
                with self._put(model):
                    trace()
            except Exception as error:
                raise NumberError(f"{', '.join(self.values)}: {error}") from error
            self.variable = Variable(np.zeros(len(self._known), "float32"), trainable=False, name="numbers")

    def stacked(self) -> np.ndarray:
        """The values of the variable for all members."""
        return np.stack([values for _, values in self._known.values()], axis=1).astype("float32")

    def read(self, key: Any, values: np.ndarray) -> jax.Array:
        """The leaf of an expression; while recording, any number."""
        if self._current is None:
            self._known.setdefault(key, (len(self._known), values))
            return jnp.float32(values[0])
        return self._current[self._known[key][0]]

    @contextmanager
    def turned(self, model: Any, slots: Slots, extra: dict) -> Iterator[None]:
        """While a step is traced, let the numbers be what the state says.

        Args:
            model: the template.
            slots: of the state.
            extra: the part of the state where the variable is.
        """
        if self.variable is None:
            yield
            return
        path = next(path for path, variable in slots.extra.items() if variable is self.variable)
        with self.lock:
            self._current = tree.flatten(extra)[path]
            try:
                with self._put(model):
                    yield
            finally:
                self._current = None

    @contextmanager
    def _put(self, model: Any) -> Iterator[None]:
        found = find(model)
        chosen = [(place, found[name].key, name) for name in self.values for place in found[name].places]
        before = [place[key] for place, key, _ in chosen]
        try:
            for place, key, name in chosen:
                place[key] = Number(self, name, self.values[name])
            yield
        finally:
            for (place, key, _), value in zip(chosen, before, strict=True):
                place[key] = value


class Number:
    """A number of each member, in the place of a Python number while a step is traced."""

    __array_priority__ = 1000

    def __init__(self, knobs: Knobs, key: Any, values: np.ndarray):
        self._knobs, self._key, self._values = knobs, key, values

    def __jax_array__(self) -> jax.Array:
        return self._knobs.read(self._key, self._values)

    def _combine(self, name: str, other: Any, turned: bool) -> Any:
        function = getattr(operator, name)
        if isinstance(other, (int, float, Number)) and not isinstance(other, np.generic):
            theirs: Any = other._values if isinstance(other, Number) else float(other)
            pair = (self._values, theirs)
            key = (name, turned, self._key, other._key if isinstance(other, Number) else other)
            return Number(self._knobs, key, function(*reversed(pair)) if turned else function(*pair))
        mine = self.__jax_array__()
        return function(other, mine) if turned else function(mine, other)

    def _decide(self, name: str, other: Any) -> bool:
        values = other._values if isinstance(other, Number) else other
        answers = getattr(operator, name)(self._values, values)
        if np.all(answers) or not np.any(answers):
            return bool(np.all(answers))
        raise TypeError(f"The program depends on whether {self._key} is {name} {other}, which differs between members.")

    def __bool__(self) -> bool:
        return self._decide("ne", 0)

    def __neg__(self) -> Any:
        return self._combine("mul", -1.0, False)

    def __eq__(self, other: Any) -> bool:  # type: ignore[override]
        return other is not None and self._decide("eq", other)

    def __hash__(self) -> int:
        return id(self)


def _binary(name: str, turned: bool) -> Callable:
    return lambda self, other: self._combine(name, other, turned)


for _name, _function in (("add", "add"), ("sub", "sub"), ("mul", "mul"), ("truediv", "truediv"), ("pow", "pow")):
    setattr(Number, f"__{_name}__", _binary(_function, False))
    setattr(Number, f"__r{_name}__", _binary(_function, True))
for _name in ("lt", "le", "gt", "ge", "ne"):
    setattr(Number, f"__{_name}__", lambda self, other, name=_name: self._decide(name, other))
