"""Models as estimators: scikit-learn's own checks, its tools, and what Keras's wrappers do."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import jkeras
from jkeras.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

QUIET = {"verbose": 0}


def build(X, y, units=8, activation="softmax", loss="categorical_crossentropy", outputs=None):
    inputs = jkeras.Input(X.shape[1:])
    hidden = jkeras.layers.Dense(units, activation="relu")(inputs)
    model = jkeras.Model(inputs, jkeras.layers.Dense(outputs or y.shape[1], activation=activation)(hidden))
    model.compile(jkeras.optimizers.Adam(0.05), loss)
    return model


def classifier(epochs=20, **model_kwargs):
    return SKLearnClassifier(build, model_kwargs=model_kwargs, fit_kwargs={"epochs": epochs, **QUIET})


def regressor(epochs=30):
    return SKLearnRegressor(build, model_kwargs={"activation": None, "loss": "mse"}, fit_kwargs={"epochs": epochs, **QUIET})


@pytest.fixture
def labelled():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    return x, np.where(x[:, 0] > 0, "yes", "no")


# Why these checks of scikit-learn cannot pass.
NOT_DETERMINISTIC = "two fits of a network differ, unless set_random_seed is called before each"
EXPECTED = {
    "check_fit_idempotent": NOT_DETERMINISTIC,
    "check_classifier_data_not_an_array": NOT_DETERMINISTIC,
    "check_regressor_data_not_an_array": NOT_DETERMINISTIC,
    "check_regressors_int": NOT_DETERMINISTIC,
    "check_supervised_y_2d": NOT_DETERMINISTIC,
    "check_classifiers_one_label_sample_weights": "a few epochs do not decide for the one class whose weights are not zero",
    "check_classifiers_classes": "decision_function has a column per class, as in Keras; here also where there are two classes",
    "check_classifiers_train": "decision_function has a column per class, as in Keras; here also where there are two classes",
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "kind", [SKLearnClassifier, pytest.param(SKLearnRegressor, marks=pytest.mark.longest), SKLearnTransformer]
)
def test_scikit_learns_checks(kind):
    of_numbers = {"activation": None, "loss": "mse"}
    estimator = kind(build, model_kwargs={} if kind is SKLearnClassifier else of_numbers, fit_kwargs={"epochs": 5, **QUIET})
    results = check_estimator(estimator, on_fail=None, expected_failed_checks=EXPECTED)
    assert {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"} == {}
    assert sum(r["status"] == "passed" for r in results) > 35


def test_classes_are_any_labels(labelled):
    x, y = labelled
    fitted = classifier().fit(x, y)
    assert fitted.classes_.tolist() == ["no", "yes"]
    assert fitted.score(x, y) > 0.9
    assert fitted.epoch_ == 20
    np.testing.assert_array_equal(fitted.decision_function(x).argmax(1) == 1, fitted.predict(x) == "yes")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"loss": "sparse_categorical_crossentropy", "outputs": 2},
        {"loss": "binary_crossentropy", "outputs": 1, "activation": "sigmoid"},
        {"loss": jkeras.losses.BinaryCrossentropy(from_logits=True), "outputs": 1, "activation": None},
        {"loss": jkeras.losses.CategoricalCrossentropy(from_logits=True), "activation": None},
    ],
    ids=["columns", "numbers", "one output", "one logit", "logits"],
)
def test_the_loss_decides_on_the_form_of_the_targets(labelled, options):
    x, y = labelled
    fitted = classifier(**options).fit(x, y)
    assert fitted.score(x, y) > 0.9
    probabilities = fitted.predict_proba(x)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(fitted.classes_[probabilities.argmax(1)], fitted.predict(x))


def test_outputs_that_are_no_probabilities_are_named(labelled):
    fitted = classifier(epochs=1, activation=None, loss="mse").fit(*labelled)
    with pytest.raises(ValueError, match="activation='softmax'"):
        fitted.predict_proba(labelled[0] * 100)


def test_a_regressor_keeps_the_shape_of_the_targets():
    x = np.linspace(-1, 1, 64)[:, None]
    one, column, two = (regressor().fit(x, y) for y in (x[:, 0], x, np.concatenate([x, -x], 1)))
    assert one.predict(x).shape == (64,) and one.score(x, x[:, 0]) > 0.9
    assert column.predict(x).shape == (64, 1)
    assert two.predict(x).shape == (64, 2) and two.predict(x).dtype == "float64"


@pytest.mark.slow
def test_tools_of_scikit_learn(labelled):
    x, y = labelled
    pipeline = make_pipeline(StandardScaler(), classifier())
    assert cross_val_score(pipeline, x, y, cv=3).mean() > 0.8
    assert cross_val_predict(pipeline, x, y, cv=3, method="predict_proba").shape == (60, 2)
    grid = {"model_kwargs": [{"units": 4}, {"units": 8}], "fit_kwargs": [{"epochs": 15, **QUIET}]}
    search = GridSearchCV(classifier(), grid, cv=2, error_score="raise").fit(x, y)
    assert search.best_score_ > 0.8 and search.best_estimator_.epoch_ == 15
    importances = permutation_importance(search, x, y, n_repeats=2, random_state=0).importances_mean
    assert importances.argmax() == 0


def test_scikit_learn_takes_a_compiled_model_as_it_is(labelled):
    x, _ = labelled
    model = build(x, np.zeros((1, 1)), activation=None, loss="mse")
    model.fit(x, x[:, 0], epochs=20, **QUIET)
    fresh = clone(model)
    assert fresh.compiled and type(fresh) is type(model) and fresh.loss == "mse"
    assert not np.array_equal(fresh.get_weights()[0], model.get_weights()[0])
    found = permutation_importance(model, x, x[:, 0], scoring="neg_mean_squared_error", n_repeats=2, random_state=0)
    assert found.importances_mean.argmax() == 0
    assert cross_val_score(model, x, x[:, 0], scoring="r2", cv=2, error_score="raise").shape == (2,)


def test_clone_pickle_and_arguments(labelled):
    x, y = labelled
    original = classifier(units=5)
    fitted = clone(original).fit(x, y, epochs=2)
    assert original.fit_kwargs == {"epochs": 20, **QUIET} and fitted.fit_kwargs == original.fit_kwargs
    assert fitted.epoch_ == 2 and not hasattr(clone(fitted), "model_")
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.decision_function(x), fitted.decision_function(x))


def test_a_given_model_is_cloned_unless_the_start_is_warm(labelled):
    x, y = labelled
    model = build(x, np.zeros((1, 2)))
    before = model.get_weights()
    cold = SKLearnClassifier(model, fit_kwargs=QUIET).fit(x, y)
    assert cold.model_ is not model and np.array_equal(model.get_weights()[0], before[0])
    warm = SKLearnClassifier(model, warm_start=True, fit_kwargs=QUIET).fit(x, y)
    first = warm.model_.get_weights()[0]
    assert warm.model_ is model and not np.array_equal(first, before[0])
    iterations = int(warm.model_.optimizer.iterations)
    assert int(warm.fit(x, y).model_.optimizer.iterations) == 2 * iterations


def test_partial_fit_goes_on(labelled):
    x, y = labelled
    learner = classifier()
    learner.partial_fit(x[:10], ["no"] * 10, classes=["no", "yes"])
    for _ in range(20):
        for part in (slice(0, 30), slice(30, 60)):
            learner.partial_fit(x[part], y[part])
    assert learner.score(x, y) > 0.9 and learner.epoch_ == 1
    with pytest.raises(ValueError, match=r"among the classes.*perhaps.*classes="):
        learner.partial_fit(x, np.where(y == "no", "no", "perhaps"))


def test_weights_of_samples_and_classes(labelled):
    x, y = labelled
    flipped = np.where(y == "no", "yes", "no")
    both, labels = np.concatenate([x, x]), np.concatenate([y, flipped])
    weights = np.repeat([1.0, 0.0], len(x))
    assert classifier().fit(both, labels, sample_weight=weights).score(x, y) > 0.9
    assert (classifier().fit(both, labels, class_weight={"yes": 50.0}).predict(x) == "yes").mean() > 0.9
    assert classifier().fit(x, y, class_weight="balanced").score(x, y) > 0.9


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda x, y: classifier().fit(x, ["a"] * len(x)), ValueError, "one class"),
        (lambda x, y: classifier().fit(x, np.arange(len(x)) / 7), ValueError, "Unknown label type"),
        (lambda x, y: classifier().fit(x, y, class_weight={"maybe": 1.0}), ValueError, "maybe.*no.*yes"),
        (lambda x, y: regressor().fit(x, x[:, 0], class_weight={0: 1.0}), ValueError, "Use sample_weight"),
        (lambda x, y: SKLearnClassifier(lambda X, y: jkeras.Sequential()).fit(x, y), RuntimeError, "compile"),
        (lambda x, y: SKLearnClassifier(lambda X, y: None).fit(x, y), TypeError, "returned None"),
        (lambda x, y: SKLearnClassifier("mlp").fit(x, y), TypeError, "'mlp'"),
    ],
)
def test_bad_input(labelled, make, error, message):
    with pytest.raises(error, match=message):
        make(*labelled)


def test_without_scikit_learn_the_error_says_what_to_install():
    code = (
        "import sys, jkeras\n"
        "assert 'sklearn' not in sys.modules\n"
        "sys.modules['sklearn'] = None\n"
        "try:\n    jkeras.wrappers.SKLearnClassifier\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "jkeras[sklearn]"' in done.stdout


def test_an_unknown_name_is_named():
    with pytest.raises(AttributeError, match="SKLearnClassifier"):
        _ = jkeras.wrappers.SKLearnClasifier
    assert dir(jkeras.wrappers) == ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]
