"""The base class of lookups: options, `adapt`, and the conversion from tokens to indices and back."""

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.core.symbolic import KerasTensor
from jkeras.layers.preprocessing.hashes import farmhash, siphash
from jkeras.layers.preprocessing.host import as_array, batches_of, encode, encoded_shape, is_array, refuse_sparse
from jkeras.layers.preprocessing.lookup_options import output_mode_of, salt_of
from jkeras.layers.preprocessing.vocabulary import Vocabulary, refuse_path


class IndexLookup(Vocabulary):
    """The base class of `StringLookup` and `IntegerLookup`, which describe the arguments."""

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary_dtype: str,
        vocabulary: str | os.PathLike | Sequence | None = None,
        idf_weights: Sequence | None = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ):
        owner = type(self).__name__
        self._frozen_vocab_size = kwargs.pop("vocabulary_size", None)
        self._is_fixed = kwargs.pop("has_input_vocabulary", vocabulary is not None)  # whether adapt() is refused
        kwargs.pop("dtype", None)
        super().__init__(name=name, **kwargs)
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(
                f"If `max_tokens` is set for {owner}, it must be greater than 1. Received: max_tokens={max_tokens}"
            )
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"If pad_to_max_tokens is True, {owner} must set `max_tokens`, the size to pad to.")
        if num_oov_indices < 0:
            raise ValueError(f"`num_oov_indices` of {owner} must be greater than or equal to 0, got {num_oov_indices}.")
        if oov_method not in ("floormod", "farmhash"):
            raise ValueError(
                f"Unknown value for `oov_method` argument of {owner}: {oov_method!r}. Use 'floormod' or 'farmhash'."
            )
        if salt is not None and vocabulary_dtype != "string" and oov_method != "farmhash":
            raise ValueError(
                f"`salt` can only be used when `oov_method='farmhash'`, but {owner} got oov_method={oov_method!r}."
            )
        refuse_sparse(owner, sparse)
        output_mode = output_mode_of(output_mode, owner)
        if invert and output_mode != "int":
            raise ValueError(
                f"`output_mode` must be 'int' when `invert` is true, but {owner} got output_mode={output_mode!r}."
            )
        if idf_weights is not None and output_mode != "tf_idf":
            raise ValueError(
                f"`idf_weights` should only be set if `output_mode` is 'tf_idf', but {owner} got {output_mode!r}."
            )
        if output_mode == "tf_idf" and self._is_fixed and vocabulary is not None and idf_weights is None:
            raise ValueError(f"`idf_weights` must be set if output_mode is 'tf_idf' and {owner} is given a vocabulary.")
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert, self.output_mode, self.sparse = invert, output_mode, sparse
        self.pad_to_max_tokens, self.vocabulary_dtype = pad_to_max_tokens, vocabulary_dtype
        self.oov_method, self.salt = oov_method, salt_of(salt, owner)
        self.input_vocabulary = None if isinstance(vocabulary, (str, os.PathLike)) else vocabulary  # for the config
        self.input_idf_weights = idf_weights
        self.idf_weights = None
        self._tokens, self._is_known = [], False
        self._table = {}
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
        self.reset_state()

    def _flat(self, inputs: Any) -> tuple[list, tuple[int, ...]]:
        """The tokens of inputs, as they stand in the table, and the shape of the inputs."""
        raise TypeError(f"{type(self).__name__} must define _flat(inputs).")

    # -- adapt --------------------------------------------------------------------------------------------------------

    @property
    def is_fixed(self) -> bool:
        """True if the vocabulary was given, so that there is nothing to adapt."""
        return self._is_fixed

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary: the most frequent tokens first, those of equal frequency in descending order.

        Args:
            data: an array, a list or a pandas column of tokens, or anything that yields batches of them.
            steps: how many batches to look at; None for all.

        Raises:
            ValueError: the layer was given a vocabulary, or there is nothing in the data.
        """
        self.reset_state()
        for batch in batches_of(data, steps):
            rows = as_array(batch)
            self.update_state(rows.reshape(-1, 1) if is_array(data) and rows.ndim == 1 else rows)
        self.check_counted(self.name)
        self.finalize_state()

    def check_counted(self, name: str) -> None:
        """Refuse to make an empty vocabulary, for the layer that is called `name`."""
        if not self._adapted["tokens"]:
            raise ValueError(
                f"Layer {name!r}: adapt() found nothing to learn a vocabulary from: there are no data, or they are empty."
            )

    def reset_state(self) -> None:
        """Forget what was counted."""
        self._adapted: dict = {"tokens": Counter(), "documents": Counter(), "count": 0}

    def update_state(self, data: Any) -> None:
        """Count the tokens of a batch, of shape (documents, ...); a vector is one document."""
        tokens, shape = self._flat(data)
        documents = shape[0] if len(shape) > 1 else 1
        self.count(tokens, [len(tokens) // max(documents, 1)] * documents)

    def count(self, tokens: list, lengths: Iterable[int]) -> None:
        """Count tokens, in documents of the given lengths, one after another."""
        if self._is_fixed:
            raise ValueError(
                f"Cannot adapt layer {self.name!r} after setting a static vocabulary via `vocabulary` argument or "
                "`set_vocabulary()` method."
            )
        self._adapted["tokens"].update(tokens)
        if self.output_mode == "tf_idf":
            at = 0
            for length in lengths:
                self._adapted["documents"].update(set(tokens[at : at + length]))
                self._adapted["count"] += 1
                at += length

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted."""
        counts = self._adapted["tokens"]
        if self._is_fixed or not counts:
            return
        for token in (self.mask_token, self.oov_token):
            if token is not None:
                counts.pop(self._held(token), None)
        tokens = sorted(counts, key=lambda token: (counts[token], token), reverse=True)
        if self.max_tokens:
            tokens = tokens[: max(self.max_tokens - self._token_start(), 0)]
        self._use(tokens)
        if self.output_mode == "tf_idf":
            documents, total = self._adapted["documents"], self._adapted["count"]
            frequencies = np.array([documents[token] for token in tokens], np.float64)
            self._use_weights(np.log(1 + total / (1 + frequencies)), False, len(tokens))
        self.reset_state()

    # -- calling ------------------------------------------------------------------------------------------------------

    def call(self, inputs: Any) -> np.ndarray:
        """Look up tokens, or indices with `invert`."""
        if self.invert:
            return self._tokens_at(as_array(inputs))
        tokens, shape = self._flat(inputs)
        return self.encoded(self.indices(tokens).reshape(shape))

    def encoded(self, indices: np.ndarray) -> np.ndarray:
        """Indices in the output mode."""
        if self.output_mode == "int":
            return indices
        depth = self.max_tokens if self.pad_to_max_tokens else self._frozen_vocab_size
        if depth is None or (self.output_mode == "tf_idf" and self.idf_weights is None):
            raise RuntimeError(
                f"Layer {self.name!r} has output_mode={self.output_mode!r}, so you must set the layer's vocabulary before calling "
                "it: pass `vocabulary`, or call `adapt` with some data."
            )
        if self.output_mode == "tf_idf":
            return encode(indices, "count", depth, dtypes.floatx()) * self.idf_weights
        return encode(indices, self.output_mode, depth, dtypes.floatx())

    def indices(self, tokens: list) -> np.ndarray:
        """The index of each token, int64."""
        self._check_known()
        one = self.num_oov_indices == 1
        default = self._oov_start() if one else -1
        found = np.fromiter(map(self._table.get, tokens, itertools.repeat(default)), np.int64, len(tokens))
        if one:
            return found
        unknown = np.flatnonzero(found < 0)
        if len(unknown) and self.num_oov_indices == 0:
            shown = [self._shown(tokens[i]) for i in unknown[:10]]
            raise ValueError(
                f"When `num_oov_indices=0` all inputs to layer {self.name!r} should be in the vocabulary. Found OOV values {shown}, "
                "consider setting `num_oov_indices=1`."
            )
        if len(unknown):
            found[unknown] = self._oov_start() + self._buckets([tokens[i] for i in unknown])
        return found

    def _buckets(self, tokens: list) -> np.ndarray:
        if self.vocabulary_dtype != "string":
            if self.oov_method == "floormod":
                return np.asarray(tokens, np.int64) % self.num_oov_indices
            tokens = [str(token).encode() for token in tokens]
        hashes = farmhash(tokens) if self.salt is None else siphash(tokens, self.salt)
        return (hashes % np.uint64(self.num_oov_indices)).astype(np.int64)

    def _check_known(self) -> None:
        if not self._is_known:
            raise RuntimeError(
                f"Layer {self.name!r} has no vocabulary yet, so you must set the layer's vocabulary before calling it: "
                "pass `vocabulary`, or call `adapt` with some data."
            )

    def _tokens_at(self, indices: np.ndarray) -> np.ndarray:
        self._check_known()
        names = self.get_vocabulary()
        places = indices.astype(np.int64)
        known = (places >= 0) & (places < len(names))
        table = np.array([*names, self.oov_token], object if self.vocabulary_dtype == "string" else np.int64)
        return table[np.where(known, places, len(names))]

    def compute_output_spec(self, inputs: Any) -> KerasTensor:
        """Shape and dtype of the outputs."""
        if self.output_mode == "int":
            return KerasTensor(inputs.shape, self.vocabulary_dtype if self.invert else "int64")
        depth = self.max_tokens if self.pad_to_max_tokens else self._frozen_vocab_size
        return KerasTensor(encoded_shape(inputs.shape, self.output_mode, depth), dtypes.floatx())

    # -- files --------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "vocabulary_dtype": self.vocabulary_dtype,
            "idf_weights": None if self.input_idf_weights is None else np.asarray(self.input_idf_weights).tolist(),
            "vocabulary": None if self.input_vocabulary is None else self._plain(self.input_vocabulary),
            "vocabulary_size": self._frozen_vocab_size,
            "oov_method": self.oov_method,
            "salt": self.salt,
        }

    def _plain(self, vocabulary: Any) -> list:
        return [None if token is None else self._shown(self._held(token)) for token in as_array(vocabulary).tolist()]

    @classmethod
    def from_config(cls, config: dict) -> "IndexLookup":
        """Make a layer from `get_config()`. A config must hold the vocabulary itself: it may not name a file."""
        refuse_path(config)
        return cls(**config)
