"""What cannot be trained on is refused before the first step, in words that help."""

import warnings
from collections import UserDict

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from jkeras.data import StreamData, make_data

X, Y = np.zeros((6, 2)), np.zeros(6)


def generator_function():
    yield X, Y


class TorchDataset:
    __module__ = "torch.utils.data.dataset"

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return X[0], 1


@pytest.mark.parametrize(
    "x,y,message",
    [
        (X, Y[:5], "x has 6, y has 5"),
        ([X, X[:4]], Y, r"x\[0\] has 6, x\[1\] has 4"),
        ({"image": X, "text": X[:4]}, None, r"x\['image'\] has 6, x\['text'\] has 4"),
        (list(X), Y, r"x\[0\] has 2.*as many inputs. If they are samples: np.stack\(x\)"),
        (X[:0], Y[:0], r"data is empty: x has shape \(0, 2\)"),
        ([], [], r"data is empty: x has shape \(0,\)"),
        ({}, Y, "x holds no array"),
        (None, Y, "x is None"),
        (X.astype(object), Y, r"x has dtype object; .*np.asarray\(x, dtype='float32'\)"),
        (X, ["cat", "dog"] * 3, r"y has dtype <U3; strings.*y = np.unique\(y, return_inverse=True\)"),
        (X, np.array([b"a"] * 6), "y has dtype .S1; strings"),
        (X, np.array(["2020-01-01"] * 6, "datetime64[D]"), r"y has dtype datetime64\[D\]; dates.*y.min\(\)"),
        (np.zeros(6, [("a", int)]), Y, "x has dtype .*convert it to numbers"),
        ([[1, 2], [3]], Y, "x is a list that is not one rectangular array.*pad them"),
        (X, [1, None] * 3, "y has dtype object"),
        (1.0, Y, "x is a single value"),
        (np.array(5), Y, r"x is a single value.*np.reshape\(x, \(1, 1\)\)"),
        ("photo.png", Y, "x is a single value"),
        (pd.DataFrame({"age": [1.0] * 6, "name": ["a"] * 6}), Y, "x, column 'name', has dtype str"),
        (pd.DataFrame({"age": [1.0] * 6, "kind": pd.Categorical(["a"] * 6)}), Y, "x, column 'kind', has dtype category"),
        ({"table": pd.DataFrame({"when": pd.to_datetime(["2020"] * 6)})}, Y, "column 'when', has dtype datetime"),
        (X, pd.Series(["a"] * 6, name="label"), r"y \(the Series 'label'\) has dtype"),
        (np.ma.masked_less(np.arange(6.0), 2), Y, "x is a masked array"),
        (X, np.array([2**40] * 6), "y holds integers from 1099511627776 .* do not fit in int32"),
        (generator_function, None, r"Unrecognized data type: x is a builtins.function.*call it: generator_function\(\)"),
        (TorchDataset(), None, r"yields samples; batches come from torch.utils.data.DataLoader\(dataset"),
        ({1, 2}, None, "Unrecognized data type: x is a builtins.set.*Accepted are NumPy.*or, for x alone, generators"),
        (UserDict(a=X), Y, r"Unrecognized data type: x is a collections.UserDict.*: dict\(x\)"),
        (X, object(), "Unrecognized data type: y is a builtins.object"),
    ],
)
def test_what_is_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        make_data(x, y).tree  # noqa: B018


@pytest.mark.parametrize("name", ["batch_size", "steps"])
@pytest.mark.parametrize("value", [0, -3, 2.5, 32.0, "32", True, np.bool_(True), np.nan])
def test_counts(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a positive integer, got"):
        make_data(X, Y, **{name: value})


def test_shuffle():
    with pytest.raises(ValueError, match="shuffle must be True, False or 'batch', got 'epoch'"):
        make_data(X, Y, shuffle="epoch")


def test_what_is_not_refused():
    assert isinstance(make_data(range(3)), StreamData)  # an iterable, of whatever
    for y in (2**31 - 1, -(2**31)):
        make_data(X, np.array([y] * 6)).tree  # noqa: B018


# -- NaN --------------------------------------------------------------------------------------------------------------


def with_nan(*places, kind=np.array):
    x = np.ones((6, 3))
    for place in places:
        x[place] = np.nan
    return kind(x)


@pytest.mark.parametrize(
    "x,y,message",
    [
        (with_nan((2, 1)), Y, "NaN in the data: x, column 1. "),
        (with_nan((2, 0), (4, 2)), Y, "x, columns 0, 2. "),
        (with_nan((2, 1), kind=jnp.array), Y, "x, column 1. "),
        (with_nan((2, 1), kind=lambda x: x.tolist()), Y, "x, column 1. "),
        (with_nan((2, 1), kind=scipy.sparse.csr_matrix), Y, "x, column 1. "),
        (pd.DataFrame({"age": [1.0] * 6, "height": [np.nan] * 6}), Y, "x, column 'height'. "),
        (np.ones((6, 2)), [0, 1, 2, 3, 4, np.nan], "data: y. "),
        ({"a": with_nan((0, 0)), "b": np.full((6, 2, 2), np.nan)}, Y, r"x\['a'\], column 0; x\['b'\]. "),
        (np.full((6, 30), np.nan), Y, "columns 0, 1, .* 9 and 20 more. "),
    ],
)
def test_nan_is_named_once(x, y, message):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        data = make_data(x, y, batch_size=2)
        list(data.batches())
    (warning,) = seen
    assert warning.category is UserWarning and warning.filename == __file__
    with pytest.raises(UserWarning, match=message):
        raise warning.message


def test_numbers_that_are_no_nan(tmp_path, monkeypatch):
    make_data(np.array([[np.inf, -np.inf]] * 6), np.full(6, 7))
    make_data(np.array([[3e38, 3e38]] * 6, "float32"), np.zeros(6, "bool"))
    file = np.memmap(tmp_path / "x.bin", mode="w+", shape=(6, 2), dtype="float32")
    file[:] = np.nan
    with pytest.warns(UserWarning, match="x, columns 0, 1"):
        make_data(file)
    monkeypatch.setattr("jkeras.data.check.NAN_CHECK_BYTES", 10)
    make_data(file)  # a large file is not read for it
