"""The weights of a layer: make, list, freeze, read and write them."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from jkeras import constraints, initializers, regularizers
from jkeras.core import dtype as dtypes
from jkeras.core.assignment import assign_all
from jkeras.core.module import Module
from jkeras.core.own_variables import OwnVariables
from jkeras.core.owner import Owner
from jkeras.core.policy import DTypePolicy, DTypePolicyMap, get_policy
from jkeras.core.tree import Path
from jkeras.core.turns import read_together
from jkeras.core.variable import Variable
from jkeras.runtime.mesh import on_host
from jkeras.serialization.naming import current_path, scope


class Weighted(OwnVariables, Module):
    """A module that keeps its weights and those of the layers inside it."""

    unheld: tuple[str, ...] = ("_weights", "_losses", "_nodes", "_arguments", "_loss_layers")
    name: str
    built: bool
    _weights: list[Variable]  # in the order in which add_weight made them
    _trainable: bool
    _dtype_policy: DTypePolicy  # as it was given
    _policy: DTypePolicy  # the one that holds: of a map, the entry for the layer's path
    _path: str | None  # known once the layer is built or called

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str | None = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Make a variable that belongs to this layer.

        Args:
            shape: of the variable; `()` if left out.
            initializer: by default Glorot's uniform one for floats, and zeros for integers and booleans.
            dtype: by default the policy's variable dtype.
            trainable: False for state that the optimizer does not change.
            autocast: whether mixed precision reads it in the compute dtype.
            regularizer: a function of the weight whose value is added to the loss.
            constraint: a projection applied after each update.
            name: of the weight, in paths and files.
        """
        self._check_initialized()
        if isinstance(shape, str):
            raise ValueError(
                f"The name of a weight is a keyword argument: self.add_weight(shape=..., name={shape!r}). The first positional "
                "argument of add_weight is the shape."
            )
        dtype = dtypes.standardize(dtype if dtype is not None else self.variable_dtype)
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
        name = name or ("variable" if not self._weights else f"variable_{len(self._weights)}")
        shape = () if shape is None else shape
        with scope(self):
            variable = Variable(initializers.get(initializer), shape, dtype, trainable, autocast, aggregation, name=name)
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        variable.trainable = trainable and self._trainable
        self._weights.append(variable)
        return variable

    def add_variable(
        self,
        shape: Any,
        initializer: Any,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> Variable:
        """The other name of `add_weight`; the arguments are described there."""
        return self.add_weight(shape, initializer, dtype, trainable, autocast, regularizer, constraint, name=name)

    def _check_initialized(self) -> None:
        if "_dtype_policy" not in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__}.__init__ must call `super().__init__()` before it makes weights or is called."
            )

    def children(self) -> Iterator[tuple[Path, Owner | Variable]]:
        held = list(super().children())
        paths: dict[int, Path] = {}
        for path, child in held:
            paths.setdefault(id(child), path)
        yield from ((paths.get(id(v), (v.name,)), v) for v in self._weights)  # creation order
        yield from held

    def _sublayers(self) -> Iterator["Weighted"]:
        return (module for module in self.modules() if isinstance(module, Weighted) and module is not self)

    def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> list[Any]:
        if recursive:
            layers = list(self._sublayers())
        else:
            layers = [child for _, child in self.children() if isinstance(child, Weighted)]
        return [self, *layers] if include_self else layers

    @property
    def variables(self) -> list[Variable]:
        """All variables, the seed generators' included."""
        return list(self.slots().values())

    @property
    def weights(self) -> list[Variable]:
        """All weights: the variables without the states of seed generators and of stateful recurrent layers."""
        return [v for v in self.variables if v.name not in ("seed_generator_state", "rnn_state")]

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that the optimizer changes."""
        return [v for v in self.variables if v.trainable]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The variables that the optimizer does not change."""
        return [v for v in self.variables if not v.trainable]

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that the optimizer changes."""
        return [v for v in self.weights if v.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that the optimizer does not change."""
        return [v for v in self.weights if not v.trainable]

    @property
    def trainable(self) -> bool:
        """True if the optimizer may change this layer's weights. Setting it sets it for all sublayers."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self._flatten_layers():
            layer._trainable = bool(value)
        for variable in self.variables:
            if variable.collection == "params":
                variable.trainable = bool(value) and not variable.adapted

    def get_weights(self) -> list[np.ndarray]:
        """The weights' values as NumPy arrays, in Keras's order."""
        return [np.array(on_host(value)) for value in read_together(self.weights)]

    def set_weights(self, weights: Any) -> None:
        """Set all weights from arrays in the order of `get_weights()`.

        Raises:
            ValueError: their number or a shape does not fit; nothing is set then.
        """
        variables, weights = self.weights, [np.asarray(w) for w in weights]
        wanted, given = [v.shape for v in variables], [tuple(w.shape) for w in weights]
        if wanted != given:
            hint = "" if self.built else " It is not built yet: call it on data, or build(input_shape), first."
            raise ValueError(
                f"Layer {self.name!r} has weights of shapes {wanted}, but set_weights() got shapes {given}.{hint}"
            )
        assign_all(zip(variables, weights, strict=True))

    def count_params(self) -> int:
        """The number of entries of all weights."""
        if not self.built:
            raise ValueError(f"Layer {self.name!r} is not built, so it has no weights to count yet. Call it on data first.")
        return sum(v.size for v in self.weights)

    # -- dtypes -------------------------------------------------------------------------------------------------------

    @property
    def dtype_policy(self) -> DTypePolicy:
        """The dtypes of weights and computation. Setting a quantized policy quantizes a layer that is built."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        policy = get_policy(value)
        mode = policy.quantization_mode
        quantizes = mode is not None and self.built and not self._is_quantized and self._can_quantize
        if quantizes and mode in ("gptq", "awq"):
            raise ValueError(
                f"Implicitly enabling {mode.upper()} quantization by setting `dtype_policy` to {value!r} is not supported: it needs "
                f"data to look at. Call model.quantize({mode!r}, config=...)."
            )
        self._set_policy(policy)
        if quantizes:
            self.quantize(mode)  # type: ignore[attr-defined]

    _is_quantized = _can_quantize = False

    def _set_policy(self, policy: DTypePolicy) -> None:
        known = self.__dict__.get("_dtype_policy")
        if isinstance(known, DTypePolicyMap) and self._path:
            known.pop(self._path, None) if self._path in known else None
            known[self._path] = policy
        else:
            self._dtype_policy = policy
        self._policy = policy

    def _note_path(self) -> None:
        """Remember where in a model the layer stands; called inside its scope."""
        self._path = current_path()
        if isinstance(self._dtype_policy, DTypePolicyMap):
            self._policy = self._dtype_policy[self._path]

    @property
    def dtype(self) -> str:
        """The dtype of the weights."""
        return self.variable_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the weights."""
        return self._policy.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """The dtype of the computation."""
        return self._policy.compute_dtype

    @property
    def quantization_mode(self) -> str | None:
        """The form in which the weights are quantized, such as `"int8"`. None if they are not."""
        return self._policy.quantization_mode

    @property
    def input_dtype(self) -> str:
        """The dtype that floating-point inputs are cast to."""
        return self.compute_dtype

    @property
    def path(self) -> str:
        """The names of the layers around this one and its own, as in the paths of its weights."""
        return self._path or self.name
