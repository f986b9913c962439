"""Find a learning rate for a model and its data, from the losses of some batches with a rising rate."""

import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.data import make_data
from jkeras.optimizers.from_optax import Wrapped
from jkeras.runtime.host_random import host_random_state, set_host_random_state
from jkeras.runtime.placement import copy_to_device
from jkeras.training.engine import Program
from jkeras.training.feed import Feed
from jkeras.training.stats import Stats

START = 0.15  # the part of the steps that only shows where the losses start
DIVERGED = 4.0  # times the loss at the start above the smallest one: what comes then is not looked at
SMALLEST_FALL = 1e-4  # of the losses, in parts of the first one: less is none


class LearningRates:
    """The results of `find_learning_rate`.

    Attributes:
        rates: the learning rates, a NumPy array.
        losses: the loss of the batch at each.
        smoothed: the losses without outliers and noise; NaN after they have diverged.
        suggestion: the rate at which the smoothed losses fall most steeply; None if they do not fall.
    """

    def __init__(self, rates: np.ndarray, losses: np.ndarray):
        self.rates, self.losses = rates, losses
        self.smoothed = smooth(losses)
        self.suggestion = suggest(rates, self.smoothed)

    def __repr__(self) -> str:
        suggestion = (
            "no suggestion: the loss does not fall" if self.suggestion is None else f"suggestion={self.suggestion:.3g}"
        )
        return f"<LearningRates {len(self.rates)} from {self.rates[0]:.3g} to {self.rates[-1]:.3g}, {suggestion}>"

    def plot(self) -> Any:
        """Draw the losses over the rates with matplotlib, with the suggestion marked. Returns the figure.

        Raises:
            ImportError: matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure  # optional, and slow to import
        except ImportError:
            raise ImportError(
                'LearningRates.plot() draws with matplotlib, which is not installed:\n    pip install "jkeras[plot]"'
            ) from None
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        axes.plot(self.rates, self.losses, ".", color="0.7", markersize=3, label="batches")
        axes.plot(self.rates, self.smoothed, label="smoothed")
        if self.suggestion is not None:
            axes.axvline(self.suggestion, color="k", linestyle=":", label=f"suggestion: {self.suggestion:.2g}")
        known = self.smoothed[np.isfinite(self.smoothed)]
        if known.size and np.ptp(known) > 0:
            axes.set_ylim(known.min() - 0.1 * np.ptp(known), known.max() + 0.1 * np.ptp(known))
        axes.set_xscale("log")
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss")
        axes.legend()
        if "ipykernel" in type(sys.stdout).__module__:
            from IPython.display import display  # a notebook has it

            display(figure)
        return figure


def find_learning_rate(
    model: Any,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    min_rate: float = 1e-6,
    max_rate: float = 10.0,
    steps: int = 200,
    shuffle: bool | str = True,
    sample_weight: Any = None,
    class_weight: dict | None = None,
) -> LearningRates:
    """Look for a learning rate: train for some steps while the rate rises exponentially, and see where the loss falls fastest.

    The steps are those that `fit` would run, in the compiled loop, which records the loss of every batch. They run on copies:
    weights, optimizer, metrics and random generators are the same afterwards, bit for bit. A model that is not built is built
    first. An iterator loses the batches that were read.

    Args:
        model: a compiled model.
        x, y, batch_size, shuffle, sample_weight, class_weight: as in `fit`. If the data ends, it is read again.
        min_rate, max_rate: the first and the last learning rate.
        steps: how many steps to run.

    Returns:
        A `LearningRates` with the losses, a suggestion and a plot. The suggestion is where the smoothed losses fall most
        steeply, among those that are lower than all before; so a spike, from which they come back, does not count. Give it to
        `OneCycle` as `max_learning_rate`, or, divided by 3 or more, to an optimizer.

    Raises:
        ValueError: the rates are not positive and rising, there are fewer than 10 steps, or the optimizer is optax's, which has no
            learning rate that could be set.

    Source: Smith 2015, arXiv:1506.01186.

    >>> import jkeras
    >>> jkeras.utils.set_random_seed(0)
    >>> model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x = np.random.default_rng(0).normal(size=(64, 3))
    >>> found = find_learning_rate(model, x, x.sum(1), batch_size=16)
    >>> 0.01 < found.suggestion < 1
    True
    """
    compiled = model._require_compiled("find_learning_rate")
    if not 0 < min_rate < max_rate:
        raise ValueError(f"The rates must be positive and rise: got min_rate={min_rate!r}, max_rate={max_rate!r}.")
    if steps < 10:
        raise ValueError(f"find_learning_rate needs at least 10 steps, got steps={steps!r}.")
    data = make_data(
        x, y, sample_weight, batch_size, None, shuffle, class_weight, compiled.class_axis, model._arrange_inputs,  # type: ignore[arg-type]
        stage=model._trained_stage(),
    )  # fmt: skip
    plan = model._ready(compiled, data, shuffle)
    if all(rate is None for rate in rates_of(plan.read().opt_state)) and isinstance(compiled.optimizer, Wrapped):
        raise ValueError(
            f"find_learning_rate sets the optimizer's learning rate, and that of {compiled.optimizer.name!r} is inside an optax "
            "transformation. Make it with optax.inject_hyperparams, or compile the model with an optimizer of jkeras."
        )
    rates = np.geomspace(min_rate, max_rate, steps)
    before = host_random_state()
    try:
        losses = plan.run(model, lambda: _ramp(plan, data, shuffle, rates))
    finally:
        set_host_random_state(before)
    return LearningRates(rates[: len(losses)], losses)


def _ramp(plan: Any, data: Any, shuffle: Any, rates: np.ndarray) -> np.ndarray:
    """The loss of each step, with the rates set one after another."""
    train = plan.train

    def step(fixed: Any, carry: tuple, batch: Any) -> tuple:
        ts, number = carry
        own = rates_of(ts.opt_state)
        rate = fixed[number].astype(own[0].dtype if own[0] is not None else fixed.dtype)
        ts, seen = train.step((), ts._replace(opt_state=with_rates(ts.opt_state, [rate] * len(own))), batch)
        loss = seen if train.results is not None else seen[0]
        return (ts._replace(opt_state=with_rates(ts.opt_state, own)), number + 1), loss

    program = Program(step, lambda fixed, carry: {}, plan.compiled.jit, record=True)
    feed, fixed = Feed(data, Stats()), jnp.asarray(rates, "float32")
    start = plan.read()._replace(metrics=plan.fresh_metrics)
    first = start, jnp.int32(0)
    carry = copy_to_device(first)
    losses: list[float] = []
    while len(losses) < len(rates):
        done = len(losses)
        segments = feed.segments(program, shuffle, None, lambda: (fixed, first))
        for segment in segments:
            lo = 0
            while lo < segment.steps and len(losses) < len(rates):
                left = min(segment.steps - lo, len(rates) - len(losses))
                hi = lo + program.pace(left, left)
                carry, results = segment.run(program, fixed, carry, lo, hi)
                losses += [row["batch_loss"] for row in program.fetch(results, hi - lo).recorded or ()]
                lo = hi
            if len(losses) == len(rates):
                segments.close()  # type: ignore[attr-defined]
                break
        data.end_epoch()
        if getattr(data, "one_pass", False) or len(losses) == done:  # an iterator cannot be read again
            break
    return np.asarray(losses)


def rates_of(state: Any) -> list:
    """All learning rates in an optimizer's state, those of optimizers inside of another one as well; None for a schedule's."""
    leaves, _, places = _with_places(state)
    return [leaves[place] for place in places]


def with_rates(state: Any, rates: list) -> Any:
    """The state with other learning rates; one that is set takes the place of a schedule."""
    leaves, structure, places = _with_places(state)
    for place, rate in zip(places, rates, strict=True):
        leaves[place] = rate
    return jax.tree.unflatten(structure, leaves)


def _with_places(state: Any) -> tuple[list, Any, list[int]]:
    found, structure = jax.tree_util.tree_flatten_with_path(state, is_leaf=lambda leaf: leaf is None)
    names = [getattr(path[-1], "name", getattr(path[-1], "key", None)) if path else None for path, _ in found]
    return [leaf for _, leaf in found], structure, [i for i, name in enumerate(names) if name == "learning_rate"]


def smooth(losses: np.ndarray) -> np.ndarray:
    """Losses without outliers (by a running median) and noise (by a running mean with a Gaussian's weights).

    Each window is a few percent of the steps. After the losses have diverged, or are not finite any more, it is NaN.

    >>> smooth(np.array([3.0, 3.0, 90.0, 3.0, 3.0, 3.0]))
    array([3., 3., 3., 3., 3., 3.])
    """
    count = len(losses)
    finite = np.isfinite(losses)
    known = count if finite.all() else int(np.argmin(finite))
    half = max(1, count // 40)
    smoothed = np.full(count, np.nan)
    if not known:
        return smoothed
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(losses[:known], half, "edge"), 2 * half + 1)
    weights = np.exp(-0.5 * (np.arange(-3 * half, 3 * half + 1) / half) ** 2)
    padded = np.pad(np.median(windows, axis=1), 3 * half, "edge")
    found = np.convolve(padded, weights / weights.sum(), "valid")
    lowest = int(np.argmin(found))
    over = np.flatnonzero(found[lowest:] - found[lowest] > DIVERGED * np.abs(found[: lowest + 1]).max())
    end = lowest + over[0] if over.size else known
    smoothed[:end] = found[:end]
    return smoothed


def suggest(rates: np.ndarray, smoothed: np.ndarray) -> float | None:
    """The rate at which the lowest loss so far falls most steeply, over the logarithm of the rate; None if it does not fall.

    >>> rates = np.geomspace(1e-4, 1, 41)
    >>> round(suggest(rates, 1 / (1 + (rates / 0.01) ** 2)), 4)
    0.01
    """
    found = smoothed[np.isfinite(smoothed)]
    if len(found) < 2:
        return None
    lowest = np.minimum.accumulate(found)
    start = max(1, int(len(smoothed) * START))
    lowest[:start] = lowest[min(start, len(lowest)) - 1]
    if lowest[0] - lowest[-1] < SMALLEST_FALL * abs(lowest[0]):
        return None
    slopes = np.gradient(lowest, np.log(rates[: len(found)]))
    return float(rates[int(np.argmin(slopes))])
