"""`predict` and `evaluate`: calls on few rows, where the cost is the call, and on a million, where it is memory."""

import sys
import time

import numpy as np

from benchmarks import workloads
from benchmarks.harness import (
    COLUMNS,
    JKERAS,
    KERAS,
    SCAN,
    Row,
    answer,
    at_most,
    attempt,
    child,
    faster,
    interleave,
    log,
    play,
    players,
    scaled,
)
from benchmarks.peers import learner

FEW, MANY, EVALUATED = (1, 1000), 1_000_000, 10_000
BATCH, LARGE_BATCH = 32, 1024  # Keras's default; one that lets a million rows finish
LOOK = {1: 100, 1000: 10}  # calls per sample


def rows(name, options):
    result = [row for model in ("tutorial", "mlp") for row in few(model, options)]
    result += [unsized(model, options) for model in ("tutorial", "mlp")]
    result += [called(model, options) for model in ("tutorial", "mlp")]
    return [*result, evaluated("mlp", options), *many("mlp", options)]


def few(name, options):
    title = workloads.short(workloads.load(name))
    for count in FEW:
        log(f"predict: {name}, {count} rows")
        times = scaled(in_turns("predict", name, count, options), 1e3 / LOOK[count])
        yield Row(
            f"predict, {count} row{'s' * (count > 1)}, batch {BATCH}: {title}", "ms per call", times, (faster(5, KERAS),)
        )


def unsized(name, options):
    """Without a batch size: what the library chooses."""
    log(f"predict: {name}, {FEW[-1]} rows, no batch size")
    columns = (JKERAS, SCAN, KERAS)
    times = scaled(in_turns("choose", name, FEW[-1], options, columns), 1e3 / LOOK[FEW[-1]])
    title = f"predict, {FEW[-1]} rows, no batch size: {workloads.short(workloads.load(name))}"
    return Row(title, "ms per call", times, (at_most(1.15, SCAN), faster(1, KERAS)))


def called(name, options):
    """`model(x)`: the layers run operation by operation, outside of any compiled program."""
    log(f"predict: {name}, model(x)")
    times = scaled(in_turns("call", name, 1, options, (JKERAS, SCAN, KERAS)), 1e3 / LOOK[1])
    title = f"model(x), 1 row: {workloads.short(workloads.load(name))}"
    note = f"{SCAN}: one compiled call"
    return Row(title, "ms per call", times, (at_most(1.5, SCAN), faster(1, KERAS)), [note])


def evaluated(name, options):
    workload = workloads.load(name)
    log(f"predict: evaluate {name}")
    times = scaled(in_turns("evaluate", name, EVALUATED, options), 1e3)
    title = f"evaluate, {EVALUATED:,} rows, batch {workload.BATCH}: {workloads.short(workload)}"
    return Row(title, "ms per call", times)


def in_turns(method, name, count, options, columns=COLUMNS):
    arguments = {column: ("benchmarks.predict", method, name, column, count) for column in columns}
    with players(arguments) as contenders:
        return interleave(contenders, options.repeats)


def prepare(method, name, column, count):
    """Calls of a compiled `predict` or `evaluate`, in a player's process."""
    workload, count = workloads.load(name), int(count)
    x, y = workload.data(np.random.default_rng(0), count)
    model = learner(column, workload)

    def task():
        for _ in range(LOOK.get(count, 1)):
            if method == "call" and column != SCAN:
                model.call(x)
            elif method in ("predict", "choose", "call"):
                model.predict(x, None if method == "choose" and column != SCAN else BATCH)
            else:
                model.evaluate(x, y, workload.BATCH)

    task()  # compiles
    return task


def many(name, options):
    """Each library in a process of its own, so that the peak of its memory is its own."""
    title = workloads.short(workloads.load(name))
    count = options.rows or MANY
    seconds, megabytes = {}, {}
    for column in COLUMNS:
        log(f"predict: {count:,} rows: {column}")
        found = attempt(lambda column=column: child("benchmarks.predict", "memory", name, column, count)[0], column)
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


def measure(_, name, column, count):
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
    answer(measure) if sys.argv[1] == "memory" else play(prepare)
