"""AWQ: 4 bits per weight, with finer steps where the inputs are large (Lin et al. 2023, arXiv:2306.00978).

The weights of an input are multiplied by `s` before they are rounded, and divided by `s` afterwards, so their steps are
finer by `s`. The formula is `s = magnitude ** r` with the magnitude of the inputs. Several values of `r` are tried. The
best one has the smallest error of the weights, weighted by the inputs' squared magnitudes.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.quantizers.gptq import Rounded
from jkeras.quantizers.zero_point import extremes, scale_and_zero


class Magnitudes:
    """The largest magnitude of each input that a layer is given.

    Args:
        rows: how many inputs the layer has.

    >>> magnitudes = Magnitudes(2)
    >>> magnitudes.add(jnp.array([[1.0, -3.0], [2.0, 1.0]]))
    >>> magnitudes.largest.tolist()
    [2.0, 3.0]
    """

    def __init__(self, rows: int):
        self.largest, self.count = jnp.zeros(rows, "float32"), 0

    def add(self, inputs: jax.Array) -> None:
        """Take in rows of inputs."""
        self.largest = jnp.maximum(self.largest, jnp.abs(inputs).max(axis=0).astype("float32"))
        self.count += len(inputs)


def quantize_by_magnitudes(kernel: Any, largest: Any, config: Any) -> tuple[Rounded, np.ndarray]:
    """Round a kernel of shape `(inputs, outputs)`.

    Args:
        kernel: the float weights.
        largest: magnitudes of the inputs, `(inputs,)`.
        config: an `AWQConfig`.

    Returns:
        The integers of `kernel * s`, and `s`, of shape `(inputs,)`.
    """
    w = np.array(kernel, "float32")
    magnitudes = np.array(largest, "float32")
    magnitudes = np.where(magnitudes < 1e-8, 1.0, magnitudes)
    best: tuple[float, Any, Any] = (np.inf, None, None)
    for ratio in np.linspace(0, 1, config.num_grid_points + 1, dtype="float32"):
        s = np.maximum(magnitudes**ratio, 1e-4)
        s = s / max(np.sqrt(s.max() * s.min()), 1e-8)
        rounded = _rounded(w * s[:, None], config.group_size)
        index = rounded.groups.astype(int)
        restored = ((rounded.integers - rounded.zero[:, index]) * rounded.scale[:, index]).T / s[:, None]
        loss = float(np.mean((w - restored) ** 2 * magnitudes[:, None] ** 2))
        if loss < best[0]:
            best = loss, rounded, s
    return best[1], best[2]


def _rounded(w: np.ndarray, group_size: int) -> Rounded:
    size = len(w) if group_size == -1 else group_size
    groups = np.arange(len(w)) // size
    scale, zero = scale_and_zero(*extremes(w, group_size, np), 0, 15, xp=np)
    integers = np.clip(np.round(w / scale[groups]) + zero[groups], 0, 15)
    return Rounded(integers.T, scale.T, zero.T, groups.astype("float32"))
