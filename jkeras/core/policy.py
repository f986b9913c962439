"""Dtype policies by name and by path, and the global policy."""

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

from jkeras.core import dtype as dtypes
from jkeras.core.dtype_policy import DTypePolicy, dtype_policy, settings
from jkeras.core.quantized_policy import (
    QUANTIZATION_MODES,
    AWQDTypePolicy,
    GPTQDTypePolicy,
    Int4DTypePolicy,
    QuantizedDTypePolicy,
    QuantizedFloat8DTypePolicy,
    quantized_policy,
)
from jkeras.runtime.identity import programs_depend_on
from jkeras.serialization.registry import named, publish


class DTypePolicyMap(DTypePolicy, MutableMapping):
    """A dtype policy for each path of a layer. A layer passes it on to the layers inside of it.

    A path is looked up as it is, and else as what one of the keys, as a regular expression, matches as a whole; a layer with no
    entry has the default policy.

    Args:
        default_policy: a policy or the name of one; by default the global one at the time.
        policy_map: `{path: policy}`.

    Raises:
        TypeError: `policy_map` is no dict.
        ValueError: a path matches several keys, or a key is set twice.

    >>> policies = DTypePolicyMap("float32", {"encoder/.*": DTypePolicy("bfloat16")})
    >>> policies["encoder/query"].name, policies["decoder"].name
    ('bfloat16', 'float32')
    """

    def __init__(self, default_policy: Any = None, policy_map: dict | None = None):
        if isinstance(default_policy, DTypePolicyMap):
            raise ValueError(
                "`default_policy` of a DTypePolicyMap cannot be a `DTypePolicyMap`. Give a DTypePolicy, or the name of one."
            )
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(f"If specified, `policy_map` must be a dict. Received: policy_map={policy_map!r}")
        self._given = default_policy
        self._policy_map = {path: get_policy(policy) for path, policy in (policy_map or {}).items()}
        get_policy(default_policy)

    @property
    def default_policy(self) -> DTypePolicy:
        """The policy of layers that have no entry."""
        return get_policy(self._given)

    @property
    def name(self) -> str:
        return f"map_{self.default_policy.name}"

    @property
    def compute_dtype(self) -> str:
        return self.default_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        return self.default_policy.variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        return self.default_policy.quantization_mode

    def __getitem__(self, path: str) -> DTypePolicy:
        if path in self._policy_map:
            return self._policy_map[path]
        keys = [key for key in self._policy_map if re.fullmatch(key, path)]
        if len(keys) > 1:
            raise ValueError(
                f"Path {path!r} matches multiple dtype policy specification keys: {keys}. It may match one at most."
            )
        return self._policy_map[keys[0]] if keys else self.default_policy

    def __setitem__(self, path: str, policy: Any) -> None:
        if path in self._policy_map:
            raise ValueError(
                f"{path} already exist in the DTypePolicyMap, with the value {self._policy_map[path]!r}: delete it first."
            )
        try:
            self._policy_map[path] = get_policy(policy)
        except Exception as error:
            raise ValueError(
                f"Cannot interpret the assigned value. Expected a dtype policy, got {policy!r}: {error}"
            ) from None

    def __delitem__(self, path: str) -> None:
        del self._policy_map[path]

    def __contains__(self, path: object) -> bool:
        return path in self._policy_map

    def __len__(self) -> int:
        return len(self._policy_map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._policy_map)

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__  # type: ignore[assignment]

    def get_config(self) -> dict:
        """Return the constructor's arguments of this map. Without a default policy all entries follow the global one, as
        in Keras.
        """
        written = {path: write_policy(policy) for path, policy in self._policy_map.items()}
        if self._given is None:
            for policy in written.values():
                policy["config"] |= {key: None for key in ("name", "source_name") if key in policy["config"]}
        return {"default_policy": self._given, "policy_map": written}

    def __repr__(self) -> str:
        mapping = [(path, policy.name) for path, policy in self._policy_map.items()]
        return f"<DTypePolicyMap default_policy={self.default_policy.name}, mapping={mapping}>"


POLICIES = named(
    *(DTypePolicy, QuantizedDTypePolicy, QuantizedFloat8DTypePolicy, Int4DTypePolicy, GPTQDTypePolicy, AWQDTypePolicy),
    DTypePolicyMap,
) | {"FloatDTypePolicy": DTypePolicy}


def write_policy(policy: DTypePolicy) -> dict:
    """A policy's class and config in Keras 3's form."""
    name = type(policy).__name__
    module = "keras" if name == "DTypePolicy" else "keras.dtype_policies"
    return {"module": module, "class_name": name, "config": policy.get_config(), "registered_name": None}


def set_dtype_policy(policy: "DTypePolicy | str") -> None:
    """Set the policy of layers that are made from now on.

    Args:
        policy: a `DTypePolicy`, or its name such as `"mixed_bfloat16"`.

    Raises:
        ValueError: it is neither.

    >>> set_dtype_policy("mixed_bfloat16"); dtype_policy().compute_dtype
    'bfloat16'
    >>> set_dtype_policy("float32")
    """
    if not isinstance(policy, (str, DTypePolicy)):
        raise ValueError(
            f"Invalid `policy` argument: expected a `DTypePolicy`, or the name of one such as 'mixed_float16', got {policy!r}."
        )
    settings["policy"] = get_policy(policy)


def reset_dtype_policy() -> None:
    """Let layers that name no policy have that of `floatx()` again."""
    settings["policy"] = None


def get_policy(identifier: Any) -> DTypePolicy:
    """A policy from a policy, its name, a dtype, a serialized policy, or None (the global one).

    >>> get_policy("int4/64_from_float32").block_size
    64
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        kind = POLICIES.get(identifier.get("class_name", "DTypePolicy"))
        if kind is None:
            raise ValueError(f"Unknown dtype policy: {identifier['class_name']!r}; the classes are {list(POLICIES)}.")
        return kind.from_config(identifier.get("config", identifier))
    if isinstance(identifier, str) and identifier.startswith(QUANTIZATION_MODES) and identifier not in dtypes.DTYPES:
        return quantized_policy(identifier)
    if not isinstance(identifier, str):
        try:
            identifier = dtypes.standardize(identifier)
        except ValueError as error:
            raise ValueError(
                f"Cannot interpret `dtype` argument. Expected the name of a dtype or policy, or a DTypePolicy, got "
                f"dtype={identifier!r}. {error}"
            ) from None
    return DTypePolicy(identifier)


programs_depend_on(lambda: dtype_policy().name)
publish("keras", named(DTypePolicy))
publish("keras.dtype_policies", POLICIES)
