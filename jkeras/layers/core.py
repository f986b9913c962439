"""Basic layers: `Dense`, `Activation`, `Lambda`, `Identity` and `Masking`."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jkeras import ops
from jkeras.layers.adaptable import Adaptable, stored
from jkeras.layers.input_spec import InputSpec
from jkeras.layers.layout import Layout, kernel_layout
from jkeras.layers.options import Configured
from jkeras.ops.products import rows_times
from jkeras.ops.ranks import add
from jkeras.quantizers.config import QuantizationConfig

__all__ = ["Activation", "Dense", "Identity", "Lambda", "Masking"]


class Dense(Adaptable):
    """A densely connected layer: it computes `activation(inputs @ kernel + bias)` along the last axis.

    Args:
        units: the length of the output's last axis, a positive integer.
        activation: the function that is applied to the result: a name such as `"relu"`, or a function. None means none.
        use_bias: True if a bias is added before the activation.

    Shapes:
        inputs `(..., features)`, kernel `(features, units)`, bias `(units,)`, outputs `(..., units)`.

    Raises:
        ValueError: `units` is not a positive integer; inputs whose last axis is not what the layer was built for.

    >>> import numpy as np
    >>> layer = Dense(2, kernel_initializer="ones", activation="relu")
    >>> layer(np.array([[1.0, 2.0, 3.0]], "float32")).tolist()
    [[6.0, 6.0]]
    """

    unsaved = ("activity_regularizer",)  # unless there is one

    _kernel = stored("kernel")

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: QuantizationConfig | None = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, lora_rank=lora_rank, lora_alpha=lora_alpha, **kwargs)
        self.quantization_config = quantization_config
        self.units = units
        self.use_bias = use_bias
        self.keep(
            activation=activation,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        features = input_shape[-1]
        if features is None:
            raise ValueError(f"Dense layer {self.name!r} needs to know the last axis of its input, got shape {input_shape}.")
        self.hold("kernel", (features, self.units))
        if self.use_bias:
            self.bias = self.weight("bias", (self.units,))
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})
        self.adapt_if_asked()

    def layout(self, name: str, shape: tuple[int, ...]) -> Layout:
        return kernel_layout(shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        outputs = self.product("kernel", rows_times, inputs, training)
        if self.use_bias:
            outputs = add(outputs, self.bias.value)
        return outputs if self.activation is None else self.activation(outputs)


class Activation(Configured):
    """A layer that applies an activation function.

    Args:
        activation: a name such as `"relu"`, or a function of an array.

    >>> import numpy as np
    >>> Activation("relu")(np.array([-1.0, 2.0], "float32")).tolist()
    [0.0, 2.0]
    """

    def __init__(self, activation: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.keep(activation=activation)
        self.supports_masking = True
        self.built = self.needs_no_build

    def call(self, inputs: Any) -> Any:
        return inputs if self.activation is None else self.activation(inputs)


class Identity(Configured):
    """A layer that returns its inputs.

    >>> import numpy as np
    >>> Identity()(np.array([1.0], "float32")).tolist()
    [1.0]
    """

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = self.needs_no_build

    def call(self, inputs: Any) -> Any:
        return inputs


class Masking(Configured):
    """A layer that masks the steps whose features all have a given value, and sets them to zero.

    Args:
        mask_value: the number that stands for padding.

    Shapes:
        inputs and outputs `(batch, steps, features)`; the mask that travels on, `(batch, steps)`, is True for what counts.

    >>> import numpy as np
    >>> Masking(9.0)(np.array([[[1.0, 9.0], [9.0, 9.0]]], "float32")).tolist()
    [[[1.0, 9.0], [0.0, 0.0]]]
    """

    argument_ranges = {"mask_value": None}

    def __init__(self, mask_value: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self.supports_masking = True
        self.built = self.needs_no_build

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        return jnp.where(self.compute_mask(inputs)[..., None], inputs, 0)


class Lambda(Configured):
    """A layer that calls a function.

    Only a named function that is registered (`jkeras.saving.register_keras_serializable`) can be saved and loaded; what
    the function closes over is not seen by the layer, so weights belong in a `Layer` of your own.

    Args:
        function: of the inputs, and of `mask` and `training` if it has arguments of these names.
        output_shape: the shape of a sample of the output, or a function from the input's shape to the output's: it is
            compared with what the function returns.
        mask: of the outputs, or a function of the inputs and their mask.
        arguments: further keyword arguments of the function.

    Raises:
        ValueError: the function returns another shape than `output_shape` says.

    >>> import numpy as np
    >>> Lambda(lambda x: x**2)(np.array([3.0], "float32")).tolist()
    [9.0]
    """

    def __init__(
        self,
        function: Callable,
        output_shape: Callable | Sequence[int | None] | None = None,
        mask: Callable | Sequence | None = None,
        arguments: dict | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.function, self.output_shape, self.mask = function, output_shape, mask
        self.arguments = arguments or {}
        self.supports_masking = mask is not None
        self.built = self.needs_no_build

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        wanted = inspect.signature(self.function).parameters
        offered = {"mask": mask, "training": training}
        outputs = self.function(inputs, **self.arguments, **{k: v for k, v in offered.items() if k in wanted})
        if self.output_shape is not None:
            self._check(jax.tree.map(jnp.shape, inputs), jnp.shape(outputs))
        return outputs

    def _check(self, given: Any, shape: tuple) -> None:
        expected = self.output_shape(given) if callable(self.output_shape) else (None, *self.output_shape)  # type: ignore[misc]
        if len(expected) != len(shape) or any(e not in (None, n) for e, n in zip(expected, shape, strict=True)):
            raise ValueError(f"Layer {self.name!r} (Lambda) returned shape {shape}, but output_shape= is {tuple(expected)}.")

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask

    def get_config(self) -> dict:
        """Return the constructor's arguments that were given, as plain data, as in Keras."""
        config = super().get_config()
        return {key: value for key, value in config.items() if value is not None or key not in ("output_shape", "mask")}
