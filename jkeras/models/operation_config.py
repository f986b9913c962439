"""Calls of operations as plain data: how `2 * x` or `ops.sum(x, axis=1)` inside a graph is written in a config.

Keras has a class for each operation. Part of the arguments go to its constructor, and stand in the config of an instance;
the others, arrays for the most part, go to its `call`, and stand in the node. Here an operation is a function that takes
all of them. Its annotations say which are the call's (`ops.family.operands`), and the rules below which class belongs to which
function:

    ops.log_softmax(x, axis=-1)   <->   {"module": "keras.src.ops.nn", "class_name": "LogSoftmax", "config": {"axis": -1}}
                                        called on x

The module's name is only written and compared, never imported.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from jkeras import ops
from jkeras.errors import suggest
from jkeras.ops.family import operands
from jkeras.serialization import published, serialize

# The class of `log_softmax` is LogSoftmax, and so on, but for these.
CLASSES = {
    "allclose": "AllClose",
    "batch_normalization": "BatchNorm",
    "cdist": "CDist",
    "hsv_to_rgb": "HSVToRGB",
    "isin": "IsIn",
    "layer_normalization": "LayerNorm",
    "rgb_to_grayscale": "RGBToGrayscale",
    "rgb_to_hsv": "RGBToHSV",
    "rms_normalization": "RMSNorm",
    "searchsorted": "SearchSorted",
    **{
        name: name.upper()
        for name in ("fft", "fft2", "ifft2", "irfft", "istft", "jvp", "psnr", "rfft", "ssim", "stft", "svd")
    },
    **{"ctc_decode": "CTCDecode", "ctc_loss": "CTCLoss"},
}
# The operations by subject; those that stand nowhere here are of "nn", if `ops.nn` has them, or of "numpy".
_NAMES = {
    "core": "associative_scan cast cond convert_to_tensor fori_loop map saturate_cast scan scatter scatter_update slice "
    "slice_update stop_gradient switch unstack vectorized_map while_loop",
    "einops": "rearrange",
    "image": " ".join(ops.image.__all__),
    "linalg": "cholesky cholesky_inverse det eig eigh inv jvp lstsq lu_factor matrix_rank norm pinv qr solve solve_triangular svd",
    "math": "cdist erf erfc erfinv extract_sequences fft fft2 ifft2 in_top_k irfft istft logdet logsumexp rfft rsqrt segment_max "
    "segment_min segment_prod segment_sum stft top_k view_as_complex view_as_real",
}
SUBJECTS = {name: subject for subject, names in _NAMES.items() for name in names.split()}
# Activations that are no operations, and what Keras makes of them on symbolic tensors.
ACTIVATIONS = {
    "relu": ("keras.src.activations.activations", "ReLU"),
    "mish": ("keras.src.activations.activations", "Mish"),
    "gelu": ("keras.src.ops.nn", "Gelu"),
    "exponential": ("keras.src.ops.numpy", "Exp"),
}


def _address(name: str) -> tuple[str, str]:
    """Keras's module and class for the operation of that name."""
    module = SUBJECTS.get(name) or ("nn" if hasattr(ops.nn, name) else "numpy")
    return f"keras.src.ops.{module}", CLASSES.get(name) or "".join(word.capitalize() for word in name.split("_"))


@functools.cache
def _tables() -> tuple[dict[Any, tuple[str, str]], dict[str, Callable]]:
    """`{function: (module, class)}` and `{class: function}`."""
    functions = {**published("keras.ops"), **published("keras.ops.image")}
    addresses = {function: _address(name) for name, function in functions.items() if function.__name__ == name}
    readers = {_address(name)[1]: function for name, function in functions.items()}
    activations = published("keras.activations")
    for name, address in ACTIVATIONS.items():
        addresses[activations[name]] = address
        readers.setdefault(address[1], activations[name])
    return addresses, readers


def operation_name(function: Callable) -> str:
    """The name of a call of the function in a config, if the name is free."""
    return function.__name__


def class_name(function: Callable) -> str:
    """The class that Keras has for an operation.

    >>> class_name(ops.expand_dims)
    'ExpandDims'
    """
    return _tables()[0].get(function, _address(function.__name__))[1]


def write_operation(function: Callable, args: tuple, kwargs: dict) -> tuple[dict, dict]:
    """A call in Keras's two halves.

    Args:
        function: one of `jkeras.ops` or `jkeras.activations`.
        args, kwargs: of the call; symbolic tensors among them must be plain data already.

    Returns:
        The entry of the operation, with module, class name and config, and the node, `{"args": [...], "kwargs": {...}}`.

    Raises:
        TypeError: the function is none that Keras knows, or an argument is no plain data (a function, a variable).

    >>> entry, node = write_operation(ops.clip, ("x", 0, 1), {})
    >>> entry["class_name"], entry["config"], node
    ('Clip', {'x_min': 0, 'x_max': 1}, {'args': ['x'], 'kwargs': {}})
    """
    address = _tables()[0].get(function)
    if address is None:
        raise TypeError(
            f"The graph holds a call of {function.__name__!r}, which is not one of jkeras.ops: a config cannot name it. Put the "
            "call into a layer of your own, or into keras.layers.Lambda with a registered function."
        )
    parameters = inspect.signature(function).parameters
    bound = inspect.signature(function).bind(*args, **kwargs)
    if function.__name__ in ACTIVATIONS:
        bound.apply_defaults()  # those of the activation, which are not the operation's
    called = operands(function)
    config: dict = {}
    node: dict = {"args": [], "kwargs": {}}
    try:
        for name, value in bound.arguments.items():
            kind = parameters[name].kind
            if name not in called:
                config[name] = serialize(value)
            elif kind is inspect.Parameter.VAR_POSITIONAL:
                node["args"] += serialize(list(value))
            elif kind is inspect.Parameter.VAR_KEYWORD:
                node["kwargs"] |= serialize(value)
            elif parameters[name].default is inspect.Parameter.empty:
                node["args"].append(serialize(value))
            else:
                node["kwargs"][name] = serialize(value)
    except TypeError as error:
        raise TypeError(
            f"The call of {function.__name__!r} in the graph has the argument {name}={value!r}, which a config cannot hold. Put "
            "the call into a layer."
        ) from error
    return {"module": address[0], "class_name": address[1], "config": config, "registered_name": address[1]}, node


def read_operation(entry: dict) -> Callable | None:
    """The function behind an entry that `write_operation` made, or Keras; None if it is not of an operation.

    Returns:
        A function that takes the arguments of the node.

    Raises:
        ValueError: the operation is not known.

    >>> entry = {"module": "keras.src.ops.nn", "class_name": "LeakyRelu", "config": {"negative_slope": 0.5}}
    >>> read_operation(entry)(-4.0).item()
    -2.0
    """
    if not str(entry.get("module")).startswith(("keras.src.ops.", "keras.src.activations.")):
        return None
    readers = _tables()[1]
    function = readers.get(entry["class_name"])
    if function is None:
        raise ValueError(f"Unknown operation: {entry['class_name']!r}.{suggest(entry['class_name'], readers)}")
    config = {name: value for name, value in entry["config"].items() if name != "name"}
    return functools.partial(_call, function, config)


def _call(function: Callable, config: dict, *args: Any, **kwargs: Any) -> Any:
    """Call a function with the arguments of Keras's constructor by name, and those of Keras's `call` as they come."""
    parameters = inspect.signature(function).parameters.values()
    named = {**config, **kwargs}
    if function is ops.get_item:  # JSON has no tuples, but a key of several axes must be one
        args = tuple(tuple(x) if isinstance(x, list) else x for x in args)
    called, given, rest = operands(function), iter(args), []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            rest = [named.pop(p.name) for p in parameters if p.name in named and p.kind is p.POSITIONAL_OR_KEYWORD]
            rest += given
        elif parameter.name not in named and parameter.name in called:
            value = next(given, parameter.default)
            if value is not parameter.default:
                named[parameter.name] = value
    leftover = list(given)
    if leftover:
        raise ValueError(f"The config calls {function.__name__!r} with {len(leftover)} argument(s) too many.")
    return function(*rest, **named)
