"""`sweep`: a grid of models, trained as few programs."""

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from jkeras.callbacks.monitor import direction
from jkeras.ensembles.ensemble import Ensemble
from jkeras.ensembles.knobs import Knobs, NumberError
from jkeras.ensembles.points import Maker, checked, grid, sample
from jkeras.ensembles.sweep_plots import heat, line, parallel
from jkeras.errors import outside, suggest
from jkeras.models import Model


class Sweep:
    """The results of a sweep.

    Args:
        points: the values that were tried, a dict for each row.
        monitor: the name of the result that decides which row is the best.
        larger: True if a larger result is better.

    Attributes:
        rows: the last results of each row, with `"epochs"`, how many it was trained.
        programs: the number of programs that were compiled.
        best: the number of the best row.

    >>> result = Sweep([{"units": 2}, {"units": 4}], "loss", larger=False)
    >>> result.rows = [{"loss": 0.5, "epochs": 1}, {"loss": 0.3, "epochs": 1}]
    >>> result.best_point
    {'units': 4}
    """

    def __init__(self, points: list[dict], monitor: str, larger: bool):
        self.points, self.monitor, self.larger = points, monitor, larger
        self.rows: list[dict] = [{} for _ in points]
        self.programs = 0
        self._histories: list[dict[str, list]] = [{} for _ in points]
        self._places: list[Any] = [None] * len(points)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def best(self) -> int:
        """The number of the best row; of those that were trained longest, where some were given up."""
        epochs = max(row["epochs"] for row in self.rows)
        scores = [row[self.monitor] if row["epochs"] == epochs else np.nan for row in self.rows]
        signed = -np.asarray(scores) if self.larger else np.asarray(scores)
        if np.isnan(signed).all():
            raise ValueError(f"The sweep has no best row: in all of them, monitor={self.monitor!r} is NaN.")
        return int(np.nanargmin(signed))

    @property
    def best_point(self) -> dict:
        """The values of the best row."""
        return self.points[self.best]

    def model(self, row: int | None = None) -> Model:
        """The trained model of a row, by default of the best one, as an ordinary `Model`."""
        ensemble, member = self._places[self.best if row is None else range(len(self))[row]]
        return ensemble[member]

    def history(self, row: int) -> dict[str, np.ndarray]:
        """The results of a row, a value per epoch."""
        return {name: np.asarray(values) for name, values in self._histories[row].items()}

    def frame(self) -> Any:
        """The results as a pandas `DataFrame`: a row for each point, with its values, its last results, and its history as a dict of
        arrays.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas  # optional, and slow to import
        except ImportError:
            raise ImportError("Sweep.frame() needs pandas, which is not installed:\n    pip install pandas") from None
        records = [{**point, **row} for point, row in zip(self.points, self.rows, strict=True)]
        return pandas.DataFrame(records).assign(history=[self.history(i) for i in range(len(self))])

    def plot(self) -> Any:
        """Draw the monitored result with matplotlib: a heat map for two names, a line for one, parallel coordinates for more.

        Seeds are no axis: their results are averaged in a heat map.

        Returns:
            The figure, which a notebook shows and `figure.savefig("sweep.png")` saves.

        Raises:
            ImportError: matplotlib is not installed.
        """
        try:
            from matplotlib import colormaps  # optional, and slow to import
            from matplotlib.figure import Figure
        except ImportError:
            raise ImportError(
                'Sweep.plot() draws with matplotlib, which is not installed:\n    pip install "jkeras[plot]"'
            ) from None
        names = [n for n in self.points[0] if n != "seed" and len({repr(p[n]) for p in self.points}) > 1] or ["seed"]
        figure = Figure(figsize=(5 + max(0, len(names) - 2) * 1.2, 3.6), layout="constrained")
        scores = np.array([row[self.monitor] for row in self.rows], float)
        axes = figure.subplots()
        if len(names) == 2:
            heat(figure, axes, names, self.points, scores, self.monitor)
        elif len(names) == 1:
            line(axes, names[0], self.points, scores, self.monitor)
        else:
            parallel(colormaps["viridis"], axes, names, self.points, scores, self.monitor)
        return figure

    def __repr__(self) -> str:
        row = self.rows[self.best]
        best = f"best {self.monitor}: {row[self.monitor]:.4g}, {self.best_point}"
        return f"<Sweep of {len(self)} points in {self.programs} programs; {best}>"


def sweep(
    build: Callable[..., Any],
    space: Mapping[str, Any],
    x: Any,
    y: Any = None,
    *,
    trials: int | None = None,
    search_seed: int = 0,
    halving: int | None = None,
    monitor: str | None = None,
    mode: str = "auto",
    epochs: int = 1,
    **fit: Any,
) -> Sweep:
    """Train a model for each point of a space of arguments, as few programs.

    Points whose models differ in numbers alone are one program: learning rate, momentum and the other coefficients of the optimizer,
    weight decay, limits of clipping, dropout rates, factors of regularizers, label smoothing, and seeds. What changes shapes or
    the graph makes a program of its own.

    Args:
        build: a function that returns a compiled model.
        space: `{name: values to try}`. Names that are arguments of `build` are passed to it. The others are set on the model: names of
            the optimizer's arguments, `"dropout"` (the rate of all `Dropout` layers), `"l1"` and `"l2"` (of all regularizers), and
            names of the loss's arguments, if the loss is an object. `"seed"` is the seed of initial weights, orders and dropout; 0 by
            default.
        x, y: as of `Model.fit`.
        trials: for random search: how many points to draw. Values may then be functions of a `numpy.random.Generator`, too.
        search_seed: of that generator.
        halving: for successive halving: after some epochs, only the best of every `halving` points go on. All begin with few epochs,
            and the last ones are trained for `epochs` (arXiv:1502.07943).
        monitor: the result that decides; by default `"val_loss"` if there is validation, and `"loss"` otherwise.
        mode: `"min"`, `"max"`, or `"auto"` to know it from the metric.
        epochs: how long each point is trained.
        **fit: further arguments of `Model.fit`; `verbose=0` by default.

    Returns:
        The `Sweep`. Each row equals `set_random_seed(seed)`, building its model, and `fit`.

    Raises:
        ValueError: a name that nothing has, a point that makes no model (it is named), values that are no list. All before training.

    >>> import jkeras
    >>> def build(units=4):
    ...     model = jkeras.Sequential([jkeras.Input((1,)), jkeras.layers.Dense(units, "tanh"), jkeras.layers.Dense(1)])
    ...     model.compile("adam", "mse")
    ...     return model
    >>> x = np.linspace(-1, 1, 16)[:, None]
    >>> result = sweep(build, {"learning_rate": [0.1, 0.01, 0.001], "units": [2, 4]}, x, x**2, epochs=2)
    >>> len(result), result.programs
    (6, 2)
    """
    if not space:
        raise ValueError("There is nothing to try: space={}. Write sweep(build, {'learning_rate': [0.1, 0.01]}, x, y).")
    points = grid(space) if trials is None else sample(space, trials, search_seed)
    maker = Maker(build, list(space))
    structures = checked(maker, points)
    monitor = monitor or ("val_loss" if fit.get("validation_data") is not None or fit.get("validation_split") else "loss")
    result = Sweep(points, monitor, _larger(maker, points[0], monitor, mode))
    groups: dict[str, list[int]] = {}
    for row, (text, _, _) in enumerate(structures):
        groups.setdefault(text, []).append(row)
    running = [_Group(maker, points, structures, rows) for rows in groups.values()]
    options = {"verbose": 0, **fit}
    for stop in _rungs(epochs, halving):
        start = max((row.get("epochs", 0) for row in result.rows), default=0)
        for group in running:
            result.programs += group.train(x, y, result, start, stop, options)
        if stop < epochs:
            running = _survivors(running, result, halving or 1, stop)
    return result


def _larger(maker: Maker, point: dict, monitor: str, mode: str) -> bool:
    if mode not in ("auto", "min", "max"):
        raise ValueError(f"mode must be 'auto', 'min' or 'max', got {mode!r}.")
    known = direction(maker({n: v for n, v in point.items() if n != "seed"}), monitor) if mode == "auto" else mode
    if known is None and monitor.removeprefix("val_").endswith(("accuracy", "auc")):
        known = "max"
    if known is None:
        raise ValueError(
            f"It is not known whether small or large values of monitor={monitor!r} are better. Pass mode='min' or mode='max'."
        )
    return known == "max"


def _rungs(epochs: int, halving: int | None) -> list[int]:
    """The epochs after which points are given up, and the last one.

    >>> _rungs(9, 3), _rungs(10, None)
    ([1, 3, 9], [10])
    """
    if halving is None:
        return [epochs]
    if not isinstance(halving, int) or halving < 2:
        raise ValueError(
            f"halving must be None or an integer from 2 on (with halving=3, one of three points goes on), got {halving!r}."
        )
    rungs = [epochs]
    while rungs[0] // halving >= 1:
        rungs.insert(0, rungs[0] // halving)
    return rungs


class _Group:
    """Points of one structure."""

    def __init__(self, maker: Maker, points: list[dict], structures: list, rows: list[int]):
        self.maker, self.points, self.structures, self.rows = maker, points, structures, rows
        self.ensembles: list[tuple[Ensemble, list[int]]] = []
        numbers = [structures[row][1] for row in rows]
        self.differing = [name for name in numbers[0] if len({each[name] for each in numbers}) > 1] if rows else []

    def train(self, x: Any, y: Any, result: Sweep, start: int, stop: int, options: dict) -> int:
        """Train all points from one epoch to another; returns how many programs that took."""
        if not self.ensembles:
            self.ensembles = [(self._ensemble(self.rows), self.rows)]
        programs = 0
        while programs < len(self.ensembles):
            ensemble, rows = self.ensembles[programs]
            try:
                history = ensemble.fit(x, y, initial_epoch=start, epochs=stop, **options).history
            except NumberError as error:  # code of the user's own looks at a number
                warnings.warn(
                    f"The points are trained one by one, since their numbers cannot differ in one program: {error}",
                    stacklevel=outside(),
                )
                self.differing = []
                self.ensembles = [(self._ensemble([row]), [row]) for row in rows]
                continue
            programs += 1
            for member, row in enumerate(rows):
                self._note(result, row, ensemble, member, history, stop)
        return programs

    def _note(self, result: Sweep, row: int, ensemble: Ensemble, member: int, history: dict, stop: int) -> None:
        for name, values in history.items():
            result._histories[row].setdefault(name, []).extend(values[:, member].tolist())
        last = {name: values[-1, member].item() for name, values in history.items()}
        if result.monitor not in last:
            raise ValueError(
                f"monitor={result.monitor!r} is no result of the training.{suggest(result.monitor, list(last))} "
                f"There are {sorted(last)}."
            )
        result.rows[row] = {**last, "epochs": stop}
        result._places[row] = (ensemble, member)

    def _ensemble(self, rows: list[int]) -> Ensemble:
        """An ensemble whose members are the points of some rows."""
        ensemble = Ensemble.__new__(Ensemble)
        ensemble.seeds = [int(self.points[row].get("seed", 0)) for row in rows]
        ensemble.bootstrap = False
        numbers = [self.structures[row][1] for row in rows]
        rates = [self.structures[row][2] for row in rows]
        differing = {name: [each[name] for each in numbers] for name in self.differing}
        make = [partial(self.maker, {n: v for n, v in self.points[row].items() if n != "seed"}) for row in rows]
        ensemble._start_of(make, Knobs(differing))
        if len(set(rates)) > 1:
            ensemble._start.rates = rates
        return ensemble

    def keep(self, wanted: set[int]) -> "_Group | None":
        """The group of those points alone that go on; None if there are none."""
        kept = _Group(self.maker, self.points, self.structures, [row for row in self.rows if row in wanted])
        kept.differing = self.differing  # although those that go on may agree in some
        for ensemble, rows in self.ensembles:
            members = [member for member, row in enumerate(rows) if row in wanted]
            if members:
                part = kept._ensemble([rows[member] for member in members])
                part._take_over(ensemble, members)
                kept.ensembles.append((part, [rows[member] for member in members]))
        return kept if kept.rows else None


def _survivors(groups: list[_Group], result: Sweep, halving: int, stop: int) -> list[_Group]:
    rows = [row for group in groups for row in group.rows]
    sign = -1.0 if result.larger else 1.0
    scores = {row: sign * result.rows[row][result.monitor] for row in rows}
    order = sorted(rows, key=lambda row: (np.isnan(scores[row]), scores[row]))
    wanted = set(order[: max(1, len(rows) // halving)])
    return [kept for group in groups if (kept := group.keep(wanted)) is not None]
