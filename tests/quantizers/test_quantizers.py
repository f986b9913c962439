"""Quantizers compute Keras's numbers, on the device and on the host."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jkeras
from jkeras import quantizers
from jkeras.quantizers.config import resolve
from jkeras.quantizers.zero_point import dequantize
from tests.oracle import assert_close, keras

X = np.random.default_rng(0).normal(size=(6, 5)).astype("float32")


@pytest.mark.parametrize("to_numpy", [False, True])
@pytest.mark.parametrize("axis", [0, -1, (0, 1)])
def test_abs_max_quantize(axis, to_numpy):
    ours = quantizers.abs_max_quantize(X, axis, to_numpy=to_numpy)
    theirs = keras.quantizers.abs_max_quantize(X, axis, to_numpy=to_numpy)
    assert ours[0].dtype == "int8"
    np.testing.assert_array_equal(ours[0], theirs[0])
    assert_close(ours[1], theirs[1])


@pytest.mark.parametrize("to_numpy", [False, True])
@pytest.mark.parametrize("block", [4, 8])
def test_groups_with_zero_points(block, to_numpy):
    ours = quantizers.abs_max_quantize_grouped_with_zero_point(X, block, to_numpy=to_numpy)
    theirs = keras.quantizers.abs_max_quantize_grouped_with_zero_point(X, block, to_numpy=True)
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        assert_close(a, b, rtol=1e-5)


def test_groups_on_one_side_of_zero():
    """Keras cuts the zero point off there, and with it the numbers."""
    integers, scale, zero = quantizers.abs_max_quantize_grouped_with_zero_point(X, 2)
    error = np.abs(dequantize(integers, scale, zero, jnp.arange(6.0) // 2, 0) - X)
    assert (error <= np.repeat(scale, 2, axis=0) * 0.51).all()


@pytest.mark.parametrize("value", [0.0, 0.5, -2.0])
def test_a_group_of_equal_numbers_keeps_its_value(value):
    integers, scale, zero = quantizers.abs_max_quantize_grouped_with_zero_point(np.full((4, 1), value, "float32"), 4)
    assert_close(dequantize(integers, scale, zero, jnp.zeros(4), 0), np.full((4, 1), value), rtol=1e-6)


@pytest.mark.parametrize("dtype,low,high", [("int8", -8, 8), ("uint8", 0, 16)])
@pytest.mark.parametrize("shape,axis", [((5, 4), 0), ((4, 3), 1), ((2, 3, 5), -1), ((3, 2, 2), 1)])
def test_two_in_a_byte(shape, axis, dtype, low, high):
    x = np.random.default_rng(1).integers(low, high, shape).astype(dtype)
    packed, size, length = quantizers.pack_int4(x, axis, dtype)
    theirs = keras.quantizers.pack_int4(x, axis, dtype)
    np.testing.assert_array_equal(packed, theirs[0])
    assert (size, length) == (theirs[1], theirs[2])
    np.testing.assert_array_equal(quantizers.unpack_int4(packed, length, axis, dtype), x)


def test_what_cannot_be_packed():
    with pytest.raises(ValueError, match="'int8' or 'uint8'"):
        quantizers.pack_int4(np.zeros(2, "int8"), dtype="int4")
    with pytest.raises(TypeError, match="Expected int8"):
        quantizers.pack_int4(np.zeros(2, "float32"))


def test_float8():
    history = np.abs(X[0])
    for name, arguments in {
        "compute_float8_scale": (3.0, 4.0, 448.0),
        "compute_float8_amax_history": (X, history),
        "quantize_and_dequantize": (X, np.float32(0.01), "float8_e4m3fn", "float32"),
    }.items():
        assert_close(getattr(quantizers, name)(*arguments), getattr(keras.quantizers, name)(*arguments))
    assert float(quantizers.compute_float8_scale(0.0, 4.0, 448.0)) == 4.0


@pytest.mark.parametrize("axis,low,high", [(None, -1.0, 0.5), (-1, [-1, -2, 0, 0.1, -0.5], [1, 1, 2, 0.5, -0.1])])
def test_fake_quantization_and_its_gradient(axis, low, high):
    arguments = X, np.asarray(low, "float32"), np.asarray(high, "float32")

    def gradients(function):
        return jax.grad(lambda *a: (function(*a, num_bits=3, axis=axis) * X).sum(), (0, 1, 2))(*arguments)

    ours, theirs = quantizers.fake_quant_with_min_max_vars, keras.quantizers.fake_quant_with_min_max_vars
    assert_close(ours(*arguments, num_bits=3, axis=axis), theirs(*arguments, num_bits=3, axis=axis))
    assert_close(gradients(ours), gradients(theirs))


def test_fake_quantization_along_any_axis():
    low, high = np.array([-1, -2, 0, -3, -0.5, -1], "float32"), np.array([1, 1, 2, 0.5, 0.1, 3], "float32")
    found = quantizers.fake_quant_with_min_max_vars(X, low, high, axis=0)
    assert_close(found, keras.quantizers.fake_quant_with_min_max_vars(X.T, low, high, axis=-1).T)


def test_configs_come_back():
    for name in ("Int8QuantizationConfig", "Int4QuantizationConfig", "Float8QuantizationConfig", "GPTQConfig", "AWQConfig"):
        data = {"dataset": None, "tokenizer": None} if name in ("GPTQConfig", "AWQConfig") else {}
        ours, theirs = getattr(quantizers, name)(**data), getattr(keras.quantizers, name)(**data)
        written = jkeras.saving.serialize_keras_object(ours)
        assert written["config"].keys() == theirs.get_config().keys()
        again = quantizers.deserialize(written)
        assert type(again) is type(ours)
        assert again.dtype_policy_string() == ours.dtype_policy_string()


@pytest.mark.parametrize(
    "arguments,message",
    [
        (("int7", None), "Invalid quantization mode"),
        ((None, None), "either `mode` or `config`"),
        (("gptq", None), "pass a `GPTQConfig`"),
        (("int4", quantizers.Int8QuantizationConfig()), "Contradictory"),
        (("int8", 3), "must be an instance"),
    ],
)
def test_arguments_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        resolve(*arguments)
    with pytest.raises(ValueError, match="Did you mean 'abs_max_quantizer'"):
        quantizers.get("abs_max_quantiser")
