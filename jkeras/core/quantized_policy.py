"""Policies of layers whose weights are quantized.

The name of a quantized policy contains the policy that it was made from: `"int8_from_mixed_bfloat16"` computes as
`"mixed_bfloat16"` does, on weights that are stored as int8. The mode can contain parameters: `"int4/128"`, `"gptq/4/128"`.
"""

import re

from jkeras.core.dtype_policy import DTypePolicy, dtype_policy, dtypes_of

QUANTIZATION_MODES = ("int8", "float8", "int4", "gptq", "awq")


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
        self._compute_dtype, self._variable_dtype = dtypes_of(source_name)
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
    """The policy of a layer whose weights are stored in 4 bits.

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


def quantized_policy(name: str) -> DTypePolicy:
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
