"""GPTQ: few bits per weight, chosen so that the outputs of a layer change least (Frantar et al. 2022, arXiv:2210.17323).

The inputs of a layer have the second moments `H = 2 / N * sum x x^T`. Weights are rounded input by input. After one
input is rounded, the weights of the inputs that are not rounded yet are changed to correct the error in the outputs;
`H` tells how far their inputs are correlated. With the Cholesky factor `U` of the inverse of `H`, rounding the column
`j` by `e` changes the columns behind it by `-e / U[j, j] * U[j, j+1:]`.

Everything is computed on the host, column after column, because it is done only once.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.quantizers.zero_point import scale_and_zero

BLOCK = 128  # columns whose changes are collected before the rest of the matrix gets them


class Rounded(NamedTuple):
    """A matrix `(outputs, inputs)` as integers: `(integers - zero) * scale`, with scale and zero of the group of each input."""

    integers: np.ndarray  # (outputs, inputs)
    scale: np.ndarray  # (outputs, groups)
    zero: np.ndarray  # (outputs, groups)
    groups: np.ndarray  # (inputs,)


class Moments:
    """The second moments of what a layer is given, summed up batch by batch.

    Args:
        rows: how many inputs the layer has.

    >>> moments = Moments(2)
    >>> moments.add(jnp.array([[1.0, 2.0]]))
    >>> moments.mean().tolist()
    [[2.0, 4.0], [4.0, 8.0]]
    """

    def __init__(self, rows: int):
        self.sum, self.count = jnp.zeros((rows, rows), "float32"), 0

    def add(self, inputs: jax.Array) -> None:
        """Take in rows of inputs."""
        x = inputs.astype("float32")
        self.sum, self.count = self.sum + x.T @ x, self.count + len(x)

    def mean(self) -> np.ndarray:
        """`2 / N * sum x x^T`."""
        return np.asarray(2 * self.sum / max(self.count, 1))


def quantize_by_moments(kernel: Any, moments: np.ndarray, config: Any) -> Rounded:
    """Round a kernel of shape `(inputs, outputs)`.

    Args:
        kernel: the float weights.
        moments: of the inputs, `(inputs, inputs)`.
        config: a `GPTQConfig`.
    """
    w = np.array(kernel, "float32").T
    inputs = w.shape[1]
    hessian = np.array(moments, "float64")
    diagonal = np.diagonal(hessian).copy()
    unused = diagonal == 0
    hessian[unused, unused] = 1.0
    w[:, unused] = 0.0
    hessian[np.diag_indices(inputs)] += config.hessian_damping * np.mean(np.diagonal(hessian))
    order = np.argsort(-diagonal, kind="stable") if config.activation_order else np.arange(inputs)
    w, hessian = w[:, order], hessian[np.ix_(order, order)]
    factor = np.linalg.cholesky(np.linalg.inv(hessian)).T.astype("float32")  # upper triangular

    size = inputs if config.group_size == -1 else config.group_size
    last = 2**config.weight_bits - 1
    integers = np.zeros(w.shape, "int32")
    scales, zeros = [], []
    for start in range(0, inputs, BLOCK):
        stop = min(start + BLOCK, inputs)
        errors = np.zeros((w.shape[0], stop - start), "float32")
        for j in range(start, stop):
            if j % size == 0:
                group = w[:, j : j + size]
                low, high = (group.min(axis=1), group.max(axis=1)) if config.per_channel else _whole(group)
                scale, zero = scale_and_zero(low, high, 0, last, config.symmetric, xp=np)
                scales.append(scale)
                zeros.append(zero)
            scale, zero = scales[-1], zeros[-1]
            column = np.clip(np.round(w[:, j] / scale) + zero, 0, last)
            integers[:, j] = column
            error = (w[:, j] - (column - zero) * scale) / factor[j, j]
            errors[:, j - start] = error
            w[:, j + 1 : stop] -= error[:, None] * factor[j, j + 1 : stop]
        w[:, stop:] -= errors @ factor[start:stop, stop:]
    back = np.argsort(order)
    groups = (np.arange(inputs) // size)[back]
    return Rounded(integers[:, back], np.stack(scales, 1), np.stack(zeros, 1), groups.astype("float32"))


def _whole(group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The extremes of a whole group, for all outputs."""
    return np.full(len(group), group.min(), group.dtype), np.full(len(group), group.max(), group.dtype)
