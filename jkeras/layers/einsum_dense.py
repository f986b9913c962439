"""A dense layer over any axes, defined by an equation in Einstein's notation."""

import copy
import itertools
import re
import string
from collections.abc import Sequence
from typing import Any, NamedTuple

from jkeras import initializers, ops
from jkeras.layers.adaptable import Adaptable, stored
from jkeras.layers.input_spec import InputSpec
from jkeras.layers.layout import Layout, einsum_layout
from jkeras.ops.ranks import add
from jkeras.quantizers.config import QuantizationConfig

__all__ = ["EinsumDense"]


class EinsumDense(Adaptable):
    """A layer that computes `activation(einsum(equation, inputs, kernel) + bias)`.

    Args:
        equation: `"X,Y->Z"`, where X names the input's axes, Y the kernel's and Z the output's; or `"...X,Y->...Z"` or
            `"X...,Y->Z..."`, where the dots stand for any axes.
        output_shape: the shape of the output without the batch and without the axes that the dots stand for. None in it stands
            for an axis that is as long as the input's axis of that name.
        activation: the function that is applied to the result: a name such as `"relu"`, or a function. None means none.
        bias_axes: the output's axes along which the bias varies, such as `"d"`; None for no bias.

    Raises:
        ValueError: the equation is of another form, or does not fit the shapes.

    >>> EinsumDense("abc,cd->abd", output_shape=(None, 64), bias_axes="d").compute_output_shape((None, 32, 128))
    (None, 32, 64)
    """

    also_written = {"activity_regularizer": None}

    _kernel = stored("kernel")

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: int | None = None,
        quantization_config: QuantizationConfig | None = None,
        **kwargs: Any,
    ):
        super().__init__(lora_rank=lora_rank, lora_alpha=lora_alpha, **kwargs)
        self.gptq_unpacked_column_size, self.quantization_config = gptq_unpacked_column_size, quantization_config
        self.equation, self.bias_axes = equation, bias_axes
        self.output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.keep(
            activation=activation,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def build(self, input_shape: Any) -> None:
        try:
            plan = analyze(self.equation, tuple(input_shape), self.output_shape, self.bias_axes)
        except ValueError as error:
            raise ValueError(f"Layer {self.name!r} (EinsumDense): {error}") from None
        initializer = self.kernel_initializer  # type: ignore[attr-defined, has-type]
        if isinstance(initializer, initializers.VarianceScaling) and None in (
            initializer.input_axes,
            initializer.output_axes,
        ):
            self.kernel_initializer = copy.copy(initializer)
            self.kernel_initializer.input_axes, self.kernel_initializer.output_axes = plan.summed, plan.kept
        self.input_spec = InputSpec(ndim=len(input_shape))
        self.hold("kernel", plan.kernel)
        self.kernel_initializer = initializer
        self.bias = None if plan.bias is None else self.weight("bias", plan.bias)
        self.adapt_if_asked()

    def layout(self, name: str, shape: tuple[int, ...]) -> Layout:
        return einsum_layout(*letters(self.equation, self.input_spec.ndim), shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        outputs = self.product("kernel", lambda x, kernel: ops.einsum(self.equation, x, kernel), inputs, training)
        if self.bias is not None:
            outputs = add(outputs, self.bias.value)
        return outputs if self.activation is None else self.activation(outputs)  # type: ignore[attr-defined]


class Plan(NamedTuple):
    """The shapes of the weights, and which axes of the kernel are summed over (its inputs) and which are not."""

    kernel: tuple
    bias: tuple | None
    summed: list[int]
    kept: list[int]


def _parts(equation: str) -> tuple[bool, str, bool, str, str]:
    """True if dots stand on the left, the input's letters, whether dots stand on the right, the kernel's and the output's letters."""
    compact = equation.replace(" ", "")
    match = re.fullmatch(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?", compact)
    if match is None or (match[1], match[3]) != (match[5], match[7]) or (match[1] and match[3]):
        raise ValueError(f"equation={equation!r} is not of the form 'X,Y->Z', '...X,Y->...Z' or 'X...,Y->Z...'.")
    return bool(match[1]), match[2], bool(match[3]), match[4], match[6]


def letters(equation: str, ndim: int) -> tuple[str, str, str]:
    """The letters of the input's, the kernel's and the output's axes, with letters in the place of dots.

    >>> letters("...x,xy->...y", 3)
    ('abx', 'xy', 'aby')
    """
    left, ins, _, weights, outs = _parts(equation)
    free = (letter for letter in string.ascii_letters if letter not in ins + weights + outs)
    dots = "".join(itertools.islice(free, ndim - len(ins)))
    return (dots + ins, weights, dots + outs) if left else (ins + dots, weights, outs + dots)


def analyze(equation: str, input_shape: tuple, output_shape: tuple, bias_axes: str | None) -> Plan:
    """The shapes and axes that an equation means for an input of a given shape.

    >>> analyze("...x,xy->...y", (None, 32, 128), (64,), "y")
    Plan(kernel=(128, 64), bias=(64,), summed=[0], kept=[1])
    """
    left, ins, right, weights, outs = _parts(equation)
    dots = len(input_shape) - len(ins)
    if dots < 0 or (dots and not (left or right)):
        raise ValueError(f"equation={equation!r} does not fit an input of shape {input_shape}.")
    before, after = (dots, 0) if left else (0, dots)
    known = dict(zip(ins, input_shape[before:], strict=False))
    given = output_shape if left and dots else (input_shape[0], *output_shape)
    if len(given) != len(outs):
        raise ValueError(f"output_shape={output_shape} does not have an entry for each output axis of {equation!r}.")
    wanted = dict(zip(outs, given, strict=True))
    for axis, size in wanted.items():
        if axis not in known and axis not in weights:
            raise ValueError(f"the output axis {axis!r} of {equation!r} is in neither the input nor the kernel.")
        if axis in known and None not in (size, known[axis]) and size != known[axis]:
            raise ValueError(
                f"axis {axis!r} has size {known[axis]} in the input, and {size} in output_shape={output_shape}."
            )
    sizes = known | {axis: size for axis, size in wanted.items() if size is not None}
    if any(sizes.get(axis) is None for axis in weights):
        raise ValueError(
            f"the kernel's axes {weights!r} of {equation!r} need known sizes; the input has shape {input_shape} and "
            f"output_shape={output_shape}."
        )
    bias = None
    if bias_axes is not None:
        if not bias_axes or set(bias_axes) - set(outs):
            raise ValueError(f"bias_axes={bias_axes!r} are not all among the output axes {outs!r}.")
        first = min(outs.index(axis) for axis in bias_axes)
        bias = (*(sizes[axis] if axis in bias_axes else 1 for axis in outs[first:]), *(1,) * after)
    summed = [i for i, axis in enumerate(weights) if axis not in outs]
    return Plan(tuple(sizes[a] for a in weights), bias, summed, [i for i, axis in enumerate(weights) if axis in outs])
