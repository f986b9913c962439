"""The two faces of a metric: Keras's object and the pure functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jkeras
from jkeras import metrics
from jkeras.core.frame import Frame
from tests.oracle import assert_close, keras


def largest_error(keras):
    """A metric as users write it, from the names of either library."""

    class LargestError(keras.metrics.Metric):
        def __init__(self, scale=1.0, name="largest_error", **kwargs):
            super().__init__(name=name, **kwargs)
            self.scale = scale
            self.seen = self.add_weight(name="seen", initializer="zeros")
            self.worst = self.add_variable(shape=(2,), initializer="ones", dtype="float32", name="worst")

        def update_state(self, y_true, y_pred, sample_weight=None):
            error = keras.ops.max(keras.ops.abs(y_true - y_pred), axis=0)
            self.worst.assign(keras.ops.maximum(self.worst, error * self.scale))
            self.seen.assign_add(keras.ops.cast(keras.ops.shape(y_true)[0], self.dtype))

        def result(self):
            return {"worst": self.worst, "seen": self.seen}

        def reset_state(self):
            self.worst.assign([0.5, 0.5])

        def get_config(self):
            return {**super().get_config(), "scale": self.scale}

    return LargestError


def test_a_metric_written_for_keras_runs_unmodified():
    ours, theirs = largest_error(jkeras)(2.0), largest_error(keras)(2.0)
    batch = np.ones((3, 2), "float32"), np.array([[1, 1], [1.1, 0], [1, 1]], "float32")
    assert_close(ours(*batch), {k: v.value for k, v in theirs(*batch).items()})
    assert [v.path for v in ours.variables] == [v.path for v in theirs.variables]
    ours.reset_state()
    theirs.reset_state()
    state = [v.value for v in ours.variables]
    assert_close(state, [v.value for v in theirs.variables])
    assert_close(ours.stateless_update_state(state, *batch), theirs.stateless_update_state(state, *batch))
    assert_close(ours.stateless_result(state), theirs.stateless_result(state))
    assert_close(ours.stateless_reset_state(), theirs.stateless_reset_state())
    assert type(ours).from_config(ours.get_config()).scale == 2.0


def test_an_overridden_reset_is_where_the_pure_state_starts():
    metric = largest_error(jkeras)()
    metric.seen.assign(7)  # its reset_state leaves this one alone
    state = metric.pure_init()
    assert {path[0]: value.tolist() for path, value in state.items()} == {"seen": 7, "worst": [0.5, 0.5]}
    state = metric.pure_update(state, jnp.zeros((1, 2)), jnp.ones((1, 2)))
    reset = metric.pure_reset(state)
    assert reset[("seen",)] == 8 and reset[("worst",)].tolist() == [0.5, 0.5]


def test_many_updates_in_a_compiled_loop_leave_the_metric_alone():
    metric = metrics.SparseCategoricalAccuracy()
    labels, scores = jnp.arange(12) % 3, jax.nn.one_hot(jnp.arange(12) % 2, 3)

    @jax.jit
    def run(state):
        def step(i, state):
            rows = jax.lax.dynamic_slice_in_dim
            return metric.pure_update(state, rows(labels, 4 * i, 4), rows(scores, 4 * i, 4))

        return metric.pure_result(jax.lax.fori_loop(0, 3, step, state))

    assert_close(run(metric.pure_init()), metrics.SparseCategoricalAccuracy()(labels, scores))
    assert metric.count.value == 0


def test_pure_functions_under_vmap():
    metric = metrics.MeanSquaredError()
    y_true, y_pred = jnp.zeros((4, 2)), jnp.arange(24.0).reshape(3, 4, 2)
    states = jax.vmap(lambda p: metric.pure_update(metric.pure_init(), y_true, p))(y_pred)
    assert_close(jax.vmap(metric.pure_result)(states), jnp.mean(y_pred**2, (1, 2)))


def test_variables_made_by_the_first_batch_are_there_from_the_start():
    y = jax.ShapeDtypeStruct((5, 3), "float32")
    metric = metrics.F1Score()
    assert {value.shape for value in metric.pure_init(y, y).values()} == {(3,)}
    with pytest.raises(ValueError, match="pure_init"):
        metrics.R2Score().pure_update({}, jnp.ones((2, 1)), jnp.ones((2, 1)))


def test_metrics_made_of_metrics():
    class Both(metrics.Metric):
        def __init__(self, name="both"):
            super().__init__(name=name)
            self.parts = [metrics.MeanSquaredError(), metrics.MeanAbsoluteError()]

        def update_state(self, y_true, y_pred, sample_weight=None):
            for part in self.parts:
                part.update_state(y_true, y_pred, sample_weight)

        def result(self):
            return {part.name: part.result() for part in self.parts}

    metric = Both()
    assert list(metric.slots()) == [("parts", i, n) for i in "01" for n in ("total", "count")]
    expected = {"mean_squared_error": 4.0, "mean_absolute_error": 2.0}
    assert_close(metric([[0.0]], [[2.0]]), expected)
    metric.reset_state()
    assert_close(
        metric.pure_result(metric.pure_update(metric.pure_init(), jnp.zeros((1, 1)), 2 * jnp.ones((1, 1)))), expected
    )
    assert not any(v.numpy().any() for v in metric.variables)


def test_a_models_variables_do_not_include_its_metrics():
    class Holder(jkeras.core.module.Module):
        def __init__(self):
            self.metric = metrics.Mean()

    assert Holder().slots() == {}


@pytest.mark.parametrize(
    "name", ["MeanSquaredError", "RootMeanSquaredError", "BinaryAccuracy", "TruePositives", "BinaryIoU"]
)
def test_masked_entries_do_not_count(name):
    y_true = jnp.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])[..., None]
    y_pred = jnp.array([[0.9, 0.2, 0.1], [0.8, 0.7, 0.4]])[..., None]
    mask = jnp.array([[True, True, False], [True, False, True]])
    masked, kept = getattr(metrics, name)(), getattr(metrics, name)()
    state = jax.jit(lambda mask: masked.pure_update(masked.pure_init(), y_true, y_pred, mask=mask))(mask)
    kept.update_state(y_true[mask], y_pred[mask])
    assert_close(masked.pure_result(state), kept.result())
    with Frame() as frame:  # as in a model's call
        frame.set_mask(y_pred, mask)
        masked.update_state(y_true, y_pred, sample_weight=[2, 2])
    assert_close(masked.result(), kept.result() * (2 if name == "TruePositives" else 1))


def test_ignored_classes_do_not_count():
    y_pred = jnp.array([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]])
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=0)
    assert_close(metric([1, 0, 1], y_pred), -(np.log(0.5) + np.log(0.8)) / 2)


def test_a_loss_instance_counts_by_samples():
    loss = jkeras.losses.MeanSquaredError()
    metric = metrics.MeanMetricWrapper(loss, name="error")
    metric.update_state(jnp.zeros((3, 1)), jnp.ones((3, 1)))
    metric.update_state(jnp.zeros((1, 1)), 3 * jnp.ones((1, 1)))
    assert_close(metric.result(), (3 * 1 + 9) / 4)
    assert metric._direction == "down"


def test_dtypes():
    with jax.numpy_dtype_promotion("strict"):
        metric = metrics.SparseCategoricalAccuracy(dtype="bfloat16")
        assert metric.dtype == "bfloat16" and metric.total.dtype == "bfloat16"
        assert metric(jnp.array([1, 300]), jax.nn.one_hot(jnp.array([1, 301]), 400, dtype="bfloat16")) == 0.5
        assert metrics.Mean(dtype=jkeras.DTypePolicy("mixed_bfloat16")).dtype == "bfloat16"
        assert metrics.MeanIoU(2).total_cm.dtype == "int32"
        for name in ("MeanSquaredError", "AUC", "Precision", "R2Score", "F1Score", "CosineSimilarity", "BinaryAccuracy"):
            metric, y = getattr(metrics, name)(), jnp.array([[1, 0], [0, 1], [1, 1]])
            assert getattr(metric(y, y.astype("bfloat16") * jnp.bfloat16(0.75)), "dtype", None) == "float32"


def test_names():
    jkeras.serialization.naming.reset_names()
    assert [metrics.Precision().name for _ in range(2)] == ["precision", "precision_1"]
    assert metrics.Mean().name == metrics.Mean().name == "mean"
    assert repr(metrics.Mean(name="x")) == "<Mean name=x>"


@pytest.mark.parametrize("cls", [metrics.Mean, metrics.Sum])
def test_weights_that_do_not_fit(cls):
    with pytest.raises(ValueError, match=r"sample_weight has shape \(2,\).*\(3,\)"):
        cls().update_state([1.0, 2.0, 3.0], sample_weight=[1.0, 2.0])


@pytest.mark.parametrize(
    ("metric", "y_true", "y_pred"),
    [
        (metrics.Accuracy(), (3,), (3, 3)),
        (metrics.BinaryAccuracy(), (3,), (3, 3)),
        (metrics.BinaryAccuracy(), (3, 1), (3, 2)),
        (metrics.CategoricalAccuracy(), (3, 1), (3, 2)),
        (metrics.CategoricalAccuracy(), (3,), (3, 2)),
        (metrics.SparseCategoricalAccuracy(), (3, 2), (3, 2)),
        (metrics.SparseCategoricalAccuracy(), (1,), (3, 2)),
        (metrics.TopKCategoricalAccuracy(k=2), (1, 3), (3, 3)),
        (metrics.SparseTopKCategoricalAccuracy(k=2), (2,), (3, 3)),
        (metrics.MeanSquaredError(), (3,), (3, 3)),
        (metrics.RootMeanSquaredError(), (3,), (3, 3)),
        (metrics.R2Score(), (3, 1), (3, 3)),
        (metrics.R2Score(), (3,), (3,)),
        (metrics.Precision(), (3,), (3, 3)),
        (metrics.Recall(class_id=3), (3, 3), (3, 3)),
        (metrics.Recall(class_id=0), (3,), (3,)),
        (metrics.AUC(), (3,), (3, 3)),
        (metrics.AUC(multi_label=True), (3,), (3,)),
        (metrics.AUC(multi_label=True, num_labels=2), (3, 3), (3, 3)),
        (metrics.AUC(label_weights=[1.0, 2.0]), (3, 3), (3, 3)),
        (metrics.F1Score(), (3,), (3,)),
        (metrics.F1Score(), (3, 1), (3, 3)),
        (metrics.MeanIoU(3), (3,), (3, 3)),
        (metrics.PearsonCorrelation(), (3,), (3, 3)),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, metrics.Metric) else str(x),
)
def test_shapes_that_would_only_broadcast(metric, y_true, y_pred):
    jkeras.config.set_strict_targets(True)  # otherwise means of losses take them
    try:
        with pytest.raises(ValueError) as error:
            metric.build_abstractly(jax.ShapeDtypeStruct(y_true, "int32"), jax.ShapeDtypeStruct(y_pred, "float32"))
    finally:
        jkeras.config.set_strict_targets(False)
    assert str(y_pred) in str(error.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: metrics.Precision(thresholds=1.5),
        lambda: metrics.TruePositives(thresholds=[0.5, -1]),
        lambda: metrics.AUC(curve="RCO"),
        lambda: metrics.AUC(summation_method="middle"),
        lambda: metrics.AUC(num_thresholds=1),
        lambda: metrics.AUC(num_labels=2),
        lambda: metrics.PrecisionAtRecall(1.2),
        lambda: metrics.SensitivityAtSpecificity(0.5, num_thresholds=0),
        lambda: metrics.F1Score(average="mean"),
        lambda: metrics.FBetaScore(beta=-1.0),
        lambda: metrics.F1Score(threshold=2.0),
        lambda: metrics.R2Score(class_aggregation="sum"),
        lambda: metrics.R2Score(num_regressors=-1),
        lambda: metrics.IoU(num_classes=2, target_class_ids=[2]),
    ],
)
def test_arguments_out_of_range(make):
    with pytest.raises(ValueError, match=r"must be|only for|beta= a number from 0 on"):
        make()


def test_what_a_subclass_must_define():
    class Empty(metrics.Metric):
        pass

    class Forgetful(metrics.Metric):
        def __init__(self):
            self.total = self.add_variable()

    with pytest.raises(TypeError, match="update_state"):
        Empty()(1, 2)
    with pytest.raises(TypeError, match="result"):
        Empty().result()
    with pytest.raises(RuntimeError, match="super"):
        Forgetful()
    with pytest.raises(ValueError, match="one entry for each"):
        metrics.Mean().stateless_result([1.0])


def test_more_best_classes_than_there_are():
    scores, labels = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]], "float32"), np.array([0, 2])
    assert float(metrics.SparseTopKCategoricalAccuracy(k=5)(labels, scores)) == 1.0
    assert float(metrics.TopKCategoricalAccuracy(k=9)(np.eye(3)[labels], scores)) == 1.0
    assert float(metrics.Recall(top_k=9)(np.eye(3)[labels], scores)) == 1.0
