"""A vocabulary: tokens with indices, from a list, from a file or from `adapt`, and its form in files."""

import os
from collections import Counter
from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.layers.preprocessing.host import HostLayer, as_array

DROPPED = np.iinfo(np.int64).max  # the index of what counts as nothing
FILE = "vocabulary.txt"


class Vocabulary(HostLayer):
    """A layer that holds a vocabulary. A token is held as bytes, or as an integer.

    The vocabulary starts with the mask token (for output mode `"int"`) and `num_oov_indices` places for what it does not have. The
    constructor of `IndexLookup` sets the attributes.
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

    max_tokens: int | None
    num_oov_indices: int
    mask_token: Any
    oov_token: Any
    vocabulary_dtype: str
    output_mode: str
    invert: bool
    pad_to_max_tokens: bool
    input_vocabulary: Any  # what was given, for the config
    idf_weights: np.ndarray | None  # of the whole vocabulary, float
    _frozen_vocab_size: int | None
    _tokens: list  # without the special ones
    _table: dict
    _is_known: bool  # whether a vocabulary was set or adapted

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
            raise ValueError(
                f"Layer {self.name!r}: `idf_weights` must be set if output_mode is 'tf_idf'. Pass one weight for each token."
            )
        if self.output_mode != "tf_idf" and idf_weights is not None:
            raise ValueError(
                f"Layer {self.name!r}: `idf_weights` should only be set if `output_mode` is 'tf_idf', got {self.output_mode!r}."
            )
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
                f"Layer {self.name!r}: The passed vocabulary has at least one repeated term. The repeated terms are: {repeated[:20]}."
            )
        reserved = {"mask": self.mask_token, "OOV": self.oov_token if self.invert else None}
        for kind, token in reserved.items():
            if token is not None and self._held(token) in tokens:
                raise ValueError(
                    f"Layer {self.name!r}: Found reserved {kind} token at unexpected location in `vocabulary`: {token!r} at place "
                    f"{tokens.index(self._held(token))}. Leave the special tokens out, or let the vocabulary start with all of "
                    f"them, in this order: {special}."
                )
        size = self._token_start() + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                f"Layer {self.name!r}: Attempted to set a vocabulary larger than the maximum vocab size: with its special tokens it "
                f"has {size}, and max_tokens={self.max_tokens}."
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
        self._tokens, self._is_known = tokens, True
        self._table = dict(zip(tokens, range(self._token_start(), size), strict=True))
        if self.mask_token is not None:
            self._table[self._held(self.mask_token)] = 0 if self.output_mode == "int" else DROPPED

    def _use_weights(self, weights: np.ndarray, has_special: bool, count: int) -> None:
        if weights.ndim != 1:
            raise ValueError(
                f"Layer {self.name!r}: `idf_weights` must be a list of numbers or a vector, got shape {weights.shape}."
            )
        if len(weights) != count:
            raise ValueError(
                f"Layer {self.name!r}: `idf_weights` must be the same length as vocabulary. len(idf_weights) is {len(weights)}; "
                f"len(vocabulary) is {count}."
            )
        front = 0 if has_special else self._token_start()
        back = self.max_tokens - front - len(weights) if self.pad_to_max_tokens and self.max_tokens else 0
        self.idf_weights = np.pad(weights, (front, back), constant_values=(np.average(weights), 0)).astype(dtypes.floatx())

    def _read(self, path: Any) -> list:
        path = os.fspath(path)
        if not os.path.isfile(path):
            raise ValueError(
                f"Layer {self.name!r}: Vocabulary file {path} does not exist. Let vocabulary= be the path of a file, or a list."
            )
        if self.output_mode == "tf_idf":
            raise ValueError(
                f"Layer {self.name!r}: output_mode 'tf_idf' does not support loading a vocabulary from file, which has no "
                "weights. Pass a list of tokens and idf_weights=."
            )
        with open(path, "rb") as file:
            return self._parse(file.read())

    def _parse(self, content: bytes, exact: bool = False) -> list:
        """The tokens in a file, one in each line; ends of lines are taken as editors write them, unless they are to be `exact`."""
        lines = content.decode(self.encoding).split("\n")
        if not exact:
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
        raise TypeError(f"{type(self).__name__} must define _held(token).")

    def _shown(self, token: Any) -> Any:
        """A token as users see it."""
        raise TypeError(f"{type(self).__name__} must define _shown(token).")

    def save_own_variables(self, store: MutableMapping) -> None:
        """Put the weights of output mode `"tf_idf"` into `store`."""
        if self.output_mode == "tf_idf" and self.idf_weights is not None:
            store["idf_weights"] = self.idf_weights

    def load_own_variables(self, store: Mapping) -> None:
        """Take the weights of output mode `"tf_idf"` from `store`."""
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            self.idf_weights = np.asarray(store["idf_weights"], dtypes.floatx())

    def save_assets(self, dir_path: str) -> None:
        """Write the vocabulary to a file in a folder, one token in each line; one that stands in the config is left out.

        Raises:
            ValueError: a token has a line break, which the file cannot hold.
        """
        if self.input_vocabulary is None:
            broken = [token for token in self.get_vocabulary() if "\n" in str(token)]
            if broken:
                raise ValueError(
                    f"Layer {self.name!r} has {len(broken)} token(s) with a line break, such as {broken[0]!r:.80}, and the file of a "
                    "vocabulary has one token in each line. Take line breaks out of the texts before adapt(), or pass vocabulary= a "
                    "list to the layer, which stands in the config."
                )
            with open(os.path.join(dir_path, FILE), "wb") as file:
                file.write("\n".join(map(str, self.get_vocabulary())).encode(self.encoding))

    def load_assets(self, dir_path: str) -> None:
        """Read the vocabulary that `save_assets` wrote."""
        if self.input_vocabulary is not None:
            return
        with open(os.path.join(dir_path, FILE), "rb") as file:
            content = file.read()
        given = self._parse(content, exact=True) if content else []
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
