"""A `Variable` is a key to a value, which a frame holds during a call.

A variable has a shape, a dtype and an initializer, and it stores its current array in a *box*. `.value` looks in the
innermost frame that contains the variable, and otherwise in the box; `assign` writes to the same place. So the same
code of a layer runs eagerly and, inside of a frame, as a pure function.

The box may hold a `Promise` instead of an array. A weight that nobody has read yet needs no memory, and weights in
training are lent to the training loop. The first read replaces the promise by its value.

For JAX, a variable is a pytree with one leaf. A copy that JAX makes by flattening can be read, but not assigned.
"""

import contextlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.core import frame as frames
from jkeras.core.array_face import ArrayFace
from jkeras.core.turns import Turn, in_training
from jkeras.errors import suggest
from jkeras.runtime.mesh import ONE_DEVICE, current
from jkeras.runtime.placement import to_device
from jkeras.serialization import deserialize, published
from jkeras.serialization.naming import scoped

PARAMS, STATE = "params", "state"


class Promise:
    """An object that takes the place of an array in a box until somebody reads it."""

    def redeem(self, variable: "Variable") -> jax.Array:
        """Put the array that belongs there into the box of `variable`, and return it."""
        raise TypeError(f"{type(self).__name__} must define redeem().")


class Initial(Promise):
    """The promise of a new variable: its initializer, run at the first read.

    The array is laid out by the placement in force then, or if there is none, by the one in which the variable was made.
    """

    _made_in: Any = ONE_DEVICE

    def __init__(self) -> None:
        if current() is not ONE_DEVICE:
            self._made_in = current()

    def __getstate__(self) -> None:  # devices are those of this process
        return None

    def redeem(self, variable: "Variable") -> jax.Array:
        placement = current() if current() is not ONE_DEVICE else self._made_in
        value = placement.made(variable, variable.initial_value)
        variable.take_back(self, value)
        return value


class Variable(ArrayFace):
    """A named array that layers, metrics and optimizers store and update.

    Args:
        initializer: an array or nested list (the value), a callable `(shape, dtype) -> array`, or an initializer's name.
        shape: needed unless `initializer` is the value itself.
        dtype: by default that of the value: int32 for Python's integers, and the default float for other numbers.
        trainable: whether gradients change it. What is created with False belongs to the `"state"` collection, the
            rest to `"params"`; switching `.trainable` later (freezing) moves nothing.
        autocast: whether mixed precision reads it in the compute dtype.
        aggregation, synchronization: kept for programs that read them. They change nothing: arrays are spread by shardings.
        name: the name of the variable, a string without `/`. None takes a name that is free.

    Raises:
        ValueError: the value does not have the given shape, or `shape` is missing or not fully known.

    >>> v = Variable([1.0, 2.0], name="v")
    >>> v.assign_add([1.0, 1.0]).tolist()
    [2.0, 3.0]
    >>> (v * 2).tolist()
    [4.0, 6.0]
    """

    turn: Turn | None = None  # of the model that trains it
    # What a trace reads besides the value; see `runtime/identity.py`.
    traced = (
        "shape",
        "dtype",
        "trainable",
        "collection",
        "autocast",
        "regularizer",
        "constraint",
        "overwrite_with_gradient",
    )
    reference: "Variable | None" = None  # the parameter that an optimizer keeps this for
    adapted = False  # whether others are trained in its place, so that it stays frozen
    detached = False  # whether JAX made it, by flattening a variable and putting another value in its place

    def __init__(
        self,
        initializer: Any,
        shape: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str = "auto",
        name: str | None = None,
    ):
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(f"A variable's name must be a string without '/', got name={name!r}.")
        self.name = name or "variable"
        self.path = scoped(self.name)
        self.trainable = bool(trainable)
        self.collection = PARAMS if trainable else STATE
        self.autocast = autocast
        self.aggregation, self.synchronization = aggregation or "none", synchronization
        self._regularizer: Callable | None = None
        self._constraint: Callable | None = None
        self._overwrite_with_gradient = False
        frames.note_made(self)
        if isinstance(initializer, (str, dict)):
            initializer = _named_initializer(self.name, initializer)
        if callable(initializer):
            if shape is None:
                raise ValueError(f"Variable {self.name!r} is made by an initializer, so it needs shape=(...).")
            self.shape = _known_shape(self.name, shape)
            self.dtype = dtypes.standardize(dtype)
            # An initializer of ours is a pure function of its seed: run it when somebody looks. Foreign code runs now.
            fork = getattr(initializer, "fork", None)
            self._initializer = fork() if fork else initializer
            self._box: Any = Initial() if fork else current().made(self, self.initial_value)
        else:
            value = initializer.value if isinstance(initializer, Variable) else initializer
            inferred = getattr(value, "dtype", None)
            if inferred is None and (kind := np.asarray(value).dtype.kind) in "biu":
                inferred = "bool" if kind == "b" else "int32"  # of Python's integers; other numbers are the default float
            self.dtype = dtypes.standardize(dtype if dtype is not None else inferred)
            self._box = _convert(self.name, value, self.dtype, None)
            self.dtype = self._box.dtype.name
            self.shape = tuple(self._box.shape)
            self._initializer = _Constant(self._box)
            if shape is not None and tuple(shape) != self.shape:
                raise ValueError(f"Variable {self.name!r}: the value has shape {self.shape}, not shape={tuple(shape)}.")

    # -- options ------------------------------------------------------------------------------------------------------

    @property
    def regularizer(self) -> Callable | None:
        """Function of the value that returns a penalty, or None."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: Callable | None) -> None:
        self._regularizer = self._function("regularizer", value)

    @property
    def constraint(self) -> Callable | None:
        """Function of the value that returns an allowed one, or None."""
        return self._constraint

    @constraint.setter
    def constraint(self, value: Callable | None) -> None:
        self._constraint = self._function("constraint", value)

    @property
    def overwrite_with_gradient(self) -> bool:
        """True if an optimizer takes the gradient for the new value."""
        return self._overwrite_with_gradient

    @overwrite_with_gradient.setter
    def overwrite_with_gradient(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise TypeError(f"overwrite_with_gradient of variable {self.name!r} must be a boolean, got {value!r}.")
        self._overwrite_with_gradient = value

    def _function(self, what: str, value: Any) -> Any:
        if value is not None and not callable(value):
            raise ValueError(
                f"The {what} of variable {self.name!r} must be a function of its value, or None, got {value!r}."
            )
        return value

    # -- reading and writing ------------------------------------------------------------------------------------------

    @property
    def value(self) -> jax.Array:
        """The current array, seen from where the code runs."""
        frame = frames.binding(self)
        if frame is None:
            value = self.read_box()
        elif id(self) in frame.values:
            value = frame.values[id(self)]
        else:
            value = jnp.zeros(self.shape, self.dtype)
        call = frames.current()
        if call is not None and call.autocast is not None and self.autocast and value.dtype != call.autocast:
            return value.astype(call.autocast) if dtypes.is_float(self.dtype) else value
        return value

    def assign(self, value: Any) -> jax.Array:
        """Write a new value of the same shape; returns it.

        Raises:
            ValueError: the shape differs.
            RuntimeError: the write would leak out of a JAX transformation that was entered after the call began; or another
                thread is training the variable.
        """
        if self.detached:
            raise RuntimeError(
                f"This is a copy of variable {self.name!r}, made when it was passed through a JAX transformation as an "
                "argument; assigning to it would be lost. Return the new value and assign it outside."
            )
        frame = frames.binding(self)
        value = self.converted(value)
        if frame is not None:
            if frame.is_foreign_trace():
                raise _leak(self)
            frame.values[id(self)] = value
        else:
            if isinstance(value, jax.core.Tracer):
                raise _leak(self)
            if self.turn is not None and self.turn.is_taken():
                raise in_training(f"The model with variable {self.path!r}")
            self._box = value
        return value

    def converted(self, value: Any) -> jax.Array:
        """Convert a value as `assign` would store it: on several devices, each of them gets its part.

        Raises:
            ValueError: the shape differs.
        """
        placement = current() if frames.binding(self) is None else ONE_DEVICE
        if placement is ONE_DEVICE:
            return _convert(self.name, value, self.dtype, self.shape)
        return _convert(
            self.name, value, self.dtype, self.shape, lambda array: placement.put_variables([self], [array])[0], moves=True
        )

    def assign_add(self, value: Any) -> jax.Array:
        """Add to the value."""
        return self.assign(self.value + _raw(value))

    def assign_sub(self, value: Any) -> jax.Array:
        """Subtract from the value."""
        return self.assign(self.value - _raw(value))

    def read_box(self) -> jax.Array:
        """Return the array that the variable itself stores, whatever frames are open. A promise is replaced by its
        value.
        """
        box = self._box
        return box.redeem(self) if isinstance(box, Promise) else box

    def box(self) -> Any:
        """The stored content after a loan has ended: an array, or the promise of the initial value."""
        return self._box if isinstance(self._box, Initial) else self.read_box()

    def __getstate__(self) -> dict:
        state = {**self.__dict__, "_box": self.box()}  # a copy must not wait for somebody else's loan to end
        state.pop("turn", None)
        return state

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)

    def lend(self, promise: Promise) -> None:
        """Put a promise in the box (the array has been handed to somebody, who will give it back)."""
        self._box = promise

    def is_lent(self, promise: Promise) -> bool:
        """Return True if the variable stores this promise."""
        return self._box is promise

    def take_back(self, promise: Promise, value: jax.Array) -> None:
        """Fulfil a promise made by `lend`; a value assigned in the meantime stands."""
        if self._box is promise:
            self._box = value

    def initial_value(self, key: Any = None, traced: bool = False) -> jax.Array:
        """Run the initializer; `key` replaces the seed of an initializer that was given none, `traced` makes it part of a program."""
        initializer = self._initializer
        if key is not None:
            with_key = getattr(initializer, "with_key", None)
            initializer = with_key(key) if with_key else initializer
            return _convert(self.name, initializer(self.shape, dtype=self.dtype), self.dtype, self.shape)
        with contextlib.nullcontext() if traced else jax.ensure_compile_time_eval():
            return _convert(self.name, initializer(self.shape, dtype=self.dtype), self.dtype, self.shape)

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self.value}>"


def _named_initializer(name: str, identifier: str | dict) -> Callable:
    if isinstance(identifier, dict):
        return deserialize(identifier)
    initializers = published("keras.initializers")
    known = initializers.get(identifier)
    if known is None:
        raise ValueError(f"Unknown initializer of variable {name!r}: {identifier!r}.{suggest(identifier, initializers)}")
    return known()


def _known_shape(name: str, shape: Any) -> tuple[int, ...]:
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(d is None or int(d) < 0 for d in shape):
        raise ValueError(f"Variable {name!r} needs every dimension to be known, got shape={shape}.")
    return tuple(int(d) for d in shape)


def _raw(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return np.asarray(value)
    return value.value if isinstance(value, Variable) else value


def _convert(
    name: str, value: Any, dtype: str, shape: tuple[int, ...] | None, place: Callable = to_device, moves: bool = False
) -> jax.Array:
    """A value as an array of a dtype. `place` puts an array of the host on the devices, and if it `moves`, one of JAX, too."""
    value, target = _raw(value), dtypes.canonical(dtype)
    if not isinstance(value, jax.Array):
        # Through NumPy, because jnp.asarray compiles a program for each new shape (25 ms; this takes 0.15 ms).
        value, moves = np.asarray(value), True
        _check_numbers(name, value.dtype, target)
        value = value.astype(target)  # a copy: on the CPU, a device may use the memory of a NumPy array
    elif value.dtype != target or value.weak_type:
        _check_numbers(name, value.dtype, target)
        value = value.astype(target)
    if shape is not None and tuple(value.shape) != shape:
        raise ValueError(f"Variable {name!r} has shape {shape} and cannot be given a value of shape {value.shape}.")
    return place(value) if moves and not isinstance(value, jax.core.Tracer) else value


def _check_numbers(name: str, dtype: Any, target: Any) -> None:
    if dtype.kind in "OSUTMm" or (dtype.kind == "c" and target.kind != "c"):
        raise ValueError(
            f"Variable {name!r} has dtype {target.name} and cannot be given a value of dtype {dtype}"
            + ("; take its real part first: value.real." if dtype.kind == "c" else ".")
        )


def _leak(variable: Variable) -> RuntimeError:
    return RuntimeError(
        f"Variable {variable.path!r} was assigned inside a JAX transformation (jit, grad, vmap, scan, cond, ...) that was "
        "entered outside of its control; the value would leak out of the trace. Carry it through instead:\n"
        "    outputs, new_state = layer.apply(variables, x)      # pure: returns what was assigned\n"
        "and call layer.update({'params': ..., 'state': new_state}) after the transformation."
    )


class _Constant:
    """The initializer of a variable that was given its value."""

    def __init__(self, value: jax.Array):
        self._value = value

    def __call__(self, shape: Any, dtype: Any = None) -> jax.Array:
        return self._value


def is_variable(item: Any) -> bool:
    """True if `item` is a `Variable`; for `jax.tree` functions that are to stop at variables."""
    return isinstance(item, Variable)


def lend_all(variables: list[Variable], promise: Promise) -> None:
    """Put a promise in all boxes; `Variable.lend` for many, once per call of a training loop."""
    for variable in variables:
        variable._box = promise


def all_hold(variables: list[Variable], promise: Promise) -> bool:
    """True if a promise is what all boxes hold: nobody has read or written a variable since it was lent."""
    return all([variable._box is promise for variable in variables])  # noqa: C419 (a generator takes three times as long)


def as_arrays(structure: Any) -> Any:
    """The structure, with variables replaced by their values. What leaves a frame goes through it: outside, a variable
    would be read from its box.

    >>> as_arrays({"a": Variable([1.0, 2.0]), "b": 3})["a"].tolist()
    [1.0, 2.0]
    """
    if isinstance(structure, jax.Array):
        return structure
    if any(map(is_variable, jax.tree.leaves(structure, is_leaf=is_variable))):
        return jax.tree.map(lambda x: x.value if is_variable(x) else x, structure, is_leaf=is_variable)
    return structure


class _Name:
    """The part of a variable that JAX stores beside its value. All of them are equal, so lists of variables with other
    names have the same structure.
    """

    def __init__(self, text: str):
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Name)

    def __hash__(self) -> int:
        return 0


def _detach(name: _Name, leaves: Any) -> Variable:
    variable, value = object.__new__(Variable), leaves[0]  # of any kind: JAX puts specs, axes, None in the place of values
    dtype = getattr(value, "dtype", None)
    variable.__dict__.update(
        detached=True, name=name.text, path=name.text, trainable=False, collection=STATE, autocast=True, _regularizer=None,
        _constraint=None, _overwrite_with_gradient=False, aggregation="none", synchronization="auto",
        shape=getattr(value, "shape", None), dtype=getattr(dtype, "name", dtype), _box=value,
    )  # fmt: skip
    return variable


jax.tree_util.register_pytree_node(Variable, lambda v: ((v.value,), _Name(v.name)), _detach)
