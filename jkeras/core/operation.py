"""`Operation`: a custom operation without weights that can be part of a graph."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from jkeras.core import symbolic
from jkeras.core.symbolic import KerasTensor
from jkeras.serialization.naming import auto_name


class Operation:
    """The base class of operations. `call` computes on arrays; on symbolic tensors, the call is recorded.

    Args:
        *args, **kwargs: the arguments of the subclass's constructor, which `get_config` returns.
        name: the name of the operation; by default the class in snake case, numbered.

    Raises:
        ValueError: the name is not text, or holds a `/`.

    >>> import jkeras
    >>> class Scale(jkeras.Operation):
    ...     def __init__(self, factor, name=None):
    ...         super().__init__(name=name)
    ...         self.factor = factor
    ...     def call(self, x):
    ...         return self.factor * x
    >>> Scale(3)(jkeras.KerasTensor((None, 2))).shape, Scale(3, name="scale").get_config()
    ((None, 2), {'factor': 3, 'name': 'scale'})
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> "Operation":
        operation = super().__new__(cls)
        operation._arguments = _bound(cls, args, kwargs)
        return operation

    _arguments: Mapping[str, Any] | None

    def __init__(self, name: str | None = None):
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(f"An operation's name must be a string without '/', got name={name!r}.")
        self.name = name or auto_name(type(self).__name__)
        self._calls: list[symbolic.Node] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if symbolic.is_symbolic(args, kwargs):
            return self.symbolic_call(*args, **kwargs)
        return self.call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the operation. Subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} must define call().")

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return the symbolic outputs for symbolic inputs. By default, they are computed from `call`."""
        return symbolic.infer(self.call, args, kwargs)

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Record a call on symbolic tensors; returns its outputs."""
        outputs = symbolic.record(self, args, kwargs, self.compute_output_spec(*args, **kwargs), self.name)
        produced = [x for x in symbolic.leaves(outputs) if isinstance(x, KerasTensor) and x.history is not None]
        if produced:
            self._calls.append(produced[0].origin.node)
        return outputs

    @property
    def input(self) -> Any:
        """The symbolic tensors that the operation was called on; one stands alone.

        Raises:
            ValueError: it has not been called exactly once.
        """
        return _one_or_list(self._only_call().inputs)

    @property
    def output(self) -> Any:
        """The result of its call.

        Raises:
            ValueError: it has not been called exactly once.
        """
        return self._only_call().outputs

    def _only_call(self) -> symbolic.Node:
        if len(self._calls) != 1:
            raise ValueError(
                f"Operation {self.name!r} has been called {len(self._calls)} times; input and output are those of a "
                "single call."
            )
        return self._calls[0]

    def get_config(self) -> dict:
        """Return the constructor's arguments of this operation.

        Raises:
            NotImplementedError: they are no plain data, or the constructor takes `*args`: define `get_config`.
        """
        plain = self._arguments is not None and all(map(_is_plain, self._arguments.values()))
        if not plain and type(self).__init__ is not Operation.__init__ and type(self).get_config is Operation.get_config:
            raise NotImplementedError(
                f"{type(self).__name__} was made with arguments that are no plain data: define get_config()."
            )
        given = self._arguments if plain and self._arguments is not None else {}
        if type(self).get_config is not Operation.get_config:  # called by one that adds what it knows
            given = {}
        return {**given, "name": self.name} if "name" in _parameters(type(self)) or _takes_any(type(self)) else dict(given)

    @classmethod
    def from_config(cls, config: Mapping) -> "Operation":
        """Make an operation from `get_config()`."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class FunctionOperation(Operation):
    """A function of `jkeras.ops` as an operation with a name, for programs that walk through a graph."""

    def __init__(self, function: Callable):
        super().__init__(name=function.__name__)
        self.function = function

    def call(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


def named_operations(called: Iterable[Any]) -> list[Any]:
    """Layers and operations as they are, and functions as operations with a name.

    Args:
        called: layers and operations, or calls of them (`Node`s).
    """
    each = [item.operation if isinstance(item, symbolic.Node) else item for item in called]
    return [item if hasattr(item, "name") else FunctionOperation(item) for item in each]


def _parameters(cls: type) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(cls.__init__).parameters  # type: ignore[misc]


def _takes_any(cls: type) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in _parameters(cls).values())


def _bound(cls: type, args: tuple, kwargs: dict) -> dict[str, Any] | None:
    """The arguments of the constructor by name, or None if it takes `*args`."""
    signature = inspect.signature(cls.__init__)  # type: ignore[misc]
    if any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values()):
        return None
    try:
        bound = signature.bind(None, *args, **kwargs)
    except TypeError:  # the constructor will say what is wrong
        return None
    bound.apply_defaults()
    found: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        found |= value if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD else {name: value}
    return found


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, (bool, int, float, str, np.number))


def _one_or_list(items: list) -> Any:
    return items[0] if len(items) == 1 else items


__all__ = ["FunctionOperation", "Operation", "named_operations"]
