"""`TextVectorization`: from texts to the indices of their words, or to vectors."""

import itertools
import os
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from jkeras.core.symbolic import KerasTensor
from jkeras.errors import suggest
from jkeras.layers.preprocessing.host import HostLayer, batches_of, refuse_sparse, texts_of
from jkeras.layers.preprocessing.lookup import StringLookup
from jkeras.layers.preprocessing.lookup_options import output_mode_of
from jkeras.layers.preprocessing.vocabulary import refuse_path
from jkeras.serialization import deserialize, serialize

__all__ = ["TextVectorization"]

PUNCTUATION = b"!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"
STANDARDS = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
SPLITS = ("whitespace", "character")


class TextVectorization(HostLayer):
    """A layer that cuts texts into words and looks the words up in a vocabulary.

    Each text is standardized, split, made into n-grams if `ngrams` says so, and looked up. As in Keras, `"lower"` changes the
    letters A to Z only.

    Args:
        max_tokens: the largest size of the vocabulary, special tokens included; None for no limit.
        standardize: `"lower_and_strip_punctuation"`, `"lower"`, `"strip_punctuation"`, None, or a function of a NumPy array of
            texts.
        split: `"whitespace"`, `"character"`, None (each text is one token), or a function of a NumPy array of texts that gives
            a list of words for each.
        ngrams: n for all n-grams up to that length, a tuple of lengths, or None for single words.
        output_mode: `"int"` for a row of indices per text (0 fills up, 1 is for unknown words); `"one_hot"`, `"multi_hot"`,
            `"count"`, `"tf_idf"` as in `StringLookup`.
        output_sequence_length: the length of the rows of mode `"int"`, filled up or cut off; by default that of the longest.
        pad_to_max_tokens: whether vectors have length `max_tokens`, even if the vocabulary is smaller.
        vocabulary: a list or array of words, or the path of a text file with one in each line; without it, call `adapt`.
        idf_weights: one weight per word of `vocabulary`, for output mode `"tf_idf"`.
        sparse, ragged: must be False.
        encoding: of the texts.
        name: of the layer.

    Shapes:
        inputs `(batch,)` or `(batch, 1)`; outputs `(batch, length)` or `(batch, vocabulary size)`.

    Raises:
        ValueError: an option is unknown or does not fit another.

    >>> layer = TextVectorization(output_sequence_length=4, vocabulary=["earth", "wind", "and", "fire"])
    >>> layer(["Earth, wind!", "fire and ice"]).tolist()
    [[2, 3, 0, 0], [5, 4, 1, 0]]
    """

    untraced = ("_standardize", "_split")

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: Any = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: str | os.PathLike | Sequence | None = None,
        idf_weights: Sequence | None = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ):
        fixed = kwargs.pop("has_input_vocabulary", vocabulary is not None)
        size = kwargs.pop("vocabulary_size", None)
        super().__init__(name=name, **kwargs)
        refuse_sparse("TextVectorization", sparse)
        if ragged:
            raise ValueError(
                "`ragged=True` of TextVectorization can only be used with the TensorFlow backend of Keras: no array is ragged. Rows "
                "are filled up with 0; output_sequence_length= says how long they are."
            )
        for option, value, known in (("standardize", standardize, STANDARDS), ("split", split, SPLITS)):
            if value is not None and not callable(value) and value not in known:
                raise ValueError(
                    f"Unknown value for `{option}` argument of TextVectorization: {value!r}. Expected one of {known}, None, or a "
                    f"function.{suggest(value, known)}"
                )
        output_mode = output_mode_of(output_mode, "TextVectorization")
        lengths = ngrams if isinstance(ngrams, tuple) else (ngrams,)
        if ngrams is not None and not all(isinstance(n, int) for n in lengths):
            raise ValueError(f"`ngrams` must be None, an integer, or a tuple of integers, got ngrams={ngrams!r}.")
        if output_mode == "int" and not isinstance(output_sequence_length, (int, type(None))):
            raise ValueError(
                "`output_sequence_length` must be either None or an integer when `output_mode` is 'int', got "
                f"{output_sequence_length!r}."
            )
        if output_mode != "int" and output_sequence_length is not None:
            raise ValueError(
                f"`output_sequence_length` must not be set if `output_mode` is not 'int', got {output_sequence_length!r}."
            )
        self._standardize, self._split, self._encoding = standardize, split, encoding
        self._ngrams_arg = ngrams
        self._ngrams = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else ngrams
        self._output_mode, self._output_sequence_length = output_mode, output_sequence_length
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=output_mode,
            has_input_vocabulary=fixed,
            encoding=encoding,
            vocabulary_size=size,
        )

    # -- the vocabulary -----------------------------------------------------------------------------------------------

    @property
    def is_fixed(self) -> bool:
        """True if the vocabulary was given, so that there is nothing to adapt."""
        return self._lookup_layer.is_fixed

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary: the most frequent words first, those of equal frequency in descending order.

        Args:
            data: an array, a list or a pandas column of texts, or anything that yields batches of them.
            batch_size: has no effect; Keras has it, too.
            steps: how many batches to look at; None for all.

        Raises:
            ValueError: the layer was given a vocabulary, or there are no words in the data.
        """
        self.reset_state()
        for batch in batches_of(data, steps):
            self.update_state(batch)
        self._lookup_layer.check_counted(self.name)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the words of a batch of texts."""
        words, lengths, _ = self._words(data)
        self._lookup_layer.count(words, lengths.tolist())

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted."""
        self._lookup_layer.finalize_state()

    def reset_state(self) -> None:
        """Forget what was counted."""
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """Return the words in the order of their indices.

        Args:
            include_special_tokens: whether with the padding token `""` and the token for unknown words.
        """
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """Return the number of words, the special tokens included."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Set the vocabulary instead of learning it; see `StringLookup.set_vocabulary`."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    # -- calling ------------------------------------------------------------------------------------------------------

    def call(self, inputs: Any) -> np.ndarray:
        """Vectorize texts."""
        words, lengths, shape = self._words(inputs)
        indices = self._lookup_layer.indices(words)
        if shape is not None:  # one token per text, no longer split
            rows = indices.reshape(shape)
        else:
            filler = 0 if self._output_mode == "int" else -1  # -1 counts as nothing
            rows = np.full((len(lengths), int(lengths.max(initial=0))), filler, np.int64)
            rows[np.arange(rows.shape[1]) < lengths[:, None]] = indices
        if self._output_mode != "int":
            return self._lookup_layer.encoded(rows)
        length = self._output_sequence_length
        if length is None:
            return rows
        rows = rows[..., :length]
        return np.pad(rows, [(0, 0)] * (rows.ndim - 1) + [(0, length - rows.shape[-1])])

    def _words(self, inputs: Any) -> tuple[list[bytes], np.ndarray, tuple | None]:
        """All words of the texts, how many each text has, and the texts' shape if they were not split."""
        texts, shape = texts_of(inputs, self.name, self._encoding)
        texts = self._standardized(texts, shape)
        if self._split is not None:
            if len(shape) > 1 and shape[-1] != 1:
                raise ValueError(
                    f"When using `TextVectorization` to tokenize strings, the input rank must be 1 or the last shape dimension "
                    f"must be 1. Layer {self.name!r} got texts of shape {shape}."
                )
            rows = self._splitted(texts)
        elif self._ngrams is None:
            return texts, np.full(shape[0] if len(shape) > 1 else 1, shape[-1] if shape else 1), shape
        else:
            size = shape[-1] if shape else 1
            rows = [texts[i : i + size] for i in range(0, len(texts), size)]
        if self._ngrams is not None:
            rows = [[b" ".join(row[i : i + n]) for n in self._ngrams for i in range(len(row) - n + 1)] for row in rows]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        return list(itertools.chain.from_iterable(rows)), lengths, None

    def _standardized(self, texts: list[bytes], shape: tuple) -> list[bytes]:
        if callable(self._standardize):
            given = np.array([text.decode(self._encoding) for text in texts], dtype=str).reshape(shape)
            return texts_of(np.asarray(self._standardize(given)), self.name, self._encoding)[0]
        if self._standardize in ("lower", "lower_and_strip_punctuation"):
            texts = [text.lower() for text in texts]  # bytes: A to Z only
        if self._standardize in ("strip_punctuation", "lower_and_strip_punctuation"):
            texts = [text.translate(None, PUNCTUATION) for text in texts]
        return texts

    def _splitted(self, texts: list[bytes]) -> list[list[bytes]]:
        if self._split == "whitespace":
            return [text.split() for text in texts]
        if self._split == "character":
            return [[letter.encode() for letter in text.decode("utf-8", "replace")] for text in texts]
        words = self._split(np.array([text.decode(self._encoding) for text in texts], dtype=str))
        return [texts_of(list(row), self.name, self._encoding)[0] for row in words]

    def compute_output_spec(self, inputs: Any) -> KerasTensor:
        """Shape and dtype of the outputs."""
        shape = tuple(inputs.shape)
        if self._output_mode == "int":
            return KerasTensor((*shape[:1], self._output_sequence_length), "int64")
        if self._split is not None:
            shape = (*(shape[:-1] if len(shape) > 1 else shape), None)
        elif len(shape) <= 1:
            shape = (*shape, 1)
        return self._lookup_layer.compute_output_spec(KerasTensor(shape, "string"))

    # -- files --------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict:
        lookup = self._lookup_layer.get_config()
        return {
            **super().get_config(),
            "max_tokens": lookup["max_tokens"],
            "standardize": _plain(self._standardize),
            "split": _plain(self._split),
            "ngrams": self._ngrams_arg,
            "output_mode": self._output_mode,
            "output_sequence_length": self._output_sequence_length,
            "pad_to_max_tokens": lookup["pad_to_max_tokens"],
            "sparse": False,
            "ragged": False,
            "vocabulary": lookup["vocabulary"],
            "idf_weights": lookup["idf_weights"],
            "encoding": self._encoding,
            "vocabulary_size": self.vocabulary_size(),
        }

    @classmethod
    def from_config(cls, config: dict) -> "TextVectorization":
        """Make a layer from `get_config()`. A config must hold the vocabulary itself: it may not name a file."""
        refuse_path(config)
        made = {name: deserialize(config.get(name)) if name in ("standardize", "split") else v for name, v in config.items()}
        if isinstance(made.get("ngrams"), list):
            made["ngrams"] = tuple(made["ngrams"])
        return cls(**made)

    def save_own_variables(self, store: MutableMapping) -> None:
        """Put the weights of output mode `"tf_idf"` into `store`."""
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Mapping) -> None:
        """Take the weights of output mode `"tf_idf"` from `store`."""
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, dir_path: str) -> None:
        """Write the vocabulary to a file in a folder; one that stands in the config is left out."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path: str) -> None:
        """Read the vocabulary that `save_assets` wrote."""
        self._lookup_layer.load_assets(dir_path)


def _plain(option: str | Callable | None) -> Any:
    return serialize(option) if callable(option) else option
