"""The decisions of `compile`, and their consequences once the shapes are known.

`compile` is called before the model has seen data, so it only notes its arguments. `Compiled.prepare`, with the specs of
the first batch, builds the model, picks losses and metrics, makes the optimizer's state and the compiled programs.
"""

import threading
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jkeras import losses, optimizers
from jkeras import metrics as metrics_module
from jkeras.core import tree
from jkeras.core.assignment import assign_all
from jkeras.core.frame import Frame, Unbound
from jkeras.core.turns import held
from jkeras.core.variable import as_arrays, is_variable
from jkeras.errors import outside
from jkeras.runtime.identity import identity
from jkeras.runtime.mesh import ONE_DEVICE, current
from jkeras.training.custom import custom_test_step, custom_train_step, is_custom
from jkeras.training.engine import Program, Stats
from jkeras.training.handed_on import handed_on
from jkeras.training.loan import Loan
from jkeras.training.objective import CROSSENTROPY, Objective, Scores, check_names
from jkeras.training.outputs import Outputs
from jkeras.training.step import Slots, TrainState, make_logged_loss, make_results, make_train_step

PREPARING = threading.RLock()  # models are built by one thread at a time


class Compiled:
    """The state of a compiled model.

    Args:
        model: the trainer that was compiled.
        optimizer, loss, loss_weights, metrics, weighted_metrics: as given to `compile`.
        run_eagerly: whether to run op by op instead of compiling.
        steps_per_execution: how many batches a batch-level callback lets pass at once.
        auto_scale_loss: whether a model of the policy "mixed_float16" gets a `LossScaleOptimizer`.
    """

    sees_targets = True  # whether the objective sees the targets as they were given
    on_arrival: Callable | None = None  # see `handed_on`

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        loss: Any,
        loss_weights: Any,
        metrics: Any,
        weighted_metrics: Any,
        run_eagerly: bool,
        jit: bool,
        steps_per_execution: int,
        auto_scale_loss: bool,
    ):
        check_names(loss, metrics, weighted_metrics)
        self.optimizer = optimizers.get(optimizer)
        scaled = (optimizers.LossScaleOptimizer, type(None))
        if auto_scale_loss and model.dtype_policy.name == "mixed_float16" and not isinstance(self.optimizer, scaled):
            self.optimizer = optimizers.LossScaleOptimizer(self.optimizer, name="loss_scale_optimizer")
        self.loss, self.loss_weights = loss, loss_weights
        self.given_metrics, self.given_weighted_metrics = metrics, weighted_metrics
        self.run_eagerly, self.jit, self.steps_per_execution = run_eagerly, jit, steps_per_execution
        self.loss_tracker = metrics_module.Mean(name="loss")
        self.objective: Objective | None = None
        self.scores: Scores | None = None
        self.ready = False
        self.stats = Stats()
        # What is trainable is decided here: switching it later needs another compile(), as in Keras.
        self._trainable = {id(v): v.trainable for v in model.slots().values()}

    def prepare(self, model: Any, spec: Any) -> None:
        """Build everything that depends on shapes, once.

        Args:
            model: the trainer.
            spec: `(x, y, sample_weight)` as specs of a batch.
        """
        if self.ready and hasattr(self, "train"):
            return
        with PREPARING:
            if not self.ready:
                self._resolve(model, spec)
            if not hasattr(self, "train"):
                self.loan = Loan(self.variables)
                self.train, self.test = self._programs(model)

    def __getstate__(self) -> dict:
        return {k: v for k, v in vars(self).items() if k not in ("train", "test", "loan")}  # a copy makes its own

    def _resolve(self, model: Any, spec: Any) -> None:
        x, y, _ = spec
        y_pred: Any = self._outputs_for(model, x)
        scored = self.given_metrics is not None or self.given_weighted_metrics is not None
        if y_pred is None and scored:
            raise ValueError(
                f"compile() was given metrics, but model {model.name!r} defines no call(self, inputs) that takes the data, so they "
                "have no outputs to look at. Define call, or compute metrics in train_step."
            )
        if self.loss is not None and y_pred is not None:
            seen = handed_on(model, self, "compute_loss", spec, y_pred)
            self.objective = Objective(self.loss, self.loss_weights, self._outputs(model, seen[1]), *seen)
            self.sees_targets = seen == (y, y_pred)
        if scored:
            seen = handed_on(model, self, "compute_metrics", spec, y_pred)
            self.scores = Scores(self.given_metrics, self.given_weighted_metrics, self._outputs(model, seen[1]), *seen)
        metrics = list({id(m): m for m in (self.loss_tracker, *model.metrics)}.values())
        self.slots = Slots.of(model, metrics, lambda v: self._trainable.get(id(v), v.trainable))
        self.optimizer.build(tree.nest(dict(self.slots.params)))  # type: ignore[union-attr]
        self.slots = self.slots.with_optimizer(self.optimizer.state_variables())  # type: ignore[union-attr]
        self.variables = self.slots.tree
        current().check(self.slots.variables)
        self.metrics = metrics
        self.fresh_metrics = _reset(metrics, self.slots)
        self.ready = True

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

    def class_axis(self, shape: tuple) -> bool | None:
        """True if the last axis of targets of this shape counts the classes, as far as the loss and the outputs say so."""
        if self.objective is not None:
            return self.objective.class_axis(shape)
        named = isinstance(self.loss, str) and self.loss.lower() not in CROSSENTROPY
        return losses.has_class_axis(losses.get(self.loss) if named else self.loss, shape)

    def _outputs_for(self, model: Any, x: Any) -> Any:
        """Specs of the outputs; None if there are none, or if the model cannot be called on `x` and its own step need not do so."""
        if not is_custom(model, "train_step"):
            return model.output_spec(x)
        try:
            return model.output_spec(x)
        except Exception:
            return None  # its own step will say what is wrong, if it calls the model

    @staticmethod
    def _outputs(model: Any, y_pred: Any) -> Outputs:
        return Outputs(y_pred, getattr(model, "output_names", None))

    def objective_for(self, model: Any, y: Any, y_pred: Any) -> Objective | None:
        """The objective; made for these targets and outputs, without records per output, if there is none for them."""
        if self.on_arrival is not None:
            self.on_arrival(y, y_pred)
        if self.loss is None:
            return None
        outputs = self._outputs(model, y_pred)
        if self.objective is not None and self.objective.outputs.paths == outputs.paths:
            return self.objective
        return Objective(self.loss, self.loss_weights, outputs, y, y_pred, track=False)

    def change(self, **changes: Any) -> None:
        """Take other values for some arguments of `compile`; programs are made anew.

        Args:
            **changes: `optimizer`, `run_eagerly`, `jit_compile` or `steps_per_execution`.
        """
        if "optimizer" in changes:
            self.optimizer, self.ready = optimizers.get(changes["optimizer"]), False
        if "run_eagerly" in changes:
            self.run_eagerly = changes["run_eagerly"]
        if "jit_compile" in changes:
            self.jit = not self.run_eagerly and changes["jit_compile"] is not False
        if "steps_per_execution" in changes:
            self.steps_per_execution = changes["steps_per_execution"]
        elif hasattr(self, "loan"):
            self.loan.take_back()
            del self.loan, self.train, self.test

    def result_names(self, model: Any) -> list[str]:
        """The names of what `evaluate` returns."""
        known = getattr(self, "test", None)
        if known is not None and known.names:
            return list(known.names)
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
        known = {id(v) for v in jax.tree.leaves(self.variables, is_leaf=is_variable)}
        new = [v for v in found.variables if id(v) not in known]
        if not new:
            raise found
        with self.loan.held():
            self.slots = self.slots.with_extra(new)
            self.variables = self.slots.tree
            old = self.train, self.test
            self.loan.take_back()
            self.loan = Loan(self.variables)
            self.train, self.test = self._programs(model)
            self.train.take_over(old[0])
            self.test.take_over(old[1])

    def test_state(self, carry: tuple | None = None) -> tuple[TrainState, tuple]:
        """`(fixed, carry)` for the program of evaluation, to begin with or to go on with a carry."""
        ts = self.read()
        if carry is None:
            return ts, (ts.state, self.start(), ts.extra)
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
            parts = (model, self.objective, self.scores, self.loss_tracker, self.metrics, self.optimizer, self.slots)
            return identity((*parts, f"logs: {model.metrics_names}"), variables, by_name)

        totals = make_results(model, self.slots)
        logged = is_custom(model, "compute_metrics")  # its results come from the step, not from the sums
        if is_custom(model, "train_step"):
            train = Program(_with_loss(custom_train_step(model, self)), None, self.jit, undo=_undo, written=_written)
        else:
            step = make_train_step(model, self.optimizer, self.slots, logged)
            train = Program(
                lambda fixed, ts, batch: step(ts, batch),
                None if logged else lambda fixed, ts: totals(ts),
                self.jit,
                undo=_undo,
                written=_written,
                identity=identify,
            )
        if is_custom(model, "test_step"):
            return train, Program(_with_loss(custom_test_step(model, self)), None, self.jit, donate=False)
        loss_of = make_logged_loss(model, self.slots)

        def test_step(fixed: TrainState, carry: tuple, batch: Any) -> tuple:
            loss, ts, logs = loss_of(whole(fixed, carry), batch, training=False)
            return (ts.state, ts.metrics, ts.extra), (loss, logs) if logged else loss

        results = None if logged else lambda fixed, carry: totals(whole(fixed, carry))
        return train, Program(test_step, results, self.jit, donate=False, identity=identify)

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


def _undo(before: TrainState, after: TrainState) -> TrainState:
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
