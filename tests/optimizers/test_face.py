"""Keras's face: variables, custom training loops, configs, subclasses, errors."""

import copy
import inspect
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jkeras
from jkeras import optimizers
from jkeras.core.frame import Frame
from jkeras.core.variable import Variable
from jkeras.optimizers import SGD, Adam, LossScaleOptimizer, MultiOptimizer, Optimizer, OptimizerMap, RMSprop, get
from jkeras.serialization import deserialize, serialize
from tests.oracle import assert_close, keras

NAMES = [
    n for n in optimizers.__all__ if isinstance(getattr(optimizers, n), type) and n not in ("Optimizer", "OptimizerState")
]
PLAIN = [n for n in NAMES if n not in ("LossScaleOptimizer", "MultiOptimizer", "OptimizerMap")]


def weights():
    kernel, bias = Variable(np.ones((2, 3), "float32"), name="kernel"), Variable(np.zeros(3, "float32"), name="bias")
    kernel.path, bias.path = "dense/kernel", "dense/bias"
    return {"dense": {"kernel": kernel, "bias": bias}}


def flat(tree):
    return [tree["dense"]["kernel"], tree["dense"]["bias"]]


GRADS = [np.full((2, 3), 0.5, "float32"), np.full(3, -1.0, "float32")]

# -- names and configs ------------------------------------------------------------------------------------------------


def test_everything_keras_exports_is_here():
    theirs = {n for n in dir(keras.optimizers) if not n.startswith("_")}
    assert theirs - {"legacy"} <= set(dir(optimizers))
    schedules = {n for n in dir(keras.optimizers.schedules) if not n.startswith("_")}
    assert schedules <= set(dir(optimizers.schedules))


@pytest.mark.parametrize("name", PLAIN)
def test_config(name):
    ours, theirs = getattr(optimizers, name)(name="x"), getattr(keras.optimizers, name)(name="x")
    assert ours.get_config() == theirs.get_config()
    again = type(ours).from_config(theirs.get_config())
    assert again.get_config() == ours.get_config()
    assert serialize(ours) == keras.optimizers.serialize(theirs)
    assert get(serialize(ours)).get_config() == ours.get_config()
    assert deserialize(serialize(ours)).get_config() == ours.get_config()
    assert isinstance(get(name.lower()), type(ours))
    assert isinstance(get(name.upper()), type(ours))
    assert isinstance(get(type(ours)), type(ours))
    assert get(ours) is ours


@pytest.mark.parametrize("name", PLAIN)
def test_automatic_name(name):
    assert getattr(optimizers, name)().name.startswith(getattr(keras.optimizers, name)(name=None).name.rstrip("_0123456789"))


def test_config_with_a_schedule_and_of_wrappers():
    def make(library):
        schedule = library.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
        inner = library.optimizers.Adam(schedule, clipnorm=1.0, name="inner")
        chosen = library.optimizers.OptimizerMap(library.optimizers.SGD(name="rest"), {"dense/.*": inner})
        multi = library.optimizers.MultiOptimizer(chosen, name="multi")
        return library.optimizers.LossScaleOptimizer(multi, initial_scale=8.0, name="scaled")

    ours = make(type("library", (), {"optimizers": optimizers}))
    assert serialize(ours) == keras.optimizers.serialize(make(keras))
    again = get(serialize(ours))
    assert isinstance(again, LossScaleOptimizer)
    assert serialize(again) == serialize(ours)


def test_copies():
    optimizer = Adam(0.1)
    tree = weights()
    optimizer.build(tree)
    optimizer.apply(GRADS)
    for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(Adam(0.1)))):
        assert twin.get_config() == optimizer.get_config() | {"name": twin.name}
    model = {"weights": flat(tree), "optimizer": optimizer}
    twin = copy.deepcopy(model)
    twin["optimizer"].apply_gradients(zip(GRADS, twin["weights"], strict=True))
    assert (int(twin["optimizer"].iterations), int(optimizer.iterations)) == (2, 1)
    assert not np.array_equal(twin["weights"][0].numpy(), model["weights"][0].numpy())


# -- variables and the state ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLAIN)
def test_variables_are_in_keras_order(name):
    options = {"use_ema": True, "gradient_accumulation_steps": 2}
    extra = {"Adam": {"amsgrad": True}, "RMSprop": {"momentum": 0.9, "centered": True}, "SGD": {"momentum": 0.9}}.get(
        name, {}
    )
    theirs = getattr(keras.optimizers, name)(**options, **extra, name="x")
    variables = [keras.Variable(v.numpy(), name=v.name) for v in flat(weights())]
    for variable in variables:
        variable._path = f"dense/{variable.name}"
    theirs.build(variables)
    ours = getattr(optimizers, name)(**options, **extra, name="x")
    ours.build(weights())
    shapes = [(tuple(v.shape), v.dtype) for v in theirs.variables]
    assert [(v.shape, v.dtype) for v in ours.variables] == shapes
    if name not in ("Adafactor", "Nadam"):  # those have variables without proper names in Keras
        assert [v.path for v in ours.variables] == [v.path for v in theirs.variables]
    assert_close([v.value for v in ours.variables], [v.value for v in theirs.variables])


def test_the_three_trees_of_the_state_agree():
    parts = OptimizerMap(SGD(momentum=0.9), {".*kernel": Adam()})
    for optimizer in (
        Adam(use_ema=True, gradient_accumulation_steps=2),
        LossScaleOptimizer(MultiOptimizer(parts)),
        SGD(lambda s: 0.1),
    ):
        tree = weights()
        with pytest.raises(ValueError, match="not built"):
            optimizer.read_state()
        optimizer.build(tree)
        state = optimizer.read_state()
        params = jax.tree.map(lambda v: v.value, tree, is_leaf=lambda v: isinstance(v, Variable))
        assert jax.tree.structure(state) == jax.tree.structure(optimizer.init(params))
        addresses = jax.tree.leaves(optimizer.state_variables(), is_leaf=lambda v: isinstance(v, Variable))
        assert [v.shape for v in addresses] == [x.shape for x in jax.tree.leaves(state)]
        assert sorted(map(id, addresses)) == sorted(map(id, optimizer.variables))
        _, new = jax.jit(optimizer.update)(params, state, params)
        optimizer.write_state(new)
        assert int(optimizer.iterations) == 0 if optimizer.name.startswith("adam") else 1
        assert_close(optimizer.read_state(), new)


def test_paths_of_the_state_are_readable():
    optimizer = Adam()
    optimizer.build(weights())
    assert ("momentum", "dense", "kernel") in optimizer.slots()
    assert [path[0] for path in optimizer.slots()][:2] == ["iterations", "learning_rate"]


def test_building_again_keeps_the_state_in_another_structure():
    for make in (lambda: Adam(0.1), lambda: LossScaleOptimizer(Adam(0.1)), lambda: MultiOptimizer(OptimizerMap(Adam(0.1)))):
        optimizer, tree = make(), weights()
        optimizer.build(flat(tree))
        optimizer.apply(GRADS)
        before = optimizer.variables
        optimizer.build(tree)
        assert [id(v) for v in optimizer.variables] == [id(v) for v in before]
        assert isinstance(optimizer._parameters.tree, dict)
        optimizer.apply(GRADS)
        assert int(optimizer.iterations) == 2
        with pytest.raises(ValueError, match="was built on"):
            optimizer.build(weights())


def test_weights_can_be_saved_and_set():
    optimizer = Adam()
    optimizer.build(weights())
    optimizer.apply(GRADS)
    store = {}
    optimizer.save_own_variables(store)
    other = Adam()
    with pytest.warns(UserWarning, match="was not loaded"):
        other.load_own_variables(store)
    other.build(weights())
    other.load_own_variables(store)
    assert_close([v.value for v in other.variables], [v.value for v in optimizer.variables])
    with pytest.raises(ValueError, match="shapes"):
        other.set_weights([np.zeros(3)])


# -- training loops by hand -------------------------------------------------------------------------------------------


def test_apply_gradients_and_stateless_apply_agree_with_keras():
    ours, theirs = Adam(0.1, clipnorm=1.0), keras.optimizers.Adam(0.1, clipnorm=1.0)
    mine = flat(weights())
    other = [keras.Variable(v.numpy()) for v in mine]
    for _ in range(3):
        counter = ours.apply_gradients(zip(GRADS, mine, strict=True))
        theirs.apply_gradients(zip(GRADS, other, strict=True))
    assert int(counter) == 3
    assert_close([v.value for v in mine], [v.value for v in other])
    values, state = ours.stateless_apply([v.value for v in ours.variables], GRADS, [v.value for v in mine])
    expected, expected_state = theirs.stateless_apply([v.value for v in theirs.variables], GRADS, [v.value for v in other])
    assert_close(values, expected)
    assert_close(state, expected_state, rtol=1e-5)
    assert int(ours.iterations) == 3, "the pure form must change nothing"
    with pytest.raises(ValueError, match="was given 1 values"):
        ours.stateless_apply(state[:1], GRADS, values)
    with pytest.raises(ValueError, match="gradients for"):
        ours.stateless_apply(state, GRADS[:1], values)


def test_missing_gradients_leave_variable_and_slots_alone():
    ours, theirs = Adam(0.1), keras.optimizers.Adam(0.1)
    mine = flat(weights())
    other = [keras.Variable(v.numpy()) for v in mine]
    ours.build(mine)
    theirs.build(other)
    for grads in ([GRADS[0], None], GRADS):
        if grads[1] is None:
            with pytest.warns(UserWarning, match="Gradients do not exist"):
                ours.apply(grads, mine)
            with pytest.warns(UserWarning, match="Gradients do not exist"):
                theirs.apply(grads, other)
        else:
            ours.apply(grads, mine)
            theirs.apply(grads, other)
        assert_close([v.value for v in mine], [v.value for v in other])
    ours.apply_gradients([(GRADS[1], mine[1])])  # or only some of the variables
    theirs.apply_gradients([(GRADS[1], other[1])])
    assert_close([v.value for v in mine], [v.value for v in other])
    assert_close([v.value for v in ours.variables], [v.value for v in theirs.variables])


def test_bad_calls():
    mine = flat(weights())
    optimizer = SGD()
    optimizer.apply([], mine)
    with pytest.raises(ValueError, match="is not built"):
        optimizer.apply(GRADS)
    optimizer.build(mine)
    with pytest.raises(ValueError, match="No gradients provided"):
        optimizer.apply([None, None])
    with pytest.raises(ValueError, match="1 gradients for 2 variables"):
        optimizer.apply(GRADS[:1])
    with pytest.raises(ValueError, match="other variables than 'stranger'"):
        optimizer.apply([GRADS[1]], [Variable(np.zeros(3), name="stranger")])
    with pytest.raises(ValueError, match="different trees"):
        optimizer.update({"a": GRADS[0]}, optimizer.read_state(), {"b": GRADS[0]})
    for needy in (optimizers.Lamb(), SGD(weight_decay=0.1), SGD(use_ema=True)):
        with pytest.raises(ValueError, match=r"update\(grads, state, params\)"):
            needy.update(GRADS, needy.init(GRADS))
    with pytest.raises(TypeError, match="dicts, lists and tuples of variables"):
        SGD().build([np.zeros(3)])


def test_constraints_and_overwriting():
    variables = [Variable(np.ones(3, "float32"), name="w"), Variable(np.ones((), "float32"), name="scale")]
    variables[0].constraint = lambda w: jnp.clip(w, 0.0, 1.0)
    variables[1].overwrite_with_gradient = True
    optimizer = SGD(1.0, momentum=0.5, clipvalue=0.5)
    optimizer.build(variables)
    assert len(optimizer.variables) == 3, "no momentum for a variable that is overwritten"
    optimizer.apply([np.array([2.0, -2.0, 0.25], "float32"), np.float32(7.0)])
    assert variables[0].numpy().tolist() == [0.5, 1.0, 0.75]
    assert float(variables[1]) == 7.0


def test_overwriting_with_accumulation_takes_the_largest_gradient():
    variables = [Variable(np.ones(1, "float32"), name="w"), Variable(np.ones((), "float32"), name="scale")]
    variables[1].overwrite_with_gradient = True
    optimizer = SGD(1.0, gradient_accumulation_steps=2)
    optimizer.build(variables)
    seen = []
    for gradient in (9.0, 3.0, 4.0, 5.0):
        optimizer.apply([np.zeros(1, "float32"), np.float32(gradient)])
        seen.append(float(variables[1]))
    assert seen == [1.0, 9.0, 9.0, 5.0]


def test_moving_averages_take_the_weights_place_in_the_end():
    mine = flat(weights())
    optimizer = SGD(0.1, use_ema=True, ema_momentum=0.5)
    optimizer.build(mine)
    for _ in range(3):
        optimizer.apply(GRADS)
    average = [v.numpy() for v in optimizer.variables if "average" in v.name]
    optimizer.finalize_variable_values(mine)
    assert_close([v.value for v in mine], average)
    assert not np.allclose(mine[0].numpy(), 1 - 0.3 * 0.5)


def test_scale_loss():
    assert SGD().scale_loss(2.0) == 2.0
    assert SGD(loss_scale_factor=4.0).scale_loss(2.0) == 8.0
    optimizer = LossScaleOptimizer(SGD(), initial_scale=16.0)
    assert float(optimizer.scale_loss(2.0)) == 32.0
    optimizer.build(weights())
    state = optimizer.read_state()
    assert float(optimizer.scale_loss(2.0, state._replace(dynamic_scale=jnp.float32(2.0)))) == 4.0


# -- the learning rate ------------------------------------------------------------------------------------------------


def test_learning_rate_is_state_and_changing_it_traces_nothing():
    optimizer, tree = SGD(0.5), weights()
    optimizer.build(tree)
    traces = []

    @jax.jit
    def step(state, params):
        traces.append(1)
        updates, state = optimizer.update(params, state, params)
        return updates, state

    params = {"dense": {"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3)}}
    for rate in (0.5, 0.25, 0.125):
        optimizer.learning_rate = rate
        updates, state = step(optimizer.read_state(), params)
        optimizer.write_state(state)
        assert float(updates["dense"]["bias"][0]) == -rate
        assert float(optimizer.learning_rate) == float(optimizer.lr) == rate
    assert len(traces) == 1
    optimizer.lr = 0.75
    assert float(optimizer.learning_rate) == 0.75
    optimizer.learning_rate.assign(0.25)
    assert optimizer.get_config()["learning_rate"] == 0.25


def test_learning_rate_as_schedule_can_be_replaced_but_not_set():
    optimizer = SGD(0.5)
    assert len(optimizer.variables) == 2
    optimizer.learning_rate = optimizers.schedules.ExponentialDecay(0.5, 1, 0.5)
    assert len(optimizer.variables) == 1
    with pytest.raises(TypeError, match="is a schedule"):
        optimizer.learning_rate = 0.1
    with pytest.raises(ValueError, match="learning_rate"):
        SGD(0.1).learning_rate = -1.0


# -- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(-0.1), "`learning_rate` must be a number from 0 on, got learning_rate=-0.1"),
        (lambda: SGD("fast"), "`learning_rate`"),
        (lambda: SGD(momentum=1.5), "SGD needs momentum= a number between 0 and 1, got momentum=1.5"),
        (lambda: Adam(beta_1=1.0), "1 excluded"),
        (lambda: Adam(epsilon=-1e-7), "epsilon= a number from 0 on"),
        (lambda: RMSprop(rho=-0.1), "RMSprop needs rho="),
        (lambda: SGD(clipnorm=-1.0), "`clipnorm`"),
        (lambda: SGD(clipnorm=1.0, clipvalue=1.0), "Only one of clipnorm=1.0, clipvalue=1.0"),
        (lambda: SGD(use_ema=True, ema_momentum=2.0), "ema_momentum= a number between 0 and 1"),
        (lambda: SGD(use_ema=True, ema_overwrite_frequency=0), "`ema_overwrite_frequency`"),
        (lambda: SGD(gradient_accumulation_steps=1), "`gradient_accumulation_steps` must be an integer of at least 2"),
        (lambda: optimizers.AdamW(weight_decay=None), "AdamW needs weight_decay= a number"),
        (lambda: optimizers.Ftrl(learning_rate_power=0.5), "learning_rate_power= a number up to 0"),
        (lambda: optimizers.Lion(beta_1=0.0), "`beta_1` of Lion"),
        (lambda: LossScaleOptimizer("adam"), "`inner_optimizer` must be an Optimizer"),
        (lambda: LossScaleOptimizer(SGD(), clipnorm=1.0), "set it on the inner optimizer"),
        (lambda: MultiOptimizer(3), "MultiOptimizer needs optimizer_map="),
        (lambda: OptimizerMap(SGD(), {"a": LossScaleOptimizer(SGD())}), "wraps no others"),
        (lambda: get("sdg"), "Unknown optimizer: 'sdg'. Did you mean 'sgd'"),
        (lambda: get(3), "optimizer: 3"),
        (lambda: get(len), "optimizer: <built-in"),
    ],
)
def test_bad_values(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_misspelt_keywords_get_a_suggestion():
    with pytest.raises(TypeError, match=r"SGD\(\) got an unexpected keyword argument 'momentun'. Did you mean 'momentum'"):
        SGD(momentun=0.9)
    with pytest.raises(TypeError, match="Did you mean 'clipnorm'"):
        Adam(clip_norm=0.9)


def test_zero_clipping_means_none_as_in_keras():
    optimizer = SGD(1.0, clipnorm=0.0)
    assert optimizer.update(GRADS, optimizer.init(GRADS))[0][0][0, 0] == -0.5


def test_ambiguous_patterns_and_doubled_keys():
    chosen = OptimizerMap(SGD(), {".*kernel": Adam(), "dense/.*": SGD()})
    with pytest.raises(ValueError, match="Several patterns"):
        MultiOptimizer(chosen).build(weights())
    with pytest.raises(ValueError, match="already"):
        chosen["dense/.*"] = Adam()
    with pytest.raises(AttributeError, match="optimizers"):
        _ = MultiOptimizer(chosen).learning_rate
    with pytest.raises(AttributeError, match="one by one"):
        MultiOptimizer(chosen).learning_rate = 0.1


# -- dtypes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", PLAIN)
def test_16_bit_parameters(name, dtype):
    optimizer = getattr(optimizers, name)(
        0.125, weight_decay=0.1, use_ema=True, global_clipnorm=1.0, gradient_accumulation_steps=2
    )
    params = {"dense": {"kernel": jnp.ones((2, 3), dtype), "bias": jnp.ones(3, dtype)}}
    state = optimizer.init(params)
    with jax.numpy_dtype_promotion("strict"):
        updates, new = jax.eval_shape(optimizer.update, params, state, params)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), new) == jax.tree.map(lambda x: (x.shape, x.dtype), state)
    assert {u.dtype for u in jax.tree.leaves(updates)} == {jnp.dtype(dtype)}


def test_adam_moves_bfloat16_weights_although_beta_2_rounds_to_1():
    optimizer, params = Adam(0.125), jnp.ones(3, "bfloat16")
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    assert_close(updates.astype("float32"), np.full(3, -0.125), rtol=1e-2)


def test_float64_parameters():
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"):
        optimizer, params = Adam(0.5), jnp.ones(3, "float64")
        updates, state = optimizer.update(params, optimizer.init(params), params)
        assert updates.dtype == state.inner[0].momentum.dtype == "float64"
        np.testing.assert_allclose(updates, -0.5 / (1 + 1e-7 / np.sqrt(0.001)), rtol=1e-12)


# -- subclasses written for Keras -------------------------------------------------------------------------------------


def momentum_class(base, ops):
    class MyMomentum(base):
        def __init__(self, learning_rate=0.1, momentum=0.9, name=None, **kwargs):
            super().__init__(learning_rate=learning_rate, name=name, **kwargs)
            self.momentum = momentum

        def build(self, variables):
            if self.built:
                return
            super().build(variables)
            self.momentums = []
            for variable in variables:
                self.momentums.append(self.add_variable_from_reference(reference_variable=variable, name="momentum"))
            self.count, self.extra = self.add_variable((), name="count"), self.add_optimizer_variables(variables, "extra")

        def update_step(self, gradient, variable, learning_rate):
            m = self.momentums[self._get_variable_index(variable)]
            self.assign(m, m * self.momentum - gradient * learning_rate)
            self.assign_add(variable, m)
            self.assign_add(self.count, ops(self.iterations))

        def get_config(self):
            return {**super().get_config(), "momentum": self.momentum}

    return MyMomentum


@pytest.mark.parametrize(
    "options", [{}, {"clipnorm": 0.5, "use_ema": True, "weight_decay": 0.1}, {"gradient_accumulation_steps": 2}]
)
def test_update_step_runs_as_in_keras(options):
    theirs = momentum_class(keras.optimizers.Optimizer, lambda i: keras.ops.cast(i + 1, "float32"))(**options)
    ours = momentum_class(Optimizer, lambda i: (i + 1).astype("float32"))(**options)
    other = [keras.Variable(v.numpy()) for v in flat(weights())]
    tree = weights()
    ours.build(tree)
    for _ in range(4):
        theirs.apply_gradients(zip(GRADS, other, strict=True))
        ours.apply_gradients(zip(GRADS, flat(tree), strict=True))
    assert_close([v.value for v in flat(tree)], [v.value for v in other])
    assert [v.shape for v in ours.variables] == [tuple(v.shape) for v in theirs.variables]
    assert_close([v.value for v in ours.variables], [v.value for v in theirs.variables])
    params = jax.tree.map(lambda v: v.value, tree, is_leaf=lambda v: isinstance(v, Variable))
    before = [v.numpy() for v in ours.variables]
    updates, state = jax.jit(ours.update)(params, ours.read_state(), params)  # pure
    assert_close([v.numpy() for v in ours.variables], before)
    assert jax.tree.structure(state) == jax.tree.structure(ours.read_state())
    assert type(ours).from_config(ours.get_config()).momentum == 0.9


def test_update_step_serves_as_a_plain_transformation():
    optimizer = momentum_class(Optimizer, lambda i: (i + 1).astype("float32"))(0.5)
    params = {"w": jnp.ones(2)}
    updates, _ = optimizer.update({"w": jnp.ones(2)}, optimizer.init(params), params)
    assert updates["w"].tolist() == [-0.5, -0.5]


@pytest.mark.parametrize("name", ["Adam", "Nadam", "SGD"])
def test_update_step_of_a_built_in_optimizer_can_be_refined(name):
    def centered(base):
        class Centered(base):
            def update_step(self, gradient, variable, learning_rate):
                super().update_step(gradient - 0.5, variable, learning_rate)

        return Centered(0.1, weight_decay=0.1)

    theirs, ours = centered(getattr(keras.optimizers, name)), centered(getattr(optimizers, name))
    other, mine = [keras.Variable(v.numpy()) for v in flat(weights())], flat(weights())
    for _ in range(3):
        theirs.apply_gradients(zip(GRADS, other, strict=True))
        ours.apply_gradients(zip(GRADS, mine, strict=True))
    assert_close([v.value for v in mine], [v.value for v in other], rtol=1e-5)
    assert_close([v.value for v in ours.variables], [v.value for v in theirs.variables], rtol=1e-5)


def test_a_rule_of_ones_own():
    class Signs(Optimizer):
        def rule(self):
            return optax.chain(optax.scale_by_sign(), optax.scale_by_learning_rate(0.5))

    w = Variable([1.0, 2.0])
    Signs(0.0).apply([jnp.array([3.0, -4.0])], [w])
    assert w.numpy().tolist() == [0.5, 2.5]


def test_eager_updates_are_traced_once_and_see_changed_settings():
    traced = []

    class Counting(SGD):
        def rule(self):
            traced.append(self.momentum)
            return super().rule()

    optimizer, w = Counting(1.0, momentum=0.5), Variable([0.0])
    optimizer.build([w])
    traced.clear()
    for rate in (1.0, 0.5, 0.25):
        optimizer.learning_rate = rate
        optimizer.apply([jnp.ones(1)])
    assert traced == [0.5]
    optimizer.momentum = 0.25
    optimizer.apply([jnp.ones(1)])
    assert traced == [0.5, 0.25]


def test_fingerprints():
    def built(make):
        optimizer = make()
        optimizer.build(weights())
        return optimizer.fingerprint()

    assert built(lambda: Adam(0.1)) == built(lambda: Adam(0.5, name="other"))
    excluding = SGD(0.1, weight_decay=0.1)
    excluding.exclude_from_weight_decay(var_names=["bias"])
    assert LossScaleOptimizer(excluding).excludes_from_decay
    assert MultiOptimizer(OptimizerMap(excluding)).excludes_from_decay
    assert not SGD().excludes_from_decay
    assert built(lambda: SGD(0.1, weight_decay=0.1)) != built(lambda: excluding)
    different = [
        lambda: Adam(0.1),
        lambda: Adam(0.1, beta_1=0.5),
        lambda: Adam(lambda step: 0.1),
        lambda: Adam(optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)),
        lambda: Adam(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
        lambda: SGD(0.1),
        lambda: LossScaleOptimizer(Adam(0.1)),
        lambda: LossScaleOptimizer(SGD(0.1)),
        lambda: optimizers.Muon(),
        lambda: optimizers.Muon(exclude_layers=["dense"]),
        lambda: optimizers.Muon(exclude_layers=["nothing"]),
    ]
    assert len({built(make) for make in different}) == len(different)


def test_a_subclass_must_say_what_it_does():
    with pytest.raises(TypeError, match="must define rule"):
        Optimizer(0.1).init(jnp.ones(2))


def test_updates_inside_a_frame_stay_in_the_frame():
    mine = flat(weights())
    optimizer = SGD(1.0, momentum=0.5)
    optimizer.build(mine)

    @jax.jit
    def step(values):
        with Frame(dict(zip(map(id, everything), values, strict=True))) as frame:
            optimizer.apply(GRADS, mine)
        return [frame.values[id(v)] for v in everything]

    everything = [*mine, *optimizer.variables]
    new = step([v.value for v in everything])
    assert mine[0].numpy()[0, 0] == 1.0
    assert float(new[0][0, 0]) == 0.5


@pytest.mark.parametrize("name", ["SGD", "AdamW", "Muon"])
def test_options_may_be_given_by_position_too(name):
    values = [
        p.default
        for p in inspect.signature(getattr(optimizers, name)).parameters.values()
        if p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    names = [p.name for p in inspect.signature(getattr(optimizers, name)).parameters.values()]
    values[names.index("clipnorm")], values[names.index("name")] = 0.5, "mine"
    ours, theirs = (getattr(k.optimizers, name)(*values).get_config() for k in (jkeras, keras))
    assert ours["clipnorm"] == theirs["clipnorm"] == 0.5 and ours["name"] == "mine"
    for key, value in theirs.items():
        assert ours[key] == (pytest.approx(value) if isinstance(value, float) else value), key


def test_variables_that_went_through_jit():
    """As in Keras's guide to training loops: the lists of variables themselves are the first state."""
    v = jkeras.Variable([1.0, 2.0], name="v")
    optimizer = jkeras.optimizers.Adam(0.1)
    optimizer.build([v])
    step = jax.jit(lambda state, grads: optimizer.stateless_apply(state[1], grads, state[0]))
    values, state = step(([v], optimizer.variables), [np.ones(2, "float32")])
    again, _ = step((values, state), [np.ones(2, "float32")])
    assert_close(np.asarray(values[0]), np.array([0.9, 1.9]), rtol=1e-5)
    assert_close(np.asarray(again[0]), np.array([0.8, 1.8]), rtol=1e-5)
