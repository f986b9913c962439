"""What a library's own Python costs for a deep model: building it and tracing its first step, XLA's part left out."""

import time

import numpy as np

from benchmarks import workloads
from benchmarks.harness import COLUMNS, KERAS_MANY, Row, answer, attempt, child, compilations, log
from benchmarks.peers import learner


def rows(name, options):
    workload = workloads.load("deep")
    times = {column: [] for column in COLUMNS if column != KERAS_MANY}
    for turn in range(min(options.repeats, 2)):
        for column, samples in times.items():
            if not isinstance(samples, list):
                continue
            log(f"depth: {column}, {turn + 1}")
            found = attempt(lambda column=column: child("benchmarks.depth", column)[0], column)
            times[column] = found if isinstance(found, str) else [*samples, found]
    note = "the time from the constructor to the end of the first step, less that of XLA's compilations (none in PyTorch)"
    return [Row(workload.TITLE, "s", times, workload.GOALS, [note])]


def measure(column):
    """Seconds, in a process whose library is imported and has trained another model before."""
    deep, other = workloads.load("deep"), workloads.load("tutorial")
    rng = np.random.default_rng(0)
    learner(column, other).fit(*other.data(rng, other.BATCH), 1)
    x, y = deep.data(rng, deep.BATCH)
    with compilations() as seconds:
        start = time.perf_counter()
        learner(column, deep).fit(x, y, 1)
        elapsed = time.perf_counter() - start
    return elapsed - sum(seconds)


if __name__ == "__main__":
    answer(measure)
