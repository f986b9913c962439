"""Each member of an ensemble is the model that its own `fit` would give."""

import jax
import numpy as np
import pytest

import jkeras
from jkeras import layers
from jkeras.training.feed import set_device_memory_budget

SEEDS = [3, 0, 11]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(53, 4)).astype("float32")
Y = RNG.integers(0, 3, 53)
OPTIONS = {"epochs": 4, "batch_size": 8, "verbose": 0, "validation_data": (X[:20], Y[:20])}


def build(rate=0.01):
    """With BatchNorm, Dropout and a last batch that is smaller than the others."""
    hidden = [layers.Dense(8, "relu"), layers.BatchNormalization(), layers.Dropout(0.3)]
    model = jkeras.Sequential([jkeras.Input((4,)), *hidden, layers.Dense(3, "softmax")])
    model.compile(jkeras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def single(seed, build=build, x=X, y=Y, **options):
    jkeras.utils.set_random_seed(seed)
    model = build()
    return model, model.fit(x, y, **(OPTIONS | options)).history


def assert_equal(model, other):
    """Weights, seeds of dropout, and the optimizer's state, bit for bit."""
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(model.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def assert_members_are_fits(ensemble, history, fits):
    for member, (model, expected) in enumerate(fits):
        assert_equal(ensemble[member], model)
        for name, values in expected.items():
            np.testing.assert_allclose(history[name][:, member], values, rtol=1e-5, err_msg=name)


@pytest.fixture(scope="module")
def trained():
    ensemble = jkeras.Ensemble(build, SEEDS)
    return ensemble, ensemble.fit(X, Y, **OPTIONS).history


def test_members_are_the_fits_of_their_seeds(trained):
    ensemble, history = trained
    assert history["val_accuracy"].shape == (4, 3)
    fits = [single(seed) for seed in SEEDS]
    assert_members_are_fits(ensemble, history, fits)
    for member, (model, _) in enumerate(fits):
        assert_close = np.testing.assert_allclose
        assert_close(ensemble.members(X, verbose=0)[member], model.predict(X, verbose=0), atol=1e-6)
        assert_close(ensemble.evaluate(X, Y, verbose=0)[0][member], model.evaluate(X, Y, verbose=0)[0], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"shuffle": False},
        {"shuffle": "batch", "sample_weight": RNG.random(53)},
        pytest.param({"class_weight": {0: 1.0, 1: 3.0, 2: 0.5}}, marks=pytest.mark.longest),
        pytest.param({"validation_split": 0.2, "validation_data": None}, marks=pytest.mark.longest),
    ],
    ids=["in order", "within batches", "class weights", "split"],
)
def test_options_of_fit(options):
    ensemble = jkeras.Ensemble(build, SEEDS)
    history = ensemble.fit(X, Y, **(OPTIONS | options)).history
    assert_members_are_fits(ensemble, history, [single(seed, **options) for seed in SEEDS])


def test_streamed_rows_are_the_resident_ones(trained):
    set_device_memory_budget(0)
    try:
        ensemble = jkeras.Ensemble(build, SEEDS)
        ensemble.fit(X, Y, **OPTIONS)
    finally:
        set_device_memory_budget(None)
    for member in range(3):
        assert_equal(ensemble[member], trained[0][member])


@pytest.mark.slow
def test_a_generator_gives_all_members_the_same_batches():
    def batches():
        for _ in range(4):
            yield from ((X[i : i + 10], Y[i : i + 10]) for i in range(0, 50, 10))

    options = {"epochs": 4, "steps_per_epoch": 5, "verbose": 0}
    ensemble = jkeras.Ensemble(build, SEEDS)
    ensemble.fit(batches(), **options)
    for member, seed in enumerate(SEEDS):
        jkeras.utils.set_random_seed(seed)
        model = build()
        model.fit(batches(), **options)
        assert_equal(ensemble[member], model)


@pytest.mark.slow
def test_bootstrap_draws_rows_for_each_member():
    ensemble = jkeras.Ensemble(build, SEEDS, bootstrap=True)
    history = ensemble.fit(X, Y, **OPTIONS).history
    rows = [np.random.RandomState(seed).randint(53, size=53) for seed in SEEDS]
    assert_members_are_fits(ensemble, history, [single(s, x=X[r], y=Y[r]) for s, r in zip(SEEDS, rows)])


@pytest.mark.slow
def test_a_model_that_is_built_by_its_data():
    def lazy():
        model = jkeras.Sequential([layers.Dense(6, "relu"), layers.Dropout(0.5), layers.Dense(3, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    ensemble = jkeras.Ensemble(lazy, SEEDS)
    history = ensemble.fit(X, Y, **OPTIONS).history
    assert_members_are_fits(ensemble, history, [single(seed, lazy) for seed in SEEDS])


@pytest.mark.slow
def test_a_function_that_draws_itself_is_called_for_each_member():
    calls = []

    def own():
        model = build()
        model.layers[0].bias.assign(np.random.normal(size=8))
        calls.append(model)
        return model

    ensemble = jkeras.Ensemble(own, SEEDS)
    ensemble.fit(X, Y, **OPTIONS)
    assert len(calls) > len(SEEDS)
    for member, seed in enumerate(SEEDS):
        assert_equal(ensemble[member], single(seed, own)[0])


def test_it_is_built_twice_whatever_the_number_of_members():
    calls = []
    ensemble = jkeras.Ensemble(lambda: calls.append(1) or build(), range(20))
    assert ensemble.members(X, verbose=0).shape == (20, 53, 3) and len(calls) == 2
    jkeras.utils.set_random_seed(17)
    np.testing.assert_allclose(ensemble.members(X, verbose=0)[17], build().predict(X, verbose=0), atol=1e-6)


@pytest.mark.slow
def test_models_with_a_step_of_their_own():
    class Own(jkeras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3, "softmax")

        def call(self, x):
            return self.dense(x)

        def train_step(self, state, batch):
            def objective(params):
                return self.pure_loss(state._replace(params=params), batch)

            grads, state = jax.grad(objective, has_aux=True)(state.params)
            return self.pure_update(state, grads), self.pure_results(state)

    def own():
        model = Own()
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    ensemble = jkeras.Ensemble(own, SEEDS)
    history = ensemble.fit(X, Y, **OPTIONS).history
    assert_members_are_fits(ensemble, history, [single(seed, own) for seed in SEEDS])


@pytest.mark.slow
def test_running_means_of_weights():
    def own():
        model = jkeras.Sequential([jkeras.Input((4,)), layers.Dense(3, "softmax")])
        model.compile(jkeras.optimizers.Adam(0.1, use_ema=True), "sparse_categorical_crossentropy")
        return model

    ensemble = jkeras.Ensemble(own, SEEDS)
    history = ensemble.fit(X, Y, **OPTIONS).history
    assert_members_are_fits(ensemble, history, [single(seed, own) for seed in SEEDS])


def test_mean_members_and_spread(trained):
    ensemble, _ = trained
    outputs = ensemble.members(X, verbose=0)
    assert outputs.shape == (3, 53, 3) and len(ensemble) == 3 and len(list(ensemble)) == 3
    np.testing.assert_allclose(ensemble.predict(X, verbose=0), outputs.mean(0), atol=1e-6)
    np.testing.assert_allclose(ensemble.spread(X, verbose=0), outputs.std(0), atol=1e-6)
    member = ensemble[-1]
    np.testing.assert_allclose(member.predict(X, verbose=0), outputs[2], atol=1e-6)
    assert member.fit(X, Y, verbose=0).history["loss"][0] < 2


def test_the_callers_random_numbers_are_left_alone():
    jkeras.utils.set_random_seed(5)
    before = np.random.get_state()[1].tolist(), jkeras.random.normal((2,)).tolist()
    jkeras.utils.set_random_seed(5)
    ensemble = jkeras.Ensemble(build, SEEDS)
    ensemble.fit(X, Y, **OPTIONS)
    _ = ensemble[0]
    assert (np.random.get_state()[1].tolist(), jkeras.random.normal((2,)).tolist()) == before


# -- files and going on ------------------------------------------------------------------------------------------------


def test_a_second_fit_goes_on(trained):
    ensemble = jkeras.Ensemble(build, SEEDS)
    for epochs in (1, 3):
        ensemble.fit(X, Y, **(OPTIONS | {"epochs": epochs}))
    for member in range(2):
        assert_equal(ensemble[member], trained[0][member])


def test_save_and_load_go_on_with_the_same_bits(tmp_path, trained):
    ensemble = jkeras.Ensemble(build, SEEDS)
    ensemble.fit(X, Y, **(OPTIONS | {"epochs": 2}))
    ensemble.save(tmp_path / "ensemble.npz")
    again = jkeras.Ensemble.load(tmp_path / "ensemble.npz", build)
    again.fit(X, Y, **(OPTIONS | {"epochs": 2}))
    for member in range(3):
        assert_equal(again[member], trained[0][member])


def test_what_cannot_be_loaded_is_named(tmp_path, trained):
    def wider():
        model = jkeras.Sequential([jkeras.Input((4,)), layers.Dense(9)])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    trained[0].save(tmp_path / "ensemble.npz")
    with pytest.raises(ValueError, match="other models than build"):
        jkeras.Ensemble.load(tmp_path / "ensemble.npz", wider)
    (tmp_path / "broken.npz").write_bytes(b"no ensemble")
    with pytest.raises(ValueError, match="damaged"):
        jkeras.Ensemble.load(tmp_path / "broken.npz", build)
    with pytest.raises(ValueError, match="no weights yet"):
        jkeras.Ensemble(build, [1]).save(tmp_path / "empty.npz")


class Killed(Exception):
    pass


@pytest.mark.parametrize("where", ["epoch", pytest.param("batch", marks=pytest.mark.slow)])
def test_a_run_that_was_killed_goes_on_with_the_same_bits(tmp_path, trained, where):
    class Kill(jkeras.callbacks.Callback):
        batch_calls = 3

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2 and where == "epoch":
                raise Killed

        def on_train_batch_end(self, batch, logs=None):
            if int(self.model._compiled.plan.read().opt_state.iterations[0]) > 15 and where == "batch":
                raise Killed

    backup = jkeras.callbacks.BackupAndRestore(tmp_path, save_freq="epoch" if where == "epoch" else 3)
    with pytest.raises(Killed):
        jkeras.Ensemble(build, SEEDS).fit(X, Y, **OPTIONS, callbacks=[backup, Kill()])
    ensemble = jkeras.Ensemble(build, SEEDS)
    history = ensemble.fit(X, Y, **OPTIONS, callbacks=[jkeras.callbacks.BackupAndRestore(tmp_path)]).history
    for member in range(3):
        assert_equal(ensemble[member], trained[0][member])
    np.testing.assert_array_equal(history["loss"], trained[1]["loss"])


# -- bad input ---------------------------------------------------------------------------------------------------------


def uncompiled():
    return jkeras.Sequential([jkeras.Input((4,)), layers.Dense(3)])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: jkeras.Ensemble(uncompiled, [1, 2]), ValueError, "not compiled"),
        (lambda: jkeras.Ensemble(lambda: None, [1, 2]), TypeError, "returned None"),
        (lambda: jkeras.Ensemble(build, []), ValueError, "at least one seed"),
        (lambda: jkeras.Ensemble(build, [1, 2, 1]), ValueError, r"repeat: \[1\]"),
        (lambda: jkeras.Ensemble(build, [1, "a"]), ValueError, "'a'"),
        (lambda: jkeras.Ensemble(build, [1])[1], IndexError, "1 members"),
        (lambda: jkeras.Ensemble(build, [1]).compile("sgd"), TypeError, "build"),
        (lambda: jkeras.Ensemble(build, [1]).summary(), AttributeError, r"ensemble\[0\].summary"),
        (
            lambda: jkeras.Ensemble(build, [1], bootstrap=True).fit(iter([(X, Y)]), verbose=0),
            ValueError,
            "stream of batches",
        ),
    ],
)
def test_bad_input(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_different_architectures_are_named():
    sizes = iter([4, 5])

    def changing():
        model = jkeras.Sequential([jkeras.Input((4,)), layers.Dense(next(sizes))])
        model.compile("sgd", "mse")
        return model

    with pytest.raises(ValueError, match=r"dense/kernel: .*4, 4.* and .*4, 5"):
        jkeras.Ensemble(changing, [1, 2]).fit(X, X, verbose=0)


@pytest.mark.parametrize(
    "callback",
    [jkeras.callbacks.ModelCheckpoint("model.keras"), jkeras.callbacks.TerminateOnNaN()],
    ids=lambda c: type(c).__name__,
)
def test_callbacks_that_need_a_single_model_are_named(callback):
    with pytest.raises(TypeError, match=f"{type(callback).__name__} works with a single model"):
        jkeras.Ensemble(build, SEEDS).fit(X, Y, verbose=0, callbacks=[callback])
