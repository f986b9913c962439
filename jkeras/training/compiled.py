"""What `compile` decided, and what follows from it once the shapes are known.

`compile` is called before the model has seen data, so it only notes its arguments. `Compiled.prepare`, with the specs of
the first batch, builds the model, picks losses and metrics, makes the optimizer's state and the compiled programs.
"""

from typing import Any

import jax
import numpy as np

from jkeras import metrics as metrics_module
from jkeras import optimizers
from jkeras.core import tree
from jkeras.core.frame import Frame
from jkeras.training.engine import Program, Stats
from jkeras.training.lease import Lease, is_variable
from jkeras.training.objective import Objective, Scores
from jkeras.training.outputs import Outputs
from jkeras.training.step import Slots, TrainState, make_results, make_test_step, make_train_step


class Compiled:
    """The state of a compiled model.

    Args:
        model: the trainer that was compiled.
        optimizer, loss, loss_weights, metrics, weighted_metrics: as given to `compile`.
        run_eagerly: whether to run op by op instead of compiling.
        steps_per_execution: how many batches a batch-level callback lets pass at once.
    """

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
    ):
        self.optimizer = optimizers.get(optimizer)
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
        if self.ready:
            return
        x, y, _ = spec
        y_pred = model.output_spec(x)
        outputs = Outputs(y_pred, getattr(model, "output_names", None))
        if self.loss is not None:
            self.objective = Objective(self.loss, self.loss_weights, outputs, y, y_pred)
        if self.given_metrics is not None or self.given_weighted_metrics is not None:
            self.scores = Scores(self.given_metrics, self.given_weighted_metrics, outputs, y, y_pred)
        metrics = list({id(m): m for m in (self.loss_tracker, *model.metrics)}.values())
        self.slots = Slots.of(model, metrics, lambda v: self._trainable.get(id(v), v.trainable))
        if not self.optimizer.built:
            self.optimizer.build(tree.nest(dict(self.slots.params)))
        self.variables = self.slots.read(self.optimizer.state_variables(), lambda variable: variable)
        self.lease = Lease(self.variables)
        self.fresh_metrics = _reset(metrics, self.slots)
        self._make_programs(model)
        self.ready = True

    def read(self) -> TrainState:
        """The current values, to be looked at (not consumed)."""
        return jax.tree.map(lambda variable: variable.read_box(), self.variables, is_leaf=is_variable)

    def write(self, state: dict, metrics: dict) -> None:
        """Put what an evaluation has changed into the variables."""
        for slots, values in ((self.slots.state, state), (self.slots.metrics, metrics)):
            flat = tree.flatten(values)
            for path, variable in slots.items():
                variable.assign(flat[path])

    def _make_programs(self, model: Any) -> None:
        train, test = make_train_step(model, self.optimizer, self.slots), make_test_step(model, self.slots)
        results = make_results(model, self.slots)

        def train_step(fixed: Any, carry: TrainState, batch: Any) -> TrainState:
            return train(carry, batch)

        def test_step(fixed: TrainState, carry: tuple, batch: Any) -> tuple:
            ts = test(fixed._replace(state=carry[0], metrics=carry[1]), batch)
            return ts.state, ts.metrics

        self.train = Program(train_step, lambda ts: results(ts.metrics), self.stats, self.jit)
        self.test = Program(test_step, lambda carry: results(carry[1]), self.stats, self.jit, donate=False)


def _reset(metrics: list, slots: Slots) -> dict:
    """The metrics' sums at the start of an epoch."""
    with Frame({id(v): np.zeros(v.shape, v.dtype) for v in slots.metrics.values()}) as frame:
        for metric in metrics:
            metric.reset_state()
        return jax.tree.map(np.asarray, tree.nest({p: frame.values[id(v)] for p, v in slots.metrics.items()}))
