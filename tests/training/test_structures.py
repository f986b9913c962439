"""Losses, weights, metrics and targets over outputs of any structure."""

import os
from collections import namedtuple

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import keras
import numpy as np
import pytest

import jkeras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 3)).astype("float32")
TARGETS = [RNG.normal(size=(8, 1)).astype("float32") for _ in range(4)]
Pair = namedtuple("Pair", ["first", "second"])


def filled(structure, leaves):
    """The structure with numbers as leaves, with other ones; unlike `jax.tree.map`, dicts keep their order."""
    if isinstance(structure, dict):
        return {key: filled(value, leaves) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        entries = [filled(value, leaves) for value in structure]
        return type(structure)(*entries) if hasattr(structure, "_fields") else type(structure)(entries)
    return leaves[structure]


def mean_of_all(y_true, y_pred):
    """A loss of whatever structure it is given."""
    assert jax.tree.structure(y_true) == jax.tree.structure(y_pred)
    return sum(abs(t - p)[:, 0] for t, p in zip(jax.tree.leaves(y_true), jax.tree.leaves(y_pred), strict=True))


def trained(k, structure, y=None, **compiled):
    keras.utils.set_random_seed(0)
    jkeras.utils.set_random_seed(0)
    inputs = k.Input((3,))
    outputs = [k.layers.Dense(1, name=f"d{i}", kernel_initializer="ones")(inputs) for i in range(4)]
    model = k.Model(inputs, filled(structure, outputs))
    model.compile("sgd", **compiled)
    y = filled(structure, TARGETS) if y is None else y
    return model.fit(X, y, batch_size=4, shuffle=False, verbose=0).history


CASES = {
    "deeply nested": (
        {"a": (0, 1), "b": {"u": 2, "v": 3}},
        {
            "loss": {"a": [mean_of_all, (None, "mse")], "b": {"u": "mae"}},
            "metrics": {"a": (["mae"], ["mse"]), "b": {"u": ["mae"], "v": []}},
        },
    ),
    "all, and each": ((0, 1), {"loss": [mean_of_all, ("mse", "mae")], "loss_weights": [0.5, (2.0, 3.0)]}),
    "all, and a dict": (
        {"a": 0, "b": 1},
        {"loss": [mean_of_all, {"a": "mse", "b": "mae"}], "loss_weights": [1.0, {"a": 2.0, "b": 3.0}]},
    ),
    "all, and a named tuple": (Pair(0, 1), {"loss": [mean_of_all, Pair("mse", "mae")]}),
    "positions": ((0, (1, 2)), {"loss": ("mse", ("mae", mean_of_all)), "metrics": (["mae"], (["mse"], ["mae"]))}),
    "weights one after the other": (
        {"a": 0, "b": (1, 2)},
        {"loss": {"a": "mse", "b": ("mae", "mse")}, "loss_weights": [1.0, 2.0, 3.0]},
    ),
    "one for all": ({"a": (0, 1), "b": 2}, {"loss": "mse"}),
    "a list in a list": ([0, 1], {"loss": ["mse", ["mae"]], "loss_weights": [0.1, 2]}),
}


@pytest.mark.parametrize("case", CASES)
def test_structures_are_kerass(case):
    structure, compiled = CASES[case]
    ours, theirs = trained(jkeras, structure, **compiled), trained(keras, structure, **compiled)
    assert set(ours) == set(theirs)
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5, err_msg=name)


def test_several_losses_of_one_output_are_added():
    """Keras adds them up where there are several outputs, records the last, and takes the first where there is one output."""
    mse, mae = (trained(jkeras, [0, 1], loss=["mae", loss])["d1_loss"][0] for loss in ("mse", "mae"))
    both = trained(jkeras, [0, 1], loss=["mae", ["mse", "mae"]], loss_weights=[0.0, [1.0, 10.0]])
    np.testing.assert_allclose(both["d1_loss"][0], mse + mae, rtol=0.2)
    theirs = trained(keras, [0, 1], loss=["mae", ["mse", "mae"]], loss_weights=[0.0, [1.0, 10.0]])
    np.testing.assert_allclose(both["loss"], theirs["loss"], rtol=1e-5)
    assert set(trained(jkeras, 0, loss=["mse", "mae"])) == {"loss"}


class TwoHeads:
    """A model that nobody has named the outputs of."""

    def __new__(cls, k):
        class Heads(k.Model):
            def __init__(self):
                super().__init__()
                self.heads = [k.layers.Dense(1, kernel_initializer="ones") for _ in range(2)]

            def call(self, x):
                return tuple(head(x) for head in self.heads)

        return Heads()


@pytest.mark.parametrize(("loss", "metrics"), [(["mse", "mae"], [["mae"], ["mse"]]), (["mse", "mae"], [["mae"], ["mae"]])])
def test_outputs_without_names_are_named_after_their_losses(loss, metrics):
    results = []
    for k in (jkeras, keras):
        model = TwoHeads(k)
        model.compile("sgd", loss, metrics=metrics)
        results.append(model.fit(X, (TARGETS[0], TARGETS[1]), verbose=0).history)
    assert set(results[0]) == set(results[1])


def test_a_name_that_two_losses_have_gives_way_to_the_position():
    model = TwoHeads(jkeras)
    model.compile("sgd", "mse")
    assert set(model.fit(X, (TARGETS[0], TARGETS[1]), verbose=0).history) == {"loss", "0_loss", "1_loss"}


def test_an_own_compute_loss_may_hand_on_other_outputs():
    def make(k):
        class Twice(k.Model):
            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
                return super().compute_loss(x, [y[:, :1], y[:, 1:]], [y_pred, 2 * y_pred], sample_weight)

        inputs = k.Input((3,))
        return Twice(inputs, k.layers.Dense(1, kernel_initializer="ones")(inputs))

    results = []
    for k in (jkeras, keras):
        model = make(k)
        model.compile("sgd", ["mse", "mae"])
        results.append(model.fit(X, np.concatenate(TARGETS[:2], axis=1), batch_size=4, shuffle=False, verbose=0).history)
    assert set(results[0]) == set(results[1]) == {"loss", "mse_loss", "mae_loss"}
    for name, values in results[0].items():
        np.testing.assert_allclose(values, results[1][name], rtol=1e-5)


@pytest.mark.parametrize(("structure", "compiled", "message"), [
    ((0, 1), {"loss": ("mse", "mae", "mse")}, "3 entries for 2 output"),
    ({"a": 0, "b": 1}, {"loss": ["mse", "mae", "mse"]}, "all at once, but it takes one"),
    ({"a": 0, "b": (1, 2)}, {"loss": {"a": {"z": "mse"}}}, "'a/z', which is no output"),
    ({"a": 0, "b": 1}, {"loss": "mse", "metrics": [["mae"]]}, "one entry .* per output"),
    ((0, 1), {"loss": [mean_of_all, ("mse", "mae")], "loss_weights": [1.0, 2.0, 3.0, 4.0]}, "loss_weights must hold one number"),
])  # fmt: skip
def test_what_does_not_fit_is_named(structure, compiled, message):
    with pytest.raises(ValueError, match=message):
        trained(jkeras, structure, **compiled)


def test_a_loss_of_several_outputs_takes_the_mean_of_their_weights():
    weights = np.linspace(0, 1, 8).astype("float32")
    inputs = jkeras.Input((3,))
    model = jkeras.Model(inputs, [jkeras.layers.Dense(1)(inputs) for _ in range(2)])
    model.compile("sgd", (mean_of_all, ["mse", "mae"]), loss_weights=(1.0, [0.0, 0.0]))
    values = mean_of_all(TARGETS[:2], model.predict(X, verbose=0))
    for given, mean in ((weights, weights), ([weights, 3 * weights], 2 * weights)):
        loss = model.evaluate(X, TARGETS[:2], sample_weight=given, verbose=0)[0]
        np.testing.assert_allclose(loss, np.mean(mean * values), rtol=1e-5)


def test_batches_of_a_stream_may_have_other_lengths():
    def batches(k):
        for length in (3, 5, 3):
            yield np.ones((1, length * 4, 2), "float32"), np.zeros((1, length, 8), "float32")

    model = jkeras.Sequential([jkeras.layers.Reshape((-1, 8))])
    model.compile("sgd", "mse")
    assert model.fit(batches(jkeras), verbose=0).history["loss"] == [1.0]
