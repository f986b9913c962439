"""Optimizers that override what Keras calls during an update: the same class, on Keras and here, in `fit` and by hand."""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
import pytest

import jkeras


def five_times(k):
    class FiveTimes(k.optimizers.SGD):
        def apply(self, grads, trainable_variables=None):
            super().apply([5 * g for g in grads], trainable_variables)

    return FiveTimes(0.1, momentum=0.5, weight_decay=0.1, clipnorm=2.0)


def scaled_lists(k):
    class Scaled(k.optimizers.Adam):
        def stateless_apply(self, optimizer_variables, grads, trainable_variables):
            return super().stateless_apply(optimizer_variables, [g * 0.1 + 1 for g in grads], trainable_variables)

    return Scaled(0.1)


def own_clipping(k):
    class Signs(k.optimizers.SGD):
        def _clip_gradients(self, grads):
            return [k.ops.sign(g) for g in super()._clip_gradients(grads)]

    return Signs(0.1, clipvalue=0.5, weight_decay=0.1, momentum=0.9)


def adaptive_clipping(k):
    """Clips by a running mean of the norms, which is a variable of its own."""

    class AutoClip(k.optimizers.Adam):
        def build(self, variables):
            super().build(variables)
            self.norm = self.add_variable((), name="norm")

        def _clip_gradients(self, grads):
            norm = k.ops.sqrt(sum(k.ops.sum(g * g) for g in grads))
            self.norm.assign(0.5 * self.norm + 0.5 * norm)
            return [g * k.ops.minimum(1.0, self.norm / norm) for g in grads]

    return AutoClip(0.1)


def own_rate(k):
    class Warmup(k.optimizers.SGD):
        def _get_current_learning_rate(self):
            step = k.ops.cast(self.iterations, "float32")
            return super()._get_current_learning_rate() * k.ops.minimum(1.0, (step + 1) / 5)

    return Warmup(0.1, momentum=0.9, weight_decay=0.1)


def rate_as_property(k):
    class Halved(k.optimizers.SGD):
        @property
        def learning_rate(self):
            return 0.05

    return Halved(0.1)


def own_decay(k):
    class L1(k.optimizers.RMSprop):
        def _apply_weight_decay(self, variables):
            for v in variables:
                v.assign(v - 0.01 * k.ops.sign(v))

    return L1(0.01)


def centralized(k):
    class Centralized(k.optimizers.SGD):
        def _backend_apply_gradients(self, grads, trainable_variables):
            grads = [g - k.ops.mean(g, axis=0, keepdims=True) for g in grads]
            super()._backend_apply_gradients(grads, trainable_variables)

    return Centralized(0.1, loss_scale_factor=8.0)


def own_scale(k):
    class Scaled(k.optimizers.SGD):
        def scale_loss(self, loss):
            return loss * k.ops.cast(self.iterations + 1, "float32")

    return Scaled(0.1)


def whole_step(k):
    class Reversed(k.optimizers.Adam):
        def _backend_update_step(self, grads, trainable_variables, learning_rate):
            super()._backend_update_step([2 * g for g in grads], trainable_variables, learning_rate / 2)

    return Reversed(0.1)


def lookahead(k):
    """A wrapper: another optimizer makes the fast weights (arXiv:1907.08610)."""

    class Lookahead(k.optimizers.Optimizer):
        def __init__(self, inner):
            super().__init__(learning_rate=0.0, name="lookahead")
            self.inner = inner

        def build(self, variables):
            super().build(variables)
            self.inner.build(variables)
            self.slow = self.add_optimizer_variables(variables, "slow")
            for slow, v in zip(self.slow, variables):
                slow.assign(v.value + 0.0)  # a copy: a buffer may be donated once only

        @property
        def variables(self):
            return self._variables + self.inner.variables

        def apply(self, grads, trainable_variables=None):
            self.inner.apply(grads, trainable_variables or self._trainable_variables)
            sync = k.ops.equal((self._iterations + 1) % 3, 0)
            for v, slow in zip(self._trainable_variables, self.slow):
                slow.assign(k.ops.where(sync, slow + 0.5 * (v - slow), slow.value))
                v.assign(k.ops.where(sync, slow.value, v.value))
            self._iterations.assign_add(1)

    return Lookahead(k.optimizers.Adam(0.1))


def delegate(k):
    """A wrapper whose `update_step` is another optimizer's."""

    class Delegate(k.optimizers.Optimizer):
        def __init__(self, inner):
            super().__init__(learning_rate=0.1)
            self.inner = inner

        def build(self, variables):
            super().build(variables)
            self.inner.build(variables)

        @property
        def variables(self):
            return self._variables + self.inner.variables

        def update_step(self, gradient, variable, learning_rate):
            self.inner.update_step(gradient, variable, learning_rate)

    return Delegate(k.optimizers.SGD(0.1, momentum=0.9))


def accumulating(k):
    class Signs(k.optimizers.Adam):
        def _clip_gradients(self, grads):
            return [k.ops.sign(g) * k.ops.abs(g) ** 0.5 for g in grads]

    return Signs(0.1, gradient_accumulation_steps=2, use_ema=True)


def scaled_for_float16(k):
    return k.optimizers.LossScaleOptimizer(five_times(k), initial_scale=64.0)


MAKERS = [
    five_times,
    scaled_lists,
    own_clipping,
    adaptive_clipping,
    own_rate,
    rate_as_property,
    own_decay,
    centralized,
    own_scale,
    whole_step,
    lookahead,
    delegate,
    accumulating,
    scaled_for_float16,
]
X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = (X @ np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 1.0]]) + 0.5).astype("float32")


def trained(k, optimizer):
    model = k.Sequential([k.Input((3,)), k.layers.Dense(2, kernel_constraint=k.constraints.MaxNorm(1.5))])
    model.set_weights([np.full((3, 2), 0.1, "float32"), np.zeros(2, "float32")])
    model.compile(optimizer, "mse")
    model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model.get_weights()


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_overrides_are_called_in_fit(make):
    for mine, theirs in zip(trained(jkeras, make(jkeras)), trained(keras, make(keras)), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("make", [m for m in MAKERS if m is not scaled_for_float16], ids=lambda make: make.__name__)
def test_overrides_are_called_by_hand(make):
    results = []
    for k in (jkeras, keras):
        optimizer, v = make(k), k.Variable([[1.0, -2.0], [0.5, 4.0]])
        optimizer.build([v])
        for step in range(4):
            optimizer.apply_gradients([(k.ops.convert_to_tensor([[0.1, -1.0], [3.0, 0.2 * step]]), v)])
        results.append((v.numpy(), int(optimizer.iterations)))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5, atol=1e-6)
    assert results[0][1] == results[1][1]


def test_a_hook_set_on_the_object_is_called():
    optimizer = jkeras.optimizers.SGD(0.1)
    optimizer._clip_gradients = lambda grads: [5 * g for g in grads]
    plain, changed = trained(jkeras, jkeras.optimizers.SGD(0.5)), trained(jkeras, optimizer)
    np.testing.assert_allclose(plain[0], changed[0], rtol=1e-5)


def test_what_a_wrapper_holds_is_part_of_its_state():
    optimizer = lookahead(jkeras)
    trained(jkeras, optimizer)
    assert int(optimizer.iterations) == int(optimizer.inner.iterations) == 10
    assert len(optimizer.variables) == 2 + 2 + 2 + 4  # counters and rates of both, the slow weights, Adam's slots
