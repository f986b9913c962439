"""Keep the constructor's arguments of the built-in layers, make weights by them, and write them to configs.

Each argument is kept in the attribute of its name, so the config is read off the constructor's signature, and a weight
called `kernel` finds its `kernel_initializer`, `kernel_regularizer` and `kernel_constraint` by their names.
"""

import functools
import inspect
from collections.abc import Mapping
from typing import Any

from jkeras import activations, constraints, initializers, regularizers
from jkeras.arguments import read
from jkeras.core.variable import Variable
from jkeras.layers.base import Layer, name_dtype
from jkeras.serialization import custom_object_scope, deserialize, own_arguments, serialize_arguments

_KINDS = {
    "initializer": initializers.get,
    "regularizer": regularizers.get,
    "constraint": constraints.get,
    "activation": activations.get,
}


def alias(name: str) -> Any:
    """The attribute `name` under another name, by which subclasses written for Keras read or set it."""
    return property(lambda self: getattr(self, name), lambda self, value: setattr(self, name, value), doc=f"`{name}`.")


class Configured(Layer):
    """A layer whose config is its constructor's arguments.

    Args:
        *_initializer: the first values of the weight `*`: a name such as `"glorot_uniform"`, an `Initializer`, or a function
            `(shape, dtype) -> array`.
        *_regularizer: a penalty on the weight `*`, which is added to the loss: a name such as `"l2"`, a `Regularizer`, or a
            function of the weight that returns a number. None means no penalty.
        *_constraint: a function that is applied to the weight `*` after each step of the optimizer, such as
            `constraints.MaxNorm(2)`, or its name. None means that the weight is free.
    """

    reads_nested_config = True  # by from_config
    unsaved: tuple[str, ...] = ()  # arguments that are no part of the config
    also_written: dict[str, Any] = {}  # what Keras's config of the layer has besides the arguments

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if getattr(cls, "rank", 1) > 1 and "__init__" not in cls.__dict__:  # the constructor is of any rank
            cls.__signature__ = _signature_per_axis(cls)  # type: ignore[attr-defined]

    def keep(self, **options: Any) -> None:
        """Set attributes; those named `*_initializer`, `*_regularizer`, `*_constraint` or `activation` may be given as
        names and configs."""
        for name, value in options.items():
            reader = _KINDS.get(name.rsplit("_", 1)[-1])
            setattr(self, name, read(name, reader, value) if reader else value)

    def __getattr__(self, name: str) -> Any:
        options = self.__dict__
        if name == "bias" and (options.get("use_bias") is False or options.get("bias_axes", "") is None):
            return None
        return super().__getattr__(name)

    def weight(self, name: str, shape: Any, options: str | None = None, **kwargs: Any) -> Variable:
        """Make the weight `name`, by the attributes `{options}_initializer`, ...; `options` is `name` by default."""
        settings: dict[str, Any] = {kind: getattr(self, f"{options or name}_{kind}", None) for kind in list(_KINDS)[:3]}
        return self.add_weight(shape, name=name, **settings, **kwargs)

    def get_config(self) -> dict:
        """The constructor's arguments, as plain data."""
        values = {name: getattr(self, name) for name in _arguments(type(self))}  # type: ignore[arg-type]
        named = {name: value for name, value in values.items() if name.rsplit("_", 1)[-1] == "activation"}
        written = serialize_arguments(self, named, activations.serialize)  # one of the library's is written as its name
        others = serialize_arguments(self, {name: value for name, value in values.items() if name not in named})
        return self.also_written | super().get_config() | {name: (written | others)[name] for name in values}

    @classmethod
    def from_config(cls, config: dict, custom_objects: Mapping | None = None) -> "Configured":
        """Make a layer from `get_config()`, ours or Keras's (which lists options of its own, if only as None)."""
        options = {name: v for name, v in name_dtype(config).items() if name != "quantization_config" or v is not None}
        # Initializers draw their seeds when they are made: in the constructor, in its own order.
        made = {name: v if name.endswith("_initializer") else deserialize(v, custom_objects) for name, v in options.items()}
        with custom_object_scope(custom_objects or {}):
            return cls(**made)


PER_AXIS = {"strides": 1, "dilation_rate": 1, "pool_size": 2, "size": 2, "padding": 1}  # argument: its default for an axis


def _signature_per_axis(cls: type) -> inspect.Signature:
    """The constructor's signature as Keras shows it: `Conv2D(..., strides=(1, 1))` where any rank has `strides=1`."""
    rank = cls.rank  # type: ignore[attr-defined]

    def spread(p: inspect.Parameter) -> inspect.Parameter:
        if p.name not in PER_AXIS or p.default != PER_AXIS[p.name]:
            return p
        pair = (p.default, p.default)  # Keras pads the two sides of each of three axes
        return p.replace(default=(pair if p.name == "padding" and rank > 2 else p.default,) * rank)

    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    return inspect.Signature([spread(p) for p in parameters])


@functools.cache
def _arguments(cls: type[Configured]) -> list[str]:
    """The arguments in the config of a class, but for those that all layers have."""
    return [name for name in own_arguments(cls) if name not in (*cls.unsaved, "name", "dtype", "trainable")]  # type: ignore[arg-type]


def sizes(layer: Layer, name: str, value: Any, rank: int, zero: bool = False) -> tuple[int, ...]:
    """An argument that is one integer for all axes, or one per axis, as a tuple of `rank` integers.

    Args:
        layer: whose argument it is, for messages.
        name: of the argument.
        value: what was given.
        rank: how many integers are wanted.
        zero: whether 0 is allowed.

    Raises:
        ValueError: there are not `rank` integers, or one is too small.

    >>> sizes(None, "strides", 2, 3)
    (2, 2, 2)
    """
    given = (value,) * rank if isinstance(value, int) else value
    least = 0 if zero else 1
    if (
        not isinstance(given, (tuple, list))
        or len(given) != rank
        or not all(isinstance(n, int) and not isinstance(n, bool) and n >= least for n in given)
    ):
        wanted = "an integer" if rank == 1 else f"an integer or a tuple of {rank} integers"
        raise ValueError(f"{type(layer).__name__} needs {name}= {wanted} from {least} on, got {name}={value!r}.")
    return tuple(given)
