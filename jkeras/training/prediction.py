"""`predict`: compute the outputs of many batches, and copy them to the host as they are produced."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import numpy as np

from jkeras.core.dtype import floatx
from jkeras.core.frame import Unbound
from jkeras.core.turns import read_together
from jkeras.data import ArrayData
from jkeras.runtime.executables import CompiledOnce, trace_conditions
from jkeras.runtime.heap import kept
from jkeras.runtime.identity import identity
from jkeras.runtime.mesh import current
from jkeras.runtime.placement import to_device
from jkeras.training.buckets import power
from jkeras.training.custom import custom_predict_step, has_function, is_custom
from jkeras.training.engine import Predictor, chunks
from jkeras.training.feed import ONE, pad_rows
from jkeras.training.liveness import peak_bytes
from jkeras.training.stats import Stats
from jkeras.training.step import Slots, carried, make_predict_step

COUNTS = (1, 16, 256)  # batches per call of the compiled loop: few sizes, so that few programs are compiled
CALL_BYTES = 2**26  # the outputs of one call take at most about this much
# A batch whose size is ours to choose has at most so many rows, and its arrays take at most so much. Where that makes less
# than so many batches one, as with images, nothing is gained.
WIDE_ROWS, WIDE_BYTES, LEAST_WIDTH = 1024, 2**25, 8


class Prediction:
    """The compiled prediction of one model; needs no `compile`.

    Args:
        model: any trainer that is built.
        stats: of the model.
        jit: False runs op by op.
    """

    def __init__(self, model: Any, stats: Stats, jit: bool = True):
        self.slots = Slots.of(model, model.own_metrics(), lambda variable: True)
        self.model, self.stats, self.jit = model, stats, jit
        self._own = set(map(id, model.variables))
        self._list_variables()
        self._output_bytes: dict[str, int] = {}  # of one batch, by the batch's shapes
        self._widths: dict[str, int] = {}  # what `widen` has found, by the batch's shapes
        self.by_rows = jit and model.works_by_rows()  # whether rows may be added to a batch, and batches put together
        self._checked: dict[tuple, bool] = {}  # what `repeats` looks at, of single arrays; whether rows may be added to them
        self._ready: dict[tuple, tuple] = {}  # of single arrays, the executable and the bounds of its one step
        self.program = self._make()

    def _make(self) -> Predictor:
        make_step = custom_predict_step if is_custom(self.model, "predict_step") else make_predict_step
        parts, variables = (self.model, self.slots), self._leaves
        jit = self.jit and not has_function(self.model, "predict_step")
        return Predictor(make_step(*parts), jit, lambda by_name: identity(parts, variables, by_name))

    def _list_variables(self) -> None:
        self._leaves, self._structure = self.slots.variables, self.slots.structure
        self._carried = carried(self.slots.tree)

    def _adopt(self, found: Unbound) -> None:
        """Make variables that a trace found (closed over, or an optimizer's) part of the state, and the program anew."""
        known = set(map(id, self._leaves))
        new = [v for v in found.variables if id(v) not in known]
        if not new:
            raise found
        self.slots = self.slots.with_extra(new)
        self._list_variables()
        earlier, self.program = self.program, self._make()
        self.program.take_over(earlier)
        self._ready.clear()

    def _attempt(self, call: Callable[[], Any]) -> Any:
        while True:
            try:
                return call()
            except Unbound as found:
                self._adopt(found)

    def fits(self, model: Any, jit: bool) -> bool:
        """True if the model still has the variables this was made for."""
        if self.jit != jit or model.has_fixed_structure:
            return self.jit == jit
        return set(map(id, model.variables)) == self._own

    def remember(self, x: Any, batch_size: int | None, feed: Any) -> None:
        """Note that `x` went through `run`, if it was a single batch in need of no conversion."""
        if type(x) is np.ndarray and feed.is_single and feed.data.tree[0].dtype == x.dtype:
            self._checked[x.shape, x.dtype, batch_size, floatx()] = feed.pad

    def repeats(self, x: Any, batch_size: int | None) -> bool:
        """True if an array like `x` was remembered, and `x` can be predicted without another look at its shape."""
        if type(x) is not np.ndarray or (x.shape, x.dtype, batch_size, floatx()) not in self._checked:
            return False
        with np.errstate(all="ignore"):
            return x.dtype.kind in "biu" or not np.isnan(x.min())  # the minimum of anything with a NaN is NaN

    def repeat(self, x: np.ndarray, batch_size: int | None) -> Any:
        """Predict an array of which `repeats` is true, where the executable is known: 20 us around it, where `run`, and what leads
        to it, take 170."""
        may_pad = self._checked[x.shape, x.dtype, batch_size, floatx()]
        is_power = not len(x) & (len(x) - 1)  # as one row is
        stack, rows = pad_rows(x[None]) if may_pad and not is_power else (x[None], len(x))
        key = (x.shape, x.dtype, may_pad, trace_conditions())
        with kept:
            found, results = self._ready.get(key), None
            if found is not None:
                run, bounds = found
                try:
                    results = run(self._state(), (stack, None, None), *bounds)
                except Exception:  # as CompiledOnce, which tries next, knows how to answer
                    del self._ready[key]
            if results is None:
                results = self._run_once(key, (stack, None, None))
            outputs, changed = results
            if changed:
                self._keep(changed)
            if isinstance(outputs, jax.Array):
                return np.array(np.asarray(outputs)[0][:rows])
            return jax.tree.map(lambda a: np.array(np.asarray(a)[0][:rows]), outputs)

    def _run_once(self, key: tuple, batch: tuple) -> tuple:
        """Predict a batch, and note its executable, to be called straight away, if there is one device to call it on."""
        placement, program = current(), self.program.over_stack
        args = (self._state(), 1, placement.put_single(batch), *ONE)
        results = program(*args)
        if placement.mesh is None and isinstance(program, CompiledOnce) and not jax.config.jax_disable_jit:  # type: ignore[attr-defined]
            self._ready[key] = program.prepare(*args), to_device(ONE)
        return results

    def _state(self, changed: Mapping[int, Any] = MappingProxyType({})) -> Any:
        """The variables' values; of what a prediction has changed, the new ones."""
        values = current().put_variables(self._leaves, read_together(self._leaves))
        if changed:
            new = {id(self._carried[number]): value for number, value in changed.items()}
            values = [new.get(id(v), value) for v, value in zip(self._leaves, values, strict=True)]
        return jax.tree.unflatten(self._structure, values)

    def _keep(self, changed: Mapping[int, Any]) -> None:
        for number, value in changed.items():
            variable = self._carried[number]
            if variable.turn is None or not variable.turn.is_taken():  # otherwise it is the training's
                variable.assign(value)

    def run(
        self, feed: Any, steps: int | None, callbacks: Any, progress: Any, width: int = 1, total: int | None = None
    ) -> Any:
        """Predict a pass over the data.

        Args:
            feed: the data.
            steps: the number of batches; None for all.
            callbacks: called around each batch if they watch batches.
            progress: the progress bar, or None.
            width: how many batches `widen` has made one; the progress bar counts them as they were.
            total: how many there were.

        Returns:
            The outputs as NumPy arrays, samples along the first axis.

        What the model changes on the way (seed generators, the states of recurrent layers) goes from batch to batch, and is
        kept at the end, as after an evaluation.
        """
        if self.model.stop_predicting:
            self.model.stop_predicting = False
        callbacks.on_predict_begin({})  # it may change the weights
        changed: dict[int, Any] = {}
        state = structure = None

        def call(run: Callable, count: int, lo: int, hi: int) -> tuple[Any, dict]:
            nonlocal state, structure
            if structure is not self._structure:  # at the start, and when there is more to it
                state, structure = self._state(changed), self._structure
            return run(self.program, state, count, lo, hi)

        calls = callbacks.calls("predict")
        calls.start(self.model.steps_per_execution)
        watched, watched_parts = calls.watched, []
        gathered = Gathered(None if steps is not None else getattr(feed.data, "num_samples", None))
        done, traces_before, compilations_before = 0, self.program.traces, self.program.compilations
        segments = feed.segments(self.program, False, steps)
        for segment in segments:
            alone = segment.steps == 1 or (watched and self.model.steps_per_execution == 1)
            limit = 1 if alone else self._attempt(lambda: self._batches_per_call(feed))

            def size(remaining: int, most: int = limit) -> int:
                return min(most, remaining, calls.plan().room or most)

            for lo, hi in chunks(segment.steps, 0, size):
                if watched:
                    calls.begin(done)
                # One program serves one batch or several of them, except where the outputs of several are too many.
                count = 1 if limit == 1 else next(c for c in COUNTS[1:] if c >= hi - lo)
                # (batches, batch size, ...) -> (samples, ...), without the places that this call left empty
                with kept:
                    outputs, news = self._attempt(lambda n=count, a=lo, b=hi, run=segment.run: call(run, n, a, b))  # type: ignore[misc]
                    if news:
                        changed |= news
                        state = self._state(changed)
                    part = jax.tree.map(
                        lambda a, n=hi - lo, rows=segment.rows: np.asarray(a)[:n].reshape(-1, *a.shape[2:])[:rows], outputs
                    )
                gathered.add(part)
                if watched:
                    watched_parts.append(part)
                    calls.end(done, hi - lo, {"outputs": _together(watched_parts)})
                    watched_parts = watched_parts if calls.is_open else []
                done += hi - lo
                if progress is not None:
                    progress.advance(done * width if total is None else min(done * width, total), {})
                if self.model.stop_predicting:
                    segments.close()
                    break
        if calls.is_open:
            calls.finish(done, {"outputs": _together(watched_parts)})
        self._keep(changed)
        callbacks.on_predict_end({})
        self.stats.traces += self.program.traces - traces_before
        self.stats.compilations += self.program.compilations - compilations_before
        return gathered.result()

    def widen(self, data: Any) -> int:
        """Put batches of some data together where that changes no output, as many as the memory of the outputs and of all that
        is between allows. A batch of 32 rows does not fill the cores.

        Args:
            data: in batches whose size the user has not chosen.

        Returns:
            how many batches are one now.
        """
        if not self.by_rows or not isinstance(data, ArrayData) or data.steps == 1:
            return 1
        spec = data.spec()[0]
        key = str(spec)
        if key not in self._widths:
            trace = lambda: jax.make_jaxpr(self.program.step, return_shape=True)(self._state(), {}, spec)  # noqa: E731
            with current().tracing():
                jaxpr, _ = self._attempt(trace)
            nbytes = peak_bytes(jaxpr) + sum(math.prod(a.shape) * a.dtype.itemsize for a in jax.tree.leaves(spec))
            width = min(WIDE_ROWS // data.batch_size, WIDE_BYTES // nbytes)
            self._widths[key] = power(width + 1) // 2 if width >= LEAST_WIDTH else 1
        count = min(self._widths[key], power(data.steps))
        data.batch_size *= count
        data.steps = -(-data.steps // count)
        return count

    def _batches_per_call(self, feed: Any) -> int:
        """The most batches (of those in `COUNTS`) whose outputs take no more than `CALL_BYTES`."""
        if not feed.is_resident:
            return COUNTS[-1]  # a stack is small enough as it is
        if not self.jit or has_function(self.model, "predict_step"):
            return 1  # which nothing is to be known for
        x = feed.data.spec()[0]
        key = str(x)
        if key not in self._output_bytes:
            with current().tracing():
                outputs, _ = jax.eval_shape(self.program.step, self._state(), {}, x)
            self._output_bytes[key] = sum(math.prod(o.shape) * o.dtype.itemsize for o in jax.tree.leaves(outputs))
        return max(count for count in COUNTS if count == 1 or count * self._output_bytes[key] <= CALL_BYTES)


class Gathered:
    """The outputs of successive calls as one array, or a structure of arrays, of the caller's own.

    Args:
        rows: how many there will be, if that is known: then each part goes straight to its place, and the outputs take their
            own memory once.

    >>> gathered = Gathered(rows=3)
    >>> gathered.add(np.ones(2)), gathered.add(np.zeros(1)), gathered.result().tolist()
    (None, None, [1.0, 1.0, 0.0])
    """

    def __init__(self, rows: int | None):
        self._rows, self._parts = rows, []  # type: ignore[var-annotated]
        self._whole: Any = None
        self._filled = 0

    def add(self, part: Any) -> None:
        """Put a part after those before it."""
        leaves = jax.tree.leaves(part)
        if self._rows is None or len({len(a) for a in leaves}) != 1 or self._filled + len(leaves[0]) > self._rows:
            self._parts.append(jax.tree.map(np.array, part))
            return
        if self._whole is None:
            self._whole = jax.tree.map(lambda a: np.empty((self._rows, *a.shape[1:]), a.dtype), part)
        start, self._filled = self._filled, self._filled + len(leaves[0])
        for whole, a in zip(jax.tree.leaves(self._whole), leaves, strict=True):
            whole[start : self._filled] = a

    def result(self) -> Any:
        """All parts together."""
        parts = self._parts
        if self._whole is not None:
            parts = [jax.tree.map(lambda a: a[: self._filled], self._whole), *parts]
        return _together(parts)


def _together(parts: list) -> Any:
    """The outputs of successive calls as one."""
    return parts[0] if len(parts) == 1 else jax.tree.map(_joined, *parts)


def _joined(*arrays: np.ndarray) -> np.ndarray:
    """One array of the outputs of all batches."""
    shapes = dict.fromkeys(a.shape[1:] for a in arrays)
    if len(shapes) > 1:
        listed = " and ".join(str(("batch", *shape)).replace("'", "") for shape in list(shapes)[:3])
        raise ValueError(
            f"predict() joins the outputs of all batches to one array, but they have different shapes, {listed}. Predict the "
            "batches one by one: [model.predict_on_batch(batch) for batch in batches]; or give all batches one shape, for "
            "example by padding."
        )
    return np.concatenate(arrays)
