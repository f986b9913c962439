"""Activation functions that have parameters, as layers."""

import warnings
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from jkeras import activations, ops
from jkeras.arguments import NOT_NEGATIVE, Range, read
from jkeras.layers.input_spec import InputSpec
from jkeras.layers.options import Configured
from jkeras.ops.ranks import multiply

__all__ = ["ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"]


class _Elementwise(Configured):
    """Acts on each entry by itself, so that masks and shapes stay."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = self.needs_no_build


class ReLU(_Elementwise):
    """A layer that computes `max(x, 0)`, or with other arguments, the function `jkeras.activations.relu`.

    Args:
        max_value: the largest output, from 0 on. None means that there is no bound.
        negative_slope: the slope below the threshold, from 0 on.
        threshold: below it, outputs are `negative_slope * (x - threshold)`.

    Raises:
        ValueError: an argument is negative.

    >>> import numpy as np
    >>> ReLU(max_value=2.0)(np.array([-1.0, 1.0, 5.0], "float32")).tolist()
    [0.0, 1.0, 2.0]
    """

    argument_ranges = {"threshold": NOT_NEGATIVE}

    def __init__(self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold

    def call(self, inputs: Any) -> Any:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(_Elementwise):
    """A layer that returns `x` where `x >= 0`, and `negative_slope * x` below.

    Args:
        negative_slope: the slope for negative inputs, from 0 on.

    >>> import numpy as np
    >>> LeakyReLU(0.5)(np.array([-1.0, 2.0], "float32")).tolist()
    [-0.5, 2.0]
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        if "alpha" in kwargs:
            warnings.warn("LeakyReLU's alpha= is now called negative_slope=.", stacklevel=2)
            negative_slope = read("alpha", float, kwargs.pop("alpha"))
        super().__init__(**kwargs)
        self.negative_slope = negative_slope

    def call(self, inputs: Any) -> Any:
        return ops.leaky_relu(inputs, self.negative_slope)


class ELU(_Elementwise):
    """A layer that returns `x` where `x > 0`, and `alpha * (exp(x) - 1)` below (Clevert et al. 2016, arXiv:1511.07289).

    Args:
        alpha: for small `x` the output approaches `-alpha`. A number from 0 on.

    >>> import numpy as np
    >>> ELU()(np.array([0.0, 2.0], "float32")).tolist()
    [0.0, 2.0]
    """

    argument_ranges = {"alpha": Range()}

    def __init__(self, alpha: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs: Any) -> Any:
        return ops.elu(inputs, self.alpha)


class PReLU(Configured):
    """A layer that returns `x` where `x > 0`, and `alpha * x` below, with a trainable alpha for each entry (He et al.
    2015, arXiv:1502.01852).

    Args:
        shared_axes: axes along which all entries share one alpha, such as `[1, 2]` for the pixels of an image. None means that
            each entry of a sample has its own.

    Shapes:
        inputs and outputs `(batch, ...)`; `alpha` has the shape of a sample, with length 1 along the shared axes.

    >>> import numpy as np
    >>> PReLU(alpha_initializer="ones")(np.array([[-1.0, 2.0]], "float32")).tolist()
    [[-1.0, 2.0]]
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.keep(
            alpha_initializer=alpha_initializer, alpha_regularizer=alpha_regularizer, alpha_constraint=alpha_constraint
        )
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes and list(shared_axes)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        shared = self.shared_axes or []
        self.alpha = self.weight("alpha", [1 if a in shared else n for a, n in enumerate(input_shape)][1:])
        own = {a: n for a, n in enumerate(input_shape) if a > 0 and a not in shared}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=own)

    def call(self, inputs: Any) -> Any:
        return ops.relu(inputs) - multiply(ops.relu(-inputs), self.alpha.value)


class Softmax(_Elementwise):
    """A layer that computes `exp(x) / sum(exp(x))` along an axis. With a mask, it uses only the entries that the mask
    keeps; the others are 0.

    Args:
        axis: the axis along which the outputs sum to 1, or a tuple of several axes.

    Raises:
        ValueError: the mask does not broadcast to the inputs.

    >>> import numpy as np
    >>> Softmax()(np.zeros((1, 3), "float32"), mask=np.array([[True, True, False]])).tolist()
    [[0.5, 0.5, 0.0]]
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any, mask: Any = None) -> Any:
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        if mask is None:
            return activations.softmax(inputs, axis)
        if mask.ndim > inputs.ndim or any(
            m not in (1, n) for m, n in zip(mask.shape[::-1], inputs.shape[::-1], strict=False)
        ):
            raise ValueError(
                f"Layer {self.name!r} (Softmax) needs a mask that broadcasts to its input of shape {inputs.shape}, got a "
                f"mask of shape {mask.shape}."
            )
        kept = mask if mask.dtype == bool else mask > 0.5
        lowest = -3e4 if inputs.dtype == "float16" else -1e9  # finite, so that a row without entries gives 0 and no NaN
        return jnp.where(kept, activations.softmax(jnp.where(kept, inputs, lowest), axis), 0)
