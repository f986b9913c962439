"""Dtype policies: the dtype in which a layer stores its weights, and the dtype in which it computes. See `DTypePolicy`."""

from collections.abc import Mapping
from typing import Any

from jkeras import serialization
from jkeras.core.policy import (
    AWQDTypePolicy,
    DTypePolicy,
    DTypePolicyMap,
    GPTQDTypePolicy,
    Int4DTypePolicy,
    QuantizedDTypePolicy,
    QuantizedFloat8DTypePolicy,
    get_policy,
)
from jkeras.serialization.namespace import namespace

FloatDTypePolicy = DTypePolicy


def get(identifier: Any) -> DTypePolicy:
    """Return a policy from a policy, its name, a dtype, a config, or None (the global one).

    Args:
        identifier: a `DTypePolicy`, a name such as `"mixed_bfloat16"`, a dtype, a config, or None for the global policy.

    Raises:
        ValueError: the name is unknown.

    >>> get("mixed_bfloat16")
    <DTypePolicy "mixed_bfloat16">
    """
    return get_policy(identifier)


def serialize(dtype_policy: DTypePolicy) -> dict:
    """Return the policy's class and config, in Keras 3's form.

    Args:
        dtype_policy: the policy.

    >>> serialize(DTypePolicy("float32"))["config"]
    {'name': 'float32'}
    """
    return serialization.serialize(dtype_policy)


def deserialize(config: Any, custom_objects: Mapping | None = None) -> DTypePolicy:
    """Return the policy that `serialize` described.

    Args:
        config: what `serialize` returned.
        custom_objects: `{name: class}` that the config may name besides those of the library.

    >>> deserialize(serialize(DTypePolicy("float32")))
    <DTypePolicy "float32">
    """
    return serialization.deserialize(config, custom_objects)


__all__ = [
    "AWQDTypePolicy",
    "DTypePolicy",
    "DTypePolicyMap",
    "FloatDTypePolicy",
    "GPTQDTypePolicy",
    "Int4DTypePolicy",
    "QuantizedDTypePolicy",
    "QuantizedFloat8DTypePolicy",
    "deserialize",
    "get",
    "serialize",
]

__getattr__, __dir__ = namespace(__name__, __all__)
