"""Data sets, read from small files in the originals' formats: the same arrays as Keras makes of them."""

import gzip
import hashlib
import importlib
import io
import json
import os
import pickle
import tarfile

import numpy as np
import pytest

import jkeras
from jkeras.datasets import files
from tests.oracle import keras

RANDOM = np.random.default_rng(0)
NAMES = ("boston_housing", "california_housing", "cifar10", "cifar100", "fashion_mnist", "imdb", "mnist", "reuters")


def texts(count):
    array = np.empty(count, dtype=object)
    array[:] = [RANDOM.integers(1, 40, RANDOM.integers(3, 12)).tolist() for _ in range(count)]
    return array


def images(*shape):
    return RANDOM.integers(0, 256, shape).astype("uint8")


def npz(path, **arrays):
    np.savez(path, **arrays)


def cifar(path, folder, batches, keys):
    with tarfile.open(path, "w:gz") as archive:
        for name, count in batches.items():
            labels = {key: RANDOM.integers(0, 10, count).tolist() for key in keys}
            content = pickle.dumps({b"data": images(count, 3072), **labels}, protocol=3)
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(int(n).to_bytes(4, "big") for n in array.shape)
    with gzip.open(path, "wb") as file:
        file.write(header + array.tobytes())


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A `~/.keras` with all files."""
    home = tmp_path_factory.mktemp("keras")
    folder = home / "datasets"
    (folder / "fashion-mnist").mkdir(parents=True)
    npz(folder / "mnist.npz", x_train=images(6, 28, 28), y_train=images(6), x_test=images(2, 28, 28), y_test=images(2))
    npz(folder / "boston_housing.npz", x=RANDOM.normal(size=(11, 13)), y=RANDOM.normal(size=11))
    npz(folder / "california_housing.npz", x=RANDOM.normal(size=(700, 8)).astype("float32"), y=RANDOM.normal(size=700))
    npz(folder / "imdb.npz", x_train=texts(9), y_train=images(9) % 2, x_test=texts(7), y_test=images(7) % 2)
    npz(folder / "reuters.npz", x=texts(20), y=images(20) % 46)
    for name in ("imdb", "reuters"):
        (folder / f"{name}_word_index.json").write_text(json.dumps({"the": 1, "film": 2}))
    for part, count in (("train", 5), ("t10k", 3)):
        idx(folder / "fashion-mnist" / f"{part}-images-idx3-ubyte.gz", images(count, 28, 28))
        idx(folder / "fashion-mnist" / f"{part}-labels-idx1-ubyte.gz", images(count) % 10)
    tens = {f"data_batch_{i}": 10000 for i in range(1, 6)} | {"test_batch": 10}  # Keras counts on these sizes
    cifar(folder / "cifar-10-batches-py-target_archive", "cifar-10-batches-py", tens, [b"labels"])
    hundred = {"train": 6, "test": 4}
    cifar(folder / "cifar-100-python-target_archive", "cifar-100-python", hundred, [b"fine_labels", b"coarse_labels"])
    return home


@pytest.fixture
def lent(home, monkeypatch):
    """Both libraries find these files and take them for the originals."""
    monkeypatch.setenv("KERAS_HOME", str(home))
    monkeypatch.setattr(keras.src.backend.config, "_KERAS_DIR", str(home), raising=False)
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(home))
    monkeypatch.setattr("keras.src.utils.file_utils.validate_file", lambda *args, **kwargs: True)
    kept = {
        "cifar-10-python.tar.gz": "cifar-10-batches-py-target_archive",
        "cifar-100-python.tar.gz": "cifar-100-python-target_archive",
    }
    for name in files.HASHES:
        content = (home / "datasets" / kept.get(name, name)).read_bytes()
        monkeypatch.setitem(files.HASHES, name, hashlib.sha256(content).hexdigest())


CALLS = [
    ("mnist", {}), ("fashion_mnist", {}), ("cifar100", {}), ("cifar100", {"label_mode": "coarse"}), ("boston_housing", {}),
    ("boston_housing", {"test_split": 0.5, "seed": 3}), ("california_housing", {}), ("california_housing", {"version": "small"}),
    ("imdb", {}), ("imdb", {"num_words": 20, "skip_top": 5, "maxlen": 9}), ("imdb", {"oov_char": None, "num_words": 30}),
    ("imdb", {"start_char": None, "index_from": None}), ("reuters", {}), ("reuters", {"num_words": 20, "test_split": 0.4, "seed": 1}),
    ("cifar10", {}),
]  # fmt: skip


@pytest.mark.parametrize("name,options", CALLS, ids=str)
def test_the_same_arrays_as_keras(lent, name, options):
    ours, theirs = (importlib.import_module(f"{k}.datasets.{name}").load_data(**options) for k in ("jkeras", "keras"))
    for mine, other in zip(ours, theirs, strict=True):
        for a, b in zip(mine, other, strict=True):
            assert a.shape == b.shape and a.dtype == b.dtype, (a.shape, b.shape, a.dtype, b.dtype)
            assert a.tolist() == b.tolist() if a.dtype == object else np.array_equal(a, b)


def test_word_indices_and_names(lent):
    for name in ("imdb", "reuters"):
        assert getattr(jkeras.datasets, name).get_word_index() == {"the": 1, "film": 2}
    assert jkeras.datasets.reuters.get_label_names() == keras.datasets.reuters.get_label_names()


@pytest.mark.parametrize("name", NAMES)
def test_without_a_network_the_error_says_which_file_to_put_where(name, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(files, "BASE", "http://127.0.0.1:9/")
    monkeypatch.setattr("jkeras.datasets.cifar.CIFAR", "http://127.0.0.1:9/")
    monkeypatch.setattr("jkeras.datasets.fashion_mnist.BASE", "http://127.0.0.1:9/")
    with pytest.raises(OSError, match="(?s)URL fetch failure on http://127.0.0.1:9/.*put the file.*there by hand") as error:
        getattr(jkeras.datasets, name).load_data()
    assert str(tmp_path / "datasets") in str(error.value)
    assert not [name for _, _, names in os.walk(tmp_path) for name in names]


def test_a_pickle_that_wants_more_than_arrays_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, ("touch never",)

    array = np.empty(1, dtype=object)
    array[0] = Evil()
    np.savez(tmp_path / "evil.npz", x=array)
    with pytest.raises(pickle.UnpicklingError, match="damaged or malicious"):
        files.read_npz(tmp_path / "evil.npz")


@pytest.mark.parametrize("call,message", [
    (lambda d: d.cifar100.load_data("rough"), "label_mode"), (lambda d: d.boston_housing.load_data(test_split=1), "test_split"),
    (lambda d: d.california_housing.load_data("medium"), "version"), (lambda d: d.imdb.load_data(maxlen=1), "Increase maxlen"),
])  # fmt: skip
def test_bad_arguments(lent, call, message):
    with pytest.raises(ValueError, match=message):
        call(jkeras.datasets)
