"""`init` and `apply` are pure functions: every JAX transformation applies to them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jkeras.core.variable import Variable
from jkeras.layers import Dense, Dropout, Layer


class Counting(Layer):
    """Counts its calls in non-trainable state."""

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), "ones", name="scale")
        self.calls = self.add_weight((), "zeros", dtype="int32", trainable=False, name="calls")

    def call(self, x):
        self.calls.assign_add(1)
        return x * self.scale


class Block(Layer):
    """Sublayers in an attribute, a list and a dict; one of them shared."""

    def __init__(self):
        super().__init__()
        self.first = Dense(4, activation="tanh")
        self.rest = [Dense(3), Dropout(0.5)]
        self.heads = {"a": Dense(2), "b": self.first}

    def call(self, x, training=None):
        x = self.first(x)
        for layer in self.rest:
            x = layer(x)
        return self.heads["a"](x)


@pytest.fixture
def x():
    return jnp.asarray(np.random.default_rng(0).normal(size=(5, 3)), "float32")


@pytest.fixture
def model(x):
    layer = Block()
    return layer, layer.init(jax.random.key(0), x)


def test_paths_are_attribute_names_and_shared_layers_stand_once(model):
    _, variables = model
    shapes = jax.tree.map(jnp.shape, variables)
    assert shapes["params"] == {
        "first": {"kernel": (3, 4), "bias": (4,)},
        "rest": {"0": {"kernel": (4, 3), "bias": (3,)}},
        "heads": {"a": {"kernel": (3, 2), "bias": (2,)}},
    }
    assert shapes["state"] == {"rest": {"1": {"seed_generator": {"state": (2,)}}}}


def test_init_allocates_nothing_and_is_reproducible(x):
    layer = Block()
    one, two = layer.init(jax.random.key(1), x), layer.init(jax.random.key(1), jax.ShapeDtypeStruct(x.shape, x.dtype))
    other = layer.init(jax.random.key(2))
    assert jax.tree.all(jax.tree.map(jnp.array_equal, one, two))
    assert not jnp.array_equal(one["params"]["first"]["kernel"], other["params"]["first"]["kernel"])
    before = layer.get_weights()
    layer.init(jax.random.key(3))
    assert all(np.array_equal(a, b) for a, b in zip(before, layer.get_weights(), strict=True))


def test_jit_and_eager_apply_agree_with_the_call(model, x):
    layer, variables = model
    layer.update(variables)
    eager = layer(x)
    outputs, state = jax.jit(layer.apply)(variables, x)
    np.testing.assert_allclose(outputs, eager, rtol=1e-6)
    assert jax.tree.structure(state) == jax.tree.structure(variables["state"])


def test_grad_equals_finite_differences(model, x):
    layer, variables = model

    def loss(params):
        return jnp.sum(layer.apply({"params": params, "state": variables["state"]}, x)[0] ** 2)

    grads = jax.grad(loss)(variables["params"])
    direction = jax.tree.map(lambda a: jnp.asarray(np.random.default_rng(1).normal(size=a.shape), a.dtype), grads)
    step = 1e-3
    moved = [loss(jax.tree.map(lambda p, d, s=s: p + s * step * d, variables["params"], direction)) for s in (1, -1)]
    slope = sum(jax.tree.leaves(jax.tree.map(jnp.vdot, grads, direction)))
    np.testing.assert_allclose((moved[0] - moved[1]) / (2 * step), slope, rtol=2e-2)


def test_a_vmapped_ensemble_of_eight(x):
    layer = Block()
    layer.init(jax.random.key(0), x)
    keys = jax.random.split(jax.random.key(7), 8)
    ensemble = jax.vmap(layer.init)(keys)
    outputs, _ = jax.vmap(lambda v: layer.apply(v, x))(ensemble)
    assert outputs.shape == (8, 5, 2)
    for i in (0, 7):
        member = jax.tree.map(lambda a, i=i: a[i], ensemble)
        np.testing.assert_allclose(outputs[i], layer.apply(member, x)[0], rtol=1e-5)
    kernels = ensemble["params"]["first"]["kernel"]
    assert len({float(k[0, 0]) for k in kernels}) == 8


def test_members_of_an_ensemble_drop_different_units(x):
    layer = Block()
    layer.init(jax.random.key(0), x)
    ensemble = jax.vmap(layer.init)(jax.random.split(jax.random.key(7), 8))
    seeds = ensemble["state"]["rest"]["1"]["seed_generator"]["state"]
    assert len({tuple(s.tolist()) for s in seeds}) == 8


def test_scan_carries_state():
    layer = Counting()
    variables = layer.init(jax.random.key(0), jnp.ones((1, 2)))

    def body(state, x):
        outputs, state = layer.apply({"params": variables["params"], "state": state}, x)
        return state, outputs

    state, outputs = jax.lax.scan(body, variables["state"], jnp.ones((6, 1, 2)))
    assert int(state["calls"]) == 6
    assert outputs.shape == (6, 1, 2)
    assert int(layer.calls.value) == 0  # nothing leaked into the object


def test_update_writes_back_and_refuses_what_does_not_fit():
    layer = Counting()
    variables = layer.init(jax.random.key(0), jnp.ones((1, 2)))
    layer.update({"params": {"scale": jnp.array([2.0, 3.0])}})
    assert layer.get_weights()[0].tolist() == [2.0, 3.0]
    with pytest.raises(ValueError, match=r"'params/scale' has shape \(2,\), but was given shape \(3,\)"):
        layer.update({"params": {"scale": jnp.ones(3)}, "state": {"calls": 9}})
    assert layer.get_weights()[1] == 0  # nothing was written
    with pytest.raises(ValueError, match=r"no variable 'params/scal'\. Did you mean 'params/scale'\?"):
        layer.update({"params": {"scal": 1}})
    with pytest.raises(ValueError, match="lack 'state/calls'"):
        layer.apply({"params": variables["params"]}, jnp.ones((1, 2)))


def test_a_write_under_a_foreign_transformation_is_an_error():
    layer = Counting()
    variables = layer.init(jax.random.key(0), jnp.ones((1, 2)))

    class Looping(Layer):
        def __init__(self):
            super().__init__()
            self.inner = layer

        def call(self, xs):
            return jax.lax.scan(lambda carry, x: (carry, self.inner(x)), 0.0, xs)[1]

    loop = Looping()
    xs = jnp.ones((3, 1, 2))
    for run in (lambda: loop(xs), lambda: loop.apply({k: {"inner": v} for k, v in variables.items()}, xs)):
        with pytest.raises(RuntimeError, match=r"Variable 'counting.*/calls' was assigned inside a JAX transformation"):
            run()
    with pytest.raises(RuntimeError, match="new_state = layer.apply"):
        jax.jit(layer)(jnp.ones((1, 2)))
    assert int(layer.calls.value) == 0


def test_a_trainable_weight_cannot_be_assigned_in_a_pure_call():
    class Wrong(Counting):
        def call(self, x):
            self.scale.assign(self.scale * 2)
            return x

    layer = Wrong()
    variables = layer.init(jax.random.key(0), jnp.ones((1, 2)))
    with pytest.raises(ValueError, match="'scale' was assigned during the call, but it is trainable"):
        layer.apply(variables, jnp.ones((1, 2)))


def test_apply_of_an_unbuilt_layer_says_what_to_do():
    with pytest.raises(ValueError, match="layer.init"):
        Dense(2).apply({"params": {}, "state": {}}, jnp.ones((1, 2)))


def test_a_key_makes_dropout_a_function_of_it(x):
    layer = Dropout(0.5, seed=3)
    variables = layer.init(jax.random.key(0), x)

    def call(key=None):
        return layer.apply(variables, x, training=True, key=key)

    (a, state), (b, _), (c, _) = call(jax.random.key(1)), call(jax.random.key(1)), call(jax.random.key(2))
    assert jnp.array_equal(a, b)
    assert not jnp.array_equal(a, c)
    assert jax.tree.all(jax.tree.map(jnp.array_equal, state, variables["state"]))  # the generator stood still
    _, advanced = call()
    assert not jnp.array_equal(advanced["seed_generator"]["state"], variables["state"]["seed_generator"]["state"])


def test_tied_weights_and_duplicate_names_keep_their_own_paths():
    class Tied(Layer):
        def __init__(self):
            super().__init__()
            self.a = self.add_weight((2,), "ones", name="w")
            self.b = self.add_weight((2,), "zeros", name="w")
            self.again = self.a

    layer = Tied()
    assert {path: v.path for path, v in layer.slots().items()} == {("a",): f"{layer.name}/w", ("b",): f"{layer.name}/w"}


def test_variables_in_lists_and_unassigned_ones_are_found():
    class Many(Layer):
        def __init__(self):
            super().__init__()
            self.parts = [self.add_weight((1,), name=f"part{i}") for i in range(2)]
            self.add_weight((1,), name="hidden", trainable=False)
            self.free = Variable([1.0], name="free")

    assert list(Many().slots()) == [("parts", "0"), ("parts", "1"), ("free",), ("hidden",)]
