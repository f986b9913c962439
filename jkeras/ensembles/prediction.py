"""The outputs of all members."""

from typing import Any

import jax

from jkeras.core.variable import is_variable
from jkeras.ensembles.data import MEMBER_AXIS
from jkeras.ensembles.stacked import Twins
from jkeras.runtime.identity import identity
from jkeras.training.custom import custom_predict_step, is_custom
from jkeras.training.engine import Predictor
from jkeras.training.prediction import Prediction
from jkeras.training.stats import Stats
from jkeras.training.step import carried, make_predict_step


class StackedPrediction(Prediction):
    """Compiled prediction of an ensemble; outputs have shape (samples, members, ...).

    Args:
        model: the template.
        twins: where the values of the members are.
        stats, jit: as of `Prediction`.
    """

    def __init__(self, model: Any, twins: Twins, stats: Stats, jit: bool = True):
        self._twins = twins
        super().__init__(model, stats, jit)

    def _make(self) -> Predictor:
        make_step = custom_predict_step if is_custom(self.model, "predict_step") else make_predict_step
        parts = (self.model, self.slots)
        step = make_step(*parts)

        def all_members(ts: Any, changed: dict, x: Any) -> tuple[Any, dict]:
            return jax.vmap(step, (0, 0, None), (MEMBER_AXIS, 0))(ts, changed, x)

        def identify(by_name: bool) -> bytes | None:
            return identity((*parts, f"{self._twins.members} members"), self._template_leaves, by_name)

        return Predictor(all_members, self.jit, identify)

    def _list_variables(self) -> None:
        super()._list_variables()
        self._template_leaves = self._leaves
        variables = self._twins.of(self.slots.tree)
        self._leaves, self._carried = jax.tree.leaves(variables, is_leaf=is_variable), carried(variables)

    def fits(self, model: Any, jit: bool) -> bool:
        return self.jit == jit
