"""`Model`: a layer that can be trained."""

import functools
import importlib
import inspect
import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax

from jkeras.core import dtype as dtypes
from jkeras.core import frame as frames
from jkeras.core import symbolic
from jkeras.core.turns import at_one_step
from jkeras.data import Staged
from jkeras.layers.base import Layer
from jkeras.models.by_rows import works_by_rows
from jkeras.models.flops import flops_per_sample
from jkeras.models.inputs import check_inputs
from jkeras.models.quantization import quantize
from jkeras.models.saving import Saved
from jkeras.models.state_tree import read_state, write_state
from jkeras.models.summary import show, summarize
from jkeras.serialization import deserialize, serialize
from jkeras.training.custom import is_custom
from jkeras.training.trainer import Trainer


class Model(Saved, Trainer, Layer):
    """A layer that can be trained: it has `compile`, `fit`, `evaluate` and `predict`.

    There are three ways to make one: `Sequential([...])`, `Model(inputs, outputs)` from symbolic tensors, and a subclass
    with `__init__` and `call`.

    Args:
        *args: the symbolic tensors `inputs` and `outputs` of a functional model: a tensor each, or lists or dicts of them.
            Subclasses with a `call` of their own give none.
        **kwargs: `inputs` and `outputs` by name, and the arguments of every layer, such as `name` and `dtype`.

    Raises:
        ValueError: the outputs are not computed from the inputs.

    >>> import jkeras, numpy as np
    >>> class Line(jkeras.Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = jkeras.layers.Dense(1)
    ...     def call(self, x):
    ...         return self.dense(x)
    >>> model = Line()
    >>> model.compile("sgd", "mse")
    >>> history = model.fit(np.zeros((8, 3)), np.zeros((8, 1)), verbose=0)
    >>> history.history["loss"]
    [0.0]
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and (args or "inputs" in kwargs):
            cls = _functional_class()
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any):
        if not args and "inputs" not in kwargs:
            Layer.__init__(self, **kwargs)  # not super(): another base calls its constructor itself, with its own arguments
            return
        self.__class__ = _functional_form(type(self))  # a subclass that was given symbolic tensors is a graph, too
        _functional_class().__init__(self, *args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.host_stage is not None and args and self._is_before_stage(args[0]):
            args = (self.host_stage.run(self._arrange_inputs(args[0])), *args[1:])
        if self._is_trained_elsewhere() and frames.current() is None:
            with at_one_step(self.variables):
                return super().__call__(*args, **kwargs)
        return super().__call__(*args, **kwargs)

    def _is_before_stage(self, x: Any) -> bool:
        """True if these are arrays that the host stage can run on."""
        is_traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(x))
        return not (isinstance(x, Staged) or symbolic.is_symbolic(x) or is_traced)

    @property
    def layers(self) -> list[Layer]:
        """The layers directly in this model."""
        return self._flatten_layers(include_self=False, recursive=False)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Find a layer of this model by name or position.

        Raises:
            ValueError: there is no such layer.
        """
        if index is not None and name is None and isinstance(index, int):
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"Model {self.name!r} has {len(self.layers)} layers, so there is none at index {index}.")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"Model {self.name!r} has no layer {name!r}; its layers are {[layer.name for layer in self.layers]}."
        )

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
        flops: bool = False,
    ) -> None:
        """Print the layers with their output shapes and numbers of parameters; in a notebook, show them as an HTML table.

        In a graph that is no chain, a column says which outputs a layer is called on: `dense[1][0]` is the first output of the
        second call of `dense`.

        Args:
            line_length: the width of the table; by default as wide as it needs to be, and no wider than the terminal.
            positions: where the columns end, relative to the width (0 to 1) or in characters.
            print_fn: what to call with the text instead of `print`.
            expand_nested: whether to list the layers of nested models.
            show_trainable: whether to add a column that says what is trainable, `Y` or `N`.
            layer_range: `(first, last)`, names or regular expressions: only the layers from the first to the last are listed.
            flops: whether to add a line with the floating-point operations of the call for one sample, as XLA counts them.

        Raises:
            ValueError: `layer_range` names a layer that is not there, `positions` does not fit the columns, or `flops=True` for a
                model whose inputs have no known shapes.
        """
        table, lines = summarize(self, expand_nested, show_trainable, layer_range)
        lines += [f"FLOPs per sample: {flops_per_sample(self):,}"] if flops else []
        show(f'Model: "{self.name}"', table, lines, line_length, positions, print_fn)

    def works_by_rows(self) -> bool:
        return works_by_rows(self)

    def _check_inputs(self, data: Any) -> None:
        check_inputs(self, data)

    def output_spec(self, x: Any) -> Any:
        if type(self).call is Layer.call and is_custom(self, "train_step"):
            return None  # a model that is only a holder of others, such as a GAN, has no outputs of its own
        known = self._known_outputs(x)
        return super().output_spec(x) if known is None else known

    def _known_outputs(self, x: Any) -> Any:
        """The shapes of the outputs by the graph, if it leaves the batch axis alone open. This spares a trace of the whole
        model.
        """
        inputs, outputs = getattr(self, "inputs", None), getattr(self, "outputs", None)
        is_ours = (type(self).call.__module__ or "").startswith("jkeras.") and "call" not in vars(self)
        if not (self.has_fixed_structure and is_ours and inputs and outputs):
            return None
        if any(not t.shape or t.shape[0] is not None or None in t.shape[1:] for t in (*inputs, *outputs)):
            return None
        batch = jax.tree.leaves(x)[0].shape[0]
        return symbolic.map_structure(
            lambda t: jax.ShapeDtypeStruct((batch, *t.shape[1:]), dtypes.canonical(t.dtype)),
            getattr(self, "_returned", self.output),
        )

    def build_abstractly(self, *args: Any, **kwargs: Any) -> Any:
        result = super().build_abstractly(*args, **kwargs)
        self.built = True
        return result

    # -- quantization -------------------------------------------------------------------------------------------------

    def quantize(  # type: ignore[override]  # Keras's model takes the config where a layer takes type_check
        self, mode: str | None = None, config: Any = None, filters: Any = None, *, type_check: bool = True, **kwargs: Any
    ) -> None:
        """Hold the weights of the layers inside in another form: each layer that has one takes it, the others stay as they are.

        Args:
            mode: `"int8"`, `"int4"`, `"float8"`, `"gptq"` or `"awq"`; may be left out where there is a config.
            config: a `QuantizationConfig`; by default that of the mode. GPTQ and AWQ need one, with data to look at.
            filters: which layers: a regular expression that is searched in their names, a list of them, or a function of a layer.
            type_check: leave subclasses of the library's layers alone, whose own code may read the weights.
            **kwargs: for Keras's signature; there are no others.

        Raises:
            ValueError: the model is not built, or the arguments do not fit; the model stays as it was.

        >>> import jkeras
        >>> model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2)])
        >>> model.quantize("int8")
        >>> [v.dtype for v in model.weights]
        ['float32', 'int8', 'float32']
        """
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to {type(self).__name__}.quantize(): {sorted(kwargs)}.")
        quantize(self, config, filters, type_check)
        self._forget_programs()

    def get_quantization_layer_structure(self, mode: str | None = None) -> dict | None:
        """Return the parts that GPTQ and AWQ quantize one after the other. Override it in a model of your own.

        Args:
            mode: `"gptq"` or `"awq"`.

        Returns:
            `{"pre_block_layers": [...], "sequential_blocks": [...]}`: layers that run first, and blocks that each take what the one
            before puts out; None for a model that says nothing.
        """
        return None

    # -- state --------------------------------------------------------------------------------------------------------

    def get_state_tree(self, value_format: str | Callable = "backend_tensor") -> dict:
        """Return all variables as nested dicts by their paths: weights, the optimizer's state and the metrics'.

        Args:
            value_format: `"backend_tensor"` for JAX arrays, `"numpy_array"` for NumPy's; or a function of a `Variable`.

        Returns:
            `{"trainable_variables": {...}, "non_trainable_variables": {...}, "optimizer_variables": {...},
            "metrics_variables": {...}}`, for `set_state_tree` here or in Keras.

        >>> import jkeras
        >>> model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2, name="head")], name="net")
        >>> model.get_state_tree()["trainable_variables"]["net"]["head"]["kernel"].shape
        (3, 2)
        """
        return read_state(self, value_format)

    def set_state_tree(self, state_tree: Mapping) -> None:
        """Assign what `get_state_tree` returned, or a part of it.

        Raises:
            ValueError: the model has no such variable, or one of another shape; nothing is assigned then.
        """
        write_state(self, state_tree)

    # -- what scikit-learn asks -----------------------------------------------------------------------------------------

    def __sklearn_clone__(self) -> "Model":
        """Answer `sklearn.base.clone` with the same model with fresh weights, compiled as this one is."""
        return importlib.import_module("jkeras.models.cloning").clone_model(self)  # which builds on this module

    def __sklearn_tags__(self) -> Any:
        """Return the tags that scikit-learn reads from an estimator. A model is neither a classifier nor a regressor in
        particular.
        """
        tags = importlib.import_module("sklearn.utils")
        return tags.Tags(estimator_type=None, target_tags=tags.TargetTags(required=True))

    def __sklearn_is_fitted__(self) -> bool:
        """True if scikit-learn may call `predict`: whether there are weights."""
        return self.built

    # -- configs ------------------------------------------------------------------------------------------------------

    reads_nested_config = True  # the configs of the layers inside are read by from_config

    @classmethod
    def from_config(cls, config: dict, custom_objects: Mapping | None = None) -> "Model":
        """Make a model from `get_config()`.

        Args:
            config: a graph, in Keras 3's form, or the constructor's arguments.
            custom_objects: `{name: object}` that the config may name besides the library's and the registered ones.

        Raises:
            ValueError: the config names what is not known, or its graph is not connected.
            TypeError: the constructor does not take the arguments in the config.
        """
        if set(config) >= _GRAPH_KEYS and makes_graphs(cls):
            return _functional_form(cls).from_graph(config, custom_objects)
        try:
            return cls(**deserialize(config, custom_objects))
        except TypeError as error:
            raise TypeError(
                f"{cls.__name__}(...) does not take the arguments in its config, {sorted(config)}: {error}. Let get_config() "
                "return what __init__ takes, or define a classmethod from_config(cls, config)."
            ) from error

    def get_compile_config(self) -> dict:
        """Return the arguments of `compile` as plain data. They are empty before `compile` was called.

        Warns:
            UserWarning: an argument (an optax transformation, a lambda) cannot be written. The result is empty then.
        """
        compiled = self._compiled
        if compiled is None:
            return {}
        arguments = {
            "optimizer": compiled.optimizer,
            "loss": compiled.loss,
            "loss_weights": compiled.loss_weights,
            "metrics": compiled.given_metrics,
            "weighted_metrics": compiled.given_weighted_metrics,
            "run_eagerly": compiled.run_eagerly,
            "steps_per_execution": compiled.steps_per_execution,
            "jit_compile": compiled.jit,
        }
        try:
            return serialize(arguments)
        except TypeError as error:
            warnings.warn(f"How model {self.name!r} was compiled is left out of its config: {error}", stacklevel=2)
            return {}

    def compile_from_config(self, config: dict) -> None:
        """Compile the model with what `get_compile_config()` returned."""
        if type(self).compile is not Trainer.compile:
            warnings.warn(
                f"Model {self.name!r} has a compile() of its own, so it is not compiled from a config: call compile(), or "
                "override get_compile_config() and compile_from_config(config), too.",
                stacklevel=2,
            )
        elif config:
            self.compile(**deserialize(config))

    def to_json(self, **kwargs: Any) -> str:
        """Return the model's class and config as JSON, without weights, for `jkeras.models.model_from_json`.

        Args:
            **kwargs: of `json.dumps`.

        >>> import jkeras
        >>> model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2)])
        >>> jkeras.models.model_from_json(model.to_json()).output_shape
        (None, 2)
        """
        return json.dumps(serialize(self), **kwargs)


_GRAPH_KEYS = {"name", "layers", "input_layers", "output_layers"}


def model_from_json(json_string: str, custom_objects: Mapping | None = None) -> Model:
    """Make a model, with fresh weights, from the text that `model.to_json()` returned, here or in Keras.

    Args:
        json_string: the text.
        custom_objects: `{name: object}` that it may name besides the library's and the registered ones.

    Raises:
        ValueError: it names what is not known.

    >>> import jkeras
    >>> model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2)])
    >>> model_from_json(model.to_json()).output_shape
    (None, 2)
    """
    try:
        config = json.loads(json_string)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"model_from_json() needs the JSON that model.to_json() returned, got {json_string!r:.200}: {error}"
        ) from error
    model = deserialize(config, custom_objects)
    if not isinstance(model, Model):
        raise ValueError(f"The JSON describes no model, but {model!r:.200}.")
    return model


def makes_graphs(cls: type) -> bool:
    """True if a class of models takes `(inputs, outputs)`, as `Model` does, or has a constructor of its own."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    kinds = {p.kind for p in parameters}
    return [p.name for p in parameters[:2]] == ["inputs", "outputs"] or {
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.VAR_KEYWORD,
    } <= kinds


def _functional_form(cls: Any) -> Any:
    """The class of a model of class `cls` that is made of symbolic tensors."""
    functional = _functional_class()
    return cls if issubclass(cls, functional) else functional if cls is Model else _with_graph(cls)


@functools.cache
def _with_graph(cls: Any) -> type:
    own = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    return type(cls.__name__, (cls, _functional_class()), own)


def _functional_class() -> Any:
    return next(cls for cls in Model.__subclasses__() if cls.__name__ == "Functional")
