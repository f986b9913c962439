"""Custom training steps.

`train_step` has two forms. Both are compiled into the same loop as the built-in step. jkeras's form is a function of the
`TrainState`:

    def train_step(self, state, batch):          # pure: -> (new state, {"loss": ...})
        x, y, sample_weight = batch
        ...
        return state._replace(params=params, opt_state=opt_state), {"loss": loss}

Keras's form, for its JAX backend, takes lists of variables' values:

    def train_step(self, state, data):           # -> (logs, new state)
        trainable_variables, non_trainable_variables, optimizer_variables, metrics_variables = state
        ...

A step is first called with lists. If it uses an attribute of a `TrainState` (`state.params`), or fails with lists, it
is called with a `TrainState`. `test_step` has the same two forms (Keras's without the optimizer's variables), and
`predict_step` too: `(state, batch) -> outputs`, or Keras's `(state, data) -> (outputs, non_trainable_variables)`.

A step runs in a frame that binds every variable to its value in the state. So a weight that is read, or a layer that is
called, has the current values. Values that are assigned outside of any transformation (a metric's sums, a seed
generator's counter) become part of the new state.
"""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jkeras.core.binding import Binding
from jkeras.core.frame import Frame, Unbound
from jkeras.core.variable import Variable, as_arrays, is_variable
from jkeras.data import pack_x_y_sample_weight
from jkeras.training.step import Slots, TrainState, changes, overlay, strong


def built_in(step: Callable) -> Callable:
    """Mark a method as the library's own step."""
    step.built_in = True  # type: ignore[attr-defined]
    return step


MAKERS = {"train_step": "make_train_function", "test_step": "make_test_function", "predict_step": "make_predict_function"}


def is_custom(model: Any, method: str) -> bool:
    """True if the model brings a step of its own, or a function over the steps."""
    return not getattr(getattr(model, method), "built_in", False) or has_function(model, method)


def has_function(model: Any, method: str) -> bool:
    """True if the model overrides what makes the function over these steps, such as `make_train_function`.

    Such a function gets an iterator of one batch, and values rather than traces: it compiles what it likes by itself.
    """
    make = getattr(model, MAKERS.get(method, ""), None)
    return make is not None and not getattr(make, "built_in", False)


def step_of(model: Any, method: str) -> Callable:
    """The model's own step, or the function over the steps that it makes, called on one batch."""
    if not has_function(model, method):
        return getattr(model, method)
    name = MAKERS[method]
    made = getattr(model, name)() or getattr(model, name.removeprefix("make_"))
    if not callable(made):
        raise TypeError(
            f"{type(model).__name__}.{name} must return a function (state, iterator) -> (logs, state), or set self."
            f"{name.removeprefix('make_')} to one."
        )
    return lambda state, data: made(state, iter([data]))


def in_either_form(call: Callable, known: list) -> Any:
    """`call(form)` for the form of a user's step, `"lists"` or `"tree"`: the first that it can be called in.

    Args:
        call: calls the step in a form.
        known: empty at first; holds the form from the first call that succeeds on.
    """
    errors: list[Exception] = []
    for form in known or ("lists", "tree"):
        try:
            result = call(form)
        except Unbound:
            raise  # a variable that will be bound next time
        except Exception as error:
            errors.append(error)
        else:
            known[:] = [form]
            return result
    first = errors[0]
    wants_tree = isinstance(first, AttributeError) and isinstance(first.obj, tuple) and hasattr(TrainState, first.name or "")
    raise errors[-1] if wants_tree else first


def check_form(model: Any, method: str) -> None:
    """Refuse a step that cannot be called with a state and a batch.

    Raises:
        TypeError: it takes other arguments; the message shows the two forms.
    """
    parameters = inspect.signature(getattr(model, method))
    try:
        parameters.bind(None, None)
    except TypeError:
        name, logs = type(model).__name__, "outputs" if method == "predict_step" else "logs"
        rest = {"train_step": "optimizer_variables, metrics_variables", "test_step": "metrics_variables"}.get(method, "")
        lists = f"trainable_variables, non_trainable_variables{', ' if rest else ''}{rest}"
        returned = "outputs, non_trainable_variables" if method == "predict_step" else "logs, new_state"
        tree = "outputs" if method == "predict_step" else "state._replace(...), logs"
        raise TypeError(
            f"{name}.{method}{parameters} is not a step that can be compiled: a step of the form {method}(self, data), as Keras "
            f"has it for TensorFlow and PyTorch, changes variables on the side. Here a step is a function of the state. Write\n"
            f"    def {method}(self, state, data):      # as in Keras for JAX\n"
            f"        {lists} = state\n"
            f"        ...\n"
            f"        return {returned}\n"
            f"or\n"
            f"    def {method}(self, state, batch):     # jkeras's own: state.params, state.variables, ...\n"
            f"        x, y, sample_weight = batch\n"
            f"        ...\n"
            f"        return {tree}\n"
            f"To change only the loss or the {logs}, override compute_loss or compute_metrics instead."
        ) from None


def lists_of(values: dict[int, Any], groups: list[list[Variable]]) -> tuple[list, ...]:
    """Keras's lists of values.

    Args:
        values: `{id(variable): array}`.
        groups: the variables behind the lists.
    """
    return tuple([values[id(v)] for v in group] for group in groups)


def merge(binding: Binding, old: dict[int, Any], new: dict[int, Any], frame: Frame) -> TrainState:
    """The state after a step, from what it was given, what it returned and what it assigned.

    Raises:
        ValueError: a value has another shape than before, or was both returned and assigned.
    """
    values = {}
    for key, name in zip(map(id, binding.variables), binding.paths(), strict=True):
        value, assigned = jnp.asarray(new[key]), frame.values[key]
        if assigned is not old[key]:
            if new[key] is not old[key]:
                raise ValueError(
                    f"The step assigned the variable behind state{name} and also returned a new value for it. Do one of "
                    "the two: draw random numbers and update metrics inside of the call whose state you return, or keep "
                    "that part of the state as it was."
                )
            value = assigned
        if value.shape != old[key].shape:
            raise ValueError(f"The step returned state{name} with shape {value.shape}; it had shape {old[key].shape}.")
        values[key] = value.astype(old[key].dtype)
    return binding.collect(values)


def keras_groups(model: Any, variables: TrainState) -> list[list[Variable]]:
    """The variables behind Keras's lists: trainable, non-trainable, the optimizer's and the metrics'."""
    trained = {id(v) for v in jax.tree.leaves(variables.params, is_leaf=is_variable)}
    return [
        [v for v in model.variables if id(v) in trained],
        [v for v in model.variables if id(v) not in trained],
        list(model.optimizer.variables) if model.optimizer is not None else [],
        model.metrics_variables,
    ]


def custom_train_step(model: Any, plan: Any) -> Callable:
    """`(fixed, ts, batch) -> (ts, logs)` from the model's own `train_step`."""
    run = _runner(model, "train_step", plan.slots, keras_groups(model, plan.variables))
    return lambda fixed, ts, batch: run(ts, batch)


def custom_test_step(model: Any, plan: Any) -> Callable:
    """`(ts, carry, batch) -> (carry, logs)` from the model's own `test_step`; the carry is `(state, metrics, extra)`."""
    trained, frozen, _, metrics = keras_groups(model, plan.variables)
    run = _runner(model, "test_step", plan.slots, [trained, frozen, metrics])

    def step(fixed: TrainState, carry: tuple, batch: Any) -> tuple[tuple, dict]:
        ts, logs = run(fixed._replace(state=carry[0], metrics=carry[1], extra=carry[2]), batch)
        return (ts.state, ts.metrics, ts.extra), logs

    return step


def custom_predict_step(model: Any, slots: Slots) -> Callable:
    """`(ts, changed, x) -> (outputs, changed)` from the model's own `predict_step`; see `step.overlay`."""
    check_form(model, "predict_step")
    user, traced = step_of(model, "predict_step"), not has_function(model, "predict_step")
    known = [] if traced else ["lists"]

    def step(ts: TrainState, changed: dict, x: Any) -> tuple[Any, dict]:
        old = overlay(slots, ts, changed)

        def call(form: str) -> tuple[Any, dict]:
            new: dict[int, Any] = {}
            with Frame(dict(old), training=False, closed=traced) as frame:
                if form == "tree":
                    outputs = as_arrays(user(slots.collect(old), (x, None, None)))
                else:
                    groups = [model.trainable_variables, model.non_trainable_variables]
                    given = lists_of(old, groups)
                    returned = user(given, pack_x_y_sample_weight(x))
                    outputs, state = as_arrays(_pair(model, "predict_step", returned))
                    if not traced:  # a function, which returns both lists
                        state = state[-1]
                    if not isinstance(state, (list, tuple)) or len(state) != len(groups[1]):
                        raise _not_a_pair(model, "predict_step", returned)
                    new = {id(v): a for v, a in zip(groups[1], state, strict=True) if a is not old[id(v)]}
            return outputs, changes(slots, old, {**frame.values, **new}, changed)

        return in_either_form(call, known)

    return step


def _runner(model: Any, method: str, binding: Binding, groups: list[list[Variable]]) -> Callable:
    """`(ts, batch) -> (ts, logs)` for either form of a step."""
    check_form(model, method)
    user, traced = step_of(model, method), not has_function(model, method)
    known = [] if traced else ["lists"]

    def pure(ts: TrainState, batch: Any, old: dict) -> tuple[dict, dict]:
        new, logs = _pair(model, method, user(ts, batch))
        if not binding.fits(new):
            raise ValueError(
                "The step must return the state it was given, with new values: state._replace(params=..., ...). "
                f"{binding.difference(new)}"
            )
        return binding.bound(new), logs

    def keras(ts: TrainState, batch: Any, old: dict) -> tuple[dict, dict]:
        logs, lists = _pair(model, method, user(lists_of(old, groups), pack_x_y_sample_weight(*batch)))
        if not isinstance(lists, (list, tuple)) or not all(isinstance(values, (list, tuple)) for values in lists):
            raise _not_a_pair(model, method, (logs, lists))
        if [len(values) for values in lists] != [len(group) for group in groups]:
            raise ValueError(
                f"{type(model).__name__}.{method} must return (logs, state) with state as it was given, lists of lengths "
                f"{[len(group) for group in groups]}; got lengths {[len(values) for values in lists]}."
            )
        new = {
            id(v): value for group, values in zip(groups, lists, strict=True) for v, value in zip(group, values, strict=True)
        }
        return {**old, **new}, logs

    def run(ts: TrainState, batch: Any) -> tuple[TrainState, dict]:
        old = binding.bound(ts)

        def call(form: str) -> tuple[TrainState, dict]:
            with Frame(dict(old), closed=traced) as frame:
                new, logs = as_arrays((pure if form == "tree" else keras)(ts, batch, old))
            if not isinstance(logs, dict):
                raise TypeError(f"The logs of {type(model).__name__}.{method} must be a dict {{name: value}}, got {logs!r}.")
            return merge(binding, old, new, frame), {name: strong(value) for name, value in _flat(logs).items()}

        return in_either_form(call, known)

    return run


def _flat(logs: dict) -> dict:
    """Logs without dicts in dicts: the metrics of `compile` return one, which takes the place of its own name."""
    found: dict = {}
    for name, value in logs.items():
        found |= _flat(value) if isinstance(value, dict) else {name: value}
    return found


def _pair(model: Any, method: str, returned: Any) -> tuple[Any, Any]:
    if not isinstance(returned, tuple) or len(returned) != 2 or isinstance(returned, TrainState):
        raise _not_a_pair(model, method, returned)
    return returned


def _not_a_pair(model: Any, method: str, returned: Any) -> TypeError:
    forms = "(outputs, non_trainable_variables)" if method == "predict_step" else "(logs, state), or (state, logs)"
    kind = type(returned).__name__
    parts = f" of {', '.join(type(part).__name__ for part in returned)}" if isinstance(returned, tuple) else ""
    return TypeError(
        f"{type(model).__name__}.{method} must return a pair: {forms} if the state is a TrainState. It returned a {kind}{parts}."
    )
