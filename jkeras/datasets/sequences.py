"""Functions for the texts of the IMDB and Reuters sets. Words are numbers there, and frequent words have small ones."""

import numpy as np


def shift(texts: list, start_char: int | None, index_from: int | None) -> list[list[int]]:
    """Texts that begin with `start_char`, and whose words count from `index_from`."""
    start = [] if start_char is None else [start_char]
    offset = index_from or 0
    return [start + [word + offset for word in text] for text in texts]


def drop_long(maxlen: int | None, texts: list, labels: np.ndarray) -> tuple[list, list]:
    """The texts of fewer than `maxlen` words, with their labels."""
    kept = [(text, label) for text, label in zip(texts, labels, strict=True) if not maxlen or len(text) < maxlen]
    if not kept:
        raise ValueError(
            f"After filtering for sequences shorter than maxlen={maxlen}, no sequence was kept. Increase maxlen."
        )
    return [text for text, _ in kept], [label for _, label in kept]


def limit(texts: list, num_words: int | None, skip_top: int, oov_char: int | None) -> list[list[int]]:
    """Texts without the words that are too rare or too frequent, which become `oov_char`, or are left out if that is None."""
    most = num_words or max(max(text) for text in texts)
    if oov_char is None:
        return [[word for word in text if skip_top <= word < most] for text in texts]
    return [[word if skip_top <= word < most else oov_char for word in text] for text in texts]


def ragged(texts: list) -> np.ndarray:
    """An array of lists."""
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array
