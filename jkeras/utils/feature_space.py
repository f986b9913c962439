"""`FeatureSpace`: convert a table of numbers and texts to vectors."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras import layers
from jkeras.core import symbolic
from jkeras.data.dataset import length
from jkeras.data.streams import is_by_number
from jkeras.errors import suggest
from jkeras.layers.preprocessing.host import as_array
from jkeras.saving import save_model
from jkeras.serialization import named, publish, serialize
from jkeras.utils import columns as kinds
from jkeras.utils.columns import Cross, Feature

TOGETHER = 1024  # single samples that `adapt` gives to a layer at once


class FeatureSpace(layers.Layer):
    """A preprocessor that turns dicts of columns into vectors. Each column has its own transformation.

    A column is described by the name of its kind, or by what one of the functions below makes:

        "float"                FeatureSpace.float()                        numbers as they are
        "float_rescaled"       FeatureSpace.float_rescaled(scale, offset)  layers.Rescaling
        "float_normalized"     FeatureSpace.float_normalized()             layers.Normalization
        "float_discretized"    FeatureSpace.float_discretized(num_bins)    layers.Discretization
        "integer_categorical"  FeatureSpace.integer_categorical()          layers.IntegerLookup
        "string_categorical"   FeatureSpace.string_categorical()           layers.StringLookup
        "integer_hashed"       FeatureSpace.integer_hashed(num_bins)       layers.Hashing
        "string_hashed"        FeatureSpace.string_hashed(num_bins)        layers.Hashing
                               FeatureSpace.feature(dtype, preprocessor, output_mode)  a layer of your own choice

    `adapt` learns vocabularies and statistics from data. Then the object can be called on a dict of arrays, or of single values;
    or `get_inputs()` and `get_encoded_features()` start a functional model that takes the table itself.

    Args:
        features: `{name of the column: its kind}`.
        output_mode: `"concat"` for one vector per row, `"dict"` for a dict of what each column became.
        crosses: features to be crossed: tuples of names, or what `FeatureSpace.cross(names, crossing_dim)` makes.
        crossing_dim: the number of bins of a cross that is given as a tuple.
        hashing_dim: the number of bins of `"integer_hashed"` and `"string_hashed"`.
        num_discretization_bins: the number of bins of `"float_discretized"`.
        name: of the object.

    Attributes:
        preprocessors: `{name of the column: its layer}`.
        crossers: `{name of the cross: its HashedCrossing layer}`.

    Raises:
        ValueError: there are no features, a kind or mode is unknown, or a cross names a column that is not there.

    >>> space = FeatureSpace({"size": "float_normalized", "color": "string_categorical"})
    >>> data = {"size": [1.0, 3.0], "color": ["red", "blue"]}
    >>> space.adapt(data)
    >>> space(data).tolist()  # unknown, red, blue, size
    [[0.0, 1.0, 0.0, -1.0], [0.0, 0.0, 1.0, 1.0]]
    >>> space({"size": 3.0, "color": "green"}).tolist()
    [1.0, 0.0, 0.0, 1.0]
    """

    cross = staticmethod(Cross)
    feature = staticmethod(Feature)
    float = staticmethod(kinds.plain)
    float_rescaled = staticmethod(kinds.rescaled)
    float_normalized = staticmethod(kinds.normalized)
    float_discretized = staticmethod(kinds.discretized)
    integer_categorical = staticmethod(kinds.integer_categorical)
    string_categorical = staticmethod(kinds.string_categorical)
    integer_hashed = staticmethod(kinds.integer_hashed)
    string_hashed = staticmethod(kinds.string_hashed)

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = "concat",
        crosses: Any = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ):
        super().__init__(name=name)
        if not features:
            raise ValueError("The `features` argument cannot be None or empty: give {name of a column: its kind}.")
        if output_mode not in ("concat", "dict"):
            raise ValueError(
                f"Invalid value for argument `output_mode`. Expected one of ('concat', 'dict'), got output_mode={output_mode!r}."
            )
        self.crossing_dim, self.hashing_dim = crossing_dim, hashing_dim
        self.num_discretization_bins, self.output_mode = num_discretization_bins, output_mode
        self.features = {key: self._feature(key, value) for key, value in features.items()}
        self.crosses = [self._cross(value) for value in crosses or ()]
        self.preprocessors = {key: feature.preprocessor for key, feature in self.features.items()}
        self.crossers = {cross.name: layers.HashedCrossing(cross.crossing_dim, name=cross.name) for cross in self.crosses}
        self.one_hot_encoders: dict[str, Any] = {}
        self.inputs = {key: layers.Input((1,), dtype=feature.dtype, name=key) for key, feature in self.features.items()}
        self.encoded_features: Any = None
        self._is_adapted = False

    def _feature(self, name: str, kind: Any) -> Feature:
        if not isinstance(kind, str):
            return kind
        makers: dict[str, Callable[[], Feature]] = {
            "float": lambda: kinds.plain(name),
            "float_rescaled": lambda: kinds.rescaled(name=name),
            "float_normalized": lambda: kinds.normalized(name),
            "float_discretized": lambda: kinds.discretized(self.num_discretization_bins, name=name),
            "integer_categorical": lambda: kinds.integer_categorical(name=name),
            "string_categorical": lambda: kinds.string_categorical(name=name),
            "integer_hashed": lambda: kinds.integer_hashed(self.hashing_dim, name=name),
            "string_hashed": lambda: kinds.string_hashed(self.hashing_dim, name=name),
        }
        if kind not in makers:
            raise ValueError(
                f"Invalid feature type: {kind!r}, of the column {name!r}. Known are {', '.join(makers)}.{suggest(kind, makers)}"
            )
        return makers[kind]()

    def _cross(self, cross: Any) -> Cross:
        names = cross.feature_names if isinstance(cross, Cross) else tuple(cross)
        unknown = [name for name in names if name not in self.features]
        if unknown:
            raise ValueError(
                f"All features referenced in the `crosses` argument should be present in the `features` dict. {names} has the "
                f"unknown features {unknown}.{suggest(unknown[0], self.features)}"
            )
        if isinstance(cross, Cross):
            return cross
        if not self.crossing_dim:
            raise ValueError("`crosses` need `crossing_dim`, the number of bins of a cross, which is an integer from 1 on.")
        return Cross(names, self.crossing_dim)

    # -- adapt --------------------------------------------------------------------------------------------------------

    def adapt(self, dataset: Any) -> None:
        """Learn vocabularies and statistics from the columns of a table.

        Args:
            dataset: a dict of arrays or lists, a pandas `DataFrame`, or something that yields dicts, or `(dict, labels)`, of whole
                batches or of single rows: a data set, a list, a generator. What can be passed through only once is kept in
                memory.

        Raises:
            ValueError: a column is missing, or the data have no end.
        """
        is_table = isinstance(dataset, Mapping) or hasattr(dataset, "to_dict")
        if not is_table and not hasattr(dataset, "__iter__") and not hasattr(dataset, "__getitem__"):
            raise ValueError(
                f"adapt() of {self.name!r} takes a dict of arrays, a DataFrame, or something that yields dicts, got a "
                f"{type(dataset).__name__}."
            )
        if not is_table and is_by_number(dataset) and length(dataset) is None:
            raise ValueError(f"adapt() of {self.name!r} needs data with an end, got a data set without a length.")
        if isinstance(dataset, Iterator):
            dataset = list(dataset)
        for name, layer in self._to_adapt().items():
            layer.adapt(self._column(name, _of(dataset, name)) if is_table else self._columns(dataset, name))
        self._is_adapted, self.encoded_features, self.one_hot_encoders = True, None, {}
        self._finish()

    def _to_adapt(self) -> dict[str, Any]:
        """The layers that learn from data, and were not given what they would learn."""
        return {
            name: layer
            for name, layer in self.preprocessors.items()
            if hasattr(layer, "adapt") and not getattr(layer, "is_fixed", False)
        }

    def _columns(self, dataset: Any, name: str) -> Iterator[np.ndarray]:
        """The batches of a column; single values are joined."""
        waiting: list[np.ndarray] = []
        for element in dataset:
            column = self._column(name, _of(element[0] if isinstance(element, tuple) else element, name), keep_single=True)
            if column.ndim:
                yield column
                continue
            waiting.append(column)
            if len(waiting) == TOGETHER:
                yield np.stack(waiting)[:, None]
                waiting = []
        if waiting:
            yield np.stack(waiting)[:, None]

    def _column(self, name: str, values: Any, keep_single: bool = False) -> np.ndarray:
        """Values of a column as an array of shape (batch, 1), of its dtype."""
        dtype, array = self.features[name].dtype, as_array(values)
        if dtype != "string" and array.dtype == object:
            try:
                array = array.astype(dtype)
            except (TypeError, ValueError) as error:
                raise ValueError(f"The column {name!r} of {self.name!r} should hold numbers ({dtype}): {error}") from error
        if str(dtype).startswith("float") and array.dtype.kind in "biuf":
            array = array.astype(dtype)
        if str(dtype).startswith("int") and array.dtype.kind == "f":
            if not (array == np.floor(array)).all():
                raise ValueError(
                    f"The column {name!r} of {self.name!r} should hold integers, but has missing entries or fractions. Fill missing "
                    "entries with an integer that stands for them, for example column.fillna(-1)."
                )
            array = array.astype("int64")
        if array.ndim == 0:
            return array if keep_single else array.reshape(1, 1)
        return array[:, None] if array.ndim == 1 else array

    # -- calling ------------------------------------------------------------------------------------------------------

    def __call__(self, data: Any) -> Any:
        """Encode a dict of columns, or of single values.

        Args:
            data: `{name of a column: array, list, pandas column or single value}`, a `DataFrame`, or a dict of symbolic tensors.

        Returns:
            An array of shape (batch, numbers), or a dict of arrays; without the batch axis for single values.

        Raises:
            ValueError: `adapt` was not called, or columns are missing or unknown.
        """
        self._finish()
        if hasattr(data, "to_dict"):
            data = {name: data[name] for name in data.columns}
        if not isinstance(data, Mapping):
            raise ValueError(
                f"A FeatureSpace can only be called with a dict: {{name of a column: values}}. {self.name!r} got a "
                f"{type(data).__name__}."
            )
        unknown = [name for name in data if name not in self.features]
        if unknown:
            raise ValueError(f"{self.name!r} got the columns {unknown}, and has no such features: {[*self.features]}.")
        if symbolic.is_symbolic(data):
            return self.call({name: _of(data, name) for name in self.features})
        single = all(np.ndim(_of(data, name)) == 0 for name in self.features)
        encoded = self.call({name: self._column(name, _of(data, name)) for name in self.features})
        return jax.tree.map(lambda array: jnp.asarray(array)[0], encoded) if single else encoded

    def call(self, data: Mapping[str, Any]) -> Any:
        """Encode columns of shape (batch, 1), arrays or symbolic tensors."""
        found = {name: layer(data[name]) for name, layer in self.preprocessors.items()}
        crossed = {cross.name: self.crossers[cross.name]([found[n] for n in cross.feature_names]) for cross in self.crosses}
        modes = {name: item.output_mode for name, item in self.features.items()}
        modes |= {cross.name: cross.output_mode for cross in self.crosses}
        both = found | crossed
        encoded = {name: self._encoded(name, both[name], modes[name]) for name in [*sorted(found), *sorted(crossed)]}
        if self.output_mode == "dict":
            return encoded
        for name, values in encoded.items():
            if not str(values.dtype).startswith(("float", "bfloat")):
                raise ValueError(
                    f"Cannot concatenate features because feature {name!r} has not been encoded (it has dtype {values.dtype}). "
                    "Consider using `output_mode='dict'`."
                )
        return self._concatenate(list(encoded.values()))

    def _encoded(self, name: str, values: Any, mode: str) -> Any:
        if mode != "one_hot":
            return values
        encoder = self.one_hot_encoders.get(name)
        if encoder is None:
            layer = (self.preprocessors | self.crossers)[name]
            size = kinds.cardinality(layer)
            if not str(values.dtype).startswith(("int", "uint")):
                raise ValueError(
                    f"Feature {name!r} has `output_mode='one_hot'`. Thus its preprocessor should return an integer dtype. Instead "
                    f"it returns a {values.dtype} dtype."
                )
            if size is None:
                raise ValueError(
                    f"Feature {name!r} has `output_mode='one_hot'`. However {type(layer).__name__} does not say how many different "
                    "integers it makes, thus they cannot be one-hot encoded. Try using `output_mode='int'`."
                )
            encoder = layers.CategoryEncoding(size, output_mode="multi_hot")
            self.one_hot_encoders[name] = encoder
        return encoder(values)

    def _concatenate(self, encoded: list) -> Any:
        if not symbolic.is_symbolic(encoded):
            return jnp.concatenate([jnp.asarray(values) for values in encoded], axis=-1)
        return layers.Concatenate(axis=-1)(encoded) if len(encoded) > 1 else encoded[0]

    def _finish(self) -> None:
        """Make the graph of the features, once everything is learned."""
        if self.encoded_features is not None:
            return
        if not self._is_adapted and self._to_adapt():
            raise ValueError(
                f"You need to call `.adapt(dataset)` on the FeatureSpace {self.name!r} before you can start using it: the columns "
                f"{[*self._to_adapt()]} have to be learned from data."
            )
        self._is_adapted = self.built = True
        self.encoded_features = self.call(self.inputs)

    def get_inputs(self) -> dict[str, Any]:
        """Return the symbolic inputs of a model on the table, `{name of a column: tensor}`.

        Raises:
            ValueError: `adapt` was not called.
        """
        self._finish()
        return self.inputs

    def get_encoded_features(self) -> Any:
        """Return the encoded columns as symbolic tensors that a model can use: one tensor, or a dict of them.

        Raises:
            ValueError: `adapt` was not called.

        >>> import jkeras
        >>> space = FeatureSpace({"size": "float", "street": FeatureSpace.string_hashed(8)})
        >>> features = space.get_encoded_features()
        >>> model = jkeras.Model(space.get_inputs(), jkeras.layers.Dense(1)(features))
        >>> model.predict({"size": np.array([1.0, 2.0]), "street": np.array(["a", "b"])}, verbose=0).shape
        (2, 1)
        """
        self._finish()
        return self.encoded_features

    # -- files --------------------------------------------------------------------------------------------------------

    def save(self, filepath: Any) -> None:
        """Write the object to a `.keras` file, which `jkeras.models.load_model` reads.

        Args:
            filepath: the file's name, which ends in `.keras`.
        """
        save_model(self, filepath)

    def get_config(self) -> dict:
        """Return the constructor's arguments, as plain data."""
        return {
            "features": serialize(self.features),
            "output_mode": self.output_mode,
            "crosses": serialize(self.crosses),
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
        }

    def get_build_config(self) -> dict | None:
        """Return the arguments with which the layers were built; None before `adapt`."""
        if not self._is_adapted:
            return None
        return {name: layer.get_build_config() for name, layer in self.preprocessors.items()}

    def build_from_config(self, config: dict) -> None:
        """Build the layers; what they have learned stands in the file."""
        for name, shapes in config.items():
            layer = self.preprocessors.get(name)
            if layer is not None and shapes and not layer.built:
                layer.build_from_config(shapes)
        self._is_adapted = self.built = True

    def save_own_variables(self, store: Any) -> None:
        """Write nothing: all variables belong to the layers."""

    def load_own_variables(self, store: Any) -> None:
        """Read nothing: all variables belong to the layers."""


def _of(data: Any, name: str) -> Any:
    if name not in data:
        raise ValueError(f"The column {name!r} is missing: there are {[*data]}.")
    return data[name]


publish("keras.utils", named(FeatureSpace))
