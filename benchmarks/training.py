"""Training: milliseconds per step of whole `fit` calls, once everything is compiled and warm."""

import numpy as np

from benchmarks import workloads
from benchmarks.harness import COLUMNS, CORES, KERAS_MANY, TORCH, Row, attempt, interleave, log, scaled
from benchmarks.peers import learner


def choices(column, steps):
    """The settings that a library leaves to its user: the fastest of them in two rounds is the one that competes."""
    if column == KERAS_MANY:
        return [{"steps_per_execution": k} for k in sorted({min(k, steps) for k in (8, 32, 128)})]
    if column == TORCH:
        return [{"threads": k} for k in sorted({1, CORES})]  # small models lose by a second thread
    return [{}]


def rows(name, options):
    workload = workloads.load(name)
    steps = options.steps or workload.STEPS
    x, y = workload.data(np.random.default_rng(0), steps * workload.BATCH)

    def warmed(column, **arguments):
        def prepare():
            model = learner(column, workload, **arguments)
            loss = model.fit(x, y, workload.EPOCHS)  # compiles
            log(f"{name}: {column}: loss {loss:.3f} after the first fit")
            return lambda: model.fit(x, y, workload.EPOCHS)

        return attempt(prepare, f"{name}: {column}")

    contenders, notes = {}, [f"{steps} steps an epoch, {workload.EPOCHS} epochs a fit"]
    for column in COLUMNS:
        settings = choices(column, steps)
        candidates = [warmed(column, **setting) for setting in settings]
        chosen = fastest(candidates) if len(candidates) > 1 else 0
        contenders[column] = candidates[chosen]
        if callable(candidates[chosen]):
            notes += [f"{column}: {name} {value}" for name, value in settings[chosen].items()]
    times = scaled(interleave(contenders, options.repeats), 1e3 / (steps * workload.EPOCHS))
    return [Row(workload.TITLE, "ms per step", times, workload.GOALS, ["; ".join(notes)])]


def fastest(candidates):
    """The number of the fastest function by two rounds; the first if none can be timed."""
    times = interleave(dict(enumerate(candidates)), 2)
    return min(times, key=lambda i: min(times[i]) if isinstance(times[i], list) else float("inf"))
