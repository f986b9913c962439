"""Exported programs compute what the model computes, for any number of rows, without this library."""

import importlib.util
import pickle
import subprocess
import sys

import numpy as np
import pytest

import jkeras
from tests.oracle import assert_close

pytest.importorskip("flatbuffers")
RNG = np.random.default_rng(0)


def array(*shape):
    return RNG.normal(size=shape).astype("float32")


def images():
    layers = jkeras.layers
    stack = [layers.Conv2D(2, 3, activation="relu"), layers.BatchNormalization(), layers.MaxPooling2D(), layers.Flatten()]
    return jkeras.Sequential([jkeras.Input((8, 8, 3)), *stack, layers.Dropout(0.5), layers.Dense(2)]), array(5, 8, 8, 3)


def sequences():
    layers = jkeras.layers
    x = jkeras.Input((6,), dtype="int32")
    y = layers.Bidirectional(layers.LSTM(2))(layers.Embedding(9, 4, mask_zero=True)(x))
    return jkeras.Model(x, [y, layers.Dense(1)(y)]), RNG.integers(0, 9, (5, 6)).astype("int32")


def dicts():
    inputs = {"a": jkeras.Input((3,), name="a"), "b": jkeras.Input((3,), name="b")}
    y = jkeras.layers.Dense(2)(inputs["a"] * 2 + inputs["b"])
    return jkeras.Model(inputs, {"y": y}), {"a": array(5, 3), "b": array(5, 3)}


def subclassed():
    class Net(jkeras.Model):
        def __init__(self):
            super().__init__()
            self.dense = jkeras.layers.Dense(2)

        def call(self, x, scale):
            return self.dense(x) * scale

    model, data = Net(), (array(4, 3), array(4, 1))
    model(*data)
    return model, data


@pytest.mark.parametrize("make", [images, sequences, dicts, subclassed], ids=lambda make: make.__name__)
def test_stablehlo(make, tmp_path):
    model, data = make()
    arguments = data if isinstance(data, tuple) else (data,)
    model.export(tmp_path / "new" / "m.stablehlo", platforms=("cpu", "cuda", "tpu"))
    call = jkeras.saving.load_exported(tmp_path / "new" / "m.stablehlo")
    for got, wanted in zip(_leaves(call(*arguments)), _leaves(model(*arguments)), strict=True):
        assert_close(got, wanted, rtol=1e-5)


def _leaves(outputs):
    return list(outputs.values()) if isinstance(outputs, dict) else outputs if isinstance(outputs, list) else [outputs]


ALONE = """
import importlib.metadata, pickle, sys

class JaxAlone:
    own = {"jax", "jaxlib", "numpy", "ml_dtypes", "opt_einsum", "scipy", "flatbuffers"}
    others = {"jkeras", *importlib.metadata.packages_distributions()} - own

    def find_spec(self, name, *more):
        if name.split(".")[0] in self.others:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, JaxAlone())
import jax, numpy

with open("arguments", "rb") as file:
    arguments = pickle.load(file)
with open("m", "rb") as file:
    call = jax.export.deserialize(bytearray(file.read())).call
numpy.savez("outputs.npz", *jax.tree.leaves(call(*arguments)))
assert not {"jkeras", "keras", "h5py", "optax"} & set(sys.modules)
"""


@pytest.mark.parametrize("make", [images, dicts, subclassed, pytest.param(sequences, marks=pytest.mark.slow)])
def test_jax_alone_runs_it(make, tmp_path):
    """No other package can be imported."""
    model, data = make()
    arguments = data if isinstance(data, tuple) else (data,)
    model.export(tmp_path / "m")
    (tmp_path / "arguments").write_bytes(pickle.dumps(arguments))
    subprocess.run([sys.executable, "-c", ALONE], cwd=tmp_path, check=True)
    with np.load(tmp_path / "outputs.npz") as outputs:
        for got, wanted in zip(outputs.values(), _leaves(model(*arguments)), strict=True):
            assert_close(got, wanted, rtol=1e-5)


def test_open_sizes_and_signatures(tmp_path):
    x = jkeras.Input((None, 3))
    model = jkeras.Model(x, jkeras.layers.GRU(2)(x))
    model.export(tmp_path / "m")
    for steps in (4, 7):
        data = array(2, steps, 3)
        assert_close(jkeras.saving.load_exported(tmp_path / "m")(data), model(data), rtol=1e-5)
    model.export(tmp_path / "m", input_signature=jkeras.KerasTensor((1, 5, 3)), verbose=False)
    assert_close(jkeras.saving.load_exported(tmp_path / "m")(data[:1, :5]), model(data[:1, :5]), rtol=1e-5)


def test_errors(tmp_path):
    model, _ = images()
    for name, reason in (("bad_format", "it is not known"), ("tf_saved_model", "needs TensorFlow")):
        with pytest.raises(
            ValueError, match=rf"Unrecognized format='{name}': .*{reason}.*Supported formats: stablehlo, onnx"
        ):
            model.export(tmp_path / "m", format=name)
    with pytest.raises(ValueError, match="input_signature="):
        jkeras.Sequential([jkeras.layers.Dense(2)]).export(tmp_path / "m")
    with pytest.raises(FileNotFoundError):
        jkeras.saving.load_exported(tmp_path / "m")
    (tmp_path / "m").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"no program that model\.export\(\) wrote"):
        jkeras.saving.load_exported(tmp_path / "m")
    if importlib.util.find_spec("jax2onnx") is None:
        with pytest.raises(ImportError, match=r"pip install 'jkeras\[onnx\]'"):
            model.export(tmp_path / "m", format="onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["m"]


def test_onnx(tmp_path):
    pytest.importorskip("jax2onnx")
    runtime = pytest.importorskip("onnxruntime")
    x = jkeras.Input((6, 4))
    model, data = jkeras.Model(x, jkeras.layers.LSTM(3)(jkeras.layers.MultiHeadAttention(1, 2)(x, x))), array(3, 6, 4)
    model.export(tmp_path / "m.onnx", format="onnx")
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"))
    assert_close(session.run(None, {session.get_inputs()[0].name: data})[0], model(data), rtol=1e-4)
