"""Convolutions on CPUs: the three members of `jkeras.ops.trilinear`, each by the fastest method for its shape.

XLA:CPU has fast code for convolutions in one layout (inputs NHWC, kernels HWIO), and brings them into that layout only in
the outermost computation of a program. In the body of a loop, such as a training loop, a gradient keeps the layout that
differentiation gave it and is computed element by element: the kernel's gradient of a 3x3 convolution,
128x13x13x32 -> 64, took 15 ms outside a loop and 396 ms inside; at 32x14x14x256 -> 256 it took 53 s. Hence:

**XLA's convolution**, with the gradients written in the fast layout: both are convolutions themselves. XLA's own code for it
runs on all cores. By default XLA gives most of them to a library instead (YNNPACK), which runs all but large ones on one core:
the output of 128x13x13x32 -> 64 takes 2.5 ms without and 6.7 with it, the kernel's gradient 4.6 and 6.5. So programs that
are lowered in the context `all_cores` of `runtime/compiler_options.py` leave the library out. All programs of
jkeras are. The programs of users' own `jax.jit` use the library.

**Patches times a matrix.** Cut the input into one patch per output, each a row of `kernel size * channels` numbers
(im2col). Then, with the kernel as a matrix of as many rows,

    output = patches @ kernel      kernel's gradient = patches.T @ gradient

and the input's gradient puts the rows of `gradient @ kernel.T` back to where their patches were cut, adding where they
overlap (col2im). Patches are `kernel size` times as large as the input, so they are made for a few examples at a time. Then
they stay in the cache, and the output of the example above takes 5.0 ms instead of 10.3. Examples that are divided between devices
are taken at once, because a loop over them would bring all of them to every device.

**Shifted copies.** A convolution of single channels is the sum of as many shifted and scaled copies of the input as the
kernel has entries, which XLA fuses into one pass over memory. This is for depthwise convolutions.

`_method` chooses the method. All times are of float32 in a loop on 2 cores; `benchmarks/convolution.py` measures the alternatives.
"""

import itertools
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from jkeras.ops.ranks import multiply
from jkeras.runtime.compiler_options import has_all_cores
from jkeras.runtime.mesh import may_divide

LARGE = 10**8  # multiplications
CHUNK = 4 * 2**20  # bytes of patches at a time, where they are cut; each is written twice before it is multiplied
PRODUCT = 20 * 2**20  # bytes of patches at a time, where they come from a product: one pass with all cores adds them up


class Axis(NamedTuple):
    """A spatial axis: output `p` sees, through entry `k` of the kernel, input `stride * p + dilation * k - low`."""

    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    low: int = 0  # the padding before the first input

    @property
    def reach(self) -> int:
        """The number of inputs from the first to the last that an output sees."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def high(self) -> int:
        """The padding after the last input; negative if inputs are left over."""
        return (self.outputs - 1) * self.stride + self.reach - self.inputs - self.low


Axes = tuple[Axis, ...]


def compute(role: str, operands: Sequence[Array], axes: Axes, groups: int, method: str | None = None) -> Array:
    """Leave out the argument `role` of the trilinear form: `"output"` of (x, w), `"input"` of (w, g), `"kernel"` of (x, g).

    `method` is one of the keys of `METHODS[role]`; None for the one that suits the shapes.
    """
    dtype = operands[0].dtype
    if dtype.itemsize < 4:  # sums over patches need more digits; XLA's convolutions on CPU do the same
        operands = [a.astype(jnp.float32) for a in operands]
    if groups == 1:
        method = method or _method(role, operands, axes)
        result = METHODS[role][method](*operands, axes)
    else:
        result = _grouped(role, operands, axes, groups, method)
    return result.astype(dtype)


def _method(role: str, operands: Sequence[Array], axes: Axes) -> str:
    """The ratios (patches / XLA's) are of times by the clock on two cores."""
    first, second = operands  # they start with the kernel or the input
    channels, filters = first.shape[-2 if role == "input" else -1], second.shape[-1]
    entries = math.prod(axis.kernel for axis in axes)
    if entries == 1:
        return "patches"  # a plain matrix product: 0.3 to 1
    if not all(isinstance(n, int) for n in (*first.shape, *second.shape)):
        return "xla"  # a program for any number of rows, which cannot be taken a few at a time
    if len(axes) == 3:
        return "patches"  # 0.02 to 0.8
    if has_all_cores():
        return _all_cores_method(role, channels, entries, axes)
    if role == "kernel":
        return "patches" if channels == 1 or channels > 128 else "xla"  # 0.5 to 0.9; otherwise 0.9 to 2
    if channels <= 4 and (role == "input" or (channels > 1 and entries <= 9)):
        return "patches"  # 0.2 to 1
    if channels == 1 or entries > 9 or max(channels, filters) <= 16:
        return "xla"  # 1.1 to 3: a large kernel makes many patches; few channels keep XLA's own code, with all cores
    if role == "input":
        return "patches"  # 0.5 to 0.9
    padded = any(axis.low > 0 or axis.high > 0 for axis in axes)
    products = second.size * first.shape[0] * math.prod(axis.outputs for axis in axes)
    return "xla" if padded and products < LARGE else "patches"  # 0.8 to 1.3; 0.5 to 0.9


def _all_cores_method(role: str, channels: int, entries: int, axes: Axes) -> str:
    if role == "kernel":
        return "patches" if channels == 1 else "xla"  # 0.8 to 1.3; otherwise 1 to 3
    if role == "output":
        return "patches" if channels <= 4 and entries <= 9 else "xla"  # 0.6 to 1; otherwise 1 to 3
    if len(axes) == 1 or channels <= 4:
        return "patches"  # 0.2 to 1.1
    # Patches are as many as outputs, places of XLA's kernel as many as inputs, the zeros of a stride included.
    places = math.prod(axis.inputs for axis in axes) / math.prod(axis.outputs for axis in axes)
    return "patches" if places > 1.2 else "xla"  # 0.4 to 1; otherwise 1 to 2.6


# --- patches


def _offsets(axes: Axes) -> Iterator[tuple[int, ...]]:
    return itertools.product(*(range(axis.kernel) for axis in axes))


def _views(x: Array, axes: Axes) -> list[Array]:
    """Per entry of the kernel the inputs it meets: arrays `(n, *outputs, channels)`."""
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *((axis.low, axis.high, 0) for axis in axes), (0, 0, 0)])
    views = []
    for offset in _offsets(axes):
        starts = [axis.dilation * k for axis, k in zip(axes, offset, strict=True)]
        stops = [start + (axis.outputs - 1) * axis.stride + 1 for axis, start in zip(axes, starts, strict=True)]
        strides = [axis.stride for axis in axes]
        views.append(lax.slice(x, (0, *starts, 0), (x.shape[0], *stops, x.shape[-1]), (1, *strides, 1)))
    return views


def _put_back(views: Iterable[Array], axes: Axes) -> Array:
    """The transpose of `_views`: add up, at each input, the entries of the views that meet it."""

    def place(view: Array, offset: tuple[int, ...]) -> Array:
        lows = [axis.dilation * k - axis.low for axis, k in zip(axes, offset, strict=True)]
        ends = [low + (axis.outputs - 1) * axis.stride + 1 for axis, low in zip(axes, lows, strict=True)]
        pads = [(low, axis.inputs - end, axis.stride - 1) for axis, low, end in zip(axes, lows, ends, strict=True)]
        return lax.pad(view, jnp.zeros((), view.dtype), [(0, 0, 0), *pads, (0, 0, 0)])

    return sum(place(view, offset) for view, offset in zip(views, _offsets(axes), strict=True))  # type: ignore[return-value]


def _rows(a: Array) -> Array:
    return a.reshape(-1, a.shape[-1])


def _by_examples(f: Callable, batched: Sequence[Array], size: int, total: bool) -> Array:
    """`f` of `size` examples at a time: the sum of its results if `total`, otherwise all of them in a row."""
    n = batched[0].shape[0]
    if not isinstance(n, int) or size >= n or may_divide():
        return f(*batched)

    def include(start: Array | int, size: int, result: Array) -> Array:
        part = f(*(lax.dynamic_slice_in_dim(a, start, size) for a in batched))
        return result + part if total else lax.dynamic_update_slice_in_dim(result, part, start, 0)

    result = jax.eval_shape(f, *batched)
    result = jnp.zeros(result.shape, result.dtype)
    result = lax.fori_loop(0, n // size, lambda i, result: include(i * size, size, result), result)
    return include(n - n % size, n % size, result) if n % size else result


def _examples(x_channels: int, axes: Axes, itemsize: int, nbytes: int = CHUNK) -> int:
    """Return the number of examples whose patches take `nbytes`."""
    if all(axis.kernel == 1 for axis in axes) or not all(isinstance(axis.outputs, int) for axis in axes):
        return sys.maxsize  # the patches are the input itself; or there are as many as there will be places
    return math.ceil(nbytes / (x_channels * itemsize * math.prod(axis.kernel * axis.outputs for axis in axes)))


def _patches_output(x: Array, w: Array, axes: Axes) -> Array:
    def some(x: Array) -> Array:
        patches = jnp.concatenate(_views(x, axes), axis=-1)
        return (_rows(patches) @ _rows(w)).reshape(*patches.shape[:-1], -1)

    return _by_examples(some, [x], _examples(x.shape[-1], axes, x.itemsize), total=False)


def _patches_input(w: Array, g: Array, axes: Axes) -> Array:
    def some(g: Array) -> Array:
        patches = (_rows(g) @ _rows(w).T).reshape(*g.shape[:-1], -1)
        return _put_back(jnp.split(patches, patches.shape[-1] // w.shape[-2], axis=-1), axes)

    return _by_examples(some, [g], _examples(w.shape[-2], axes, g.itemsize, PRODUCT), total=False)


def _patches_kernel(x: Array, g: Array, axes: Axes) -> Array:
    def some(x: Array, g: Array) -> Array:
        return _rows(jnp.concatenate(_views(x, axes), axis=-1)).T @ _rows(g)

    matrix = _by_examples(some, [x, g], _examples(x.shape[-1], axes, x.itemsize), total=True)
    return matrix.reshape(*(axis.kernel for axis in axes), x.shape[-1], -1)


# --- XLA's convolutions


def _xla(x: Array, w: Array, pads: Sequence, strides: Sequence, dilations: Sequence, gaps: Sequence) -> Array:
    """`gaps`: one more than the zeros between neighbours in `x`."""
    if x.ndim == 3:  # the library knows two spatial axes only: 0.7 of the time
        return _xla(x[:, None], w[None], [(0, 0), *pads], [1, *strides], [1, *dilations], [1, *gaps])[:, 0]
    spatial = "DHW"[5 - x.ndim :]
    layout = (f"N{spatial}C", f"{spatial}IO", f"N{spatial}C")
    return lax.conv_general_dilated(x, w, strides, pads, gaps, dilations, layout)


def _xla_output(x: Array, w: Array, axes: Axes) -> Array:
    pads = [(axis.low, axis.high) for axis in axes]
    strides, dilations = [axis.stride for axis in axes], [axis.dilation for axis in axes]
    return _xla(x, w, pads, strides, dilations, [1] * len(axes))


def _xla_input(w: Array, g: Array, axes: Axes) -> Array:
    """The mirrored kernel slides over the gradient, which has `stride - 1` zeros between its entries."""
    mirrored = lax.rev(w, range(len(axes))).swapaxes(-1, -2)
    pads = [(axis.reach - 1 - axis.low, axis.reach - 1 - axis.high) for axis in axes]
    dilations, strides = [axis.dilation for axis in axes], [axis.stride for axis in axes]
    return _xla(g, mirrored, pads, [1] * len(axes), dilations, strides)


def _xla_kernel(x: Array, g: Array, axes: Axes) -> Array:
    """The gradient slides over the input, with examples for input channels and input channels for examples."""
    pads = [(axis.low, axis.high) for axis in axes]
    strides, dilations = [axis.stride for axis in axes], [axis.dilation for axis in axes]

    def some(x: Array, g: Array) -> Array:
        x, g = lax.transpose(x, (x.ndim - 1, *range(1, x.ndim - 1), 0)), jnp.moveaxis(g, 0, -2)
        return jnp.moveaxis(_xla(x, g, pads, dilations, strides, [1] * len(axes)), 0, -2)

    if has_all_cores():
        return some(x, g)
    # Of 128 examples at once the library takes 13 ms; of 32 at a time 8.0, of 8 at a time 6.7. It wants more than 16 of something.
    return _by_examples(some, [x, g], 8 if g.shape[-1] > 16 else 32, total=True)


# --- shifted copies, of which each sees one channel: x (n, *inputs, channels), w (*kernel, channels), g (n, *outputs, channels)


def _shifts_output(x: Array, w: Array, axes: Axes) -> Array:
    return sum(multiply(view, w[offset]) for view, offset in zip(_views(x, axes), _offsets(axes), strict=True))  # type: ignore


def _shifts_input(w: Array, g: Array, axes: Axes) -> Array:
    return _put_back((multiply(g, w[offset]) for offset in _offsets(axes)), axes)


def _shifts_kernel(x: Array, g: Array, axes: Axes) -> Array:
    def some(x: Array, g: Array) -> Array:
        products = [_rows(view * g) for view in _views(x, axes)]
        ones = jnp.ones((1, products[0].shape[0]), x.dtype)
        return jnp.concatenate([ones @ product for product in products])  # XLA's own sums: 1.5 to 10 times as long

    sums = _by_examples(some, [x, g], _examples(x.shape[-1], axes, x.itemsize), total=True)
    return sums.reshape(*(axis.kernel for axis in axes), -1)


METHODS: dict[str, dict[str, Callable]] = {
    "output": {"xla": _xla_output, "patches": _patches_output},
    "input": {"xla": _xla_input, "patches": _patches_input},
    "kernel": {"xla": _xla_kernel, "patches": _patches_kernel},
}


# --- groups of channels


def _grouped(role: str, operands: Sequence[Array], axes: Axes, groups: int, method: str | None) -> Array:
    channels = operands[0].shape[-2] if role == "input" else operands[0].shape[-1] // groups
    first, second = (a.reshape(*a.shape[:-1], groups, -1) for a in operands)
    if channels == 1 and second.shape[-1] <= 4:
        result = _depthwise(role, first, second, axes)
    else:  # one group after the other: 32 groups of 4 take 0.1 to 0.6 of what XLA's own groups take
        parts = [jnp.moveaxis(a, -2, 0) for a in (first, second)]
        result = jnp.moveaxis(lax.map(lambda part: compute(role, part, axes, 1, method), parts), 0, -2)
    return result.reshape(*result.shape[:-2], -1)


def _depthwise(role: str, first: Array, second: Array, axes: Axes) -> Array:
    """Groups of one channel, each with a few kernels. In a loop XLA's own take 40 (output) to 180 (kernel) times as long."""
    multiplier = range(second.shape[-1])
    if role == "output":
        x, w = first[..., 0], second[..., 0, :, :]
        return jnp.stack([_shifts_output(x, w[..., m], axes) for m in multiplier], axis=-1)
    if role == "input":
        w, g = first[..., 0, :, :], second
        return sum(_shifts_input(w[..., m], g[..., m], axes) for m in multiplier)[..., None]  # type: ignore[index]
    x, g = first[..., 0], second
    return jnp.stack([_shifts_kernel(x, g[..., m], axes) for m in multiplier], axis=-1)[..., None, :, :]
