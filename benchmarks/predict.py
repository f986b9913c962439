"""`predict` and `evaluate`: calls on few rows, where the cost is the call, and on a million, where it is memory."""

import time

import numpy as np

from benchmarks import workloads
from benchmarks.harness import COLUMNS, KERAS, Row, answer, at_most, attempt, child, faster, interleave, log, scaled
from benchmarks.peers import learner

FEW, MANY, EVALUATED = (1, 1000), 1_000_000, 10_000
BATCH, LARGE_BATCH = 32, 1024  # Keras's default; one that lets a million rows finish
LOOK = {1: 100, 1000: 10}  # calls per sample


def rows(name, options):
    result = [row for model in ("tutorial", "mlp") for row in few(model, options)]
    return [*result, evaluated("mlp", options), *many("mlp", options)]


def warmed(column, workload, call):
    """`call(model)` as a function of nothing, after a first time; or the reason why it cannot be had."""

    def prepare():
        model = learner(column, workload)
        call(model)
        return lambda: call(model)

    return attempt(prepare, f"predict: {column}")


def few(name, options):
    workload = workloads.load(name)
    for count in FEW:
        x, _ = workload.data(np.random.default_rng(0), count)

        def call(model, x=x, calls=LOOK[count]):
            for _ in range(calls):
                model.predict(x, BATCH)

        log(f"predict: {name}, {count} rows")
        times = interleave({c: warmed(c, workload, call) for c in COLUMNS}, options.repeats)
        title = f"predict, {count} row{'s' * (count > 1)}, batch {BATCH}: {workload.TITLE.split(',')[0]}"
        yield Row(title, "ms per call", scaled(times, 1e3 / LOOK[count]), (faster(5, KERAS),))


def evaluated(name, options):
    workload = workloads.load(name)
    x, y = workload.data(np.random.default_rng(0), EVALUATED)
    log(f"predict: evaluate {name}")
    contenders = {c: warmed(c, workload, lambda model: model.evaluate(x, y, workload.BATCH)) for c in COLUMNS}
    times = interleave(contenders, options.repeats)
    title = f"evaluate, {EVALUATED:,} rows, batch {workload.BATCH}: {workload.TITLE.split(',')[0]}"
    return Row(title, "ms per call", scaled(times, 1e3))


def many(name, options):
    """Each library in a process of its own, so that the peak of its memory is its own."""
    title = workloads.load(name).TITLE.split(",")[0]
    count = options.rows or MANY
    seconds, megabytes = {}, {}
    for column in COLUMNS:
        log(f"predict: {count:,} rows: {column}")
        found = attempt(lambda column=column: child("benchmarks.predict", name, column, count)[0], column)
        if isinstance(found, str):
            seconds[column] = megabytes[column] = found
        else:
            seconds[column], megabytes[column] = [found["seconds"]], [found["megabytes"]]
    output = count * 10 * 4 / 2**20
    megabytes["the output"] = [output]
    note = f"the output alone is {output:.0f} MiB, the input {count * 784 * 4 / 2**20:,.0f} MiB"
    title = f"{count:,} rows, batch {LARGE_BATCH}: {title}"
    return [
        Row(f"predict, {title}", "s", seconds),
        Row(f"memory that predict adds, {title}", "MiB", megabytes, (at_most(2, "the output"),), [note]),
    ]


def measure(name, column, count):
    """Predict for `count` rows: the seconds, and by how much memory grew at its peak."""
    count = int(count)
    model = learner(column, workloads.load(name))
    model.predict(np.zeros((16 * LARGE_BATCH, 784), "float32"), LARGE_BATCH)  # enough to be read as a large array is
    x = np.zeros((count, 784), "float32")  # untouched pages: reading them takes no memory, copying them does
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak starts again from the memory in use (see proc(5))
    before = memory("VmRSS")
    start = time.perf_counter()
    outputs = model.predict(x, LARGE_BATCH)
    seconds = time.perf_counter() - start
    if outputs.shape != (count, 10):
        raise RuntimeError(f"{column} predicted {outputs.shape}")
    return {"seconds": seconds, "megabytes": memory("VmHWM") - before}


def memory(line):
    """This process's memory in MiB, now (`VmRSS`) or at its peak (`VmHWM`), as Linux tells it."""
    with open("/proc/self/status") as lines:
        return next(int(text.split()[1]) / 2**10 for text in lines if text.startswith(line))


if __name__ == "__main__":
    answer(measure)
