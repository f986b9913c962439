"""The plainest layers: one product (`Dense`), or one function (`Activation`)."""

from typing import Any

import jax.numpy as jnp

from jkeras.layers.input_spec import InputSpec
from jkeras.layers.options import Configured

__all__ = ["Dense", "Activation"]


class Dense(Configured):
    """`activation(inputs @ kernel + bias)` along the last axis.

    Args:
        units: the size of the output's last axis.
        activation: a name or function; None for none.
        use_bias: whether a bias is added.
        kernel_initializer, bias_initializer: of the weights.
        kernel_regularizer, bias_regularizer, activity_regularizer: terms added to the loss.
        kernel_constraint, bias_constraint: projections after each update.

    Shapes:
        inputs `(..., features)`, kernel `(features, units)`, bias `(units,)`, outputs `(..., units)`.

    Raises:
        ValueError: `units` is not a positive integer; inputs whose last axis is not what the layer was built for.

    >>> import numpy as np
    >>> layer = Dense(2, kernel_initializer="ones", activation="relu")
    >>> layer(np.array([[1.0, 2.0, 3.0]], "float32")).tolist()
    [[6.0, 6.0]]
    """

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
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if not isinstance(units, int) or units <= 0:
            raise ValueError(f"Dense needs a positive number of units, got units={units!r}.")
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
        self.kernel = self.weight("kernel", (features, self.units))
        if self.use_bias:
            self.bias = self.weight("bias", (self.units,))
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        outputs = jnp.matmul(inputs, self.kernel.value)
        if self.use_bias:
            outputs = outputs + self.bias.value
        return outputs if self.activation is None else self.activation(outputs)


class Activation(Configured):
    """An activation function as a layer.

    Args:
        activation: a name or function.

    >>> import numpy as np
    >>> Activation("relu")(np.array([-1.0, 2.0], "float32")).tolist()
    [0.0, 2.0]
    """

    def __init__(self, activation: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.keep(activation=activation)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs if self.activation is None else self.activation(inputs)
