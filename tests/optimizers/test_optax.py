"""An optimizer is an optax transformation, and any optax transformation is an optimizer."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jkeras
from jkeras.core.variable import Variable
from jkeras.optimizers import SGD, Adam, LossScaleOptimizer, MultiOptimizer, Muon, Optimizer, OptimizerMap, get, wrap
from tests.oracle import assert_close

PARAMS = {"dense": {"kernel": jnp.ones((2, 3)), "bias": jnp.zeros(3)}, "scale": jnp.full((), 2.0)}
GRADS = jax.tree.map(lambda p: 0.1 * jnp.arange(1.0, p.size + 1).reshape(p.shape), PARAMS)


def run(transformation, steps=3, params=PARAMS):
    state, update = transformation.init(params), jax.jit(transformation.update)
    for _ in range(steps):
        updates, state = update(GRADS, state, params)
        params = optax.apply_updates(params, updates)
    return params


def by_hand(optimizer, grads=lambda g: g, steps=3):
    params, state = PARAMS, optimizer.init(PARAMS)
    for _ in range(steps):
        updates, state = optimizer.update(grads(GRADS), state, params)
        params = jax.tree.map(jnp.add, params, updates)
    return params


# -- ours in optax ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: SGD(0.1, momentum=0.9), lambda: Adam(weight_decay=0.1, use_ema=True)])
def test_chain(make):
    halved = by_hand(make(), lambda grads: jax.tree.map(lambda g: g * 0.5, grads))
    assert_close(run(optax.chain(optax.scale(0.5), make())), halved)
    assert_close(run(optax.named_chain(("half", optax.scale(0.5)), ("ours", make()))), halved)
    assert_close(run(optax.chain(make(), optax.identity())), by_hand(make()))


def test_apply_updates_keeps_the_dtype():
    params = {"w": jnp.ones(3, jnp.bfloat16)}
    optimizer = Adam(0.1, weight_decay=0.1)
    updates, _ = optimizer.update({"w": jnp.ones(3, jnp.bfloat16)}, optimizer.init(params), params)
    assert updates["w"].dtype == jnp.bfloat16
    assert optax.apply_updates(params, updates)["w"].dtype == jnp.bfloat16


def test_masked():
    mask = {"dense": {"kernel": True, "bias": False}, "scale": False}
    moved = run(optax.masked(Adam(0.1, weight_decay=0.1, global_clipnorm=1.0), mask))
    alone = run_alone(Adam(0.1, weight_decay=0.1, global_clipnorm=1.0), "kernel")
    assert_close(moved["dense"]["kernel"], alone)
    plain = jax.tree.map(lambda p, g: p + 3 * g, PARAMS, GRADS)  # what is not masked passes through
    assert_close(moved["dense"]["bias"], plain["dense"]["bias"])


def run_alone(optimizer, name):
    params, state = PARAMS["dense"][name], optimizer.init(PARAMS["dense"][name])
    for _ in range(3):
        updates, state = optimizer.update(GRADS["dense"][name], state, params)
        params = params + updates
    return params


def test_multi_transform():
    labels = {"dense": {"kernel": "a", "bias": "b"}, "scale": "b"}
    moved = run(optax.multi_transform({"a": Adam(0.1), "b": SGD(0.5, momentum=0.9)}, labels))
    assert_close(moved["dense"]["kernel"], run_alone(Adam(0.1), "kernel"))
    assert_close(moved["dense"]["bias"], run_alone(SGD(0.5, momentum=0.9), "bias"))


def test_multi_steps():
    expected = by_hand(Adam(0.1), steps=2)
    assert_close(run(optax.MultiSteps(Adam(0.1), every_k_schedule=3), steps=6), expected)
    assert_close(run(Adam(0.1, gradient_accumulation_steps=3), steps=6), expected)


def test_other_wrappers():
    assert_close(run(optax.apply_if_finite(SGD(0.1), 5)), by_hand(SGD(0.1)))
    assert_close(run(optax.flatten(SGD(0.1, momentum=0.9))), by_hand(SGD(0.1, momentum=0.9)))
    lookahead = optax.lookahead(SGD(0.1), 2, 0.5)
    params = optax.LookaheadParams.init_synced(PARAMS)
    updates, _ = lookahead.update(GRADS, lookahead.init(params), params)
    assert_close(optax.apply_updates(params, updates).fast, by_hand(SGD(0.1), steps=1))


def test_optimizers_that_tell_parameters_apart_read_the_paths_of_a_plain_tree():
    parts = OptimizerMap(SGD(0.5), {"dense/.*": Adam(0.1)})
    moved = run(MultiOptimizer(parts))
    assert_close(moved["dense"]["kernel"], run_alone(Adam(0.1), "kernel"))
    assert_close(moved["scale"], PARAMS["scale"] - 3 * 0.5 * GRADS["scale"])
    decayed = SGD(0.1, weight_decay=0.5)
    decayed.exclude_from_weight_decay(var_names=["bias", "scale"])
    params = run(decayed, steps=1)
    assert_close(params["dense"]["bias"], PARAMS["dense"]["bias"] - 0.1 * GRADS["dense"]["bias"])
    assert_close(params["dense"]["kernel"], PARAMS["dense"]["kernel"] * 0.95 - 0.1 * GRADS["dense"]["kernel"])
    assert np.all(np.isfinite(run(Muon())["dense"]["kernel"]))
    assert_close(run(LossScaleOptimizer(SGD(2.0), initial_scale=4.0), steps=1), by_hand(SGD(0.5), steps=1))


def test_vmap_makes_an_ensemble():
    optimizer = Adam(0.1)
    many = jax.tree.map(lambda p: jnp.stack([p, 2 * p]), PARAMS)
    state = jax.vmap(optimizer.init)(many)
    rates = state._replace(learning_rate=jnp.array([0.1, 0.2], "float32"))
    grads = jax.tree.map(lambda g: jnp.stack([g, g]), GRADS)
    updates, state = jax.vmap(optimizer.update)(grads, rates, many)
    for i, rate in enumerate([0.1, 0.2]):
        one = Adam(rate)
        expected, _ = one.update(GRADS, one.init(PARAMS), PARAMS)
        assert_close(jax.tree.map(lambda u, i=i: u[i], updates), expected)


# -- optax's as ours --------------------------------------------------------------------------------------------------

FOREIGN = {
    "adamw": lambda: optax.adamw(1e-2),
    "chain": lambda: optax.chain(optax.clip_by_global_norm(0.1), optax.scale_by_schedule(lambda t: -0.1 / (1 + t))),
    "noise": lambda: optax.chain(optax.add_noise(0.1, 0.5, jax.random.key(3)), optax.sgd(0.1)),
    "multi_steps": lambda: optax.MultiSteps(optax.adam(0.1), 2),
    "ours": lambda: optax.chain(optax.scale(2.0), Adam(0.1)),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_wrap(name):
    expected = run(FOREIGN[name]())
    assert_close(run(wrap(FOREIGN[name]())), expected)
    variables = jax.tree.map(Variable, PARAMS)
    optimizer = get(FOREIGN[name]())
    assert isinstance(optimizer, Optimizer)
    optimizer.build(variables)
    flat = optimizer._parameters.variables
    for _ in range(3):
        optimizer.apply(optimizer._parameters.flatten(GRADS), flat)
    assert_close([v.value for v in flat], optimizer._parameters.flatten(expected))
    assert int(optimizer.iterations) == 3
    assert jax.tree.structure(optimizer.read_state()) == jax.tree.structure(optimizer.init(PARAMS))


def test_injected_learning_rate_is_read_and_set():
    optimizer = wrap(optax.inject_hyperparams(optax.sgd)(learning_rate=0.5))
    with pytest.raises(AttributeError, match="inject_hyperparams"):
        _ = optimizer.learning_rate
    w = Variable([1.0])
    optimizer.build([w])
    assert float(optimizer.learning_rate) == 0.5
    optimizer.learning_rate = 0.25
    optimizer.apply([jnp.ones(1)])
    assert w.numpy().tolist() == [0.75]
    with pytest.raises(AttributeError, match="inject_hyperparams"):
        wrap(optax.sgd(0.1)).learning_rate = 0.1


# -- transformations that look at the loss ----------------------------------------------------------------------------

INPUTS = np.random.RandomState(0).rand(12, 3).astype("float32")
TARGETS = np.tanh(INPUTS @ np.array([[1.0], [2.0], [-1.0]], "float32"))
LOOKING = {
    "lbfgs": optax.lbfgs,
    "backtracking": lambda: optax.chain(optax.sgd(1.0), optax.scale_by_backtracking_linesearch(max_backtracking_steps=5)),
    "plateau": lambda: optax.chain(optax.adam(0.05), optax.contrib.reduce_on_plateau(patience=1)),
    "momo": optax.contrib.momo,
    "sophia": lambda: optax.contrib.sophia(0.05),
    "sam": lambda: optax.contrib.sam(optax.sgd(0.1), optax.sgd(0.05), opaque_mode=True),
}


def loss_of(params):
    hidden = jnp.tanh(INPUTS @ params["hidden"]["kernel"] + params["hidden"]["bias"])
    return jnp.mean((hidden @ params["last"]["kernel"] + params["last"]["bias"] - TARGETS) ** 2)


def looking_model(optimizer, **options):
    jkeras.utils.set_random_seed(0)
    model = jkeras.Sequential(
        [jkeras.layers.Dense(4, activation="tanh", name="hidden"), jkeras.layers.Dense(1, name="last")]
    )
    model.build((None, 3))
    model.compile(optimizer, "mse", **options)
    return model


def fit_all(model, epochs=4):
    return model.fit(INPUTS, TARGETS, batch_size=12, epochs=epochs, verbose=0).history["loss"]


def losses_by_hand(name, params, steps=4):
    transformation = LOOKING[name]()

    @jax.jit
    def step(params, state):
        value, grads = jax.value_and_grad(loss_of)(params)
        told = {"value": value, "grad": grads, "value_fn": loss_of, "obj_fn": loss_of}
        told["grad_fn"] = lambda params, i: jax.grad(loss_of)(params)
        wanted = {"sam": ["grad_fn"], "sophia": ["obj_fn"]}.get(name, ["value", "grad", "value_fn"])
        updates, state = transformation.update(grads, state, params, **{k: told[k] for k in wanted})
        return optax.apply_updates(params, updates), state, value

    state, losses = transformation.init(params), []
    for _ in range(steps):
        params, state, value = step(params, state)
        losses.append(float(value))
    return losses


@pytest.mark.parametrize("name", LOOKING)
def test_a_transformation_is_given_the_loss(name):
    model = looking_model(LOOKING[name]())
    params = {layer.name: {"kernel": layer.kernel.value, "bias": layer.bias.value} for layer in model.layers}
    wanted = losses_by_hand(name, params)
    assert_close(fit_all(model), wanted, rtol=1e-4)
    assert wanted[-1] < wanted[0]


@pytest.mark.parametrize(
    "refine",
    [
        LossScaleOptimizer,
        lambda lbfgs: MultiOptimizer(lambda v: lbfgs),
    ],
)
def test_optimizers_of_optimizers_hand_the_loss_on(refine):
    wanted = fit_all(looking_model(optax.lbfgs()))
    assert_close(fit_all(looking_model(refine(wrap(optax.lbfgs())))), wanted, rtol=1e-3)


def test_a_step_of_ones_own_gives_the_loss():
    class Own(jkeras.Sequential):
        tells = True

        def train_step(self, state, batch):
            def objective(params):
                return self.pure_loss(state._replace(params=params), batch)

            (loss, new), grads = jax.value_and_grad(objective, has_aux=True)(state.params)
            told = {"value": loss, "value_fn": lambda params: objective(params)[0]} if self.tells else {}
            return self.pure_update(new, grads, **told), {"loss": loss}

    def own(tells):
        model = looking_model(optax.lbfgs())
        again = Own(model.layers)
        again.compile(optax.lbfgs(), "mse")
        again.tells = tells
        return again

    assert_close(fit_all(own(True)), fit_all(looking_model(optax.lbfgs())), rtol=1e-4)
    with pytest.raises(ValueError, match="needs value and value_fn.*pure_update"):
        fit_all(own(False))


def test_a_wrapped_transformation_has_no_config():
    with pytest.raises(TypeError, match="Compile the model again"):
        wrap(optax.sgd(0.1)).get_config()
