"""From the start of a process to its first trained epoch: imports, the device, building, tracing and compiling."""

import tempfile

import numpy as np

from benchmarks import workloads
from benchmarks.harness import COLUMNS, JKERAS, KERAS_MANY, LOOP, SCAN, Row, answer, at_most, attempt, child, log
from benchmarks.peers import learner

MODELS = {"tutorial": 3, "resnet": 2}  # and how often, at most: a start takes seconds
AGAIN = ("resnet", "lstm", "transformer")
FIRST = "jkeras's first start"


def rows(name, options):
    result = [
        started(model, options.steps or workloads.load(model).STEPS, min(options.repeats, turns))
        for model, turns in MODELS.items()
    ]
    return result + [
        started_again(model, options.steps or workloads.load(model).STEPS, min(options.repeats, 3)) for model in AGAIN
    ]


def started(model, steps, turns):
    times = {column: [] for column in COLUMNS if column != KERAS_MANY}
    for turn in range(turns):
        for column, samples in times.items():
            if not isinstance(samples, list):
                continue
            log(f"start: {model}: {column}, {turn + 1}")
            outcome = attempt(lambda column=column: child("benchmarks.start", model, column, steps), column)
            failed = outcome if isinstance(outcome, str) else outcome[0]
            times[column] = failed or [*samples, outcome[1]]
    title = f"process start to the first epoch of {steps} steps: {workloads.short(workloads.load(model))}"
    return Row(title, "s", times, (at_most(1.2, SCAN, LOOP),))


def started_again(model, steps, turns):
    """With programs kept on disk: the second start beside the first, which fills the directory."""
    times = {JKERAS: [], FIRST: []}
    for turn in range(turns):
        with tempfile.TemporaryDirectory() as folder:
            kept = {"JKERAS_COMPILATION_CACHE": folder, "JAX_ENABLE_COMPILATION_CACHE": "true"}
            for column in (FIRST, JKERAS):
                log(f"start: {model}: {column}, {turn + 1}")
                outcome = attempt(lambda: child("benchmarks.start", model, JKERAS, steps, environment=kept), column)  # noqa: B023
                failed = outcome if isinstance(outcome, str) else outcome[0]
                if isinstance(times[column], list):
                    times[column] = failed or [*times[column], outcome[1]]
    title = f"process start to the first epoch of {steps} steps, second start: {workloads.short(workloads.load(model))}"
    return Row(title, "s", times, (at_most(0.6, FIRST),), ["programs kept on disk (JKERAS_COMPILATION_CACHE)"])


def measure(model, column, steps):
    workload = workloads.load(model)
    x, y = workload.data(np.random.default_rng(0), int(steps) * workload.BATCH)
    learner(column, workload).fit(x, y, 1)
    return ""  # nothing went wrong


if __name__ == "__main__":
    answer(measure)
