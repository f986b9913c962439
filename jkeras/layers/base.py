"""`Layer`: weights and a pure function.

`build` makes the weights once the shape of the inputs is known, and `call` computes the outputs. Calling the layer
does the rest: it builds the layer at the first call, casts the inputs, decides if the model is training, passes masks
on, and records the call if the input is symbolic. Layers written for Keras run unchanged, and the built-in layers are
written in the same way.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras import regularizers
from jkeras.arguments import Checked, read
from jkeras.core import dtype as dtypes
from jkeras.core import frame as frames
from jkeras.core import symbolic
from jkeras.core.containment import contained
from jkeras.core.frame import Frame
from jkeras.core.observing import observe
from jkeras.core.policy import DTypePolicy, get_policy
from jkeras.core.remat import current_scope
from jkeras.core.symbolic import KerasTensor
from jkeras.core.undo import all_or_nothing
from jkeras.core.variable import Variable, as_arrays
from jkeras.errors import MissingAttribute, locate, unexpected_keywords
from jkeras.layers.construction import bound_arguments, constructor_keywords, pop_input_shape
from jkeras.layers.inferred import Inferred, is_overridden
from jkeras.layers.input_spec import InputSpec, check_input
from jkeras.layers.mask_arguments import carry_mask, pass_masks
from jkeras.layers.missing import hint
from jkeras.layers.recomputed import Recomputed
from jkeras.layers.signatures import call_spec
from jkeras.ops.sparse import is_sparse
from jkeras.quantizers.config import resolve
from jkeras.runtime.placement import to_device
from jkeras.serialization import describe_constructor, serialize, serialize_arguments
from jkeras.serialization.naming import auto_name, reset_names, scope, snake_case


class Layer(Checked, Inferred, Recomputed):
    """The base class of layers: it has weights, and computes outputs from inputs.

    Args:
        activity_regularizer: a penalty on the layer's output, which is added to the loss: a name such as `"l2"`, a
            `Regularizer`, or a function of the output that returns a number. None means no penalty.
        trainable: True if the optimizer may change the layer's weights. False freezes them.
        dtype: the dtype of the weights and of the computation, such as `"bfloat16"`, or a `DTypePolicy` or its name, such as
            `"mixed_bfloat16"`. None takes the policy that is set in `jkeras.config`, which is `"float32"` at first.
        autocast: True if floating-point inputs are cast to the compute dtype before `call` sees them.
        name: a string without `/`. By default the class name in snake case, with a number if that name is taken.
        **kwargs: `input_shape`, the shape of one sample, or `batch_input_shape`, the shape with the batch axis. Older programs
            give them to the first layer of a `Sequential`, which then knows its input without an `Input`.

    Raises:
        TypeError: an unknown keyword argument.
        ValueError: `name` is no string, or contains `/`.

    >>> import jkeras, numpy as np
    >>> class Scale(jkeras.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
    ...     def call(self, x):
    ...         return x * self.scale
    >>> Scale()(np.array([[1.0, 2.0]], "float32")).tolist()
    [[1.0, 2.0]]
    """

    _weights: list[Variable]
    _losses: list[Any]
    _loss_layers: tuple[Any, ...]
    _arguments: dict[str, Any]
    untraced: tuple[str, ...] = (
        "_nodes",
        "_arguments",
        "_losses",
        "_loss_layers",
        "_path",
    )  # attributes that `call` does not read

    def __new__(cls, *args: Any, **kwargs: Any) -> "Layer":
        layer = super().__new__(cls)
        layer._weights = []  # variables in the order add_weight made them: the order of get_weights()
        layer._losses = []  # values that add_loss got in the last eager call
        layer._loss_layers = ()  # the layers to clear before the next one
        layer._nodes = []  # the symbolic calls
        layer._trainable = True
        layer._path = None
        layer._remat = current_scope()
        layer.built = False
        layer._arguments = bound_arguments(cls, args, kwargs)
        return layer

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ):
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(f"A layer's name must be a string without '/', got name={name!r}.")
        self.name = name or auto_name(type(self).__name__)
        self._named = name is not None  # a name that was given is used in paths; a counted one is not
        self.activity_regularizer = read("activity_regularizer", regularizers.get, activity_regularizer)
        if not isinstance(trainable, (bool, np.bool_)):
            raise ValueError(f"Expected trainable= of layer {self.name!r} to be a boolean, got trainable={trainable!r}.")
        self._trainable = bool(trainable)
        self.dtype_policy = dtype
        self.autocast = autocast
        self.supports_masking = is_overridden(self, "compute_mask")
        self.input_spec: Any = None
        shape = pop_input_shape(kwargs)
        self._input_shape_argument = shape
        if kwargs:
            raise unexpected_keywords(f"{type(self).__name__}()", kwargs, constructor_keywords(type(self), Layer))  # type: ignore[arg-type]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "quantize" in cls.__dict__:
            cls.quantize = _check_quantization(cls.__dict__["quantize"])  # type: ignore[method-assign]
            cls._can_quantize = True

    # -- quantization -------------------------------------------------------------------------------------------------

    def quantize(self, mode: str | None = None, type_check: bool = True, config: Any = None) -> None:
        """Hold the layer's weights in another form. Layers with a form say how; the others refuse.

        Args:
            mode: the name of the form, such as `"int8"`.
            type_check: refuse subclasses of a layer that knows how.
            config: a `QuantizationConfig`; by default that of the mode.

        Raises:
            NotImplementedError: the layer has no other form.
        """
        raise NotImplementedError(
            f"A layer of class {type(self).__name__} has no quantized form. Leave it out with filters=."
        )

    def quantized_build(self, input_shape: Any, mode: str) -> None:
        """Make the variables of a quantized form, in a layer that has one."""
        raise NotImplementedError(f"The class {type(self).__name__} must define quantized_build(input_shape, mode).")

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs in the place of `call` if the policy is a quantized one.

        A layer of yours defines a method for a mode, such as `_int8_call`; a layer without one has no weights in that form, and
        computes as its policy's source says.
        """
        own = getattr(type(self), f"_{self.quantization_mode}_call", None)
        return self.call(*args, **kwargs) if own is None else own(self, *args, **kwargs)

    # -- losses -------------------------------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Add a scalar (or a list of scalars) to the loss that is minimized. Call it inside of `call`."""
        frame = frames.current()
        for value in loss if isinstance(loss, (list, tuple)) else [loss]:
            value = jnp.asarray(value() if callable(value) else value)
            if frame is None:
                self._losses.append(value)
            else:
                frame.losses.append((self, value))

    @property
    def losses(self) -> list[jax.Array]:  # type: ignore[override]
        """The values that `add_loss` got in the current (or last eager) call, followed by the regularization terms of the
        weights.
        """
        mine = {id(layer) for layer in self._flatten_layers()}
        frame = frames.current()
        if frame is not None:
            added = [value for layer, value in frame.losses if id(layer) in mine]
        else:
            added = [value for layer in self._flatten_layers() for value in layer._losses]  # type: ignore[attr-defined]
        return added + [v.regularizer(v.value) for v in self.trainable_weights if v.regularizer is not None]

    # -- calling ------------------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._check_initialized()
        if args and type(args[0]) is list and _is_numbers(args[0]):
            args = (np.asarray(args[0], dtypes.floatx() if np.asarray(args[0]).dtype.kind == "f" else None), *args[1:])
        if symbolic.is_symbolic(args, kwargs):
            return self._call_symbolically(args, kwargs)
        frame = frames.current()
        if frame is not None:
            return self._call_in_frame(frame, args, kwargs)
        return self._call_outermost(args, kwargs)

    @contained
    def _call_outermost(self, args: tuple, kwargs: dict) -> Any:
        for layer in self._loss_layers:
            layer._losses = []
        with Frame() as frame:
            outputs = self._call_in_frame(frame, args, kwargs)
        self._loss_layers = tuple({id(layer): layer for layer, _ in frame.losses}.values())
        for layer in self._loss_layers:  # which may have been called by themselves before
            layer._losses = []
        for layer, value in frame.losses:
            layer._losses.append(value)
        return frame.hand_out(outputs, (args, kwargs))

    def _call_in_frame(self, frame: Frame, args: tuple, kwargs: dict) -> Any:
        spec = call_spec(type(self).call)
        args, kwargs = self._convert(args), self._convert(kwargs) if kwargs else {}
        first = args[0] if args else next(iter(kwargs.values()), None)
        check_input(self, first)
        if not self.built:
            if frame.pure and type(self).build is not Layer.build:
                raise ValueError(
                    f"Layer {self.name!r} is not built, so the given variables cannot be its own. Make them first:\n"
                    "    variables = layer.init(key, inputs)"
                )
            self._build_for(spec, args, kwargs)
        weights = len(self._weights) if self.built else None
        outer = frame.training, frame.autocast
        training = kwargs.get("training")
        if training is None and spec.training is not None and len(args) > spec.training:
            training = args[int(spec.training)]
        if getattr(training, "ndim", 0):
            raise TypeError(
                f"Layer {self.name!r} ({type(self).__name__}) got an array of shape {symbolic.list_shapes([training])} for "
                f"training=, which is True or False. It takes {' and '.join(spec.names[: int(min(spec.training, 9))])} as input; "  # type: ignore[arg-type, type-var]
                "several arrays for one argument are a list: layer([a, b])."
            )
        if training is None:
            training = frame.training if frame.training is not None else spec.training_default
        if spec.training is not None and len(args) <= spec.training:
            kwargs["training"] = training
        elif not spec.variadic:
            kwargs.pop("training", None)
        mask = pass_masks(frame, spec, args, kwargs)
        mixed = self.compute_dtype != self.variable_dtype or frame.autocast is not None
        frame.training = training
        frame.autocast = self.compute_dtype if mixed and dtypes.is_float(self.compute_dtype) else None
        try:
            with jax.named_scope(self.name), scope(self):
                if self._path is None:
                    self._note_path()
                call = self.call if self.quantization_mode is None else self.quantized_call
                if self._remat is not None:
                    call = self.rematerialized_call(call)
                outputs = as_arrays(call(*args, **kwargs))
        except Exception as error:
            if repr(self.name) not in str(error):
                shapes = symbolic.list_shapes((args, kwargs))
                locate(error, f"This came up in call() of layer {self.name!r} ({type(self).__name__}), on shape {shapes}.")
            raise
        finally:
            frame.training, frame.autocast = outer
        if weights is not None and len(self._weights) > weights:
            made = self._weights[weights].name
            del self._weights[weights:]
            raise ValueError(
                f"Layer {self.name!r} ({type(self).__name__}) cannot add new elements of state: its call() makes the weight {made!r} "
                "anew each time. Make weights in __init__() or in build(self, input_shape)."
            )
        self.built = True
        if self.activity_regularizer is not None:
            for output in jax.tree.leaves(outputs):
                rows = output.shape[0] if output.ndim else 1
                self.add_loss(self.activity_regularizer(output) / (1 if isinstance(rows, int) and rows == 0 else rows))
        carry_mask(self, frame, first, mask, outputs, is_overridden(self, "compute_mask"))
        observe(self, outputs)
        return outputs

    @contained
    def _call_symbolically(self, args: tuple, kwargs: dict) -> Any:
        check_input(self, args[0] if args else next(iter(kwargs.values()), None))
        if self.built:
            outputs = self._infer(args, kwargs)
        else:
            with all_or_nothing(self):
                self._build_for(call_spec(type(self).call), args, kwargs)
                outputs = self._infer(args, kwargs)
        symbolic.record(self, args, kwargs, outputs, self.name)
        tensor = next((x for x in symbolic.leaves(outputs) if isinstance(x, KerasTensor)), None)
        if tensor is not None and tensor.history is not None:
            self._nodes.append(tensor.origin.node)
        return outputs

    def _convert(self, values: Any) -> Any:
        """Arrays become JAX arrays, and floating-point ones get the compute dtype."""
        target = self.compute_dtype

        def convert(x: Any) -> Any:
            if isinstance(x, (np.ndarray, np.generic)):
                x = to_device(x.copy())  # jnp.asarray, which copies too, would compile a program for each new shape
            elif isinstance(x, Variable):
                x = x.value
            elif is_sparse(x):
                cast = self.autocast and x.dtype != target and dtypes.is_float(x.dtype) and dtypes.is_float(target)
                return x.astype(target) if cast else x
            elif not isinstance(x, jax.Array):
                return to_device(np.array(x.__array__())) if hasattr(x, "__array__") else x
            if self.autocast and x.dtype != target and dtypes.is_float(x.dtype) and dtypes.is_float(target):
                mask = frames.current().get_mask(x)  # type: ignore[union-attr]
                x = x.astype(target)
                if mask is not None:
                    frames.set_mask(x, mask)
            return x

        if type(values) is tuple and len(values) == 1 and isinstance(values[0], jax.Array):
            return (convert(values[0]),)
        return symbolic.map_structure(convert, values)

    # -- configs ------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict:
        """Return the constructor's arguments of this layer, as plain data. Subclasses add their own."""
        config = {"name": self.name, "trainable": self._trainable, "dtype": serialize(self.dtype_policy)}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = serialize(self.activity_regularizer)
        if type(self).__init__ is not Layer.__init__ and type(self).get_config is Layer.get_config:
            return serialize_arguments(self, describe_constructor(type(self), config, self._arguments))
        return config

    @classmethod
    def from_config(cls, config: dict) -> "Layer":
        """Make a layer from `get_config()`."""
        return cls(**name_dtype(config))

    def __getattr__(self, name: str) -> Any:
        found = getattr(type(self), name, None)
        if isinstance(found, property):  # whose getter raised an AttributeError, with a message of its own: raise it again
            return found.fget(self)  # type: ignore[misc]
        owner = f"{type(self).__name__!r} object {self.__dict__.get('name', '')!r}"
        raise MissingAttribute(lambda: f"{owner} has no attribute {name!r}.{hint(self, name, Layer)}", name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={getattr(self, 'name', '?')}, built={self.built}>"


def name_dtype(config: dict) -> dict:
    """A config whose `dtype` is the name of its policy, as constructors of users' classes know it, unless more than a name is needed.

    >>> from jkeras.core.policy import DTypePolicy
    >>> name_dtype({"dtype": DTypePolicy("bfloat16")})
    {'dtype': 'bfloat16'}
    """
    given = config.get("dtype")
    if isinstance(given, dict) and given.get("class_name") in ("DTypePolicy", "FloatDTypePolicy"):
        given = get_policy(given)
    return {**config, "dtype": given.name} if type(given) is DTypePolicy else config


def _check_quantization(quantize: Callable) -> Callable:
    """A method `quantize` that is called with a config, and only on a layer that can be quantized."""
    if getattr(quantize, "checks_quantization", False):
        return quantize

    @functools.wraps(quantize)
    def wrapped(self: Layer, mode: str | None = None, config: Any = None, **kwargs: Any) -> Any:
        config = resolve(mode, config)
        who = f"Layer {self.name!r} (of type {type(self).__name__!r})"
        if not self.built:
            raise ValueError(f"Cannot quantize a layer that isn't yet built. {who} is not built yet: call it on data first.")
        if self._is_quantized:
            raise ValueError(
                f"{who} is already quantized with dtype_policy={self._policy.name!r}. Received: mode={config.mode}"
            )
        if config.mode == "int8" and self.compute_dtype == "float16":
            raise ValueError(
                f"int8 doesn't work well with compute_dtype='float16', in which {who} computes: its largest number is 65504. Take "
                "'mixed_bfloat16'."
            )
        with all_or_nothing(self):
            return quantize(self, mode=config.mode, config=config, **kwargs)

    wrapped.checks_quantization = True  # type: ignore[attr-defined]
    return wrapped


def _is_numbers(value: list) -> bool:
    """True if lists of lists hold numbers, so that they stand for one array."""
    while isinstance(value, list) and value:
        value = value[0]
    return isinstance(value, (bool, int, float))


Layer.__new__.__signature__ = inspect.signature(Layer.__init__)  # type: ignore[attr-defined]  # what help() shows

__all__ = ["InputSpec", "Layer", "auto_name", "reset_names", "snake_case"]
