"""`compile`, the attributes that show its arguments, and the methods that compute the loss and the metrics of a step."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp

from jkeras.core import dtype as dtypes
from jkeras.core.containment import contained
from jkeras.core.turns import in_training
from jkeras.core.variable import as_arrays
from jkeras.errors import known_keywords
from jkeras.training.compiled import Compiled
from jkeras.training.custom import built_in
from jkeras.training.objective import total
from jkeras.training.steps import Steps, takes_training

STOPS = {"train": "stop_training", "test": "stop_evaluating", "predict": "stop_predicting"}  # attributes that end a pass


class CompileMethods(Steps):
    """`compile` and the methods that depend on its arguments. They define what a step computes; `Trainer` adds the loops over data."""

    _compiled: Compiled | None = None
    _assigned: Mapping[str, Any] = MappingProxyType({})  # what was assigned before `compile`
    stop_training = stop_evaluating = stop_predicting = False  # a callback may set them
    untraced: tuple[str, ...] = ("_compiled", *STOPS.values())  # see `runtime.identity`

    # The other half of a model has these.
    name: Any
    built: Any
    losses: Any
    own_metrics: Callable[[], list]
    __call__: Callable

    def _forget_programs(self) -> None:
        """Something that was traced has changed: what was compiled is not this model any more."""

    @known_keywords
    @contained
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Decide how the model is trained.

        Args:
            optimizer: a name, an `Optimizer`, or any optax transformation.
            loss: a name, a `Loss`, or a function `(y_true, y_pred) -> values`; for several outputs a list or dict.
            loss_weights: factors of the outputs' losses, as a list or dict.
            metrics: a list of names, metrics or functions; for several outputs a list of lists or a dict.
            weighted_metrics: metrics that take the sample weights into account.
            run_eagerly: run every operation on its own, so that a debugger can look inside.
            steps_per_execution: how many batches go by between two calls of a batch-level callback.
            jit_compile: False runs eagerly too.
            auto_scale_loss: under `"mixed_float16"`, wrap the optimizer in a `LossScaleOptimizer`.

        Raises:
            TypeError: an unknown keyword.
            ValueError: an unknown name of an optimizer, loss or metric.
        """
        self._check_not_trained_elsewhere()
        if not isinstance(steps_per_execution, int) or steps_per_execution < 1:
            raise ValueError(f"steps_per_execution must be a positive integer, got {steps_per_execution!r}.")
        self._compiled = Compiled(
            self,
            optimizer,
            loss,
            loss_weights,
            metrics,
            weighted_metrics,
            run_eagerly,
            not run_eagerly and jit_compile is not False,
            steps_per_execution,
            auto_scale_loss,
        )
        self.stop_training = False
        self._assigned = {}
        vars(self).pop("loss", None)
        self._forget_programs()

    @property
    def compiled(self) -> bool:
        """True if `compile` has been called."""
        return self._compiled is not None

    @property
    def optimizer(self) -> Any:
        """The optimizer given to `compile`, or assigned since; None before."""
        return self._assigned.get("optimizer") if self._compiled is None else self._compiled.optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Any) -> None:
        self._recompile(optimizer=optimizer)

    @property
    def loss(self) -> Any:
        """The loss as given to `compile`, or assigned; a subclass may keep something of its own under this name."""
        own = vars(self).get("loss")
        return own if own is not None or self._compiled is None else self._compiled.loss

    @loss.setter
    def loss(self, loss: Any) -> None:
        vars(self)["loss"] = loss  # Keras reads it in `compile` alone, too

    @property
    def run_eagerly(self) -> bool:
        """True if steps run op by op, so that a debugger can look inside; may be assigned."""
        return self._assigned.get("run_eagerly", False) if self._compiled is None else self._compiled.run_eagerly

    @run_eagerly.setter
    def run_eagerly(self, value: bool) -> None:
        self._recompile(run_eagerly=bool(value), jit_compile="auto")

    @property
    def jit_compile(self) -> bool:
        """True if steps are compiled; may be assigned."""
        if self._compiled is None:
            return not self.run_eagerly and self._assigned.get("jit_compile", True) is not False
        return self._compiled.jit

    @jit_compile.setter
    def jit_compile(self, value: bool | str) -> None:
        self._recompile(jit_compile=value)

    @property
    def steps_per_execution(self) -> int:
        """The number of batches between two calls of a batch-level callback. It may be assigned."""
        return self._assigned.get("steps_per_execution", 1) if self._compiled is None else self._compiled.steps_per_execution

    @steps_per_execution.setter
    def steps_per_execution(self, value: int) -> None:
        self._recompile(steps_per_execution=value)

    def _recompile(self, **changes: Any) -> None:
        """Change some of the arguments of `compile`; what is assigned before `compile` waits for it."""
        self._check_not_trained_elsewhere()
        if self._compiled is None:
            self._assigned = {**self._assigned, **changes}
        else:
            self._compiled.change(**changes)

    def _is_trained_elsewhere(self) -> bool:
        """True if another thread is in `fit`."""
        plan = None if self._compiled is None else self._compiled.plan
        return plan is not None and plan.loan.turn.is_taken()

    def _check_not_trained_elsewhere(self) -> None:
        if self._is_trained_elsewhere():
            raise in_training(f"Model {self.name!r}")

    @property
    def _loss_tracker(self) -> Any:
        return None if self._compiled is None else self._compiled.loss_tracker

    @property
    def metrics(self) -> list:
        """The metrics: the loss, those given to `compile`, those of single outputs' losses, and the layers' own."""
        found: list = []
        compiled = self._compiled
        if compiled is not None:
            found.append(compiled.loss_tracker)
            if compiled.scores is not None:
                found.append(compiled.scores)
            if compiled.objective is not None:
                found.extend(compiled.objective.trackers)
        return found + self.own_metrics()

    @property
    def metrics_names(self) -> list[str]:
        """The names of the results, in the order of the list that `evaluate` returns."""
        compiled = self._compiled
        if compiled is None or compiled.parts is None:
            return [metric.name for metric in self.metrics]
        return self._in_order(compiled.prepare(self).result_names(self))

    def _in_order(self, names: Iterable[str]) -> list[str]:
        """In the order of the metrics' names; then what has other names (`"out_mae"`), by name."""
        names = list(names)
        first = [member.name for metric in self.metrics for member in getattr(metric, "members", [metric])]
        return [name for name in dict.fromkeys([*first, *sorted(names)]) if name in names]

    @built_in
    def reset_metrics(self) -> None:
        """Set all metrics back to their start."""
        for metric in self.metrics:
            metric.reset_state()

    def stats(self) -> dict[str, float]:
        """The cost of training so far: traces, compilations, calls of the compiled loop, steps per call, bytes on the
        device, seconds.
        """
        return self._require_compiled("stats").stats.as_dict()

    # -- what subclasses may override ---------------------------------------------------------------------------------

    @built_in
    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> jax.Array:
        """The scalar that is minimized: the losses given to `compile`, and what layers add.

        Args:
            x: inputs.
            y: targets.
            y_pred: outputs.
            sample_weight: weights of the samples.
            training: whether this is a training step.
        """
        objective = self._require_compiled("compute_loss").objective_for(self, y, y_pred)
        values = objective(y, y_pred, sample_weight) if objective is not None else []
        return total(values + [jnp.sum(extra) for extra in self.losses])

    @built_in
    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict:
        """Let the metrics given to `compile` see a batch; returns all results. What an override returns is logged."""
        compiled = self._require_compiled("compute_metrics")
        if compiled.on_arrival is not None:
            compiled.on_arrival(y, y_pred)
        if compiled.scores is not None and y is not None:
            compiled.scores.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict:
        """The metrics' values by name."""
        results: dict = {}
        for metric in self.metrics:
            value = as_arrays(metric.result())
            results.update(value if isinstance(value, dict) else {metric.name: value})
        return results

    def _call_on(self, x: Any, training: bool) -> Any:
        return self(x, training=training)

    def _compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> jax.Array:
        arguments = {"training": training} if takes_training(self.compute_loss) else {}
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, **arguments)
        loss = jnp.asarray(as_arrays(loss))
        return loss if jnp.issubdtype(loss.dtype, jnp.inexact) else loss.astype(dtypes.floatx())

    def _require_compiled(self, method: str) -> Compiled:
        if self._compiled is None:
            raise ValueError(
                f"Model {self.name!r} has to be compiled before {method}() is called:\n    model.compile(optimizer='adam', loss='mse')"
            )
        return self._compiled
