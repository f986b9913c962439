"""A variable is an address: it reads and writes where the code runs."""

import copy

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jkeras
from jkeras.core.frame import Frame
from jkeras.core.variable import Promise, Variable
from jkeras.runtime.placement import copy_to_device


def test_reads_and_writes_go_to_the_innermost_frame_that_binds_it():
    v = Variable([1.0, 2.0], name="v")
    with Frame({id(v): jnp.array([5.0, 5.0])}) as outer:
        assert v.value.tolist() == [5.0, 5.0]
        with Frame():  # binds nothing
            v.assign_add([1.0, 1.0])
        assert outer.values[id(v)].tolist() == [6.0, 6.0]
    assert v.value.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("expression", [
    lambda v, x: v + x, lambda v, x: x - v, lambda v, x: v * x, lambda v, x: x / v, lambda v, x: v**2, lambda v, x: v @ v,
    lambda v, x: -v, lambda v, x: abs(v), lambda v, x: v > x, lambda v, x: v[0], lambda v, x: jnp.matmul(v, v),
    lambda v, x: jax.nn.relu(v), lambda v, x: jnp.stack([v, v]), lambda v, x: v.sum(), lambda v, x: np.asarray(v),
    lambda v, x: jnp.where(v > 1, v, 0), lambda v, x: jax.jit(lambda u: u * 2)(v), lambda v, x: v.T, lambda v, x: 2 // v,
])  # fmt: skip
def test_it_is_usable_where_an_array_is(expression):
    value, x = jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([[2.0, 1.0], [1.0, 2.0]])
    np.testing.assert_array_equal(expression(Variable(value, name="v"), x), expression(value, x))


def test_shapes_are_checked():
    v = Variable("zeros", shape=(2, 3), name="kernel")
    with pytest.raises(ValueError, match=r"'kernel' has shape \(2, 3\) and cannot be given a value of shape \(3, 2\)"):
        v.assign(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="not shape="):
        Variable([1.0, 2.0], shape=(3,))
    with pytest.raises(ValueError, match="needs shape="):
        Variable("zeros")
    with pytest.raises(ValueError, match="every dimension"):
        Variable("zeros", shape=(None, 2))
    with pytest.raises(ValueError, match="Unknown initializer"):
        Variable("zeroes", shape=(2,))


def test_it_is_allocated_when_somebody_looks():
    calls = []

    class Ones:
        def fork(self):
            return self

        def __call__(self, shape, dtype=None):
            calls.append(shape)
            return jnp.ones(shape, dtype)

    v = Variable(Ones(), shape=(2,))
    assert calls == []
    assert v.value.tolist() == [1.0, 1.0] and v.numpy().tolist() == [1.0, 1.0]
    assert calls == [(2,)]


def test_a_first_read_under_a_trace_leaves_a_real_array():
    v = Variable("ones", shape=(2,))
    jax.jit(lambda x: x + v.value)(jnp.zeros(2))
    assert not isinstance(v.value, jax.core.Tracer)


def test_a_write_out_of_a_trace_is_refused():
    v = Variable([1.0], name="v")
    with pytest.raises(RuntimeError, match="'v' was assigned inside a JAX transformation"):
        jax.jit(lambda x: v.assign(x))(jnp.ones(1))
    assert v.value.tolist() == [1.0]


def test_a_flattened_copy_is_detached():
    v = Variable([1.0, 2.0], name="v")
    copied = jax.tree.map(lambda x: x * 2, v)
    assert copied.value.tolist() == [2.0, 4.0] and (copied + 1).tolist() == [3.0, 5.0]
    with pytest.raises(RuntimeError, match="a copy of variable 'v'"):
        copied.assign([0.0, 0.0])
    assert jax.grad(lambda u: (u * u).sum())(v).value.tolist() == [2.0, 4.0]


def test_mixed_precision_reads_floats_in_the_compute_dtype():
    v, n = Variable([1.5], name="v"), Variable(np.array([3], "int32"), name="n")
    with Frame() as frame:
        frame.autocast = "bfloat16"
        assert v.value.dtype == "bfloat16" and n.value.dtype == "int32"
    assert v.value.dtype == "float32"


def test_promises_are_redeemed_once():
    class Later(Promise):
        def redeem(self, variable):
            self.times = getattr(self, "times", 0) + 1
            variable.take_back(self, jnp.zeros(variable.shape))
            return variable.read_box()

    v, later = Variable([1.0], name="v"), Later()
    v.lend(later)
    assert v.value.tolist() == v.value.tolist() == [0.0]
    assert later.times == 1
    v.lend(later)
    v.assign([7.0])
    v.take_back(later, jnp.array([9.0]))  # too late: somebody wrote in the meantime
    assert v.value.tolist() == [7.0]


def test_deep_copies_are_independent():
    v = Variable([1.0], name="v")
    other = copy.deepcopy(v)
    other.assign([2.0])
    assert v.value.tolist() == [1.0] and other.value.tolist() == [2.0]


def test_lists_of_variables_are_one_structure_whatever_their_names():
    weights = [Variable([1.0, 2.0], name="a"), Variable([[3.0]], name="b")]
    slots = {"m": [Variable([5.0, 5.0], name="a_m"), Variable([[7.0]], name="b_m")]}
    sums = jax.tree.map(lambda w, m: w + m, weights, slots["m"])
    assert [s.numpy().tolist() for s in sums] == [[6.0, 7.0], [[10.0]]]
    grads = jax.grad(lambda ws: sum(jnp.sum(w * w) for w in ws))(weights)
    stepped = jax.tree.map(lambda w, g, s: w - 0.5 * g + s, weights, grads, sums)
    assert [s.numpy().tolist() for s in stepped] == [[6.0, 7.0], [[10.0]]]
    assert [s.name for s in stepped] == ["a", "b"] and stepped[0].shape == (2,) and stepped[0].dtype == "float32"
    traces = []
    double = jax.jit(lambda ws: traces.append(1) or jax.tree.map(lambda w: 2 * w, ws))
    double(weights[:1]), double(slots["m"][:1])
    assert len(traces) == 1  # a name is no part of a program


def test_what_is_handed_out_may_be_written_to():
    v = Variable([1.0, 2.0], name="v")
    for handed in (v.numpy(), np.array(v), np.array(v, copy=True), np.array(v, "float64")):
        handed[0] = 9.0
    assert v.value.tolist() == [1.0, 2.0]
    assert np.array(v, "float64").dtype == "float64" and np.asarray(v, "int32").tolist() == [1, 2]


def test_a_look_at_attributes_reads_nothing():
    class Never(Promise):
        def redeem(self, variable):
            raise AssertionError("the value was read")

    v = Variable([[1.0, 2.0]], name="v")
    v.lend(Never())
    for name in ("anything", "astype", "sum", "tolist", "nbytes", "_private", "__cuda_array_interface__", "size"):
        hasattr(v, name)
    assert (v.nbytes, v.itemsize, v.ndim, len(v)) == (8, 4, 2, 1)
    with pytest.raises(AttributeError, match="Variable 'v' has no attribute 'asttype'"):
        v.asttype  # noqa: B018
    v.assign([[3.0, 4.0]])
    assert v.sum().item() == 7.0 and v.T.shape == (2, 1) and v.at[0, 0].set(1).tolist() == [[1.0, 4.0]]
    assert v.block_until_ready() is v.value and v.reshape(2).tolist() == [3.0, 4.0]


def test_logical_operators_are_those_of_symbolic_tensors():
    v, b = Variable(np.array([1, 2, 0], "int32"), trainable=False), Variable(np.array([True, False]), trainable=False)
    assert (v & 2).tolist() == (2 & v).tolist() == [True, True, False]
    assert (v | 0).tolist() == [True, True, False] and (v ^ 1).tolist() == [False, False, True]
    assert (b & True).tolist() == [True, False] and (True ^ b).tolist() == [False, True] and (~b).tolist() == [False, True]


def at_a_multiple_of_64(shape):
    """Zeros whose memory a CPU device may use as it lies there."""
    size = int(np.prod(shape))
    memory = np.zeros(size + 16, "float32")
    start = (-memory.ctypes.data // 4) % 16
    return memory[start : start + size].reshape(shape)


def by_set_weights(array):
    layer = jkeras.layers.Dense(2, use_bias=False)
    layer.build((None, 2))
    layer.set_weights([array])
    return layer.kernel


@pytest.mark.parametrize(
    "taken",
    [
        jkeras.Variable,
        lambda array: jkeras.Variable(jnp.ones((2, 2))).assign(array),
        by_set_weights,
        jkeras.layers.Dropout(0.5),
        jkeras.ops.convert_to_tensor,
        lambda array: jkeras.dtype_policies.DTypePolicy("float32").convert_input(array, True, "float32"),
        copy_to_device,
    ],
    ids=["variable", "assign", "set_weights", "a layer", "tensor", "policy", "copy"],
)
def test_a_change_of_the_array_that_was_given_changes_nothing(taken):
    array = at_a_multiple_of_64((2, 2))
    value = taken(array)
    array[:] = 7.0
    assert np.asarray(value).tolist() == [[0.0, 0.0], [0.0, 0.0]]
