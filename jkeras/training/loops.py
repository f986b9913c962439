"""Loops over batches of one step function, and how a batch is read inside them; `engine` has the loops for training and prediction."""

import contextlib
import functools
import threading
from collections.abc import Callable
from typing import Any

import jax

from jkeras.runtime.activity import doing
from jkeras.runtime.executables import CompiledOnce, spec_of, trace_conditions
from jkeras.runtime.mesh import current
from jkeras.training.agreement import agreeing


class Loops:
    """Loops over batches of one step function, compiled or (with `jit=False`, for debugging) run op by op.

    Subclasses define `_over_rows` and `_over_stack`; their second argument is donated or static, as `options` say.
    """

    sets: tuple[str, ...] = ()  # the attributes that a trace sets
    over_rows: Callable
    over_stack: Callable
    _over_rows: Callable
    _over_stack: Callable

    def __init__(self, step: Callable, jit: bool, **options: Any):
        self.step = step
        self.traced = 0
        self._warm: dict[Any, threading.Thread] = {}
        eager = [functools.partial(function, jit=False) for function in (self._over_rows, self._over_stack)]
        if jit:
            options |= {"sets": self.sets, "agreeing": agreeing}
            self.over_rows = CompiledOnce(self._over_rows, eager=eager[0], steady=2, **options)
            self.over_stack = CompiledOnce(self._over_stack, eager=eager[1], steady=2, **options)
        else:
            self.over_rows, self.over_stack = eager

    @property
    def traces(self) -> int:
        """The number of traces of the step."""
        return self.traced

    @property
    def compilations(self) -> int:
        """The number of executables that had to be made."""
        return sum(getattr(f, "compilations", 0) for f in (self.over_rows, self.over_stack))

    def knows(self, key: Any) -> bool:
        """True if `warm_up` has been called with this key."""
        return key in self._warm

    def warm_up(self, key: Any, function: Any, *args: Any, **static: Any) -> None:
        """Compile `function` for these arguments on a background thread, while the main one trains."""
        if isinstance(function, CompiledOnce):
            specs, wanted, placement = jax.tree.map(spec_of, args), trace_conditions(), current()

            def prepare() -> None:
                # Switches that hold in the caller's thread alone, such as jax.default_device, do not hold here.
                with contextlib.suppress(Exception), placement.tracing():  # it comes again where the program is run
                    if trace_conditions() == wanted:
                        function.prepare(*specs, **static)

            thread = threading.Thread(target=prepare, daemon=True)
            self._warm[key] = thread
            thread.start()

    def take_over(self, earlier: "Loops") -> None:
        """Go on counting where the program stopped that this one replaces."""
        self.traced = earlier.traces
        if isinstance(self.over_rows, CompiledOnce):
            self.over_rows.compilations = earlier.compilations

    def wait(self, key: Any) -> None:
        """Wait until the background compilation started under `key`, if any, is done."""
        thread = self._warm.get(key)
        if thread is not None and thread.is_alive():
            with doing("compiling"):
                thread.join()


def gather_batch(data: Any, order: jax.Array, i: Any, batch_size: int) -> Any:
    """Batch `i` of data on the device: the rows that `order` lists for it."""
    rows = jax.lax.dynamic_slice_in_dim(order, i * batch_size, batch_size)
    return current().divide(jax.tree.map(lambda a: take_rows(a, rows), data))


def index_batch(stack: Any, i: Any) -> Any:
    """Batch `i` of a stack."""
    return current().divide(jax.tree.map(lambda a: jax.lax.dynamic_index_in_dim(a, i, keepdims=False), stack))


def take_rows(array: jax.Array, rows: jax.Array) -> jax.Array:
    """`array[rows]` for indices known to be in bounds."""
    return array.at[rows].get(mode="promise_in_bounds")


def put_row(rows: jax.Array, row: Any, i: Any) -> jax.Array:
    """Replace row `i` of an array."""
    return jax.lax.dynamic_update_index_in_dim(rows, row, i, 0)


def python_for(lo: int, hi: int, body: Callable, carry: Any) -> Any:
    """`jax.lax.fori_loop` as a loop of Python, for `jit=False`."""
    for i in range(int(lo), int(hi)):
        carry = body(i, carry)
    return carry
