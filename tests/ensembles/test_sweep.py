"""A sweep equals a loop of fits, and needs a program per structure."""

import numpy as np
import pytest

import jkeras
from jkeras import layers, regularizers
from jkeras.ensembles.points import Maker, checked, grid

RNG = np.random.default_rng(3)
X = RNG.normal(size=(40, 3)).astype("float32")
Y = jkeras.utils.to_categorical(X[:, 0] > 0)
OPTIONS = {"epochs": 3, "batch_size": 8}


def build(units=6, depth=1):
    model = jkeras.Sequential([jkeras.Input((3,))])
    for _ in range(depth):
        model.add(layers.Dense(units, "relu", kernel_regularizer=regularizers.L2(0.01)))
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(2, "softmax"))
    loss = jkeras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    model.compile(jkeras.optimizers.Adam(0.01, weight_decay=0.01, clipnorm=1.0), loss, metrics=["accuracy"])
    return model


def assert_rows_are_fits(result, rows, build=build, **options):
    maker = Maker(build, list(result.points[0]))
    for row in rows:
        point = dict(result.points[row])
        jkeras.utils.set_random_seed(point.pop("seed", 0))
        model = maker(point)
        history = model.fit(X, Y, verbose=0, **(OPTIONS | options)).history
        for name, values in history.items():
            np.testing.assert_allclose(result.history(row)[name], values, rtol=1e-5, atol=1e-6, err_msg=f"{name} of {point}")
        for ours, theirs in zip(result.model(row).get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=2e-6, err_msg=str(point))


def test_numbers_are_one_program_and_sizes_are_several():
    space = {"learning_rate": [0.03, 0.01], "dropout": [0.2, 0.5], "units": [4, 6], "seed": range(2)}
    result = jkeras.sweep(build, space, X, Y, **OPTIONS)
    assert len(result) == 16 and result.programs == 2
    assert_rows_are_fits(result, [0, 6, 13])
    frame = result.frame()
    assert list(frame.columns[:4]) == list(space) and len(frame) == 16
    assert frame["loss"].idxmin() == result.best and frame["history"][3]["loss"].shape == (3,)
    assert result.best_point == result.points[result.best]
    assert repr(result).startswith("<Sweep of 16 points in 2 programs; best loss")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("weight_decay", [0.3, 0.01]),
        ("beta_1", [0.5, 0.95]),
        pytest.param("beta_2", [0.9, 0.999], marks=pytest.mark.longest),
        pytest.param("clipnorm", [0.1, 0.5], marks=pytest.mark.longest),
        ("label_smoothing", [0.05, 0.3]),
        pytest.param("l2", [0.001, 0.1], marks=pytest.mark.longest),
        ("dropout", [0.1, 0.7]),
    ],
)
def test_every_number_equals_its_fit(name, values):
    result = jkeras.sweep(build, {name: values}, X, Y, **OPTIONS)
    assert result.programs == 1
    assert not np.array_equal(result.history(0)["loss"], result.history(1)["loss"])
    assert_rows_are_fits(result, [0, 1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "values", "options"),
    [
        ("momentum", [0.5, 0.9], {}),
        pytest.param("momentum", [0.5, 0.9], {"nesterov": True}, marks=pytest.mark.longest),
        pytest.param("clipvalue", [0.003, 0.02], {}, marks=pytest.mark.longest),
        ("global_clipnorm", [0.01, 0.1], {}),
    ],
)
def test_momentum_and_other_limits_equal_their_fits(name, values, options):
    def own():
        model = jkeras.Sequential([jkeras.Input((3,)), layers.Dense(6, "relu"), layers.Dense(2, "softmax")])
        model.compile(
            jkeras.optimizers.SGD(0.1, **({name: 1.0 if "clip" in name else 0.1} | options)), "categorical_crossentropy"
        )
        return model

    result = jkeras.sweep(own, {name: values}, X, Y, **OPTIONS)
    assert result.programs == 1
    assert not np.array_equal(result.history(0)["loss"], result.history(1)["loss"])
    assert_rows_are_fits(result, [0, 1], own)


def test_zero_is_another_structure():
    points = grid({"dropout": [0.0, 0.5, 0.3], "weight_decay": [0.1, 0.2]})
    texts = [text for text, _, _ in checked(Maker(build, ["dropout", "weight_decay"]), points)]
    assert len(set(texts)) == 2


@pytest.mark.slow
def test_random_search_and_halving():
    space = {"learning_rate": lambda rng: float(10 ** rng.uniform(-3, -1)), "seed": range(3)}
    result = jkeras.sweep(build, space, X, Y, trials=9, halving=3, epochs=9, batch_size=8, validation_data=(X, Y))
    assert sorted(row["epochs"] for row in result.rows) == [1] * 6 + [3] * 2 + [9]
    assert result.monitor == "val_loss" and result.rows[result.best]["epochs"] == 9
    assert_rows_are_fits(result, [result.best], epochs=9, validation_data=(X, Y))


@pytest.mark.slow
def test_a_number_that_code_of_ones_own_looks_at_is_trained_alone():
    class Own(jkeras.optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            self.assign_sub(variable, gradient * learning_rate * float(self.momentum))

    def own():
        model = jkeras.Sequential([jkeras.Input((3,)), layers.Dense(2, "softmax")])
        model.compile(Own(0.1, momentum=0.5), "categorical_crossentropy")
        return model

    with pytest.warns(UserWarning, match="one by one"):
        result = jkeras.sweep(own, {"momentum": [0.5, 0.9]}, X, Y, **OPTIONS)
    assert result.programs == 2 and result.history(0)["loss"][-1] != result.history(1)["loss"][-1]


@pytest.mark.parametrize(
    "space",
    [
        {"units": [2, 3]},
        {"units": [2, 3], "depth": [1, 2]},
        {"units": [2], "learning_rate": [0.1, 0.2], "beta_1": [0.8, 0.9], "dropout": [0.1, 0.2]},
    ],
)
def test_pictures(space, tmp_path):
    from jkeras.ensembles.sweep import Sweep

    result = Sweep(grid(space), "loss", False)
    for row, each in enumerate(result.rows):
        each.update(loss=1.0 + row, epochs=1)
    result.plot().savefig(tmp_path / "sweep.png")
    assert (tmp_path / "sweep.png").stat().st_size > 4000


@pytest.mark.parametrize(
    ("space", "options", "message"),
    [
        ({"learning_rat": [0.1]}, {}, "Nothing is called 'learning_rat'.*Did you mean 'learning_rate'"),
        ({"learning_rate": [0.1, -1.0]}, {}, r"The point \{'learning_rate': -1.0\} is not valid"),
        ({"dropout": [0.1, 1.5]}, {}, "dropout must be a number from 0 to 1"),
        ({"units": [4, -2]}, {}, r"The point \{'units': -2\} is not valid"),
        ({"units": 4}, {}, "must be a list"),
        ({"units": []}, {}, "no value to try"),
        ({}, {}, "nothing to try"),
        ({"learning_rate": lambda rng: 1.0}, {}, "give trials="),
        ({"units": [4]}, {"halving": 1}, "halving must be"),
        ({"units": [4]}, {"monitor": "val_f1"}, "mode='min' or mode='max'"),
        ({"units": [4]}, {"monitor": "val_f1", "mode": "max"}, "no result of the training"),
    ],
)
def test_bad_input(space, options, message):
    with pytest.raises(ValueError, match=message):
        jkeras.sweep(build, space, X, Y, **(OPTIONS | {"epochs": 1} | options))
