"""Cross-validation as one program equals a loop of fits."""

import numpy as np
import pytest
from sklearn.model_selection import TimeSeriesSplit

import jkeras
from jkeras import layers
from jkeras.ensembles.folds import make_splits

RNG = np.random.default_rng(2)
X = RNG.normal(size=(47, 3)).astype("float32")
Y = (X[:, 0] + 0.3 * RNG.normal(size=47) > 0).astype(int)


def build():
    model = jkeras.Sequential([jkeras.Input((3,)), layers.Dense(6, "relu"), layers.Dropout(0.2), layers.Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def assert_is_a_loop_of_fits(scores, folds, **options):
    for fold in folds:
        train, test = scores.splits[fold]
        jkeras.utils.set_random_seed(fold)
        model = build()
        history = model.fit(X[train], Y[train], validation_data=(X[test], Y[test]), verbose=0, **options).history
        for name, values in history.items():
            np.testing.assert_allclose(scores.history[name][: len(values), fold], values, rtol=1e-4, atol=1e-6, err_msg=name)
            if name.startswith("val_"):
                np.testing.assert_allclose(scores.results[name.removeprefix("val_")][fold], values[-1], rtol=1e-4)
        for ours, theirs in zip(scores.model(fold).get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.slow
def test_folds_of_two_sizes_equal_a_loop_of_fits():
    scores = jkeras.cross_validate(build, X, Y, folds=5, epochs=3, batch_size=8)
    assert [len(ensemble) for ensemble in scores.ensembles] == [2, 3]
    assert sorted(np.concatenate([test for _, test in scores.splits])) == list(range(47))
    assert_is_a_loop_of_fits(scores, range(5), epochs=3, batch_size=8)
    predictions = scores.predictions(X)
    assert predictions.shape == (47, 2) and not np.isnan(predictions).any()
    assert "accuracy" in repr(scores)


@pytest.mark.slow
def test_stratified_folds_and_splits_in_time():
    scores = jkeras.cross_validate(build, X, Y, folds=3, stratified=True, epochs=2, batch_size=8)
    shares = [Y[test].mean() for _, test in scores.splits]
    assert np.ptp(shares) < 0.07
    assert_is_a_loop_of_fits(scores, [0, 2], epochs=2, batch_size=8)
    ordered = jkeras.cross_validate(build, X, Y, folds=TimeSeriesSplit(2), epochs=2, batch_size=8)
    assert all(train.max() < test.min() for train, test in ordered.splits)
    assert_is_a_loop_of_fits(ordered, [1], epochs=2, batch_size=8)


def test_groups_stay_together():
    groups = np.arange(47) // 5
    splits = make_splits(3, X, Y, 47, False, groups, 0)
    assert all(not set(groups[train]) & set(groups[test]) for train, test in splits)
    splits = make_splits(3, X, np.eye(2)[Y], 47, True, groups, 0)
    assert all(not set(groups[train]) & set(groups[test]) for train, test in splits)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 1}, "at least 2"),
        ({"folds": 48}, "number of rows, 47"),
        ({"folds": "ten"}, "list of pairs"),
        ({"folds": [([0, 1], [47])]}, "from 0 to 46"),
        ({"folds": [([0, 1], [])]}, "Fold 0"),
        ({"folds": [(np.flatnonzero(Y == 1), np.flatnonzero(Y == 0))]}, r"Fold 0 has no row of class \[0\].*stratified"),
        ({"validation_split": 0.1}, "leave out"),
        ({"folds": 3, "seeds": [1, 2]}, "one seed for each of the 3 folds, got 2 seeds"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        jkeras.cross_validate(build, X, Y, **options)
