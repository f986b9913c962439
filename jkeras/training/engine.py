"""The engine: a pure step becomes one executable that runs any number of steps.

A training step of a small model takes microseconds, and calling a compiled function from Python takes more. So the loop
over batches is compiled too: `lax.fori_loop(lo, hi, ...)` with traced bounds over data that lies on the device, each
batch gathered by index from the epoch's order. The host chooses `hi - lo` so that one call lasts about 75 ms: long enough
to hide the call, short enough for a live progress bar and Ctrl-C.

    over_rows(fixed, carry, data, order, lo, hi)   data on the device, batch i = data[order[i*B : (i+1)*B]]
    over_stack(fixed, carry, stack, lo, hi)        streamed data, batch i = stack[i]

`carry` is donated (its buffers are reused for the result); `fixed` is only read.
"""

import functools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core.activity import doing
from jkeras.training.executables import Shared

TARGET_SECONDS = 0.075  # one call of the compiled loop should last about this long


class Stats:
    """What training has cost so far; shown by `model.stats()`."""

    def __init__(self) -> None:
        self.traces = self.compilations = self.calls = self.steps = 0
        self.device_bytes = 0
        self.compile_seconds = self.data_seconds = self.compute_seconds = self.callback_seconds = 0.0

    def as_dict(self) -> dict[str, float]:
        """The counters by name, with `steps_per_call` among them."""
        return dict(vars(self), steps_per_call=self.steps / max(1, self.calls))


class Loops:
    """Loops over batches of one step function, compiled or (with `jit=False`, for debugging) run op by op.

    Subclasses define `_over_rows` and `_over_stack`; their second argument is donated or static, as `options` say.
    """

    def __init__(self, step: Callable, jit: bool, **options: Any):
        self.step = step
        self.traces = 0
        self._warm: dict[Any, threading.Thread] = {}
        if jit:
            self.over_rows = Shared(self._over_rows, steady=2, **options)
            self.over_stack = Shared(self._over_stack, steady=2, **options)
        else:
            self.over_rows = functools.partial(self._over_rows, loop=_python_loop)
            self.over_stack = functools.partial(self._over_stack, loop=_python_loop)

    @property
    def compilations(self) -> int:
        """How many executables had to be made."""
        return sum(getattr(f, "compilations", 0) for f in (self.over_rows, self.over_stack))

    def knows(self, key: Any) -> bool:
        """Whether `warm_up` has been called with this key."""
        return key in self._warm

    def warm_up(self, key: Any, function: Any, *args: Any, **static: Any) -> None:
        """Compile `function` for these arguments on a background thread, while the main one trains."""
        if isinstance(function, Shared):
            specs = jax.tree.map(lambda a: jax.ShapeDtypeStruct(np.shape(a), jnp.result_type(a)), args)
            thread = threading.Thread(target=lambda: function.prepare(*specs, **static), daemon=True)
            self._warm[key] = thread
            thread.start()

    def wait(self, key: Any) -> None:
        """Wait until the background compilation started under `key`, if any, is done."""
        thread = self._warm.get(key)
        if thread is not None and thread.is_alive():
            with doing("compiling"):
                thread.join()


class Program(Loops):
    """The compiled loops of one step function.

    Args:
        step: `(fixed, carry, batch) -> carry`, pure; without `results`, `-> (carry, logs)`.
        results: `carry -> {name: array}`, what the host wants to see after each call.
        jit: False runs the same code without compiling, op by op (for debugging).
        donate: whether `carry`'s buffers are reused for the result.
    """

    def __init__(self, step: Callable, results: Callable | None, jit: bool = True, donate: bool = True):
        super().__init__(step, jit, donate=(1,) if donate else ())
        self.results = results
        self.names: tuple[str, ...] = ()
        self.seconds_per_step: float | None = None

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
        loop: Callable = jax.lax.fori_loop,
    ) -> tuple[Any, tuple]:
        self.traces += 1

        def body(i: Any, carry: Any) -> Any:
            return self.step(fixed, carry, gather_batch(data, order, i, batch_size))

        return self._run(lo, hi, body, carry, loop)

    def _over_stack(
        self, fixed: Any, carry: Any, stack: Any, lo: Any, hi: Any, loop: Callable = jax.lax.fori_loop
    ) -> tuple[Any, tuple]:
        self.traces += 1

        def body(i: Any, carry: Any) -> Any:
            return self.step(fixed, carry, index_batch(stack, i))

        return self._run(lo, hi, body, carry, loop)

    def _run(self, lo: Any, hi: Any, body: Callable, carry: Any, loop: Callable) -> tuple[Any, tuple]:
        if self.results is not None:
            carry = loop(lo, hi, body, carry)
            logs = self.results(carry)
        else:  # the step returns logs of its own; those of the last step count
            spec = jax.eval_shape(body, 0, carry)[1]
            start = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), spec)
            carry, logs = loop(lo, hi, lambda i, both: body(i, both[0]), (carry, start))
        self.names = tuple(logs)
        return carry, tuple(logs.values())  # a dict would come back from JAX in alphabetical order

    def fetch(self, results: tuple) -> dict[str, Any]:
        """The results of a call on the host: Python floats where they are scalars, arrays otherwise."""
        values = jax.device_get(results)
        return {n: float(v) if np.ndim(v) == 0 else np.asarray(v) for n, v in zip(self.names, values, strict=True)}

    def pace(self, remaining: int) -> int:
        """How many steps the next call should run: one if nothing is known yet, else what fills the target time."""
        if self.seconds_per_step is None:
            return min(1, remaining)
        return max(1, min(remaining, int(TARGET_SECONDS / max(self.seconds_per_step, 1e-9))))

    def observe(self, steps: int, seconds: float) -> None:
        """Learn from a call how long a step takes; the first call, which compiles, teaches nothing."""
        measured = seconds / steps
        known = self.seconds_per_step
        self.seconds_per_step = measured if known is None else 0.5 * (known + measured)


class Predictor(Loops):
    """The compiled loops of a prediction step; called like a `Program`, with a number in the place of the carry.

    `count` (static) is how many batches the result has room for: outputs have shape `(count, batch, ...)`, of which the
    first `hi - lo` are filled.

    Args:
        step: `(fixed, x) -> outputs`, pure.
        jit: False runs op by op.
    """

    def __init__(self, step: Callable, jit: bool = True):
        super().__init__(step, jit, static=(1,))

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
        loop: Callable = jax.lax.fori_loop,
    ) -> Any:
        return self._collect(fixed, count, lambda i: gather_batch(data, order, lo + i, batch_size), hi - lo, loop)

    def _over_stack(self, fixed: Any, count: int, stack: Any, lo: Any, hi: Any, loop: Callable = jax.lax.fori_loop) -> Any:
        return self._collect(fixed, count, lambda i: index_batch(stack, lo + i), hi - lo, loop)

    def _collect(self, fixed: Any, count: int, read: Callable, steps: Any, loop: Callable) -> Any:
        self.traces += 1

        def predict(i: Any) -> Any:
            return self.step(fixed, read(i)[0])

        if count == 1:
            return jax.tree.map(lambda a: a[None], predict(0))
        empty = jax.tree.map(lambda a: jnp.zeros((count, *a.shape), a.dtype), jax.eval_shape(predict, 0))

        def body(i: Any, filled: Any) -> Any:
            return jax.tree.map(lambda a, new: jax.lax.dynamic_update_index_in_dim(a, new, i, 0), filled, predict(i))

        return loop(0, steps, body, empty)


def gather_batch(data: Any, order: jax.Array, i: Any, batch_size: int) -> Any:
    """Batch `i` of data on the device: the rows that `order` lists for it."""
    rows = jax.lax.dynamic_slice_in_dim(order, i * batch_size, batch_size)
    return jax.tree.map(lambda a: take_rows(a, rows), data)


def index_batch(stack: Any, i: Any) -> Any:
    """Batch `i` of a stack."""
    return jax.tree.map(lambda a: jax.lax.dynamic_index_in_dim(a, i, keepdims=False), stack)


def take_rows(array: jax.Array, rows: jax.Array) -> jax.Array:
    """`array[rows]` for indices known to be in bounds."""
    return array.at[rows].get(mode="promise_in_bounds")


def _python_loop(lo: int, hi: int, body: Callable, carry: Any) -> Any:
    for i in range(int(lo), int(hi)):
        carry = body(i, carry)
    return carry


class Clock:
    """Adds the time spent in a `with` block to one of the counters of a `Stats`.

    >>> stats = Stats()
    >>> with Clock(stats, "data_seconds"):
    ...     pass
    >>> stats.data_seconds > 0
    True
    """

    def __init__(self, stats: Stats, counter: str):
        self.stats, self.counter = stats, counter

    def __enter__(self) -> "Clock":
        self.start = time.perf_counter()
        return self

    def __exit__(self, *exception: Any) -> None:
        self.seconds = time.perf_counter() - self.start
        setattr(self.stats, self.counter, getattr(self.stats, self.counter) + self.seconds)


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
