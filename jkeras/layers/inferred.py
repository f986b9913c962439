"""The shapes and dtypes of a layer's outputs on symbolic inputs: as the layer says, or else from `call` itself."""

import copy
import json
from collections.abc import Callable
from typing import Any

from jkeras.core import symbolic
from jkeras.core.symbolic import KerasTensor
from jkeras.layers.building import Built
from jkeras.layers.input_spec import check_input
from jkeras.layers.signatures import call_spec, specs_of
from jkeras.serialization.naming import scope
from jkeras.serialization.shared_objects import being_read


class Inferred(Built):
    """A module that says what it puts out for symbolic inputs, and which symbolic calls it is part of."""

    _nodes: list[Any]  # the symbolic calls
    supports_masking: bool

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the outputs."""
        raise TypeError(f"Layer {self.name!r} ({type(self).__name__}) must define call(self, inputs).")

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the outputs, for a layer with `supports_masking`. By default, it is the mask of the
        inputs.
        """
        return previous_mask

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return the shapes and dtypes of the outputs for symbolic inputs, without building the layer. A layer may
        override it.
        """
        return self._on_built(args, kwargs, lambda layer: layer._infer_without_spec(args, kwargs))

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Return the same as `compute_output_spec`. No call is recorded."""
        return self.compute_output_spec(*args, **kwargs)

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Return the shape of the outputs for inputs of the given shape. A layer may override it.

        >>> import jkeras
        >>> jkeras.layers.Dense(4).compute_output_shape((None, 3))
        (None, 4)
        """
        specs = tuple(specs_of(shape, self.compute_dtype) for shape in (*args, *kwargs.values()))
        if is_overridden(self, "compute_output_spec"):
            outputs = self.compute_output_spec(*specs)
        else:
            outputs = self._on_built(specs, {}, lambda layer: layer._infer_from_call(specs, {}))
        return symbolic.map_structure(lambda t: t.shape, outputs)

    def _on_built(self, args: tuple, kwargs: dict, infer: Callable) -> Any:
        """`infer(layer)` of this layer, or of a copy that is built for the arguments."""
        layer = self if self.built else copy.deepcopy(self)
        if not layer.built:
            check_input(layer, args[0] if args else next(iter(kwargs.values()), None))
            layer._build_for(call_spec(type(layer).call), args, kwargs)
        return infer(layer)

    def _infer(self, args: tuple, kwargs: dict) -> Any:
        """The outputs of a symbolic call, without a history: as a method of the class says, or else from `call`."""
        if not is_overridden(self, "compute_output_spec"):
            return self._infer_without_spec(args, kwargs)
        try:
            said = self.compute_output_spec(*args, **kwargs)
        except NotImplementedError:  # the class leaves it to `call`
            return self._infer_from_call(args, kwargs)
        return symbolic.map_structure(symbolic.without_history, said)

    def _infer_without_spec(self, args: tuple, kwargs: dict) -> Any:
        if not is_overridden(self, "compute_output_shape"):
            return self._infer_from_call(args, kwargs)
        named = self._shapes_of_arguments(call_spec(type(self).call), args, kwargs)
        wanted = call_spec(type(self).compute_output_shape)
        by_name = {f"{name}_shape": shape for name, shape in named.items()}
        if len(by_name) > 1 and (wanted.variadic or len(wanted.names) > 1):
            shapes = self.compute_output_shape(**{k: v for k, v in by_name.items() if wanted.variadic or k in wanted.names})
        else:
            shapes = self.compute_output_shape(next(iter(named.values()), None))
        said = specs_of(shapes, self.compute_dtype)
        try:  # the dtypes and masks are those of the call, where it can be run on symbols
            found = symbolic.leaves(symbolic.infer(self, args, kwargs, numbers=False))
        except Exception:
            first = next(leaf for leaf in symbolic.leaves((args, kwargs)) if isinstance(leaf, KerasTensor))
            mask = first.mask if self.supports_masking and not is_overridden(self, "compute_mask") else None
            found = [KerasTensor(t.shape, t.dtype) for t in symbolic.leaves(said)]
            for tensor in found:
                tensor.mask = mask
        each = iter(found)

        def of_call(tensor: KerasTensor) -> KerasTensor:
            other = next(each, tensor)
            made = KerasTensor(tensor.shape, other.dtype)
            made.mask = other.mask
            return made

        return symbolic.map_structure(of_call, said)

    def _infer_from_call(self, args: tuple, kwargs: dict) -> Any:
        key = self._kind_of_call(args, kwargs)
        if key is None:
            return symbolic.infer(self, args, kwargs)
        found: dict = being_read().found  # type: ignore[union-attr]
        if key not in found:
            found[key] = symbolic.infer(self, args, kwargs)
        return symbolic.map_structure(symbolic.without_history, found[key])

    def _kind_of_call(self, args: tuple, kwargs: dict) -> Any:
        """While a config is read: what a call's outputs depend on, equal for layers that have equal configs and inputs.

        None if that is not known: the layer was not made from the config, is of a user's class, or builds parts in its call.
        """
        reading = being_read()
        config = None if reading is None else reading.made.get(id(self), (self, None))[1]
        if config is None or not type(self).__module__.startswith("jkeras.layers."):
            return None
        if next(self._sublayers(), None) is not None:
            return None
        flat, structure = symbolic.flatten((args, kwargs))
        if not all(isinstance(leaf, (KerasTensor, str, int, float, type(None))) for leaf in flat):
            return None
        try:
            own = json.dumps({name: value for name, value in config["config"].items() if name != "name"}, sort_keys=True)
        except (TypeError, ValueError):  # it holds objects
            return None
        with scope(self):
            if self._path is None:
                self._note_path()
        kinds = [symbolic.kind(leaf) if isinstance(leaf, KerasTensor) else repr(leaf) for leaf in flat]
        return type(self), own, repr(self._policy), structure, tuple(kinds)

    @property
    def input(self) -> Any:
        """The symbolic input, for a layer that was called once in a graph."""
        return _single(self._only_node("input").args)

    @property
    def output(self) -> Any:
        """The symbolic output, for a layer that was called once in a graph."""
        return self._only_node("output").outputs

    def _only_node(self, what: str) -> symbolic.Node:
        if not self._nodes:
            raise AttributeError(
                f"Layer {self.name!r} has not been called on a symbolic tensor, so it has no `{what}` yet:\n"
                f"    y = layer(jkeras.Input(shape=...))"
            )
        if len(self._nodes) != 1:
            raise AttributeError(
                f"Layer {self.name!r} has been called on symbolic inputs {len(self._nodes)} times, so it has no single "
                f"`{what}`."
            )
        return self._nodes[0]


def is_overridden(layer: Any, method: str) -> bool:
    """True if the layer's class has a method of its own in the place of the one that all layers have."""
    return getattr(type(layer), method) is not getattr(Inferred, method)


def _single(values: tuple) -> Any:
    return values[0] if len(values) == 1 else list(values)
