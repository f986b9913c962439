"""The columns of a `FeatureSpace`, and their conversions to numbers."""

from typing import Any

from jkeras import layers
from jkeras.errors import suggest
from jkeras.serialization import deserialize, named, publish, serialize
from jkeras.serialization.naming import auto_name

MODES = ("int", "one_hot", "float")
HOME = "keras.src.layers.preprocessing.feature_space"  # where Keras has these classes; files name them so


def _check_mode(kind: str, mode: str, known: tuple[str, ...]) -> None:
    if mode not in known:
        raise ValueError(
            f"Invalid value for argument `output_mode` of {kind}. Expected one of {known}, got output_mode={mode!r}."
            f"{suggest(str(mode), known)}"
        )


class Cross:
    """Several features as one: each combination of their values goes to a bin by its hash (`layers.HashedCrossing`).

    Args:
        feature_names: the names of the features, two at least. Their values must be integers or texts.
        crossing_dim: the number of bins.
        output_mode: `"one_hot"` for a vector, `"int"` for the bin's number.

    Raises:
        ValueError: the mode is unknown.

    >>> Cross(("city", "street"), crossing_dim=32).name
    'city_X_street'
    """

    def __init__(self, feature_names: Any, crossing_dim: int, output_mode: str = "one_hot"):
        _check_mode("Cross", output_mode, MODES[:2])
        self.feature_names, self.crossing_dim, self.output_mode = tuple(feature_names), crossing_dim, output_mode

    @property
    def name(self) -> str:
        """The features' names, joined by `_X_`."""
        return "_X_".join(self.feature_names)

    def get_config(self) -> dict:
        """The constructor's arguments, as plain data."""
        return {
            "feature_names": list(self.feature_names),
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: dict) -> "Cross":
        """Make a cross from `get_config()`."""
        return cls(**config)


class Feature:
    """One column of a table, and the layer that turns it into numbers.

    Args:
        dtype: of the column: `"float32"`, `"int32"`, `"int64"` or `"string"`.
        preprocessor: a layer on arrays of shape (batch, 1), or its config.
        output_mode: `"one_hot"` to turn the integers that the layer makes into vectors, `"int"` to leave them as they are,
            `"float"` for a layer that makes floating-point numbers.

    Raises:
        ValueError: the mode is unknown.

    >>> Feature("float32", layers.Rescaling(0.1), "float").dtype
    'float32'
    """

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str):
        _check_mode("Feature", output_mode, MODES)
        self.dtype, self.output_mode = dtype, output_mode
        self.preprocessor = deserialize(preprocessor) if isinstance(preprocessor, dict) else preprocessor

    def get_config(self) -> dict:
        """The constructor's arguments, as plain data."""
        return {"dtype": self.dtype, "preprocessor": serialize(self.preprocessor), "output_mode": self.output_mode}

    @classmethod
    def from_config(cls, config: dict) -> "Feature":
        """Make a feature from `get_config()`."""
        return cls(**config)


class TFDIdentity(layers.Layer):
    """Floating-point numbers as they are. The name is the one that Keras writes to files."""

    def call(self, inputs: Any) -> Any:
        return inputs.astype(self.compute_dtype)


def _named(name: str | None, kind: str) -> str:
    return f"{name or auto_name(kind)}_preprocessor"


def plain(name: str | None = None) -> Feature:
    """A feature of numbers that stay as they are.

    Args:
        name: of the feature.
    """
    return Feature("float32", TFDIdentity(dtype="float32", name=_named(name, "float")), "float")


def rescaled(scale: float = 1.0, offset: float = 0.0, name: str | None = None) -> Feature:
    """A feature of numbers that become `number * scale + offset`.

    Args:
        scale: what numbers are multiplied by.
        offset: what is added then.
        name: of the feature.
    """
    return Feature("float32", layers.Rescaling(scale, offset, name=_named(name, "float_rescaled")), "float")


def normalized(name: str | None = None) -> Feature:
    """A feature of numbers that get the mean 0 and the variance 1; `adapt` finds the statistics.

    Args:
        name: of the feature.
    """
    return Feature("float32", layers.Normalization(axis=-1, name=_named(name, "float_normalized")), "float")


def discretized(
    num_bins: int | None, bin_boundaries: Any = None, output_mode: str = "one_hot", name: str | None = None
) -> Feature:
    """A feature of numbers that become the numbers of bins.

    Args:
        num_bins: how many bins `adapt` makes; None with `bin_boundaries`.
        bin_boundaries: increasing numbers; None to find them in data.
        output_mode: `"one_hot"` or `"int"`.
        name: of the feature.
    """
    layer = layers.Discretization(bin_boundaries, num_bins, name=_named(name, "float_discretized"))
    return Feature("float32", layer, output_mode)


def integer_categorical(
    max_tokens: int | None = None, num_oov_indices: int = 1, output_mode: str = "one_hot", name: str | None = None
) -> Feature:
    """A feature of integers that are looked up in a vocabulary, which `adapt` makes.

    Args:
        max_tokens: the largest size of the vocabulary; None for no limit.
        num_oov_indices: how many indices there are for unknown integers.
        output_mode: `"one_hot"` or `"int"`.
        name: of the feature.
    """
    name = _named(name, "integer_categorical")
    return Feature("int32", layers.IntegerLookup(max_tokens, num_oov_indices, name=name), output_mode)


def string_categorical(
    max_tokens: int | None = None, num_oov_indices: int = 1, output_mode: str = "one_hot", name: str | None = None
) -> Feature:
    """A feature of texts that are looked up in a vocabulary, which `adapt` makes.

    Args:
        max_tokens: the largest size of the vocabulary; None for no limit.
        num_oov_indices: how many indices there are for unknown texts.
        output_mode: `"one_hot"` or `"int"`.
        name: of the feature.
    """
    name = _named(name, "string_categorical")
    return Feature("string", layers.StringLookup(max_tokens, num_oov_indices, name=name), output_mode)


def string_hashed(num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
    """A feature of texts that go to bins by their hash.

    Args:
        num_bins: the number of bins.
        output_mode: `"one_hot"` or `"int"`.
        name: of the feature.
    """
    return Feature("string", layers.Hashing(num_bins, name=_named(name, "string_hashed")), output_mode)


def integer_hashed(num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
    """A feature of integers that go to bins by their hash.

    Args:
        num_bins: the number of bins.
        output_mode: `"one_hot"` or `"int"`.
        name: of the feature.
    """
    return Feature("int32", layers.Hashing(num_bins, name=_named(name, "integer_hashed")), output_mode)


def cardinality(layer: Any) -> int | None:
    """The number of different integers that a layer makes. None if it is not known."""
    if isinstance(layer, (layers.IntegerLookup, layers.StringLookup)):
        return layer.vocabulary_size()
    if isinstance(layer, layers.Discretization) and layer.num_bins is None:
        return len(layer.bin_boundaries or ()) + 1
    if isinstance(layer, (layers.Discretization, layers.Hashing, layers.HashedCrossing)):
        return layer.num_bins
    return layer.num_tokens if isinstance(layer, layers.CategoryEncoding) else None


publish(HOME, named(Cross, Feature, TFDIdentity))
