"""The arguments of `compile`, and the plan that is made from them once the shapes of the data are known.

`compile` may be called before the model has seen data, so a `Compiled` keeps its arguments. `prepare`, with the specs
of the first batch, builds the model, makes the losses and metrics for its outputs, and returns the `Plan`: the state
and the compiled programs.
"""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from jkeras import losses, optimizers
from jkeras import metrics as metrics_module
from jkeras.training.custom import is_custom
from jkeras.training.handed_on import handed_on
from jkeras.training.objective import CROSSENTROPY, Objective, Scores, check_names
from jkeras.training.outputs import Outputs
from jkeras.training.plan import Plan
from jkeras.training.stats import Stats

PREPARING = threading.RLock()  # models are built by one thread at a time


def _shapes(x: Any) -> list:
    return [leaf.shape[1:] for leaf in jax.tree.leaves(x)]


class Parts(NamedTuple):
    """The losses and metrics of `compile`, made for the outputs of the model; None where there are none."""

    objective: Objective | None
    scores: Scores | None
    sees_targets: bool  # whether the losses see the targets as they were given
    shapes: list  # of the inputs for which the outputs are known, without the axis of the samples

    def check_targets(self, x: Any, y: Any) -> None:
        """Compare targets with what the losses expect, as far as the outputs for these inputs are known.

        Args:
            x: inputs, or anything with their shapes.
            y: targets.
        """
        if self.objective is not None and self.sees_targets and _shapes(x) == self.shapes:
            self.objective.check(y)


class Compiled:
    """The arguments of `compile`, with what was made of them.

    Args:
        model: the trainer that was compiled.
        optimizer, loss, loss_weights, metrics, weighted_metrics: as given to `compile`.
        run_eagerly: whether to run op by op instead of compiling.
        steps_per_execution: how many batches a batch-level callback lets pass at once.
        auto_scale_loss: whether a model of the policy "mixed_float16" gets a `LossScaleOptimizer`.

    Attributes:
        parts: the losses and metrics, once the outputs are known.
        plan: the state and the programs, once `prepare` was called; `change` discards it.
        stats: the cost of training so far.
    """

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
        self.parts: Parts | None = None
        self.plan: Plan | None = None
        self.stats = Stats()
        # What is trainable is decided here: switching it later needs another compile(), as in Keras.
        self._trainable = {id(v): v.trainable for v in model.slots().values()}

    def prepare(self, model: Any, spec: Any = None) -> Plan:
        """Return the plan, made at the first call.

        Args:
            model: the trainer.
            spec: `(x, y, sample_weight)` as specs of a batch; it may be left out once `parts` are known.
        """
        if self.plan is None:
            with PREPARING:
                if self.plan is None:
                    if self.parts is None:
                        self.parts = self._parts(model, spec)
                    self.plan = Plan(model, self)
        return self.plan

    @property
    def is_open(self) -> bool:
        """True if the losses and metrics have yet to be made for the outputs of the model."""
        return self.parts is None or (self.loss is not None and self.parts.objective is None)

    def is_made_on_data(self, model: Any) -> bool:
        """True if Keras looks at a batch of the data before it trains the model, to build the model, its losses or its metrics.
        For that, it draws an order of the data that is not used.

        Args:
            model: the trainer.
        """
        told = (self.loss, self.given_metrics, self.given_weighted_metrics)
        return any(each is not None for each in told) or not all(layer.built for layer in model._flatten_layers())

    def __getstate__(self) -> dict:
        return {**vars(self), "plan": None}  # a copy makes its own

    def _parts(self, model: Any, spec: Any) -> Parts:
        x, y, _ = spec
        y_pred: Any = self._outputs_for(model, x)
        scored = self.given_metrics is not None or self.given_weighted_metrics is not None
        if y_pred is None and scored:
            raise ValueError(
                f"compile() was given metrics, but model {model.name!r} defines no call(self, inputs) that takes the data, so they "
                "have no outputs to look at. Define call, or compute metrics in train_step."
            )
        objective = scores = None
        sees_targets = True
        if self.loss is not None and y_pred is not None:
            seen = handed_on(model, self, "compute_loss", spec, y_pred)
            objective = Objective(self.loss, self.loss_weights, self._outputs(model, seen[1]), *seen)
            sees_targets = seen == (y, y_pred)
        if scored:
            seen = handed_on(model, self, "compute_metrics", spec, y_pred)
            scores = Scores(self.given_metrics, self.given_weighted_metrics, self._outputs(model, seen[1]), *seen)
        return Parts(objective, scores, sees_targets, _shapes(x))

    def is_trained(self, variable: Any) -> bool:
        """True if a variable was trainable when `compile` was called; one that was made later, if it is now."""
        return self._trainable.get(id(variable), variable.trainable)

    @property
    def objective(self) -> Objective | None:
        """The losses of all outputs; None before the outputs are known."""
        return None if self.parts is None else self.parts.objective

    @property
    def scores(self) -> Scores | None:
        """The metrics of all outputs; None before the outputs are known."""
        return None if self.parts is None else self.parts.scores

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
        if self.objective is not None and set(self.objective.outputs.paths) == set(outputs.paths):
            return self.objective
        return Objective(self.loss, self.loss_weights, outputs, y, y_pred, track=False)

    def change(self, **changes: Any) -> None:
        """Take other values for some arguments of `compile`; the plan is made anew.

        Args:
            **changes: `optimizer`, `run_eagerly`, `jit_compile` or `steps_per_execution`.
        """
        if "optimizer" in changes:
            self.optimizer = optimizers.get(changes["optimizer"])
        if "run_eagerly" in changes:
            self.run_eagerly = changes["run_eagerly"]
        if "jit_compile" in changes:
            self.jit = not self.run_eagerly and changes["jit_compile"] is not False
        if "steps_per_execution" in changes:
            self.steps_per_execution = changes["steps_per_execution"]
        elif self.plan is not None:
            self.plan.loan.take_back()
            self.plan = None
