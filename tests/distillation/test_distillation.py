"""A student learns from data and a teacher, with Keras's numbers where those are right."""

import numpy as np
import pytest

import jkeras
from jkeras import layers
from jkeras.distillation import DistillationLoss, Distiller, FeatureDistillation, LogitsDistillation
from tests.oracle import assert_close, keras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype("float32")
Y = RNG.integers(0, 3, 64)
TEACHER, STUDENT = RNG.normal(size=(2, 5, 4)).astype("float32")


def model(units, *extra, **kwargs):
    return jkeras.Sequential(
        [layers.Input((6,)), layers.Dense(units, "relu", name="hidden"), *extra, layers.Dense(3)], **kwargs
    )


def logits_loss(**kwargs):
    return jkeras.losses.SparseCategoricalCrossentropy(from_logits=True, **kwargs)


@pytest.mark.parametrize(
    "name,loss", [("LogitsDistillation", "mse"), ("FeatureDistillation", "mae"), ("FeatureDistillation", "mse")]
)
def test_losses_are_keras(name, loss):
    ours = getattr(jkeras.distillation, name)(loss=loss)
    theirs = getattr(keras.distillation, name)(loss=loss)
    assert_close(ours.compute_loss(TEACHER, STUDENT), theirs.compute_loss(TEACHER, STUDENT), rtol=1e-5)
    again = jkeras.saving.deserialize_keras_object(jkeras.saving.serialize_keras_object(ours))
    assert_close(again.compute_loss(TEACHER, STUDENT), ours.compute_loss(TEACHER, STUDENT))


def test_divergence_is_of_probabilities():
    theirs = keras.distillation.LogitsDistillation(2.0, keras.losses.KLDivergence())
    for loss in ("kl_divergence", jkeras.losses.KLDivergence()):  # Keras takes raw logits for the name
        assert_close(
            LogitsDistillation(2.0, loss).compute_loss(TEACHER, STUDENT), theirs.compute_loss(TEACHER, STUDENT), rtol=1e-5
        )


def test_several_outputs():
    loss = LogitsDistillation(loss=["mse", None])
    alone = LogitsDistillation(loss="mse").compute_loss(TEACHER, STUDENT)
    assert_close(loss.compute_loss([TEACHER, TEACHER], [STUDENT, STUDENT]), alone)
    with pytest.raises(ValueError, match="another structure"):
        loss.validate_outputs(TEACHER, STUDENT)
    with pytest.raises(ValueError):
        loss.validate_outputs([TEACHER, TEACHER], {"a": STUDENT})


def test_a_student_comes_close_to_its_teacher():
    jkeras.utils.set_random_seed(4)
    teacher = model(64)
    teacher.compile(jkeras.optimizers.Adam(0.01), logits_loss())
    teacher.fit(X, Y, epochs=30, verbose=0)
    student = model(8)
    distiller = Distiller(teacher, student, LogitsDistillation(), student_loss_weight=0.2)
    distiller.compile(jkeras.optimizers.Adam(0.02), logits_loss(), metrics=["accuracy"])
    before = distiller.evaluate(X, Y, verbose=0, return_dict=True)
    weights = teacher.get_weights()
    history = distiller.fit(X, Y, validation_data=(X, Y), epochs=30, verbose=0).history
    assert all((a == b).all() for a, b in zip(weights, teacher.get_weights(), strict=True))
    assert history["distillation_loss"][-1] < 0.3 * before["distillation_loss"]
    assert history["val_total_loss"][-1] < before["total_loss"]
    assert_close(
        history["total_loss"][-1], 0.2 * history["student_loss"][-1] + 0.8 * history["distillation_loss"][-1], rtol=1e-4
    )
    assert_close(distiller.predict(X, verbose=0), student.predict(X, verbose=0))


def test_features_come_from_the_same_pass():
    """The student runs once a step: its moving averages move once."""
    teacher = model(5)
    student = model(5, layers.BatchNormalization(momentum=0.5, name="norm"))
    loss = FeatureDistillation(teacher_layer_name="hidden", student_layer_name="hidden")
    distiller = Distiller(teacher, student, [loss, LogitsDistillation()], [1.0, 0.5])
    distiller.compile("sgd", logits_loss())
    hidden = np.maximum(X @ student.layers[0].kernel.numpy(), 0)
    history = distiller.fit(X, Y, batch_size=64, verbose=0)
    assert_close(student.get_layer("norm").moving_mean.numpy(), 0.5 * hidden.mean(0), rtol=1e-4)
    assert np.isfinite(history.history["distillation_loss"]).all()


def test_sample_weights_count():
    distiller = Distiller(model(5), model(4), LogitsDistillation(), student_loss_weight=1.0)
    distiller.compile("sgd", logits_loss(reduction="none"))
    whole = distiller.evaluate(X, Y, verbose=0, return_dict=True)["student_loss"]
    half = distiller.evaluate(X, Y, sample_weight=np.full(64, 0.5), verbose=0, return_dict=True)["student_loss"]
    assert_close(half, 0.5 * whole, rtol=1e-5)


def test_files(tmp_path):
    distiller = Distiller(model(5, name="t"), model(4, name="s"), LogitsDistillation(4.0), student_loss_weight=0.3)
    distiller.compile("adam", "sparse_categorical_crossentropy")
    distiller(X)
    distiller.save(tmp_path / "distiller.keras")
    again = jkeras.models.load_model(tmp_path / "distiller.keras")
    assert (again.student_loss_weight, again.distillation_losses[0].temperature) == (0.3, 4.0)
    assert_close(again(X), distiller(X))
    again.fit(X, Y, verbose=0)


def test_what_does_not_fit():
    loss = LogitsDistillation()
    for arguments, message in [
        (("teacher", model(2), loss), "needs teacher= a Model"),
        ((model(2), model(2), None), "'distillation_losses' must be"),
        ((model(2), model(2), [loss], [1.0, 2.0]), "must match number"),
        ((model(2), model(2), loss, None, 1.5), "between 0.0 and 1.0"),
        ((model(2), jkeras.Sequential([layers.Input((6,)), layers.Dense(4)]), loss), "outputs are incompatible"),
        ((model(2), model(2), FeatureDistillation(teacher_layer_name="hiden")), "In teacher model"),
    ]:
        with pytest.raises(ValueError, match=message):
            Distiller(*arguments)
    with pytest.raises(ValueError, match="'loss' cannot be"):
        Distiller(model(2), model(2), loss).compile("adam")
    for temperature, wanted in ((0, "a number above 0, got temperature=0"), ("hot", "a number, got temperature='hot'")):
        with pytest.raises(ValueError, match=f"LogitsDistillation needs temperature= {wanted}"):
            LogitsDistillation(temperature=temperature)
    with pytest.raises(ValueError, match="non-`None`"):
        FeatureDistillation(loss=[None])
    with pytest.raises(NotImplementedError):
        DistillationLoss().compute_loss(TEACHER, STUDENT)
