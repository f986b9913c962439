"""TensorFlow's operations in graphs of Keras 2, as the operations that Keras 3 has for them.

`tf.reduce_mean(x, axis=1)` in a functional model is stored in a file of Keras 2 as a layer "TFOpLambda" with
`"function": "math.reduce_mean"`. The table has the class of Keras 3 that computes it, and the names of TensorFlow's
arguments there: `input_tensor:x` means the argument `x`. The first one listed is the first argument of a call.
"""

from typing import Any

_TABLE = """
    Add x:x1 y:x2 = math.add __operators__.add
    Subtract x:x1 y:x2 = math.subtract
    Multiply x:x1 y:x2 = math.multiply
    TrueDivide x:x1 y:x2 = math.divide math.truediv divide RealDiv
    FloorDivide x:x1 y:x2 = math.floordiv
    Mod x:x1 y:x2 = math.floormod math.mod
    Power x:x1 y:x2 = math.pow pow
    Maximum x:x1 y:x2 = math.maximum maximum
    Minimum x:x1 y:x2 = math.minimum minimum
    Greater x:x1 y:x2 = math.greater
    GreaterEqual x:x1 y:x2 = math.greater_equal
    Less x:x1 y:x2 = math.less
    LessEqual x:x1 y:x2 = math.less_equal
    Equal x:x1 y:x2 self:x1 other:x2 = math.equal __operators__.eq
    NotEqual x:x1 y:x2 self:x1 other:x2 = math.not_equal __operators__.ne
    LogicalAnd x:x1 y:x2 = math.logical_and
    LogicalOr x:x1 y:x2 = math.logical_or
    LogicalNot x:x = math.logical_not
    Matmul a:x1 b:x2 = linalg.matmul matmul
    Absolute x:x = math.abs abs
    Negative x:x = math.negative
    Exp x:x = math.exp
    Log x:x = math.log
    Log1p x:x = math.log1p
    Sqrt x:x = math.sqrt
    Rsqrt x:x = math.rsqrt
    Square x:x = math.square
    Sin x:x = math.sin
    Cos x:x = math.cos
    Tanh x:x = math.tanh nn.tanh
    Sign x:x = math.sign
    Floor x:x = math.floor
    Ceil x:x = math.ceil
    Round x:x = math.round
    Reciprocal x:x = math.reciprocal
    Erf x:x = math.erf
    Sigmoid x:x = math.sigmoid nn.sigmoid
    Relu features:x = nn.relu
    Relu6 features:x = nn.relu6
    Elu features:x = nn.elu
    Selu features:x = nn.selu
    Softplus features:x = math.softplus nn.softplus
    Softsign features:x = nn.softsign
    Silu features:x = nn.silu nn.swish
    Gelu features:x approximate:approximate = nn.gelu
    LeakyRelu features:x alpha:negative_slope = nn.leaky_relu
    Softmax logits:x axis:axis = nn.softmax
    LogSoftmax logits:x axis:axis = nn.log_softmax
    Mean input_tensor:x axis:axis keepdims:keepdims = math.reduce_mean
    Sum input_tensor:x axis:axis keepdims:keepdims = math.reduce_sum
    Max input_tensor:x axis:axis keepdims:keepdims = math.reduce_max
    Min input_tensor:x axis:axis keepdims:keepdims = math.reduce_min
    Prod input_tensor:x axis:axis keepdims:keepdims = math.reduce_prod
    Any input_tensor:x axis:axis keepdims:keepdims = math.reduce_any
    All input_tensor:x axis:axis keepdims:keepdims = math.reduce_all
    Std input_tensor:x axis:axis keepdims:keepdims = math.reduce_std
    Var input_tensor:x axis:axis keepdims:keepdims = math.reduce_variance
    Logsumexp input_tensor:x axis:axis keepdims:keepdims = math.reduce_logsumexp
    Argmax input:x axis:axis = math.argmax argmax
    Cumsum x:x axis:axis = math.cumsum
    Reshape tensor:x shape:newshape = reshape
    ExpandDims input:x axis:axis = expand_dims
    Squeeze input:x axis:axis = squeeze
    Transpose a:x perm:axes = transpose
    Concatenate values:xs axis:axis = concat
    Stack values:x axis:axis = stack
    Tile input:x multiples:repeats = tile
    Repeat input:x repeats:repeats axis:axis = repeat
    Take params:x indices:indices axis:axis = gather
    Cast x:x dtype:dtype = cast
    Clip t:x clip_value_min:x_min clip_value_max:x_max = clip_by_value
    Where condition:condition x:x1 y:x2 = where
    OneHot indices:x depth:num_classes = one_hot
    ZerosLike input:x = zeros_like
    OnesLike input:x = ones_like
    StopGradient input:x = stop_gradient
    Normalize x:x axis:axis = math.l2_normalize linalg.l2_normalize
"""
_IGNORED = ("name", "epsilon", "transpose_a", "transpose_b")


def _read_table() -> dict[str, tuple[str, dict[str, str]]]:
    """`{TensorFlow's function: (class, {TensorFlow's argument: ours})}`."""
    found: dict[Any, Any] = {}
    for line in _TABLE.strip().splitlines():
        left, right = line.split(" = ")
        name, *pairs = left.split()
        arguments = dict(pair.split(":") for pair in pairs)
        found |= dict.fromkeys(right.split(), (name, arguments))
    return found


OPERATIONS = _read_table()


def operation_entry(name: str, entry: dict, nodes: list[dict]) -> dict:
    """The entry of an operation in a graph's config.

    Args:
        name: of the entry.
        entry: as Keras 2 wrote it.
        nodes: its calls, as Keras 3 writes them, with TensorFlow's names of the arguments.

    Raises:
        ValueError: there is no operation for it.
    """
    function = entry["config"].get("function")
    if entry["class_name"] == "SlicingOpLambda" or function == "__operators__.getitem":
        made, written = "GetItem", [_slicing(name, node) for node in nodes]
    elif function in OPERATIONS:
        made, arguments = OPERATIONS[function]
        written = [_call(name, node, arguments) for node in nodes]
        if made == "Matmul" and any(node["kwargs"].get(f"transpose_{x}") for node in nodes for x in "ab"):
            made, written = "Einsum", [_transposed(node, call) for node, call in zip(nodes, written, strict=True)]
            return _entry(name, made, written, {"subscripts": _subscripts(nodes[0]["kwargs"])})
    else:
        raise ValueError(
            f"Layer {name!r} of the file is TensorFlow's operation {function or entry['class_name']!r}, which has no counterpart "
            "here. Make the model in your program, and call load_weights() on it."
        )
    return _entry(name, made, written, {})


def _entry(name: str, class_name: str, nodes: list[dict], config: dict) -> dict:
    return {
        **{"module": "keras.src.ops.numpy", "class_name": class_name, "config": {"name": name, **config}},
        **{"registered_name": None, "name": name, "inbound_nodes": nodes},
    }


def _call(name: str, node: dict, arguments: dict[str, str]) -> dict:
    """All arguments by our names."""
    unknown = [key for key, value in node["kwargs"].items() if key not in (*arguments, *_IGNORED) and value is not None]
    if unknown:
        raise ValueError(f"Operation {name!r} of the file has the arguments {unknown}, which are not known here.")
    found = dict(zip(arguments.values(), node["args"], strict=False))
    found |= {arguments[key]: value for key, value in node["kwargs"].items() if key in arguments and value is not None}
    return {"args": [], "kwargs": found}


def _subscripts(kwargs: dict) -> str:
    left = "...ji" if kwargs.get("transpose_a") else "...ij"
    right = "...kj" if kwargs.get("transpose_b") else "...jk"
    return f"{left},{right}->...ik"


def _transposed(node: dict, call: dict) -> dict:
    return {"args": [call["kwargs"]["x1"], call["kwargs"]["x2"]], "kwargs": {}}


def _slicing(name: str, node: dict) -> dict:
    """`x[:, 1:3]`: one dict of start, stop and step for each axis."""

    def part(item: Any) -> Any:
        if isinstance(item, dict) and set(item) >= {"start", "stop", "step"}:
            return {"class_name": "__slice__", "config": {key: item[key] for key in ("start", "stop", "step")}}
        if isinstance(item, dict) and (item.get("class_name") == "__ellipsis__" or item.get("type") == "Ellipsis"):
            return {"class_name": "__ellipsis__", "config": {}}
        if item is None or isinstance(item, int):
            return item
        raise ValueError(f"Operation {name!r} of the file takes an index that is not known here: {item!r:.200}.")

    key = node["kwargs"].get("slice_spec")
    key = key if isinstance(key, list) else [key]
    return {"args": [*node["args"], [part(item) for item in key]], "kwargs": {}}
