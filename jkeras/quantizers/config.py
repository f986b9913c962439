"""Configurations of quantization, one class per mode, for `layer.quantize(config=...)` and
`model.quantize(config=...)`.
"""

from collections.abc import Mapping
from typing import Any, Literal

from jkeras.arguments import Checked
from jkeras.core.quantized_policy import QUANTIZATION_MODES
from jkeras.quantizers.base import AbsMaxQuantizer, Quantizer
from jkeras.serialization import arguments_of, deserialize, serialize_arguments

__all__ = [
    "AWQConfig",
    "Float8QuantizationConfig",
    "GPTQConfig",
    "Int4QuantizationConfig",
    "Int8QuantizationConfig",
    "QuantizationConfig",
]


class QuantizationConfig(Checked):
    """The base class of configurations of quantization.

    Args:
        weight_quantizer: the `Quantizer` of the weights. None means that of the mode.
        activation_quantizer: the `Quantizer` of the inputs of products. None leaves them as floats.

    >>> Int8QuantizationConfig().mode
    'int8'
    """

    def __init__(self, weight_quantizer: Quantizer | None = None, activation_quantizer: Quantizer | None = None):
        self.weight_quantizer, self.activation_quantizer = weight_quantizer, activation_quantizer

    @property
    def mode(self) -> str:
        """The name of the mode, such as `"int8"`."""
        raise NotImplementedError(
            f"{type(self).__name__} has no mode: use the config of a mode, such as Int8QuantizationConfig."
        )

    def dtype_policy_string(self) -> str:
        """Return the mode with its details, the beginning of the name of a dtype policy."""
        return self.mode

    def get_config(self) -> dict:
        """Return the constructor's arguments, as plain data."""
        return serialize_arguments(self, arguments_of(self))

    @classmethod
    def from_config(cls, config: dict) -> "QuantizationConfig":
        """Make a config from `get_config()`."""
        return cls(**_read(config))


def _read(config: Mapping) -> dict:
    quantizers = {name: deserialize(config.get(name)) for name in ("weight_quantizer", "activation_quantizer")}
    return {**config, **quantizers}


class Int8QuantizationConfig(QuantizationConfig):
    """The configuration for weights and inputs of products as int8.

    Args:
        weight_quantizer: of the weights; None for `AbsMaxQuantizer`, with one scale for all weights of an output.
        activation_quantizer: of the inputs; `"default"` is `AbsMaxQuantizer`, with one scale for each row; None leaves them floats.

    Raises:
        ValueError: the weights' quantizer does not make int8.

    >>> Int8QuantizationConfig().mode
    'int8'
    """

    mode = "int8"

    def __init__(
        self,
        weight_quantizer: Quantizer | None = None,
        activation_quantizer: Quantizer | Literal["default"] | None = "default",
    ):
        super().__init__(weight_quantizer, AbsMaxQuantizer() if activation_quantizer == "default" else activation_quantizer)
        _check_int8(self)


class Int4QuantizationConfig(QuantizationConfig):
    """The configuration for weights in 4 bits, two in a byte. Inputs stay floats.

    Args:
        weight_quantizer: of the weights, without groups; None for `AbsMaxQuantizer`.
        activation_quantizer: of the inputs, without groups; `"default"` and None leave them floats.
        block_size: how many weights that are summed to one output share a scale and a zero point; None or -1 for all of them, which
            have no zero point then.

    Raises:
        ValueError: `block_size` is no positive integer, or there are quantizers for groups, or the weights' quantizer does not make
            integers of 4 bits.

    >>> Int4QuantizationConfig(block_size=64).dtype_policy_string()
    'int4/64'
    """

    mode = "int4"

    def __init__(
        self,
        weight_quantizer: Quantizer | None = None,
        activation_quantizer: Quantizer | Literal["default"] | None = "default",
        block_size: int | None = 128,
    ):
        super().__init__(weight_quantizer, None if activation_quantizer == "default" else activation_quantizer)
        if block_size is not None and block_size != -1 and block_size <= 0:
            raise ValueError(f"block_size must be None, -1, or a positive integer. Received: block_size={block_size}")
        self.block_size = block_size
        if block_size not in (None, -1) and (self.weight_quantizer, self.activation_quantizer) != (None, None):
            raise ValueError(
                "Int4 sub-channel quantization (block_size > 0) does not support custom quantizers: groups have a scale and a zero "
                f"point. Set block_size=None, or leave the quantizers out. Received: block_size={block_size}"
            )
        value_range = tuple(getattr(self.weight_quantizer, "value_range", (-8, 7)))
        if value_range != (-8, 7):
            raise ValueError(
                f"Int4QuantizationConfig requires a weight_quantizer with value_range=(-8, 7). Received: value_range={value_range}"
            )
        _check_int8(self)

    def dtype_policy_string(self) -> str:
        return f"int4/{-1 if self.block_size is None else self.block_size}"

    @classmethod
    def from_config(cls, config: dict) -> "Int4QuantizationConfig":
        return cls(**{"block_size": None, **_read(config)})  # configs from before there were groups do not say


def _check_int8(config: QuantizationConfig) -> None:
    if config.weight_quantizer is not None and config.weight_quantizer.output_dtype != "int8":
        raise ValueError(
            f"{type(config).__name__} requires a weight_quantizer with output_dtype='int8'. Received: "
            f"output_dtype={config.weight_quantizer.output_dtype}"
        )


class Float8QuantizationConfig(QuantizationConfig):
    """The configuration for training with products of 8-bit floats. Weights are stored unchanged. It has no arguments.

    >>> Float8QuantizationConfig().mode
    'float8'
    """

    mode = "float8"

    def __init__(self) -> None:
        super().__init__()

    @classmethod
    def from_config(cls, config: dict) -> "Float8QuantizationConfig":
        return cls()


class _Calibrated(QuantizationConfig):
    """A mode that looks at what a model computes on some data; neither the data nor the tokenizer is a part of the config."""

    options: tuple[str, ...]

    def _keep(self, **options: Any) -> None:
        for name in ("num_samples", "sequence_length"):
            if not options[name] > 0:
                raise ValueError(f"{name} must be a positive integer. Received: {name}={options[name]}")
        if options["group_size"] < -1 or options["group_size"] == 0:
            raise ValueError(
                f"Invalid group_size. Supported values are -1 (no groups) or a positive integer, but got {options['group_size']}."
            )
        vars(self).update(options)

    def dtype_policy_string(self) -> str:
        return f"{self.mode}/{self.weight_bits}/{self.group_size}"  # type: ignore[attr-defined]

    def get_config(self) -> dict:
        return {"dataset": None, "tokenizer": None, **{name: getattr(self, name) for name in self.options}}

    @classmethod
    def from_config(cls, config: dict) -> "_Calibrated":
        return cls(**config)


class GPTQConfig(_Calibrated):
    """The configuration of GPTQ: few bits, chosen so that the outputs of a layer for some data change least (Frantar et
    al. 2022, arXiv:2210.17323).

    Args:
        dataset: texts, or arrays of tokens, for the model to look at.
        tokenizer: its `tokenize(text)` makes tokens of texts.
        weight_bits: 2, 3, 4 or 8.
        num_samples: how many pieces of the data are looked at.
        per_channel: whether each output has scales of its own.
        sequence_length: of a piece, in tokens.
        hessian_damping: what part of the mean is added to the diagonal of the second moments, in [0, 1].
        group_size: how many weights of an output share a scale and a zero point; -1 for all of them.
        symmetric: whether the zero point is in the middle.
        activation_order: whether weights of large inputs are rounded first.
        quantization_layer_structure: `{"pre_block_layers": [...], "sequential_blocks": [...]}`: the layers that run first, and the
            blocks that are quantized one after the other; by default what the model's `get_quantization_layer_structure` says.

    Raises:
        ValueError: a number is out of its range.

    >>> GPTQConfig(dataset=["a text"], tokenizer=None, group_size=64).dtype_policy_string()
    'gptq/4/64'
    """

    mode = "gptq"
    options = (
        *("weight_bits", "num_samples", "per_channel", "sequence_length", "hessian_damping", "group_size", "symmetric"),
        *("activation_order", "quantization_layer_structure"),
    )

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        per_channel: bool = True,
        sequence_length: int = 512,
        hessian_damping: float = 0.01,
        group_size: int = 128,
        symmetric: bool = False,
        activation_order: bool = False,
        quantization_layer_structure: dict | None = None,
    ):
        super().__init__()
        if weight_bits not in (2, 3, 4, 8):
            raise ValueError(f"Unsupported weight_bits {weight_bits}. Supported values are 2, 3, 4, and 8.")
        if hessian_damping < 0 or hessian_damping > 1:
            raise ValueError(f"hessian_damping must be between 0 and 1. Received: hessian_damping={hessian_damping}")
        self.dataset, self.tokenizer = dataset, tokenizer
        self._keep(
            weight_bits=weight_bits,
            num_samples=num_samples,
            per_channel=per_channel,
            sequence_length=sequence_length,
            hessian_damping=hessian_damping,
            group_size=group_size,
            symmetric=symmetric,
            activation_order=activation_order,
            quantization_layer_structure=quantization_layer_structure,
        )


class AWQConfig(_Calibrated):
    """The configuration of AWQ: weights in 4 bits, with finer steps for inputs with large numbers (Lin et al. 2023,
    arXiv:2306.00978).

    Args:
        dataset: texts, or arrays of tokens, for the model to look at.
        tokenizer: its `tokenize(text)` makes tokens of texts.
        weight_bits: 4.
        num_samples: how many pieces of the data are looked at.
        sequence_length: of a piece, in tokens.
        group_size: how many weights of an output share a scale and a zero point; -1 for all of them.
        num_grid_points: how many strengths of the scaling are tried.
        quantization_layer_structure: `{"pre_block_layers": [...], "sequential_blocks": [...]}`: the layers that run first, and the
            blocks that are quantized one after the other; by default what the model's `get_quantization_layer_structure` says.

    Raises:
        ValueError: a number is out of its range.

    >>> AWQConfig(dataset=["a text"], tokenizer=None).dtype_policy_string()
    'awq/4/128'
    """

    mode = "awq"
    options = (
        *("weight_bits", "num_samples", "sequence_length", "group_size", "num_grid_points"),
        "quantization_layer_structure",
    )

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        sequence_length: int = 512,
        group_size: int = 128,
        num_grid_points: int = 20,
        quantization_layer_structure: dict | None = None,
    ):
        super().__init__()
        if weight_bits != 4:
            raise ValueError(f"AWQ only supports 4-bit quantization. Received weight_bits={weight_bits}.")
        if num_grid_points <= 0:
            raise ValueError(f"num_grid_points must be a positive integer. Received: num_grid_points={num_grid_points}")
        self.dataset, self.tokenizer = dataset, tokenizer
        self._keep(
            weight_bits=weight_bits,
            num_samples=num_samples,
            sequence_length=sequence_length,
            group_size=group_size,
            num_grid_points=num_grid_points,
            quantization_layer_structure=quantization_layer_structure,
        )


DEFAULTS = {"int8": Int8QuantizationConfig, "int4": Int4QuantizationConfig, "float8": Float8QuantizationConfig}
CALIBRATED = {"gptq": GPTQConfig, "awq": AWQConfig}


def resolve(mode: str | None, config: Any) -> QuantizationConfig:
    """The config that the arguments of `quantize` mean.

    Args:
        mode: the name of a mode; None for that of the config.
        config: a `QuantizationConfig`, or the name of a mode; None for the default one of the mode.

    Raises:
        ValueError: there is no such mode, it needs a config, or the two contradict each other.

    >>> resolve("int4", None).block_size
    128
    """
    if isinstance(config, str):
        mode, config = config, None
    if mode is not None and mode not in QUANTIZATION_MODES:
        raise ValueError(f"Invalid quantization mode. Expected one of {QUANTIZATION_MODES}. Received: mode={mode}")
    if config is None:
        if mode in CALIBRATED:
            raise ValueError(
                f"For {mode.upper()}, you must pass a `{CALIBRATED[mode].__name__}` object in the `config` argument."
            )
        if mode is None:
            raise ValueError("You must provide either `mode` or `config` to `quantize`: model.quantize('int8').")
        return DEFAULTS[mode]()
    if not isinstance(config, QuantizationConfig):
        raise ValueError(f"Argument `config` must be an instance of `QuantizationConfig`. Received: config={config!r}")
    if mode is not None and config.mode != mode:
        raise ValueError(f"Contradictory arguments: mode={mode!r} but config.mode={config.mode!r}")
    if config.mode not in QUANTIZATION_MODES:
        raise ValueError(f"Invalid quantization mode. Expected one of {QUANTIZATION_MODES}. Received: mode={config.mode}")
    needed = CALIBRATED.get(config.mode)
    if needed is not None and not isinstance(config, needed):
        raise ValueError(
            f"Mode {config.mode!r} requires a valid `config` argument of type `{needed.__name__}`, got {config!r}."
        )
    return config


def quantizer_or(config: Any, which: str, default: Quantizer | None) -> Any:
    """A quantizer of a config; without a config, or without one for the weights in it, the default."""
    if config is None:
        return default
    chosen = getattr(config, f"{which}_quantizer")
    return default if chosen is None and which == "weight" else chosen
