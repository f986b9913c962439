"""`StringLookup` and `IntegerLookup`: tokens to integers by a vocabulary, and back."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from jkeras.layers.preprocessing.host import as_array, texts_of
from jkeras.layers.preprocessing.index_lookup import IndexLookup

__all__ = ["IntegerLookup", "StringLookup"]


class StringLookup(IndexLookup):
    """A layer that looks up texts in a vocabulary, and returns an index or a vector for each.

    Args:
        max_tokens: the largest size of the vocabulary, special tokens included; None for no limit.
        num_oov_indices: how many indices there are for texts that are not in the vocabulary. With several, the hash of a text
            decides (FarmHash64); with 0 such a text is an error.
        mask_token: the text that stands for nothing. It has index 0 in output mode `"int"`, and counts as nothing in others.
        oov_token: what stands for an unknown text in the vocabulary, and what `invert` gives for an unknown index.
        vocabulary: a list or array of texts, or the path of a text file with one in each line; without it, call `adapt`.
        idf_weights: one weight per text of `vocabulary`, for output mode `"tf_idf"`.
        invert: whether to turn indices into texts instead.
        output_mode: `"int"` for indices; `"one_hot"` for a vector per text; `"multi_hot"`, `"count"` or `"tf_idf"` for a vector
            per row, of which texts are there, how often, and how often times their inverse document frequency.
        pad_to_max_tokens: whether the vectors have length `max_tokens`, even if the vocabulary is smaller.
        sparse: must be False.
        encoding: of the texts.
        name: of the layer.
        salt: one or two integers: unknown texts are hashed by SipHash64 with this key.

    Shapes:
        inputs any shape; outputs that shape for `"int"`, with the vocabulary's size in the place of the last axis (added, for
        `"one_hot"` of rows longer than 1) for the others.

    Raises:
        ValueError: options contradict each other, or the vocabulary is empty or has a text twice.

    >>> layer = StringLookup(vocabulary=["a", "b", "c"])
    >>> layer([["a", "c", "z"]]).tolist(), layer.get_vocabulary()
    ([[1, 3, 0]], ['[UNK]', 'a', 'b', 'c'])
    >>> StringLookup(vocabulary=["a", "b", "c"], invert=True)([[1, 3, 0]]).tolist()
    [['a', 'c', '[UNK]']]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",
        vocabulary: str | os.PathLike | Sequence | None = None,
        idf_weights: Sequence | None = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ):
        self.encoding = encoding
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=mask_token,
            oov_token=oov_token,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens,
            sparse=sparse,
            name=name,
            salt=salt,
            vocabulary_dtype="string",
            **kwargs,
        )

    def _held(self, token: Any) -> bytes:
        return token if isinstance(token, bytes) else str(token).encode(self.encoding)

    def _shown(self, token: bytes) -> str:
        return token.decode(self.encoding, "replace")

    def _flat(self, inputs: Any) -> tuple[list, tuple[int, ...]]:
        return texts_of(inputs, self.name, self.encoding)

    def get_config(self) -> dict:
        config = super().get_config()
        del config["vocabulary_dtype"]
        return {**config, "encoding": self.encoding}


class IntegerLookup(IndexLookup):
    """A layer that looks up integers in a vocabulary, and returns an index or a vector for each.

    Args:
        max_tokens: the largest size of the vocabulary, special tokens included; None for no limit.
        num_oov_indices: how many indices there are for integers that are not in the vocabulary; with 0 such an integer is an
            error.
        mask_token: the integer that stands for nothing. It has index 0 in output mode `"int"`, and counts as nothing in others.
        oov_token: what stands for an unknown integer in the vocabulary, and what `invert` gives for an unknown index.
        vocabulary: a list or array of integers, or the path of a text file with one in each line; without it, call `adapt`.
        vocabulary_dtype: must be `"int64"`.
        idf_weights: one weight per integer of `vocabulary`, for output mode `"tf_idf"`.
        invert: whether to turn indices into the integers of the vocabulary instead.
        output_mode: `"int"` for indices; `"one_hot"` for a vector per text; `"multi_hot"`, `"count"` or `"tf_idf"` for a vector
            per row, of which texts are there, how often, and how often times their inverse document frequency.
        sparse: must be False.
        pad_to_max_tokens: whether the vectors have length `max_tokens`, even if the vocabulary is smaller.
        oov_method: with several indices for unknown integers, `"floormod"` takes the integer modulo their number, `"farmhash"`
            its hash.
        salt: one or two integers, with `"farmhash"`: the hash is SipHash64 with this key.
        name: of the layer.

    Shapes:
        as for `StringLookup`.

    Raises:
        ValueError: options contradict each other, or the vocabulary is empty or has an integer twice.

    >>> layer = IntegerLookup(vocabulary=[12, 36, 1138, 42])
    >>> layer([[12, 1138, 42], [42, 1000, 36]]).tolist()
    [[1, 3, 4], [4, 0, 2]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int | None = -1,
        vocabulary: str | os.PathLike | Sequence | None = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Sequence | None = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        if vocabulary_dtype != "int64":
            raise ValueError(f"Only `vocabulary_dtype='int64'` is supported, got {vocabulary_dtype!r}.")
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=None if mask_token is None else int(mask_token),
            oov_token=None if oov_token is None else int(oov_token),
            vocabulary=vocabulary,
            vocabulary_dtype=vocabulary_dtype,
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            sparse=sparse,
            pad_to_max_tokens=pad_to_max_tokens,
            oov_method=oov_method,
            salt=salt,
            name=name,
            **kwargs,
        )

    def _held(self, token: Any) -> int:
        return int(token)

    def _shown(self, token: int) -> int:
        return token

    def _flat(self, inputs: Any) -> tuple[list, tuple[int, ...]]:
        array = as_array(inputs)
        if array.dtype.kind not in "biuf":
            raise ValueError(
                f"Layer {self.name!r} takes integers, but got an array of dtype {array.dtype}. For texts use StringLookup."
            )
        return array.astype(np.int64).reshape(-1).tolist(), array.shape
