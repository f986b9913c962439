"""Programs shared between models that are equal: ten fresh models of one architecture compile once.

Two models run the same program when everything that was traced is equal: structure, shapes, losses, metrics, the optimizer's
rule; not the weights or the learning rate, which are arguments. Where built-in parts alone make a model, its configuration
says all of that without a trace; that is the `fingerprint`. Code of the user's own is never taken to be equal.

A shared program outlives the model it was first traced for, so it is traced on a skeleton: a copy of the objects whose
variables hold no arrays.
"""

import copy
import json
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from jkeras.core import dtype as dtypes
from jkeras.core.module import Module
from jkeras.core.registry import serialize
from jkeras.core.variable import Initial, Variable
from jkeras.optimizers.wrap import Wrapped

LIMIT = 64  # programs kept
_programs: OrderedDict[str, Any] = OrderedDict()


def shared(key: str | None, make: Callable[[], Any]) -> Any:
    """What `make` returned for this key before, or what it returns now; without a key, always the latter."""
    if key is None:
        return make()
    if key not in _programs:
        _programs[key] = make()
        if len(_programs) > LIMIT:
            _programs.popitem(last=False)
    _programs.move_to_end(key)
    return _programs[key]


def fingerprint(model: Module, losses: Any = (), metrics: Any = (), optimizer: Any = None, *flags: Any) -> str | None:
    """A text that is equal for models that run the same program; None if some part is not the library's own.

    Args:
        model: a model.
        losses: the loss objects, or None in their places.
        metrics: the metric objects.
        optimizer: if there is one.
        *flags: plain data that the program depends on, too.
    """
    modules = list(model.modules())
    if isinstance(optimizer, Wrapped):
        return None  # what it does cannot be read off it
    if not all(_is_built_in(x) for x in [*modules, *losses, *metrics, optimizer] if x is not None):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that compile's arguments cannot be written is no matter here
            parts = serialize([model, list(losses), list(metrics), flags])
    except (TypeError, AttributeError):
        return None  # a lambda, or something without a config
    names: dict[str, str] = {}
    for module in [*modules, *(layer for m in modules for layer in getattr(m, "_layers", ()))]:  # input layers, too
        if not getattr(module, "_named", True):
            names.setdefault(module.name, f"#{len(names)}")  # counted names differ between equal models
    parts = _rename(parts, names)
    if parts is None:
        return None
    variables = [(v.shape, v.dtype, v.trainable) for v in model.slots().values()]
    rule = repr(optimizer.fingerprint()) if optimizer is not None else None
    return json.dumps([parts, variables, rule, dtypes.floatx(), dtypes.epsilon()], default=str)


def _is_built_in(item: Any) -> bool:
    overridden = any(callable(value) and callable(getattr(type(item), name, None)) for name, value in vars(item).items())
    return type(item).__module__.startswith("jkeras.") and not overridden


def _rename(config: Any, names: dict[str, str]) -> Any:
    """Replace the counted names in a config; None if it names anything that is not the library's own."""
    if isinstance(config, dict):
        if config.get("registered_name") not in (None, "function"):  # "function": one of the library's
            return None
        renamed = {}
        for key, value in config.items():
            if key == "compile_config":
                continue  # losses, metrics and the rule are looked at as such; the learning rate is no part of a program
            new = _rename(value, names)
            if new is None and value is not None:
                return None
            renamed[key] = new
        return renamed
    if isinstance(config, (list, tuple)):
        items = [_rename(value, names) for value in config]
        return None if any(n is None and v is not None for n, v in zip(items, config, strict=True)) else items
    return names.get(config, config) if isinstance(config, str) else config


def skeleton(items: Any, variables: list[Variable]) -> Any:
    """A deep copy of some objects in which these variables hold no arrays."""
    return copy.deepcopy(items, {id(v.box()): Initial() for v in variables})
