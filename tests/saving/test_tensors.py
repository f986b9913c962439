"""Weights in safetensors files."""

import sys

import numpy as np
import pytest

import jkeras
from jkeras import layers
from tests.saving.test_weights import same


def model_of(units=3, dtype="float32"):
    model = jkeras.Sequential(
        [jkeras.Input((4,)), layers.Dense(units, dtype=dtype), layers.BatchNormalization(), layers.Dropout(0.5)]
    )
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def changed(model):
    for i, variable in enumerate((*model.variables, *model.optimizer.variables)):
        variable.assign(np.full(variable.shape, i + 1))
    return model


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_there_and_back(dtype, tmp_path):
    pytest.importorskip("safetensors")
    model, other, path = changed(model_of(dtype=dtype)), model_of(dtype=dtype), tmp_path / "m.safetensors"
    model.save_weights(path)
    other.load_weights(path)
    same(other.variables, model.variables)
    same(other.optimizer.variables, model.optimizer.variables)
    assert [f.name for f in tmp_path.iterdir()] == [path.name]


def test_the_package_reads_and_writes_the_same(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    model, other, path = model_of(), model_of(), tmp_path / "m.safetensors"
    kernel = model.layers[0].kernel
    kernel.assign(np.arange(12.0).reshape(3, 4).T)  # not in C order
    model.save_weights(path)
    found = numpy.load_file(path)
    np.testing.assert_array_equal(found["layers/dense/vars/0"], kernel.numpy())
    numpy.save_file({**found, "layers/dense/vars/1": np.full(3, 7, "float32")}, path)
    other.load_weights(path)
    np.testing.assert_array_equal(other.layers[0].bias.numpy(), [7, 7, 7])
    np.testing.assert_array_equal(other.layers[0].kernel.numpy(), kernel.numpy())


def test_files_that_do_not_fit(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    model, path = changed(model_of()), tmp_path / "m.safetensors"
    before = [np.asarray(v) for v in model.variables]
    model_of(units=5).save_weights(path)
    content = path.read_bytes()
    with pytest.raises(ValueError, match=r"layers/dense"):
        model.load_weights(path)
    for damaged in (content[:-8], content[:100], b"", b"x" * 40):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"m\.safetensors' cannot be read"):
            model.load_weights(path)
    for names in (
        ["kernel"],
        ["vars"],
        ["a/vars/0", "a/vars/0/vars/1"],
        ["a//vars/"],
        [f"{i}/vars/0" for i in range(40_000)],
    ):
        numpy.save_file({name: np.zeros(3, "float32") for name in names}, path)
        with pytest.raises(ValueError, match=r"m\.safetensors"):
            model.load_weights(path)
    with pytest.raises(ValueError, match="There is no file"):
        model.load_weights(tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match="by_name"):
        model.load_weights(path, by_name=True)
    same(model.variables, before)


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    path = tmp_path / "m.safetensors"
    with pytest.raises(ImportError, match=r'pip install "jkeras\[safetensors\]"'):
        model_of().save_weights(path)
    path.write_bytes(b"")
    with pytest.raises(ImportError, match=r'pip install "jkeras\[safetensors\]"'):
        model_of().load_weights(path)
    assert [f.name for f in tmp_path.iterdir()] == [path.name]
