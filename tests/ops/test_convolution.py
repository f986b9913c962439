"""Convolutions: values and derivatives against `lax.conv_general_dilated` and Keras, by every method of the CPU lowering."""

import contextlib
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from jkeras import ops
from jkeras.ops import convolution_cpu
from jkeras.ops.convolution_cpu import Axis
from jkeras.ops.trilinear import ROLES, Form, _xla, convolve
from jkeras.runtime import compiler_options
from jkeras.runtime.executables import CompiledOnce
from tests.oracle import assert_close, keras

close = functools.partial(assert_close, rtol=2e-5)


def normal(*shape, seed=0, dtype="float32"):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def reference(x, w, form):
    return _xla(x, w, role="output", form=form)


# (input size, kernel, strides, padding, dilation, in, out, groups)
CONVOLUTIONS = {
    "1d": ((9,), (3,), 1, "valid", 1, 2, 3, 1),
    "1d strided": ((10,), (4,), 3, "same", 1, 3, 2, 1),
    "1d dilated": ((11,), (3,), 1, "same", 3, 2, 2, 1),
    "2d": ((6, 5), (3, 2), 1, "valid", 1, 3, 4, 1),
    "2d of one channel": ((6, 5), (3, 3), 1, "same", 1, 1, 4, 1),
    "2d of many channels": ((5, 6), (3, 3), 1, "same", 1, 6, 5, 1),
    "2d strided": ((7, 8), (3, 3), (2, 3), "same", 1, 5, 4, 1),
    "2d that leaves inputs over": ((8, 8), (2, 3), 3, "valid", 1, 2, 4, 1),
    "2d dilated": ((8, 7), (3, 2), 1, "same", (2, 3), 5, 2, 1),
    "2d strided and dilated": ((9, 9), (3, 2), 2, "valid", 2, 2, 3, 1),
    "2d pointwise": ((4, 5), (1, 1), 1, "valid", 1, 3, 4, 1),
    "2d pointwise strided": ((4, 5), (1, 1), 2, "same", 1, 3, 4, 1),
    "2d grouped": ((6, 5), (3, 2), 1, "same", 1, 4, 6, 2),
    "2d depthwise": ((6, 5), (3, 3), (1, 2), "same", 1, 3, 6, 3),
    "2d of single channels with many kernels": ((6, 5), (3, 3), 1, "valid", 1, 2, 12, 2),
    "3d": ((4, 5, 4), (2, 3, 2), (1, 2, 1), "same", 1, 2, 3, 1),
}


@pytest.mark.parametrize("case", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_values_and_gradients_are_keras(case):
    size, kernel, strides, padding, dilation, channels, filters, groups = case
    x, w = normal(3, *size, channels), normal(*kernel, channels // groups, filters, seed=1)
    arguments = {"strides": strides, "padding": padding, "dilation_rate": dilation}

    def evaluate(conv):
        def loss(x, w):
            y = conv(x, w, **arguments)
            return (y * jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)).sum(), y

        return jax.jit(jax.grad(loss, (0, 1), has_aux=True))(x, w)

    close(evaluate(ops.conv), evaluate(keras.ops.conv))
    first = jnp.moveaxis(x, -1, 1)
    close(ops.conv(first, w, data_format="channels_first", **arguments), jnp.moveaxis(ops.conv(x, w, **arguments), -1, 1))


def form_of(case):
    """The form that `ops.conv` makes of its arguments."""
    size, kernel, strides, padding, dilation, channels, filters, groups = case
    args = (
        jax.ShapeDtypeStruct((3, *size, channels), "float32"),
        jax.ShapeDtypeStruct((*kernel, channels // groups, filters), "float32"),
    )
    jaxpr = jax.make_jaxpr(lambda x, w: ops.conv(x, w, strides, padding, dilation_rate=dilation))(*args)
    return jaxpr.eqns[-1].params["form"]


def arguments_of(form, channels, filters, n=3, dtype="float32"):
    x = normal(n, *(axis.inputs for axis in form.axes), channels, dtype=dtype)
    w = normal(*(axis.kernel for axis in form.axes), channels // form.groups, filters, seed=1, dtype=dtype)
    g = normal(n, *(axis.outputs for axis in form.axes), filters, seed=2, dtype=dtype)
    return dict(zip(ROLES, (x, w, g), strict=True))


def check_methods(form, channels, filters, n=3):
    """Every role by every method against XLA's, in one compiled program with the library's convolutions, and in one without."""

    def evaluate(values):
        expected, results = {}, {}
        for role in ROLES:
            operands = [values[r] for r in ROLES if r != role]
            expected[role] = _xla(*operands, role=role, form=form)
            for method in ["chosen", *convolution_cpu.METHODS[role]]:
                named = None if method == "chosen" else method
                results[role, method] = convolution_cpu.compute(role, operands, form.axes, form.groups, named)
        return expected, results

    values = arguments_of(form, channels, filters, n)
    for context, options in ((contextlib.nullcontext, {}), (compiler_options.all_cores, compiler_options.ALL_CORES)):
        with context():
            lowered = jax.jit(functools.partial(evaluate)).lower(values)  # another function each time: traces are kept
        expected, results = lowered.compile(options)(values)
        for (role, method), result in results.items():
            close(result, expected[role], err_msg=f"{role} by {method}")


@pytest.mark.parametrize("case", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_methods_agree(case):
    check_methods(form_of(case), case[5], case[6])


@pytest.mark.parametrize("name", ["1d strided", "2d of many channels", "2d grouped", "2d depthwise", "3d"])
def test_chunks_of_examples_agree(name, monkeypatch):
    case = CONVOLUTIONS[name]
    for constant in ("CHUNK", "PRODUCT"):
        monkeypatch.setattr(convolution_cpu, constant, 4 * 2 * case[5] * int(np.prod(case[0])) * int(np.prod(case[1])))
    check_methods(form_of(case), case[5], case[6], n=35)  # 35: more than 32, and a chunk is not full


def test_programs_of_training_leave_the_library_out():
    case = CONVOLUTIONS["2d of many channels"]
    size, kernel, strides, padding, _, channels, _, _ = case
    function = functools.partial(ops.conv, strides=strides, padding=padding)
    x, w = normal(32, *size, channels), normal(*kernel, channels, 32, seed=1)
    with_library = jax.jit(function).lower(x, w).compile().as_text()
    without = CompiledOnce(function).prepare(x, w).as_text()
    assert "ynn" in with_library and "ynn" not in without
    assert not compiler_options.has_all_cores()


axis_strategy = st.builds(
    lambda inputs, kernel, stride, dilation, low, less: (inputs, kernel, stride, dilation, low, less),
    *(st.integers(1, 7), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 3), st.integers(-1, 2)),
)


@settings(max_examples=8, deadline=None)
@given(st.lists(axis_strategy, min_size=1, max_size=2), st.integers(1, 5), st.integers(1, 3))
def test_methods_agree_on_any_geometry(axes, channels, filters):
    def axis(inputs, kernel, stride, dilation, low, less):
        reach = (kernel - 1) * dilation + 1
        low = min(low, reach - 1)
        outputs = max(1, (inputs + 2 * low - reach) // stride + 1 - less)
        return Axis(inputs, outputs, kernel, stride, dilation, low)

    check_methods(Form(tuple(axis(*a) for a in axes)), channels, filters, n=2)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision(dtype):
    form = form_of(CONVOLUTIONS["2d of many channels"])
    half, single = arguments_of(form, 6, 5, dtype=dtype), arguments_of(form, 6, 5)
    for role in ROLES:
        operands = [r for r in ROLES if r != role]
        result = convolution_cpu.compute(role, [half[r] for r in operands], form.axes, 1)
        assert result.dtype == dtype
        assert_close(result, convolution_cpu.compute(role, [single[r] for r in operands], form.axes, 1), rtol=2e-2)
    y, gradient = jax.value_and_grad(lambda x: ops.conv(x, half["kernel"], padding="same").sum())(half["input"])
    assert y.dtype == gradient.dtype == dtype


def test_integers():
    x, w = jnp.arange(12).reshape(1, 4, 3), jnp.ones((2, 3, 1), "int32")
    assert ops.conv(x, w)[0, :, 0].tolist() == [15, 33, 51]
    assert ops.conv(x, w.astype("float32")).dtype == "float32"


def test_empty():
    w = jnp.ones((3, 2, 1))
    assert ops.conv(jnp.ones((1, 2, 2)), w).shape == (1, 0, 1)
    assert ops.conv(jnp.ones((0, 5, 2)), w, strides=2).shape == (0, 2, 1)
    assert jax.grad(lambda w: ops.conv(jnp.ones((0, 5, 2)), w).sum())(w).sum() == 0


# --- transformations

GROUPS = {1: (4, 3), 2: (4, 6)}


def both(groups, transform, *args):
    channels, filters = GROUPS[groups]
    form = Form((Axis(5, 3, 3, 2, 1, 1), Axis(4, 3, 2)), groups)
    values = arguments_of(form, channels, filters, n=2)
    arguments = values["input"], values["kernel"]
    return [transform(functools.partial(f, form=form))(*arguments, *args) for f in (convolve, reference)]


@pytest.mark.parametrize("groups", GROUPS)
def test_second_derivatives(groups):
    def hessian_product(conv):
        def loss(x, w):
            return jnp.sin(conv(x, w)).sum()

        def product(x, w):
            return jax.jvp(jax.grad(loss, (0, 1)), (x, w), (jnp.cos(x), jnp.sin(w)))[1]

        return jax.jit(product)

    close(*both(groups, hessian_product))


def test_reverse_over_reverse():
    def penalty(conv):
        def slope(x, w):
            return (jax.grad(lambda x: jnp.sin(conv(x, w)).sum())(x) ** 2).sum()

        return jax.jit(jax.grad(slope, (0, 1)))

    close(*both(1, penalty))


def test_forward_mode():
    close(*both(1, lambda conv: lambda x, w: jax.jvp(conv, (x, w), (x + 1, w - 1))))


@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("mapped", [(0, None), (None, 1), (1, 0)])
def test_vmap_of_values_and_gradients(groups, mapped):
    def batched(conv):
        def gradients(x, w):
            y, pull = jax.vjp(conv, x, w)
            return y, pull(jnp.sin(y))

        many = jax.jit(jax.vmap(gradients, mapped))
        return lambda x, w: many(
            *(a if at is None else jnp.stack([a, a + 1, -a], at) for a, at in zip((x, w), mapped, strict=True))
        )

    close(*both(groups, batched))


def test_vmap_of_an_ensemble_inside_a_loop():
    def trained(conv):
        def loss(w, x):
            return (conv(x, w) ** 2).mean()

        def train(x, w):
            return lax.fori_loop(0, 3, lambda i, w: w - 0.1 * jax.grad(loss)(w, x), w)

        return jax.jit(lambda x, w: jax.vmap(train, (None, 0))(x, jnp.stack([w, 2 * w])))

    close(*both(1, trained))


def test_within_shard_map():
    def split(conv):
        mesh = jax.make_mesh((1,), ("devices",), axis_types=(jax.sharding.AxisType.Auto,))
        here, everywhere = jax.sharding.PartitionSpec("devices"), jax.sharding.PartitionSpec()

        def gradient(x, w):
            return jax.grad(lambda w: (conv(x, w) ** 2).sum())(w)

        return jax.jit(jax.shard_map(gradient, mesh=mesh, in_specs=(here, everywhere), out_specs=everywhere))

    close(*both(1, split))


def test_with_explicit_shardings():
    def sharded(conv):
        mesh = jax.make_mesh((1,), ("devices",), axis_types=(jax.sharding.AxisType.Explicit,))

        def gradient(x, w):
            with jax.set_mesh(mesh):
                specs = jax.sharding.PartitionSpec("devices"), jax.sharding.PartitionSpec()
                x, w = (
                    jax.device_put(a, jax.sharding.NamedSharding(mesh, spec)) for a, spec in zip((x, w), specs, strict=True)
                )
                return jax.jit(jax.grad(lambda w: (conv(x, w) ** 2).sum()))(w)

        return gradient

    close(*both(1, sharded))


def test_other_platforms_get_xlas_convolution():
    x, w = normal(2, 5, 5, 4), normal(3, 3, 4, 2)
    text = {p: jax.export.export(jax.jit(ops.conv), platforms=[p])(x, w).mlir_module() for p in ("cuda", "tpu", "cpu")}
    assert "stablehlo.convolution" in text["cuda"] and "stablehlo.convolution" in text["tpu"]
    assert "stablehlo.convolution" not in text["cpu"]


# --- the other operations


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("multiplier", [1, 2, 5])
def test_depthwise_is_keras(rank, multiplier):
    x, w = normal(2, *(6, 7)[:rank], 3), normal(*(3, 2)[:rank], 3, multiplier, seed=1)
    for arguments in ({"strides": 2, "padding": "same"}, {"dilation_rate": 2}):
        evaluate = [
            jax.jit(jax.grad(lambda x, w, f=f: jnp.sin(f(x, w, **arguments)).sum(), (0, 1)))(x, w)  # noqa: B023
            for f in (ops.depthwise_conv, keras.ops.depthwise_conv)
        ]
        close(*evaluate)
        close(ops.depthwise_conv(x, w, **arguments), keras.ops.depthwise_conv(x, w, **arguments))


def test_separable_is_keras():
    x, depthwise, pointwise = normal(2, 6, 7, 3), normal(3, 2, 3, 2), normal(1, 1, 6, 4)
    arguments = {"strides": 2, "padding": "same"}
    close(
        ops.separable_conv(x, depthwise, pointwise, **arguments),
        keras.ops.separable_conv(x, depthwise, pointwise, **arguments),
    )


@settings(max_examples=30, deadline=None)
@given(
    *(st.integers(1, 6), st.integers(1, 5), st.integers(1, 4), st.sampled_from(["valid", "same"])),
    *(st.sampled_from([None, 0, 1, 2]), st.integers(1, 3)),
)
def test_transposed_is_keras(places, kernel, stride, padding, output_padding, dilation):
    x, w = normal(2, places, 3), normal(kernel, 4, 3)
    arguments = (stride, padding, output_padding, None, dilation)
    close(ops.conv_transpose(x, w, *arguments), keras.ops.conv_transpose(x, w, *arguments))


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_transposed_gradients_are_keras(padding):
    x, w = normal(2, 4, 3, 3), normal(3, 2, 4, 3)

    def gradients(f):
        return jax.jit(jax.grad(lambda x, w: jnp.sin(f(x, w, (2, 1), padding)).sum(), (0, 1)))(x, w)

    close(gradients(ops.conv_transpose), gradients(keras.ops.conv_transpose))
    first = ops.conv_transpose(jnp.moveaxis(x, -1, 1), w, 2, padding, data_format="channels_first")
    close(jnp.moveaxis(first, 1, -1), ops.conv_transpose(x, w, 2, padding))


def test_transposed_is_the_transpose():
    x, w = normal(1, 7, 6, 2), normal(3, 3, 2, 5, seed=1)
    y = ops.conv(x, w, padding="same")
    g = normal(*y.shape, seed=2)
    close(jnp.vdot(y, g), jnp.vdot(x, ops.conv_transpose(g, w, padding="same")), rtol=1e-4)


def test_errors():
    x, w = jnp.ones((1, 5, 5, 4)), jnp.ones((3, 3, 3, 2))
    with pytest.raises(ValueError, match="channels"):
        ops.conv(x, w)
    with pytest.raises(ValueError, match="channels"):
        ops.conv_transpose(x, w)
    with pytest.raises(ValueError, match="strides must be an integer or 2"):
        ops.conv(x[..., 1:], w, strides=(1, 2, 3))
    with pytest.raises(ValueError, match=r"conv\(\) needs padding=.valid. or .same., got padding=.full."):
        ops.conv(x[..., 1:], w, padding="full")
    for f in (ops.conv, ops.conv_transpose):
        with pytest.raises(ValueError, match="one axis each for"):
            f(x, w[0])
