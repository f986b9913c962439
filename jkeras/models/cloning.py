"""`clone_model`: make the same model with new layers and new weights."""

from collections.abc import Callable
from typing import Any

import jax

from jkeras.core import symbolic
from jkeras.core.symbolic import KerasTensor
from jkeras.errors import known_keywords
from jkeras.layers.base import Layer
from jkeras.layers.input_layer import Input, InputLayer
from jkeras.models.functional import Functional, replay
from jkeras.models.model import Model, makes_graphs
from jkeras.models.sequential import Sequential
from jkeras.serialization import deserialize, serialize


@known_keywords
def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable | None = None,
    recursive: bool = False,
) -> Model:
    """Make a model of the same structure, with new layers and new initial weights. It is compiled if the model is.

    Args:
        model: functional, sequential, or of a class whose `get_config()` describes it.
        input_tensors: symbolic tensors to build the clone on, in the structure of `model.input`; by default new ones.
        clone_function: makes the new layer from an old one, for every layer but the inputs, once for each; by default
            `layer.from_config(layer.get_config())`. It may return the layer itself, which is shared then.
        call_function: `call_function(layer, *args, **kwargs)` calls a new layer, or an operation, and returns its outputs:
            the place to put layers before or after it. For functional models only.
        recursive: whether nested models are cloned in this way, too, layer by layer, rather than given to
            `clone_function`.

    Raises:
        ValueError: an argument that this kind of model cannot have, or input tensors that do not fit.

    >>> from jkeras.layers import Dense
    >>> model = Sequential([Input((3,)), Dense(2, activation="relu")])
    >>> double = clone_model(model, clone_function=lambda layer: Dense(2 * layer.units, activation=layer.activation))
    >>> double.output_shape
    (None, 4)
    """
    if not isinstance(model, Model):
        raise ValueError(f"clone_model() clones models, got {model!r} of type {type(model).__name__}.")
    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError(f"call_function= is for functional models; model {model.name!r} is a Sequential.")
        return _Cloning(clone_function, None, recursive).sequential(model, input_tensors)
    if isinstance(model, Functional) and (makes_graphs(type(model)) or clone_function or input_tensors is not None):
        return _Cloning(clone_function, call_function, recursive).functional(model, input_tensors)
    given = {"input_tensors": input_tensors, "clone_function": clone_function, "call_function": call_function}
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"{name}= is for functional and sequential models; {type(model).__name__} is a class of its own."
            )
    return deserialize(serialize(model), {type(model).__name__: type(model)})


class _Cloning:
    """One run of `clone_model`: a layer that stands in several places is cloned once."""

    def __init__(self, clone_function: Callable | None, call_function: Callable | None, recursive: bool):
        self.clone_function = clone_function or _from_config
        self.call_function, self.recursive = call_function, recursive
        self.clones: dict[int, Any] = {}  # id(layer) -> its clone

    def layer(self, layer: Layer) -> Layer:
        if id(layer) not in self.clones:
            self.clones[id(layer)] = self._new(layer)
        return self.clones[id(layer)]

    def _new(self, layer: Layer) -> Layer:
        if self.recursive and isinstance(layer, Sequential):
            return self.sequential(layer, None)
        if self.recursive and isinstance(layer, Functional):
            return self.functional(layer, None)
        clone = self.clone_function(layer)
        if not isinstance(clone, Layer):
            raise ValueError(f"clone_function must return a layer; for {layer.name!r} it returned {clone!r}.")
        return clone

    def sequential(self, model: Sequential, input_tensors: Any) -> Sequential:
        layers: list = [self.layer(layer) for layer in model.layers]
        given = input_tensors if isinstance(input_tensors, (list, tuple)) else [input_tensors]
        if len(given) != 1 or not isinstance(given[0], (KerasTensor, type(None))):
            raise ValueError(f"input_tensors of a Sequential model is one symbolic tensor, got {input_tensors!r}.")
        start = model._layers[0] if model._layers and isinstance(model._layers[0], InputLayer) else None
        if given[0] is not None:
            layers.insert(0, Input(tensor=given[0], name=start.name if start is not None else None))
        elif start is not None:
            layers.insert(0, _from_config(start))
        clone = Sequential(layers, trainable=model._trainable, name=model.name)
        return _compiled_like(model, clone)

    def functional(self, model: Functional, input_tensors: Any) -> Functional:
        if input_tensors is None:
            inputs = symbolic.map_structure(lambda t: Input(batch_shape=t.shape, dtype=t.dtype, name=t.name), model.input)
        else:
            inputs = _like(input_tensors, model)

        def run(operation: Any, *args: Any, **kwargs: Any) -> Any:
            called = self.layer(operation) if isinstance(operation, Layer) else operation
            return called(*args, **kwargs) if self.call_function is None else self.call_function(called, *args, **kwargs)

        values = {id(old): new for old, new in zip(model.inputs, symbolic.leaves(inputs), strict=True)}
        outputs = replay(model._graph, values, model.output, run)
        cls = type(model) if makes_graphs(type(model)) else Functional
        clone = cls(inputs=inputs, outputs=outputs, name=model.name)
        clone._trainable = model._trainable
        return _compiled_like(model, clone)


def _from_config(layer: Layer) -> Layer:
    return type(layer).from_config(layer.get_config())


def _like(input_tensors: Any, model: Functional) -> Any:
    """The given tensors in the structure of the model's inputs."""
    given, wanted = symbolic.leaves(input_tensors), model.inputs
    same = len(given) == len(wanted) and (
        len(wanted) == 1
        or jax.tree.structure(symbolic.map_structure(lambda t: 0, input_tensors))  # type: ignore[operator]
        == jax.tree.structure(symbolic.map_structure(lambda t: 0, model.input))
    )
    if not same or not all(isinstance(tensor, KerasTensor) for tensor in given):
        raise ValueError(
            f"input_tensors must be symbolic tensors in the structure of the model's inputs, {model.input!r}, got "
            f"{input_tensors!r}."
        )
    return (
        model.input.__class__([given[0]]) if isinstance(model.input, (list, tuple)) and len(wanted) == 1 else input_tensors
    )


def _compiled_like(model: Model, clone: Any) -> Any:
    """Compile the clone as the model is, with an optimizer and metrics of its own."""
    compiled = model._compiled
    if compiled is not None:
        arguments = {
            "optimizer": compiled.optimizer,
            "loss": compiled.loss,
            "loss_weights": compiled.loss_weights,
            "metrics": compiled.given_metrics,
            "weighted_metrics": compiled.given_weighted_metrics,
        }
        clone.compile(
            **jax.tree.map(_fresh, arguments),
            run_eagerly=compiled.run_eagerly,
            steps_per_execution=compiled.steps_per_execution,
            jit_compile=compiled.jit,
        )
    return clone


def _fresh(argument: Any) -> Any:
    """Another object of the same config; functions, names and optax transformations are what they are."""
    if hasattr(argument, "wraps"):
        return argument.wraps
    return type(argument).from_config(argument.get_config()) if hasattr(argument, "get_config") else argument
