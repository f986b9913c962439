"""A `Metric` accumulates numbers: `update_state` adds a batch to them, and `result` computes the value.

A metric stores sums and the weights that belong to them, never averages of batches, so batches of different sizes
have the right weights. The numbers are stored in Variables. Outside of a frame, the object is Keras's imperative
metric; inside of a frame, it is a pure function. `pure_init`, `pure_update` and `pure_result` are that function, for
code that is compiled (the training step stores many metrics in one `fori_loop`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.arguments import Checked
from jkeras.core import dtype as dtypes
from jkeras.core import tree
from jkeras.core.binding import Binding
from jkeras.core.frame import Frame
from jkeras.core.module import Module
from jkeras.core.owner import Owner
from jkeras.core.policy import get_policy
from jkeras.core.tree import Path
from jkeras.core.variable import Variable, as_arrays
from jkeras.serialization import arguments_of
from jkeras.serialization.naming import auto_name

State = dict[Path, jax.Array]


class Metric(Checked, Module):
    """The base class of metrics. A subclass makes variables in `__init__` and defines `update_state` and `result`.

    Args:
        dtype: of the computation, a name or a `DTypePolicy` (of which the compute dtype counts); the default float if
            left out.
        name: what logs call it; by default the class name in snake case, with a number if it is taken.

    >>> import jax.numpy as jnp
    >>> from jkeras import metrics
    >>> class Largest(metrics.Metric):
    ...     def __init__(self, name="largest", dtype=None):
    ...         super().__init__(name=name, dtype=dtype)
    ...         self.largest = self.add_variable(shape=(), initializer="zeros", name="largest")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.largest.assign(jnp.maximum(self.largest, jnp.max(y_pred)))
    ...     def result(self):
    ...         return self.largest.value
    >>> metric = Largest()
    >>> metric.update_state(None, jnp.array([1.0, 3.0]))
    >>> float(metric(None, jnp.array([2.0])))
    3.0
    """

    unheld = ("_variables",)
    separate = True  # a model's variables do not include those of its metrics

    def __init__(self, dtype: Any = None, name: str | None = None):
        self.name = name or auto_name(type(self).__name__)
        self._dtype_policy = get_policy(dtypes.floatx() if dtype is None else dtype)
        self._variables: list[Variable] = []  # in the order add_variable made them

    # -- what subclasses write ----------------------------------------------------------------------------------------

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Add a batch, usually given as `(y_true, y_pred, sample_weight=None)`."""
        raise TypeError(f"Metric {self.name!r} ({type(self).__name__}) must define update_state(y_true, y_pred, ...).")

    def result(self) -> Any:
        """Return the value over everything that was added since the last reset: a scalar, an array, or a dict of them."""
        raise TypeError(f"Metric {self.name!r} ({type(self).__name__}) must define result().")

    def reset_state(self) -> None:
        """Forget what was added: every variable becomes zero."""
        for variable in self.variables:
            variable.assign(_zeros(variable.shape, variable.dtype))

    # -- variables ----------------------------------------------------------------------------------------------------

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = None,
        dtype: Any = None,
        aggregation: str | None = "sum",
        name: str | None = None,
    ) -> Variable:
        """Make a variable of this metric.

        Args:
            shape: of the variable.
            initializer: a name, a callable or an array; zeros if left out.
            dtype: the default float if left out.
            aggregation: how the copies of several devices are combined.
            name: of the variable.
        """
        if not hasattr(self, "_variables"):
            raise RuntimeError(f"{type(self).__name__}.__init__() must call super().__init__() before add_variable().")
        if initializer is None or initializer == "zeros":
            initializer = _zeros
        variable = Variable(initializer, shape, dtype, trainable=False, autocast=False, aggregation=aggregation, name=name)
        variable.synchronization = "on_read"
        variable.path = f"{self.name.replace('/', '>')}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_weight(self, shape: Any = (), initializer: Any = None, dtype: Any = None, name: str | None = None) -> Variable:
        """Add a variable. This is the older name of `add_variable`."""
        return self.add_variable(shape, initializer, dtype, name=name)

    def children(self) -> Iterator[tuple[Path, Owner | Variable]]:
        """Return the metric's own variables and the metrics that it consists of. A model that it uses is not part of
        its state.
        """
        held = list(super().children())
        paths: dict[int, Path] = {}
        for path, child in held:
            paths.setdefault(id(child), path)
        yield from ((paths.get(id(v), (v.name,)), v) for v in self._variables)  # creation order
        yield from ((path, child) for path, child in held if isinstance(child, (Variable, Metric)))

    @property
    def variables(self) -> list[Variable]:
        """The variables in the order they were made, then those of the metrics this one is made of."""
        return list(self.slots().values())

    @property
    def dtype(self) -> str:
        """The dtype of the computation."""
        return self._dtype_policy.compute_dtype

    @property
    def _dtype(self) -> str:  # the spelling that metrics written for Keras use
        return self._dtype_policy.compute_dtype

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Add a batch and return the result so far."""
        self.update_state(*args, **kwargs)
        return as_arrays(self.result())

    def build_abstractly(self, *args: Any, **kwargs: Any) -> None:
        """Run `update_state` on shapes alone: variables that the metric sizes by its first batch are made, and shapes that
        it cannot take are refused, before anything is computed."""

        def call(args: Any, kwargs: Any) -> None:
            with Frame(abstract=True):
                self.update_state(*args, **kwargs)

        jax.eval_shape(call, args, kwargs)

    # -- the pure functions -------------------------------------------------------------------------------------------

    def pure_init(self, *specs: Any, **keywords: Any) -> State:
        """Return the state before the first batch, as a flat dict `{path: array}`. It compiles nothing.

        Args:
            *specs: what `update_state` will be given, as arrays or `jax.ShapeDtypeStruct`s. Metrics that size their
                variables by the first batch (`R2Score`, `F1Score`) need them; for the others they are an early check of
                the shapes.
            **keywords: likewise, for keyword arguments such as `sample_weight`.

        Raises:
            ValueError: the metric cannot take such shapes.
        """
        if specs or keywords:
            self.build_abstractly(*specs, **keywords)
        slots = self.slots()
        if type(self).reset_state is Metric.reset_state:
            return {path: jnp.asarray(_zeros(v.shape, v.dtype)) for path, v in slots.items()}
        return self.pure_reset({path: v.value for path, v in slots.items()})

    def pure_update(self, state: Mapping[Path, Any], *args: Any, mask: Any = None, **kwargs: Any) -> State:
        """Return the state after one more batch. The metric's own variables are neither read nor changed.

        Args:
            state: from `pure_init` or the last `pure_update`.
            *args: what `update_state` takes: `y_true, y_pred`.
            mask: the mask of the predictions (`args[1]`), if they have one: entries where it is False do not count.
            **kwargs: what `update_state` takes, such as `sample_weight`.

        >>> import jax
        >>> from jkeras import metrics
        >>> metric = metrics.MeanMetricWrapper(lambda y_true, y_pred: (y_true - y_pred) ** 2)
        >>> y = jax.numpy.zeros((4, 1))
        >>> state = jax.jit(metric.pure_update)(metric.pure_init(y, y), y, y + 2)
        >>> float(metric.pure_result(state))
        4.0
        """

        def update(frame: Frame) -> None:
            if mask is not None:
                frame.set_mask(args[1], mask)
            self.update_state(*args, **kwargs)

        return self._within(state, update)[1]

    def pure_result(self, state: Mapping[Path, Any]) -> Any:
        """Return the metric's value for a state: an array, or a dict of arrays."""
        return self._within(state, lambda frame: _arrays(self.result()))[0]

    def pure_reset(self, state: Mapping[Path, Any]) -> State:
        """Return the state at the start of a new epoch, after an epoch that ended with `state`."""
        return self._within(state, lambda frame: self.reset_state())[1]

    def _within(self, state: Mapping[Path, Any], function: Callable[[Frame], Any]) -> tuple[Any, State]:
        slots = self.slots()
        if set(slots) != set(state):
            raise ValueError(
                f"Metric {self.name!r} keeps {[tree.show(p) for p in slots]}, but was given a state with "
                f"{[tree.show(p) for p in state]}. Make it with metric.pure_init(y_true, y_pred)."
            )
        result, values, _ = Binding(list(slots.values())).call(function, [state[path] for path in slots])
        return result, dict(zip(slots, values, strict=True))

    # -- the pure functions as Keras has them, on lists -----------------------------------------------------------------

    def stateless_update_state(self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any) -> list[jax.Array]:
        """Return the values after one more batch, as `pure_update` does, but as a list in the order of `variables`."""
        return [*self.pure_update(self._from_list(metric_variables), *args, **kwargs).values()]

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """Return the metric's value, as `pure_result` does, from a list of values in the order of `variables`."""
        return self.pure_result(self._from_list(metric_variables))

    def stateless_reset_state(self) -> list[jax.Array]:
        """Return the values after a reset, as a list in the order of `variables`."""
        return [*self.pure_init().values()]

    def _from_list(self, values: Sequence[Any]) -> State:
        slots = self.slots()
        if len(values) != len(slots):
            raise ValueError(
                f"metric_variables must have one entry for each of the {len(slots)} variables of {self.name!r} "
                f"({[tree.show(p) for p in slots]}), got {len(values)}."
            )
        return {path: jnp.asarray(value) for path, value in zip(slots, values, strict=True)}

    # -- configuration ------------------------------------------------------------------------------------------------

    def get_config(self) -> dict:
        """Return the constructor's arguments, as plain data."""
        return arguments_of(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Metric":
        """Make a metric from `get_config()`."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _zeros(shape: Any, dtype: Any = None) -> np.ndarray:
    return np.zeros(shape, dtypes.canonical(dtype))  # NumPy's: making jnp's compiles a program for each shape


def _arrays(result: Any) -> Any:
    return jax.tree.map(jnp.asarray, as_arrays(result))
