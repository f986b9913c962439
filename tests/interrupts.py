"""An interrupt at one line that is executed inside the library, for tests that try many of them.

A *scenario* prepares something, acts, and checks afterwards. `sweep` runs it again and again; each time another line of the
action is interrupted.
"""

import os
import signal
import sys

import numpy as np

import jkeras
from jkeras import layers

LIBRARY = os.path.dirname(os.path.abspath(jkeras.__file__)) + os.sep
SAMPLES, BATCH = 12, 4
x = np.random.default_rng(0).normal(size=(SAMPLES, 3)).astype("float32")
y = np.random.default_rng(1).normal(size=(SAMPLES, 1)).astype("float32")


class Interrupter:
    """Within the block, `error` is raised at the n-th line inside the library, as Ctrl-C would if it is KeyboardInterrupt.

    With n = None nothing is raised, and `first` says at which n each line comes first: `{line: n}`.
    """

    def __init__(self, n=None, error=KeyboardInterrupt):
        self.n, self.error, self.count, self.where, self.first = n, error, 0, None, {}

    def __enter__(self):
        sys.settrace(self._call)
        return self

    def __exit__(self, *exception):
        sys.settrace(None)

    def _call(self, frame, event, argument):
        return self._line if frame.f_code.co_filename.startswith(LIBRARY) else None

    def _line(self, frame, event, argument):
        if event != "line":
            return self._line
        self.count += 1
        if self.n is None:
            self.first.setdefault(_place(frame), self.count)
        elif self.count >= self.n and self.where is None:
            held_back = signal.getsignal(signal.SIGINT) is not signal.default_int_handler
            if self.error is KeyboardInterrupt:
                self.where = _place(frame)
                signal.raise_signal(signal.SIGINT)
            elif not held_back:  # between the end of a step and the taking of its results there is nothing to go back to
                self.where = _place(frame)
                raise self.error("for a test")
        return self._line


def _place(frame):
    return f"{frame.f_code.co_filename.removeprefix(LIBRARY)}:{frame.f_lineno}"


def lines(scenario):
    """`{line: n}`: all lines of the library that a scenario executes, and at which n each comes first."""
    for _ in range(2):  # the first one compiles
        prepared = scenario.prepare()
        with Interrupter() as whole:
            scenario.act(prepared)
        scenario.check(prepared, None)
    return whole.first


def interrupt(scenario, n, error=KeyboardInterrupt):
    """Run a scenario with an interrupt at the n-th line; returns `(the line, what is wrong or None)`."""
    prepared = scenario.prepare()
    caught = None
    with Interrupter(n, error) as interrupter:
        try:
            scenario.act(prepared)
        except BaseException as raised:
            caught = raised
    inner = caught
    while inner is not None and not isinstance(inner, error):  # some errors are told with the file's name
        inner = inner.__cause__
    try:
        assert caught is None or inner is not None, f"it ends with {caught!r}"
        scenario.check(prepared, caught)
    except Exception as problem:
        return interrupter.where, f"{interrupter.where}: {type(problem).__name__}: {str(problem)[:300]}"
    return interrupter.where, None


def sweep(scenario, start=0, error=KeyboardInterrupt, most=None):
    """Run a scenario with an interrupt at each line of the library that it executes, at its first execution.

    `most` says how many interrupts are spread over the lines, from the one with the number `start`; None means all.
    Returns `(how many interrupts, how many lines, the failures as texts)`.
    """
    numbers = list(lines(scenario).values())
    stride = max(1, len(numbers) // most) if most else 1
    chosen = numbers[start % stride :: stride]
    problems = [interrupt(scenario, n, error)[1] for n in chosen]
    return len(chosen), len(numbers), [problem for problem in problems if problem]


VALUES = [np.random.default_rng(2).normal(size=shape).astype("float32") * 0.5 for shape in ((3, 4), (4,), (4, 1), (1,))]


def stack(unbuilt=False):
    return jkeras.Sequential(
        [
            *([] if unbuilt else [jkeras.Input((3,))]),
            layers.Dense(4, name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.2, seed=1, name="drop"),
            layers.Dense(1, name="last"),
        ]
    )


class Mine(jkeras.Model):
    """A subclassed model, built by its first call."""

    def __init__(self):
        super().__init__()
        self.blocks = [layers.Dense(4), layers.Dense(1)]

    def call(self, inputs):
        for block in self.blocks:
            inputs = block(inputs)
        return inputs


def start(model):
    """Give a model the weights that all runs start from."""
    model.get_layer("first").set_weights(VALUES[:2])
    model.get_layer("last").set_weights(VALUES[2:])
    return model


def compiled(model=None):
    model = start(stack()) if model is None else model
    model.compile("adam", "mse", metrics=["mae"])
    return model


def state(model):
    return [np.asarray(w) for w in (*model.weights, *model.optimizer.variables)]


def fit(model, **options):
    model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, **options)


def equal(a, b):
    return len(a) == len(b) and all(p.shape == q.shape and np.allclose(p, q, rtol=1e-5, atol=1e-7) for p, q in zip(a, b))


class Fit:
    """`fit`, the first one or a later one; afterwards the state is that of a step's end."""

    def __init__(self, earlier=0, **options):
        self.earlier, self.options = earlier, options
        self._states = None

    def prepare(self):
        model = compiled()
        for _ in range(self.earlier):
            fit(model)
        return model

    def act(self, model):
        fit(model, **self.options)

    def states(self):
        if self._states is None:
            model, found = self.prepare(), []
            fit(
                model,
                epochs=1,
                callbacks=[jkeras.callbacks.LambdaCallback(on_train_batch_end=lambda *_: found.append(state(model)))],
            )
            self._states = found
        return self._states

    def check(self, model, caught):
        weights, before = [np.asarray(w) for w in model.weights], self.prepare()
        allowed = [[np.asarray(w) for w in before.weights], *(s[: len(weights)] for s in self.states())]
        steps = [k for k, s in enumerate(allowed) if equal(weights, s)]
        assert steps, "the weights are those of no step"
        if caught is None:
            assert steps == [len(allowed) - 1]
        iterations = int(model.optimizer.iterations)
        assert iterations == steps[0] + self.earlier * SAMPLES // BATCH, (iterations, steps)
        if model.optimizer.built and steps[0]:
            assert equal(state(model), self.states()[steps[0] - 1]), "the optimizer is of another step"
        fit(model)
        assert int(model.optimizer.iterations) == iterations + 3
        assert all(np.isfinite(w).all() for w in state(model))


class Build:
    """A model is built, by `build` or by a call; afterwards it is built, or as it was, and can be built and trained."""

    def __init__(self, make, how):
        self.make, self.how = make, how

    def prepare(self):
        return self.make()

    def act(self, model):
        self.how(model)

    def check(self, model, caught):
        if model.built and not isinstance(model, Mine):
            assert len(model.weights) == 8
        compiled(model)
        fit(model)
        assert len(model.weights) == (4 if isinstance(model, Mine) else 8)
        assert int(model.optimizer.iterations) == 3
        assert model.predict(x, verbose=0).shape == (SAMPLES, 1)


class Compile:
    """`compile`, a second time on a model that was trained."""

    def prepare(self):
        model = compiled()
        fit(model)
        return model, [np.asarray(w) for w in model.weights]

    def act(self, prepared):
        prepared[0].compile("sgd", "mae")

    def check(self, prepared, caught):
        model, before = prepared
        assert equal([np.asarray(w) for w in model.weights], before)
        fit(model)
        model.compile("sgd", "mae")
        fit(model)
        assert int(model.optimizer.iterations) == 3


class Reading:
    """What leaves the weights as they are: `evaluate`, `predict`."""

    def __init__(self, act):
        self._act, self.expected = act, None

    def prepare(self):
        model = compiled()
        fit(model)
        return model

    def act(self, model):
        self._act(model)

    def check(self, model, caught):
        before = state(self.prepare())
        assert equal(state(model), before)
        if self.expected is None:
            self.expected = np.asarray(self._act(self.prepare()))
        np.testing.assert_allclose(np.asarray(self._act(model)), self.expected, rtol=1e-5)
        fit(model)
        assert int(model.optimizer.iterations) == 6


class Writing:
    """What sets all weights: afterwards all are set, or none."""

    def __init__(self, folder, how):
        self.path, self.how = os.path.join(folder, f"{how}.weights.h5" if how != "keras" else "m.keras"), how
        source = compiled()
        fit(source, epochs=3)
        source.save(self.path) if how == "keras" else source.save_weights(self.path)
        self.after = state(source)

    def prepare(self):
        model = compiled()
        fit(model)
        return model, state(model)

    def act(self, prepared):
        model, before = prepared
        if self.how == "set_weights":
            model.set_weights(self.after[: len(model.weights)])
        elif self.how == "optimizer":
            model.optimizer.set_weights(self.after[len(model.weights) :])
        else:
            model.load_weights(self.path)

    def check(self, prepared, caught):
        model, before = prepared
        count, now = len(model.weights), state(model)
        parts = {"set_weights": [slice(0, count)], "optimizer": [slice(count, None)]}.get(self.how, [slice(0, None)])
        for part in parts:
            assert equal(now[part], before[part]) or equal(now[part], self.after[part]), "only some were set"
            if caught is None:
                assert equal(now[part], self.after[part])
        fit(model)
        assert all(np.isfinite(w).all() for w in state(model))


class Saving:
    """`save` over an older file: the older one, or the new one, is there, whole, and after the next save nothing else."""

    def __init__(self, folder, name):
        self.folder, self.name, self.path = folder, name, os.path.join(folder, name)
        self.old, self.new = compiled(), compiled()
        fit(self.old)
        fit(self.new, epochs=2)

    def write(self, model):
        if self.name.endswith(".weights.h5"):
            model.save_weights(self.path)
        else:
            model.save(self.path, zipped=None if "." in self.name else False)

    def prepare(self):
        self.write(self.old)

    def act(self, _):
        self.write(self.new)

    def check(self, _, caught):
        if self.name.endswith(".weights.h5"):
            again = compiled()
            fit(again)
            again.load_weights(self.path)
        else:
            again = jkeras.models.load_model(self.path)
        found = state(again)
        assert equal(found, state(self.new)) or (caught is not None and equal(found, state(self.old)))
        assert equal(state(self.new), state(self.new))
        self.write(self.new)
        assert os.listdir(self.folder) == [self.name], os.listdir(self.folder)


class Backup(Fit):
    """`fit` with `BackupAndRestore`: a new model goes on from the file, to the same weights."""

    def __init__(self, folder):
        super().__init__()
        self.folder, self.number = folder, 0

    def prepare(self):
        self.number += 1
        self.where = os.path.join(self.folder, str(self.number))
        return compiled()

    def callback(self):
        return jkeras.callbacks.BackupAndRestore(self.where, save_freq=1)

    def act(self, model):
        fit(model, epochs=2, callbacks=[self.callback()])

    def check(self, model, caught):
        if self._states is None:
            reference = compiled()
            fit(reference, epochs=2)
            self._states = state(reference)
        if caught is not None:
            again = compiled()
            fit(again, epochs=2, callbacks=[self.callback()])
            assert equal(state(again), self._states), "the run that goes on ends elsewhere"
        else:
            assert equal(state(model), self._states)


def scenarios(folder):
    """All of them, by name."""

    def sub(name):
        path = os.path.join(folder, name)
        os.makedirs(path, exist_ok=True)
        return path

    return {
        "build": lambda: Build(lambda: stack(unbuilt=True), lambda model: model.build((None, 3))),
        "build by a call": lambda: Build(Mine, lambda model: model(x)),
        "make": lambda: Build(lambda: stack(unbuilt=True), lambda model: model.predict(x, verbose=0)),
        "compile": Compile,
        "first fit": Fit,
        "second fit": lambda: Fit(earlier=1),
        "evaluate": lambda: Reading(lambda model: model.evaluate(x, y, verbose=0)),
        "predict": lambda: Reading(lambda model: model.predict(x, batch_size=BATCH, verbose=0)),
        "set_weights": lambda: Writing(sub("w"), "set_weights"),
        "optimizer.set_weights": lambda: Writing(sub("w"), "optimizer"),
        "load_weights": lambda: Writing(sub("w"), "load_weights"),
        "load_weights .keras": lambda: Writing(sub("w"), "keras"),
        "save .keras": lambda: Saving(sub("s1"), "m.keras"),
        "save .h5": lambda: Saving(sub("s2"), "m.h5"),
        "save .weights.h5": lambda: Saving(sub("s3"), "m.weights.h5"),
        "save folder": lambda: Saving(sub("s4"), "m"),
        "BackupAndRestore": lambda: Backup(sub("b")),
    }
