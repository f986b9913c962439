"""What callbacks add to `fit`: runs with and without them take turns, in one process, once everything is compiled and warm."""

import glob
import os
import shutil
import statistics
import tempfile

import numpy as np

from benchmarks import workloads
from benchmarks.harness import JKERAS, KERAS, Row, at_most, attempt, interleave, log, number

ALONE = "jkeras without"
TUTORIAL_ROWS, TUTORIAL_EPOCHS = 1000, 50
MLP_EPOCHS = 4


def rows(name, options):
    with tempfile.TemporaryDirectory() as folder:
        return [*tutorial(folder, options), *mlp(folder, options)]


def fitter(library, workload, rows, epochs, callbacks):
    """A `fit` that is warm, with new callbacks each time."""
    from benchmarks.peers.keras_like import Learner

    learner = Learner(workload, library)
    x, y = workload.data(np.random.default_rng(0), rows)

    def fit():
        learner.model.fit(x, y, batch_size=workload.BATCH, epochs=epochs, verbose=0, callbacks=callbacks())

    for _ in range(2):
        fit()
    return fit


def tutorial(folder, options):
    import jkeras

    kit, workload = jkeras.callbacks, workloads.load("tutorial")
    epochs, steps = TUTORIAL_EPOCHS, TUTORIAL_ROWS // workload.BATCH
    files = lambda: shutil.rmtree(f"{folder}/files", ignore_errors=True) or f"{folder}/files/{{epoch}}-{{batch}}.keras"  # noqa: E731

    def few():
        log_to = f"{folder}/log.csv"
        return [
            kit.EarlyStopping("loss", patience=epochs),
            kit.CSVLogger(log_to),
            kit.TerminateOnNaN(),
            kit.TensorBoard(folder),
        ]

    choices = {
        ALONE: list,
        "few": few,
        "files": lambda: [kit.ModelCheckpoint(files(), save_freq=500)],
        "batches": lambda: [kit.TensorBoard(folder, update_freq="batch")],
    }
    contenders = {}
    for choice, callbacks in choices.items():
        log(f"callbacks: tutorial: {choice}")
        contenders[choice] = attempt(
            lambda callbacks=callbacks: fitter("jkeras", workload, TUTORIAL_ROWS, epochs, callbacks), choice
        )
    times = interleave(contenders, options.repeats)
    saved = len(glob.glob(f"{folder}/files/*"))
    few_of_keras = keras_beside(folder, workload, options)
    what = {
        "few": ("EarlyStopping, CSVLogger, TerminateOnNaN, TensorBoard add", "ms an epoch", 1e3 / epochs, 1),
        "files": ("ModelCheckpoint(save_freq=500) adds", "ms a file", 1e3 / max(1, saved), 10),
        "batches": ('TensorBoard(update_freq="batch") adds', "us a batch", 1e6 / (epochs * steps), 60),
    }
    found = []
    for choice, (who, unit, factor, limit) in what.items():
        title = f"tutorial, {epochs} epochs of {steps} steps: {who}"
        found.append(added(title, unit, times, choice, factor, limit, few_of_keras if choice == "few" else None))
    return found


def keras_beside(folder, workload, options):
    """What three of the callbacks add to Keras's epochs, in seconds; its TensorBoard needs TensorFlow."""

    def both():
        import keras

        kit, epochs = keras.callbacks, 5
        three = lambda: [kit.EarlyStopping("loss", patience=epochs), kit.CSVLogger(f"{folder}/k.csv"), kit.TerminateOnNaN()]  # noqa: E731
        pair = {
            name: fitter("keras", workload, TUTORIAL_ROWS, epochs, made)
            for name, made in (("without", list), ("with", three))
        }
        times = interleave(pair, min(3, options.repeats))
        return [(a - b) / epochs for a, b in zip(times["with"], times["without"], strict=True)]

    return attempt(both, "callbacks: Keras")


def added(title, unit, times, choice, factor, limit, keras=None):
    """A row of differences between two runs of the same round."""
    if not (isinstance(times[choice], list) and isinstance(times[ALONE], list)):
        return Row(title, unit, {JKERAS: times[choice]})
    more = [(a - b) * factor for a, b in zip(times[choice], times[ALONE], strict=True)]
    reached = statistics.median(more)
    found = {JKERAS: more} | (
        {} if keras is None else {KERAS: keras if isinstance(keras, str) else [t * 1e3 for t in keras]}
    )
    notes = [f"goal: at most {limit} {unit}; reached {number(reached)} {'✓' if reached <= limit else '✗'}"]
    notes += ["Keras without TensorBoard, which needs TensorFlow"] if keras is not None else []
    return Row(title, unit, found, (), notes)


def mlp(folder, options):
    import jkeras

    kit, workload = jkeras.callbacks, workloads.load("mlp")
    steps = 500
    epochs = MLP_EPOCHS

    def everything():
        return [
            *(kit.EarlyStopping("loss", patience=epochs), kit.CSVLogger(f"{folder}/log.csv"), kit.TerminateOnNaN()),
            *(kit.TensorBoard(folder, update_freq="batch"), kit.ModelCheckpoint(f"{folder}/last.keras")),
        ]

    choices = {
        ALONE: list,
        "all": everything,
        "backup": lambda: [kit.BackupAndRestore(f"{folder}/backup", save_freq=100)],
    }
    contenders = {}
    for choice, callbacks in choices.items():
        log(f"callbacks: mlp: {choice}")
        made = lambda callbacks=callbacks: fitter("jkeras", workload, steps * workload.BATCH, epochs, callbacks)  # noqa: E731
        contenders[choice] = attempt(made, choice)
    times = interleave(contenders, options.repeats, patience=120)
    title = f"MLP 784-512-512-10, {epochs} epochs of {steps} steps, with"
    each = lambda choice: {JKERAS: times[choice], ALONE: times[ALONE]}  # noqa: E731
    size = os.path.getsize(f"{folder}/last.keras") / 2**20 if os.path.exists(f"{folder}/last.keras") else 0
    note = f"a checkpoint of the model has {size:.1f} MiB"
    return [
        Row(f"{title} all of these and a checkpoint each epoch", "s", each("all"), (at_most(1.1, ALONE),), [note]),
        Row(f"{title} BackupAndRestore(save_freq=100)", "s", each("backup"), (at_most(1.05, ALONE),)),
    ]
