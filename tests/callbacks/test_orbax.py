"""`OrbaxCheckpoint`: folders that Keras reads, and that are read from Keras."""

import os

import numpy as np
import pytest

import jkeras
from jkeras.callbacks import OrbaxCheckpoint
from tests.oracle import keras

pytest.importorskip("orbax.checkpoint")

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = X[:, :1]


def model_of(library=jkeras, optimizer="adam"):
    library.utils.set_random_seed(0)
    inputs = library.Input((3,), name="in")
    x = library.layers.BatchNormalization(name="norm")(library.layers.Dense(4, name="first")(inputs))
    model = library.Model(
        inputs, library.layers.Dense(1, name="last")(library.layers.Dropout(0.1, name="drop")(x)), name="net"
    )
    model.compile(optimizer, "mse")
    return model


def fit(callback, library=jkeras, epochs=3, model=None, **arguments):
    model = model or model_of(library)
    model.fit(X, Y, batch_size=10, epochs=epochs, verbose=0, callbacks=[callback], **arguments)
    return model


def assert_same(first, second):
    for one, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other), err_msg=one.path)


@pytest.mark.parametrize("background", [True, False])
def test_models_come_back_with_the_state_of_training(background, tmp_path):
    model = fit(OrbaxCheckpoint(tmp_path / "run", save_on_background=background, max_to_keep=2))
    assert sorted(os.listdir(tmp_path / "run")) == ["1", "2"]
    loaded = jkeras.models.load_model(tmp_path / "run")
    assert_same(model, loaded)
    assert int(loaded.optimizer.iterations) == 12
    for one, other in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    older = model_of()
    older.load_weights(tmp_path / "run" / "1")
    assert not np.array_equal(older.weights[0], loaded.weights[0])
    for going_on in (model, loaded):  # with the same masks of dropout
        going_on.fit(X, Y, batch_size=10, shuffle=False, verbose=0)
    assert_same(model, loaded)


@pytest.mark.filterwarnings("ignore:Sharding info not provided:UserWarning")  # of Keras's own reading
def test_keras_reads_it_and_is_read(tmp_path):
    mine = fit(OrbaxCheckpoint(tmp_path / "mine"))
    theirs = fit(keras.callbacks.OrbaxCheckpoint(str(tmp_path / "theirs")), keras)
    assert_same(mine, keras.models.load_model(str(tmp_path / "mine")))
    loaded = jkeras.models.load_model(tmp_path / "theirs")
    assert_same(theirs, loaded)
    assert int(loaded.optimizer.iterations) == 12
    other = model_of()
    other.load_weights(tmp_path / "theirs")
    assert_same(theirs, other)


def test_weights_alone(tmp_path):
    model = fit(OrbaxCheckpoint(tmp_path, save_weights_only=True))
    other = model_of()
    other.load_weights(tmp_path)
    assert_same(model, other)
    assert int(other.optimizer.iterations) == 0
    with pytest.raises(ValueError, match="does not contain model configuration"):
        jkeras.models.load_model(tmp_path)


def test_batches_are_numbered_through_runs(tmp_path):
    model = fit(OrbaxCheckpoint(tmp_path, save_freq=5, max_to_keep=None), epochs=3)
    assert sorted(map(int, os.listdir(tmp_path))) == [5, 10]
    fit(OrbaxCheckpoint(tmp_path, save_freq=3, max_to_keep=None), epochs=1, model=model)
    assert sorted(map(int, os.listdir(tmp_path))) == [5, 10, 15]
    fit(OrbaxCheckpoint(tmp_path, max_to_keep=2), epochs=2)  # another run: nothing of it is dropped as older
    assert sorted(map(int, os.listdir(tmp_path))) == [16, 17]


def test_best_only(tmp_path):
    class Losses(jkeras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["loss"] = [3.0, 1.0, 2.0, 0.5][epoch]

    save = OrbaxCheckpoint(tmp_path / "a", "loss", save_best_only=True, max_to_keep=None, initial_value_threshold=2.5)
    fit([Losses(), save], epochs=4)
    assert sorted(os.listdir(tmp_path / "a")) == ["1", "3"]
    with pytest.warns(UserWarning, match="Available metrics are: loss"):
        fit(OrbaxCheckpoint(tmp_path / "b", "accuracy", mode="max", save_best_only=True), epochs=1)
    assert os.listdir(tmp_path / "b") == []


def test_vocabularies_come_along(tmp_path):
    lookup = jkeras.layers.StringLookup()
    lookup.adapt(["a", "b"])
    model = jkeras.Sequential(
        [jkeras.Input((1,), dtype="string"), lookup, jkeras.layers.Embedding(3, 1), jkeras.layers.Flatten()]
    )
    model.compile("sgd", "mse")
    words = np.array([["a"], ["b"]])
    model.fit(words, np.ones((2, 1)), verbose=0, callbacks=[OrbaxCheckpoint(tmp_path)])
    assert os.path.isdir(tmp_path / "0" / "assets")
    np.testing.assert_array_equal(
        jkeras.models.load_model(tmp_path).predict(words, verbose=0), model.predict(words, verbose=0)
    )


def test_a_full_disk_is_a_warning(tmp_path, monkeypatch):
    save = OrbaxCheckpoint(tmp_path)
    fit(save, epochs=1)
    save = OrbaxCheckpoint(tmp_path)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(save.checkpointer), "save_checkpointables_async", full)
    with pytest.warns(UserWarning, match="The disk is full"):
        fit(save, epochs=1)
    assert os.listdir(tmp_path) == ["0"]


def test_bad_input(tmp_path, monkeypatch):
    for options in ({"save_freq": 0}, {"save_freq": "batch"}, {"max_to_keep": 0}):
        with pytest.raises(ValueError, match=next(iter(options))):
            OrbaxCheckpoint(tmp_path, **options)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        fit(OrbaxCheckpoint(tmp_path / "file"))
    monkeypatch.setitem(__import__("sys").modules, "orbax.checkpoint", None)
    with pytest.raises(ImportError, match=r'pip install "jkeras\[orbax\]"'):
        OrbaxCheckpoint(tmp_path)
