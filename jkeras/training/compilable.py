"""`compile`, and what it decides: the optimizer, the losses, the metrics, and how they make up a step."""

from typing import Any

import jax
import jax.numpy as jnp

from jkeras.core import dtype as dtypes
from jkeras.core.errors import keywords_of, unexpected_keywords
from jkeras.core.variable import as_arrays
from jkeras.training.compiled import Compiled
from jkeras.training.objective import total
from jkeras.training.steps import Steps, takes_training


class Compilable(Steps):
    """The part of a trainer that says what a step computes; `Trainer` adds the loops over data."""

    _compiled: Compiled | None = None
    stop_training = False

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
        **unknown: Any,
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
        if unknown:
            raise unexpected_keywords("compile()", unknown, keywords_of(Compilable.compile))
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

    @property
    def compiled(self) -> bool:
        """Whether `compile` has been called."""
        return self._compiled is not None

    @property
    def optimizer(self) -> Any:
        """The optimizer given to `compile`; None before."""
        return None if self._compiled is None else self._compiled.optimizer

    @property
    def loss(self) -> Any:
        """The loss as given to `compile`."""
        return None if self._compiled is None else self._compiled.loss

    @property
    def run_eagerly(self) -> bool:
        """Whether steps run op by op."""
        return self._compiled is not None and self._compiled.run_eagerly

    @property
    def _loss_tracker(self) -> Any:
        return self._compiled.loss_tracker

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
                found.extend(tracker for tracker in compiled.objective.trackers if tracker is not None)
        return found + self.own_metrics()

    @property
    def metrics_names(self) -> list[str]:
        """The names of `metrics`."""
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Set all metrics back to their start."""
        for metric in self.metrics:
            metric.reset_state()

    def stats(self) -> dict[str, float]:
        """What training has cost: traces, compilations, calls of the compiled loop, steps per call, bytes on the device, seconds."""
        return self._require_compiled("stats").stats.as_dict()

    # -- what subclasses may override ---------------------------------------------------------------------------------

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
        objective = self._compiled.objective
        values = objective(y, y_pred, sample_weight) if objective is not None else []
        return total(values + [jnp.sum(extra) for extra in self.losses])

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict:
        """Let the metrics given to `compile` see a batch; returns all results."""
        if self._compiled.scores is not None and y is not None:
            self._compiled.scores.update_state(y, y_pred, sample_weight)
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
                f"The model has to be compiled before {method}() is called:\n    model.compile(optimizer='adam', loss='mse')"
            )
        return self._compiled
