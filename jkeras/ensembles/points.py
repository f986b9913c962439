"""The points of a sweep: combinations of values, and the models made from them."""

import inspect
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jkeras.core.variable import is_variable
from jkeras.ensembles.draws import aside
from jkeras.ensembles.knobs import find
from jkeras.errors import suggest
from jkeras.layers import Dropout
from jkeras.losses import Loss
from jkeras.models import Model
from jkeras.regularizers import Regularizer
from jkeras.serialization.configs import serialize

SHORT = ("dropout", "l1", "l2")  # names of numbers that several layers have


def grid(space: Mapping[str, Any]) -> list[dict]:
    """All combinations of the values.

    >>> grid({"units": [1, 2], "seed": range(2)})
    [{'units': 1, 'seed': 0}, {'units': 1, 'seed': 1}, {'units': 2, 'seed': 0}, {'units': 2, 'seed': 1}]
    """
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*map(_listed, space.values(), space))]


def sample(space: Mapping[str, Any], trials: int, seed: int) -> list[dict]:
    """Points drawn at random: from lists, or by functions of a `numpy.random.Generator`.

    >>> sample({"rate": lambda rng: 10 ** rng.uniform(-4, -1), "units": [1, 2]}, 2, 0)[0]["units"] in (1, 2)
    True
    """
    rng = np.random.default_rng(seed)
    listed = {name: value if callable(value) else _listed(value, name) for name, value in space.items()}
    draw = lambda value: value(rng) if callable(value) else value[int(rng.integers(len(value)))]  # noqa: E731
    return [{name: draw(value) for name, value in listed.items()} for _ in range(trials)]


def _listed(values: Any, name: str = "") -> list:
    if callable(values):
        raise ValueError(f"{name!r} is a function, which random search draws from: give trials=, the number of points.")
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise ValueError(f"The values of {name!r} must be a list of values to try, got {values!r}. Write [{values!r}].")
    listed = list(values)
    if not listed:
        raise ValueError(f"There is no value to try for {name!r}: its list is empty.")
    return [value.item() if isinstance(value, np.generic) else value for value in listed]


class Maker:
    """Makes the compiled model of a point.

    Args:
        build: a function that returns a compiled model; of the names in a point it gets those that are its arguments.
        names: those of the points.

    Raises:
        ValueError: nothing has such a name.
    """

    def __init__(self, build: Callable[..., Any], names: Sequence[str]):
        self.build = build
        parameters = inspect.signature(build).parameters
        takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        self.arguments = [name for name in names if name != "seed" and (takes_all or name in parameters)]
        self.attributes = [name for name in names if name != "seed" and name not in self.arguments]
        self._parameters = [name for name in parameters if name != "seed"]

    def __call__(self, point: Mapping[str, Any]) -> Model:
        model = self.build(**{name: point[name] for name in self.arguments})
        if not isinstance(model, Model) or not model.compiled:
            raise ValueError(f"build() must return a compiled model, but it returned {model!r}.")
        for name in self.attributes:
            self._set(model, name, point[name])
        return model

    def _set(self, model: Model, name: str, value: Any) -> None:
        compiled: Any = model._compiled
        layers = model._flatten_layers(include_self=False)
        dropouts = [layer for layer in layers if isinstance(layer, Dropout)]
        regularizers = [r for layer in layers for r in vars(layer).values() if isinstance(r, Regularizer)]
        arguments = getattr(compiled.loss, "_fn_kwargs", {}) if isinstance(compiled.loss, Loss) else {}
        config = compiled.optimizer.get_config() if hasattr(compiled.optimizer, "get_config") else {}
        if name in config and name != "name":
            compiled.optimizer = type(compiled.optimizer).from_config({**config, name: value})
        elif name == "dropout" and dropouts:
            if not isinstance(value, (int, float)) or not 0 <= value < 1:
                raise ValueError(f"dropout must be a number from 0 to 1 (exclusive), got {value!r}.")
            for layer in dropouts:
                layer.rate = float(value)  # type: ignore[attr-defined]
        elif name in ("l1", "l2") and any(hasattr(r, name) for r in regularizers):
            if not isinstance(value, (int, float)) or value < 0:
                raise ValueError(f"{name} must be a number not below 0, got {value!r}.")
            for regularizer in regularizers:
                if hasattr(regularizer, name):
                    setattr(regularizer, name, float(value))
        elif name in arguments:
            compiled.loss = type(compiled.loss).from_config({**compiled.loss.get_config(), name: value})
        else:
            known = ["seed", *self._parameters, *config, *arguments, *SHORT]
            raise ValueError(
                f"Nothing is called {name!r}: it is no argument of build(), and neither optimizer nor layers nor loss has it."
                f"{suggest(name, known)} build() takes {self._parameters}, and the optimizer {sorted(config)}."
            )


def checked(maker: Maker, points: Sequence[Mapping[str, Any]]) -> list[tuple[str, dict[str, float], Any]]:
    """For each point the structure of its model, its numbers, and its learning rate.

    Raises:
        ValueError: a point makes no model; the message names it.
    """
    found: dict[str, Any] = {}
    results = []
    for point in points:
        own = {name: value for name, value in point.items() if name != "seed"}
        key = repr(own)
        if key not in found:
            try:
                with aside():
                    found[key] = structure(maker(own), key)
            except Exception as error:
                raise ValueError(f"The point {own} is not valid: {error}") from error
        results.append(found[key])
    return results


def structure(model: Model, otherwise: str) -> tuple[str, dict[str, float], Any]:
    """Return the structure of a model's program as a text without numbers, the numbers, and the learning rate.

    Args:
        model: a compiled model.
        otherwise: the text for a model that has no config.
    """
    rate: Any = getattr(model.optimizer, "_learning_rate", None)
    start = float(rate.value) if is_variable(rate) else None
    if model.dtype_policy.name != "float32":
        return f"{otherwise} {start}", {}, start
    found = find(model)
    numbers = {name: float(each.value) for name, each in found.items()}
    for each in found.values():
        for place in each.places:
            place[each.key] = 0.5 if each.value else 0.0
    try:
        compiled: Any = model._compiled
        config = compiled.optimizer.get_config() if hasattr(compiled.optimizer, "get_config") else {"optimizer": otherwise}
        if start is not None:
            config.pop("learning_rate", None)
        config.pop("name", None)
        written = serialize(model)
        names = {name: f"#{i}" for i, name in enumerate(dict.fromkeys(_names(written)))}
        given = [compiled.given_metrics, compiled.given_weighted_metrics, compiled.loss_weights]
        parts = [_renamed(written, names), given, type(compiled.optimizer).__name__, config, serialize(compiled.loss)]
        text = json.dumps([*parts, sorted(numbers)], default=repr, sort_keys=True)
    except (TypeError, ValueError):
        text, numbers = f"{otherwise} {start}", {}
    finally:
        for each in found.values():
            for place in each.places:
                place[each.key] = each.value
    return text, numbers, start


def _names(config: Any) -> Iterator[str]:
    """Return the names in a config, in order."""
    if isinstance(config, dict):
        for key, value in config.items():
            if key == "name" and isinstance(value, str):
                yield value
            elif key != "compile_config":
                yield from _names(value)
    elif isinstance(config, (list, tuple)):
        for item in config:
            yield from _names(item)


def _renamed(config: Any, names: dict[str, str]) -> Any:
    """A config with the numbers of layers in the places of their names, which count up; without what was compiled."""
    if isinstance(config, dict):
        return {key: _renamed(value, names) for key, value in config.items() if key != "compile_config"}
    if isinstance(config, (list, tuple)):
        return [_renamed(item, names) for item in config]
    return names.get(config, config) if isinstance(config, str) else config
