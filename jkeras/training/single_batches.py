"""`train_on_batch`, `test_on_batch` and `predict_on_batch`."""

from typing import Any

import jax

from jkeras.core.containment import contained
from jkeras.data import make_data
from jkeras.runtime.heap import kept
from jkeras.runtime.mesh import current
from jkeras.training.compile_methods import CompileMethods
from jkeras.training.feed import ONE
from jkeras.training.loan import Uninterrupted
from jkeras.training.plan import Plan
from jkeras.training.results import by_name


class SingleBatches(CompileMethods):
    """The methods of a model that take one batch. `Trainer` defines what they need of a model."""

    host_stage: Any = None  # the part of the model that runs on the host, see `jkeras.models.stage`
    predict: Any
    _ready: Any
    _arrangement: Any

    @contained
    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: dict | None = None, return_dict: bool = False
    ) -> Any:
        """One training step on one batch.

        Returns:
            As `evaluate`: the loss, or a list, or a dict of results, for this batch.
        """
        plan, batch = self._one_batch("train_on_batch", x, y, sample_weight, class_weight)
        plan.warn_of_switched_weights()
        start = lambda: plan.begin(self, plan.loan.lend())  # noqa: E731
        with kept, plan.loan.turn.training(f"Model {self.name!r}"):
            with plan.loan.held(), Uninterrupted():
                carry, results = plan.run(
                    self, lambda: plan.train.over_stack((), start(), current().put_single(batch), *ONE)
                )
                plan.loan.keep(carry)
            logs = plan.train.fetch(results, 1).logs
        return self._result(logs, return_dict)

    @contained
    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """The results on one batch, without training."""
        plan, batch = self._one_batch("test_on_batch", x, y, sample_weight, None)
        with kept:
            carry, results = plan.run(
                self, lambda: plan.test.over_stack(*plan.test_state(self), current().put_single(batch), *ONE)
            )
            logs = plan.test.fetch(results, 1).logs
        plan.write(*carry)
        return self._result(logs, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, as NumPy arrays."""
        batch: Any = make_data(x, steps=1, one_batch=True, stage=self.host_stage)
        lengths = {rows.shape[0] for rows in jax.tree.leaves(batch.spec())}
        if len(lengths) > 1:
            return self.predict(iter([(x,)]), verbose=0)
        return self.predict(x, batch_size=lengths.pop(), verbose=0)

    def _one_batch(self, method: str, x: Any, y: Any, sample_weight: Any, class_weight: dict | None) -> tuple[Plan, Any]:
        compiled = self._require_compiled(method)
        data: Any = make_data(
            x,
            y,
            sample_weight,
            steps=1,
            class_weight=class_weight,
            class_axis=compiled.class_axis,
            arrange=self._arrangement(),
            stage=self.host_stage,
            one_batch=True,
        )
        return self._ready(compiled, data, False), jax.tree.map(lambda a: a[None], data.tree)

    def _result(self, logs: dict, return_dict: bool) -> Any:
        """Results by name; or their list in the order of `metrics_names`."""
        if return_dict:
            return by_name(logs)
        values = [logs[name] for name in self._in_order(logs)]
        return values[0] if len(values) == 1 else values
