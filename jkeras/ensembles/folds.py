"""`cross_validate`: train all folds as one program.

A fold is an order of rows: each member reads only the rows of its own training part. Zero sample weights for the
other rows would give wrong results, because the mean over a batch would become smaller.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from jkeras.data import ArrayData, make_data
from jkeras.ensembles.data import MemberData
from jkeras.ensembles.ensemble import Ensemble
from jkeras.models import Model


class Scores(NamedTuple):
    """The results of a cross-validation.

    Args:
        results: `{"loss": array, "accuracy": array, ...}`, the results on the rows that were left out, one per fold, after the last
            epoch.
        history: the results of all epochs, `{"loss": (epochs, folds), "val_loss": ..., ...}`.
        splits: `(train, test)`, the row numbers of each fold.
        ensembles: the trained models: folds of equal size make an `Ensemble`.
        places: for each fold the number of its ensemble, and of its member there.

    >>> scores = Scores({"loss": np.array([0.5, 0.75])}, {}, [], [], [])  # of two folds
    >>> float(scores.results["loss"].mean())
    0.625
    """

    results: dict[str, np.ndarray]
    history: dict[str, np.ndarray]
    splits: list[tuple[np.ndarray, np.ndarray]]
    ensembles: list[Ensemble]
    places: list[tuple[int, int]]

    def model(self, fold: int) -> Model:
        """The model of a fold, as an ordinary `Model`."""
        group, member = self.places[fold]
        return self.ensembles[group][member]

    def predictions(self, x: Any) -> np.ndarray:
        """For each row the outputs of the model that has not seen it; NaN for rows that no fold leaves out.

        Args:
            x: the inputs that were given to `cross_validate`.
        """
        found: Any = None
        for fold, (_, test) in enumerate(self.splits):
            outputs = self.model(fold).predict(_rows(x, test), verbose=0)
            if found is None:
                found = np.full((len(_first(x)), *outputs.shape[1:]), np.nan, outputs.dtype)
            found[test] = outputs
        return found

    def __repr__(self) -> str:
        parts = [f"{name}: {values.mean():.4g} ± {values.std():.2g}" for name, values in self.results.items()]
        return f"<Scores of {len(self.splits)} folds, {', '.join(parts)}>"


def cross_validate(
    build: Callable[[], Any],
    x: Any,
    y: Any,
    folds: Any = 5,
    stratified: bool = False,
    groups: Any = None,
    seed: int = 0,
    seeds: Sequence[int] | None = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    **fit: Any,
) -> Scores:
    """Train a model for each fold, all of them as one program, and look at the rows that it has not seen.

    Args:
        build: a function without arguments that returns a compiled model.
        x, y, sample_weight: arrays.
        folds: the number of folds; or a splitter of scikit-learn (`TimeSeriesSplit(5)`), or a list of pairs of row numbers
            `(train, test)`. For a number, the rows are shuffled and cut into parts.
        stratified: whether each fold has about as many rows of each class as the others, by scikit-learn's `StratifiedKFold`.
        groups: a label per row. Rows of one group stay together, by scikit-learn's `GroupKFold`.
        seed: of the shuffle.
        seeds: a seed for each fold's model; by default `0, 1, 2, ...`.
        batch_size, **fit: further arguments of `Model.fit`, without those of validation.

    Returns:
        The `Scores`. Fold `k` is what `set_random_seed(seeds[k])`, `build()` and `fit(x[train], y[train], validation_data=(x[test],
        y[test]))` would give. Folds of different size are trained one size after the other.

    Raises:
        ValueError: folds that are empty, a fold without a class, more folds than rows.
        ImportError: scikit-learn is needed and not installed.

    >>> import jkeras
    >>> def build():
    ...     model = jkeras.Sequential([jkeras.Input((1,)), jkeras.layers.Dense(1)])
    ...     model.compile("sgd", "mse")
    ...     return model
    >>> x = np.linspace(-1, 1, 32)[:, None]
    >>> scores = cross_validate(build, x, 2 * x, folds=4, epochs=3)
    >>> scores.results["loss"].shape, scores.history["val_loss"].shape
    ((4,), (3, 4))
    """
    _check_options(fit)
    data: Any = make_data(x, y, sample_weight, batch_size)
    if not isinstance(data, ArrayData):
        raise ValueError("cross_validate() needs arrays, since a fold is a choice of rows; x is a stream of batches.")
    splits = make_splits(folds, x, y, data.num_samples, stratified, groups, seed)
    seeds = list(range(len(splits))) if seeds is None else list(seeds)
    if len(seeds) != len(splits):
        raise ValueError(f"cross_validate() needs one seed for each of the {len(splits)} folds, got {len(seeds)} seeds.")
    _check_classes(splits, data.tree[1])
    test_size = fit.pop("validation_batch_size", None) or batch_size
    ensembles: list[Ensemble] = []
    places: list[Any] = [None] * len(splits)
    history: dict[str, np.ndarray] = {}
    for chosen in _by_size(splits):
        ensemble = Ensemble(build, [seeds[fold] for fold in chosen])
        ensemble._rows = np.stack([splits[fold][0] for fold in chosen])
        tests = np.stack([splits[fold][1] for fold in chosen])
        unseen: Any = make_data(x, y, sample_weight, test_size)
        results = ensemble.fit(
            x,
            y,
            sample_weight=sample_weight,
            batch_size=batch_size,
            validation_data=MemberData(unseen, tests, None),
            **{"verbose": 0, **fit},
        ).history
        for name, values in results.items():
            whole = history.setdefault(name, np.full((len(values), len(splits)), np.nan))
            if len(whole) < len(values):
                whole = history[name] = np.concatenate([whole, np.full((len(values) - len(whole), len(splits)), np.nan)])
            whole[: len(values), chosen] = values
        for member, fold in enumerate(chosen):
            places[fold] = (len(ensembles), member)
        ensembles.append(ensemble)
    return Scores(_last(history), history, splits, ensembles, places)


def make_splits(folds: Any, x: Any, y: Any, rows: int, stratified: bool, groups: Any, seed: int) -> list:
    """`(train, test)` row numbers of each fold; for the arguments see `cross_validate`."""
    if isinstance(folds, (int, np.integer)) and not isinstance(folds, bool):
        if not 2 <= folds <= rows:
            raise ValueError(f"folds must be at least 2, and at most the number of rows, {rows}; got folds={folds}.")
        if not stratified and groups is None:
            parts = np.array_split(np.random.RandomState(seed).permutation(rows), folds)
            everything = np.arange(rows)
            return [(np.setdiff1d(everything, part), np.sort(part)) for part in parts]
        if stratified and groups is not None:
            folds = _selection().StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        elif stratified:
            folds = _selection().StratifiedKFold(folds, shuffle=True, random_state=seed)
        else:
            folds = _selection().GroupKFold(folds)
    if hasattr(folds, "split") and not isinstance(folds, str):
        labels = np.asarray(y)
        labels = labels.argmax(1) if stratified and labels.ndim == 2 and labels.shape[1] > 1 else labels
        labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
        pairs = list(folds.split(np.zeros((rows, 1)), labels, groups))
    else:
        pairs = _listed(folds)
    checked = [(np.asarray(train), np.asarray(test)) for train, test in pairs]
    for fold, part in ((i, part) for i, pair in enumerate(checked) for part in pair):
        if part.ndim != 1 or part.size == 0 or part.dtype.kind not in "iu" or part.min() < 0 or part.max() >= rows:
            raise ValueError(
                f"Fold {fold} needs row numbers from 0 to {rows - 1} for training and for testing, got {part!r}."
            )
    return checked


def _listed(folds: Any) -> list:
    try:
        pairs = [(train, test) for train, test in folds]
    except (TypeError, ValueError):
        pairs = []
    if not pairs:
        raise ValueError(
            f"folds must be a number, a splitter of scikit-learn, or a list of pairs of row numbers (train, test), got {folds!r}."
        )
    return pairs


def _selection() -> Any:
    try:
        from sklearn import model_selection  # optional, and slow to import
    except ImportError:
        raise ImportError(
            'Stratified and grouped folds are made by scikit-learn, which is not installed:\n    pip install "jkeras[sklearn]"'
        ) from None
    return model_selection


def _check_options(fit: dict) -> None:
    wrong = [
        name
        for name in ("validation_data", "validation_split", "validation_steps", "validation_freq", "steps_per_epoch")
        if name in fit
    ]
    if wrong:
        raise ValueError(
            f"cross_validate() validates on the rows that a fold leaves out, after every epoch; leave out {wrong}."
        )


def _check_classes(splits: list, y: Any) -> None:
    """Refuse a fold whose training part lacks a class that its test part has, where the targets are class numbers."""
    labels = np.asarray(y) if hasattr(y, "shape") else None
    if labels is None or labels.dtype.kind not in "iub" or (labels.ndim == 2 and labels.shape[1] != 1) or labels.ndim > 2:
        return
    labels = labels.reshape(-1)
    for fold, (train, test) in enumerate(splits):
        missing = np.setdiff1d(labels[test], labels[train])
        if len(missing) and len(np.unique(labels)) <= max(2, len(labels) // 2):
            raise ValueError(
                f"Fold {fold} has no row of class {missing.tolist()} to train on. Take fewer folds, or stratified=True, which "
                "spreads the classes evenly."
            )


def _by_size(splits: list) -> list[list[int]]:
    """The folds in groups of equal size."""
    sizes: dict[tuple[int, int], list[int]] = {}
    for fold, (train, test) in enumerate(splits):
        sizes.setdefault((len(train), len(test)), []).append(fold)
    return list(sizes.values())


def _last(history: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The last results of each fold on the rows that it leaves out."""
    found = {}
    for name, values in history.items():
        if name.startswith("val_"):
            ends = np.maximum(0, (~np.isnan(values)).cumsum(0).argmax(0))
            found[name.removeprefix("val_")] = values[ends, np.arange(values.shape[1])]
    return found


def _first(x: Any) -> Any:
    return next(iter(x.values())) if isinstance(x, dict) else x[0] if isinstance(x, (list, tuple)) else x


def _rows(x: Any, rows: np.ndarray) -> Any:
    if isinstance(x, dict):
        return {name: np.asarray(value)[rows] for name, value in x.items()}
    if isinstance(x, (list, tuple)):
        return type(x)(np.asarray(value)[rows] for value in x)
    return np.asarray(x)[rows]
