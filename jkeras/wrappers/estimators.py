"""`SKLearnClassifier`, `SKLearnRegressor`, `SKLearnTransformer`: estimators of scikit-learn that are made from models.

They work in `Pipeline`, `cross_val_score`, `GridSearchCV` and all other tools that take estimators.
"""

from typing import Any

import numpy as np

from jkeras.models import Model
from jkeras.training.objective import CROSSENTROPY
from jkeras.wrappers.base import Estimator, check_is_fitted, type_of_target

from sklearn.base import ClassifierMixin, RegressorMixin, TransformerMixin  # isort: skip  (base.py says what to install)
from sklearn.utils.metaestimators import available_if  # isort: skip
from sklearn.utils.class_weight import compute_class_weight  # isort: skip


class SKLearnClassifier(ClassifierMixin, Estimator):
    """A classifier of scikit-learn that is made from a model.

    Args:
        model: a compiled `Model`, or a function `(X, y, **model_kwargs)` that returns one. The function sees `X` of shape
            (samples, features) and `y` as one column per class, of zeros and ones. A model is cloned before it is trained.
        warm_start: whether `fit` goes on from the weights of the last `fit`. A model that was given is trained itself then,
            and not a clone.
        model_kwargs: a dict of arguments for the function.
        fit_kwargs: a dict of arguments for `model.fit`.

    Attributes:
        model_: the model that was trained.
        history_: what `model.fit` returned.
        classes_: the labels of the classes, sorted.
        n_features_in_: how many columns `X` had.

    Raises:
        ValueError: in `fit`: one class only, or targets that are no labels.
        RuntimeError: in `fit`: a model that is not compiled.

    The loss decides on the form of the targets. They are class numbers for a sparse cross-entropy, one column of zeros and ones for
    a model with a single output, and otherwise one column per class.

    >>> import jkeras
    >>> jkeras.utils.set_random_seed(1)
    >>> def build(X, y, units=8):
    ...     model = jkeras.Sequential([
    ...         jkeras.Input(X.shape[1:]),
    ...         jkeras.layers.Dense(units, activation="relu"),
    ...         jkeras.layers.Dense(y.shape[1], activation="softmax"),
    ...     ])
    ...     model.compile("adam", "categorical_crossentropy")
    ...     return model
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0]] * 20)
    >>> y = np.array(["left", "right"] * 20)
    >>> classifier = SKLearnClassifier(build, model_kwargs={"units": 16}, fit_kwargs={"epochs": 100, "verbose": 0})
    >>> classifier.fit(X, y).predict(X[:2]).tolist()
    ['left', 'right']
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags

    def partial_fit(self, X: Any, y: Any, classes: Any = None, **kwargs: Any) -> "SKLearnClassifier":
        """Train for one more epoch on this data alone, from where the model is; the first call makes the model.

        Args:
            X, y: as in `fit`.
            classes: all labels that there will be. Needed in the first call, if `y` does not hold all of them.
            **kwargs: as in `fit`; `epochs=` for more than one epoch.

        Returns:
            The estimator.
        """
        self._announced = classes
        try:
            super().partial_fit(X, y, **kwargs)
        finally:
            del self._announced
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the model's outputs, of shape (samples, classes), or (samples, 1) for a model with a single output.

        Args:
            X: of shape (samples, features).
        """
        return self._outputs(X)

    def predict(self, X: Any) -> np.ndarray:
        """Return the label of the most likely class of each sample.

        Args:
            X: of shape (samples, features).
        """
        outputs = self._outputs(X)
        if outputs.shape[-1] == 1:
            return self.classes_[(outputs[:, 0] > (0.0 if self._is_logits() else 0.5)).astype(int)]
        return self.classes_[outputs.argmax(axis=-1)]

    @available_if(lambda self: hasattr(self, "model_"))  # what the outputs are is known of a model
    def predict_proba(self, X: Any) -> np.ndarray:
        """The probabilities of the classes, of shape (samples, classes), in the order of `classes_`; there once it is fitted.

        Args:
            X: of shape (samples, features).

        Raises:
            ValueError: the outputs are neither probabilities nor, as the loss says by `from_logits=True`, logits.
        """
        outputs = self._outputs(X).astype("float64")
        if self._is_logits():
            both = np.concatenate([np.zeros_like(outputs), outputs], 1) if outputs.shape[1] == 1 else outputs
            powers = np.exp(both - both.max(axis=1, keepdims=True))
            return powers / powers.sum(axis=1, keepdims=True)
        if outputs.min() < 0 or outputs.max() > 1 + 1e-5:
            raise ValueError(
                "predict_proba() needs a model whose outputs are probabilities, but they range from "
                f"{outputs.min():.3g} to {outputs.max():.3g}. End the model with activation='softmax', or compile it with a loss of "
                "from_logits=True."
            )
        if outputs.shape[1] == 1:
            return np.concatenate([1 - outputs, outputs], axis=1)
        return outputs / np.maximum(outputs.sum(axis=1, keepdims=True), np.finfo("float64").tiny)

    def _is_logits(self) -> bool:
        return bool(getattr(self.model_.loss, "from_logits", False))

    def _encode(self, y: Any, reset: bool) -> np.ndarray:
        kind = type_of_target(y, input_name="y")
        if kind not in ("binary", "multiclass"):
            raise ValueError(f"Unknown label type: {type(self).__name__} needs one label per sample, but y is {kind}.")
        if reset:
            classes = np.unique(y if getattr(self, "_announced", None) is None else np.asarray(self._announced))
            if len(classes) == 1:
                raise ValueError(
                    f"{type(self).__name__} needs at least two classes, but y holds one class only, {classes[0]!r}."
                )
            self.classes_ = classes
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y holds labels that are not among the classes {self.classes_.tolist()}: {unknown.tolist()[:10]}. Give all of them "
                "in the first call: partial_fit(X, y, classes=...)."
            )
        return np.eye(len(self.classes_))[np.searchsorted(self.classes_, y)]

    def _targets(self, model: Model, targets: np.ndarray) -> np.ndarray:
        name = str(getattr(model.loss, "name", None) or getattr(model.loss, "__name__", model.loss)).lower()
        numbers = targets.argmax(axis=1)
        if "sparse" in name:
            return numbers
        width = model.output_spec(np.zeros((1, self.n_features_in_), "float32")).shape[-1]
        return numbers.astype("float32")[:, None] if width == 1 and name not in CROSSENTROPY else targets

    def _class_weight(self, class_weight: Any, targets: np.ndarray) -> dict[int, float]:
        """`{label: weight}`, or `"balanced"`, as `{class number: weight}`."""
        labels = self.classes_.tolist()
        if not isinstance(class_weight, (dict, str)):
            raise ValueError(f"class_weight must be a dict {{label: weight}} or 'balanced', got {class_weight!r}.")
        if isinstance(class_weight, dict):
            unknown = [label for label in class_weight if label not in labels]
            if unknown:
                raise ValueError(f"class_weight names {unknown}; the classes are {labels}.")
            return {number: float(class_weight.get(label, 1.0)) for number, label in enumerate(labels)}
        numbers = targets.argmax(axis=1)
        present = np.unique(numbers)
        weights = compute_class_weight(class_weight, classes=present, y=numbers)
        return {**dict.fromkeys(range(len(labels)), 1.0), **dict(zip(present.tolist(), weights.tolist(), strict=True))}


class SKLearnRegressor(RegressorMixin, Estimator):
    """A regressor of scikit-learn that is made from a model.

    Args:
        model: a compiled `Model`, or a function `(X, y, **model_kwargs)` that returns one. The function sees `X` of shape
            (samples, features) and `y` of shape (samples, outputs). A model is cloned before it is trained.
        warm_start: whether `fit` goes on from the weights of the last `fit`. A model that was given is trained itself then,
            and not a clone.
        model_kwargs: a dict of arguments for the function.
        fit_kwargs: a dict of arguments for `model.fit`.

    Attributes:
        model_: the model that was trained.
        history_: what `model.fit` returned.
        n_features_in_: how many columns `X` had.

    >>> import jkeras
    >>> model = jkeras.Sequential([jkeras.Input((1,)), jkeras.layers.Dense(1)])
    >>> model.compile(jkeras.optimizers.SGD(0.1), "mse")
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> regressor = SKLearnRegressor(model, fit_kwargs={"epochs": 100, "verbose": 0}).fit(x, 3 * x[:, 0] + 1)
    >>> regressor.predict([[2.0]]).round(2).tolist()
    [7.0]
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        tags.target_tags.multi_output = True
        return tags


class SKLearnTransformer(TransformerMixin, Estimator):
    """A transformer of scikit-learn that is made from a model. `transform` returns the model's outputs.

    Args:
        model: a compiled `Model`, or a function `(X, y, **model_kwargs)` that returns one. A model is cloned before it is trained.
        warm_start: whether `fit` goes on from the weights of the last `fit`. A model that was given is trained itself then,
            and not a clone.
        model_kwargs: a dict of arguments for the function.
        fit_kwargs: a dict of arguments for `model.fit`.

    Attributes:
        model_: the model that was trained.
        history_: what `model.fit` returned.
        n_features_in_: how many columns `X` had.

    >>> import jkeras
    >>> model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2)])
    >>> model.compile("adam", "mse")
    >>> transformer = SKLearnTransformer(model, fit_kwargs={"verbose": 0}).fit(np.ones((8, 3)), np.zeros((8, 2)))
    >>> transformer.transform(np.ones((5, 3))).shape
    (5, 2)
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        tags.target_tags.multi_output = True
        return tags

    def transform(self, X: Any) -> np.ndarray:
        """Return the model's outputs.

        Args:
            X: of shape (samples, features).
        """
        check_is_fitted(self)
        return self._outputs(X)
