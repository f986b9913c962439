"""`TensorBoard`: Keras's tags, steps, folders and numbers, read back from the event files."""

import glob
import json
import os
import struct

import numpy as np
import pytest

import jkeras
from jkeras.callbacks import TensorBoard

event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(12, 3)).astype("float32")
Y = RANDOM.normal(size=(12, 1)).astype("float32")


def events(folder):
    """`{(tag, step): value}` of all files in a folder; the format is length, checksum, event, checksum."""
    found = {}
    for path in glob.glob(os.path.join(folder, "events*")):
        with open(path, "rb") as file:
            while header := file.read(12):
                (length,) = struct.unpack("<Q", header[:8])
                event = event_pb2.Event.FromString(file.read(length))
                file.read(4)
                for value in event.summary.value:
                    kind = value.WhichOneof("value")
                    found[value.tag, event.step] = value.simple_value if kind == "simple_value" else getattr(value, kind)
    return found


def model_of():
    model = jkeras.Sequential(
        [jkeras.Input((3,)), jkeras.layers.Dense(2, name="first"), jkeras.layers.Dense(1, name="last")]
    )
    model.compile(jkeras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    return model


def fit(folder, epochs=2, validation=True, **options):
    model = model_of()
    logs = []
    note = jkeras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs_: logs.append(dict(logs_)))
    note.batch_calls = 1
    history = model.fit(
        X, Y, batch_size=4, epochs=epochs, verbose=0, validation_data=(X, Y) if validation else None,
        callbacks=[TensorBoard(folder, **options), note],
    )  # fmt: skip
    return history.history, logs, model


def test_epochs(tmp_path):
    history, _, model = fit(tmp_path)
    train, validation = events(tmp_path / "train"), events(tmp_path / "validation")
    config = train.pop(("keras", 0))
    assert config.string_val[0].decode() == model.to_json()
    assert set(train) == {(f"epoch_{name}", epoch) for name in ("loss", "mae", "learning_rate") for epoch in (0, 1)}
    tags = {(f"epoch_{name}", epoch) for name in ("loss", "mae") for epoch in (0, 1)}
    assert set(validation) == tags | {(f"evaluation_{name}_vs_iterations", i) for name in ("loss", "mae") for i in (3, 6)}
    for epoch in (0, 1):
        np.testing.assert_allclose(train["epoch_loss", epoch], history["loss"][epoch], rtol=1e-6)
        np.testing.assert_allclose(validation["epoch_mae", epoch], history["val_mae"][epoch], rtol=1e-6)
    np.testing.assert_allclose(train["epoch_learning_rate", 1], 0.1, rtol=1e-6)


@pytest.mark.parametrize(("freq", "steps"), [("batch", range(1, 7)), (1, range(1, 7)), (2, [2, 4, 6]), (4, [4])])
def test_batches(freq, steps, tmp_path):
    _, logs, _ = fit(tmp_path, update_freq=freq, validation=False)
    train = events(tmp_path / "train")
    found = {step: value for (tag, step), value in train.items() if tag == "batch_loss"}
    assert sorted(found) == list(steps)
    for step, value in found.items():
        np.testing.assert_allclose(value, logs[step - 1]["loss"], rtol=1e-6)
    assert ("batch_mae", steps[0]) in train and not os.path.exists(tmp_path / "validation")


@pytest.mark.parametrize("freq", ["batch", 2, "epoch"])
def test_steps_per_second(freq, tmp_path):
    fit(tmp_path, update_freq=freq, write_steps_per_second=True)
    train = events(tmp_path / "train")
    assert train["epoch_steps_per_second", 1] > 0
    assert (("batch_steps_per_second", 2) in train) is (freq != "epoch")
    assert all(value > 0 for (tag, _), value in train.items() if "second" in tag)


def test_weights(tmp_path):
    _, _, model = fit(tmp_path, epochs=3, histogram_freq=2, write_images=True)
    train = events(tmp_path / "train")
    for epoch in (0, 2):
        for weight in model.weights:
            histogram = train[f"{weight.path}/histogram", epoch]
            assert histogram.num == np.size(weight.value)
        assert train[f"{model.weights[0].path}/image", epoch].encoded_image_string.startswith(b"\x89PNG")
    last = train[f"{model.weights[0].path}/histogram", 2]
    np.testing.assert_allclose([last.min, last.max], [np.min(model.weights[0]), np.max(model.weights[0])], rtol=1e-5)
    assert not any(epoch == 1 and "histogram" in tag for tag, epoch in train)


def test_evaluate_alone_and_runs_that_follow(tmp_path):
    model = model_of()
    board = TensorBoard(tmp_path)
    model.evaluate(X, Y, verbose=0, callbacks=[board])
    assert events(tmp_path / "validation").keys() == {
        ("evaluation_loss_vs_iterations", 0),
        ("evaluation_mae_vs_iterations", 0),
    }
    assert not os.path.exists(tmp_path / "train")
    for _ in range(2):
        model.fit(X, Y, verbose=0, callbacks=[board])
    assert ("epoch_loss", 0) in events(tmp_path / "train")


def test_profile(tmp_path):
    fit(tmp_path, update_freq=2, profile_batch=(3, 4), validation=False)
    assert len(glob.glob(str(tmp_path / "train" / "plugins" / "profile" / "*" / "*.pb"))) == 1
    assert {step for tag, step in events(tmp_path / "train") if tag == "batch_loss"} == {2, 4, 6}


def test_embeddings(tmp_path):
    (tmp_path / "words.txt").write_text("a\nb\nc\n")
    model = jkeras.Sequential([jkeras.layers.Embedding(3, 2, name="words"), jkeras.layers.Flatten(), jkeras.layers.Dense(1)])
    model.compile("sgd", "mse")
    board = TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"words": "words.txt"})
    model.fit(np.array([[0, 1], [2, 1]]), np.ones((2, 1)), verbose=0, callbacks=[board])
    assert "words" in (tmp_path / "train" / "projector_config.pbtxt").read_text()
    with pytest.raises(ValueError, match="'other'"):
        model.fit(
            np.array([[0, 1]]), np.ones((1, 1)), verbose=0,
            callbacks=[TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"other": "words.txt"})],
        )  # fmt: skip


@pytest.mark.parametrize(
    "options", [{"update_freq": 0}, {"update_freq": "step"}, {"profile_batch": -1}, {"profile_batch": "a"}]
)
def test_bad_arguments(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        TensorBoard(**options)
    with pytest.raises(ValueError, match="profile_batch"):
        TensorBoard(profile_batch=(3, 2))
    assert TensorBoard(profile_batch="2,4")._stop_batch == 4


def test_missing_library(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "jkeras\[tensorboard\]"'):
        TensorBoard()


def test_tensorboard_reads_it(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tensorboard.plugins.graph.keras_util import keras_model_to_graph_def

    history, _, model = fit(tmp_path, histogram_freq=1, write_images=True, update_freq="batch", profile_batch=2)
    everything = {"histograms": 0, "images": 0, "scalars": 0, "tensors": 0}
    found = reader.EventAccumulator(str(tmp_path / "train"), everything).Reload()
    np.testing.assert_allclose([e.value for e in found.Scalars("epoch_loss")], history["loss"], rtol=1e-6)
    assert [e.step for e in found.Scalars("batch_loss")] == [1, 2, 3, 4, 5, 6]
    validation = reader.EventAccumulator(str(tmp_path / "validation"), everything).Reload()
    np.testing.assert_allclose([e.value for e in validation.Scalars("epoch_mae")], history["val_mae"], rtol=1e-6)
    weight = model.weights[0]
    (_, last) = found.Histograms(f"{weight.path}/histogram")
    assert last.step == 1 and last.histogram_value.num == weight.numpy().size
    np.testing.assert_allclose(last.histogram_value.sum, weight.numpy().sum(), rtol=1e-5)
    image = found.Images(f"{weight.path}/image")[-1]
    assert (image.height, image.width) == (2, 3) and image.encoded_image_string.startswith(b"\x89PNG")
    assert found.SummaryMetadata("keras").plugin_data.plugin_name == "graph_keras_model"
    (graph,) = found.Tensors("keras")
    nodes = keras_model_to_graph_def(json.loads(graph.tensor_proto.string_val[0])).node
    assert {"first", "last"} <= {node.name.split("/")[-1] for node in nodes}
    assert glob.glob(str(tmp_path / "train" / "plugins" / "profile" / "*" / "*.xplane.pb"))
