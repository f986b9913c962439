"""The engine: it compiles a pure step to one executable that runs any number of steps.

A training step of a small model takes microseconds, and calling a compiled function from Python takes more. So the loop
over batches is compiled too: `lax.fori_loop(lo, hi, ...)` with traced bounds over data on the device, and each
batch is gathered by index from the epoch's order. The host chooses `hi - lo` so that one call lasts about 75 ms: long enough
that its cost does not matter, and short enough for a live progress bar and Ctrl-C.

    over_rows(fixed, carry, data, order, lo, hi)   data on the device, batch i = data[order[i*B : (i+1)*B]]
    over_stack(fixed, carry, stack, lo, hi)        streamed data, batch i = stack[i]

`carry` is donated (its buffers are reused for the result); `fixed` is only read.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.runtime.mesh import current
from jkeras.training.loops import Loops, gather_batch, index_batch, put_row, python_for
from jkeras.training.step import carried

TARGET_SECONDS = 0.075  # one call of the compiled loop should last about this long
RECORDS = 4096  # the results of at most so many steps are recorded in one call, and
RECORD_BYTES = 2**22  # they take at most about this much


class Chunk(NamedTuple):
    """The results of a call of the compiled loop that the host sees."""

    steps: int  # how many it has run
    logs: dict[str, Any]  # the results after the last of them
    recorded: list[dict[str, Any]] | None = None  # the results after each of them, with its own "batch_loss"
    is_finite: bool = True  # whether the last one was, in what the program guards


class Program(Loops):
    """The compiled loops of one step function.

    Args:
        step: `(fixed, carry, batch) -> (carry, loss)`, pure; without `results`, `-> (carry, (loss, logs))`.
        results: `(fixed, carry) -> {name: array}`, what the host wants to see after each call.
        jit: False runs the same code without compiling, op by op (for debugging).
        donate: whether `carry`'s buffers are reused for the result.
        undo: `(before, after) -> carry`: what is kept of a step whose loss is not finite; None if such steps count.
        written: `carry -> tree` of what an update writes.
        record: whether to record the results of every step.
        guard: `"loss"` to stop at a loss that is not finite, `"update"` to stop at an update that is not, too; None for neither.
        identity: what identifies step, results and undo, as `CompiledOnce` takes it.
    """

    sets = ("names", "_capacity")

    def __init__(
        self,
        step: Callable,
        results: Callable | None,
        jit: bool = True,
        donate: bool = True,
        undo: Callable | None = None,
        written: Callable | None = None,
        record: bool = False,
        guard: str | None = None,
        identity: Callable[[bool], Any] | None = None,
    ):
        super().__init__(step, jit, donate=(1,) if donate else (), returned=1, identity=identity, variant=(record, guard))
        self.identity = identity
        self.results, self.jit, self.donate, self.undo, self.written = results, jit, donate, undo, written
        self.record, self.guard = record, guard if undo is not None else None
        self.names: tuple[str, ...] = ()
        self.seconds_per_step: float | None = None
        self._capacity = 1  # how many steps there is room to record; known once the program is traced
        self._watching: dict[tuple[bool, str | None], Program] = {}

    @property
    def traces(self) -> int:
        return self.traced + sum(program.traces for program in self._watching.values())

    @property
    def compilations(self) -> int:
        return super().compilations + sum(program.compilations for program in self._watching.values())

    def watching(self, record: bool, guard: str | None) -> "Program":
        """This program, or one with the same step that records every step's results, or stops at what is not finite."""
        if (record, guard) == (self.record, self.guard):
            return self
        if (record, guard) not in self._watching:
            parts = self.step, self.results, self.jit, self.donate, self.undo, self.written
            self._watching[record, guard] = Program(*parts, record, guard, self.identity)
        return self._watching[record, guard]

    def _over_rows(
        self,
        fixed: Any,
        carry: Any,
        data: Any,
        order: Any,
        lo: Any,
        hi: Any,
        *,
        batch_size: int,
        jit: bool = True,
    ) -> tuple[Any, tuple]:
        self.traced += 1

        def body(i: Any, carry: Any) -> Any:
            return self.step(fixed, carry, gather_batch(data, order, i, batch_size))

        return self._run(lo, hi, body, fixed, carry, jit)

    def _over_stack(self, fixed: Any, carry: Any, stack: Any, lo: Any, hi: Any, jit: bool = True) -> tuple[Any, tuple]:
        self.traced += 1

        def body(i: Any, carry: Any) -> Any:
            return self.step(fixed, carry, index_batch(stack, i))

        return self._run(lo, hi, body, fixed, carry, jit)

    def _run(self, lo: Any, hi: Any, body: Callable, fixed: Any, carry: Any, jit: bool) -> tuple[Any, tuple]:
        if self.record or self.guard:
            return self._watch(lo, hi, body, fixed, carry, jit)
        loop, pin = jax.lax.fori_loop if jit else python_for, current().pin
        if self.results is not None:
            carry = loop(lo, hi, lambda i, carry: pin(body(i, carry)[0]), carry)
            logs = self.results(fixed, carry)
        elif not jit:  # the step returns logs of its own; those of the last step count
            for i in range(int(lo), int(hi)):
                carry, (_, logs) = body(i, carry)
        else:
            spec = jax.eval_shape(body, lo, carry)[1][1]
            logs = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), spec)

            def logged(i: Any, both: tuple) -> tuple:
                carry, (_, logs) = body(i, both[0])
                return pin(carry), logs

            carry, logs = loop(lo, hi, logged, (carry, logs))
        self.names = tuple(logs)
        return carry, tuple(logs.values())  # a dict would come back from JAX in alphabetical order

    def _watch(self, lo: Any, hi: Any, body: Callable, fixed: Any, carry: Any, jit: bool) -> tuple[Any, tuple]:
        """The loop that looks at every step: results are `(logs, loss, steps, is finite, records)`."""
        pin = current().pin

        def look(i: Any, before: Any) -> tuple[Any, dict, jax.Array, jax.Array]:
            after, seen = body(i, before)
            after = pin(after)
            if self.results is None:
                loss, logs = seen
            else:
                loss, logs = seen, self.results(fixed, after) if self.record else {}
            loss = jnp.mean(jnp.asarray(loss, "float32"))
            is_finite = jnp.isfinite(loss)
            if self.guard == "update" and self.written is not None:
                is_finite = all_finite(self.written(after)) & is_finite
            return after, logs, loss, is_finite

        def advance(state: tuple) -> tuple:
            i, before, _, _, _, records = state
            after, logs, loss, is_finite = look(i, before)
            if self.record:
                records = [put_row(all, new, i - lo) for all, new in zip(records, (*logs.values(), loss), strict=True)]
            return i + 1, after, tuple(logs.values()), loss, is_finite, records

        if not jit:
            return self._watch_eagerly(lo, hi, look, fixed, carry)
        _, spec, loss, _ = jax.eval_shape(look, lo, carry)
        logs = tuple(jnp.zeros(a.shape, a.dtype) for a in spec.values())
        row = [*spec.values(), loss]
        self._capacity = max(1, min(RECORDS, RECORD_BYTES // sum(a.size * a.dtype.itemsize for a in row)))
        records = [jnp.zeros((self._capacity, *a.shape), a.dtype) for a in row] if self.record else []
        start = (jnp.asarray(lo, "int32"), carry, logs, jnp.float32(0), jnp.bool_(True), records)
        goes_on = lambda state: (state[0] < hi) & (state[4] | (self.guard is None))  # noqa: E731
        i, carry, logs, loss, is_finite, records = jax.lax.while_loop(goes_on, advance, start)
        if self.results is not None and not self.record:
            spec = self.results(fixed, carry)
            logs = tuple(spec.values())
        self.names = tuple(spec)
        return carry, (logs, loss, i - lo, is_finite, records)

    def _watch_eagerly(self, lo: Any, hi: Any, look: Callable, fixed: Any, carry: Any) -> tuple[Any, tuple]:
        """The same, step by step on values: each step runs once."""
        rows: list[tuple] = []
        for i in range(int(lo), int(hi)):
            carry, logs, loss, is_finite = look(i, carry)
            rows.append((*logs.values(), loss))
            if self.guard is not None and not is_finite:
                break
        if self.results is not None and not self.record:
            logs = self.results(fixed, carry)
        self._capacity = max(1, min(RECORDS, RECORD_BYTES // sum(a.size * a.dtype.itemsize for a in rows[0])))
        self.names = tuple(logs)
        records = [jnp.stack(column) for column in zip(*rows, strict=True)] if self.record else []
        return carry, (tuple(logs.values()), loss, jnp.int32(len(rows)), is_finite, records)

    def advance(self, run: Callable, carry: Any, lo: int, hi: int) -> tuple[Any, tuple]:
        """Run steps, and if the last one was not finite, undo that step.

        The loop cannot keep the carry before every step without copying it every time. So it is copied once, and the steps up to
        the bad one are run again, which gives the same bits.

        Args:
            run: `(program, carry, lo, hi) -> (carry, results)`.
            carry, lo, hi: for `run`.
        """
        if not self.guard or self.undo is None:
            return run(self, carry, lo, hi)
        start = current().copied(carry)
        after, results = run(self, carry, lo, hi)
        _, _, steps, is_finite, _ = results
        if is_finite:
            return after, results
        before, (logs, *_) = run(self, start, lo, lo + int(steps) - 1) if steps > 1 else (start, results)
        if self.guard == "update":  # the batch is left out of the results, too
            return before, (logs, *results[1:])
        return self.undo(before, after), results

    def fetch(self, results: tuple, steps: int) -> Chunk:
        """The results of a call of so many steps on the host: Python floats where they are scalars, arrays otherwise."""
        values = jax.device_get(results)
        if not (self.record or self.guard):
            return Chunk(steps, self._named(values))
        logs, loss, steps, is_finite, records = values
        names, last = (*self.names, "batch_loss"), (*logs, loss)
        if not self.record:
            return Chunk(int(steps), self._named(logs), [self._named(last, names)], bool(is_finite))
        rows = [self._named([column[i] for column in records], names) for i in range(int(steps))]
        return Chunk(int(steps), self._named(logs), rows, bool(is_finite))

    def _named(self, values: Any, names: Any = None) -> dict[str, Any]:
        pairs = zip(names or self.names, values, strict=True)
        return {name: float(value) if np.ndim(value) == 0 else np.asarray(value) for name, value in pairs}

    def pace(self, most: int, wanted: int | None = None) -> int:
        """Return the number of steps that the next call should run, at most `most`: the number that is asked for, or as
        many as fill the target time (one, if no time is known yet).
        """
        if wanted is None:
            seconds = self.seconds_per_step
            wanted = current().agreed(1 if seconds is None else int(TARGET_SECONDS / max(seconds, 1e-9)))
        return max(1, min(most, wanted, self._capacity if self.record else most))

    def observe(self, steps: int, seconds: float) -> None:
        """Learn from a call how long a step takes; the first call, which compiles, teaches nothing."""
        measured = seconds / steps
        known = self.seconds_per_step
        self.seconds_per_step = measured if known is None else 0.5 * (known + measured)


class Predictor(Loops):
    """The compiled loops of a prediction step; called like a `Program`, with a number in the place of the carry.

    `count` (static) is how many batches the result has room for: outputs have shape `(count, batch, ...)`, of which the
    first `hi - lo` are filled. Beside them comes what has changed of the state, `{number among carried(fixed): array}`: nothing,
    for most models.

    Args:
        step: `(fixed, changed, x) -> (outputs, changed)`, pure, with a `TrainState` as `fixed`.
        jit: False runs op by op.
        identity: what identifies the step, as `CompiledOnce` takes it.
    """

    def __init__(self, step: Callable, jit: bool = True, identity: Callable[[bool], Any] | None = None):
        super().__init__(step, jit, static=(1,), identity=identity)

    def _over_rows(
        self,
        fixed: Any,
        count: int,
        data: Any,
        order: Any,
        lo: Any,
        hi: Any,
        *,
        batch_size: int,
        jit: bool = True,
    ) -> Any:
        return self._collect(fixed, count, lambda i: gather_batch(data, order, lo + i, batch_size), hi - lo, jit)

    def _over_stack(self, fixed: Any, count: int, stack: Any, lo: Any, hi: Any, jit: bool = True) -> Any:
        return self._collect(fixed, count, lambda i: index_batch(stack, lo + i), hi - lo, jit)

    def _collect(self, fixed: Any, count: int, read: Callable, steps: Any, jit: bool) -> Any:
        self.traced += 1

        def predict(i: Any, changed: dict) -> tuple[Any, dict]:
            return self.step(fixed, changed, read(i)[0])

        if count == 1:
            outputs, changed = predict(0, {})
            return jax.tree.map(lambda a: a[None], outputs), changed
        if not jit:
            rows, changed = [], {}
            for i in range(int(steps)):
                outputs, changed = predict(i, changed)
                rows.append(outputs)
            return jax.tree.map(lambda *column: jnp.stack(column), *rows), changed
        outputs, changed = jax.eval_shape(predict, 0, {})
        empty = jax.tree.map(lambda a: jnp.zeros((count, *a.shape), a.dtype), outputs)
        state = carried(fixed)

        def body(i: Any, carry: tuple) -> tuple:
            outputs, changed = predict(i, carry[1])
            return jax.tree.map(lambda rows, row: put_row(rows, row, i), carry[0], outputs), changed

        return jax.lax.fori_loop(0, steps, body, (empty, {number: state[number] for number in changed}))


def all_finite(tree: Any) -> jax.Array:
    """True if all floating-point numbers of a tree are finite.

    >>> bool(all_finite({"a": jnp.ones(2), "b": 3})), bool(all_finite([jnp.array([1.0, jnp.nan])]))
    (True, False)
    """
    floats = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(jnp.result_type(leaf), jnp.inexact)]
    return functools.reduce(jnp.logical_and, [jnp.isfinite(leaf).all() for leaf in floats], jnp.bool_(True))


def chunks(steps: int, start: int, chunk: Callable[[int], int]) -> Iterator[tuple[int, int]]:
    """Split `range(start, steps)` into `(lo, hi)` pieces of the sizes that `chunk(remaining)` asks for.

    >>> list(chunks(7, 0, lambda remaining: min(3, remaining)))
    [(0, 3), (3, 6), (6, 7)]
    """
    lo = start
    while lo < steps:
        hi = lo + chunk(steps - lo)
        yield lo, hi
        lo = hi
