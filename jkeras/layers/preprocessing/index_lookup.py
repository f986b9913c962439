"""What lookups have in common: a vocabulary that is given or adapted, and the way from tokens to indices and back."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.core.symbolic import KerasTensor
from jkeras.errors import suggest
from jkeras.layers.preprocessing.hashes import farmhash, siphash
from jkeras.layers.preprocessing.host import (
    HostLayer,
    as_array,
    batches_of,
    encode,
    encoded_shape,
    is_array,
    refuse_sparse,
)

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
OLDER_MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}
DROPPED = np.iinfo(np.int64).max  # the index of what counts as nothing
FILE = "vocabulary.txt"


def output_mode_of(mode: str, owner: str, modes: tuple[str, ...] = MODES) -> str:
    """The output mode by its present name.

    Raises:
        ValueError: there is no such mode.
    """
    mode = OLDER_MODES.get(mode, mode)
    if mode not in modes:
        raise ValueError(
            f"Unknown value for `output_mode` argument of {owner}: {mode!r}. Expected one of {modes}.{suggest(mode, modes)}"
        )
    return mode


def salt_of(salt: Any, owner: str) -> list[int] | None:
    """A salt as two integers.

    Raises:
        ValueError: it is neither an integer nor two of them.
    """
    if salt is None:
        return None
    if isinstance(salt, int):
        return [salt, salt]
    if isinstance(salt, (tuple, list)) and len(salt) == 2:
        return list(salt)
    raise ValueError(
        f"The `salt` argument of {owner} can only be a tuple of size 2 integers, or a single integer, got {salt!r}."
    )


class IndexLookup(HostLayer):
    """What `StringLookup` and `IntegerLookup` have in common; see there for the arguments.

    A token is held as bytes, or as an integer. The vocabulary starts with the mask token (for output mode `"int"`) and
    `num_oov_indices` places for what it does not have.
    """

    untraced = (
        "_tokens",
        "_table",
        "_adapted",
        "input_vocabulary",
        "input_idf_weights",
        "idf_weights",
        "_frozen_vocab_size",
    )
    encoding = "utf-8"

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary_dtype: str,
        vocabulary: Any = None,
        idf_weights: Any = None,
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
        self.idf_weights: np.ndarray | None = None  # of the whole vocabulary, float
        self._tokens: list = []  # without the special ones
        self._table: dict = {}
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
        self.reset_state()

    # -- the vocabulary -----------------------------------------------------------------------------------------------

    def get_vocabulary(self, include_special_tokens: bool = True) -> list:
        """The vocabulary in the order of the indices.

        Args:
            include_special_tokens: whether with the mask token and the places for unknown tokens; then a token's place in the
                list is its index.
        """
        tokens = [self._shown(token) for token in self._tokens]
        return [*self._special_tokens(), *tokens] if include_special_tokens else tokens

    def vocabulary_size(self) -> int:
        """The number of tokens, the special ones included."""
        return self._token_start() + len(self._tokens)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Set the vocabulary instead of learning it.

        Args:
            vocabulary: an array or list of tokens, in the order of their indices, or the path of a text file with one token in
                each line. The special tokens may stand at the start, in their order.
            idf_weights: one weight per token, for output mode `"tf_idf"`.

        Raises:
            ValueError: the vocabulary is empty, has a token twice or more than `max_tokens`, special tokens stand at other
                places than the start, or the weights are missing or of another number.
        """
        if self.output_mode == "tf_idf" and idf_weights is None:
            raise ValueError("`idf_weights` must be set if output_mode is 'tf_idf'.")
        if self.output_mode != "tf_idf" and idf_weights is not None:
            raise ValueError(f"`idf_weights` should only be set if output_mode is 'tf_idf', got {self.output_mode!r}.")
        if isinstance(vocabulary, (str, os.PathLike)):
            vocabulary = self._read(vocabulary)
        given = as_array(vocabulary).reshape(-1).tolist()
        if not given:
            raise ValueError(f"Cannot set an empty vocabulary. Layer {self.name!r} needs at least one token.")
        special = self._special_tokens()
        has_special = (
            bool(special) and [self._shown(self._held(t)) for t in given[: len(special)] if t is not None] == special
        )
        tokens = [self._held(token) for token in given[len(special) if has_special else 0 :]]
        self._check_tokens(tokens, special)
        self._use(tokens)
        if self.output_mode == "tf_idf":
            self._use_weights(np.asarray(idf_weights, dtypes.floatx()), has_special, len(given))

    def _check_tokens(self, tokens: list, special: list) -> None:
        repeated = [self._shown(token) for token, count in Counter(tokens).items() if count > 1]
        if repeated:
            raise ValueError(
                f"The passed vocabulary has at least one repeated term. The repeated terms are: {repeated[:20]}."
            )
        reserved = {"mask": self.mask_token, "OOV": self.oov_token if self.invert else None}
        for kind, token in reserved.items():
            if token is not None and self._held(token) in tokens:
                raise ValueError(
                    f"Found reserved {kind} token at unexpected location in `vocabulary`: {token!r} at place "
                    f"{tokens.index(self._held(token))}. Leave the special tokens out, or let the vocabulary start with all of "
                    f"them, in this order: {special}."
                )
        size = self._token_start() + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                f"Attempted to set a vocabulary larger than the maximum vocab size: with its special tokens it has {size}, and "
                f"max_tokens={self.max_tokens}."
            )

    def _use(self, tokens: list) -> None:
        """Take tokens for the vocabulary; its size may not change where outputs have that size."""
        size = self._token_start() + len(tokens)
        if self._depends_on_size() and self._frozen_vocab_size not in (None, size):
            raise RuntimeError(
                f"Layer {self.name!r} has outputs of the size of its vocabulary (output_mode={self.output_mode!r}), so the "
                f"vocabulary size cannot be changed after it was set. Old vocab size is {self._frozen_vocab_size}, new vocab size "
                f"is {size}. Set max_tokens= and pad_to_max_tokens=True, or make a new layer."
            )
        self._frozen_vocab_size = size
        self._tokens = tokens
        self._table = dict(zip(tokens, range(self._token_start(), size), strict=True))
        if self.mask_token is not None:
            self._table[self._held(self.mask_token)] = 0 if self.output_mode == "int" else DROPPED

    def _use_weights(self, weights: np.ndarray, has_special: bool, count: int) -> None:
        if weights.ndim != 1:
            raise ValueError(f"idf_weights must be a list of numbers or a vector, got an array of shape {weights.shape}.")
        if len(weights) != count:
            raise ValueError(
                f"`idf_weights` must be the same length as vocabulary. len(idf_weights) is {len(weights)}; len(vocabulary) is {count}."
            )
        front = 0 if has_special else self._token_start()
        back = self.max_tokens - front - len(weights) if self.pad_to_max_tokens and self.max_tokens else 0
        self.idf_weights = np.pad(weights, (front, back), constant_values=(np.average(weights), 0)).astype(dtypes.floatx())

    def _read(self, path: Any) -> list:
        path = os.fspath(path)
        if not os.path.isfile(path):
            raise ValueError(f"Vocabulary file {path} does not exist.")
        if self.output_mode == "tf_idf":
            raise ValueError(
                "output_mode 'tf_idf' does not support loading a vocabulary from file: the weights are missing."
            )
        with open(path, "rb") as file:
            return self._parse(file.read())

    def _parse(self, content: bytes) -> list:
        """The tokens in a file, one in each line."""
        lines = content.decode(self.encoding).split("\n")
        lines = [line.removesuffix("\r") for line in lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines if self.vocabulary_dtype == "string" else [int(line) for line in lines]

    def _special_tokens(self) -> list:
        return [self.mask_token] * self._oov_start() + [self.oov_token] * self.num_oov_indices

    def _oov_start(self) -> int:
        return 1 if self.mask_token is not None and self.output_mode == "int" else 0

    def _token_start(self) -> int:
        return self._oov_start() + self.num_oov_indices

    def _depends_on_size(self) -> bool:
        return self.output_mode != "int" and not self.pad_to_max_tokens

    def _held(self, token: Any) -> Any:
        """A token as it stands in the table."""
        raise TypeError(f"{type(self).__name__} must say what its tokens are.")

    def _shown(self, token: Any) -> Any:
        """A token as users see it."""
        raise TypeError(f"{type(self).__name__} must say what its tokens are.")

    def _flat(self, inputs: Any) -> tuple[list, tuple[int, ...]]:
        """The tokens of inputs, as they stand in the table, and the shape of the inputs."""
        raise TypeError(f"{type(self).__name__} must say what its tokens are.")

    # -- adapt --------------------------------------------------------------------------------------------------------

    @property
    def is_fixed(self) -> bool:
        """Whether the vocabulary was given, so that there is nothing to adapt."""
        return self._is_fixed

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary: the most frequent tokens first, those of equal frequency in descending order.

        Args:
            data: an array, a list or a pandas column of tokens, or anything that yields batches of them.
            steps: how many batches to look at; None for all.

        Raises:
            ValueError: the layer was given a vocabulary.
        """
        self.reset_state()
        for batch in batches_of(data, steps):
            rows = as_array(batch)
            self.update_state(rows.reshape(-1, 1) if is_array(data) and rows.ndim == 1 else rows)
        self.finalize_state()

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
        one = self.num_oov_indices == 1
        default = self._oov_start() if one else -1
        get = self._table.get
        found = np.fromiter((get(token, default) for token in tokens), np.int64, len(tokens))
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

    def _tokens_at(self, indices: np.ndarray) -> np.ndarray:
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

    def save_own_variables(self, store: MutableMapping) -> None:
        """Put the weights of output mode `"tf_idf"` into `store`."""
        if self.output_mode == "tf_idf" and self.idf_weights is not None:
            store["idf_weights"] = self.idf_weights

    def load_own_variables(self, store: Mapping) -> None:
        """Take the weights of output mode `"tf_idf"` from `store`."""
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            self.idf_weights = np.asarray(store["idf_weights"], dtypes.floatx())

    def save_assets(self, dir_path: str) -> None:
        """Write the vocabulary to a file in a folder, one token in each line; one that stands in the config is left out."""
        if self.input_vocabulary is None:
            with open(os.path.join(dir_path, FILE), "wb") as file:
                file.write("\n".join(map(str, self.get_vocabulary())).encode(self.encoding))

    def load_assets(self, dir_path: str) -> None:
        """Read the vocabulary that `save_assets` wrote."""
        if self.input_vocabulary is not None:
            return
        with open(os.path.join(dir_path, FILE), "rb") as file:
            given = self._parse(file.read())
        special = self._token_start()
        if len(given) <= special:  # nothing was adapted
            return
        self._use([self._held(token) for token in given[special:]])


def refuse_path(config: Mapping) -> None:
    """Refuse a config that names a file: only a caller may do that, not a model that comes from somewhere."""
    if isinstance(config.get("vocabulary"), (str, os.PathLike)):
        raise ValueError(
            f"A config may not name a vocabulary file, and this one names {config['vocabulary']!r}: reading files that a loaded "
            "model names is not safe. Pass vocabulary=path to the layer yourself."
        )
