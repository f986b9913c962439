"""Dtype policies: which dtype a layer stores its weights in, which it computes in, and whether it holds them quantized.

`"float32"` uses one dtype for both; `"mixed_bfloat16"` stores float32 and computes in bfloat16 (Micikevicius et al. 2018,
arXiv:1710.03740). A quantized policy names what it was made from: `"int8_from_mixed_bfloat16"` computes as `"mixed_bfloat16"`
does, on weights that are held as int8. What the form needs to know besides stands in the mode: `"int4/128"`, `"gptq/4/128"`.
"""

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.runtime.identity import programs_depend_on
from jkeras.runtime.placement import to_device
from jkeras.serialization.registry import publish

QUANTIZATION_MODES = ("int8", "float8", "int4", "gptq", "awq")
_settings: dict[str, Any] = {"policy": None}


class DTypePolicy:
    """Which dtype a layer stores its weights in, and which it computes in.

    Args:
        name: a dtype (both are that), or `"mixed_float16"` / `"mixed_bfloat16"` (float32 weights); by default the global policy's.

    Raises:
        TypeError: the name is no text.
        ValueError: there is no such dtype.

    >>> policy = DTypePolicy("mixed_bfloat16")
    >>> policy.variable_dtype, policy.compute_dtype
    ('float32', 'bfloat16')
    """

    is_plain_value = True  # equal policies are the same: a config does not say which of them are one object
    _quantization_mode: str | None = None

    def __init__(self, name: str | None = None):
        self._name = dtype_policy().name if name is None else name
        self._compute_dtype, self._variable_dtype = _dtypes_of(self._name)

    @property
    def name(self) -> str:
        """The name the policy was made from."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """The dtype of the layer's inputs, outputs and arithmetic."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the layer's weights; of those that are held as integers, the dtype they stand for."""
        return self._variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        """The form in which weights are quantized: `"int8"`, `"int4"`, `"float8"`, `"gptq"`, `"awq"`; None if they are not."""
        return self._quantization_mode

    def convert_input(self, x: Any, autocast: bool, dtype: Any) -> Any:
        """An input as a layer gets it: an array, cast to `dtype` if it is of floats and `autocast` is True.

        >>> DTypePolicy("bfloat16").convert_input(np.ones(2, "float32"), True, "bfloat16").dtype.name
        'bfloat16'
        """
        dtype = dtypes.standardize(dtype)
        if not hasattr(x, "astype") and not hasattr(x, "__array__"):
            return x
        if isinstance(x, (np.ndarray, np.generic)) or not hasattr(x, "astype"):
            x = to_device(np.asarray(x))
        if autocast and dtypes.is_float(x.dtype) and dtypes.standardize(x.dtype) != dtype:
            x = x.astype(dtype)
        return x

    def get_config(self) -> dict:
        """The arguments that make this policy again."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict) -> "DTypePolicy":
        """Make a policy from `get_config()`."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.name == other.name  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} "{self.name}">'


def _dtypes_of(name: Any) -> tuple[str, str]:
    """The compute dtype and the variable dtype that a name stands for."""
    if not isinstance(name, str):
        raise TypeError(f"'name' must be a string, such as 'mixed_float16', got name={name!r}.")
    if name in ("mixed_float16", "mixed_bfloat16"):
        return name.removeprefix("mixed_"), "float32"
    try:
        dtype = dtypes.standardize(name)
    except ValueError as error:
        raise ValueError(
            f"Cannot convert {name!r:.200} to a dtype policy: use 'mixed_float16', 'mixed_bfloat16', or the name of a dtype such as "
            f"'float32'. {error!s:.300}"
        ) from None
    return dtype, dtype


class QuantizedDTypePolicy(DTypePolicy):
    """The policy of a layer whose weights are quantized.

    Args:
        mode: `"int8"`, `"int4"` or `"float8"`; the modes that take more details have classes of their own.
        source_name: the policy that says what the layer computes in; by default the global one.

    Raises:
        ValueError: there is no such mode, or int8 was to compute in float16, whose range is too small for the sums.

    >>> QuantizedDTypePolicy("int8", "mixed_bfloat16").name
    'int8_from_mixed_bfloat16'
    """

    algorithm: str | None = None  # of a mode with details
    details: tuple[str, ...] = ()  # their names

    def __init__(self, mode: str, source_name: str | None = None):
        source_name = dtype_policy().name if source_name is None else source_name
        self._compute_dtype, self._variable_dtype = _dtypes_of(source_name)
        self._name, self._source_name, self._given_mode = f"{mode}_from_{source_name}", source_name, mode
        self._quantization_mode = self._read(mode) if self.algorithm else mode
        if self._quantization_mode not in QUANTIZATION_MODES:
            raise ValueError(f"Invalid quantization mode. Expected one of {QUANTIZATION_MODES}, got mode={mode!r}.")
        if self._compute_dtype == "float16" and mode == "int8":
            raise ValueError(
                "int8 doesn't work well with compute_dtype='float16', whose largest number is 65504: take 'mixed_bfloat16'."
            )

    def _read(self, mode: str) -> str:
        """Keep the numbers that follow the name of the algorithm, in the attributes that `details` names."""
        algorithm, *numbers = str(mode).split("/")
        form = "/".join([str(self.algorithm), *(f"<{name}>" for name in self.details)])
        if algorithm != self.algorithm or len(numbers) != len(self.details):
            raise ValueError(f"Invalid mode for {type(self).__name__}. Expected format {form!r}, but got {mode!r}.")
        for name, number in zip(self.details, numbers, strict=True):
            if re.fullmatch(r"-?\d+", number) is None:
                raise ValueError(
                    f"Invalid mode for {type(self).__name__}: <{name}> must be an integer. Expected format {form!r}, but got {mode!r}."
                )
            setattr(self, name, int(number))
            self._check(name, int(number), mode)
        self.mode = algorithm
        return algorithm

    def _check(self, name: str, number: int, mode: str) -> None:
        if number < -1 or number == 0:
            raise ValueError(f"Invalid {name} in mode {mode!r}. Supported values are -1 (no groups) and positive integers.")

    def get_config(self) -> dict:
        return {"mode": self._given_mode, "source_name": self._source_name}


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """The policy of a layer that multiplies numbers of 8 bits, for training (Micikevicius et al. 2022, arXiv:2209.05433).

    Args:
        mode: `"float8"`.
        source_name: the policy that says what else is computed in; by default the global one.
        amax_history_length: how many steps the largest magnitudes are remembered that the scales follow.

    Raises:
        TypeError: `amax_history_length` is no integer.

    >>> QuantizedFloat8DTypePolicy("float8", "float32").amax_history_length
    1024
    """

    default_amax_history_length = 1024

    def __init__(self, mode: str, source_name: str | None = None, amax_history_length: int = 1024):
        super().__init__(mode, source_name)
        if not isinstance(amax_history_length, int):
            raise TypeError(
                f"`amax_history_length` must be an integer. Received: amax_history_length={amax_history_length!r}"
            )
        self._amax_history_length = amax_history_length

    @property
    def amax_history_length(self) -> int:
        """The number of steps for which the largest magnitudes are remembered."""
        return self._amax_history_length

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and self._amax_history_length == other._amax_history_length  # type: ignore[attr-defined]

    __hash__ = DTypePolicy.__hash__

    def get_config(self) -> dict:
        return {**super().get_config(), "amax_history_length": self.amax_history_length}


class Int4DTypePolicy(QuantizedDTypePolicy):
    """The policy of a layer whose weights are held in 4 bits.

    Args:
        mode: `"int4/<block_size>"`; block_size is how many weights share a scale, -1 for all that are summed to one output.
        source_name: the policy that says what the layer computes in; by default the global one.

    >>> Int4DTypePolicy("int4/128", "float32").block_size
    128
    """

    algorithm = "int4"
    details = ("block_size",)
    block_size: int


class GPTQDTypePolicy(QuantizedDTypePolicy):
    """The policy of a layer that was quantized by GPTQ.

    Args:
        mode: `"gptq/<weight_bits>/<group_size>"`, with 2, 3, 4 or 8 bits; a group_size of -1 means no groups.
        source_name: the policy that says what the layer computes in; by default the global one.

    >>> GPTQDTypePolicy("gptq/4/128", "float32").weight_bits
    4
    """

    algorithm = "gptq"
    details = ("weight_bits", "group_size")
    bits: tuple[int, ...] = (2, 3, 4, 8)
    weight_bits: int
    group_size: int

    def _check(self, name: str, number: int, mode: str) -> None:
        if name != "weight_bits":
            super()._check(name, number, mode)
        elif number not in self.bits:
            raise ValueError(
                f"Invalid weight_bits in mode. Supported values are {self.bits}, but got {number} from {mode!r}."
            )


class AWQDTypePolicy(GPTQDTypePolicy):
    """The policy of a layer that was quantized by AWQ.

    Args:
        mode: `"awq/4/<group_size>"`; a group_size of -1 means no groups.
        source_name: the policy that says what the layer computes in; by default the global one.

    >>> AWQDTypePolicy("awq/4/128", "float32").group_size
    128
    """

    algorithm = "awq"
    bits = (4,)


class DTypePolicyMap(DTypePolicy, MutableMapping):
    """Policies by the paths of layers, for a `dtype` that a layer hands on to those inside of it.

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
            raise ValueError("`default_policy` cannot be a `DTypePolicyMap`.")
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
        """The arguments that make this map again. Without a default policy all entries follow the global one, as in Keras."""
        written = {path: write_policy(policy) for path, policy in self._policy_map.items()}
        if self._given is None:
            for policy in written.values():
                policy["config"] |= {key: None for key in ("name", "source_name") if key in policy["config"]}
        return {"default_policy": self._given, "policy_map": written}

    def __repr__(self) -> str:
        mapping = [(path, policy.name) for path, policy in self._policy_map.items()]
        return f"<DTypePolicyMap default_policy={self.default_policy.name}, mapping={mapping}>"


POLICIES = {
    "DTypePolicy": DTypePolicy,
    "FloatDTypePolicy": DTypePolicy,
    **{
        kind.__name__: kind
        for kind in (
            QuantizedDTypePolicy,
            QuantizedFloat8DTypePolicy,
            Int4DTypePolicy,
            GPTQDTypePolicy,
            AWQDTypePolicy,
            DTypePolicyMap,
        )
    },
}


def write_policy(policy: DTypePolicy) -> dict:
    """A policy's class and config in Keras 3's form."""
    name = type(policy).__name__
    module = "keras" if name == "DTypePolicy" else "keras.dtype_policies"
    return {"module": module, "class_name": name, "config": policy.get_config(), "registered_name": None}


def dtype_policy() -> DTypePolicy:
    """Return the policy of layers that are given none: the one set by `set_dtype_policy`, or `floatx()`.

    >>> dtype_policy().name
    'float32'
    """
    return _settings["policy"] or DTypePolicy(dtypes.floatx())


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
    _settings["policy"] = get_policy(policy)


def reset_dtype_policy() -> None:
    """Let layers that name no policy have that of `floatx()` again."""
    _settings["policy"] = None


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
        return _quantized(identifier)
    if not isinstance(identifier, str):
        try:
            identifier = dtypes.standardize(identifier)
        except ValueError as error:
            raise ValueError(
                f"Cannot interpret `dtype` argument. Expected the name of a dtype or policy, or a DTypePolicy, got "
                f"dtype={identifier!r}. {error}"
            ) from None
    return DTypePolicy(identifier)


def _quantized(name: str) -> DTypePolicy:
    """The policy behind a name such as `"int8_from_float32"`."""
    parts = name.split("_from_")
    if len(parts) != 2:
        raise ValueError(
            f"Cannot convert `policy` into a valid pair of a mode and the policy it is made from, such as 'int8_from_float32', got "
            f"{name!r:.200}."
        )
    mode, source = parts
    algorithm = mode.partition("/")[0]
    kinds = {"float8": QuantizedFloat8DTypePolicy, "gptq": GPTQDTypePolicy, "awq": AWQDTypePolicy}
    if "/" in mode and algorithm == "int4":
        return Int4DTypePolicy(mode, source)
    return kinds.get(algorithm, QuantizedDTypePolicy)(mode, source)


programs_depend_on(lambda: dtype_policy().name)
publish("keras", {"DTypePolicy": DTypePolicy})
publish("keras.dtype_policies", POLICIES)
