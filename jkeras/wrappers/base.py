"""The base class of the three estimators. It makes the model, fits it, and checks it."""

import copy
from typing import Any

from jkeras.models import Model, clone_model

try:
    from sklearn.base import BaseEstimator
    from sklearn.utils.multiclass import type_of_target
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "jkeras.wrappers makes estimators of scikit-learn, of version 1.6 or later, which is not installed:\n"
        '    pip install "jkeras[sklearn]"'
    ) from error


class Estimator(BaseEstimator):
    """An estimator around a model; see the classes in `estimators.py`."""

    # For scikit-learn's routing of metadata, which looks for arguments that a signature names.
    __metadata_request__fit = {"sample_weight": None}
    __metadata_request__partial_fit = {"sample_weight": None}

    def __init__(
        self, model: Any, warm_start: bool = False, model_kwargs: dict | None = None, fit_kwargs: dict | None = None
    ):
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    # -- what scikit-learn asks -----------------------------------------------------------------------------------------

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags

    def __sklearn_clone__(self) -> "Estimator":
        """An estimator with the same arguments that is not fitted; a model that was given is copied with its weights."""
        model = copy.deepcopy(self.model) if isinstance(self.model, Model) else self.model
        given = {name: copy.copy(getattr(self, name)) for name in ("warm_start", "model_kwargs", "fit_kwargs")}
        twin = type(self)(model=model, **given)
        if hasattr(self, "_metadata_request"):
            twin._metadata_request = copy.deepcopy(self._metadata_request)
        return twin

    @property
    def epoch_(self) -> int:
        """The number of epochs that the last `fit` or `partial_fit` has trained; 0 before."""
        return len(self.history_.epoch) if hasattr(self, "history_") else 0

    # -- fitting --------------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, **kwargs: Any) -> "Estimator":
        """Train the model from its start, or, with `warm_start=True`, from where the last `fit` has left it.

        Args:
            X: of shape (samples, features).
            y: the targets, of shape (samples,) or (samples, outputs).
            **kwargs: arguments of `model.fit`, such as `sample_weight`, `class_weight` or `epochs`; they count before those in
                `fit_kwargs`.

        Returns:
            The estimator.

        Raises:
            ValueError: data that scikit-learn or the model does not take.
            RuntimeError: a model that is not compiled with a loss.
        """
        goes_on = self.warm_start and hasattr(self, "model_")
        X, y = self._check_data(X, y, reset=not goes_on)
        targets = self._encode(y, reset=not goes_on)
        model = self.model_ if goes_on else self._make_model(X, targets)
        return self._train(model, X, targets, {**(self.fit_kwargs or {}), **kwargs})

    def partial_fit(self, X: Any, y: Any, **kwargs: Any) -> "Estimator":
        """Train for one more epoch on this data alone, from where the model is; the first call makes the model.

        Args:
            X, y: as in `fit`.
            **kwargs: as in `fit`; `epochs=` for more than one epoch.

        Returns:
            The estimator.
        """
        is_first = not hasattr(self, "model_")
        X, y = self._check_data(X, y, reset=is_first)
        targets = self._encode(y, reset=is_first)
        model = self._make_model(X, targets) if is_first else self.model_
        given = {name: value for name, value in (self.fit_kwargs or {}).items() if name not in ("epochs", "initial_epoch")}
        return self._train(model, X, targets, {**given, **kwargs})

    def _train(self, model: Model, X: Any, targets: Any, given: dict) -> "Estimator":
        if given.get("sample_weight") is not None:
            given["sample_weight"] = _check_sample_weight(given["sample_weight"], X)
        if given.get("class_weight") is not None:
            given["class_weight"] = self._class_weight(given["class_weight"], targets)
        self.history_ = model.fit(X, self._targets(model, targets), **given)
        self.model_ = model
        return self

    def _make_model(self, X: Any, targets: Any) -> Model:
        if isinstance(self.model, Model):
            model = self.model if self.warm_start else clone_model(self.model)
        elif callable(self.model):
            model = self.model(X=X, y=targets, **(self.model_kwargs or {}))
        else:
            raise TypeError(
                f"{type(self).__name__}: model must be a compiled Model, or a function (X, y, ...) that returns one, got "
                f"{self.model!r}."
            )
        if not isinstance(model, Model):
            raise TypeError(
                f"{type(self).__name__}: model={self.model!r} must return a compiled Model, it returned {model!r}."
            )
        if not model.compiled or not model.loss or not model.optimizer:
            raise RuntimeError(
                f"{type(self).__name__}: the model must be compiled with an optimizer and a loss:\n"
                "    model.compile(optimizer='adam', loss='mse')"
            )
        return model

    def _class_weight(self, class_weight: Any, targets: Any) -> Any:
        raise ValueError(f"class_weight is for classifiers; {type(self).__name__} has no classes. Use sample_weight.")

    # -- data -----------------------------------------------------------------------------------------------------------

    def _check_data(self, X: Any, y: Any, reset: bool) -> tuple:
        return validate_data(self, X, y, reset=reset, multi_output=self._takes_columns())

    def _takes_columns(self) -> bool:
        """True if the targets may have several columns."""
        return self.__sklearn_tags__().target_tags.multi_output

    def _encode(self, y: Any, reset: bool) -> Any:
        """The targets as the function that makes the model sees them: with two axes."""
        kind = type_of_target(y, input_name="y")
        if kind == "unknown":
            raise ValueError(f"Unknown label type for y: {y!r}")
        if reset:
            self._target_ndim, self._target_dtype = y.ndim, y.dtype
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def _targets(self, model: Model, targets: Any) -> Any:
        """The targets as this model's loss takes them."""
        return targets

    def _outputs(self, X: Any) -> Any:
        """The model's outputs for some inputs."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        return self.model_.predict(X, verbose=(self.fit_kwargs or {}).get("verbose", "auto"))

    def predict(self, X: Any) -> Any:
        """The model's outputs, in the shape that the targets had, and in their dtype if they were floats.

        Args:
            X: of shape (samples, features).
        """
        outputs = self._outputs(X)
        if self._target_dtype.kind == "f":
            outputs = outputs.astype(self._target_dtype)
        return outputs[:, 0] if self._target_ndim == 1 and outputs.ndim == 2 and outputs.shape[1] == 1 else outputs
