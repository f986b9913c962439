"""Download the files of the data sets, and read them.

Two of them, and CIFAR's, hold pickled arrays. They are unpickled with nothing but NumPy's own array constructors, so a file that was
tampered with cannot run code.
"""

import os
import pickle
import zipfile
from typing import Any

import numpy as np

from jkeras.utils.download import get_file

BASE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
CIFAR = "https://www.cs.toronto.edu/~kriz/"
HASHES = {
    "boston_housing.npz": "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
    "california_housing.npz": "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
    "cifar-10-python.tar.gz": "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    "cifar-100-python.tar.gz": "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    "imdb.npz": "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    "imdb_word_index.json": "bfafd718b763782e994055a2d397834f",
    "mnist.npz": "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    "reuters.npz": "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
    "reuters_word_index.json": "4d44cc38712099c9e383dc6e5f11a921",
}
_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
}


def fetch(source: str, path: str | os.PathLike | None = None) -> str:
    """The path of one of Keras's files; `path` is the name under which it is kept."""
    return get_file(path or source, origin=BASE + source, file_hash=HASHES[source])


def read_npz(path: str) -> dict[str, np.ndarray]:
    """All arrays of an `.npz` file, those of Python lists as well.

    Raises:
        pickle.UnpicklingError: a pickled array asks for anything but arrays.
    """
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as file:
                arrays[name.removesuffix(".npy")] = _read_array(file)
    return arrays


def _read_array(file: Any) -> np.ndarray:
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(file)
    if not dtype.hasobject:
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
    return np.asarray(unpickle(file), dtype=object).reshape(shape)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        raise pickle.UnpicklingError(
            f"The file asks for {module}.{name}, which is not allowed in a data set. The file is damaged or malicious."
        )


def unpickle(file: Any) -> Any:
    """Read a pickled file that holds plain objects and arrays only."""
    return _Unpickler(file, encoding="bytes").load()


def shuffled(x: np.ndarray, y: np.ndarray, random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays in the same new order."""
    order = np.arange(len(x))
    random.shuffle(order)
    return x[order], y[order]


def split_table(path: str, test_split: float, seed: int, rows: int | None = None) -> tuple:
    """`((x_train, y_train), (x_test, y_test))` of a file with `x` and `y`."""
    if not 0 <= test_split < 1:
        raise ValueError(f"Invalid `test_split` argument: {test_split}. It must be between 0 and 1 (exclusive of 1).")
    arrays = read_npz(path)
    x, y = shuffled(arrays["x"][:rows], arrays["y"][:rows], np.random.RandomState(seed))
    count = int(len(x) * (1 - test_split))
    return (x[:count], y[:count]), (x[count:], y[count:])
