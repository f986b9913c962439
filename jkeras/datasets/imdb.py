"""The IMDB set: 50,000 film reviews as lists of word numbers, good or bad.

Source: Maas et al., "Learning Word Vectors for Sentiment Analysis", 2011, https://ai.stanford.edu/~amaas/data/sentiment/
"""

import json
from typing import Any

import numpy as np

from jkeras.datasets.files import fetch, read_npz, shuffled
from jkeras.datasets.sequences import drop_long, limit, ragged, shift

__all__ = ["get_word_index", "load_data"]


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
    **kwargs: Any,
) -> tuple:
    """Load the reviews, with 1 for a good and 0 for a bad one.

    Args:
        path: the name of the file that keeps them, in the folder `datasets` of `~/.keras`.
        num_words: words with this number or a larger one (the rarer ones) are replaced; None keeps all.
        skip_top: words with a smaller number than this (the most frequent ones) are replaced.
        maxlen: only reviews of fewer words are kept.
        seed: of the shuffle.
        start_char: the number that each review begins with; None for none.
        oov_char: the number that takes the place of a replaced word; None leaves those words out.
        index_from: what is added to all word numbers.
        **kwargs: `nb_words`, the older name of `num_words`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: arrays of 25,000 lists of ints, and of 25,000 labels, 0 or 1.

    Raises:
        TypeError: an unknown argument.
        ValueError: no review is shorter than `maxlen`.
        OSError: the file is not there and cannot be downloaded; the message says where to put it.

    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (25000,)
    """
    num_words = kwargs.pop("nb_words", num_words)
    if kwargs:
        raise TypeError(f"Unrecognized keyword arguments of imdb.load_data(): {sorted(kwargs)}.")
    arrays, random = read_npz(fetch("imdb.npz", path)), np.random.RandomState(seed)
    texts, labels, counts = [], [], []
    for part in ("train", "test"):
        x, y = shuffled(arrays[f"x_{part}"], arrays[f"y_{part}"], random)
        kept, kept_labels = drop_long(maxlen, shift(list(x), start_char, index_from), y)
        texts += kept
        labels += kept_labels
        counts.append(len(kept))
    x, y = ragged(limit(texts, num_words, skip_top, oov_char)), np.array(labels)
    return (x[: counts[0]], y[: counts[0]]), (x[counts[0] :], y[counts[0] :])


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """Return the number of each word, before `index_from` is added.

    Args:
        path: the name of the file that keeps them, in the folder `datasets` of `~/.keras`.

    >>> get_word_index()["the"]  # doctest: +SKIP
    1
    """
    with open(fetch("imdb_word_index.json", path)) as file:
        return json.load(file)
