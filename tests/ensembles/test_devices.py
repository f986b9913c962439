"""An ensemble on several devices has the numbers that it has on one."""

import jax
import numpy as np
import pytest

import jkeras
from benchmarks.sharding import collectives
from jkeras import layers

D = jkeras.distribution
X = np.random.RandomState(0).normal(size=(42, 4)).astype("float32")
Y = X[:, :1] ** 2
DEVICES = D.list_devices()[:2]


def build():
    model = jkeras.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(8, "tanh", name="wide"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    return model


def layout():
    layout_map = D.LayoutMap(D.DeviceMesh((1, 2), ("batch", "model"), DEVICES))
    layout_map[".*wide/kernel"] = (None, "model")
    return D.ModelParallel(layout_map=layout_map, batch_dim_name="batch").scope()


WAYS = {
    "mesh of JAX": lambda: jax.set_mesh(jax.make_mesh((2,), ("batch",))),
    "fully sharded": lambda: D.FullyShardedDataParallel(D.DeviceMesh((2,), ("batch",), DEVICES)).scope(),
    "layout": layout,
}


def results(members):
    """Everything that an ensemble gives, and the ensemble."""
    ensemble = jkeras.Ensemble(build, seeds=range(members), bootstrap=True)
    stop = jkeras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
    history = ensemble.fit(X, Y, batch_size=7, epochs=3, verbose=0, validation_data=(X[:9], Y[:9]), callbacks=[stop]).history
    found = [*history.values(), ensemble.evaluate(X, Y, verbose=0), ensemble.members(X, verbose=0)]
    return [*found, ensemble[1].predict(X, verbose=0), ensemble.train_on_batch(X, Y), ensemble.test_on_batch(X, Y)], ensemble


@pytest.fixture(scope="module")
def alone():
    return {members: results(members)[0] for members in (3, 4)}


@pytest.mark.parametrize(("way", "members"), [("mesh of JAX", 3), ("mesh of JAX", 4), ("layout", 4), ("fully sharded", 3)])
def test_numbers_are_those_of_one_device(way, members, alone):
    with WAYS[way]():
        found, ensemble = results(members)
    for ours, wanted in zip(found, alone[members], strict=True):
        np.testing.assert_allclose(ours, wanted, atol=3e-6)
    kernel = next(v for v in ensemble._compiled.plan.slots.variables if v.shape == (members, 4, 8))
    shards = [shard.data.shape for shard in kernel.value.addressable_shards]
    assert shards == [(2, 4, 8) if members == 4 else (3, 4, 8)] * 2
    np.testing.assert_allclose(
        ensemble.members(X, verbose=0).mean(0), ensemble.predict(X, verbose=0), atol=1e-6
    )  # on one again


def test_members_on_two_devices_send_nothing():
    """The results of the members stay where they are, too."""
    with WAYS["mesh of JAX"]():
        ensemble = jkeras.Ensemble(build, seeds=range(4))
        ensemble.fit(X, Y, batch_size=7, verbose=0, validation_data=(X[:9], Y[:9]))
    plan = ensemble._compiled.plan
    loops = [loop for program in (plan.train, plan.test) for loop in (program.over_rows, program.over_stack)]
    texts = [prepared.run.as_text() for loop in loops for prepared in loop._known.values()]
    assert len(texts) > 1
    assert [collectives(text) for text in texts] == [{}] * len(texts)


@pytest.mark.longest
def test_sweeps_and_folds():
    def both():
        table = jkeras.sweep(
            build, {"learning_rate": [0.01, 0.001], "dropout": [0.1, 0.2]}, X, Y, epochs=4, halving=2, batch_size=8
        )
        scores = jkeras.cross_validate(build, X, Y, folds=4, epochs=2, batch_size=8)
        return [row["loss"] for row in table.rows], scores.results["loss"], scores.predictions(X)

    wanted = both()
    with WAYS["mesh of JAX"]():
        found = both()
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=3e-6)


@pytest.mark.slow
def test_points_that_go_on_may_agree_in_a_number():
    space = {"learning_rate": [0.01, 0.001], "dropout": [0.1, 0.4]}
    whole = jkeras.sweep(build, space, X, Y, epochs=2, batch_size=8)
    halved = jkeras.sweep(build, space, X, Y, epochs=2, batch_size=8, halving=2)
    kept = [row for row in range(4) if halved.rows[row]["epochs"] == 2]
    assert (
        len({halved.points[row]["learning_rate"] for row in kept}) == 1
        or len({halved.points[row]["dropout"] for row in kept}) == 1
    )
    for row in kept:
        np.testing.assert_allclose(halved.history(row)["loss"], whole.history(row)["loss"], atol=1e-6)
