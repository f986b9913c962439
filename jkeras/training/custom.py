"""Steps that users write.

Two forms of `train_step`, both compiled into the same loop as the built-in one. jkeras's own is a function of the
`TrainState`:

    def train_step(self, state, batch):          # pure: -> (new state, {"loss": ...})
        x, y, sample_weight = batch
        ...
        return state._replace(params=params, opt_state=opt_state), {"loss": loss}

Keras's, for its JAX backend, takes lists of variables' values:

    def train_step(self, state, data):           # -> (logs, new state)
        trainable_variables, non_trainable_variables, optimizer_variables, metrics_variables = state
        ...

The name of the second parameter, `batch` or `data`, says which it is. `test_step` has the same two forms (Keras's without
the optimizer's variables), and `predict_step(self, state, data)` Keras's.
"""

import inspect
from collections.abc import Callable
from typing import Any

import jax

from jkeras.core.variable import Variable
from jkeras.data import pack_x_y_sample_weight
from jkeras.training.lease import is_variable
from jkeras.training.step import Slots, TrainState


def is_custom(model: Any, method: str) -> bool:
    """Whether the model's class brings a step of its own."""
    return hasattr(type(model), method)


def is_pure(step: Callable) -> bool:
    """Whether a step takes jkeras's `(state, batch)`."""
    return list(inspect.signature(step).parameters)[1:2] == ["batch"]


class Lists:
    """Between a `TrainState` and Keras's lists of variables' values.

    Args:
        slots: the variables behind the state.
        optimizer: for its variables; None if they play no part.
        model: says which variables stand in which list.
    """

    def __init__(self, slots: Slots, optimizer: Any, model: Any):
        self.slots, self.optimizer = slots, optimizer
        trained = {id(v) for v in slots.params.values()}
        variables = model.variables
        self.groups: list[list[Variable]] = [
            [v for v in variables if id(v) in trained],
            [v for v in variables if id(v) not in trained],
            list(optimizer.variables) if optimizer is not None else [],
            model.metrics_variables,
        ]

    def read(self, ts: TrainState) -> list[list]:
        """`[trainable, non-trainable, optimizer's, metrics']` values."""
        values = self.slots.bind(ts)
        if self.optimizer is not None:
            holders = jax.tree.leaves(self.optimizer.state_variables(), is_leaf=is_variable)
            values |= {id(v): a for v, a in zip(holders, jax.tree.leaves(ts.opt_state), strict=True)}
        return [[values[id(v)] for v in group] for group in self.groups]

    def write(self, ts: TrainState, groups: Any) -> TrainState:
        """The state with the values of some lists, in the order of `read`."""
        values = self.slots.bind(ts)
        if self.optimizer is not None:
            holders, structure = jax.tree.flatten(self.optimizer.state_variables(), is_leaf=is_variable)
            values |= {id(v): a for v, a in zip(holders, jax.tree.leaves(ts.opt_state), strict=True)}
        for variables, arrays in zip(self.groups, groups, strict=True):
            values |= {id(v): a for v, a in zip(variables, arrays, strict=True)}
        new = self.slots.read(ts.opt_state, lambda v: values[id(v)])
        if self.optimizer is not None:
            new = new._replace(opt_state=jax.tree.unflatten(structure, [values[id(v)] for v in holders]))
        return new


def custom_train_step(model: Any, compiled: Any) -> Callable:
    """`(fixed, ts, batch) -> (ts, logs)` from the model's own `train_step`."""
    if is_pure(model.train_step):
        return lambda fixed, ts, batch: model.train_step(ts, batch)
    lists = Lists(compiled.slots, compiled.optimizer, model)

    def step(fixed: Any, ts: TrainState, batch: Any) -> tuple[TrainState, dict]:
        logs, state = model.train_step(tuple(lists.read(ts)), pack_x_y_sample_weight(*batch))
        return lists.write(ts, state), logs

    return step


def custom_test_step(model: Any, compiled: Any) -> Callable:
    """`(ts, (state, metrics), batch) -> ((state, metrics), logs)` from the model's own `test_step`."""
    if is_pure(model.test_step):

        def pure(fixed: TrainState, carry: tuple, batch: Any) -> tuple[tuple, dict]:
            ts, logs = model.test_step(fixed._replace(state=carry[0], metrics=carry[1]), batch)
            return (ts.state, ts.metrics), logs

        return pure
    lists = Lists(compiled.slots, None, model)

    def step(fixed: TrainState, carry: tuple, batch: Any) -> tuple[tuple, dict]:
        ts = fixed._replace(state=carry[0], metrics=carry[1])
        trainable, frozen, _, metrics = lists.read(ts)
        logs, (trainable, frozen, metrics) = model.test_step((trainable, frozen, metrics), pack_x_y_sample_weight(*batch))
        ts = lists.write(ts, (trainable, frozen, [], metrics))
        return (ts.state, ts.metrics), logs

    return step
