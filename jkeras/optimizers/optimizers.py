"""The optimizers by name: each class is a list of arguments, under Keras's names and with its defaults, and a rule.

`*common, **options` are the arguments that all have, from `weight_decay` on; see `Optimizer`.
"""

from typing import Any, Unpack

from jkeras.optimizers import transforms
from jkeras.optimizers.arguments import at_least
from jkeras.optimizers.base import Optimizer, Options


class SGD(Optimizer):
    """Gradient descent, with momentum if asked for.

    Args:
        learning_rate: see `Optimizer`.
        momentum: from 0 to 1; the share of the last step that is taken again.
        nesterov: whether the gradient's part is looked ahead of the momentum.
        *common, **options: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        *common: Any,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, *common, **options)
        self._keep(momentum=momentum)
        self.nesterov = nesterov

    def rule(self) -> Any:
        return transforms.sgd(self._momentum("momentum"), self.nesterov)


class RMSprop(Optimizer):
    """The gradient over the root of a running mean of its squares.

    Args:
        learning_rate: see `Optimizer`.
        rho: how slowly the mean follows.
        momentum: from 0 to 1; the share of the last step that is taken again.
        epsilon: added to the mean, under the root.
        centered: whether to divide by the standard deviation instead.
        *common, **options: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        *common: Any,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, *common, **options)
        self._keep(rho=rho, momentum=momentum, epsilon=epsilon)
        self.centered = centered

    def rule(self) -> Any:
        return transforms.rmsprop(self.rho, self._momentum("momentum"), self.epsilon, self.centered)


class Adam(Optimizer):
    """A running mean of the gradients over the root of one of their squares.

    Args:
        learning_rate: see `Optimizer`.
        beta_1: how slowly the mean of the gradients follows.
        beta_2: how slowly the mean of their squares follows.
        epsilon: added to the root.
        amsgrad: whether to divide by the largest mean of squares so far.
        *common, **options: see `Optimizer`.
    """

    slot_groups = (("momentum", "velocity"), ("velocity_hat",))

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        *common: Any,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, *common, **options)
        self._keep(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)
        self.amsgrad = amsgrad

    def rule(self) -> Any:
        return transforms.adam(self._momentum("beta_1"), self.beta_2, self.epsilon, self.amsgrad)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2017, arXiv:1711.05101).

    Args:
        learning_rate: see `Optimizer`.
        weight_decay: see `Optimizer`; not None.
        beta_1: as in `Adam`.
        beta_2: as in `Adam`.
        epsilon: as in `Adam`.
        amsgrad: as in `Adam`.
        *common, **options: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        *common: Any,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, *common, **options)
        if weight_decay is None:
            raise ValueError("`weight_decay` of AdamW must be a number, got None; for no decay use Adam.")


class Adamax(Optimizer):
    """Adam with the largest recent gradient in the place of the root of the mean of squares.

    Args:
        learning_rate: see `Optimizer`.
        beta_1: how slowly the mean of the gradients follows.
        beta_2: how slowly their largest magnitude is forgotten.
        epsilon: added to this magnitude.
        *common, **options: see `Optimizer`.
    """

    slot_groups = (("momentum", "norm"),)

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
        return transforms.adamax(self._momentum("beta_1"), self.beta_2, self.epsilon)


class Nadam(Optimizer):
    """Adam with Nesterov's look ahead.

    Args:
        learning_rate: see `Optimizer`.
        beta_1: how slowly the mean of the gradients follows.
        beta_2: how slowly the mean of their squares follows.
        epsilon: added to the root.
        schedule_decay: how fast the momentum rises to beta_1: beta_1 * (1 - 0.5 * 0.96 ^ (t * schedule_decay)). Keras 3 has
            1, the first Kerases had 0.004.
        *common, **options: see `Optimizer`.
    """

    slot_groups = (("momentum", "velocity"),)

    unnamed_slots = ("u_product",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *common: Any,
        schedule_decay: float = 1.0,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, *common, **options)
        self._keep(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, schedule_decay=schedule_decay)

    def rule(self) -> Any:
        return transforms.nadam(self.beta_1, self.beta_2, self.epsilon, self.schedule_decay)


class Adagrad(Optimizer):
    """The gradient over the root of the sum of all its squares: steps shrink, least for rare features.

    Args:
        learning_rate: see `Optimizer`.
        initial_accumulator_value: where the sum starts.
        epsilon: added to the sum, under the root.
        *common, **options: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        *common: Any,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, *common, **options)
        self._keep(initial_accumulator_value=initial_accumulator_value, epsilon=epsilon)

    def rule(self) -> Any:
        return transforms.adagrad(self.initial_accumulator_value, self.epsilon)


class Adadelta(Optimizer):
    """RMSprop with steps that have the size of recent steps. The original paper has a learning rate of 1.

    Args:
        learning_rate: see `Optimizer`.
        rho: how slowly both means follow.
        epsilon: added to them, under the roots.
        *common, **options: see `Optimizer`.
    """

    slot_groups = (("accumulated_grad", "accumulated_delta_var"),)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        *common: Any,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, *common, **options)
        self._keep(rho=rho, epsilon=epsilon)

    def rule(self) -> Any:
        return transforms.adadelta(self.rho, self.epsilon)


class Lion(Optimizer):
    """Steps in the direction of the sign of an average; wants a smaller learning rate than Adam.

    Args:
        learning_rate: see `Optimizer`.
        beta_1: the share of the mean, against the gradient, in the direction.
        beta_2: how slowly the mean of the gradients follows.
        *common, **options: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        *common: Any,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, *common, **options)
        self._keep(beta_1=beta_1, beta_2=beta_2)
        if beta_1 == 0:
            raise ValueError("`beta_1` of Lion must be above 0; with 0 it would follow the sign of the gradient alone.")

    def rule(self) -> Any:
        return transforms.lion(self.beta_1, self.beta_2)


class Ftrl(Optimizer):
    """Follow the regularized leader: for large, sparse, shallow models.

    Args:
        learning_rate: see `Optimizer`.
        learning_rate_power: how the learning rate falls with the sum of squares; 0 is not at all.
        initial_accumulator_value: where this sum starts.
        l1_regularization_strength: of the penalty that makes weights exactly zero.
        l2_regularization_strength: of the penalty on the squares of the weights.
        l2_shrinkage_regularization_strength: of a penalty on their squares that acts through the gradient.
        beta: added to the root of the sum.
        *common, **options: see `Optimizer`.
    """

    slot_groups = (("accumulator", "linear"),)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        *common: Any,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, *common, **options)
        self._keep(
            learning_rate_power=learning_rate_power,
            initial_accumulator_value=initial_accumulator_value,
            l1_regularization_strength=l1_regularization_strength,
            l2_regularization_strength=l2_regularization_strength,
            l2_shrinkage_regularization_strength=l2_shrinkage_regularization_strength,
            beta=beta,
        )

    def rule(self) -> Any:
        return transforms.ftrl(
            self.learning_rate_power,
            self.initial_accumulator_value,
            self.l1_regularization_strength,
            self.l2_regularization_strength,
            self.l2_shrinkage_regularization_strength,
            self.beta,
        )


class ScheduleFreeAdamW(Optimizer):
    """Adam whose weights are averaged so that no learning-rate schedule is needed.

    Args:
        learning_rate: see `Optimizer`.
        beta_1: where gradients are taken: this much at the average, the rest at the fast weights; above 0.
        beta_2: how slowly the mean of the squared gradients follows.
        epsilon: added to the root.
        warmup_steps: in so many first steps the learning rate rises linearly.
        *common, **options: see `Optimizer`.
    """

    slot_groups = (("momentum", "velocity"),)

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        *common: Any,
        **options: Unpack[Options],
    ):
        super().__init__(learning_rate, *common, **options)
        self._keep(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)
        self.warmup_steps = at_least("warmup_steps", warmup_steps, 0)

    def rule(self) -> Any:
        return transforms.schedule_free_adamw(self.beta_1, self.beta_2, self.epsilon, self.warmup_steps)
