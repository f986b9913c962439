"""`Sequential`: layers one after another."""

import functools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from jkeras.core import dtype as dtypes
from jkeras.core import symbolic
from jkeras.core.containment import contained
from jkeras.core.owner import Owner
from jkeras.core.symbolic import KerasTensor
from jkeras.core.tree import Path
from jkeras.core.undo import all_or_nothing
from jkeras.core.variable import Variable
from jkeras.data import Staged
from jkeras.errors import ArgumentError
from jkeras.layers.base import Layer
from jkeras.layers.input_layer import InputLayer
from jkeras.layers.preprocessing.host import as_array
from jkeras.layers.signatures import call_spec
from jkeras.models.inference import fit, infer_again, infer_call
from jkeras.models.model import Model
from jkeras.models.name_paths import name_paths
from jkeras.models.stage import HostStage, LateStage, is_on_host, stage_of
from jkeras.serialization import deserialize, serialize
from jkeras.serialization.naming import auto_name, scope


class Sequential(Model):
    """A model that applies layers one after the other.

    The weights are made as soon as the input's shape is known: from an `Input`, from `input_shape=` / `input_dim=` of the
    first layer, or from the first data.

    Args:
        layers: the layers, in order.
        trainable: whether the optimizer changes their weights.
        name: of the model.

    Raises:
        ValueError: something that is not a layer is added, or a layer's name is taken.

    >>> from jkeras.layers import Dense
    >>> model = Sequential()
    >>> model.add(Dense(units=5, activation="relu", input_dim=2))
    >>> model.add(Dense(units=2, activation="softmax"))
    >>> model.output_shape
    (None, 2)
    """

    has_fixed_structure = True
    untraced = ("_stage", "_names")
    unheld = (*Model.unheld, "_layers")

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None):
        super().__init__(trainable=trainable, name=name)
        self._layers: list[Layer] = []
        self._names: set[str] = set()  # that layers have been added with; a stack may have thousands
        self._inferred: dict[tuple, Any] = {}  # outputs by kind of symbolic inputs, see jkeras.models.inference
        self._stage: tuple[tuple[int, int], Any] | None = None  # for so many layers and tensors
        self._tensors: list[Any] = []  # the symbolic output of each layer that is connected so far
        for layer in layers or []:
            self.add(layer, rebuild=False)
        self._connect()

    def children(self) -> Iterator[tuple[Path, Owner | Variable]]:
        yield from name_paths([layer for layer in self._layers if not isinstance(layer, InputLayer)])
        held = set(map(id, self._layers))
        yield from ((p, c) for p, c in super().children() if id(c) not in held)

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Put a layer on top.

        Args:
            layer: a `Layer`, a model, an `Input(...)`, or a function of one array.
        """
        if isinstance(layer, KerasTensor):
            if layer.history is None or not isinstance(layer.history.operation, InputLayer):
                raise ValueError(
                    f"The only symbolic tensor that can be added to model {self.name!r} is an Input(...), got {layer!r}. Add the "
                    "layer that made it instead."
                )
            layer = layer.history.operation
        if not isinstance(layer, Layer):
            raise ArgumentError(
                f"A Sequential model is made of layers, got {layer!r} of type {type(layer).__name__}. "
                "For a function, use jkeras.layers.Lambda(function)."
            )
        if isinstance(layer, Model) and any(module is self for module in layer.modules()):
            raise ValueError(f"Model {layer.name!r} cannot be added to {self.name!r}: a model must not be a part of itself.")
        if layer.name in self._names and any(layer.name == known.name for known in self._layers):
            raise ValueError(
                f"A layer named {layer.name!r} is already in model {self.name!r}. All layers should have unique names: give each one "
                f"({type(layer).__name__}(..., name='...')), or make a second layer."
            )
        with all_or_nothing(self, ()):
            self._put(layer, rebuild)

    def _put(self, layer: Layer, rebuild: bool) -> None:
        if not self._layers:
            shape = layer._input_shape_argument
            first_inputs = getattr(layer, "inputs", None)
            if shape is not None:
                self._layers.append(InputLayer(batch_shape=shape, dtype=layer.compute_dtype))
            elif isinstance(layer, Model) and first_inputs:
                self._layers.append(InputLayer(batch_shape=first_inputs[0].shape, dtype=first_inputs[0].dtype))
        elif isinstance(layer, InputLayer):
            first = (
                "its input has already been configured"
                if isinstance(self._layers[0], InputLayer)
                else "it has layers already"
            )
            raise ValueError(f"An Input must come first, but of model {self.name!r} {first}.")
        self._layers.append(layer)
        self._names |= {known.name for known in self._layers[-2:]}  # the layer, and an Input that was made for it
        self._inferred = {}
        self._forget_programs()
        if rebuild:
            self._connect()

    def pop(self, rebuild: bool = True) -> Layer:
        """Take off the last layer and return it."""
        if not self.layers:
            raise ValueError(f"Model {self.name!r} has no layer to pop.")
        layer = self._layers.pop()
        if len(self._tensors) > len(self._layers):
            self._tensors.pop()
            layer._nodes.pop()
        self.built = len(self._tensors) > 1
        self._inferred = {}
        self._forget_programs()
        if rebuild:
            self._connect()
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for inputs of the given shape (with the batch axis)."""
        if not self._layers:
            raise ValueError(f"Sequential model {self.name!r} has no layers yet: call model.add(...) first.")
        if input_shape is not None and (
            isinstance(input_shape, dict) or not all(d is None or isinstance(d, int) for d in input_shape)
        ):
            self.built = True  # several arrays, which the first layer takes: no graph of single tensors
            return
        known = self._layers[0].batch_shape if isinstance(self._layers[0], InputLayer) else None
        if known is not None and input_shape is not None and not _agree(known, input_shape):
            raise ValueError(
                f"Model {self.name!r} has already been configured for inputs of shape {known}, so it cannot be built for "
                f"{tuple(input_shape)}."
            )
        if not isinstance(self._layers[0], InputLayer) and input_shape is not None:
            self._layers.insert(0, InputLayer(batch_shape=(None, *input_shape[1:]), dtype=self._input_dtype))
            self._layers[0]._named = False
            self._names.add(self._layers[0].name)
        self._connect()

    _input_dtype: str | None = None  # of the data that the model is built on

    def _build_for(self, spec: Any, args: tuple, kwargs: dict) -> None:
        self._input_dtype = dtypes.standardize(symbolic.leaves((args, kwargs))[0].dtype)
        super()._build_for(spec, args, kwargs)

    @contained
    def _connect(self) -> None:
        """Call the layers that are not connected yet on the symbolic output of the one before; this builds them."""
        if not self._layers or not isinstance(self._layers[0], InputLayer):
            return  # the input's shape is not known yet
        self._tensors = self._tensors or [self._layers[0].output]
        with scope(self):
            for layer in self._layers[len(self._tensors) :]:
                _check_single(layer)
                self._tensors.append(layer(self._tensors[-1]))
                self.built = True
        if self.built:
            auto_name("functional")  # the name of the graph that Keras makes here, so that names count on as there

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*(self._arrange_inputs(x) if i == 0 else x for i, x in enumerate(args)), **kwargs)

    @property
    def host_stage(self) -> HostStage | LateStage | None:
        """The part of the model that runs on the host; None if no layer does."""
        if type(self).call is not Sequential.call:
            return None
        if self._stage is None or self._stage[0] != (len(self._layers), len(self._tensors)):
            if self._tensors:
                stage: Any = stage_of(self, [tensor.origin.node for tensor in self._tensors[1:]])
            else:
                stage = LateStage(self) if any(map(is_on_host, self.layers)) else None
            self._stage = (len(self._layers), len(self._tensors)), stage
        return self._stage[1]

    def _connect_to(self, x: Any) -> None:
        """Build the model for inputs such as these, which its first layers take on the host."""
        array = as_array(x)
        self._input_dtype = "string" if array.dtype.kind in "OSUT" else dtypes.standardize(array.dtype)
        self.build(array.shape)

    def _arrange_inputs(self, x: Any) -> Any:
        """The one input, also where it stands in a list or a dict; a vector is a column where the model takes one."""
        if isinstance(x, dict) and len(x) == 1:
            x = next(iter(x.values()))
        elif isinstance(x, (list, tuple)) and len(x) == 1 and getattr(x[0], "shape", None):
            x = x[0]
        wanted = tuple(self._tensors[0].shape) if self._tensors else ()
        if wanted[1:] == (1,) and isinstance(x, (np.ndarray, jax.Array)) and x.ndim == 1:
            return x[:, None]
        return x

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Run the layers in order."""
        layers = self.layers
        if isinstance(inputs, Staged):
            inputs, layers = inputs.values[0], layers[len(self.host_stage.host) :]  # type: ignore[union-attr]
        for layer in layers:
            inputs = layer(inputs)
        return inputs

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return None: the layers have passed the mask on themselves."""
        return None

    def _infer_from_call(self, args: tuple, kwargs: dict) -> Any:
        given = [value for name, value in kwargs.items() if name != "training" and value is not None] or list(args)
        fitted = fit(given[0], self.inputs[0]) if self.inputs and len(given) == 1 and len(args) < 2 else None
        if fitted is None or type(self).call is not Sequential.call:
            return super()._infer_from_call(args, kwargs)

        def compute(given: list[KerasTensor]) -> Any:
            return functools.reduce(lambda tensor, layer: infer_call(layer, tensor), self.layers, given[0])

        return infer_again(self._inferred, self.inputs, self._tensors[-1], [fitted], compute)  # type: ignore[arg-type]

    @property
    def inputs(self) -> list[KerasTensor] | None:
        """The symbolic input, in a list; None before it is known."""
        return self._tensors[:1] or None

    @property
    def outputs(self) -> list[KerasTensor] | None:
        """The symbolic outputs, in a list; None before the model is built."""
        return symbolic.leaves(self._tensors[-1]) if len(self._tensors) > 1 else None

    @property
    def input(self) -> KerasTensor:
        """The symbolic input."""
        return self._known(self.inputs, "input")

    @property
    def output(self) -> Any:
        """The symbolic output."""
        return self._known(self.outputs, "output")

    @property
    def input_shape(self) -> tuple:
        """The shape of the input, with None for the batch."""
        return self.input.shape

    @property
    def output_shape(self) -> Any:
        """The shape of the output, with None for the batch."""
        return symbolic.map_structure(lambda tensor: tensor.shape, self.output)

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: that of the last layer."""
        return [self.layers[-1].name] * len(self.outputs or ())

    def _known(self, tensors: list[KerasTensor] | None, what: str) -> Any:
        if tensors is None:
            raise AttributeError(
                f"Sequential model {self.name!r} is not built, so it has no {what} yet. Start it with "
                "jkeras.Input(shape), or call it on data."
            )
        return tensors[0] if len(tensors) == 1 else tensors

    def get_config(self) -> dict:
        layers = [serialize(layer) for layer in self._layers]
        config = {"name": self.name, "trainable": self.trainable, "dtype": serialize(self.dtype_policy), "layers": layers}
        if self.built:
            config["build_input_shape"] = self.input_shape
        return config

    def get_build_config(self) -> dict | None:
        """Return the input's shape, whether it was given or inferred."""
        return {"input_shape": self.input_shape} if self.built else None

    @classmethod
    def from_config(cls, config: dict, custom_objects: Any = None) -> "Sequential":
        model = cls(name=config.get("name"))
        for layer in config["layers"]:
            model.add(deserialize(layer, custom_objects), rebuild=False)
        shape = config.get("build_input_shape")
        if model.layers and (shape is not None or isinstance(model._layers[0], InputLayer)):
            model.build(shape)
        model._trainable = config.get("trainable", True) is not False  # that of the layers stands in their own configs
        return model


def _agree(known: tuple, given: Any) -> bool:
    """True if two shapes may be of the same array; None is any size."""
    given = tuple(given)
    return len(known) == len(given) and all(None in (a, b) or a == b for a, b in zip(known, given, strict=True))


def _check_single(layer: Layer) -> None:
    """Refuse a layer whose call needs more than the one input that a layer of a stack gets."""
    spec = call_spec(type(layer).call)
    needed = [name for name in spec.positional if name not in spec.defaults]
    if len(needed) > 1:
        raise ValueError(
            f"Layers in a Sequential model can only have a single positional argument, the output of the layer before, but "
            f"{type(layer).__name__}.call needs {needed}. Give the others defaults, or use a functional model."
        )
