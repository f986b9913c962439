"""Normalization: outputs with mean 0 and variance 1, or of length 1, over some axes.

The layers differ in the axes of the moments, and in the weights that they learn: a scale `gamma` and an offset `beta`.
"""

from collections.abc import Sequence
from typing import Any

from jkeras import ops
from jkeras.arguments import Range
from jkeras.layers.input_spec import InputSpec
from jkeras.layers.options import Configured
from jkeras.ops.normalization import to_wide

__all__ = ["GroupNormalization", "LayerNormalization", "RMSNormalization", "UnitNormalization"]


class Normalizing(Configured):
    """Base of the layers here: the axes, and the parameters along them."""

    axis: Any

    def sizes_along_axes(self, input_shape: Any) -> tuple[int, ...]:
        """The lengths of the axes, which must exist and be known."""
        axes = self.axis if isinstance(self.axis, (list, tuple)) else [self.axis]
        if any(not -len(input_shape) <= a < len(input_shape) for a in axes):
            given = axes[0] if len(axes) == 1 else list(axes)
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) normalizes axis={given}, which an input of shape "
                f"{tuple(input_shape)} does not have."
            )
        shape = tuple(input_shape[a] for a in axes)
        if None in shape:
            raise ValueError(f"Layer {self.name!r} needs the size of axis={self.axis}, got shape {tuple(input_shape)}.")
        return shape

    def add_scale_and_offset(self, shape: tuple[int, ...], scale: Any, center: Any) -> None:
        """Make `gamma` if there is to be a scale, and `beta` if there is to be an offset."""
        self.gamma = self.weight("gamma", shape, autocast=False) if scale else None
        self.beta = self.weight("beta", shape, autocast=False) if center else None


class LayerNormalization(Normalizing):
    """A layer that normalizes each sample over some axes, `(x - mean) / sqrt(variance + epsilon) * gamma + beta`.

    Ba et al. 2016, arXiv:1607.06450.

    Args:
        axis: the axis, or a list of several axes.
        epsilon: a small number that is added to the variance, so that nothing is divided by 0.
        center: True if an offset, the weight `beta`, is added to the result.
        scale: True if the result is multiplied by a scale, the weight `gamma`.
        rms_scaling: deprecated by Keras: divide by the standard deviation only; use `RMSNormalization`.

    Shapes:
        inputs of any shape, weights of the lengths of the axes, outputs as inputs.

    Raises:
        TypeError: `axis` is neither an integer nor a list of them.

    >>> import numpy as np
    >>> LayerNormalization(epsilon=0.0)(np.array([[1.0, 3.0]], "float32")).tolist()
    [[-1.0, 1.0]]
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        rms_scaling: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(f"LayerNormalization needs an integer axis or a list of them, got axis={axis!r}.")
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.epsilon, self.center, self.scale, self.rms_scaling = epsilon, center, scale, rms_scaling
        self.keep(
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.supports_masking = True
        self.autocast = False  # the moments are taken of the inputs as they come; the outputs are cast

    def build(self, input_shape: Any) -> None:
        self.axis = [self.axis] if isinstance(self.axis, int) else sorted(self.axis)
        shape = self.sizes_along_axes(input_shape)
        self.add_scale_and_offset(shape, self.scale or self.rms_scaling, self.center and not self.rms_scaling)

    def call(self, inputs: Any) -> Any:
        options = {"rms_scaling": True} if self.rms_scaling else {}
        outputs = ops.layer_normalization(inputs, self.gamma, self.beta, self.axis, self.epsilon, **options)
        return outputs.astype(self.compute_dtype)


class GroupNormalization(Normalizing):
    """A layer that normalizes each sample within groups of channels, with a scale and an offset per channel.

    Wu and He 2018, arXiv:1803.08494. One group is layer normalization over all axes; as many groups as channels is
    instance normalization.

    Args:
        groups: the number of groups, a divisor of the channels; -1 for as many as channels.
        axis: the axis of the channels.
        epsilon: a small number that is added to the variance, so that nothing is divided by 0.
        center: True if an offset, the weight `beta`, is added to the result.
        scale: True if the result is multiplied by a scale, the weight `gamma`.

    Shapes:
        inputs of any shape, weights `(channels,)`, outputs as inputs.

    Raises:
        ValueError: `groups` is neither positive nor -1, or does not divide the channels.

    >>> import numpy as np
    >>> GroupNormalization(2, epsilon=0.0)(np.array([[1.0, 3.0, 0.0, 8.0]], "float32")).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    argument_ranges = {"groups": Range(-1)}

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not isinstance(groups, int) or (groups <= 0 and groups != -1):
            raise ValueError(f"GroupNormalization needs a positive number of groups, or -1, got groups={groups!r}.")
        self.groups, self.axis, self.epsilon, self.center, self.scale = groups, axis, epsilon, center, scale
        self.keep(
            beta_initializer=beta_initializer,
            gamma_initializer=gamma_initializer,
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
        )
        self.supports_masking = True
        self.autocast = False

    def build(self, input_shape: Any) -> None:
        (channels,) = shape = self.sizes_along_axes(input_shape)
        if self.groups > 0 and channels % self.groups:
            raise ValueError(
                f"Layer {self.name!r} (GroupNormalization) needs channels in {self.groups} equal groups, but axis "
                f"{self.axis} of the input of shape {tuple(input_shape)} has {channels}."
            )
        self.add_scale_and_offset(shape, self.scale, self.center)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def call(self, inputs: Any) -> Any:
        axis = self.axis % inputs.ndim
        channels = inputs.shape[axis]
        groups = channels if self.groups == -1 else self.groups
        grouped = to_wide(inputs).reshape(*inputs.shape[:axis], groups, channels // groups, *inputs.shape[axis + 1 :])
        others = [a for a in range(1, grouped.ndim) if a != axis]
        outputs = ops.layer_normalization(grouped, axis=others, epsilon=self.epsilon).reshape(inputs.shape)
        along = [channels if a == axis else 1 for a in range(inputs.ndim)]
        if self.gamma is not None:
            outputs = outputs * to_wide(self.gamma.value).reshape(along)
        if self.beta is not None:
            outputs = outputs + to_wide(self.beta.value).reshape(along)
        return outputs.astype(self.compute_dtype)


class RMSNormalization(Normalizing):
    """A layer that divides each sample by its root mean square over some axes, `x / sqrt(mean(x^2) + epsilon) * scale`.

    Zhang and Sennrich 2019, arXiv:1910.07467.

    Args:
        axis: the axis, or a list of several axes.
        epsilon: a small number that is added to the mean square, so that nothing is divided by 0.

    Shapes:
        inputs of any shape, scale of the lengths of the axes, outputs as inputs.

    >>> import numpy as np
    >>> RMSNormalization(epsilon=0.0)(np.array([[2.0, -2.0]], "float32")).tolist()
    [[1.0, -1.0]]
    """

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis, self.epsilon = axis, epsilon

    def build(self, input_shape: Any) -> None:
        self.axis = [self.axis] if isinstance(self.axis, int) else sorted(self.axis)
        self.scale = self.add_weight(self.sizes_along_axes(input_shape), "ones", name="scale")

    def call(self, x: Any) -> Any:
        axes = [a % x.ndim for a in ([self.axis] if isinstance(self.axis, int) else self.axis)]
        along = [x.shape[a] if a in axes else 1 for a in range(x.ndim)]
        return ops.rms_normalization(x, self.scale.value.reshape(along), axis=axes, epsilon=self.epsilon)


class UnitNormalization(Configured):
    """A layer that scales each sample to Euclidean length 1 along some axes.

    Args:
        axis: the axis, or a list of several axes.

    Raises:
        TypeError: `axis` is neither an integer nor a list of them.

    >>> import numpy as np
    >>> UnitNormalization()(np.array([[3.0, 4.0]], "float32")).round(3).tolist()
    [[0.6..., 0.8...]]
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(f"UnitNormalization needs an integer axis or a list of them, got axis={axis!r}.")
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.supports_masking = True
        self.built = self.needs_no_build

    def call(self, inputs: Any) -> Any:
        axes = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        return ops.normalize(inputs, axis=axes, order=2, epsilon=1e-12)
