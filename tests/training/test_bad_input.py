"""Mistakes are reported before the first step, by name, and cost nothing."""

import jax
import numpy as np
import pandas as pd
import pytest

import jkeras
from jkeras.layers import Dense
from jkeras.models import Sequential

X = np.random.default_rng(0).normal(size=(20, 2)).astype("float32")
Y = np.eye(2, dtype="float32")[(X.sum(axis=1) > 0).astype(int)]


def model(loss="categorical_crossentropy", units=2, activation="softmax", **compiled):
    made = Sequential([jkeras.Input((2,)), Dense(3, activation="relu"), Dense(units, activation=activation)])
    made.compile(loss=loss, optimizer="sgd", **compiled)
    return made


@pytest.mark.parametrize("x,y,loss,message", [
    (np.zeros((20, 3)), Y, "mse", r"expects inputs of shape \(None, 2\), but x has shape \(None, 3\)"),
    (X, np.zeros((20, 3)), "mse", r"targets have shape \(20, 3\) and the outputs \(20, 2\)"),
    (X, np.eye(3)[[0] * 20], "categorical_crossentropy", r"3"),
    (X, Y.argmax(1), "categorical_crossentropy", r"sparse_categorical_crossentropy"),
    (X, Y, "sparse_categorical_crossentropy", r"categorical_crossentropy"),
    (X, np.zeros((20, 2, 2)), "mse", r"\(20, 2, 2\)|\(None, 2, 2\)"),
    (X, Y[:10], "mse", r"20.*10"),
    (X[:0], Y[:0], "mse", r"empty|no samples"),
    (X.astype(object), Y, "mse", r"x.*object|object.*x"),
    (np.array([["a", "b"]] * 20), Y, "mse", r"x"),
    (None, None, "mse", r"x is None"),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_data_that_does_not_fit(x, y, loss, message):
    made = model(loss)
    before = made.get_weights()
    with pytest.raises(ValueError, match=message):
        made.fit(x, y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, made.get_weights(), strict=True))
    made.fit(X, Y.argmax(1) if loss.startswith("sparse") else Y, verbose=0)  # and it still trains


def test_nan_is_warned_of_once_by_name():
    x = X.copy()
    x[3, 1] = np.nan
    with pytest.warns(UserWarning, match=r"x.*(column|feature).*1|NaN") as caught:
        model().fit(x, Y, epochs=3, verbose=0)
    assert len(caught) == 1


def test_misspelt_keywords_are_suggested():
    with pytest.raises(TypeError, match=r"'etrics'\. Did you mean 'metrics'\?"):
        model(etrics=["accuracy"])
    with pytest.raises(TypeError, match=r"'epoch'\. Did you mean 'epochs'\?"):
        model().fit(X, Y, epoch=3)
    with pytest.raises(TypeError, match=r"'actvation'\. Did you mean 'activation'\?"):
        Dense(2, actvation="relu")
    with pytest.raises(TypeError, match=r"Did you mean 'momentum'\?"):
        jkeras.optimizers.SGD(momentm=0.9)


@pytest.mark.parametrize("arguments,message", [
    ({"loss": "categorical_crossentropi"}, "Did you mean 'categorical_crossentropy'"),
    ({"optimizer": "adm"}, "Did you mean 'adam'"),
    ({"metrics": ["acuracy"]}, "Did you mean 'accuracy'"),
    ({"metrics": "accuracy"}, r"metrics=\['accuracy'\]"),
    ({"loss": {"a": "mse"}}, "names no output"),
    ({"steps_per_execution": 0}, "steps_per_execution"),
])  # fmt: skip
def test_what_compile_refuses(arguments, message):
    made = Sequential([jkeras.Input((2,)), Dense(2)])
    with pytest.raises(ValueError, match=message):
        made.compile(**{"loss": "mse", **arguments})
        made.fit(X, Y, verbose=0)


def test_unknown_activation():
    with pytest.raises(ValueError, match="Did you mean 'relu'"):
        Dense(2, activation="rellu")


def test_both_names_of_the_learning_rate():
    with pytest.raises(TypeError, match="learning_rate"):
        jkeras.optimizers.SGD(lr=0.1, learning_rate=0.1)


@pytest.mark.parametrize("arguments", [
    {"batch_size": -1}, {"batch_size": 0}, {"batch_size": 2.5}, {"epochs": -1}, {"epochs": 1.5}, {"verbose": 7},
    {"validation_split": 1.5}, {"shuffle": "yes"},
], ids=str)  # fmt: skip
def test_numbers_that_make_no_sense(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        model().fit(X, Y, **{"verbose": 0, **arguments})


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_use_before_compile(method):
    with pytest.raises(ValueError, match=r"compiled before (?s:.*)model\.compile\("):
        getattr(Sequential([jkeras.Input((2,)), Dense(2)]), method)(X, Y)


def test_prediction_of_models_without_weights():
    with pytest.raises(ValueError, match=r"no layers.*model\.add"):
        Sequential().predict(X, verbose=0)
    assert Sequential([Dense(2)]).predict(X, verbose=0).shape == (20, 2)  # deferred build, as in Keras


def test_adding_what_is_no_layer():
    with pytest.raises(TypeError, match="Lambda"):
        Sequential([Dense(2), np.tanh])
    with pytest.raises(ValueError, match="already in model"):
        Sequential([Dense(2, name="a"), Dense(2, name="a")])
    with pytest.raises(ValueError, match="units=0"):
        Dense(0)
    with pytest.raises(ValueError, match="no layer to pop"):
        Sequential().pop()


@pytest.mark.parametrize("convert", [
    lambda a: a.astype("float64"), lambda a: a.tolist(), pd.DataFrame, jax.numpy.asarray, lambda a: (a * 10).astype("int64"),
], ids=["float64", "list", "pandas", "jax", "int64"])  # fmt: skip
def test_kinds_of_data_that_are_fine(convert):
    made = model()
    made.fit(convert(X), convert(Y) if convert is not pd.DataFrame else pd.DataFrame(Y), verbose=0)
    assert made.predict(convert(X), verbose=0).shape == (20, 2)
    assert np.isfinite(made.evaluate(convert(X), Y, verbose=0))


@pytest.mark.parametrize("labels,message", [
    (np.arange(20) % 3, r"go from 0 to 2, but each must be 0, 1.*sparse_categorical_crossentropy"),
    (np.arange(20) % 2 * 2.0 - 1, r"go from -1 to 1.*\(y \+ 1\) / 2.*hinge"),
])  # fmt: skip
@pytest.mark.parametrize("way", ["fit", "evaluate", "train_on_batch", "validation", "generator"])
def test_labels_of_two_classes_are_probabilities(labels, message, way):
    made = model("binary_crossentropy", 1, "sigmoid")
    with pytest.raises(ValueError, match=message):
        if way == "validation":
            made.fit(X, labels % 2 * 0, validation_data=(X, labels), verbose=0)
        elif way == "generator":
            made.fit(((X, y) for y in (np.zeros(20), labels)), verbose=0)
        else:
            getattr(made, way)(X, labels, **({} if way == "train_on_batch" else {"verbose": 0}))


def test_labels_of_validation_data_are_in_range():
    made = model("sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="validation_data: .*class numbers go from 0 to 2, but 2 outputs"):
        made.fit(X, Y.argmax(1), validation_data=(X, np.arange(20) % 3), verbose=0)


@pytest.mark.parametrize("arguments,message", [
    ({"loss": ["msee"]}, "Did you mean 'mse'"),
    ({"loss": {"a": "msee"}}, "Did you mean 'mse'"),
    ({"loss": 5}, "Could not interpret loss: 5"),
    ({"metrics": ["F1"]}, "Did you mean 'F1Score'"),
    ({"metrics": [["acc"], {"b": "precison"}]}, "Did you mean 'precision'"),
    ({"metrics": [3]}, "metrics= holds 3, of type int"),
    ({"weighted_metrics": ["aucc"]}, "Did you mean 'auc'"),
])  # fmt: skip
def test_names_are_checked_when_the_model_is_compiled(arguments, message):
    with pytest.raises(ValueError, match=message):
        Sequential([Dense(2)]).compile(**{"loss": "mse", **arguments})


@pytest.mark.parametrize("callbacks,message", [
    (["EarlyStopping"], r"the name 'EarlyStopping'.*callbacks=\[jkeras.callbacks.EarlyStopping\(\.\.\.\)\]"),
    ([jkeras.callbacks.History], r"the class 'History'.*History\(\.\.\.\)"),
    (print, r"function print.*LambdaCallback"),
    ([3], r"3, of type int"),
])  # fmt: skip
def test_callbacks_are_objects(callbacks, message):
    for use in (lambda: model().fit(X, Y, callbacks=callbacks, verbose=0), lambda: model().predict(X, callbacks=callbacks)):
        with pytest.raises(TypeError, match=message):
            use()


def test_softmax_on_one_unit_is_warned_of_once():
    with pytest.warns(UserWarning, match=r"softmax over axis -1 of an array of shape \(None, 1\)") as caught:
        made = model("mse", 1, "softmax")
        made.fit(X, Y[:, :1], verbose=0)
        made.predict(X, verbose=0)
    assert [w.filename for w in caught] == [__file__]


def test_outputs_that_do_not_make_one_array():
    batches = [np.ones((2, 3, 1), "float32"), np.ones((2, 4, 1), "float32")]
    made = Sequential([jkeras.Input((None, 1)), Dense(1)])
    with pytest.raises(ValueError, match=r"different shapes, \(batch, 3, 1\) and \(batch, 4, 1\).*predict_on_batch"):
        made.predict(((x,) for x in batches), verbose=0)
    assert [made.predict_on_batch(x).shape for x in batches] == [(2, 3, 1), (2, 4, 1)]


def test_losses_that_need_no_target():
    made = Sequential([jkeras.Input((2,)), Dense(1, kernel_initializer="ones")])
    made.compile("sgd", lambda y, p: p**2)
    assert made.evaluate(X, verbose=0) == pytest.approx(float((X.sum(1) ** 2).mean()), rel=1e-5)
    made.compile("sgd", "mse")
    with pytest.raises(ValueError, match="has the loss 'mse', but y holds no target for it"):
        made.fit(X, verbose=0)


@pytest.mark.parametrize("arguments,message", [
    ({"validation_freq": 0}, "validation_freq=0"), ({"validation_freq": "1"}, "validation_freq='1'"),
    ({"validation_freq": [1, 0]}, r"validation_freq=\[1, 0\]"), ({"validation_split": "0.2"}, "number between 0 and 1, got '0.2'"),
])  # fmt: skip
def test_arguments_of_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        model().fit(X, Y, verbose=0, **arguments)


@pytest.mark.parametrize("weights", [[1, 2], "1", {"a": 1}], ids=str)
def test_weights_of_one_loss(weights):
    made = Sequential([jkeras.Input((2,)), Dense(2)])
    with pytest.raises(ValueError, match="loss_weights"):
        made.compile("sgd", "mse", loss_weights=weights)
        made.fit(X, Y, verbose=0)


def test_negative_weights_are_warned_of():
    with pytest.warns(UserWarning, match="sample_weight holds negative weights"):
        model().fit(X, Y, sample_weight=np.linspace(-1, 1, 20), verbose=0)


@pytest.mark.parametrize("value,message", [(np.inf, "Infinite numbers"), (-np.inf, "Infinite numbers"), (np.nan, "NaN")])
@pytest.mark.parametrize("which", ["x", "y"])
def test_what_is_not_finite_is_named_once_the_loss_is_not_finite(value, message, which):
    x, y = X.copy(), Y.copy()
    {"x": x, "y": y}[which][3, 1] = value
    with pytest.warns(UserWarning, match=rf"{message}.*\b{which}, column 1") as caught:
        model("mse", activation=None).fit(x, y, epochs=3, verbose=0)
    assert len(caught) == 1 and caught[0].filename == __file__


def test_weights_switched_after_compile():
    made = model()
    made.fit(X, Y, verbose=0)
    made.layers[0].trainable = False
    with pytest.warns(UserWarning, match=r"`trainable` was set after compile\(\) \(weight '.*kernel'\)"):
        made.fit(X, Y, verbose=0)
    with pytest.warns(UserWarning, match="`trainable` was set after"):
        made.train_on_batch(X, Y)
    made.compile("sgd", "categorical_crossentropy")
    made.layers[0].trainable = True
    with pytest.warns(UserWarning, match="`trainable` was set after"):  # before the first step, too
        made.fit(X, Y, verbose=0)
    made.compile("sgd", "categorical_crossentropy")
    made.fit(X, Y, verbose=0)  # no warning


@pytest.mark.parametrize("build", [
    lambda e: Sequential([jkeras.Input((2,), dtype="int32"), e, jkeras.layers.Flatten()]),
    lambda e: jkeras.Model(x := jkeras.Input((2,), name="ids"), jkeras.layers.Flatten()(e(x))),
], ids=["sequential", "functional"])  # fmt: skip
def test_integers_without_a_row_in_the_table(build):
    table = jkeras.layers.Embedding(3, 1)
    made = build(table)
    made.compile("sgd", "mse")
    good, bad = np.array([[0, 2], [1, 1]]), np.array([[0, 2], [7, 1]])
    made.fit(good, np.zeros((2, 2)), verbose=0)
    for use in (lambda: made.fit(bad, np.zeros((2, 2)), verbose=0), lambda: made.evaluate(bad, np.zeros((2, 2)), verbose=0),
                lambda: made.predict(bad, verbose=0), lambda: table(bad)):  # fmt: skip
        with pytest.raises(ValueError, match=r"rows for the integers 0 to 2, but its input goes from 0 to 7.*input_dim=8"):
            use()


def test_an_axis_that_outputs_do_not_have():
    with pytest.raises(ValueError, match=r"outputs of shape \(20, 2\) have no axis 5"):
        jkeras.losses.CategoricalCrossentropy(axis=5)(Y, Y)
    with pytest.raises(ValueError, match=r"have no axis 5"):
        model(jkeras.losses.CategoricalCrossentropy(axis=5)).fit(X, Y, verbose=0)


def test_without_an_optimizer_a_model_can_be_evaluated():
    made = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(1)])
    made.compile(optimizer=None, loss="mse")
    x, y = np.ones((8, 3)), np.ones((8, 1))
    assert np.isfinite(made.evaluate(x, y, verbose=0))
    with pytest.raises(ValueError, match="optimizer=None, so it can be evaluated but not trained"):
        made.fit(x, y, verbose=0)
    made.compile("sgd", "mse")
    made.fit(x, y, verbose=0)
