"""`fit`, `evaluate` and `predict`: the face of training.

The path of one batch: arrays -> `data` -> `feed` (onto the device) -> `engine` (many steps per call) -> callbacks.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.callbacks.backup import with_backup
from jkeras.callbacks.callback_list import CallbackList
from jkeras.callbacks.history import History
from jkeras.callbacks.progress import ProgbarLogger, Progress
from jkeras.callbacks.table import EpochTable
from jkeras.core import frame as frames
from jkeras.core import symbolic
from jkeras.core.turns import in_training
from jkeras.data import ArrayData, make_data, train_validation_split, unpack_x_y_sample_weight
from jkeras.errors import known_keywords
from jkeras.runtime import switches
from jkeras.runtime.activity import told
from jkeras.runtime.heap import kept
from jkeras.runtime.mesh import current, is_first_process
from jkeras.training.compilable import STOPS, Compilable
from jkeras.training.compiled import PREPARING, Compiled, whole
from jkeras.training.engine import Clock, Program, Stats
from jkeras.training.feed import ONE, Feed, device_memory_budget
from jkeras.training.lease import Uninterrupted
from jkeras.training.prediction import Prediction
from jkeras.training.run import Run


class Trainer(Compilable):
    """The training half of a model; the other half is any `Module` that can be called on a batch of inputs."""

    _prediction: Prediction | None = None
    _last_history: History | None = None
    _run_of_fit: Run | None = None  # while fit runs
    has_fixed_structure = False  # whether the variables can only change in ways that call `_forget_programs`

    untraced = ("_prediction", "_last_history", "_run_of_fit")

    def _forget_programs(self) -> None:
        self._prediction = None

    def __getstate__(self) -> dict:
        return {k: v for k, v in vars(self).items() if k not in Trainer.untraced}

    @property
    def history(self) -> History | None:
        """What the last `fit` returned."""
        return self._last_history

    @history.setter
    def history(self, history: History) -> None:
        self._last_history = history

    # -- fit ----------------------------------------------------------------------------------------------------------

    @known_keywords
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: dict | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        resume: Any = None,
    ) -> History:
        """Train the model.

        Args:
            x: inputs: an array or nested structure of arrays with samples along the first axis, or anything that yields
                batches.
            y: targets, likewise; not with an `x` that yields batches.
            batch_size: samples per step, 32 by default.
            epochs: the number of the last epoch.
            verbose: 0 silent, 1 or `"auto"` a progress bar, 2 a line per epoch, `"table"` a table with a row per epoch.
            callbacks: a list of `Callback`s.
            validation_split: the fraction at the end of the data that is set aside for validation.
            validation_data: `(x, y)`, `(x, y, sample_weight)`, or anything that yields batches.
            shuffle: whether the order is drawn anew each epoch; `"batch"` shuffles within batches only.
            class_weight: `{class: weight}`, as another way to give sample weights.
            sample_weight: one weight per sample.
            initial_epoch: the number of the first epoch, for continued training.
            steps_per_epoch: steps after which an epoch ends; None for all data.
            validation_steps: likewise for validation.
            validation_batch_size: samples per validation step.
            validation_freq: validate every so many epochs, or after the epochs in this list.
            resume: a folder for a backup of this run, as with `BackupAndRestore(folder, save_seconds=300)`. If the run is killed, the
                same call in a new process goes on from its last backup and ends with the same weights. The backup is made at the
                end of each epoch, and after five minutes within one. It is deleted when training is complete.

        Returns:
            The `History` of the epochs' results.

        Raises:
            ValueError: data that does not fit the model or itself, before the first step; a backup that belongs to another run.
            RuntimeError: the model is being trained by another call of `fit`, in this thread or another one.
        """
        compiled = self._require_compiled("fit")
        if self._run_of_fit is not None:
            raise in_training(f"Model {self.name!r}")
        _check_counts(epochs=epochs, initial_epoch=initial_epoch)
        _check_frequency(validation_freq)
        if compiled.ready:
            compiled.warn_of_switched_weights()
        if validation_split and validation_data is None:
            x = self._arrange_inputs(x) if self._arrangement() else x
            x = x if self.host_stage is None else self.host_stage.wrap(x)
            (x, y, sample_weight), validation_data = train_validation_split((x, y, sample_weight), validation_split)
        data = make_data(
            x,
            y,
            sample_weight,
            batch_size,
            steps_per_epoch,
            shuffle,
            class_weight,
            compiled.class_axis,
            self._arrange_inputs,
            stage=self._trained_stage(),
        )
        self._ready(compiled, data, shuffle)
        epochs = switches.limited("epochs", epochs, switches.max_epochs())
        steps_per_epoch = self._limited("steps_per_epoch", steps_per_epoch, data)
        feed = Feed(data, compiled.stats)
        validation = self._validation_feed(validation_data, validation_batch_size or batch_size, validation_steps)
        if validation is not None:
            validation_steps = self._limited("validation_steps", validation_steps, validation.data)
        progress = EpochTable() if verbose == "table" else _progress(verbose)
        callbacks = with_backup(callbacks, resume)
        callbacks = self._watchers(callbacks, progress, verbose, epochs, feed.steps(steps_per_epoch), add_history=True)
        self.stop_training = False
        run = Run(self, feed, callbacks, shuffle, steps_per_epoch, initial_epoch)
        try:
            with compiled.lease.turn.training(f"Model {self.name!r}"):
                return self._train(run, epochs, validation, validation_steps, validation_freq, progress)
        finally:
            if self._run_of_fit is run:
                self._run_of_fit = None

    def _train(
        self,
        run: Run,
        epochs: int,
        validation: Feed | None,
        validation_steps: int | None,
        validation_freq: Any,
        progress: Progress | None,
    ) -> History:
        """The epochs of `fit`, while no other thread trains the model."""
        compiled, feed, callbacks, initial_epoch = self._compiled, run.feed, run.callbacks, run.epoch
        data, logs = feed.data, {}
        try:
            self._run_of_fit = run
            callbacks.on_train_begin({})
            goes_on = run.begin()
            logs = run.logs
            for epoch in range(run.epoch, epochs if goes_on else run.epoch):
                if epoch > initial_epoch and data.is_used_up():
                    break
                callbacks.on_epoch_begin(epoch, {})
                logs = self._train_epoch(feed, run, epoch, callbacks, progress)
                data.end_epoch()
                if epoch == initial_epoch and isinstance(data, ArrayData) and not np.isfinite(logs.get("loss", 0.0)):
                    data.warn_about_infinity()
                if validation is not None and _is_due(validation_freq, epoch):
                    results = self._test_pass(validation, validation_steps, callbacks, None)
                    logs |= {f"val_{name}": value for name, value in results.items()}
                run.ended, run.logs = True, logs
                with Clock(compiled.stats, "callback_seconds"):
                    callbacks.on_epoch_end(epoch, _sorted(logs))
                    callbacks.on_checkpoint()
                if self.stop_training:
                    break
            callbacks.on_train_end(_sorted(logs))
        except BaseException as error:
            callbacks.on_train_error(error)
            if isinstance(error, KeyboardInterrupt):
                callbacks.on_train_end(_sorted(logs))
            raise
        finally:  # the weights stay on loan until somebody reads one; what they are is valid however the run ended
            if epochs > initial_epoch:
                compiled.optimizer.finalize_variable_values(list(compiled.slots.params.values()))
        return self.history

    @staticmethod
    def _limited(name: str, steps: int | None, data: Any) -> int | None:
        return switches.limited(name, steps, switches.max_steps_per_epoch(), data.num_batches)

    def _ready(self, compiled: Compiled, data: Any, shuffle: Any) -> None:
        """Build what is not built, on the first batch's shapes, and check the data; before the first step."""
        self._check_inputs(data)
        if not compiled.ready:
            compiled.prepare(self, data.peek(shuffle))
            data.reset()
            self._check_inputs(data)
        compiled.prepare(self, None)
        self._check_targets(compiled, data)

    def _check_targets(self, compiled: Compiled, data: Any, where: str = "") -> None:
        """Compare targets with what the losses expect: all that are at hand, or each batch as it comes."""
        if compiled.objective is None:
            return
        if not isinstance(data, ArrayData):
            data.check = compiled.objective.check
            return
        try:
            compiled.objective.check(data.tree[1] if data.resident(device_memory_budget()) else data.targets)
        except ValueError as error:
            if not where:
                raise
            raise ValueError(f"{where}: {error}") from None

    def _train_epoch(
        self, feed: Feed, run_of_fit: Run, epoch: int, callbacks: CallbackList, progress: Progress | None
    ) -> dict:
        compiled = self._compiled
        with compiled.lease.held():
            ts = compiled.lease.borrow()
            compiled.lease.hold(ts._replace(metrics=compiled.start()))
        done, logs = run_of_fit.enter(epoch)

        def advance(run: Any, program: Any, lo: int, hi: int) -> Any:
            with compiled.lease.held(), Uninterrupted():
                steps = lambda program, carry, lo, hi: run(program, (), carry, lo, hi)  # noqa: E731
                carry, results = program.advance(steps, compiled.lease.borrow(), lo, hi)
                compiled.lease.hold(carry)
            return results

        def segments(program: Program) -> Iterator:
            return feed.segments(program, run_of_fit.shuffle, run_of_fit.steps, lambda: ((), compiled.lease.borrow()))

        with told(progress and progress.say):
            logs = self._run("train", segments, advance, callbacks, progress, done, logs)
        return compiled.at_end(self, "train_step", logs, compiled.lease.borrow())

    def _run(
        self,
        mode: str,
        make: Any,
        advance: Any,
        callbacks: CallbackList,
        progress: Progress | None,
        done: int = 0,
        logs: dict | None = None,
    ) -> dict:
        """Go through the segments that `make` makes in chunks; after each, tell callbacks and progress bar. Returns the results."""
        compiled, stats = self._compiled, self._compiled.stats
        program = getattr(compiled, mode)
        calls = callbacks.calls(mode)
        calls.start(compiled.steps_per_execution)
        segments = make(program.watching(*calls.looks()))
        logs = logs or {}
        traces_before, compilations_before = program.traces, program.compilations
        for segment in segments:
            if done and self.stop_training and mode == "train":  # a run goes on that was about to stop
                segments.close()
                break
            lo = 0
            while lo < segment.steps:
                plan = calls.plan()
                left = segment.steps - lo if plan.room is None else min(plan.room, segment.steps - lo)
                loop = program.watching(*plan.looks)
                hi = lo + loop.pace(left, left if plan.each else None)
                if calls.watched:
                    calls.begin(done)
                traces = program.traces
                with Clock(stats, "compute_seconds") as clock, kept:
                    results = compiled.run(self, partial(self._on, mode, plan.looks, advance, segment.run, lo, hi))
                    program = getattr(compiled, mode)  # another one, if its trace found more that is state
                    loop = program.watching(*plan.looks)
                    chunk = loop.fetch(results, hi - lo)
                if program.traces == traces:
                    loop.observe(chunk.steps, clock.seconds)
                else:  # a call that compiled says nothing about the time per step
                    stats.compile_seconds += clock.seconds
                    stats.compute_seconds -= clock.seconds
                if chunk.is_finite or chunk.steps > 1 or loop.guard != "update" or not logs:
                    logs = chunk.logs  # otherwise the only batch was left out
                stats.calls, stats.steps = stats.calls + 1, stats.steps + chunk.steps
                if mode == "train":
                    bad = None if chunk.is_finite else partial(segment.batch, lo + chunk.steps - 1)
                    self._run_of_fit.note(done + chunk.steps, logs, bad)
                if calls.watched:
                    with Clock(stats, "callback_seconds"):
                        calls.end(done, chunk.steps, _sorted(logs), chunk.recorded, chunk.is_finite)
                if mode == "train":
                    callbacks.on_checkpoint()
                lo, done = lo + chunk.steps, done + chunk.steps
                if progress is not None:
                    progress.advance(done, _sorted(logs))
                if getattr(self, STOPS[mode]):
                    segments.close()
                    break
        if calls.is_open:
            with Clock(stats, "callback_seconds"):
                calls.finish(done, _sorted(logs))
        stats.traces += program.traces - traces_before
        stats.compilations += program.compilations - compilations_before
        return logs

    def _on(self, mode: str, looks: tuple, advance: Any, run: Any, lo: int, hi: int) -> Any:
        """Let the current program of a mode run some steps."""
        return advance(run, getattr(self._compiled, mode).watching(*looks), lo, hi)

    # -- evaluate -----------------------------------------------------------------------------------------------------

    @known_keywords
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on some data, without training.

        Args:
            x, y, sample_weight, batch_size, verbose, callbacks: as in `fit`.
            steps: the number of batches; None for all.
            return_dict: whether to return `{name: value}` instead of a list.

        Returns:
            The loss if there are no metrics, else a list `[loss, metric, ...]`, or a dict.
        """
        compiled = self._require_compiled("evaluate")
        data = make_data(x, y, sample_weight, batch_size, steps, False, arrange=self._arrangement(), stage=self.host_stage)
        self._ready(compiled, data, False)
        steps = self._limited("steps", steps, data)
        feed = Feed(data, compiled.stats, once=True)
        progress = _progress(verbose)
        watchers = self._watchers(callbacks, progress, verbose, 1, feed.steps(steps))
        logs = self._test_pass(feed, steps, watchers, progress)
        return self._result(logs, return_dict)

    def _test_pass(self, feed: Feed, steps: int | None, callbacks: CallbackList, progress: Progress | None) -> dict:
        compiled = self._compiled
        self.stop_evaluating = False
        callbacks.on_test_begin({})  # it may change the weights
        fixed, carry = compiled.test_state()

        def advance(run: Any, program: Any, lo: int, hi: int) -> Any:
            nonlocal fixed, carry
            if fixed.extra.keys() != compiled.variables.extra.keys():  # there are more since the last call
                fixed, carry = compiled.test_state(carry)
            carry, results = run(program, fixed, carry, lo, hi)
            return results

        feed.data.reset()

        def segments(program: Program) -> Iterator:
            return feed.segments(program, False, steps, lambda: (fixed, carry))

        with told(progress and progress.say):
            logs = self._run("test", segments, advance, callbacks, progress)
        logs = compiled.at_end(self, "test_step", logs, whole(fixed, carry))
        feed.data.end_epoch()
        compiled.write(*carry)
        callbacks.on_test_end(_sorted(logs))
        return logs

    def _validation_feed(self, validation_data: Any, batch_size: int | None, steps: int | None) -> Feed | None:
        if validation_data is None:
            return None
        if isinstance(validation_data, (tuple, list)):
            x, y, sample_weight = unpack_x_y_sample_weight(tuple(validation_data))
        else:
            x, y, sample_weight = validation_data, None, None
        data = make_data(
            x,
            y,
            sample_weight,
            batch_size if isinstance(validation_data, (tuple, list)) else None,
            steps,
            False,
            arrange=self._arrangement(),
            stage=self.host_stage,
        )
        self._check_inputs(data)
        self._check_targets(self._compiled, data, "validation_data")
        return Feed(data, self._compiled.stats)

    # -- predict ------------------------------------------------------------------------------------------------------

    def works_by_rows(self) -> bool:
        """Whether predictions for a row are known to depend on that row alone; said of graphs of the library's own layers."""
        return False

    @known_keywords
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The model's outputs for some inputs, as NumPy arrays.

        Args:
            x, batch_size, verbose, callbacks: as in `fit`.
            steps: the number of batches; None for all.

        Returns:
            An array, or the structure of arrays that the model returns, with one row per sample.
        """
        is_quiet = verbose == 0 and steps is None and not callbacks and switches.max_steps_per_epoch() is None
        if is_quiet and self.built and self._predictor().repeats(x, batch_size):
            return self._predictor().repeat(x, batch_size)
        data = make_data(x, None, None, batch_size, steps, False, arrange=self._arrangement(), stage=self.host_stage)
        if not self.built:
            with PREPARING:
                if not self.built:
                    self.output_spec(data.peek(False)[0])
            data.reset()
        self._check_inputs(data)
        prediction = self._predictor()
        steps = self._limited("steps", steps, data)
        feed = Feed(data, prediction.stats, once=True, pad=prediction.jit and self.works_by_rows())
        progress = _progress(verbose)
        watchers = self._watchers(callbacks, progress, verbose, 1, feed.steps(steps))
        with told(progress and progress.say):
            outputs = prediction.run(feed, steps, watchers, progress)
        data.end_epoch()
        if is_quiet and self.host_stage is None:
            prediction.remember(x, batch_size, feed)
        return outputs

    def _predictor(self) -> Prediction:
        jit = self._compiled is None or self._compiled.jit
        if self._prediction is None or not self._prediction.fits(self, jit):
            self._prediction = Prediction(self, self._compiled.stats if self._compiled else Stats(), jit)
        return self._prediction

    def _watchers(
        self,
        callbacks: Any,
        progress: Progress | None,
        verbose: Any,
        epochs: int,
        steps: int | None,
        add_history: bool = False,
    ) -> CallbackList:
        """The user's callbacks, the `History` of a fit, and the progress bar, which shows what the others write into the logs."""
        listed = CallbackList(callbacks, add_history)
        listed.callbacks = [
            c for c in listed.callbacks if not isinstance(c, ProgbarLogger)
        ]  # there is a bar, or none is wanted
        verbose = 2 if verbose == "table" else verbose  # callbacks know a line per epoch
        return CallbackList([*listed.callbacks, progress], model=self, verbose=verbose, epochs=epochs, steps=steps)

    # -- single batches -----------------------------------------------------------------------------------------------

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: dict | None = None, return_dict: bool = False
    ) -> Any:
        """One training step on one batch.

        Returns:
            As `evaluate`: the loss, or a list, or a dict of results, for this batch.
        """
        compiled, batch = self._one_batch("train_on_batch", x, y, sample_weight, class_weight)
        start = lambda: compiled.lease.borrow()._replace(metrics=compiled.start())  # noqa: E731
        with kept, compiled.lease.turn.training(f"Model {self.name!r}"):
            with compiled.lease.held(), Uninterrupted():
                carry, results = compiled.run(
                    self, lambda: compiled.train.over_stack((), start(), current().put_single(batch), *ONE)
                )
                compiled.lease.hold(carry)
            logs = compiled.train.fetch(results, 1).logs
        return self._result(logs, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """The results on one batch, without training."""
        compiled, batch = self._one_batch("test_on_batch", x, y, sample_weight, None)
        with kept:
            carry, results = compiled.run(
                self, lambda: compiled.test.over_stack(*compiled.test_state(), current().put_single(batch), *ONE)
            )
            logs = compiled.test.fetch(results, 1).logs
        compiled.write(*carry)
        return self._result(logs, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, as NumPy arrays."""
        lengths = {
            rows.shape[0] for rows in jax.tree.leaves(make_data(x, steps=1, one_batch=True, stage=self.host_stage).spec())
        }
        if len(lengths) > 1:
            return self.predict(iter([(x,)]), verbose=0)
        return self.predict(x, batch_size=lengths.pop(), verbose=0)

    def _one_batch(self, method: str, x: Any, y: Any, sample_weight: Any, class_weight: dict | None) -> tuple[Compiled, Any]:
        compiled = self._require_compiled(method)
        data = make_data(
            x,
            y,
            sample_weight,
            steps=1,
            class_weight=class_weight,
            class_axis=compiled.class_axis,
            arrange=self._arrangement(),
            stage=self.host_stage,
            one_batch=True,
        )
        self._ready(compiled, data, False)
        return compiled, jax.tree.map(lambda a: jnp.asarray(a)[None], data.tree)

    def _result(self, logs: dict, return_dict: bool) -> Any:
        """Results by name; or their list in the order of `metrics_names`."""
        if return_dict:
            return _sorted(logs)
        values = [logs[name] for name in self._in_order(logs)]
        return values[0] if len(values) == 1 else values

    # -- checks -------------------------------------------------------------------------------------------------------

    def output_spec(self, x: Any) -> Any:
        """The outputs' shapes and dtypes for inputs of given shapes; builds the model."""

        def call(x: Any) -> Any:
            with frames.Frame(abstract=True, training=False):
                return self._call_on(x, training=False)

        return symbolic.eval_shape(call, x)

    host_stage: Any = None  # the part of the model that runs on the host, see `jkeras.models.stage`

    def _trained_stage(self) -> Any:
        if self.host_stage is not None:
            self.host_stage.check_trainable()
        return self.host_stage

    def _arrange_inputs(self, x: Any) -> Any:
        """Inputs in the structure that the model takes; models that know their inputs do more."""
        return x

    def _arrangement(self) -> Any:
        """What data is arranged with before it is moved; None where a step of the user's own looks at it as it was given."""
        steps = ("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")
        own = any(getattr(type(self), name) is not getattr(Trainer, name) for name in steps)
        return None if own else self._arrange_inputs

    def _check_inputs(self, data: Any) -> None:
        """What can be said about data before the first step; models that know their inputs say more."""


def _progress(verbose: Any) -> Progress | None:
    if verbose not in ("auto", 0, 1, 2):
        raise ValueError(f"verbose must be 'auto', 0, 1 or 2 (in fit also 'table'), got {verbose!r}.")
    return Progress(2 if verbose == 2 else 1) if verbose and is_first_process() else None


def _sorted(logs: dict) -> dict:
    """In Keras's order: by name."""
    return dict(sorted(logs.items()))


def _is_due(frequency: Any, epoch: int) -> bool:
    return (epoch + 1) in frequency if isinstance(frequency, (list, tuple, set)) else (epoch + 1) % frequency == 0


def _check_frequency(frequency: Any) -> None:
    numbers = frequency if isinstance(frequency, (list, tuple, set)) else [frequency]
    if not all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n >= 1 for n in numbers):
        raise ValueError(
            f"validation_freq must be a positive integer (2: after every second epoch), or a list of the epochs (counted from 1) "
            f"after which to validate, got validation_freq={frequency!r}."
        )


def _check_counts(**counts: Any) -> None:
    for name, value in counts.items():
        if not isinstance(value, (int, np.integer)) or value < 0:
            raise ValueError(f"{name} must be a non-negative integer, got {name}={value!r}.")
