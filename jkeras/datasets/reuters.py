"""The Reuters set: 11,228 newswires of 1987 as lists of word numbers, in 46 topics.

Source: https://martin-thoma.com/nlp-reuters/
"""

import json

import numpy as np

from jkeras.datasets.files import fetch, read_npz, shuffled
from jkeras.datasets.sequences import drop_long, limit, ragged, shift

__all__ = ["get_label_names", "get_word_index", "load_data"]

_TOPICS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass crude nat-gas "
    "cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi iron-steel rubber heat jobs lei "
    "bop zinc orange pet-chem dlr gas silver wpi hog lead"
)


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> tuple:
    """Load the newswires and their topics.

    Args:
        path: the name of the file that keeps them, in the folder `datasets` of `~/.keras`.
        num_words: words with this number or a larger one (the rarer ones) are replaced; None keeps all.
        skip_top: words with a smaller number than this (the most frequent ones) are replaced.
        maxlen: only newswires of fewer words are kept.
        test_split: the part of the newswires that is kept for tests.
        seed: of the shuffle.
        start_char: the number that each newswire begins with; None for none.
        oov_char: the number that takes the place of a replaced word; None leaves those words out.
        index_from: what is added to all word numbers.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: arrays of lists of ints, and of topics from 0 to 45.

    Raises:
        ValueError: no newswire is shorter than `maxlen`.
        OSError: the file is not there and cannot be downloaded; the message says where to put it.

    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (8982,)
    """
    arrays = read_npz(fetch("reuters.npz", path))
    x, y = shuffled(arrays["x"], arrays["y"], np.random.RandomState(seed))
    texts, labels = drop_long(maxlen, shift(list(x), start_char, index_from), y)
    x, y = ragged(limit(texts, num_words, skip_top, oov_char)), np.array(labels)
    count = int(len(x) * (1 - test_split))
    return (x[:count], y[:count]), (x[count:], y[count:])


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """Return the number of each word, before `index_from` is added.

    Args:
        path: the name of the file that keeps them, in the folder `datasets` of `~/.keras`.

    >>> get_word_index()["the"]  # doctest: +SKIP
    1
    """
    with open(fetch("reuters_word_index.json", path)) as file:
        return json.load(file)


def get_label_names() -> tuple[str, ...]:
    """Return the names of the topics, in the order of the labels.

    >>> get_label_names()[3]
    'earn'
    """
    return tuple(_TOPICS.split())
