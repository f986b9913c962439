"""`FeatureSpace`: tables as vectors. Keras needs TensorFlow to compute them, so values are those of the single layers."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest

import jkeras
from jkeras import layers

F = jkeras.utils.FeatureSpace
NUMBERS = [i / 10 for i in range(10)]
TABLE = {
    **{f"float_{i}": NUMBERS for i in (1, 2, 3)},
    **{f"string_{i}": [str(j) for j in range(10)] for i in (1, 2)},
    **{f"int_{i}": list(range(10)) for i in (1, 2, 3)},
}
KINDS = {
    "float_1": "float",
    "float_2": "float_normalized",
    "float_3": "float_discretized",
    "string_1": "string_categorical",
    "string_2": "string_hashed",
    "int_1": "integer_categorical",
    "int_2": "integer_hashed",
    "int_3": "integer_categorical",
}
CROSSES = [("float_3", "string_1"), ("string_2", "int_2")]
ROW = {name: column[0] for name, column in TABLE.items()}


def rows():
    return [{name: column[i] for name, column in TABLE.items()} for i in range(10)]


def batches():
    for start in range(0, 10, 4):
        yield {name: np.array(column[start : start + 4]) for name, column in TABLE.items()}, np.zeros(4)


class Loader(jkeras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return list(batches())[index]


@pytest.mark.parametrize("make", [lambda: TABLE, lambda: pd.DataFrame(TABLE), rows, batches, Loader])
def test_adapt_takes_tables_and_what_yields_them(make):
    space = F(KINDS, crosses=CROSSES)
    space.adapt(make())
    table, row = space(TABLE), space(ROW)
    assert table.shape == (10, 195) and row.shape == (195,)  # as Keras has it
    np.testing.assert_allclose(table[0], row, rtol=1e-6)
    np.testing.assert_allclose(space(pd.DataFrame(TABLE)), table)
    assert space.preprocessors["string_1"].get_vocabulary() == ["[UNK]", *"9876543210"]
    np.testing.assert_allclose(space.preprocessors["float_2"].mean, [[0.45]], rtol=1e-6)


def test_each_kind_is_its_layer():
    cross = F.cross(("string_2", "int_2"), 8, output_mode="int")
    kinds = {
        **KINDS,
        "float_1": F.float_rescaled(2.0, 1.0),
        "string_1": F.string_categorical(max_tokens=5, output_mode="int"),
        "int_1": F.integer_categorical(num_oov_indices=2),
        "int_3": F.integer_hashed(4, output_mode="int"),
    }
    space = F(kinds, crosses=[cross], output_mode="dict", num_discretization_bins=4, hashing_dim=16)
    space.adapt(TABLE)
    found = space(TABLE)
    column = np.array(NUMBERS)[:, None]
    np.testing.assert_allclose(found["float_1"], 2 * column + 1, rtol=1e-6)
    np.testing.assert_allclose(found["float_2"], (column - 0.45) / column.std(), rtol=1e-5)
    boundaries = np.array(space.preprocessors["float_3"].bin_boundaries, "float32")
    bins = np.searchsorted(boundaries, column.astype("float32"), side="right")[:, 0]
    np.testing.assert_array_equal(found["float_3"], np.eye(4)[bins])
    np.testing.assert_array_equal(found["string_1"][:, 0], [0, 0, 0, 0, 0, 0, 4, 3, 2, 1])
    assert found["int_1"].shape == (10, 12) and found["string_2"].shape == (10, 16)
    np.testing.assert_array_equal(found["int_3"], layers.Hashing(4)(np.arange(10)[:, None]))
    hashed = [layers.Hashing(16)(np.array(TABLE["string_2"])[:, None]), layers.Hashing(16)(np.arange(10)[:, None])]
    np.testing.assert_array_equal(found["string_2_X_int_2"], layers.HashedCrossing(8)(hashed))
    assert all(str(found[name].dtype).startswith("int") for name in ("string_1", "int_3", "string_2_X_int_2"))
    assert space(ROW)["int_3"].shape == (1,)


def test_columns_in_alphabetical_order_then_crosses():
    space = F({"b": "float", "a": F.float_rescaled(10.0), "c": F.integer_hashed(3)}, crosses=[("c", "c")], crossing_dim=2)
    found = np.asarray(space({"b": [1.0], "a": [2.0], "c": [0]}))
    assert found[0, :2].tolist() == [20.0, 1.0] and found.shape == (1, 2 + 3 + 2)


def test_layers_of_ones_own_that_need_no_adapt():
    space = F(
        {
            "text": F.feature("string", layers.TextVectorization(vocabulary=["is", "this"], output_mode="int"), "int"),
            "size": F.feature("float32", layers.Normalization(mean=12.0, variance=5.0), "float"),
            "code": F.feature("int64", layers.IntegerLookup(vocabulary=[5, 7]), "one_hot"),
            "bins": F.float_discretized(None, [0.0, 1.0]),
        },
        output_mode="dict",
    )
    found = space({"text": ["This is", "not"], "size": [12.0, 17.0], "code": [7, 8], "bins": [-1.0, 3.0]})
    assert found["text"].tolist() == [[3, 2], [1, 0]]
    np.testing.assert_allclose(found["size"][:, 0], [0, 5**0.5], rtol=1e-6)
    assert found["code"].tolist() == [[0, 0, 1], [1, 0, 0]] and found["bins"].tolist() == [[1, 0, 0], [0, 0, 1]]
    weights = F({"text": F.feature("string", layers.TextVectorization(output_mode="tf_idf"), "float")})
    weights.adapt({"text": ["1st string", "2nd string", "3rd string"]})
    assert weights({"text": ["1st string", "2nd string", "3rd string"]}).shape == (3, 5)


def model_of(space):
    outputs = layers.Dense(1, kernel_initializer="ones")(space.get_encoded_features())
    model = jkeras.Model(space.get_inputs(), outputs)
    model.compile("sgd", "mse")
    return model


def test_a_model_on_the_table_and_one_on_the_vectors():
    space = F(KINDS, crosses=CROSSES)
    space.adapt(TABLE)
    model, y = model_of(space), np.ones(10)
    expected = np.asarray(space(TABLE)).sum(1, keepdims=True)
    np.testing.assert_allclose(model.predict(TABLE, verbose=0), expected, rtol=1e-5)
    assert space(model.input).shape == (None, 195)
    assert np.isfinite(model.fit({k: np.array(v) for k, v in TABLE.items()}, y, verbose=0).history["loss"][0])
    features = space.get_encoded_features()
    rest = jkeras.Model(features, layers.Dense(1)(features))
    rest.compile("sgd", "mse")
    data = jkeras.data.Dataset(lambda i: (rows()[i], y[i]), 10)
    for mapped in (data.map(lambda x, y: (space(x), y)).batch(4), data.batch(4).map(lambda x, y: (space(x), y))):
        assert np.isfinite(rest.fit(mapped, verbose=0).history["loss"][0])


PROGRAM = """
import sys, json, jkeras
space = jkeras.models.load_model(sys.argv[1])
space.save(sys.argv[1])
model = jkeras.models.load_model(sys.argv[2])
table = json.loads(sys.argv[3])
print(json.dumps([jkeras.models.load_model(sys.argv[1])(table).tolist(), model.predict(table, verbose=0).tolist()]))
"""


def test_what_is_saved_encodes_the_same_in_another_process(tmp_path):
    space = F(KINDS, crosses=CROSSES)
    space.adapt(TABLE)
    model = model_of(space)
    space.save(tmp_path / "space.keras")
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "space.keras") as file:
        assert "assets/preprocessors/string_lookup/vocabulary.txt" in file.namelist()
        config = json.loads(file.read("config.json"))
    assert config["module"] == "keras.utils" and config["config"]["features"]["float_1"]["class_name"] == "Feature"
    arguments = [str(tmp_path / "space.keras"), str(tmp_path / "model.keras"), json.dumps(TABLE)]
    found = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True)
    vectors, predictions = json.loads(found.stdout)
    np.testing.assert_allclose(vectors, space(TABLE), rtol=1e-6)
    np.testing.assert_allclose(predictions, model.predict(TABLE, verbose=0), rtol=1e-5)


def test_what_is_saved_before_adapt_has_still_to_learn(tmp_path):
    with pytest.warns(UserWarning, match="before it is built"):
        F({"a": "float_normalized"}).save(tmp_path / "space.keras")
    with pytest.raises(ValueError, match="You need to call `.adapt"):
        jkeras.models.load_model(tmp_path / "space.keras")({"a": [1.0]})


def test_files_of_keras_and_back(tmp_path):
    keras = pytest.importorskip("keras")
    theirs = keras.utils.FeatureSpace({"a": "float_normalized", "b": keras.utils.FeatureSpace.float_rescaled(2.0)})
    theirs.preprocessors["a"].adapt(np.arange(10.0)[:, None])
    theirs._is_adapted = theirs.built = True
    theirs.save(tmp_path / "theirs.keras")
    ours = jkeras.models.load_model(tmp_path / "theirs.keras")
    np.testing.assert_allclose(ours({"a": [4.5], "b": [3.0]}), [[0.0, 6.0]], atol=1e-6)
    ours.save(tmp_path / "ours.keras")
    again = keras.models.load_model(tmp_path / "ours.keras")
    np.testing.assert_allclose(again.preprocessors["a"].mean, theirs.preprocessors["a"].mean)
    assert again.features["b"].preprocessor.scale == 2.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: F({}), "cannot be None or empty"),
        (lambda: F({"a": "flaot"}), "Invalid feature type: 'flaot', of the column 'a'.*Did you mean 'float'"),
        (lambda: F({"a": "float"}, output_mode="list"), "for argument `output_mode`"),
        (lambda: F({"a": "float"}, crosses=[("a", "b")]), "should be present in the `features` dict.*'b'"),
        (lambda: F({"a": "float"}, crosses=[("a", "a")], crossing_dim=None), "crossing_dim"),
        (lambda: F.cross(("a", "b"), 3, output_mode="float"), "output_mode"),
        (lambda: F.feature("string", None, "multi_hot"), "output_mode"),
        (lambda: F({"a": "float_normalized"})({"a": [1.0]}), "You need to call `.adapt"),
        (lambda: F({"a": "integer_categorical"}).get_encoded_features(), "You need to call `.adapt"),
        (lambda: F({"a": "float"})([1.0]), "only be called with a dict"),
        (lambda: F({"a": "float"})({"b": [1.0]}), "no such features"),
        (lambda: F({"a": "float", "b": "float"})({"b": [1.0]}), "column 'a' is missing"),
        (lambda: F({"a": "float_normalized"}).adapt({"b": [1.0]}), "column 'a' is missing"),
        (lambda: F({"a": "float_normalized"}).adapt(3), "takes a dict of arrays"),
        (lambda: F({"a": "float_normalized"}).adapt(jkeras.data.Dataset(lambda i: {"a": 1.0}, None)), "without a length"),
        (lambda: F({"a": "integer_hashed"})({"a": pd.Series([1.0, np.nan])}), "column 'a'.*missing entries"),
        (lambda: F({"a": "float"})({"a": np.array(["x"], object)}), "column 'a'.*should hold numbers"),
        (lambda: F({"a": F.integer_hashed(3, output_mode="int")})({"a": [1]}), "Cannot concatenate"),
        (lambda: F({"a": F.feature("float32", layers.Rescaling(2.0), "one_hot")})({"a": [1.0]}), "integer dtype"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
