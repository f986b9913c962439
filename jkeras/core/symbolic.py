"""Symbolic tensors: calling an operation on them records the call instead of running it.

A `KerasTensor` has a shape (None where a dimension is not known yet) and a dtype. `call(operation, ...)` asks
`jax.eval_shape` what the operation returns, makes a `Node` that remembers operation and arguments, and hands out
symbolic outputs that point back at the node. The graph so recorded is what a functional model runs.

`jkeras.core.dimensions` infers shapes with unknown dimensions.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jkeras.core import dimensions
from jkeras.core import dtype as dtypes
from jkeras.core.dimensions import Sizes, Spec
from jkeras.core.frame import Frame, mask_of
from jkeras.core.operators import Operators
from jkeras.core.variable import Variable, as_arrays
from jkeras.errors import ArgumentError, as_argument_error, locate
from jkeras.serialization import published


class History(NamedTuple):
    """The origin of a symbolic tensor: it is the `index`-th output of `node`."""

    operation: Any
    node: "Node"
    index: int  # type: ignore[assignment]  # shadows tuple.index


_FIXED = frozenset(("shape", "dtype", "sparse"))


class KerasTensor(Operators["KerasTensor"]):
    """A placeholder for an array: a shape, a dtype, and the call that will produce it.

    Arithmetic, comparisons (but `==`, which tests identity), `@`, `~`, `&`, `|`, `^`, `abs`, `round` and indexing are
    calls of the operation of that name.

    Args:
        shape: the lengths of the axes; None stands for a length that is not known.
        dtype: the dtype of the array.
        sparse: True if the array will be sparse.
        record_history: False if the calls that it takes part in are not recorded as a graph.
        name: its name; by default `"keras_tensor"`.

    >>> x = KerasTensor((None, 3), "float32", name="x")
    >>> x, (2 * x[:, 0] > 1).dtype
    (<KerasTensor shape=(None, 3), dtype=float32, name=x>, 'bool')
    """

    __array_priority__ = 100  # NumPy arrays and numbers give way to our operators
    labels = ("name",)  # attributes that matter to a program only where data comes by name; see `runtime.identity`

    def __init__(
        self, shape: Any, dtype: Any = "float32", sparse: bool = False, record_history: bool = True, name: str | None = None
    ):
        self.shape = tuple(None if d is None else int(d) for d in shape)
        self.dtype = dtypes.standardize(dtype)
        self.sparse = sparse
        self.record_history = record_history  # False: what is computed from it is a shape and a dtype, no part of a graph
        self.name = name or "keras_tensor"
        self.history: History | None = None
        self.mask: KerasTensor | None = None  # the mask that will travel with the array

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and name in self.__dict__:
            raise AttributeError(
                f"The {name} of a symbolic tensor cannot be changed. Operations return new symbolic tensors."
            )
        super().__setattr__(name, value)

    @property
    def origin(self) -> History:
        """The call that made the tensor.

        Raises:
            ValueError: no call did; the tensor was made by `KerasTensor(shape)`.
        """
        if self.history is None:
            raise ValueError(
                f"{self!r} comes from no layer or operation. Make the inputs of a model with jkeras.Input(shape)."
            )
        return self.history

    @property
    def _keras_history(self) -> History | None:
        return self.history

    @property
    def _keras_mask(self) -> "KerasTensor | None":
        """The mask as a part of the graph, under the name by which programs written for Keras know it."""
        if self.mask is not None and self.mask.history is None and self.history is not None:
            self.mask = call(travelling_mask, (self,), {})
        return self.mask

    @_keras_mask.setter
    def _keras_mask(self, mask: "KerasTensor | None") -> None:
        self.mask = mask

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def _refuse(self, what: str) -> ArgumentError:
        return ArgumentError(
            f"A symbolic tensor (shape {self.shape}) has no value, so it cannot be {what}. Use functions of `jkeras.ops` "
            "and layers on it while a functional model is built; for a NumPy or jnp function, wrap it in a layer's call() "
            "or in `jkeras.layers.Lambda`."
        )

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise self._refuse("turned into a NumPy array")

    @property
    def __jax_array__(self) -> Any:  # asked for by every function of jnp, which would replace a TypeError by its own
        raise ValueError(str(self._refuse("given to a JAX function")))

    def __bool__(self) -> bool:
        raise self._refuse("used in a condition")

    def __float__(self) -> float:
        raise self._refuse("turned into a number")

    __int__ = __index__ = __float__  # type: ignore[assignment]

    def __iter__(self) -> Iterator:
        raise self._refuse("iterated over")

    def __len__(self) -> int:
        raise self._refuse("asked for its length")

    def reshape(self, newshape: Any) -> "KerasTensor":
        """Return a symbolic tensor with the same entries in another shape."""
        return _operation("reshape")(self, newshape)

    def squeeze(self, axis: Any = None) -> "KerasTensor":
        """Without axes of length 1."""
        return _operation("squeeze")(self, axis)

    def operate(self, name: str, *operands: Any) -> "KerasTensor":
        """Record an operator as a call of the function of `jkeras.ops`."""
        return _operation(name)(*operands)

    def __ne__(self, other: Any) -> Any:
        return _operation("not_equal")(self, other)

    def __getitem__(self, key: Any) -> "KerasTensor":
        return _operation("get_item")(self, key)

    def __round__(self, ndigits: int | None = None) -> "KerasTensor":
        return _operation("round")(self, ndigits or 0)


def _operation(name: str) -> Callable:
    """A function of `jkeras.ops`, looked up when it is used, because ops are made of this module."""
    return published("keras.ops")[name]


class Node:
    """One recorded call: `operation(*args, **kwargs)` and its symbolic outputs."""

    __slots__ = ("args", "kwargs", "operation", "outputs")

    def __init__(self, operation: Any, args: tuple, kwargs: dict, outputs: Any):
        self.operation, self.args, self.kwargs, self.outputs = operation, args, kwargs, outputs

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic tensors among the arguments, in order."""
        return [leaf for leaf in leaves((self.args, self.kwargs)) if isinstance(leaf, KerasTensor)]

    @property
    def parents(self) -> list["Node"]:
        """The nodes that the inputs come from."""
        return [x.history.node for x in self.inputs if x.history is not None]

    def __deepcopy__(self, memo: dict) -> "Node":
        """A copy with all calls before it: first empty nodes, then what is in them, so that no chain of calls is too deep."""
        found: dict[int, Node] = {}
        waiting = [self]
        while waiting:
            node = waiting.pop()
            if id(node) not in memo and id(node) not in found:
                found[id(node)] = node
                waiting.extend(node.parents)
        memo |= {number: Node.__new__(Node) for number in found}
        for number, node in found.items():
            for name in Node.__slots__:
                setattr(memo[number], name, copy.deepcopy(getattr(node, name), memo))
        return memo[id(self)]


def is_leaf(x: Any) -> bool:
    """True for what counts as one leaf of a structure beside arrays: symbolic tensors, variables, sparse arrays and None."""
    return isinstance(x, (KerasTensor, Variable)) or x is None or hasattr(type(x), "todense")


def leaves(structure: Any) -> list:
    """The leaves of nested lists, tuples and dicts; symbolic tensors, variables, sparse arrays and None count as leaves."""
    return [structure] if isinstance(structure, jax.Array) else jax.tree.leaves(structure, is_leaf=is_leaf)


def flatten(structure: Any) -> tuple[list, Any]:
    """The leaves, and the structure without them."""
    return jax.tree.flatten(structure, is_leaf=is_leaf)


def map_structure(function: Callable, *structures: Any) -> Any:
    """Apply a function leaf by leaf; symbolic tensors, variables, sparse arrays and None count as leaves."""
    if len(structures) == 1 and isinstance(structures[0], jax.Array):  # as nearly always: no tree to go through
        return function(structures[0])
    return jax.tree.map(function, *structures, is_leaf=is_leaf)


def is_symbolic(*values: Any) -> bool:
    """True if a symbolic tensor is among the values, or in lists, tuples or dicts among them."""
    for value in values:
        if isinstance(value, KerasTensor):
            return True
        if isinstance(value, (list, tuple)):
            if is_symbolic(*value):
                return True
        elif isinstance(value, dict) and is_symbolic(*value.values()):
            return True
    return False


def eval_shape(function: Callable, *args: Any) -> Any:
    """`jax.eval_shape`; errors of the function come through without JAX's remark on its own traceback."""
    try:
        return jax.eval_shape(function, *args)
    except Exception as error:
        error.__notes__ = [note for note in getattr(error, "__notes__", ()) if "JAX has removed" not in note]
        raise


def infer(function: Callable, args: tuple = (), kwargs: dict | None = None, numbers: bool = True) -> Any:
    """The outputs' shapes and dtypes of `function(*args, **kwargs)`, as symbolic tensors without a history.

    Symbolic tensors (or anything in their place) among the arguments are seen by the function as traced arrays;
    variables read as zeros; nothing is computed.

    Args:
        function: what is called, once if it can work with a symbol in the place of None (see `jkeras.core.dimensions`).
        args, kwargs: of the call.
        numbers: whether to try numbers in the place of None if it cannot.

    >>> import jax.numpy as jnp
    >>> infer(jnp.concatenate, ([KerasTensor((None, 3)), KerasTensor((None, 3))],))
    <KerasTensor shape=(None, 3), dtype=float32, name=keras_tensor>
    """
    flat, structure = flatten((args, kwargs or {}))
    places = [i for i, leaf in enumerate(flat) if isinstance(leaf, KerasTensor)]
    tensors = [flat[i] for i in places]

    def evaluate(sizes: Sizes) -> Any:
        def call(arrays: list) -> Any:
            values = list(flat)
            for i, array in zip(places, arrays, strict=True):
                values[i] = array
            args, kwargs = jax.tree.unflatten(structure, values)
            with Frame(abstract=True) as frame:
                for number, (tensor, array) in enumerate(zip(tensors, arrays, strict=True)):
                    if tensor.mask is not None:
                        frame.set_mask(array, jnp.ones(sizes.fill(tensor.mask.shape, number), bool))
                outputs = as_arrays(function(*args, **kwargs))
                return outputs, [frame.get_mask(leaf) for leaf in jax.tree.leaves(outputs)]

        specs = [
            jax.ShapeDtypeStruct(sizes.fill(t.shape, number), dtypes.canonical(t.dtype)) for number, t in enumerate(tensors)
        ]
        return eval_shape(call, specs)

    found = dimensions.settle(evaluate, [tensor.shape for tensor in tensors], numbers)
    outputs, masks = jax.tree.map(lambda s: KerasTensor(*s), found, is_leaf=lambda s: isinstance(s, Spec))
    for output, mask in zip(jax.tree.leaves(outputs), masks, strict=True):
        output.mask = mask
    return outputs


def travelling_mask(array: Any) -> Any:
    """The mask that travels with an array; an array without one counts as a whole."""
    mask = mask_of(array)
    return jnp.ones(array.shape[:-1], bool) if mask is None else mask


def record(operation: Any, args: tuple, kwargs: dict, outputs: Any, name: str) -> Any:
    """Make `outputs` (symbolic tensors) point back at the call that produces them; returns them."""
    node = Node(operation, args, kwargs, outputs)
    produced = [x for x in leaves(outputs) if isinstance(x, KerasTensor)]
    remembered = all(x.record_history for x in node.inputs)
    for index, tensor in enumerate(produced):
        tensor.record_history = remembered
        tensor.history = History(operation, node, index) if remembered else None
        tensor.name = name if len(produced) == 1 else f"{name}_{index}"
    return outputs


def kind(tensor: KerasTensor) -> tuple:
    """What outputs depend on: a shape, a dtype, and the shape of the mask."""
    return tensor.shape, tensor.dtype, tensor.sparse, None if tensor.mask is None else tensor.mask.shape


def without_history(x: Any) -> Any:
    """A symbolic tensor of the same shape, dtype and mask that nothing has produced yet; anything else as it is."""
    if not isinstance(x, KerasTensor):
        return x
    tensor = KerasTensor(x.shape, x.dtype, sparse=x.sparse, name=x.name)
    tensor.mask = x.mask
    return tensor


def call(function: Callable, args: tuple, kwargs: dict) -> Any:
    """Record the call of a plain function, and return its symbolic outputs."""
    name = getattr(function, "__name__", "function")
    spec = getattr(function, "spec", None)  # says itself what comes out; see `jkeras.ops.op.spec_of`
    try:
        outputs = NotImplemented if spec is None else spec(*args, **kwargs)
        if outputs is NotImplemented:
            outputs = infer(function, args, kwargs)
    except Exception as raised:
        error = as_argument_error(raised)
        locate(error, f"This came up in {name}(), called on symbolic tensors of shape {list_shapes((args, kwargs))}.")
        raise error from raised.__cause__
    return record(function, args, kwargs, outputs, name)


def list_shapes(values: Any) -> str:
    """The shapes of all tensors among some values, for a message; what stands for None is written as such.

    >>> list_shapes([KerasTensor((None, 3)), {"other": KerasTensor((2,)), "axis": 1}])
    '(None, 3), (2,)'
    """
    tensors = [leaf for leaf in leaves(values) if isinstance(leaf, (KerasTensor, jax.Array, Variable))]
    return ", ".join(str(dimensions.known(tensor.shape)) for tensor in tensors)
