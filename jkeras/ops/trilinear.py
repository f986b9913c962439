"""Convolutions and their derivatives, as three members of one trilinear form.

Let `x` be an input, `w` a kernel and `g` a weight for every output. With stride `s`, dilation `d` and `l` places of
padding before the first entry (per spatial axis, `n` counts examples, `c` and `o` input and output channels),

    T(x, w, g) = sum over n, p, k, c, o of  x[n, s p + d k - l, c] * w[k, c, o] * g[n, p, o]

where `x` is zero outside its bounds. `T` is linear in each argument. Its derivative with respect to one
argument is a bilinear function of the other two:

    without g:  the convolution of x by w               (the role "output")
    without x:  the gradient with respect to the input  (the role "input"), which is the transposed convolution
    without w:  the gradient with respect to the kernel (the role "kernel")

The derivative of one of these three functions is another one of the three. So one primitive with three
members is closed under forward and reverse differentiation, to any order, and under `vmap`; each member has a lowering of
its own per platform. On CPUs that is `jkeras.ops.convolution_cpu`; elsewhere it is XLA's convolution.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.interpreters import ad, batching, mlir

from jkeras.ops import convolution_cpu
from jkeras.ops.convolution_cpu import Axis
from jkeras.runtime.portable import PORTABLE

ROLES = ("input", "kernel", "output")  # of x, w and g


class Form(NamedTuple):
    """The constants of `T`: the spatial axes, and the number of groups of channels.

    With groups, the channels of `x` and the last axis of `w` and `g` are read as (groups, channels of a group), and
    group i of the output sees group i of the input. Shapes: `x` (n, *inputs, groups * c), `w` (*kernel, c, groups * o),
    `g` (n, *outputs, groups * o).
    """

    axes: tuple[Axis, ...]
    groups: int = 1


def convolve(x: Array, w: Array, form: Form) -> Array:
    """Compute the output of a convolution: `T` without `g`."""
    return _within_mesh(functools.partial(_bind, "output", form=form), x, w, examples=x)


def convolve_transposed(g: Array, w: Array, form: Form) -> Array:
    """Apply the transpose of `x -> convolve(x, w, form)` to `g`: `T` without `x`."""
    return _within_mesh(functools.partial(_bind, "input", form=form), w, g, examples=g)


def _bind(role: str, first: Array, second: Array, form: Form) -> Array:
    a, b = jax.typeof(first).mat.varying, jax.typeof(second).mat.varying
    if a != b:  # inside shard_map, both must vary over the same axes of the mesh
        first, second = (lax.pcast(v, tuple((a | b) - c), to="varying") for v, c in ((first, a), (second, b)))
    return _primitive().bind(first, second, role=role, form=form)


def _within_mesh(function: Callable, first: Array, second: Array, examples: Array) -> Array:
    """Set the sharding of the result to that of the examples where types carry shardings, and leave the rest to the
    compiler.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if not any(kind == jax.sharding.AxisType.Explicit for kind in mesh.axis_types):
        return function(first, second)
    spec = jax.sharding.PartitionSpec(jax.typeof(examples).sharding.spec[0])
    return jax.sharding.auto_axes(function, out_sharding=spec)(first, second)


# --- differentiation: a tangent or cotangent takes the place of the argument with its role


def _others(role: str) -> list[str]:
    return [r for r in ROLES if r != role]


def _transpose(position: int, cotangent: Array, first: Any, second: Any, *, role: str, form: Form) -> Array:
    wanted, kept = _others(role)[position], (second, first)[position]
    values = {role: cotangent, _others(role)[1 - position]: kept}
    first, second = (values[r] for r in _others(wanted))
    return _bind(wanted, first, second, form)


# --- vmap: the new axis joins the examples, the channels on one side, or the groups


def _batch(operands: Sequence[Array], dims: Sequence[int | None], *, role: str, form: Form) -> tuple[Array, int]:
    roles = _others(role)
    mapped = {r for r, dim in zip(roles, dims, strict=True) if dim is not None} | {role}
    size = next(a.shape[dim] for a, dim in zip(operands, dims, strict=True) if dim is not None)
    if mapped == {"input", "output"}:  # one kernel: more examples
        joins = {"input": (0, 1), "output": (0, 1)}
    elif mapped == {"input", "kernel"}:  # their products are summed: more input channels
        joins = {"input": (-1, form.groups), "kernel": (-2, 1)}
    elif mapped == {"kernel", "output"}:  # one input: more output channels
        joins = {"kernel": (-1, form.groups), "output": (-1, form.groups)}
    else:  # all separate: more groups
        joins = {"input": (-1, 1), "kernel": (-1, 1), "output": (-1, 1)}
        form = form._replace(groups=form.groups * size)
    first, second = (a if dim is None else _join(a, dim, *joins[r]) for a, dim, r in zip(operands, dims, roles, strict=True))
    return _split(_bind(role, first, second, form), size, *joins[role])


def _join(a: Array, dim: int, axis: int, outer: int) -> Array:
    """Read `axis` as (outer, the rest), move the mapped axis `dim` between the two, and merge the three."""
    a = jnp.moveaxis(a, dim, 0)
    size, *shape = a.shape
    axis %= len(shape)
    a = a.reshape(size, *shape[:axis], outer, shape[axis] // outer, *shape[axis + 1 :])
    return jnp.moveaxis(a, 0, axis + 1).reshape(*shape[:axis], size * shape[axis], *shape[axis + 1 :])


def _split(a: Array, size: int, axis: int, outer: int) -> tuple[Array, int]:
    """Undo `_join`, with the mapped axis in front."""
    shape = list(a.shape)
    axis %= len(shape)
    shape[axis] //= size
    a = a.reshape(*shape[:axis], outer, size, shape[axis] // outer, *shape[axis + 1 :])
    return jnp.moveaxis(a, axis + 1, 0).reshape(size, *shape), 0


# --- lowering


def _xla(*operands: Array, role: str, form: Form) -> Array:
    """XLA's own convolution and its transposes."""

    def convolution(x: Array, w: Array) -> Array:
        spatial = "DHW"[5 - x.ndim :]
        return lax.conv_general_dilated(
            x,
            w,
            [axis.stride for axis in form.axes],
            [(axis.low, axis.high) for axis in form.axes],
            rhs_dilation=[axis.dilation for axis in form.axes],
            dimension_numbers=(f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"),
            feature_group_count=form.groups,
        )

    first, second = operands
    if role == "output":
        return convolution(first, second)
    if role == "input":
        channels = first.shape[-2] * form.groups
        x = jax.ShapeDtypeStruct((second.shape[0], *(axis.inputs for axis in form.axes), channels), second.dtype)
        return jax.linear_transpose(lambda x: convolution(x, first), x)(second)[0]
    channels = first.shape[-1] // form.groups
    w = jax.ShapeDtypeStruct((*(axis.kernel for axis in form.axes), channels, second.shape[-1]), second.dtype)
    return jax.linear_transpose(lambda w: convolution(first, w), w)(second)[0]


def _cpu(*operands: Array, role: str, form: Form) -> Array:
    empty = 0 in operands[0].shape + operands[1].shape or any(axis.outputs == 0 for axis in form.axes)
    if empty or not jnp.issubdtype(operands[0].dtype, jnp.floating):
        return _xla(*operands, role=role, form=form)
    return convolution_cpu.compute(role, operands, form.axes, form.groups)


def _type(first: Any, second: Any, *, role: str, form: Form) -> Any:
    if role == "output":
        shape = (first.shape[0], *(axis.outputs for axis in form.axes), second.shape[-1])
    elif role == "input":
        shape = (second.shape[0], *(axis.inputs for axis in form.axes), first.shape[-2] * form.groups)
    else:
        shape = (*(axis.kernel for axis in form.axes), first.shape[-1] // form.groups, second.shape[-1])
    return first.update(shape=shape, weak_type=False)


@functools.partial(jax.jit, static_argnames=("role", "form"))
def _eager(*operands: Array, role: str, form: Form) -> Array:
    return _primitive().bind(*operands, role=role, form=form)


@functools.cache
def _primitive() -> Any:
    from jax.extend.core import Primitive  # here, because jax.extend takes 20 ms to import

    primitive = Primitive("trilinear_convolution")
    primitive.def_impl(_eager)
    primitive.def_abstract_eval(_type)
    ad.defbilinear(primitive, functools.partial(_transpose, 0), functools.partial(_transpose, 1))
    batching.primitive_batchers[primitive] = _batch
    mlir.register_lowering(primitive, mlir.lower_fun(_xla, multiple_results=False))
    mlir.register_lowering(primitive, mlir.lower_fun(_cpu, multiple_results=False), platform="cpu")
    PORTABLE[primitive.name] = _xla
    return primitive
