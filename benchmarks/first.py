"""The first `fit` of a model less the same `fit` once more: building, tracing and compiling, as somebody who waits for it sees it."""

import statistics
import time

import numpy as np

from benchmarks import workloads
from benchmarks.harness import JKERAS, KERAS, Row, answer, at_most, attempt, child, log
from benchmarks.peers import learner

STEPS, AGAIN = 4, 3
HALF = ("cnn", "resnet")  # where convolutions are compiled


def rows(name, options):
    return [waited(model, min(options.repeats, 3)) for model in workloads.TRAINING]


def waited(model, turns):
    times = {JKERAS: [], KERAS: []}
    for turn in range(turns):
        for column, samples in times.items():
            if isinstance(samples, list):
                log(f"first: {model}: {column}, {turn + 1}")
                outcome = attempt(lambda column=column: child("benchmarks.first", model, column)[0], column)
                times[column] = outcome if isinstance(outcome, str) else [*samples, outcome["seconds"]]
    title = f"first fit less the second, {STEPS} steps: {workloads.short(workloads.load(model))}"
    return Row(title, "s", times, (at_most(0.5 if model in HALF else 1, KERAS),))


def measure(model, column):
    workload = workloads.load(model)
    x, y = workload.data(np.random.default_rng(0), STEPS * workload.BATCH)
    learner(
        column, workloads.load("tutorial" if model != "tutorial" else "mlp")
    )  # the library's own start is not what is asked
    made = learner(column, workload)
    seconds = []
    for _ in range(1 + AGAIN):
        start = time.perf_counter()
        made.fit(x, y, 1)
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds[0] - statistics.median(seconds[1:])}


if __name__ == "__main__":
    answer(measure)
