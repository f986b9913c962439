"""One pass over the data: the host's loop around the compiled loop.

The compiled loop runs several steps per call. Between two calls, the host calls callbacks and updates the progress
bar, measures the time per step, and checks if the pass should end. Training and evaluation differ in their state. A
call of training replaces the state of the model. An evaluation carries sums from batch to batch.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from jkeras.callbacks.callback_list import CallbackList
from jkeras.callbacks.progress import Progress
from jkeras.runtime.activity import told
from jkeras.runtime.heap import kept
from jkeras.training.agreement import anywhere
from jkeras.training.engine import Program
from jkeras.training.feed import Feed
from jkeras.training.loan import Uninterrupted
from jkeras.training.plan import Plan, whole
from jkeras.training.results import by_name
from jkeras.training.run import Run
from jkeras.training.stats import Clock


class Pass:
    """A pass over some data.

    Args:
        model: the trainer.
        feed: the data.
        callbacks: what is told after each call.
        progress: the progress bar, or None.

    Attributes:
        done: how many batches are done.
        logs: the results so far.
    """

    mode: str  # whose program runs, and whose hooks are called
    stop: str  # the attribute of the model that ends the pass

    def __init__(self, model: Any, feed: Feed, callbacks: CallbackList, progress: Progress | None):
        self.model, self.feed, self.callbacks, self.progress = model, feed, callbacks, progress
        self.plan: Plan = model._compiled.prepare(model)
        self.plan.note_data(self.mode, feed.data)
        self.done = 0
        self.logs: dict = {}

    def segments(self, program: Program) -> Iterator:
        """The segments of the pass, which `program` will run."""
        raise TypeError(f"{type(self).__name__} must define segments().")

    def advance(self, program: Program, run: Any, lo: int, hi: int) -> Any:
        """Let `program` run steps `lo` to `hi` of a segment. Returns the results."""
        raise TypeError(f"{type(self).__name__} must define advance().")

    def note(self, bad: Callable | None) -> None:
        """Called after each call of the program, when `done` and `logs` are known.

        Args:
            bad: makes the last batch, if the loop stopped since it was not finite.
        """

    def checkpoint(self) -> None:
        """Called when all callbacks have been told."""

    def go(self) -> dict:
        """Run the whole pass. Returns the last results."""
        with told(self.progress and self.progress.say):  # type: ignore[arg-type]
            return self._go()

    def _go(self) -> dict:
        plan, compiled, stats = self.plan, self.plan.compiled, self.plan.compiled.stats
        program = getattr(plan, self.mode)
        calls = self.callbacks.calls(self.mode)
        calls.start(compiled.steps_per_execution)
        segments = self.segments(program.watching(*calls.looks()))
        traces_before, compilations_before = program.traces, program.compilations
        for segment in segments:
            if self.done and self.is_over():  # a run goes on that was about to stop
                segments.close()  # type: ignore[attr-defined]
                break
            lo = 0
            while lo < segment.steps:
                ahead = calls.plan()
                left = segment.steps - lo if ahead.room is None else min(ahead.room, segment.steps - lo)
                loop = program.watching(*ahead.looks)
                hi = lo + loop.pace(left, left if ahead.each else None)
                if calls.watched:
                    calls.begin(self.done)
                traces = program.traces
                with Clock(stats, "compute_seconds") as clock, kept:
                    results = plan.run(self.model, partial(self._call, ahead.looks, segment.run, lo, hi))
                    program = getattr(plan, self.mode)  # another one, if its trace found more that is state
                    loop = program.watching(*ahead.looks)
                    chunk = loop.fetch(results, hi - lo)
                if program.traces == traces:
                    loop.observe(chunk.steps, clock.seconds)
                else:  # a call that compiled says nothing about the time per step
                    stats.compile_seconds += clock.seconds
                    stats.compute_seconds -= clock.seconds
                stats.calls, stats.steps = stats.calls + 1, stats.steps + chunk.steps
                first, self.done = self.done, self.done + chunk.steps
                if chunk.is_finite or chunk.steps > 1 or loop.guard != "update" or not self.logs:
                    self.logs = chunk.logs  # otherwise the only batch was left out
                self.note(None if chunk.is_finite else partial(segment.batch, lo + chunk.steps - 1))
                if calls.watched:
                    with Clock(stats, "callback_seconds"):
                        calls.end(first, chunk.steps, by_name(self.logs), chunk.recorded, chunk.is_finite)
                self.checkpoint()
                lo += chunk.steps
                if self.progress is not None:
                    self.progress.advance(self.done, by_name(self.logs))
                if anywhere(getattr(self.model, self.stop)):
                    segments.close()  # type: ignore[attr-defined]
                    break
        if calls.is_open:
            with Clock(stats, "callback_seconds"):
                calls.finish(self.done, by_name(self.logs))
        stats.traces += program.traces - traces_before
        stats.compilations += program.compilations - compilations_before
        return self.logs

    def _call(self, looks: tuple, run: Any, lo: int, hi: int) -> Any:
        return self.advance(getattr(self.plan, self.mode).watching(*looks), run, lo, hi)

    def is_over(self) -> bool:
        """True if a pass that has begun earlier was about to stop."""
        return False


class TrainingPass(Pass):
    """An epoch of training: each call consumes the state that is on loan, and the state that it returns is lent in its place.

    Args:
        model, feed, callbacks, progress: as for `Pass`.
        run: the run of `fit`, which knows where the epoch begins.
    """

    mode, stop = "train", "stop_training"

    def __init__(self, model: Any, feed: Feed, callbacks: CallbackList, progress: Progress | None, run: Run):
        super().__init__(model, feed, callbacks, progress)
        self.run = run

    def epoch(self, number: int) -> dict:
        """Train an epoch, or what is left of it. Returns its results."""
        loan = self.plan.loan
        with loan.held():
            loan.keep(self.plan.begin(self.model, loan.lend()))
        self.done, self.logs = self.run.enter(number)
        logs = self.go()
        return self.plan.at_end(self.model, "train_step", logs, self.plan.loan.lend())

    def segments(self, program: Program) -> Iterator:
        return self.feed.segments(program, self.run.shuffle, self.run.steps, lambda: ((), self.plan.loan.lend()))

    def advance(self, program: Program, run: Any, lo: int, hi: int) -> Any:
        loan = self.plan.loan
        with loan.held(), Uninterrupted():
            steps = lambda program, carry, lo, hi: run(program, (), carry, lo, hi)  # noqa: E731
            carry, results = program.advance(steps, loan.lend(), lo, hi)
            loan.keep(carry)
        return results

    def is_over(self) -> bool:
        return self.model.stop_training

    def note(self, bad: Callable | None) -> None:
        self.run.note(self.done, self.logs, bad)

    def checkpoint(self) -> None:
        self.callbacks.on_checkpoint()


class EvaluationPass(Pass):
    """An evaluation: the sums of the metrics, and what layers update themselves, go from batch to batch.

    Args:
        model, feed, callbacks, progress: as for `Pass`.
        steps: the number of batches; None for all.
    """

    mode, stop = "test", "stop_evaluating"

    def __init__(self, model: Any, feed: Feed, callbacks: CallbackList, progress: Progress | None, steps: int | None):
        super().__init__(model, feed, callbacks, progress)
        self.steps = steps

    def evaluate(self) -> dict:
        """Run the evaluation, and keep what it has changed. Returns its results."""
        self.model.stop_evaluating = False
        self.callbacks.on_test_begin({})  # it may change the weights
        self._fixed, self._carry = self.plan.test_state(self.model)
        self.feed.data.reset()
        logs = self.plan.at_end(self.model, "test_step", self.go(), whole(self._fixed, self._carry))
        self.feed.data.end_epoch()
        self.plan.write(*self._carry)
        self.callbacks.on_test_end(by_name(logs))
        return logs

    def segments(self, program: Program) -> Iterator:
        return self.feed.segments(program, False, self.steps, lambda: (self._fixed, self._carry))

    def advance(self, program: Program, run: Any, lo: int, hi: int) -> Any:
        if self._fixed.extra.keys() != self.plan.variables.extra.keys():  # there are more since the last call
            self._fixed, self._carry = self.plan.test_state(self.model, self._carry)
        self._carry, results = run(program, self._fixed, self._carry, lo, hi)
        return results
