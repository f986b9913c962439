"""Adagrad, RMSprop, Adadelta and Ftrl: the gradient divided by the root of its past squares."""

from collections.abc import Callable
from typing import Any, NamedTuple, Unpack

import jax.numpy as jnp
from optax import GradientTransformationExtraArgs

from jkeras.optimizers.arguments import in_range
from jkeras.optimizers.base import Optimizer
from jkeras.optimizers.pure import Options
from jkeras.optimizers.rule import Coefficient, Tree, at, rule


class AdagradState(NamedTuple):
    """The state of this rule between two updates."""

    accumulator: Tree  # sum of the squared gradients


def adagrad(initial_accumulator_value: float = 0.1, epsilon: float = 1e-7) -> GradientTransformationExtraArgs:
    """Divide by the root of the sum of all past squares (Duchi et al. 2011, https://jmlr.org/papers/v12/duchi11a.html).

    a <- a + g^2
    p <- p - lr * g / sqrt(a + epsilon)
    """

    def leaf_at(lr: Any, t: Any) -> Callable:
        def leaf(g: Any, p: Any, a: Any) -> tuple:
            a = a + g * g
            return -lr * g / jnp.sqrt(a + epsilon), a

        return leaf

    return rule(AdagradState(initial_accumulator_value), leaf_at)


class Adagrad(Optimizer):
    """An optimizer that divides the gradient by the root of the sum of all its squares. Its steps become smaller, most
    slowly for rare features.

    A step, with the gradient `g`, the parameter `p`, the learning rate `lr` and the number of the step `t`, from 1:

        a <- a + g^2
        p <- p - lr * g / sqrt(a + epsilon)

    Source: Duchi et al. 2011, https://jmlr.org/papers/v12/duchi11a.html.

    Args:
        initial_accumulator_value: where the sum starts.
        epsilon: a small number that is added to the sum under the root, so that nothing is divided by 0.

    >>> import jkeras
    >>> w = jkeras.Variable([1.0, 2.0])
    >>> optimizer = Adagrad(learning_rate=0.1)
    >>> optimizer.apply([jnp.array([0.5, -1.0])], [w])
    >>> [round(x, 4) for x in w.numpy().ravel().tolist()]
    [0.9155, 2.0953]
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
        self.initial_accumulator_value = in_range("initial_accumulator_value", initial_accumulator_value)
        self.epsilon = in_range("epsilon", epsilon)

    def rule(self) -> Any:
        return adagrad(self.initial_accumulator_value, self.epsilon)


class RMSpropState(NamedTuple):
    """The state of this rule between two updates."""

    velocity: Tree  # running mean of the squared gradients
    momentum: Tree | None  # decaying sum of the steps; None without momentum
    average_gradient: Tree | None  # running mean of the gradients; None unless centered


def rmsprop(
    rho: float = 0.9, momentum: Coefficient = 0.0, epsilon: float = 1e-7, centered: bool = False
) -> GradientTransformationExtraArgs:
    """Divide by the root of a running mean of squares (Hinton 2012, lecture 6 of "Neural networks for machine learning").

        v <- rho * v + (1 - rho) * g^2
        p <- p - lr * g / sqrt(v + epsilon)

    Centered: v - mean(g)^2, an estimate of the variance, takes the place of v. With momentum the steps are summed as
    m <- momentum * m + step, and p <- p - m.
    """

    def leaf_at(lr: Any, t: Any) -> Callable:
        kept = at(momentum, t)

        def leaf(g: Any, p: Any, v: Any, m: Any, mean: Any) -> tuple:
            v = rho * v + (1 - rho) * (g * g)
            spread = v
            if mean is not None:
                mean = rho * mean + (1 - rho) * g
                spread = v - mean * mean
            change = lr * g / jnp.sqrt(spread + epsilon)
            if m is not None:
                change = m = kept * m + change
            return -change, v, m, mean

        return leaf

    return rule(RMSpropState(0.0, 0.0 if momentum else None, 0.0 if centered else None), leaf_at)


class RMSprop(Optimizer):
    """An optimizer that divides the gradient by the root of a running mean of its squares.

    A step, with the gradient `g`, the parameter `p`, the learning rate `lr` and the number of the step `t`, from 1:

        v <- rho * v + (1 - rho) * g^2
        p <- p - lr * g / sqrt(v + epsilon)

    Source: Hinton 2012, lecture 6 of "Neural networks for machine learning".

    Args:
        rho: the share of its old value that the mean of the squared gradients keeps in each step, from 0 to 1.
        momentum: the share of the last step that is taken again, from 0 to 1.
        epsilon: a small number that is added to the mean under the root, so that nothing is divided by 0.
        centered: whether to divide by the standard deviation instead.

    >>> import jkeras
    >>> w = jkeras.Variable([1.0, 2.0])
    >>> optimizer = RMSprop(learning_rate=0.1)
    >>> optimizer.apply([jnp.array([0.5, -1.0])], [w])
    >>> [round(x, 4) for x in w.numpy().ravel().tolist()]
    [0.6838, 2.3162]
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
        self.rho = in_range("rho", rho)
        self.momentum = in_range("momentum", momentum)
        self.epsilon = in_range("epsilon", epsilon)
        self.centered = centered

    def rule(self) -> Any:
        return rmsprop(self.rho, self._momentum("momentum"), self.epsilon, self.centered)


class AdadeltaState(NamedTuple):
    """The state of this rule between two updates."""

    accumulated_grad: Tree  # running mean of the squared gradients
    accumulated_delta_var: Tree  # running mean of the squared steps


def adadelta(rho: float = 0.95, epsilon: float = 1e-7) -> GradientTransformationExtraArgs:
    """RMSprop whose steps have the unit of the parameters (Zeiler 2012, arXiv:1212.5701).

    v <- rho * v + (1 - rho) * g^2
    d  = sqrt(s + epsilon) / sqrt(v + epsilon) * g
    s <- rho * s + (1 - rho) * d^2
    p <- p - lr * d
    """

    def leaf_at(lr: Any, t: Any) -> Callable:
        def leaf(g: Any, p: Any, v: Any, s: Any) -> tuple:
            v = rho * v + (1 - rho) * (g * g)
            change = jnp.sqrt(s + epsilon) * g / jnp.sqrt(v + epsilon)
            return -lr * change, v, rho * s + (1 - rho) * (change * change)

        return leaf

    return rule(AdadeltaState(0.0, 0.0), leaf_at)


class Adadelta(Optimizer):
    """An optimizer like RMSprop whose steps are scaled by the size of the recent steps. The paper uses a learning rate
    of 1.

    A step, with the gradient `g`, the parameter `p`, the learning rate `lr` and the number of the step `t`, from 1:

        v <- rho * v + (1 - rho) * g^2
        d  = sqrt(s + epsilon) / sqrt(v + epsilon) * g
        s <- rho * s + (1 - rho) * d^2
        p <- p - lr * d

    Source: Zeiler 2012, arXiv:1212.5701.

    Args:
        rho: the share of their old values that both means keep in each step, from 0 to 1.
        epsilon: a small number that is added to both under the roots, so that nothing is divided by 0.

    >>> import jkeras
    >>> w = jkeras.Variable([1.0, 2.0])
    >>> optimizer = Adadelta(learning_rate=0.1)
    >>> optimizer.apply([jnp.array([0.5, -1.0])], [w])
    >>> [round(x, 4) for x in w.numpy().ravel().tolist()]
    [0.9999, 2.0001]
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
        self.rho = in_range("rho", rho)
        self.epsilon = in_range("epsilon", epsilon)

    def rule(self) -> Any:
        return adadelta(self.rho, self.epsilon)


class FtrlState(NamedTuple):
    """The state of this rule between two updates."""

    accumulator: Tree  # n: sum of the squared gradients, from an initial value on
    linear: Tree  # z: sum of the gradients, less what the parameters already followed


def ftrl(
    learning_rate_power: float = -0.5,
    initial_accumulator_value: float = 0.1,
    l1_regularization_strength: float = 0.0,
    l2_regularization_strength: float = 0.0,
    l2_shrinkage_regularization_strength: float = 0.0,
    beta: float = 0.0,
) -> GradientTransformationExtraArgs:
    """Follow the regularized leader: sparse weights for large linear models.

    McMahan et al. 2013, https://doi.org/10.1145/2487575.2488200.

    n' = n + g^2,    r = n'^-power
    z <- z + g + 2 * shrinkage * p - (r - n^-power) / lr * p
    p <- (clip(z, -l1, l1) - z) / (r / lr + 2 * l2 + beta / lr)
    """

    def leaf_at(lr: Any, t: Any) -> Callable:
        l1, l2 = l1_regularization_strength, l2_regularization_strength + beta / (2 * lr)

        def leaf(g: Any, p: Any, n: Any, z: Any) -> tuple:
            total = n + g * g
            root, before = jnp.power(total, -learning_rate_power), jnp.power(n, -learning_rate_power)
            z = z + g + 2 * l2_shrinkage_regularization_strength * p - (root - before) / lr * p
            return (jnp.clip(z, -l1, l1) - z) / (root / lr + 2 * l2) - p, total, z

        return leaf

    return rule(FtrlState(initial_accumulator_value, 0.0), leaf_at, "Ftrl")


class Ftrl(Optimizer):
    """An optimizer for large, sparse, shallow models: "follow the regularized leader".

    A step, with the gradient `g`, the parameter `p`, the learning rate `lr` and the number of the step `t`, from 1:

        n' = n + g^2,    r = n'^-power
        z <- z + g + 2 * shrinkage * p - (r - n^-power) / lr * p
        p <- (clip(z, -l1, l1) - z) / (r / lr + 2 * l2 + beta / lr)

    Here `power`, `shrinkage`, `l1` and `l2` are short for the arguments that end or begin with these names.

    Source: McMahan et al. 2013, https://doi.org/10.1145/2487575.2488200.

    Args:
        learning_rate_power: how the learning rate falls with the sum of squares; 0 is not at all.
        initial_accumulator_value: where this sum starts.
        l1_regularization_strength: of the penalty that makes weights exactly zero.
        l2_regularization_strength: of the penalty on the squares of the weights.
        l2_shrinkage_regularization_strength: of a penalty on their squares that acts through the gradient.
        beta: added to the root of the sum.

    >>> import jkeras
    >>> w = jkeras.Variable([1.0, 2.0])
    >>> optimizer = Ftrl(learning_rate=0.1)
    >>> optimizer.apply([jnp.array([0.5, -1.0])], [w])
    >>> [round(x, 4) for x in w.numpy().ravel().tolist()]
    [0.381, 1.4923]
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
        self.learning_rate_power = in_range("learning_rate_power", learning_rate_power)
        self.initial_accumulator_value = in_range("initial_accumulator_value", initial_accumulator_value)
        self.l1_regularization_strength = in_range("l1_regularization_strength", l1_regularization_strength)
        self.l2_regularization_strength = in_range("l2_regularization_strength", l2_regularization_strength)
        self.l2_shrinkage_regularization_strength = in_range(
            "l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength
        )
        self.beta = in_range("beta", beta)

    def rule(self) -> Any:
        return ftrl(
            self.learning_rate_power,
            self.initial_accumulator_value,
            self.l1_regularization_strength,
            self.l2_regularization_strength,
            self.l2_shrinkage_regularization_strength,
            self.beta,
        )
