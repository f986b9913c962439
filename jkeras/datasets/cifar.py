"""Read CIFAR-10 and CIFAR-100, archives of pickled batches of images with the channels first."""

import os

import numpy as np

from jkeras.core.data_format import image_data_format
from jkeras.datasets.files import CIFAR, HASHES, unpickle
from jkeras.utils.download import get_file


def load(archive: str, folder: str, train: list[str], test: str, key: bytes, dtype: str) -> tuple:
    """`((x_train, y_train), (x_test, y_test))` of an archive.

    Args:
        archive: its name.
        folder: the folder in it.
        train, test: the batches' names.
        key: which labels to read.
        dtype: of the labels.
    """
    path = get_file(f"{folder}-target", origin=CIFAR + archive, extract=True, file_hash=HASHES[archive])

    def read(names: list[str]) -> tuple[np.ndarray, np.ndarray]:
        images, labels = [], []
        for name in names:
            with open(os.path.join(path, folder, name), "rb") as file:
                batch = unpickle(file)
            images.append(np.asarray(batch[b"data"], "uint8").reshape(-1, 3, 32, 32))
            labels.append(np.asarray(batch[key], dtype).reshape(-1, 1))
        x = np.concatenate(images)
        return x.transpose(0, 2, 3, 1) if image_data_format() == "channels_last" else x, np.concatenate(labels)

    return read(train), read([test])
