"""Check before training that targets fit the loss and the outputs.

Inside of a compiled step, only shapes are known, and an error message comes with a JAX traceback. `check_targets`
looks at the targets on the host, and suggests the right loss or the right last layer.
"""

import warnings
from typing import Any

import jax
import numpy as np

from jkeras.errors import outside
from jkeras.losses.wrapper import LABELS, ONE_HOT, LossFunctionWrapper, may_broadcast

Shape = tuple[int | None, ...]


def check_targets(loss: Any, y_true: Any, y_pred: Any, warn: bool = True) -> None:
    """Compare targets with the outputs that a loss of this package will see; other losses may take anything.

    Args:
        loss: a `Loss`, or a loss function.
        y_true: the targets, of which the values are looked at too; or only a spec of them (`.shape` and `.dtype`).
        y_pred: a spec of the outputs. Dimensions that are None fit everything.
        warn: whether to warn of targets that only broadcast; False where that was done.

    Raises:
        ValueError: naming the loss, both shapes, and what would be right.

    Warns:
        UserWarning: the targets only broadcast against the outputs, and `jkeras.config.strict_targets()` is False.

    >>> from jkeras.losses import CategoricalCrossentropy
    >>> check_targets(CategoricalCrossentropy(), np.array([0, 2, 1]), jax.ShapeDtypeStruct((3, 3), "float32"))
    Traceback (most recent call last):
    ValueError: Loss 'categorical_crossentropy': the targets have shape (3,) and the outputs (3, 3). The targets look like
    class numbers: use loss='sparse_categorical_crossentropy', or make them one-hot with ...to_categorical(y, num_classes=3).
    """
    wrapped = isinstance(loss, LossFunctionWrapper)
    function = loss.fn if wrapped else loss
    arguments = loss._fn_kwargs if wrapped else {}
    kind = getattr(function, "targets", None)
    targets, outputs = getattr(y_true, "shape", None), getattr(y_pred, "shape", None)
    if kind is None or targets is None or outputs is None:
        return
    name, targets, outputs = function.__name__, tuple(targets), tuple(outputs)
    if kind != LABELS:
        problem = _same_shape_problem(name, kind, targets, outputs)
        if problem is None and name in ("binary_crossentropy", "binary_focal_crossentropy"):
            problem = _probability_problem(y_true)
        if problem and may_broadcast(name, kind, targets, outputs):
            if not warn:
                return
            warnings.warn(
                f"Loss {name!r}: the targets have shape {targets} and the outputs {outputs}, so each target is compared with "
                f"several outputs, or the other way round. If that is meant, give them one shape: numpy.broadcast_to(y, {outputs}). "
                f"If not: {problem} jkeras.config.set_strict_targets(True) makes this an error.",
                stacklevel=outside(),
            )
            return
    elif name == "ctc":
        problem = None if (len(targets), len(outputs)) == (2, 3) else "Give (batch, labels) and (batch, time, classes)."
    elif name == "circle":
        problem = None if targets in (outputs[:1], (*outputs[:1], 1)) else "Give one class number per sample."
    else:
        axis = arguments.get("axis", -1)
        if not -len(outputs) <= axis < len(outputs):
            raise ValueError(f"Loss {name!r}: the outputs of shape {outputs} have no axis {axis} for the classes.")
        problem = _label_shape_problem(targets, outputs, axis) or _label_value_problem(
            y_true, outputs[axis], arguments.get("ignore_class")
        )
    if problem:
        raise ValueError(f"Loss {name!r}: the targets have shape {targets} and the outputs {outputs}. {problem}")


def has_class_axis(loss: Any, targets: Shape, outputs: Shape | None = None) -> bool | None:
    """Return True if the last axis of targets counts the classes, as far as the loss and the outputs tell; None if they
    do not.

    Args:
        loss: a `Loss`, or a loss function.
        targets: the shape of the targets.
        outputs: the shape of the outputs, if it is known.

    >>> from jkeras.losses import binary_crossentropy, sparse_categorical_crossentropy
    >>> has_class_axis(sparse_categorical_crossentropy, (8, 5)), has_class_axis(binary_crossentropy, (8, 5), (8, 5, 1))
    (False, False)
    """
    kind = getattr(getattr(loss, "fn", loss), "targets", None)
    if kind in (LABELS, ONE_HOT):
        return kind == ONE_HOT
    return False if outputs is not None and len(targets) < len(outputs) else None


def _same_shape_problem(name: str, kind: str, targets: Shape, outputs: Shape) -> str | None:
    if _fits(targets, outputs):
        return None
    columns, units = (shape[-1] if len(shape) > 1 else 1 for shape in (targets, outputs))
    if columns == 1 and len(targets) in (len(outputs) - 1, len(outputs)):  # one number for each output vector
        if kind == ONE_HOT:
            return (
                "The targets look like class numbers: use loss='sparse_categorical_crossentropy', or make them one-hot with "
                f"jkeras.utils.to_categorical(y, num_classes={units})."
            )
        if "crossentropy" in name:
            return (
                "For one 0 or 1 per sample, end the model with Dense(1, activation='sigmoid'); for class numbers and "
                f"{units} outputs, use softmax and loss='sparse_categorical_crossentropy'."
            )
        return f"They would only broadcast. For one number per sample, end the model with one unit instead of {units}."
    if len(targets) != len(outputs):
        return f"The targets must have as many axes as the outputs, {len(outputs)}, but they have {len(targets)}."
    if units == 1 and "crossentropy" in name:
        return (
            f"For {columns} classes, end the model with Dense({columns}, activation='softmax') and use "
            "loss='categorical_crossentropy'; for a single output, the targets need one column of 0 and 1."
        )
    if columns != units:
        what = "classes" if kind == ONE_HOT else "columns"
        return f"The targets have {columns} {what}, so the last layer needs {columns} units, but it has {units}."
    return "The targets must have the shape of the outputs."


def _fits(targets: Shape, outputs: Shape) -> bool:
    if abs(len(targets) - len(outputs)) == 1:  # a last axis of size 1 comes or goes
        longer, shorter = sorted((targets, outputs), key=len, reverse=True)
        return longer[-1] == 1 and _fits(longer[:-1], shorter)
    return len(targets) == len(outputs) and all(None in (t, o) or t == o for t, o in zip(targets, outputs, strict=True))


def _label_shape_problem(targets: Shape, outputs: Shape, axis: int) -> str | None:
    expected = tuple(d for i, d in enumerate(outputs) if i != axis % len(outputs))
    if len(targets) == len(outputs) and targets[axis] == 1:
        targets = tuple(d for i, d in enumerate(targets) if i != axis % len(targets))
    if outputs[axis] == 1:
        return (
            "With a single output there is a single class. For two classes and one output, use a sigmoid and "
            "loss='binary_crossentropy'; otherwise the last layer needs one unit per class."
        )
    if len(targets) == len(expected) and _fits(targets, expected):
        return None
    if len(targets) == len(outputs):
        return (
            "The targets look one-hot: use loss='categorical_crossentropy', or take their class numbers with "
            "y.argmax(axis=-1)."
        )
    return f"Class numbers of shape {expected} are needed."


def _probability_problem(y_true: Any) -> str | None:
    """The mistake in targets that must lie between 0 and 1, in words. Nothing is known of a spec or a traced array."""
    if not _has_values(y_true):
        return None
    labels = np.asarray(y_true)
    low, high = labels.min(), labels.max()
    if not (low < 0 or high > 1):  # so that a NaN passes, of which the data was warned
        return None
    if low == -1 and high == 1:
        return "They go from -1 to 1, but must be 0 or 1: pass (y + 1) / 2 as targets, or use loss='hinge'."
    return (
        f"They go from {low} to {high}, but each must be 0, 1 or a probability between. For more than two classes, end the "
        "model with one unit per class and softmax, and use loss='sparse_categorical_crossentropy'; for other numbers, "
        "loss='mse'."
    )


def _has_values(y_true: Any) -> bool:
    known = isinstance(y_true, (np.ndarray, jax.Array)) and not isinstance(y_true, jax.core.Tracer)
    return known and y_true.size > 0 and y_true.dtype != bool


def _label_value_problem(y_true: Any, classes: int | None, ignore_class: int | None) -> str | None:
    """The mistake in class numbers, in words. Nothing is known of a spec or a traced array."""
    if not _has_values(y_true) or classes is None:
        return None
    labels = np.asarray(y_true)
    if ignore_class is not None:
        labels = labels[labels != ignore_class]
    if labels.size == 0:
        return None
    low, high = labels.min(), labels.max()
    if labels.dtype.kind == "f" and not (labels == np.floor(labels)).all():
        odd = labels[labels != np.floor(labels)].flat[0]
        return f"The targets must be class numbers, which are whole, but one of them is {odd}."
    if low < 0 or high >= classes:
        hint = f" They seem to start at 1: pass y - 1 as targets, or give the last layer {high + 1:.0f} units."
        return (
            f"The class numbers go from {low} to {high}, but {classes} outputs stand for the classes 0 to {classes - 1}."
            f"{hint if (low, high) == (1, classes) else ''}"
        )
    return None
