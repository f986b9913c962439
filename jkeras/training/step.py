"""One step of training, evaluation and prediction, as pure functions of a `TrainState`.

    train(ts, batch) -> ts, loss    forward, loss, regularizers, gradients, optimizer, constraints, metrics
    loss(ts, batch)  -> loss, ts    forward, loss, metrics; the step of an evaluation
    predict(ts, x)   -> outputs, and the changed state

The model's objects (layers, losses, metrics) run inside a frame that binds every variable to a leaf of the state, so
tracing them once yields the whole step as one program. Seed generators are ordinary variables: the random numbers of a
step depend only on its state, so a resumed run draws the same numbers as a run without interruption.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jkeras.core import tree
from jkeras.core.binding import Binding
from jkeras.core.dimensions import as_float
from jkeras.core.frame import Frame
from jkeras.core.module import Module
from jkeras.core.tree import Path
from jkeras.core.variable import PARAMS, Variable, as_arrays, is_variable
from jkeras.optimizers.loss_scale import LossScaleState


class TrainState(NamedTuple):
    """Everything a step reads and writes; each field is a pytree of arrays."""

    params: dict  # what gradients are taken of: the parameters that were trainable at compile()
    frozen: dict  # the other parameters
    state: dict  # what layers update themselves: moving averages, seed generators
    opt_state: Any  # the optimizer's state; the learning rate is one of its leaves
    metrics: dict  # the sums that metrics accumulate
    extra: dict = {}  # what else a step uses: variables that losses, metrics and schedules hold or close over

    @property
    def variables(self) -> dict:
        """The tree that `model.apply` takes: `{"params": trainable and frozen ones, "state": ...}`."""
        params = tree.nest({**tree.flatten(self.params), **tree.flatten(self.frozen)})
        return {"params": params, "state": self.state}

    @property
    def step(self) -> Any:
        """The number of steps that the optimizer has made, an int32 scalar; None without an optimizer."""
        state = self.opt_state
        while isinstance(state, LossScaleState):
            state = state.inner
        return getattr(state, "iterations", None)


class Slots(Binding):
    """The variables behind a `TrainState`, field by field, as `{path: Variable}`.

    As a `Binding` it goes between whole states and the variables.

    Args:
        params, frozen, state, metrics, extra: the variables of the fields of that name.
        optimizer: the optimizer's state, of variables.

    Attributes:
        tree: a `TrainState` with the variables in the places of their values.
    """

    def __init__(
        self,
        params: dict[Path, Variable],
        frozen: dict[Path, Variable],
        state: dict[Path, Variable],
        metrics: dict[Path, Variable],
        optimizer: Any = (),
        extra: Mapping[Path, Variable] = MappingProxyType({}),
    ):
        self.params, self.frozen, self.state, self.metrics, self.extra = params, frozen, state, metrics, dict(extra)
        self.optimizer = optimizer
        nested = [tree.nest(field) for field in (params, frozen, state, metrics, self.extra)]
        super().__init__(TrainState(*nested[:3], optimizer, *nested[3:]))  # type: ignore[call-arg]
        self.fields = TrainState(*map(Binding, self.tree))  # type: ignore[arg-type]

    def __reduce__(self) -> tuple:
        return Slots, (self.params, self.frozen, self.state, self.metrics, self.optimizer, self.extra)

    @classmethod
    def of(cls, model: Module, metrics: list, trainable: Callable[[Variable], bool]) -> "Slots":
        """Sort the variables of a model and its metrics into the fields."""
        slots = model.slots()
        params = {p: v for p, v in slots.items() if v.collection == PARAMS}
        return cls(
            {p: v for p, v in params.items() if trainable(v)},
            {p: v for p, v in params.items() if not trainable(v)},
            {p: v for p, v in slots.items() if v.collection != PARAMS},
            {(str(i), *p): v for i, m in enumerate(metrics) for p, v in m.slots().items()},
        )

    def with_optimizer(self, state: Any) -> "Slots":
        """The same, and an optimizer's state, of variables."""
        return Slots(self.params, self.frozen, self.state, self.metrics, state, self.extra)

    def with_extra(self, variables: list[Variable]) -> "Slots":
        """The same and further variables."""
        extra = dict(self.extra)
        for variable in variables:
            extra[(f"{len(extra):03} {variable.path}",)] = variable  # in this order, when JAX sorts them
        return Slots(self.params, self.frozen, self.state, self.metrics, self.optimizer, extra)

    def bind(self, ts: TrainState) -> dict[int, Any]:
        """`{id(variable): array}` for a frame. The optimizer's state may be left out, or be another one."""
        bound: dict[int, Any] = {}
        for name, field in self.fields._asdict().items():
            values = getattr(ts, name)
            if name != "opt_state" or field.fits(values):
                bound |= field.bound(values)
        return bound

    def after(self, ts: TrainState, frame: Frame) -> TrainState:
        """The state after a frame that was opened on `ts`: all that may be assigned in it, which parameters may not."""
        bound, opt_state = self.bind(ts), ts.opt_state
        leaves = [id(v) for v in self.fields.opt_state.variables]
        if any(key in bound and frame.values[key] is not bound[key] for key in leaves):  # rarely: most stay as they are
            opt_state = self.fields.opt_state.collect(frame.values)
        new = {name: getattr(self.fields, name).collect(frame.values) for name in ("state", "metrics", "extra")}
        return ts._replace(opt_state=opt_state, **new)


def make_logged_loss(model: Any, slots: Slots) -> Callable[..., tuple[jax.Array, TrainState, dict]]:
    """`make_loss`, whose result has the values that `compute_metrics` returned as well."""

    def loss_of(ts: TrainState, batch: Any, training: bool) -> tuple[jax.Array, TrainState, dict]:
        with Frame(slots.bind(ts), training=training, closed=True) as frame:
            loss, logs = _forward(model, frame, batch, training)
        return loss, slots.after(ts, frame), logs

    return loss_of


def make_loss(model: Any, slots: Slots) -> Callable[..., tuple[jax.Array, TrainState]]:
    """`(ts, batch, training) -> (loss, ts)`: the forward pass; the state's sums and moving averages have seen the batch."""

    def loss_of(ts: TrainState, batch: Any, training: bool) -> tuple[jax.Array, TrainState]:
        return logged(ts, batch, training)[:2]

    logged = make_logged_loss(model, slots)
    return loss_of


def make_update(optimizer: Any, slots: Slots) -> Callable[..., TrainState]:
    """`(ts, grads, **objective) -> ts`: the optimizer's step and the constraints.

    Gradients of some of the parts at the top of `ts.params` leave the others, and their optimizers, as they are.
    """
    constraints = {path: v.constraint for path, v in slots.params.items() if v.constraint is not None}

    def update(ts: TrainState, grads: dict, **objective: Any) -> TrainState:
        _check_there(optimizer)
        old = {name: ts.params[name] for name in grads}
        rest = {name: jax.tree.map(lambda _: None, ts.params[name]) for name in ts.params if name not in grads}
        with Frame(slots.bind(ts), closed=True) as frame:  # a schedule may read variables, and draw
            updates, opt_state = optimizer.update({**grads, **rest}, ts.opt_state, {**old, **rest}, **objective)
        ts = slots.after(ts, frame)
        params = jax.tree.map(lambda p, u: (p + u).astype(p.dtype), old, {name: updates[name] for name in old})
        if constraints and not optimizer.updates_by_apply:
            flat = tree.flatten(params)
            params = tree.nest({p: constraints[p](v) if p in constraints else v for p, v in flat.items()})
        return ts._replace(params={**ts.params, **params}, opt_state=opt_state)

    return update


def _check_there(optimizer: Any) -> None:
    if optimizer is None:
        raise ValueError(
            "The model was compiled with optimizer=None, so it can be evaluated but not trained. Name an optimizer: "
            "model.compile(optimizer='adam', loss=...)."
        )


def make_train_step(
    model: Any, optimizer: Any, slots: Slots, logged: bool = False
) -> Callable[[TrainState, Any], tuple[TrainState, Any]]:
    """The step of a model (a trainer with `compute_loss`) that was compiled with `optimizer`.

    Returns:
        `(ts, batch) -> (ts, loss)`; or, if `logged`, `-> (ts, (loss, logs))` with what `compute_metrics` returned.
    """
    loss_of, update = make_logged_loss(model, slots), make_update(optimizer, slots)

    def objective(params: dict, ts: TrainState, batch: Any) -> tuple[jax.Array, tuple]:
        loss, new, logs = loss_of(ts._replace(params=params), batch, training=True)
        if loss.ndim:
            raise ValueError(
                f"{type(model).__name__}.compute_loss() must return a scalar for training, got shape {loss.shape}. Reduce it: "
                "jnp.mean(loss)."
            )
        changed = new.opt_state if new.opt_state is not ts.opt_state else None
        seen = (loss, logs) if logged else loss
        return optimizer.scaled_loss(loss, ts.opt_state), (seen, new.state, new.metrics, new.extra, changed)

    def step(ts: TrainState, batch: Any) -> tuple[TrainState, Any]:
        _check_there(optimizer)
        grads, (seen, state, metrics, extra, changed) = jax.grad(objective, has_aux=True)(ts.params, ts, batch)
        told = {}
        if optimizer.reads_objective:
            told["value"] = seen[0] if logged else seen
            told["value_fn"] = lambda params: loss_of(ts._replace(params=params), batch, training=True)[0]
        opt_state = ts.opt_state if changed is None else changed
        return update(ts._replace(state=state, metrics=metrics, extra=extra, opt_state=opt_state), grads, **told), seen

    return step


def make_predict_step(model: Any, slots: Slots) -> Callable[[TrainState, dict, Any], tuple[Any, dict]]:
    """The prediction step: `(ts, changed, x) -> (outputs, changed)`; see `overlay`."""

    def step(ts: TrainState, changed: dict, x: Any) -> tuple[Any, dict]:
        bound = overlay(slots, ts, changed)
        with Frame(dict(bound), training=False, closed=True) as frame:
            outputs = model._call_on(x, training=False)
        return outputs, changes(slots, bound, frame.values, changed)

    return step


def carried(ts: TrainState) -> list:
    """The leaves of a state that prediction may change: what layers update themselves, and the extra variables."""
    return jax.tree.leaves((ts.state, ts.extra), is_leaf=is_variable)


def overlay(slots: Slots, ts: TrainState, changed: dict[int, Any]) -> dict[int, Any]:
    """`{id(variable): array}` for a frame, of a state and what has changed since: `{number among carried(ts): array}`.

    Most models change nothing when they predict, so that only what changes is carried from batch to batch.
    """
    variables = carried(slots.tree)
    return slots.bind(ts) | {id(variables[number]): value for number, value in changed.items()}


def changes(slots: Slots, old: dict[int, Any], new: dict[int, Any], changed: dict[int, Any]) -> dict[int, Any]:
    """The values that have changed after one more batch, by the number among `kept(ts)`."""
    keys = list(map(id, carried(slots.tree)))
    return {i: new[key] for i, key in enumerate(keys) if i in changed or new[key] is not old[key]}


def make_results(model: Any, slots: Slots) -> Callable[[TrainState], dict[str, jax.Array]]:
    """The values of the metrics by name: `{"loss": ..., "accuracy": ...}`."""

    def results(ts: TrainState) -> dict[str, jax.Array]:
        with Frame(slots.bind(ts), closed=True):
            return {name: as_arrays(value) for name, value in model.get_metrics_result().items()}

    return results


def _forward(model: Any, frame: Frame, batch: Any, training: bool) -> tuple[jax.Array, dict]:
    """Call the model, compute the loss, and let the metrics see both; returns the loss and what `compute_metrics` returned."""
    x, y, sample_weight = batch
    y_pred = model._call_on(x, training=training)
    loss = model._compute_loss(x, y, y_pred, sample_weight, training)
    seen = jax.tree.map(lambda array: _without_gradient(frame, array), y_pred)
    rows = next(leaf for leaf in jax.tree.leaves(x) if leaf is not None).shape[0]
    model._loss_tracker.update_state(jax.lax.stop_gradient(loss), sample_weight=as_float(rows))
    logs = model.compute_metrics(x, y, seen, sample_weight)
    if logs is not None and not isinstance(logs, dict):
        raise TypeError(f"{type(model).__name__}.compute_metrics must return a dict {{name: value}}, got {logs!r}.")
    logs = model.get_metrics_result() if logs is None else logs
    return loss, {name: strong(as_arrays(value)) for name, value in logs.items()}


def strong(value: Any) -> jax.Array:
    """An array that keeps its dtype in a loop; a Python number has none of its own."""
    array = jnp.asarray(value)
    return jax.lax.convert_element_type(array, array.dtype)


def _without_gradient(frame: Frame, array: jax.Array) -> jax.Array:
    """The same values for the metrics, which are not differentiated; the mask goes along."""
    stopped = jax.lax.stop_gradient(array)
    mask = frame.get_mask(array)
    if mask is not None:
        frame.set_mask(stopped, mask)
    return stopped
