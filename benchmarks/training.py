"""Training: milliseconds per step of whole `fit` calls, once everything is compiled and warm."""

import json

import numpy as np

from benchmarks import workloads
from benchmarks.harness import COLUMNS, CORES, KERAS_MANY, TORCH, Row, interleave, log, play, players, scaled
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
    settings = {column: choices(column, steps) for column in COLUMNS}
    arguments = {
        (column, i): ("benchmarks.training", name, column, steps, json.dumps(setting))
        for column in COLUMNS
        for i, setting in enumerate(settings[column])
    }
    notes = [f"{steps} steps an epoch, {workload.EPOCHS} epochs a fit"]
    with players(arguments) as candidates:
        contenders = {}
        for column in COLUMNS:
            able = [candidates[column, i] for i in range(len(settings[column]))]
            chosen = fastest(able) if len(able) > 1 else 0
            contenders[column] = able[chosen]
            if callable(able[chosen]):
                notes += [f"{column}: {key} {value}" for key, value in settings[column][chosen].items()]
        times = scaled(interleave(contenders, options.repeats), 1e3 / (steps * workload.EPOCHS))
    return [Row(workload.TITLE, "ms per step", times, workload.GOALS, ["; ".join(notes)])]


def prepare(name, column, steps, setting):
    """A `fit` that has been compiled, in a player's process."""
    workload = workloads.load(name)
    x, y = workload.data(np.random.default_rng(0), int(steps) * workload.BATCH)
    model = learner(column, workload, **json.loads(setting))
    for _ in range(2):  # compiles, and learns how many steps a call should run
        loss = model.fit(x, y, workload.EPOCHS)
    log(f"{name}: {column} {setting}: loss {loss:.3f} after two fits")
    return lambda: model.fit(x, y, workload.EPOCHS) and None


def fastest(candidates):
    """The number of the fastest function by two rounds; the first if none can be timed."""
    times = interleave(dict(enumerate(candidates)), 2)
    return min(times, key=lambda i: min(times[i]) if isinstance(times[i], list) else float("inf"))


if __name__ == "__main__":
    play(prepare)
