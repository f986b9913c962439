"""Weights in HDF5 files: written here and read by Keras, and the other way round; of every layer, and of every optimizer."""

import inspect

import h5py
import jax
import numpy as np
import pytest

import jkeras
from tests.catalogue import ROWS
from tests.layers.test_catalogue import their_layer
from tests.oracle import keras

FIRST = {name: next(row for row in ROWS if row.name == name) for name in dict.fromkeys(row.name for row in ROWS)}
OTHERS = [row for row in ROWS if row is not FIRST[row.name] and {"use_gate", "stateful", "cells"} & set(row.options(jkeras))]
CHOSEN = [*FIRST.values(), *OTHERS]  # where other options bring other weights


def holder(library, layer):
    """A model with a layer as its only attribute."""
    model = type("Holder", (library.Model,), {})()
    model.layer, model.built = layer, True
    return model


def randomize(weights, seed):
    rng = np.random.default_rng(seed)
    for weight in weights:
        weight.assign(rng.uniform(size=weight.shape).astype(weight.dtype))


def same(ours, theirs):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def tree_of(path):
    """What an HDF5 file holds: `{name: (shape, dtype)}`, without what Keras passes by."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: (item.shape, item.dtype)} if hasattr(item, "dtype") else {}))
    return {name: item for name, item in found.items() if "seed_generator" not in name}


@pytest.mark.parametrize("row", CHOSEN, ids=str)
def test_every_layer(row, tmp_path):
    theirs, ours, fresh = their_layer(row)[0], row.make(jkeras), row.make(jkeras)
    for layer in (ours, fresh):
        layer.build_abstractly(*row.inputs(), **row.call)
    randomize(ours.variables, 0)
    here, there = tmp_path / "here.weights.h5", tmp_path / "there.weights.h5"
    holder(jkeras, ours).save_weights(here)
    holder(keras, theirs).load_weights(here)
    same(ours.weights, theirs.weights)
    holder(keras, theirs).save_weights(there)
    assert tree_of(here) == tree_of(there)
    randomize(fresh.variables, 1)
    holder(jkeras, fresh).load_weights(there)
    same(fresh.weights, theirs.weights)
    holder(jkeras, fresh).load_weights(here)
    kept = [[v for v in layer.variables if v.name != "rnn_state"] for layer in (fresh, ours)]
    same(*kept)  # seed generators, too


OPTIMIZERS = [
    name
    for name, cls in inspect.getmembers(jkeras.optimizers, inspect.isclass)
    if issubclass(cls, jkeras.optimizers.Optimizer) and name not in ("Optimizer", "LossScaleOptimizer", "MultiOptimizer")
]


def compiled(library, make):
    model = library.Sequential([library.Input((3,)), library.layers.Dense(2), library.layers.Dense(1)])
    model.compile(make(library.optimizers), "mse")
    return model


@pytest.mark.parametrize("name", [*OPTIMIZERS, "averaged", "scaled", "accumulated"])
def test_every_optimizer(name, tmp_path):
    special = {
        "averaged": lambda optimizers: optimizers.Adam(use_ema=True),
        "scaled": lambda optimizers: optimizers.LossScaleOptimizer(optimizers.Adam()),
        "accumulated": lambda optimizers: optimizers.SGD(momentum=0.9, gradient_accumulation_steps=3),
    }
    make = special.get(name, lambda optimizers: getattr(optimizers, name)())
    theirs, ours, fresh = compiled(keras, make), compiled(jkeras, make), compiled(jkeras, make)
    for model in (theirs, ours):
        model.optimizer.build(model.trainable_variables)
    randomize([*ours.weights, *ours.optimizer.variables], 0)
    here, there = tmp_path / "here.weights.h5", tmp_path / "there.weights.h5"
    ours.save_weights(here)
    theirs.load_weights(here)
    same(ours.optimizer.variables, theirs.optimizer.variables)
    theirs.save_weights(there)
    assert tree_of(here) == tree_of(there)
    fresh.load_weights(there)  # its optimizer has no state yet
    same(fresh.optimizer.variables, theirs.optimizer.variables)


def dense(units=2, name=None):
    return jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(units), jkeras.layers.Dense(1)], name=name)


def test_bfloat16_in_both_directions(tmp_path):
    path = tmp_path / "a.weights.h5"
    models = {}
    for library in (jkeras, keras):
        models[library] = library.Sequential([library.Input((3,)), library.layers.Dense(2, dtype="bfloat16")])
    randomize(models[jkeras].weights, 0)
    models[jkeras].save_weights(path)
    models[keras].load_weights(path)
    same(models[jkeras].weights, models[keras].weights)
    randomize(models[keras].weights, 1)
    models[keras].save_weights(path)
    models[jkeras].load_weights(path)
    same(models[jkeras].weights, models[keras].weights)


def test_a_file_that_does_not_fit_changes_nothing(tmp_path):
    path = tmp_path / "a.weights.h5"
    dense(2).save_weights(path)
    model = dense(4)
    before = model.get_weights()
    with pytest.raises(
        ValueError, match=r"layers/dense: Dense '.*': variable 'kernel' has shape \(3, 4\).* has \(3, 2\)"
    ) as info:
        model.load_weights(path)
    assert "layers/dense_1" in str(info.value)
    same(model.get_weights(), before)


def test_mismatches_are_skipped_on_demand(tmp_path):
    path = tmp_path / "a.weights.h5"
    file = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2), jkeras.layers.Dense(1)])
    model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2), jkeras.layers.Dense(5)])
    file.save_weights(path)
    kept = model.layers[1].get_weights()
    with pytest.warns(UserWarning, match="layers/dense_1"):
        model.load_weights(path, skip_mismatch=True)
    same(model.layers[0].get_weights(), file.layers[0].get_weights())
    same(model.layers[1].get_weights(), kept)


def test_what_the_file_lacks_is_said(tmp_path):
    path = tmp_path / "a.weights.h5"
    jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2)]).save_weights(path)
    with pytest.raises(ValueError, match="layers/dense_1.*the file has nothing for it"):
        dense().load_weights(path)


def test_an_error_in_the_middle_of_loading_is_undone(tmp_path):
    class Refusing(jkeras.layers.Dense):
        def load_own_variables(self, store):
            self.kernel.assign(store["0"])
            raise ValueError("no")

    path = tmp_path / "a.weights.h5"
    layers = jkeras.layers
    model = jkeras.Sequential([jkeras.Input((3,)), layers.Dense(2), Refusing(1)])
    model.save_weights(path)
    randomize(model.weights, 3)
    before = model.get_weights()
    with pytest.raises(ValueError, match="layers/refusing: no"):
        model.load_weights(path)
    same(model.get_weights(), before)


def test_a_model_that_is_not_built_has_nothing_to_save_or_load(tmp_path):
    model = jkeras.Sequential([jkeras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"not built.*save_weights\(\)"):
        model.save_weights(tmp_path / "a.weights.h5")
    dense().save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(ValueError, match=r"not built.*load_weights\(\)"):
        model.load_weights(tmp_path / "a.weights.h5")


def test_names_of_files(tmp_path):
    for name in ("a.keras", "a"):
        with pytest.raises(ValueError, match=r"\.weights\.h5"):
            dense().save_weights(tmp_path / name)
    with pytest.raises(ValueError, match=r"\.weights\.h5"):
        dense().load_weights(tmp_path / "a.txt")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        dense().load_weights(tmp_path / "nowhere.weights.h5")
    assert list(tmp_path.iterdir()) == []


def test_existing_files_are_kept_or_replaced_as_a_whole(tmp_path):
    path = tmp_path / "a.weights.h5"
    model = dense()
    model.save_weights(str(path))
    whole = path.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save_weights(path, overwrite=False)

    class Failing(jkeras.layers.Dense):
        def save_own_variables(self, store):
            store["0"] = self.kernel
            raise RuntimeError("the disk is full")

    failing = jkeras.Sequential([jkeras.Input((3,)), Failing(2)])
    for save, target in ((failing.save_weights, path), (failing.save, tmp_path / "a.keras")):
        with pytest.raises(RuntimeError, match="disk is full"):
            save(target)
    assert path.read_bytes() == whole
    assert [file.name for file in tmp_path.iterdir()] == ["a.weights.h5"]
    link = tmp_path / "link.weights.h5"
    link.symlink_to(path)
    dense(5).save_weights(link)
    assert link.is_symlink() and path.read_bytes() != whole
    with pytest.raises(IsADirectoryError):
        (tmp_path / "folder.weights.h5").mkdir()
        model.save_weights(tmp_path / "folder.weights.h5")


@pytest.mark.parametrize(("answer", "kept"), [("n", True), ("y", False)])
def test_in_a_terminal_one_is_asked(answer, kept, tmp_path, monkeypatch):
    path = tmp_path / "m.weights.h5"
    path.write_bytes(b"old")
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
    asked = []
    monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or answer)
    model = jkeras.Sequential([jkeras.Input((2,)), jkeras.layers.Dense(1)])
    model.save_weights(path, overwrite=False)
    assert len(asked) == 1 and str(path) in asked[0]
    assert (path.read_bytes() == b"old") == kept


def test_weights_saved_while_training_runs_are_the_current_ones(tmp_path):
    class Save(jkeras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.save_weights(tmp_path / f"{epoch}.weights.h5")

    model = dense()
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    model.fit(x, x[:, :1], epochs=2, verbose=0, callbacks=[Save()])
    after = model.get_weights()
    again = dense()
    again.load_weights(tmp_path / "1.weights.h5")
    same(again.get_weights(), after)
    model.load_weights(tmp_path / "0.weights.h5")  # the model has run already: the next fit starts from these
    assert int(model.optimizer.iterations) == 1
    model.fit(x, x[:, :1], epochs=1, verbose=0)
    same(jax.tree.map(lambda w: w.round(5), model.get_weights()), jax.tree.map(lambda w: w.round(5), after))
