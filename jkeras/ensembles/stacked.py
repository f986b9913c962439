"""The state of many models of one structure: every leaf of a `TrainState` with an axis of members in front.

`StackedPlan` is to an ensemble what `Plan` is to a model. The plan of one model, the template, says what a step is;
`jax.vmap` makes it a step of all members.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core import tree
from jkeras.core.assignment import assign_all
from jkeras.core.variable import Variable, is_variable
from jkeras.ensembles.data import MEMBER_AXIS, MemberData
from jkeras.ensembles.placement import Twin
from jkeras.runtime.identity import identity
from jkeras.runtime.mesh import current
from jkeras.training.compiled import Compiled
from jkeras.training.custom import custom_test_step, custom_train_step, is_custom
from jkeras.training.engine import Program
from jkeras.training.plan import Plan, undo, whole
from jkeras.training.step import Slots, TrainState, make_logged_loss, make_results, make_train_step


class Twins:
    """For each variable of the template, the variable that holds the values of all members."""

    def __init__(self, members: int):
        self.members = members
        self._found: dict[int, Variable] = {}
        self._originals: list[Variable] = []  # so that their ids stay theirs

    def add(self, original: Variable, values: Any) -> Variable:
        """Make the twin of a variable, with these values, of shape (members, ...)."""
        twin = Twin(values, dtype=original.dtype, trainable=original.trainable, name=original.name)
        twin.path = original.path
        self._originals.append(original)
        self._found[id(original)] = twin
        return twin

    def __contains__(self, original: Variable) -> bool:
        return id(original) in self._found

    def __getitem__(self, original: Variable) -> Variable:
        """The twin; made of the template's value, the same for all, if there was none."""
        if id(original) not in self._found:
            self.add(original, repeat(original.read_box(), self.members))
        return self._found[id(original)]

    def of(self, variables: Any) -> Any:
        """A tree of variables with the twins in their places."""
        return jax.tree.map(self.__getitem__, variables, is_leaf=is_variable)


def repeat(value: Any, members: int) -> np.ndarray:
    """The same value for all members."""
    value = np.asarray(value)
    return np.broadcast_to(value, (members, *value.shape)).copy()


class StackedPlan(Plan):
    """The state and the programs of an ensemble.

    Args:
        compiled: the ensemble's.
        model: the template, the model that all members are like; it is ready to train.
        twins: where the values of the members are.
        knobs: what differs between members beside the values of variables; see `knobs.py`.
        spec: of a batch.
    """

    def __init__(self, compiled: Compiled, model: Any, twins: Twins, knobs: Any, spec: Any):
        template = model._compiled.plan
        self.compiled, self.template, self.model, self.twins, self.knobs = compiled, template, model, twins, knobs
        # where the members are in a batch; None: they share it
        self.axes: dict[str, int | None] = {"train": None, "test": None}

        def trace() -> None:
            loss_of = make_logged_loss(model, template.slots)
            step = make_train_step(model, compiled.optimizer, template.slots)
            jax.eval_shape(step, template.read(), spec)
            jax.eval_shape(lambda ts, batch: loss_of(ts, batch, training=False)[0], template.read(), spec)

        self.metrics = template.metrics
        knobs.record(model, trace)
        if knobs.variable is not None:
            twins.add(knobs.variable, knobs.stacked())
        self._is_there = Variable(True, (), "bool", trainable=False, name="is_there")
        self._add([self._is_there, *knobs.variables])
        self.fresh_metrics = jax.tree.map(lambda a: repeat(a, twins.members), template.fresh_metrics)
        self._make_programs(model)

    def _add(self, variables: list) -> None:
        self.template._add(variables)
        of, own = self.twins.of, self.template.slots
        self.slots = Slots(of(own.params), of(own.frozen), of(own.state), of(own.metrics), of(own.optimizer), of(own.extra))
        self.variables = self.slots.tree
        self.slots.params = own.params  # which the optimizer knows

    def _known(self) -> list:
        return self.template.slots.variables

    def warn_of_switched_weights(self) -> None:
        """The template is compiled once."""

    def result_names(self, model: Any) -> list[str]:
        return self.template.result_names(self.model)

    def write(self, state: dict, metrics: dict, extra: dict) -> None:
        if self.loan.turn.is_taken():
            return
        variables = jax.tree.leaves(
            (self.variables.state, self.variables.metrics, self.variables.extra), is_leaf=is_variable
        )
        assign_all(zip(variables, jax.tree.leaves((state, metrics, extra)), strict=True))

    def _programs(self, model: Any) -> tuple[Program, Program]:
        model, slots, knobs = self.model, self.template.slots, self.knobs
        variables = slots.variables

        def identify(by_name: bool) -> bytes | None:
            told = self.compiled
            parts = (model, told.parts, told.loss_tracker, self.metrics, told.optimizer, slots)
            with knobs.lock:
                name = f"{self.twins.members} members: {knobs.names()} {model.metrics_names}"
                return identity((*parts, name), variables, by_name)

        jit, totals = self.compiled.jit, make_results(model, slots)
        logged = is_custom(model, "compute_metrics")
        results = None if logged else lambda fixed, ts: jax.vmap(totals)(ts)
        if is_custom(model, "train_step"):
            own = custom_train_step(model, self.template)
            step = lambda ts, batch: _with_loss(own((), ts, batch))  # noqa: E731
            train = Program(self._mapped(step), None, jit, undo=undo)
        else:
            step = make_train_step(model, self.compiled.optimizer, slots, logged)
            train = Program(self._mapped(step), results, jit, undo=undo, identity=identify)
        if is_custom(model, "test_step"):
            own_test = custom_test_step(model, self.template)

            def test_step(fixed: TrainState, carry: tuple, batch: Any) -> tuple:
                return _with_loss(own_test(fixed, carry, batch))

            return train, Program(self._mapped_test(test_step), None, jit, donate=False)
        loss_of = make_logged_loss(model, slots)

        def builtin(fixed: TrainState, carry: tuple, batch: Any) -> tuple:
            loss, ts, logs = loss_of(whole(fixed, carry), batch, training=False)
            return (ts.state, ts.metrics, ts.extra), (loss, logs) if logged else loss

        test_results = None if logged else lambda fixed, carry: jax.vmap(totals)(whole(fixed, carry))
        return train, Program(self._mapped_test(builtin), test_results, jit, donate=False, identity=identify)

    def _mapped(self, step: Callable) -> Callable:
        """`(fixed, ts, batch) -> (ts, ...)` of all members."""

        def one(ts: TrainState, batch: Any) -> tuple:
            with self.knobs.turned(self.model, self.template.slots, ts.extra):
                return step(ts, batch)

        def all_members(fixed: Any, ts: TrainState, batch: Any) -> tuple:
            axis = self.axes["train"]
            if axis is None:
                batch, axis = self._spread(ts, batch), 0
            return jax.vmap(one, (0, axis))(ts, batch)

        return all_members

    def _spread(self, ts: TrainState, batch: Any) -> Any:
        """A batch that the members share, once for each of them.

        One product with the weights of all members would be quicker, and round in another order than a single model does. So XLA must
        not know that the copies are equal: it sees a condition on the state, which is always true.
        """
        is_there = next(tree.flatten(ts.extra)[path] for path, v in self.template.slots.extra.items() if v is self._is_there)

        def copies(a: jax.Array) -> jax.Array:
            return jnp.where(is_there.reshape(-1, *[1] * a.ndim), a[None], jnp.zeros((), a.dtype))

        return jax.tree.map(copies, batch)

    def _mapped_test(self, step: Callable) -> Callable:
        def one(fixed: TrainState, carry: tuple, batch: Any) -> tuple:
            with self.knobs.turned(self.model, self.template.slots, carry[2]):
                return step(fixed, carry, batch)

        def all_members(fixed: TrainState, carry: tuple, batch: Any) -> tuple:
            return jax.vmap(one, (0, 0, self.axes["test"]))(fixed, carry, batch)

        return all_members

    def note_data(self, mode: str, data: Any) -> None:
        self.axes[mode] = MEMBER_AXIS if isinstance(data, MemberData) else None

    def at_end(self, model: Any, method: str, logs: dict, ts: TrainState) -> dict:
        if not is_custom(self.model, method) or not logs:
            return logs
        ends = []
        for i in range(self.twins.members):
            one = {name: value[i] for name, value in logs.items()}
            ends.append(self.template.at_end(self.model, method, one, jax.tree.map(lambda a, i=i: a[i], ts)))
        return {name: np.stack([end[name] for end in ends]) for name in ends[0]}

    # -- the values of the members --------------------------------------------------------------------------------------

    def look(self) -> TrainState:
        """The current state, to be looked at before the loop goes on."""
        with self.loan.held():
            return self.loan.lend()

    def replace(self, ts: TrainState) -> None:
        """Put another state in the place of the current one."""
        with self.loan.held():
            self.loan.lend()
            self.loan.keep(ts)


def select(mask: Any, chosen: Any, other: Any) -> Any:
    """For each member, its part of one tree or of another one.

    Args:
        mask: bool, of shape (members,).
        chosen, other: trees of arrays of shape (members, ...).

    >>> select(np.array([True, False]), np.array([1, 2]), np.array([3, 4])).tolist()
    [1, 4]
    """
    with current().tracing():
        return _select(mask, chosen, other)


@jax.jit
def _select(mask: jax.Array, chosen: Any, other: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(mask.reshape(-1, *[1] * (a.ndim - 1)), a, b), chosen, other)


def pick(variable: Variable, members: Any) -> jax.Array:
    """The value of one member, or the values of several, on whatever devices they lie.

    Args:
        variable: a twin.
        members: the number of a member, or an array of numbers.
    """
    with current().tracing():
        return variable.value[members]


def _with_loss(result: tuple) -> tuple:
    carry, logs = result
    return carry, (logs.get("loss", 0.0), logs)
