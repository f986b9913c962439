"""Lookups, text vectorization and hashing, against the values that Keras states (it needs TensorFlow to compute them itself)."""

import zipfile

import numpy as np
import pandas as pd
import pytest

import jkeras
from jkeras import layers

FLOAT = {"rtol": 1e-6, "atol": 1e-6}


@pytest.mark.parametrize(
    ("options", "inputs", "expected"),
    [
        ({}, [["a", "c", "d"], ["d", "z", "b"]], [[1, 3, 4], [4, 0, 2]]),
        ({"num_oov_indices": 2}, [["a", "c", "d"], ["m", "z", "b"]], [[2, 4, 5], [0, 1, 3]]),
        ({"mask_token": ""}, ["a", "", "z"], [2, 0, 1]),
        ({"output_mode": "one_hot"}, ["a", "z"], [[0, 1, 0, 0, 0], [1, 0, 0, 0, 0]]),
        ({"output_mode": "multi_hot"}, [["a", "c", "d", "d"], ["d", "z", "b", "z"]], [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]]),
        ({"output_mode": "count"}, [["a", "c", "d", "d"], ["d", "z", "b", "z"]], [[0, 1, 0, 1, 2], [2, 0, 1, 0, 1]]),
        ({"output_mode": "count", "mask_token": "d"}, [["a", "d", "d"]], [[0, 1, 0, 0]]),
        (
            {"output_mode": "tf_idf", "idf_weights": [0.25, 0.75, 0.6, 0.4]},
            [["a", "c", "d", "d"], ["d", "z", "b", "z"]],
            [[0, 0.25, 0, 0.6, 0.8], [1.0, 0, 0.75, 0, 0.4]],
        ),
        (
            {"output_mode": "multi_hot", "max_tokens": 7, "pad_to_max_tokens": True},
            [["a", "z"]],
            [[1, 1, 0, 0, 0, 0, 0]],
        ),
    ],
)
def test_string_lookup_gives_the_values_of_keras(options, inputs, expected):
    vocabulary = ["a", "b", "c"] if options.get("mask_token") == "d" else ["a", "b", "c", "d"]
    layer = layers.StringLookup(vocabulary=vocabulary, **options)
    for given in (inputs, np.array(inputs), np.array(inputs, object), np.char.encode(np.array(inputs))):
        np.testing.assert_allclose(layer(given), expected, **FLOAT)
    again = layers.StringLookup.from_config(layer.get_config())
    np.testing.assert_allclose(again(inputs), expected, **FLOAT)
    rank = np.ndim(inputs)
    symbol = layer(jkeras.Input((None,) * (rank - 1), dtype="string"))
    assert len(symbol.shape) == np.ndim(expected) and symbol.dtype == ("float32" if options.get("output_mode") else "int64")


def test_integer_lookup_gives_the_values_of_keras():
    data = np.array([[12, 1138, 42], [42, 1000, 36]])
    layer = layers.IntegerLookup()
    layer.adapt(data)
    assert layer.get_vocabulary() == [-1, 42, 1138, 1000, 36, 12]
    assert layer(data).tolist() == [[5, 2, 1], [1, 3, 4]]
    assert layers.IntegerLookup(vocabulary=layer.get_vocabulary(), invert=True)([[5, 99]]).tolist() == [[12, -1]]
    many = np.array([100, 300, 700, 1100, 1700, 2000])
    options = {"vocabulary": [10, 20, 30], "num_oov_indices": 4}
    assert layers.IntegerLookup(**options)(many).tolist() == [0] * 6
    assert layers.IntegerLookup(**options, oov_method="farmhash")(many).tolist() == [3, 3, 2, 2, 0, 1]


class Batches(jkeras.utils.PyDataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return np.array([["b", "a"], ["b", "c"]][index])[:, None], np.zeros(2)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ["b", "a", "b", "c"],
        lambda: np.array([["b", "a"], ["b", "c"]]),
        lambda: pd.Series(["b", "a", "b", "c"]),
        lambda: pd.DataFrame({"column": ["b", "a", "b", "c"]}),
        lambda: (np.array([row]) for row in ("b", "a", "b", "c")),
        lambda: iter([(np.array([["b"], ["a"]]), 1), (np.array([["b"], ["c"]]), 2)]),
        Batches,
    ],
)
def test_adapt_takes_what_fit_takes(make):
    lookup, texts = layers.StringLookup(), layers.TextVectorization()
    lookup.adapt(make())
    assert lookup.get_vocabulary() == ["[UNK]", "b", "c", "a"]
    if not isinstance(make(), np.ndarray):  # rows of several texts
        texts.adapt(make())
        assert texts.get_vocabulary() == ["", "[UNK]", "b", "c", "a"]


def test_adapt_over_batches_equals_adapt_at_once():
    texts = [f"{'x y' if i % 3 else 'y z'} {i % 5}" for i in range(30)]
    whole, parts = layers.TextVectorization(output_mode="tf_idf"), layers.TextVectorization(output_mode="tf_idf")
    whole.adapt(texts)
    parts.adapt(texts[i : i + 7] for i in range(0, 30, 7))
    np.testing.assert_array_equal(whole(texts), parts(texts))
    documents = 1 + np.array([sum(word in text.split() for text in texts) for word in whole.get_vocabulary()[1:]])
    np.testing.assert_allclose(whole._lookup_layer.idf_weights[1:], np.log(1 + 30 / documents), rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "texts", "expected"),
    [
        ({}, ["Foo, qux bar!", "baz"], [[4, 1, 3], [2, 0, 0]]),
        ({"output_sequence_length": 2}, [["foo qux bar"], ["baz"]], [[4, 1], [2, 0]]),
        ({"standardize": None}, ["Foo foo"], [[1, 4]]),
        ({"standardize": "strip_punctuation", "split": None}, [["foo!"], ["bar"]], [[4], [3]]),
        ({"standardize": lambda x: np.strings.replace(x, "-", " ")}, ["foo-bar"], [[4, 3]]),
        (
            {"split": lambda x: [str(text).split("|") for text in x], "standardize": None},
            ["foo|bar", "baz"],
            [[4, 3], [2, 0]],
        ),
        ({"output_mode": "count"}, ["foo foo bar", "z"], [[0, 0, 1, 2], [1, 0, 0, 0]]),
        ({"output_mode": "multi_hot"}, ["foo foo bar", "baz z"], [[0, 0, 1, 1], [1, 1, 0, 0]]),
        ({"ngrams": 2}, ["foo bar"], [[4, 3, 1]]),
        ({"ngrams": (2,)}, ["foo bar baz"], [[1, 1]]),
    ],
)
def test_text_vectorization(options, texts, expected):
    layer = layers.TextVectorization(vocabulary=["baz", "bar", "foo"], **options)
    assert layer(texts).tolist() == expected
    assert layer(np.array(texts)).shape == layer.compute_output_spec(
        jkeras.KerasTensor(np.shape(texts), "string")
    ).shape or ("output_sequence_length" not in options)


def test_split_by_characters_and_case_of_letters_beyond_ascii():
    layer = layers.TextVectorization(split="character", vocabulary=["é", "É", "a"])
    assert layer(["Éa\u00e9"]).tolist() == [[3, 4, 2]]


def test_hashing_and_crossing_give_the_values_of_keras():
    letters = [["A"], ["B"], ["C"], ["D"], ["E"]]
    assert layers.Hashing(3)(letters).tolist() == [[1], [0], [1], [1], [2]]
    assert layers.Hashing(3, mask_value="")([["A"], ["B"], [""], ["C"], ["D"]]).tolist() == [[1], [1], [0], [2], [2]]
    assert layers.Hashing(3, salt=[133, 137])(letters).tolist() == [[1], [2], [1], [0], [2]]
    assert layers.Hashing(3, salt=133)(letters).tolist() == [[0], [0], [2], [1], [0]]
    assert layers.Hashing(3, salt=[133, 137])(np.arange(5)).tolist() == [1, 1, 2, 0, 1]
    assert layers.Hashing(3, output_mode="count")(np.array([[0, 1, 2, 3, 4]])).tolist() == [[2, 2, 1]]
    words = ["omar", "stringer", "marlo", "wire", "skywalker"]
    assert layers.Hashing(2)(words).tolist() == [0, 0, 1, 0, 0]
    pair = np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102])
    assert layers.HashedCrossing(5)(pair).tolist() == [1, 4, 1, 1, 3]
    assert layers.HashedCrossing(5, output_mode="one_hot")(pair)[1].tolist() == [0, 0, 0, 0, 1]


def test_fingerprints_of_all_lengths():
    from jkeras.layers.preprocessing.hashes import farmhash  # values of the reference implementation

    texts = [bytes(range(n)) for n in (0, 3, 7, 16, 17, 32, 33, 64, 65, 128, 129, 200)]
    assert [int(h) % 100003 for h in farmhash(texts)] == [
        61252,
        24766,
        42050,
        50950,
        38657,
        85786,
        26457,
        72089,
        46156,
        42689,
        23417,
        37932,
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.StringLookup(vocabulary=[]), "empty vocabulary"),
        (lambda: layers.StringLookup(vocabulary=["a", "a"]), "repeated term"),
        (lambda: layers.StringLookup(vocabulary=["a", ""], mask_token=""), "mask token at unexpected"),
        (lambda: layers.StringLookup(vocabulary=["a", "b"], max_tokens=2), "larger than the maximum"),
        (lambda: layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(["b"]), "should be in the vocabulary"),
        (lambda: layers.StringLookup(vocabulary=["a"])(np.array([1.0])), "IntegerLookup"),
        (lambda: layers.StringLookup(vocabulary=["a"])(np.array(["a", None])), "fillna"),
        (lambda: layers.IntegerLookup(vocabulary=[1])(["b"]), "StringLookup"),
        (lambda: layers.StringLookup(vocabulary=["a"]).adapt(["b"]), "static vocabulary"),
        (lambda: layers.StringLookup(vocabulary="nowhere.txt"), "does not exist"),
        (lambda: layers.StringLookup(output_mode="tf_idf", vocabulary=["a"]), "idf_weights"),
        (lambda: layers.StringLookup(output_mode="multi")(["a"]), "output_mode"),
        (lambda: layers.TextVectorization(standardize="uper"), "standardize"),
        (lambda: layers.TextVectorization(vocabulary=["a"])(np.array([["a", "b"]])), "last shape dimension"),
        (lambda: layers.StringLookup.from_config({"vocabulary": "/etc/passwd"}), "may not name a vocabulary file"),
        (lambda: layers.Hashing(0), "num_bins"),
        (lambda: layers.HashedCrossing(3)([np.array([1.5]), np.array([2.5])]), "integer or string"),
    ],
)
def test_mistakes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("make", [layers.StringLookup, layers.TextVectorization])
def test_an_empty_vocabulary_is_an_error_that_says_so(make):
    layer = make(name="words")
    for call in (lambda: layer(["a"]), lambda: make(name="words", output_mode="multi_hot")([["a"]])):
        with pytest.raises(RuntimeError, match="must set the layer's vocabulary before calling"):
            call()
    for data in ([], np.array([], object), iter([])):
        with pytest.raises(ValueError, match=r"'words': adapt\(\) found nothing"):
            layer.adapt(data)
    with pytest.raises(ValueError, match="Cannot set an empty vocabulary"):
        layer.set_vocabulary([])
    layer.adapt(["a"])
    assert np.asarray(layer(["a", "b"])).reshape(-1).tolist() == ([2, 1] if make is layers.TextVectorization else [1, 0])


def test_a_vocabulary_may_not_change_its_size_under_vectors():
    layer = layers.StringLookup(output_mode="multi_hot")
    with pytest.raises(RuntimeError, match="set the layer's vocabulary"):
        layer(["a"])
    layer.adapt(["a", "b"])
    with pytest.raises(RuntimeError, match="cannot be changed"):
        layer.adapt(["a", "b", "c"])
    layer.adapt(["d", "e"])
    assert layer.get_vocabulary() == ["[UNK]", "e", "d"]


def test_vocabulary_from_a_file(tmp_path):
    (tmp_path / "words.txt").write_text("ä\nb\n", encoding="utf-8")
    layer = layers.StringLookup(vocabulary=str(tmp_path / "words.txt"))
    assert layer(["ä", "b", "c"]).tolist() == [1, 2, 0] and layer.get_config()["vocabulary"] is None


@pytest.mark.parametrize("zipped", [True, False])
def test_the_vocabulary_travels_in_the_archive_as_in_keras(tmp_path, zipped):
    texts = layers.TextVectorization(output_mode="tf_idf", name="texts")
    texts.adapt(["a b c", "c d"])
    numbers = layers.IntegerLookup(name="numbers")
    numbers.adapt([[4, 5, 5]])
    x, n = jkeras.Input((1,), dtype="string"), jkeras.Input((1,), dtype="int64")
    model = jkeras.Model([x, n], [layers.Dense(2)(texts(x)), layers.Embedding(9, 2)(numbers(n))])
    path = tmp_path / ("model.keras" if zipped else "model")
    model.save(path, zipped=zipped)
    if zipped:
        with zipfile.ZipFile(path) as archive:
            assert archive.read("assets/layers/text_vectorization/vocabulary.txt").decode().split() == ["[UNK]", *"cdba"]
            assert "assets/layers/integer_lookup/vocabulary.txt" in archive.namelist()
    loaded = jkeras.models.load_model(path)
    np.testing.assert_array_equal(loaded.get_layer("texts")(["a c", "z"]), texts(["a c", "z"]))
    assert loaded.get_layer("numbers").get_vocabulary() == [-1, 5, 4]


@pytest.mark.parametrize("tokens", [["a", "a", ""], ["a\r", "b", "b"], [" ", "ä", "ä"]])
def test_any_token_travels_in_the_file(tmp_path, tokens):
    layer, again = layers.StringLookup(), layers.StringLookup()
    layer.adapt(tokens)
    layer.save_assets(tmp_path)
    again.load_assets(tmp_path)
    assert again.get_vocabulary() == layer.get_vocabulary() and len(layer.get_vocabulary()) == 3


def test_a_token_with_a_line_break_is_refused_before_a_file_is_written(tmp_path):
    layer = layers.StringLookup(name="lines")
    layer.adapt(["a\nb", "c"])
    model = jkeras.Sequential([jkeras.Input((1,), dtype="string"), layer, layers.Embedding(3, 2)])
    with pytest.raises(ValueError, match=r"'lines' has 1 token\(s\) with a line break, such as 'a\\nb'"):
        model.save(tmp_path / "model.keras")
    assert not list(tmp_path.iterdir())


def test_a_bad_member_among_the_assets_is_refused(tmp_path):
    model = jkeras.Sequential([jkeras.Input((1,), dtype="string"), layers.StringLookup(), layers.Embedding(3, 2)])
    model.layers[0].adapt(["a"])
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras", "a") as archive:
        archive.writestr("assets/layers/string_lookup/../../../up.txt", "x")
    with pytest.raises(ValueError, match="a name that is not allowed"):
        jkeras.models.load_model(tmp_path / "model.keras")
