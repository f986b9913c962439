"""A `Plan`: the state of training and the compiled programs that change it.

`Compiled.prepare` makes it when the shapes of the data are known. It is complete from then on.
"""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jkeras.core import tree
from jkeras.core.assignment import assign_all
from jkeras.core.frame import Frame, Unbound
from jkeras.core.turns import held
from jkeras.core.variable import as_arrays, is_variable
from jkeras.errors import outside
from jkeras.runtime.identity import identity
from jkeras.runtime.mesh import ONE_DEVICE, current
from jkeras.training.custom import custom_test_step, custom_train_step, has_function, is_custom
from jkeras.training.engine import Program
from jkeras.training.loan import Loan
from jkeras.training.step import Slots, TrainState, make_logged_loss, make_results, make_train_step

if TYPE_CHECKING:
    from jkeras.training.compiled import Compiled


class Plan:
    """The state of training and the programs of a compiled model.

    Args:
        model: the trainer; it is built.
        compiled: the arguments of `compile`, with the losses and metrics that were made of them.

    Attributes:
        slots: the variables by their place in a `TrainState`.
        variables: the same, as a `TrainState`.
        metrics: all metrics, the loss first.
        fresh_metrics: the values of the metrics' variables at the start of an epoch.
        loan: lends the values of the variables to the programs.
        train, test: the compiled loops of training and evaluation.
    """

    loan: Loan
    train: Program
    test: Program

    def __init__(self, model: Any, compiled: "Compiled"):
        self.compiled = compiled
        self.metrics = list({id(m): m for m in (compiled.loss_tracker, *model.metrics)}.values())
        self.slots = Slots.of(model, self.metrics, compiled.is_trained)
        if compiled.optimizer is not None:
            if not (is_custom(model, "train_step") and compiled.optimizer.built):  # whose step may train some of them alone
                compiled.optimizer.build(tree.nest(dict(self.slots.params)))
            self.slots = self.slots.with_optimizer(compiled.optimizer.state_variables())
        self.variables = self.slots.tree
        current().check(self.slots.variables)
        self.fresh_metrics = _reset(self.metrics, self.slots)
        self._make_programs(model)

    def _make_programs(self, model: Any) -> None:
        self.loan = Loan(self.variables)
        self.train, self.test = self._programs(model)

    def warn_of_switched_weights(self) -> None:
        """Warn where `trainable` was set after `compile`, which has no effect before the next `compile`."""
        switched = [v for v in self.slots.params.values() if not v.trainable]
        switched += [v for v in self.slots.frozen.values() if v.trainable]
        if switched:
            warnings.warn(
                f"`trainable` was set after compile() (weight {switched[0].path!r}), which has no effect yet: what was trainable "
                "then is trained. Call model.compile(...) again.",
                stacklevel=outside(),
            )

    def result_names(self, model: Any) -> list[str]:
        """The names of what `evaluate` returns."""
        if self.test.names:
            return list(self.test.names)
        with current().tracing():
            return list(jax.eval_shape(make_results(model, self.slots), self.read()))

    def read(self) -> TrainState:
        """The current values, to be looked at (not consumed)."""
        variables, structure = jax.tree.flatten(self.variables, is_leaf=is_variable)
        with held(variables):
            return jax.tree.unflatten(
                structure, current().put_variables(variables, [variable.read_box() for variable in variables])
            )

    def note_data(self, mode: str, data: Any) -> None:
        """A pass over some data begins; an ensemble has to know how its members share a batch.

        Args:
            mode: `"train"` or `"test"`.
            data: what is read.
        """

    def start(self) -> dict:
        """The metrics' sums at the begin of an epoch."""
        if current() is ONE_DEVICE:
            return self.fresh_metrics
        variables, structure = jax.tree.flatten(self.variables.metrics, is_leaf=is_variable)
        return jax.tree.unflatten(structure, current().put_variables(variables, jax.tree.leaves(self.fresh_metrics)))

    def begin(self, model: Any, ts: TrainState) -> TrainState:
        """Return the state at the begin of a pass over data: the metrics start again, as the model's own `reset_metrics` says
        if its class has one.

        Args:
            model: the trainer.
            ts: the state before.
        """
        if not is_custom(model, "reset_metrics"):
            return ts._replace(metrics=self.start())
        with Frame(self.slots.bind(ts)) as frame:
            model.reset_metrics()
        variables, structure = jax.tree.flatten(self.variables, is_leaf=is_variable)
        pairs = zip(jax.tree.leaves(ts), jax.tree.leaves(self.slots.after(ts, frame)), strict=True)
        values = [new if new is old else np.asarray(new) for old, new in pairs]  # the loop consumes no array of the user's
        return jax.tree.unflatten(structure, current().put_variables(variables, values))

    def run(self, model: Any, call: Callable[[], Any]) -> Any:
        """Return the result of `call`, which runs a program. If its trace finds variables that are not part of the
        state (of a loss, a metric or a schedule), they become part of it, and `call` is called again.
        """
        while True:
            try:
                return call()
            except Unbound as found:
                self._adopt(model, found)

    def _adopt(self, model: Any, found: Unbound) -> None:
        known = set(map(id, self._known()))
        new = [v for v in found.variables if id(v) not in known]
        if not new:
            raise found
        with self.loan.held():
            self.loan.take_back()
            self._add(new)
            old = self.train, self.test
            self._make_programs(model)
            for program, earlier in zip((self.train, self.test), old, strict=True):
                program.take_over(earlier)

    def _known(self) -> list:
        return self.slots.variables

    def _add(self, variables: list) -> None:
        """Make variables a part of the state."""
        self.slots = self.slots.with_extra(variables)
        self.variables = self.slots.tree

    def test_state(self, model: Any, carry: tuple | None = None) -> tuple[TrainState, tuple]:
        """`(fixed, carry)` for the program of evaluation, to begin with or to go on with a carry."""
        ts = self.read()
        if carry is None:
            ts = self.begin(model, ts)
            return ts, (ts.state, ts.metrics, ts.extra)
        return ts, (*carry[:2], {**ts.extra, **carry[2]})

    def write(self, state: dict, metrics: dict, extra: dict) -> None:
        """Put what an evaluation has changed into the variables; not while another thread trains them, whose sums they are."""
        if self.loan.turn.is_taken():
            return
        groups = ((self.slots.state, state), (self.slots.metrics, metrics), (self.slots.extra, extra))
        flat = [(slots, tree.flatten(values)) for slots, values in groups]
        assign_all((variable, values[path]) for slots, values in flat for path, variable in slots.items())

    def _programs(self, model: Any) -> tuple[Program, Program]:
        """The compiled loops of training and evaluation; models of equal identity share their executables."""
        variables = jax.tree.leaves(self.variables, is_leaf=is_variable)

        def identify(by_name: bool) -> bytes | None:
            told = self.compiled
            parts = (model, told.parts, told.loss_tracker, self.metrics, told.optimizer, self.slots)
            return identity((*parts, f"logs: {model.metrics_names}"), variables, by_name)

        jit, totals = self.compiled.jit, make_results(model, self.slots)
        logged = is_custom(model, "compute_metrics")  # its results come from the step, not from the sums
        if is_custom(model, "train_step"):
            compiled = jit and not has_function(model, "train_step")
            train = Program(_with_loss(custom_train_step(model, self)), None, compiled, undo=undo, written=_written)
        else:
            step = make_train_step(model, self.compiled.optimizer, self.slots, logged)
            train = Program(
                lambda fixed, ts, batch: step(ts, batch),
                None if logged else lambda fixed, ts: totals(ts),
                jit,
                undo=undo,
                written=_written,
                identity=identify,
            )
        if is_custom(model, "test_step"):
            compiled = jit and not has_function(model, "test_step")
            return train, Program(_with_loss(custom_test_step(model, self)), None, compiled, donate=False)
        loss_of = make_logged_loss(model, self.slots)

        def test_step(fixed: TrainState, carry: tuple, batch: Any) -> tuple:
            loss, ts, logs = loss_of(whole(fixed, carry), batch, training=False)
            return (ts.state, ts.metrics, ts.extra), (loss, logs) if logged else loss

        results = None if logged else lambda fixed, carry: totals(whole(fixed, carry))
        return train, Program(test_step, results, jit, donate=False, identity=identify)

    def at_end(self, model: Any, method: str, logs: dict, ts: TrainState) -> dict:
        """The logs of a pass that is over.

        Where the model brings its own step, what that returned last under the name of a metric makes way for the metric's
        result, unless the metric never saw anything.

        Args:
            model: the trainer.
            method: the step's name.
            logs: of the last step.
            ts: the state at the end.
        """
        if not is_custom(model, method) or not logs:
            return logs
        sums, fresh = tree.flatten(ts.metrics), tree.flatten(self.fresh_metrics)
        with Frame(self.slots.bind(ts)):
            results = as_arrays(dict(model.get_metrics_result()))
            for i, metric in enumerate(self.metrics):
                if all(np.array_equal(value, fresh[path]) for path, value in sums.items() if path[0] == str(i)):
                    continue
                own = metric.result()
                names = own if isinstance(own, dict) else (metric.name,)
                logs = {**logs, **{name: _on_host(results[name]) for name in names if name in logs and name in results}}
        return logs


def _with_loss(step: Callable) -> Callable:
    """A step of a user's own for a `Program`: its loss is what it logs under that name."""

    def with_loss(fixed: Any, carry: Any, batch: Any) -> tuple[Any, tuple]:
        carry, logs = step(fixed, carry, batch)
        return carry, (logs.get("loss", 0.0), logs)

    return with_loss


def undo(before: TrainState, after: TrainState) -> TrainState:
    """The state without the last step, but with its loss and metrics in the results."""
    return before._replace(metrics=after.metrics)


def _written(ts: TrainState) -> tuple:
    """Return the variables that an update writes."""
    return ts.params, ts.opt_state


def _reset(metrics: list, slots: Slots) -> dict:
    """The metrics' sums at the start of an epoch."""
    with Frame({id(v): v.initial_value() for v in slots.metrics.values()}) as frame:
        for metric in metrics:
            metric.reset_state()
        return jax.tree.map(np.asarray, tree.nest({p: frame.values[id(v)] for p, v in slots.metrics.items()}))


def _on_host(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else np.asarray(value)


def whole(fixed: TrainState, carry: tuple) -> TrainState:
    """The state during an evaluation: what stands still, and what is carried from batch to batch."""
    return fixed._replace(state=carry[0], metrics=carry[1], extra=carry[2])
