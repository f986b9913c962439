"""The optimizers whose rules look at a whole tensor (`layerwise`), by name: Lamb, Adafactor, Muon."""

import re
from typing import Any, Unpack

import jax

from jkeras.optimizers import layerwise
from jkeras.optimizers.arguments import at_least
from jkeras.optimizers.base import Optimizer, Options
from jkeras.optimizers.parameters import is_variable


class Lamb(Optimizer):
    """Adam with steps in proportion to the norm of each weight tensor, for large batches.

    Args:
        learning_rate: see `Optimizer`.
        beta_1: how slowly the mean of the gradients follows.
        beta_2: how slowly the mean of their squares follows.
        epsilon: added to the root.
        *common, **options: see `Optimizer`.
    """

    slot_groups = (("momentum", "velocity"),)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *common: Any,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, *common, **options)
        self._keep(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)

    def rule(self) -> Any:
        return layerwise.lamb(self._momentum("beta_1"), self.beta_2, self.epsilon)


class Adafactor(Optimizer):
    """A mean of squares kept as rows and columns: little memory for large matrices.

    Args:
        learning_rate: see `Optimizer`.
        beta_2_decay: how fast the means' window grows with time; negative.
        epsilon_1: added to the squared gradients.
        epsilon_2: the least size of a weight tensor that steps are in proportion to.
        clip_threshold: the largest root mean square of a step in units of the learning rate.
        relative_step: whether the learning rate is limited to 1 / sqrt(t). As in Keras, the step is limited to that in any
            case; the argument stands for its configs.
        *common, **options: see `Optimizer`.
    """

    slot_groups = (("r", "c", "velocity"),)

    unnamed_slots = ("r", "c")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        *common: Any,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, *common, **options)
        self._keep(beta_2_decay=beta_2_decay, epsilon_1=epsilon_1, epsilon_2=epsilon_2, clip_threshold=clip_threshold)
        self.relative_step = relative_step

    def rule(self) -> Any:
        return layerwise.adafactor(self.beta_2_decay, self.epsilon_1, self.epsilon_2, self.clip_threshold)


class Muon(Optimizer):
    """Orthogonal steps for hidden matrices; Adam for vectors, embeddings, and what is excluded by name.

    Args:
        learning_rate: see `Optimizer`.
        adam_beta_1: as in `Adam`, for the weights that Adam updates.
        adam_beta_2: likewise.
        adam_weight_decay: the weight decay of those weights.
        epsilon: as in `Adam`.
        weight_decay: of the matrices; see `Optimizer`.
        exclude_layers: regular expressions; matrices whose path contains one are left to Adam. The output layer should be.
        exclude_embeddings: whether weights with "embedding" in their path are left to Adam.
        muon_a: a coefficient of the iteration that makes matrices orthogonal.
        muon_b: likewise.
        muon_c: likewise.
        adam_lr_ratio: Adam's learning rate in units of the given one.
        momentum: the share of the last steps in the next one.
        ns_steps: how many iterations.
        nesterov: whether to look ahead.
        rms_rate: the root mean square of a step in units of the learning rate; None: steps are not scaled.
        *common, **options: see `Optimizer`.
    """

    slot_groups = (("momentum", "velocity"),)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        *common: Any,
        exclude_layers: list[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, weight_decay, *common, **options)
        self._keep(adam_beta_1=adam_beta_1, adam_beta_2=adam_beta_2, adam_weight_decay=adam_weight_decay, epsilon=epsilon)
        self.exclude_layers, self.exclude_embeddings = list(exclude_layers or []), exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self._keep(adam_lr_ratio=adam_lr_ratio, momentum=momentum)
        self.ns_steps = at_least("ns_steps", ns_steps, 0)
        self.nesterov = nesterov
        self._keep(rms_rate=rms_rate)

    def rule(self) -> Any:
        return layerwise.muon(
            lambda params: jax.tree_util.tree_map_with_path(self._uses_adam, params),
            self.adam_beta_1,
            self.adam_beta_2,
            self.epsilon,
            self.adam_lr_ratio,
            momentum=self.momentum,
            nesterov=self.nesterov,
            steps=self.ns_steps,
            coefficients=(self.muon_a, self.muon_b, self.muon_c),
            rms_rate=self.rms_rate,
        )

    def _uses_adam(self, path: tuple, p: Any) -> bool:
        where = self._variable_at(path)[0]
        embedding = self.exclude_embeddings and "embedding" in where.lower()
        return p.ndim != 2 or embedding or any(re.search(pattern, where) for pattern in self.exclude_layers)

    def _decay_rate(self, path: tuple, p: Any) -> float:
        return (self.adam_weight_decay if self._uses_adam(path, p) else self.weight_decay) or 0.0

    def _choices(self) -> tuple:
        if self._parameters is None:
            return ()
        known = self._parameters
        adam = jax.tree_util.tree_map_with_path(self._uses_adam, known.nest(known.variables), is_leaf=is_variable)
        return (*super()._choices(), tuple(known.flatten(adam)))
