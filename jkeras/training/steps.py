"""The parts of a training step, as pure functions for custom steps.

    model.pure_loss(state, batch)      -> (loss, state)    forward pass, loss, metrics
    model.pure_update(state, grads)    -> state            optimizer and constraints
    model.pure_results(state)          -> logs             the results of the metrics
    model.train_state()                -> state            the state as it is now
    model.update_train_state(state)                        and back into the model

    state.variables                                        the tree for model.apply

The built-in training step is these three in a row:

    def train_step(self, state, batch):
        def objective(params):
            return self.pure_loss(state._replace(params=params), batch)

        grads, state = jax.grad(objective, has_aux=True)(state.params)
        state = self.pure_update(state, grads)
        return state, self.pure_results(state)
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from jkeras.core import frame as frames
from jkeras.core.assignment import assign_all
from jkeras.core.binding import Binding, ListBinding
from jkeras.core.variable import is_variable
from jkeras.data import make_data, unpack_x_y_sample_weight
from jkeras.runtime.mesh import current
from jkeras.training.custom import built_in, keras_groups, lists_of
from jkeras.training.functions import StepFunctions
from jkeras.training.step import TrainState, make_loss, make_results, make_train_step, make_update


class Steps(StepFunctions):
    """The steps of a compiled model, and their parts; `Trainer` inherits them."""

    # -- jkeras's: functions of a TrainState ----------------------------------------------------------------------------

    def pure_loss(self: Any, state: TrainState, batch: Any, training: bool = True) -> tuple[jax.Array, TrainState]:
        """The loss of a batch, by `compute_loss`; the state's metrics, moving averages and seeds have seen the batch.

        Args:
            state: see `make_train_step`.
            batch: `x`, `(x, y)` or `(x, y, sample_weight)`.
            training: as layers see it.

        Returns:
            `(loss, state)`. For mixed precision, differentiate `model.optimizer.scaled_loss(loss, state.opt_state)`.
        """
        slots = self._require_ready("pure_loss").slots
        return make_loss(self, slots)(state, unpack_x_y_sample_weight(batch), training)

    def pure_update(self: Any, state: TrainState, grads: dict, **objective: Any) -> TrainState:
        """One step of the optimizer, with the constraints.

        Args:
            state: see `make_train_step`.
            grads: a tree like `state.params`; or, with a `MultiOptimizer`, only some of the parts at its top, which are then
                updated by their optimizers while everything else stands still.
            **objective: for transformations of optax that look at the loss, such as `optax.lbfgs`: `value=` the loss, and `value_fn=`
                the loss as a function of a tree like `state.params`.

        Raises:
            ValueError: unknown parts, or only some of them with a single optimizer.
        """
        plan = self._require_ready("pure_update")
        optimizer = plan.compiled.optimizer
        unknown = [name for name in grads if name not in state.params]
        if unknown:
            raise ValueError(
                f"pure_update() got gradients for {unknown}; the parts of state.params are {list(state.params)}."
            )
        missing = [name for name in state.params if name not in grads]
        if missing and not hasattr(optimizer, "optimizers"):
            raise ValueError(
                f"pure_update() got no gradients for {missing}, but {optimizer.name!r} updates all parameters at once. "
                "To update parts in turn, compile with jkeras.optimizers.MultiOptimizer."
            )
        told = objective if optimizer is not None and optimizer.reads_objective else {}
        return make_update(optimizer, plan.slots)(state, grads, **told)

    def pure_results(self: Any, state: TrainState) -> dict[str, jax.Array]:
        """The metrics' values by name."""
        return make_results(self, self._require_ready("pure_results").slots)(state)

    def make_train_step(
        self: Any, x: Any = None, y: Any = None, sample_weight: Any = None
    ) -> tuple[Callable[[TrainState, Any], TrainState], TrainState]:
        """The built-in training step as a pure function, for loops of your own.

        Args:
            x, y, sample_weight: a batch, for its shapes; may be left out once the model has been trained or evaluated.

        Returns:
            `(step, state)`: `step(state, batch) -> state` works under `jax.jit` and the rest, and `state` is a copy of the
            current values with fresh metrics. `model.update_train_state(state)` writes a state back.

        >>> import jax, jkeras, numpy as np
        >>> model = jkeras.Sequential([jkeras.layers.Dense(1, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse")
        >>> x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
        >>> step, state = model.make_train_step(x, y)
        >>> state = jax.jit(step)(state, (x, y))
        >>> {name: float(value) for name, value in model.pure_results(state).items()}
        {'loss': 1.0}
        >>> model.update_train_state(state)
        >>> round(float(model.layers[0].bias[0]), 3)
        0.02
        """
        plan = self._with_state("make_train_step", x, y, sample_weight)
        step = make_train_step(self, plan.compiled.optimizer, plan.slots)
        state = current().copied(plan.read()._replace(metrics=plan.start()))
        return lambda state, batch: step(state, unpack_x_y_sample_weight(batch))[0], state

    def train_state(self: Any, x: Any = None, y: Any = None, sample_weight: Any = None) -> TrainState:
        """The whole state of training as it is now: all that a step reads and writes.

        It is a pytree of arrays, so it goes into a checkpoint, through `jax.jit`, or into a loop of your own. On several devices its
        arrays lie as the variables do. The order in which `fit` shuffles data is no part of it: that is drawn on the host, and
        `BackupAndRestore` keeps it.

        Args:
            x, y, sample_weight: a batch, for its shapes; may be left out once the model has been trained or evaluated.

        Returns:
            A `TrainState`, a copy: training does not change it. Its fields are `params` (the trainable parameters), `frozen` (the
            others), `state` (moving averages and seeds), `opt_state` (the optimizer's state, with the number of its steps),
            `metrics` (their sums) and `extra` (variables that losses, metrics and schedules hold). `step` is the number of steps.

        Raises:
            ValueError: the model is not compiled, or the shapes of the data are not known.

        >>> import jkeras, numpy as np
        >>> model = jkeras.Sequential([jkeras.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
        >>> before = model.train_state(x, y)
        >>> first = model.fit(x, y, verbose=0).history["loss"]
        >>> int(before.step), int(model.train_state().step)
        (0, 1)
        >>> model.update_train_state(before)
        >>> model.fit(x, y, verbose=0).history["loss"] == first
        True
        """
        return current().copied(self._with_state("train_state", x, y, sample_weight).read())

    def update_train_state(self: Any, state: TrainState) -> None:
        """Write a state of training back into the model, its optimizer and its metrics: all of it, or none of it.

        Args:
            state: what `train_state`, `make_train_step` or a step returned; or the same tree read from a checkpoint, with arrays of
                NumPy or of JAX on any devices. They are put where the variables lie.

        Raises:
            ValueError: the tree differs from the model's, or an array has another shape; the message names what differs.
        """
        slots = self._require_ready("update_train_state").slots
        bound = slots.bound(state)
        given = [(v, bound[id(v)]) for v in slots.variables]
        # What fits goes to its place at once, so that no device holds all of an array that is divided.
        arrays = [a if (np.shape(a), getattr(a, "dtype", None)) == (v.shape, v.dtype) else v.converted(a) for v, a in given]
        assign_all(zip(slots.variables, current().put_variables(slots.variables, arrays), strict=True))

    def update(self: Any, variables: Any) -> None:
        """Write a tree of variables, or a whole `TrainState`, back into the model (and its optimizer and metrics)."""
        if isinstance(variables, TrainState):
            self.update_train_state(variables)
        else:
            super().update(variables)  # type: ignore[misc]

    def _with_state(self: Any, method: str, x: Any, y: Any, sample_weight: Any) -> Any:
        """Return the plan, with the whole state; if there is none, make it for a batch."""
        compiled = self._require_compiled(method)
        if x is not None:
            self._ready(compiled, make_data(x, y, sample_weight, steps=1, arrange=self._arrangement()), False)
        plan = self._require_ready(method)
        if x is not None:  # a trace finds what the step uses beside the model, so that the state has it
            batch = (x, y, sample_weight)
            with current().tracing():
                plan.run(self, lambda: jax.eval_shape(self.train_step, plan.read(), batch))
        return plan

    def _require_ready(self: Any, method: str) -> Any:
        compiled = self._require_compiled(method)
        if compiled.parts is None:
            raise ValueError(f"{method}() needs the shapes of the data: call model.make_train_step(x, y) on a batch first.")
        return compiled.prepare(self)

    # -- Keras's: functions of lists ------------------------------------------------------------------------------------

    def stateless_compute_loss(
        self: Any,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        metrics_variables: Sequence[Any],
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tuple[jax.Array, tuple]:
        """`compute_loss` as a pure function of lists of values.

        Args:
            trainable_variables, non_trainable_variables, metrics_variables: values in the order of the properties.
            x, y, y_pred, sample_weight, training: as in `compute_loss`.

        Returns:
            `(loss, (trainable_variables, non_trainable_variables, metrics_variables))`.
        """
        values = {
            "trainable_variables": trainable_variables,
            "non_trainable_variables": non_trainable_variables,
            "metrics_variables": metrics_variables,
        }
        binding = ListBinding(self, **{name: getattr(self, name) for name in values})
        compute = lambda frame: self._compute_loss(x, y, y_pred, sample_weight, training)  # noqa: E731
        loss, after, _ = binding.call(compute, values, training=training)
        return loss, tuple(after[name] for name in values)

    @built_in
    def train_step(self: Any, state: Any, data: Any) -> tuple:
        """The built-in training step, to be overridden or called by an override in either form; see `training/custom.py`.

        Args:
            state: a `TrainState`, or Keras's `(trainable_variables, non_trainable_variables, optimizer_variables,
                metrics_variables)`.
            data: `(x, y, sample_weight)`.

        Returns:
            `(state, logs)` for a `TrainState`, and `(logs, state)` for lists.
        """
        plan = self._require_ready("train_step")
        train = make_train_step(self, plan.compiled.optimizer, plan.slots)
        step = lambda ts, batch: train(ts, batch)[0]  # noqa: E731
        return self._step(step, state, data, plan.variables, keras_groups(self, plan.variables))

    @built_in
    def test_step(self: Any, state: Any, data: Any) -> tuple:
        """The built-in evaluation step; as `train_step`, but Keras's form has no `optimizer_variables`."""
        plan = self._require_ready("test_step")
        variables = plan.variables
        trained, frozen, _, metrics = keras_groups(self, variables)
        loss_of = make_loss(self, plan.slots)
        step = lambda ts, batch: loss_of(ts, batch, training=False)[1]  # noqa: E731
        return self._step(step, state, data, variables, [trained, frozen, metrics])

    @built_in
    def predict_step(self: Any, state: Any, data: Any) -> Any:
        """The built-in prediction step.

        Args:
            state: a `TrainState`, or `(trainable_variables, non_trainable_variables)`.
            data: `x`, `(x, y)` or `(x, y, sample_weight)`.

        Returns:
            The outputs for a `TrainState`, and `(outputs, non_trainable_variables)` for lists.
        """
        x = unpack_x_y_sample_weight(data)[0]
        if isinstance(state, TrainState):
            outputs, new = self.apply(state.variables, x)
            frame = frames.current()
            if frame is not None and frame.closed:  # inside a program, which keeps what the call assigned
                super().update({"state": new})  # type: ignore[misc]
            return outputs
        return self.stateless_call(*state, x, training=False)

    def _step(self: Any, step: Callable, state: Any, data: Any, variables: TrainState, groups: list) -> tuple:
        batch = unpack_x_y_sample_weight(data)
        if isinstance(state, TrainState):
            new = step(state, batch)
            return new, self.pure_results(new)
        binding = Binding(variables)
        values = {
            id(v): value for group, part in zip(groups, state, strict=True) for v, value in zip(group, part, strict=True)
        }
        # Metrics that a subclass leaves out of `metrics` still exist: they count this step alone.
        metrics = set(map(id, jax.tree.leaves(variables.metrics, is_leaf=is_variable)))
        hidden = [v for v in binding.variables if id(v) not in values]
        values |= {id(v): v.initial_value() if id(v) in metrics else v.value for v in hidden}
        new = step(binding.collect(values), batch)
        after = binding.bound(new)
        for variable in hidden:  # what is in no list, and changed: read and written where we are
            if id(variable) not in metrics and after[id(variable)] is not values[id(variable)]:
                variable.assign(after[id(variable)])
        return self.pure_results(new), lists_of(after, groups)


def takes_training(function: Callable) -> bool:
    """True if an override of `compute_loss` has the `training` argument, which early Keras 3 did not have."""
    parameters = inspect.signature(function).parameters
    return "training" in parameters or any(p.kind == p.VAR_KEYWORD for p in parameters.values())
