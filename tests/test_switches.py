"""The switches of `jkeras.config`: limits of training, logging, attention, tracebacks; the picture of a history."""

import logging

import jax
import numpy as np
import pytest

import jkeras
from jkeras import config
from tests.oracle import keras

X, Y = np.ones((20, 3), "float32"), np.ones((20, 1), "float32")


def model_of(k):
    model = k.Sequential([k.layers.Input((3,)), k.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def counted(k):
    """How many epochs and batches of each kind run."""

    class Count(k.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.counts = {}

        def count(self, what):
            self.counts[what] = self.counts.get(what, 0) + 1

        def on_epoch_end(self, epoch, logs=None):
            self.count("epoch")

        def on_train_batch_end(self, batch, logs=None):
            self.count("train")

        def on_test_batch_end(self, batch, logs=None):
            self.count("test")

        def on_predict_batch_end(self, batch, logs=None):
            self.count("predict")

    count, model = Count(), model_of(k)
    model.fit(X, Y, batch_size=4, epochs=5, verbose=0, validation_data=(X, Y), callbacks=[count])
    model.evaluate(X, Y, batch_size=4, verbose=0, callbacks=[count])
    outputs = model.predict(X, batch_size=4, verbose=0, callbacks=[count])
    return count.counts, outputs.shape


@pytest.mark.filterwarnings("ignore:Limiting:UserWarning", "ignore:.* ran out:UserWarning")
def test_limits_are_keras_s():
    try:
        for k in (keras, jkeras):
            k.config.set_max_epochs(2)
            k.config.set_max_steps_per_epoch(2)
        assert counted(jkeras) == counted(keras)
        assert len(model_of(jkeras).predict(X, batch_size=4, verbose=0)) == 8  # also where a call is repeated
    finally:
        for k in (keras, jkeras):
            k.config.set_max_epochs(None)
            k.config.set_max_steps_per_epoch(None)
    assert len(model_of(jkeras).predict(X, batch_size=4, verbose=0)) == 20
    with pytest.raises(ValueError, match="max_epochs must be a positive integer"):
        config.set_max_epochs(0)


def test_limits_warn():
    config.set_max_epochs(1)
    try:
        with pytest.warns(UserWarning, match="Limiting epochs to 1"):
            assert model_of(jkeras).fit(X, Y, epochs=2, verbose=0).epoch == [0]
    finally:
        config.set_max_epochs(None)


def test_reports_go_to_the_logger(capsys, caplog):
    config.disable_interactive_logging()
    try:
        with caplog.at_level(logging.INFO, "jkeras"):
            model_of(jkeras).fit(X, Y, epochs=2)
        assert capsys.readouterr().out == "" and not jkeras.utils.is_interactive_logging_enabled()
        assert [record.message.split(" ")[0] for record in caplog.records] == ["Epoch", "1/1", "Epoch", "1/1"]
    finally:
        jkeras.utils.enable_interactive_logging()
    model_of(jkeras).fit(X, Y)
    assert "loss" in capsys.readouterr().out


def test_flash_attention_is_used_where_it_can_be():
    x = np.random.default_rng(0).normal(size=(1, 3, 2, 4)).astype("float32")
    fused = jkeras.ops.dot_product_attention(x, x, x)
    config.disable_flash_attention()
    try:
        assert not config.is_flash_attention_enabled()
        np.testing.assert_array_equal(jkeras.ops.dot_product_attention(x, x, x), fused)  # in 32 bits: as with it
    finally:
        config.enable_flash_attention()
    assert config.is_flash_attention_enabled()


def test_traceback_filtering_is_jax_s():
    config.disable_traceback_filtering()
    assert jax.config.jax_traceback_filtering == "off" and not config.is_traceback_filtering_enabled()
    config.enable_traceback_filtering()
    assert config.is_traceback_filtering_enabled()


def test_history_plot(tmp_path):
    pytest.importorskip("matplotlib")
    history = model_of(jkeras).fit(X, Y, epochs=4, verbose=0, validation_data=(X, Y), validation_freq=2)
    figure = history.plot()
    (axes,) = figure.axes
    assert axes.get_title() == "loss" and [len(line.get_xdata()) for line in axes.lines[:2]] == [4, 2]
    figure.savefig(tmp_path / "a.png")
    wide = jkeras.callbacks.History()
    for epoch, loss in enumerate([100.0, 1.0, 0.1, 0.5, float("nan")]):
        wide.on_epoch_end(epoch, {"loss": loss, "acc": 0.5, "list": [1.0, 2.0]})
    figure = wide.plot()
    assert [(a.get_title(), a.get_yscale()) for a in figure.axes] == [("loss", "log"), ("acc", "linear")]
    assert figure.axes[0].lines[-1].get_label() == "best: epoch 2"
    with pytest.raises(ValueError, match=r"has no \['mae'\]"):
        wide.plot(["mae"])
    with pytest.raises(ValueError, match="is empty"):
        jkeras.callbacks.History().plot()
