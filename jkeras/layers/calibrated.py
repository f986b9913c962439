"""Forms whose integers are chosen with the help of data: GPTQ and AWQ (`jkeras/quantizers/gptq.py`, `awq.py`).

Before they are chosen, the layer computes with the float weight. Afterwards, the float weight is deleted.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras import quantizers
from jkeras.layers.forms import Form, Product
from jkeras.quantizers.zero_point import dequantize


class Gptq(Form):
    """Integers of `weight_bits` bits, one row per output; groups along a row have a scale and a zero point."""

    mode = "gptq"
    names: tuple[str, ...] = ("quantized_{}", "{}_scale", "{}_zero", "g_idx")

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.calibrated = False
        self.watch: Callable[[jax.Array], None] | None = None  # called with the inputs, as rows

    @property
    def settings(self) -> Any:
        """The object that has the number of bits and the size of groups: the config, or the policy of a layer that was
        loaded.
        """
        return self.layer._policy if self.config is None else self.config

    @property
    def matrix(self) -> tuple[int, int]:
        """The shape of the weight as a matrix, inputs by outputs."""
        if self.layout.summed != tuple(range(len(self.layout.summed))):
            raise ValueError(
                f"{self.mode.upper()} quantizes kernels whose first axes are summed over, but layer {self.layer.name!r} sums over the "
                f"axes {self.layout.summed} of its kernel of shape {self.layout.shape}."
            )
        return self.layout.matrix

    def build(self) -> None:
        rows, columns = self.matrix
        size = self.settings.group_size
        groups = 1 if size == -1 else math.ceil(rows / size)
        held = (columns + 1) // 2 if self.settings.weight_bits == 4 else columns
        self.make(f"quantized_{self.name}", (held, rows), dtype="uint8", called=self.name)
        self.make(f"{self.name}_scale", (columns, groups), "ones")
        self.make(f"{self.name}_zero", (columns, groups), dtype="uint8")
        self.make_more(rows)
        self.make("g_idx", (rows,), dtype="float32")

    def make_more(self, rows: int) -> None:
        """Make what stands before `g_idx` in files."""

    def take_in(self, weight: Any) -> None:
        self.build()

    def calibrate(self, integers: Any, **others: Any) -> None:
        """Take the integers, of shape `(outputs, inputs)`, and the other values by their names, and give the float weight up."""
        integers = np.asarray(integers).astype("uint8")
        if self.settings.weight_bits == 4:
            integers = quantizers.pack_int4(integers, 0, "uint8")[0]
        self.assign({"quantized_{}": integers, **others})
        self.finish()

    def finish(self) -> None:
        """The integers are there: the float weight goes."""
        self.calibrated = True
        if self.stored is not None:
            self.layer.forget(self.stored)
            self.stored = None

    def value(self) -> Any:
        if not self.calibrated:
            return self.stored
        packed = self.variable("quantized_{}")
        return packed if self.settings.weight_bits != 4 else self.integers()

    def integers(self) -> jax.Array:
        packed = self.variable("quantized_{}").value
        if self.settings.weight_bits != 4:
            return packed
        return quantizers.unpack_int4(packed, self.matrix[1], 0, "uint8")

    def dense(self) -> jax.Array:
        if self.stored is not None and not self.calibrated:
            return self.stored.value
        scale, zero, groups = (self.variable(name).value for name in ("{}_scale", "{}_zero", "g_idx"))
        return self.restored(dequantize(self.integers(), scale, zero, groups, -1).T).reshape(self.layout.shape)

    def restored(self, matrix: jax.Array) -> jax.Array:
        """The weight, inputs by outputs, from what the integers stand for."""
        return matrix.astype(self.layer.compute_dtype)

    def product(self, function: Product, inputs: jax.Array, training: bool | None) -> jax.Array:
        if self.watch is not None:
            axes = [axis % inputs.ndim for axis in self.layout.input_axes]
            self.watch(jnp.moveaxis(inputs, axes, range(-len(axes), 0)).reshape(-1, self.matrix[0]))
        return function(inputs, self.dense())


class Awq(Gptq):
    """Integers of 4 bits of a weight whose inputs are scaled, so that important ones have finer steps."""

    mode = "awq"
    names = ("quantized_{}", "{}_scale", "{}_zero", "awq_scales", "g_idx")

    def make_more(self, rows: int) -> None:
        self.make("awq_scales", (rows,), "ones")

    def restored(self, matrix: jax.Array) -> jax.Array:
        return (matrix / jnp.expand_dims(self.layer.awq_scales.value, -1)).astype(self.layer.compute_dtype)
