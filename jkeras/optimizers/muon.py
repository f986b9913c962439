"""Muon: an optimizer whose steps have singular values of about 1."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple, Unpack

import jax
import jax.numpy as jnp
import optax
from optax import GradientTransformationExtraArgs

from jkeras.core.variable import is_variable
from jkeras.optimizers.adam import adam
from jkeras.optimizers.arguments import at_least, in_range
from jkeras.optimizers.base import Optimizer
from jkeras.optimizers.pure import OtherOptions
from jkeras.optimizers.rule import Tree, rule


class MuonState(NamedTuple):
    """The state of this rule between two updates."""

    momentum: Tree  # decaying sum of the gradients


def orthogonalize(x: Any, steps: int, a: float, b: float, c: float) -> Any:
    """Move the singular values of a matrix towards 1 and keep its singular vectors: x = U S V^T -> about U V^T.

    Newton-Schulz iterations x <- a x + b (x x^T) x + c (x x^T)^2 x, on x scaled to a norm of 1. The coefficients are chosen
    for speed near zero, so that the values end in about [0.7, 1.2] rather than at 1.
    """
    tall = x.shape[-2] > x.shape[-1]
    x = jnp.swapaxes(x, -1, -2) if tall else x  # the smaller of the two products
    x = x / (jnp.sqrt(jnp.sum(x * x, axis=(-2, -1), keepdims=True)) + 1e-7)
    for _ in range(steps):
        square = x @ jnp.swapaxes(x, -1, -2)
        x = a * x + (b * square + c * square @ square) @ x
    return jnp.swapaxes(x, -1, -2) if tall else x


def orthogonal_momentum(
    momentum: float = 0.95,
    nesterov: bool = True,
    steps: int = 5,
    coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
    rms_rate: float | None = 0.2,
) -> GradientTransformationExtraArgs:
    """Momentum whose matrix is made orthogonal before the step, so that no direction dominates; for matrices only.

        m <- momentum * m + g
        p <- p - lr * orthogonalize(g + momentum * m) * sqrt(max(rows, columns)) * rms_rate

    Jordan 2024, https://kellerjordan.github.io/posts/muon; the last two factors Liu et al. 2025, arXiv:2502.16982.
    """

    def leaf_at(lr: Any, t: Any) -> Callable:
        def leaf(g: Any, p: Any, m: Any) -> tuple:
            m = m + (g + m * (momentum - 1))
            update = orthogonalize(g + momentum * m if nesterov else m, steps, *coefficients)
            scale = 1.0 if rms_rate is None else max(g.shape) ** 0.5 * rms_rate
            return -lr * update * scale, m

        return leaf

    return rule(MuonState(0.0), leaf_at)


def muon(
    use_adam: Callable[[Tree], Tree],
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    adam_lr_ratio: float = 1.0,
    **options: Any,
) -> GradientTransformationExtraArgs:
    """Orthogonal momentum for hidden matrices, Adam for the rest.

    Args:
        use_adam: makes a tree like the parameters, of booleans.
        beta_1: Adam's, as are `beta_2` and `epsilon`.
        beta_2: see there.
        epsilon: see there.
        adam_lr_ratio: Adam's learning rate in units of the given one.
        **options: see `orthogonal_momentum`.
    """
    inner = adam(beta_1, beta_2, epsilon)

    def update(grads: Tree, state: Any, params: Tree = None, *, learning_rate: Any, **keywords: Any) -> tuple:
        return inner.update(grads, state, params, learning_rate=learning_rate * adam_lr_ratio, **keywords)

    adam_at_its_rate = GradientTransformationExtraArgs(inner.init, update)
    return optax.partition({True: adam_at_its_rate, False: orthogonal_momentum(**options)}, use_adam)


class Muon(Optimizer):
    """An optimizer with orthogonal steps for hidden matrices. It uses Adam for vectors, embeddings, and weights that
    are excluded by name.

    A step, with the gradient `g`, the parameter `p`, the learning rate `lr` and the number of the step `t`, from 1:

        m <- momentum * m + g
        p <- p - lr * orthogonalize(g + momentum * m) * sqrt(max(rows, columns)) * rms_rate

    Source: Jordan 2024, https://kellerjordan.github.io/posts/muon; Liu et al. 2025, arXiv:2502.16982.

    Args:
        adam_beta_1: as in `Adam`, for the weights that Adam updates.
        adam_beta_2: likewise.
        adam_weight_decay: the weight decay of those weights.
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
        epsilon: a small number that is added to the root in Adam's steps, so that nothing is divided by 0.

    >>> import jkeras
    >>> w = jkeras.Variable([[1.0, 2.0], [3.0, 4.0]])
    >>> optimizer = Muon(learning_rate=0.1)
    >>> optimizer.apply([jnp.array([[0.5, 0.0], [0.0, -1.0]])], [w])
    >>> [round(x, 4) for x in w.numpy().ravel().tolist()]
    [0.9681, 1.9992, 2.9988, 4.0179]
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
        **options: Unpack[OtherOptions],
    ):
        super().__init__(learning_rate, weight_decay, *common, **options)
        self.adam_beta_1 = in_range("adam_beta_1", adam_beta_1)
        self.adam_beta_2 = in_range("adam_beta_2", adam_beta_2)
        self.adam_weight_decay = in_range("adam_weight_decay", adam_weight_decay)
        self.epsilon = in_range("epsilon", epsilon)
        self.exclude_layers, self.exclude_embeddings = list(exclude_layers or []), exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.adam_lr_ratio = in_range("adam_lr_ratio", adam_lr_ratio)
        self.momentum = in_range("momentum", momentum)
        self.ns_steps = at_least("ns_steps", ns_steps, 0)
        self.nesterov = nesterov
        self.rms_rate = in_range("rms_rate", rms_rate)

    def rule(self) -> Any:
        return muon(
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
        known = self._built_on
        if known is None:
            return ()
        adam = jax.tree_util.tree_map_with_path(self._uses_adam, known.nest(known.variables), is_leaf=is_variable)
        return (*super()._choices(), tuple(known.flatten(adam)))
