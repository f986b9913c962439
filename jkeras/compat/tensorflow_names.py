"""Functions of TensorFlow whose twins in `jkeras.ops` have other arguments, under TensorFlow's names."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras import ops, random
from jkeras.core.variable import Variable
from jkeras.utils.session import set_random_seed


def _constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> jax.Array:
    array = ops.convert_to_tensor(value, dtype=dtype)
    return array if shape is None else jnp.broadcast_to(array, shape)


class GradientTape:
    """There is no tape: JAX differentiates functions."""

    def __init__(self, *args: Any, **kwargs: Any):
        raise TypeError(
            "tf.GradientTape has no counterpart: JAX differentiates functions. Write a function of the variables:\n"
            "    def loss_of(trainable, non_trainable, x, y):\n"
            "        y_pred, non_trainable = model.stateless_call(trainable, non_trainable, x, training=True)\n"
            "        return loss(y, y_pred), non_trainable\n"
            "    (value, state), grads = jax.value_and_grad(loss_of, has_aux=True)(trainable, non_trainable, x, y)\n"
            "or override compute_loss of a Model and let fit differentiate it."
        )


def _function(function: Callable | None = None, **options: Any) -> Callable:
    """`tf.function`: the function itself; JAX traces what is jitted."""
    return (lambda f: f) if function is None else function


def _split(value: Any, num_or_size_splits: Any, axis: int = 0, num: Any = None, name: Any = None) -> list:
    """TensorFlow's list says sizes, NumPy's says where to cut."""
    if isinstance(num_or_size_splits, (list, tuple)):
        return ops.split(value, np.cumsum(num_or_size_splits)[:-1].tolist(), axis)
    return ops.split(value, num_or_size_splits, axis)


def _gather(
    params: Any, indices: Any, validate_indices: Any = None, axis: Any = None, batch_dims: int = 0, name: Any = None
) -> Any:
    if batch_dims:
        return jax.vmap(lambda p, i: _gather(p, i, axis=axis, batch_dims=batch_dims - 1))(
            ops.convert_to_tensor(params), ops.convert_to_tensor(indices)
        )
    return ops.take(params, indices, axis=axis or 0)


def _dense_loss(function: Callable) -> Callable:
    return lambda labels, logits, axis=-1, name=None: function(labels, logits, from_logits=True, axis=axis)


def _dropout(x: Any, rate: float, noise_shape: Any = None, seed: Any = None, name: Any = None) -> Any:
    return random.dropout(ops.convert_to_tensor(x), rate, noise_shape, seed)


def _normal(function: Callable) -> Callable:
    def draw(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = "float32", seed: Any = None, name: Any = None):
        return function(tuple(map(int, shape)), mean, stddev, np.dtype(dtype).name, seed)

    return draw


def _uniform(
    shape: Any, minval: float = 0, maxval: Any = None, dtype: Any = "float32", seed: Any = None, name: Any = None
) -> Any:
    kind, shape = np.dtype(dtype), tuple(map(int, shape))
    if np.issubdtype(kind, np.integer):
        return random.randint(shape, int(minval), int(maxval), kind.name, seed)
    return random.uniform(shape, minval, 1.0 if maxval is None else maxval, kind.name, seed)


def _image_resize(images: Any, size: Any, method: str = "bilinear", *rest: Any, **options: Any) -> Any:
    images = ops.convert_to_tensor(images)
    resized = ops.image.resize(ops.cast(images, "float32"), tuple(size), interpolation=method, data_format="channels_last")
    return ops.cast(resized, images.dtype) if method == "nearest" else resized


def _sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = "bool", name: Any = None) -> Any:
    lengths = ops.convert_to_tensor(lengths)
    size = int(ops.max(lengths)) if maxlen is None else maxlen
    return ops.cast(ops.arange(size) < lengths[..., None], dtype)


OWN: dict[str, Any] = {
    "constant": _constant,
    "convert_to_tensor": _constant,
    "Tensor": jax.Array,
    "Variable": Variable,
    "TensorShape": tuple,
    "GradientTape": GradientTape,
    "function": _function,
    "newaxis": None,
    "string": "string",
    "executing_eagerly": lambda: True,
    "config.list_physical_devices": lambda kind=None: [d for d in jax.devices() if kind in (None, d.platform.upper())],
    "config.experimental.list_physical_devices": lambda kind=None: [
        d for d in jax.devices() if kind in (None, d.platform.upper())
    ],
    "config.run_functions_eagerly": lambda run_eagerly: None,
    "random.set_seed": set_random_seed,
    "random.normal": _normal(random.normal),
    "random.truncated_normal": _normal(random.truncated_normal),
    "random.uniform": _uniform,
    "random.shuffle": lambda value, seed=None, name=None: random.shuffle(ops.convert_to_tensor(value), seed=seed),
    "cast": lambda x, dtype, name=None: ops.cast(x, np.dtype(dtype).name),
    "split": _split,
    "gather": _gather,
    "concat": lambda values, axis, name=None: ops.concatenate(values, axis),
    "transpose": lambda a, perm=None, conjugate=False, name=None: ops.transpose(a, perm),
    "reshape": lambda tensor, shape, name=None: ops.reshape(tensor, shape),
    "shape": lambda input, out_type=None, name=None: ops.convert_to_tensor(ops.shape(input), "int32"),
    "size": lambda input, out_type=None, name=None: ops.size(input),
    "rank": lambda input, name=None: ops.ndim(input),
    "identity": lambda input, name=None: ops.convert_to_tensor(input),
    "fill": lambda dims, value, name=None: ops.full(tuple(dims), value),
    "tile": lambda input, multiples, name=None: ops.tile(input, tuple(int(n) for n in multiples)),
    "pad": lambda tensor, paddings, mode="CONSTANT", constant_values=0, name=None: jnp.pad(
        ops.convert_to_tensor(tensor),
        tuple(map(tuple, np.asarray(paddings).tolist())),
        mode.lower(),
        **({"constant_values": constant_values} if mode.upper() == "CONSTANT" else {}),
    ),
    "one_hot": lambda indices, depth, on_value=1, off_value=0, axis=-1, dtype="float32", name=None: (
        off_value + (on_value - off_value) * ops.one_hot(indices, depth, axis, np.dtype(dtype).name)
    ),
    "clip_by_value": lambda t, clip_value_min, clip_value_max, name=None: ops.clip(t, clip_value_min, clip_value_max),
    "sequence_mask": _sequence_mask,
    "norm": lambda tensor, ord=None, axis=None, keepdims=False, name=None: ops.norm(tensor, ord, axis, keepdims),
    "math.l2_normalize": lambda x, axis=-1, epsilon=1e-12, name=None: ops.normalize(x, axis, 2, epsilon),
    "nn.l2_normalize": lambda x, axis=-1, epsilon=1e-12, name=None: ops.normalize(x, axis, 2, epsilon),
    "nn.l2_loss": lambda t, name=None: ops.sum(ops.square(t)) / 2,
    "nn.bias_add": lambda value, bias, name=None: ops.add(value, bias),
    "nn.dropout": _dropout,
    "nn.embedding_lookup": lambda params, ids, name=None: ops.take(params, ids, axis=0),
    "nn.softmax_cross_entropy_with_logits": _dense_loss(ops.categorical_crossentropy),
    "nn.sparse_softmax_cross_entropy_with_logits": _dense_loss(ops.sparse_categorical_crossentropy),
    "nn.sigmoid_cross_entropy_with_logits": lambda labels, logits, name=None: ops.binary_crossentropy(
        ops.cast(labels, logits.dtype), logits, from_logits=True
    ),
    "image.resize": _image_resize,
}
