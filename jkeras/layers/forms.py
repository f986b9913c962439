"""The forms in which a layer can store a weight: floats, integers of 8 or 4 bits with scales, or floats that are
multiplied in 8 bits.

A form makes the variables, converts a float weight to their values and back, and computes the layer's product; see
`adaptable.py`. The names and shapes of the variables are Keras's, so files can be exchanged in both directions.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras import quantizers
from jkeras.core.variable import Variable
from jkeras.layers.layout import Layout
from jkeras.quantizers.config import quantizer_or
from jkeras.quantizers.float8 import largest
from jkeras.quantizers.zero_point import dequantize

Product = Callable[[jax.Array, jax.Array], jax.Array]  # of inputs and the weight


class Form:
    """A weight as it is: one variable of floats.

    Args:
        layer: whose weight it is.
        name: of the weight, `"kernel"` for example.
        layout: how the layer's product uses it.
        variable: the weight as it is so far; None if there is none yet.
        config: how to quantize, a `QuantizationConfig`; None for what the layer's policy says.
    """

    names: tuple[str, ...] = ("{}",)  # of the attributes, in the order of files; `{}` stands for the weight's own

    def __init__(self, layer: Any, name: str, layout: Layout, variable: Variable | None = None, config: Any = None):
        self.layer, self.name, self.layout, self.config = layer, name, layout, config
        self.stored = variable
        self.made: list[str] = []  # the attributes of the layer that this form has set

    def build(self) -> None:
        """Make the variables."""

    def make(self, name: str, shape: tuple[int, ...], initializer: Any = "zeros", **kwargs: Any) -> Variable:
        """Make a variable that the layer has as the attribute `name`."""
        options = {"trainable": False, **kwargs}
        variable = self.layer.add_weight(shape, initializer, name=options.pop("called", name), **options)
        setattr(self.layer, name, variable)
        self.made.append(name)
        return variable

    def take_in(self, weight: Any) -> None:
        """Make the variables, and write the weight into them."""
        values = self.encode(weight)
        self.build()
        self.assign(values)

    def assign(self, values: dict[str, Any]) -> None:
        """Give values to some of the variables, by the names in `names`."""
        for name, value in values.items():
            self.variable(name).assign(value)

    def variable(self, name: str) -> Variable:
        """One of the variables, by its name in `names`."""
        return self.stored if name == "{}" else getattr(self.layer, name.format(self.name))  # type: ignore[return-value]

    def variables(self) -> list[Variable]:
        """All variables, in the order of files."""
        own = vars(self.layer)
        return [self.variable(name) for name in self.names if name == "{}" or name.format(self.name) in own]

    def encode(self, weight: Any) -> dict[str, Any]:
        """The values of the variables for a weight, by the names in `names`."""
        return {"{}": weight}

    def value(self) -> Any:
        """The value of the layer's attribute: the variable, or integers that are not packed."""
        return self.stored

    def dense(self) -> jax.Array:
        """The weight as floats."""
        return self.stored.value  # type: ignore[union-attr]

    def product(self, function: Product, inputs: jax.Array, training: bool | None) -> jax.Array:
        """`function(inputs, weight)`."""
        return function(inputs, self.dense())

    def rows(self, indices: jax.Array) -> jax.Array:
        """Rows of the weight, as floats."""
        return jnp.take(self.stored.value, indices, axis=0).astype(self.layer.compute_dtype)  # type: ignore[union-attr]


def straight_through(function: Callable, exact: Callable, x: jax.Array) -> jax.Array:
    """`function(x)`, which rounds, with the gradient of `exact(x)` (Bengio et al. 2013, arXiv:1308.3432)."""

    @jax.custom_vjp
    def rounded(x: jax.Array) -> jax.Array:
        return function(x)

    rounded.defvjp(lambda x: (function(x), x), lambda x, upstream: jax.vjp(exact, x)[1](upstream))
    return rounded(x)


class Int8(Form):
    """Integers of 8 bits, with one scale for all weights that are summed to one output."""

    names = ("{}", "{}_scale")

    def build(self) -> None:
        self.stored = self.layer.add_weight(self.layout.shape, "zeros", "int8", trainable=False, name=self.name)
        self.make(f"{self.name}_scale", self.layout.scale_shape, "ones")
        self.layer.inputs_quantizer = quantizer_or(self.config, "activation", quantizers.AbsMaxQuantizer())

    def encode(self, weight: Any) -> dict[str, Any]:
        chosen = quantizer_or(self.config, "weight", quantizers.AbsMaxQuantizer())
        integers, scale = chosen(weight, axis=self.layout.summed, to_numpy=True)
        return {"{}": integers, "{}_scale": self.layout.to_file(scale)}

    def dense(self) -> jax.Array:
        scale = self.layout.to_weight(self.variable("{}_scale").value)
        return self.stored.value.astype(self.layer.compute_dtype) / scale  # type: ignore[union-attr]

    def product(self, function: Product, inputs: jax.Array, training: bool | None) -> jax.Array:
        integers, scale = self.stored.value, self.variable("{}_scale").value  # type: ignore[union-attr]
        dtype, quantize = self.layer.compute_dtype, self.layer.inputs_quantizer
        if quantize is None:
            return function(inputs, integers.astype(dtype)) / scale
        weight = self.dense()

        def rounded(x: jax.Array) -> jax.Array:
            x, input_scale = quantize(x, axis=self.layout.input_axes)
            return function(x, integers).astype(dtype) / (scale * self.layout.spread(input_scale))

        return straight_through(rounded, lambda x: function(x, weight), inputs)

    def rows(self, indices: jax.Array) -> jax.Array:
        integers = jnp.take(self.stored.value, indices, axis=0).astype(self.layer.compute_dtype)  # type: ignore[union-attr]
        return integers / jnp.take(self.variable("{}_scale").value, indices, axis=0)[..., None]


class Int4(Form):
    """Integers of 4 bits, two in a byte: with a scale as for 8 bits, or with a scale and a zero point for each group of weights."""

    names = ("{}", "{}_scale", "{}_zero", "g_idx")

    @property
    def block_size(self) -> int | None:
        """The number of weights that share a scale. None means all weights that are summed to one output."""
        known = self.config if hasattr(self.config, "block_size") else self.layer._policy
        size = getattr(known, "block_size", None)
        return None if size == -1 else size

    def build(self) -> None:
        layout, size = self.layout, self.block_size
        packed = [(n + 1) // 2 if axis == layout.packed else n for axis, n in enumerate(layout.matrix)]
        self.stored = self.layer.add_weight(packed, "zeros", "int8", trainable=False, name=self.name)
        along = layout.matrix[layout.grouped]
        shape = list(layout.matrix)
        shape[layout.grouped : layout.grouped + 1] = [] if size is None else [math.ceil(along / size)]
        self.make(f"{self.name}_scale", tuple(shape), "ones")
        if size is not None:
            self.make(f"{self.name}_zero", tuple(shape), dtype="int8")
            if "g_idx" not in vars(self.layer):
                self.make("g_idx", (along,), dtype="float32").assign(np.arange(along) // size)
        self.layer.inputs_quantizer = quantizer_or(self.config, "activation", None)

    def encode(self, weight: Any) -> dict[str, Any]:
        layout, size = self.layout, self.block_size
        matrix = np.asarray(weight).reshape(layout.matrix)
        found = {}
        if size is None:
            default = quantizers.AbsMaxQuantizer(value_range=(-8, 7))
            chosen = quantizer_or(self.config, "weight", default)
            integers, scale = chosen(matrix, axis=layout.grouped, to_numpy=True)
            found["{}_scale"] = jnp.squeeze(scale, layout.grouped)
        else:
            turned = matrix.T if layout.grouped else matrix
            groups = quantizers.abs_max_quantize_grouped_with_zero_point(turned, size, to_numpy=True)
            integers, found["{}_scale"], found["{}_zero"] = (x.T if layout.grouped else x for x in groups)
        return {"{}": quantizers.pack_int4(integers, layout.packed)[0], **found}

    def unpacked(self, packed: jax.Array) -> jax.Array:
        axis = self.layout.packed
        return quantizers.unpack_int4(packed, self.layout.matrix[axis], axis)

    def value(self) -> jax.Array:
        return self.unpacked(self.stored.value).reshape(self.layout.shape)  # type: ignore[union-attr]

    def floats(self, integers: jax.Array, scale: jax.Array, zero: jax.Array | None, axis: int) -> jax.Array:
        """Convert integers and their scales to floating-point weights. Groups are along `axis`."""
        dtype = self.layer.compute_dtype
        if zero is None:
            return integers.astype(dtype) / jnp.expand_dims(scale, axis)
        return dequantize(integers, scale, zero, self.layer.g_idx.value, axis).astype(dtype)

    def zero(self) -> jax.Array | None:
        return None if self.block_size is None else self.variable("{}_zero").value

    def dense(self) -> jax.Array:
        integers = self.unpacked(self.stored.value)  # type: ignore[union-attr]
        found = self.floats(integers, self.variable("{}_scale").value, self.zero(), self.layout.grouped)
        return found.reshape(self.layout.shape)

    def product(self, function: Product, inputs: jax.Array, training: bool | None) -> jax.Array:
        weight, dtype, quantize = self.dense(), self.layer.compute_dtype, self.layer.inputs_quantizer
        if quantize is None:
            return function(inputs, weight)

        def rounded(x: jax.Array) -> jax.Array:
            x, scale = quantize(x, axis=self.layout.input_axes)
            return function(x.astype(dtype), weight) / self.layout.spread(scale)

        return straight_through(rounded, lambda x: function(x, weight), inputs)

    def rows(self, indices: jax.Array) -> jax.Array:
        integers, scale, zero = (
            None if x is None else jnp.take(x, indices, axis=0)
            for x in (self.stored.value, self.variable("{}_scale").value, self.zero())  # type: ignore[union-attr]
        )
        integers = quantizers.unpack_int4(integers, self.layout.matrix[1], -1)
        return self.floats(integers, scale, zero, -1)  # type: ignore[arg-type]


class Float8(Form):
    """Floats, which are rounded to 8 bits for the product, and so are the gradients of its outputs; for training.

    The scales of a step follow the largest magnitudes of the steps before it. They change in a backward pass, where the magnitudes
    of the gradients are known: what stands in the place of their gradients is their new value (`overwrite_with_gradient`).
    """

    of = ("inputs", "kernel", "outputs_grad")
    names = ("{}", *(f"{part}_{what}" for part in of for what in ("scale", "amax_history")))

    def build(self) -> None:
        if self.stored is None:
            self.stored = self.layer.weight(self.name, self.layout.shape)
        options = {"dtype": "float32", "trainable": True, "autocast": False, "overwrite_with_gradient": True}
        for part in self.of:
            self.make(f"{part}_scale", (), "ones", **options)
            self.make(f"{part}_amax_history", (getattr(self.layer._policy, "amax_history_length", 1024),), **options)

    def take_in(self, weight: Any) -> None:
        self.build()

    def product(self, function: Product, inputs: jax.Array, training: bool | None) -> jax.Array:
        dtype, state = self.layer.compute_dtype, [self.variable(name).value for name in self.names[1:]]
        inputs = _rounded(inputs, state[0], state[1], dtype, bool(training))
        weight = _rounded(self.dense(), state[2], state[3], dtype, bool(training))
        return _with_rounded_gradient(function(inputs, weight), state[4], state[5], dtype)


def _usable(scale: jax.Array) -> jax.Array:
    """The scale; 1 in the place of 0, which is left of an update `scale + (new - scale)` that makes it smaller by many digits."""
    return jnp.where(scale > 0, scale, 1)


def _updated(x: jax.Array, scale: jax.Array, history: jax.Array, kind: str) -> tuple[jax.Array, jax.Array]:
    new = quantizers.compute_float8_scale(jnp.max(history), _usable(scale), largest(kind))
    return new, quantizers.compute_float8_amax_history(x, history)


def _rounded(x: jax.Array, scale: jax.Array, history: jax.Array, dtype: str, training: bool) -> jax.Array:
    """`x` in 8 bits. In training the "gradients" of scale and history are their values for the next step."""

    def compute(x: jax.Array, scale: jax.Array, history: jax.Array) -> jax.Array:
        return quantizers.quantize_and_dequantize(x, _usable(scale), "float8_e4m3fn", dtype)

    def backward(kept: tuple, upstream: jax.Array) -> tuple:
        x, scale, history = kept
        new = _updated(x, scale, history, "float8_e4m3fn") if training else (jnp.zeros_like(scale), jnp.zeros_like(history))
        return upstream, *new

    rounded = jax.custom_vjp(compute)
    rounded.defvjp(lambda *args: (compute(*args), args), backward)
    return rounded(x, scale, history)


def _with_rounded_gradient(outputs: jax.Array, scale: jax.Array, history: jax.Array, dtype: str) -> jax.Array:
    """The outputs as they are, whose gradient is rounded to 8 bits."""

    def backward(kept: tuple, upstream: jax.Array) -> tuple:
        scale, history = kept
        new = _updated(upstream, scale, history, "float8_e5m2")
        return quantizers.quantize_and_dequantize(upstream, _usable(scale), "float8_e5m2", dtype), *new

    through = jax.custom_vjp(lambda outputs, scale, history: outputs)
    through.defvjp(lambda outputs, scale, history: (outputs, (scale, history)), backward)
    return through(outputs, scale, history)
