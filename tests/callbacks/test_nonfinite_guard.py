"""`NonFiniteGuard`: a step that is not finite is left out, and the message says where the numbers went wrong."""

import numpy as np
import pytest

import jkeras
from jkeras import layers, ops
from jkeras.callbacks import NonFiniteGuard, TerminateOnNaN

pytestmark = pytest.mark.filterwarnings("ignore:.*in the data:UserWarning", "ignore:The first epoch:UserWarning")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype("float32")
Y = RNG.normal(size=(60, 1)).astype("float32")


@jkeras.saving.register_keras_serializable("guard")
class Root(layers.Layer):
    def call(self, x):
        return ops.sqrt(x)


def model_of(*inner, optimizer="adam", loss="mse", **compiled):
    jkeras.utils.set_random_seed(0)
    model = jkeras.Sequential([jkeras.Input((3,)), *inner, layers.Dense(1, name="last")])
    model.compile(optimizer, loss, metrics=["mae"], **compiled)
    return model


def fit(model, guard, x=X, y=Y, epochs=1, **arguments):
    return model.fit(x, y, batch_size=10, epochs=epochs, shuffle=False, verbose=0, callbacks=[guard], **arguments)


def bits(model):
    return [np.asarray(v.value).tobytes() for v in [*model.variables, *model.optimizer.variables]]


def raised(model, **arguments):
    with pytest.raises(FloatingPointError) as error:
        fit(model, NonFiniteGuard(), **arguments)
    return str(error.value)


def with_value(array, row, value):
    changed = array.copy()
    changed[row] = value
    return changed


def test_data_is_named():
    text = raised(model_of(), x=with_value(X, [34, 37], np.nan))
    assert (
        text
        == "Batch 3 of epoch 1 is not finite. The data is not finite: x has 6 NaN of 30 numbers in rows 4, 7 of the batch."
    )
    text = raised(model_of(), y=with_value(Y, 51, np.inf))
    assert "Batch 5" in text and "y has 1 infinite of 10 numbers in row 1" in text


@pytest.mark.parametrize("streamed", [False, True])
def test_the_first_layer_is_named(streamed):
    inner = [layers.Dense(4, name="first"), Root(name="root"), layers.Dense(2, name="second")]
    if streamed:
        jkeras.config.set_device_memory_budget(0)
    try:
        text = raised(model_of(*inner))
    finally:
        jkeras.config.set_device_memory_budget(None)
    assert "The first layer whose output is not finite is 'root' (Root): its output of shape (10, 4) has" in text


def test_a_layer_of_a_nested_model_is_named():
    nested = jkeras.Sequential([jkeras.Input((3,)), layers.Dense(4, name="inside"), Root(name="root")], name="nested")
    assert "'root' (Root)" in raised(model_of(nested, layers.Dense(2)))


def test_the_loss_and_gradients_are_named():
    assert "The outputs of all layers are finite, and the loss of them is inf." in raised(
        model_of(), y=with_value(Y, 3, 1e30)
    )

    def steep(y_true, y_pred):  # zero for zero, where its slope is infinite
        return ops.mean(ops.sqrt(ops.abs(y_pred * 0.0)))

    text = raised(model_of(loss=steep))
    assert (
        "and the loss, 0, are finite. These weights have a gradient that is not: 'last/" in text
        and "'last/kernel' (3 NaN" in text
    )


def test_an_update_that_overflows_is_named():
    text = raised(model_of(optimizer=jkeras.optimizers.SGD(3e38)), y=Y * 1e3)
    assert "so are the gradients: the optimizer's step is too large" in text


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_step_is_left_out_as_if_the_batch_were_not_there(eagerly):
    made = lambda: model_of(layers.BatchNormalization(), run_eagerly=eagerly)  # noqa: E731
    guarded, guard = made(), NonFiniteGuard("skip")
    with pytest.warns(UserWarning, match="Batch 3 of epoch 1 is not finite.* Its step is left out, and training goes on."):
        history = fit(guarded, guard, y=with_value(Y, 31, np.nan), epochs=2)
    assert guard.skipped == [(0, 3), (1, 3)]
    other = made()
    rest = np.r_[0:30, 40:60]
    expected = fit(other, jkeras.callbacks.Callback(), X[rest], Y[rest], epochs=2)
    assert bits(guarded) == bits(other)
    np.testing.assert_allclose(history.history["loss"], expected.history["loss"], rtol=1e-6)


def test_stop():
    model = model_of()
    with pytest.warns(UserWarning, match="Batch 2 .*Training ends before its step"):
        history = fit(model, NonFiniteGuard("stop"), y=with_value(Y, 25, np.nan), epochs=4)
    assert len(history.epoch) == 1 and np.isfinite(history.history["loss"]).all()
    assert int(model.optimizer.iterations) == 2


@pytest.mark.filterwarnings("ignore:Batch 0:UserWarning")
def test_a_run_that_cannot_recover_ends():
    model = model_of(optimizer=jkeras.optimizers.SGD(3e38))
    with pytest.raises(FloatingPointError, match="Batch 4"):
        fit(model, NonFiniteGuard("skip", limit=4), y=Y * 1e3)
    assert len(fit(model, NonFiniteGuard("skip", limit=None), y=Y * 1e3, epochs=2).epoch) == 2


def test_a_step_of_ones_own_is_guarded():
    class Own(jkeras.Sequential):
        def train_step(self, state, batch):
            loss, state = self.pure_loss(state, batch)
            return state, {"loss": loss}

    model = Own([jkeras.Input((3,)), layers.Dense(4, name="first"), Root(name="root"), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert "'root' (Root)" in raised(model)


def test_two_guards_together(capsys):
    with pytest.raises(FloatingPointError, match="Batch 1"):
        fit(model_of(), [TerminateOnNaN(), NonFiniteGuard()], y=with_value(Y, 11, np.nan))
    assert "Batch 1: Invalid loss" in capsys.readouterr().out
    with pytest.raises(ValueError, match="'raise', 'stop', 'skip'"):
        NonFiniteGuard("ignore")
