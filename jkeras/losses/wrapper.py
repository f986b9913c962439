"""Make a loss function from a formula, and a `Loss` class from a loss function.

`@loss_function` makes a function of arrays accept what users pass (lists, integers, variables), and refuse targets that
would only broadcast against the outputs. A class is then a constructor with the arguments of the function and those of
`Loss`:

    class Huber(LossFunctionWrapper, function=huber):
        def __init__(self, delta=1.0, reduction=MEAN, name="huber_loss", dtype=None):
            super().__init__(huber, reduction, name, dtype, delta=delta)

`LossFunctionWrapper` passes the arguments of the function on and writes them in the config.
"""

import copy
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jkeras.arguments import known_arguments
from jkeras.core import dtype as dtypes
from jkeras.core.targets import broadcast, strict_targets
from jkeras.errors import keywords_of
from jkeras.losses.base import MEAN, Loss, as_array, same_rank
from jkeras.ops.op import op
from jkeras.serialization import deserialize, serialize

VALUES, ONE_HOT, LABELS = "values", "one-hot", "labels"


def loss_function(targets: str = VALUES, link: str | None = None, elementwise: bool = True) -> Callable:
    """Decorator for a formula `(y_true, y_pred, ...) -> per-sample values`.

    Args:
        targets: what `y_true` holds: `"values"` or `"one-hot"` vectors of the shape of `y_pred` (they are cast to its dtype,
            and a last axis of size 1 that only one of the two has comes or goes), or `"labels"` (they stay as they are).
        elementwise: for `"values"`, whether the values are means over the last axis of a formula of single numbers, so that
            each number can have a weight of its own.
        link: the activation, `"sigmoid"` or `"softmax"`, whose inputs the function accepts with `from_logits=True`.

    >>> import jax.numpy as jnp
    >>> @loss_function(elementwise=False)
    ... def worst_error(y_true, y_pred):
    ...     return jnp.max(jnp.abs(y_true - y_pred), axis=-1)
    >>> worst_error([[1, 2]], [[1.0, 5.0]]).tolist()
    [3.0]
    >>> worst_error([[1, 2, 3]], [[1.0, 5.0]])
    Traceback (most recent call last):
    ValueError: worst_error: y_true has shape (1, 3), but y_pred has shape (1, 2). ...
    """

    def decorate(formula: Callable) -> Callable:
        @functools.wraps(formula)
        def function(y_true: Any, y_pred: Any, *args: Any, **kwargs: Any) -> jax.Array:
            y_pred, y_true = as_array(y_pred), as_array(y_true)
            if not jnp.issubdtype(y_pred.dtype, jnp.floating):
                y_pred = y_pred.astype(dtypes.canonical(dtypes.floatx()))
            axis = kwargs.get("axis", -1)
            if isinstance(axis, int) and not -y_pred.ndim <= axis < y_pred.ndim:
                raise ValueError(f"{formula.__name__}: outputs of shape {y_pred.shape} have no axis {axis}.")
            if targets != LABELS:
                y_true, y_pred = same_rank(y_true.astype(y_pred.dtype), y_pred)
                if y_true.shape != y_pred.shape and may_broadcast(formula.__name__, targets, y_true.shape, y_pred.shape):
                    y_true = y_true[:, None] if y_true.ndim < y_pred.ndim else y_true
                elif y_true.shape != y_pred.shape:
                    raise ValueError(
                        f"{formula.__name__}: y_true has shape {y_true.shape}, but y_pred has shape {y_pred.shape}. "
                        "Give targets of the shape of the outputs; at most they broadcast."
                    )
            return formula(y_true, y_pred, *args, **kwargs)

        loss: Any = op(function)
        loss.targets, loss.link = targets, link
        loss.elementwise = elementwise and targets == VALUES
        return loss

    return decorate


def may_broadcast(name: str, kind: str | None, targets: tuple, outputs: tuple) -> bool:
    """True if a loss takes targets that only broadcast: not one of classes, and not if `jkeras.config` is strict about it."""
    return kind == VALUES and "crossentropy" not in name and not strict_targets() and broadcast(targets, outputs)


class LossFunctionWrapper(Loss):
    """A loss that is made from a function.

    Args:
        fn: `(y_true, y_pred, **kwargs) -> values`, one per sample.
        **kwargs: further arguments for `fn`.

    >>> from jkeras.losses import huber
    >>> LossFunctionWrapper(huber, delta=2.0)([0.0, 0.0], [1.0, 4.0]).item()
    3.25
    """

    link: str  # the activation whose inputs the loss takes, of one that `with_logits` has made
    described_by: tuple[Callable, ...] = ()  # functions whose docstrings describe arguments of the class

    def __init__(
        self, fn: Callable, reduction: str | None = MEAN, name: str | None = None, dtype: Any = None, **kwargs: Any
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        known_arguments(type(self), fn, kwargs)
        self._fn_kwargs = kwargs
        self.keeps_integers = getattr(fn, "targets", None) == LABELS
        self.elementwise = getattr(fn, "elementwise", False) and kwargs.get("axis", -1) == -1

    def __init_subclass__(cls, function: Callable | None = None) -> None:
        """`class Huber(LossFunctionWrapper, function=huber)` names the function whose arguments the constructor has.

        Its docstring describes them, and a wrong keyword is answered with a suggestion.
        """
        super().__init_subclass__()
        if function is not None:
            cls.described_by = (function,)

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("_fn_kwargs", ()):
            return self._fn_kwargs[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def call(self, y_true: Any, y_pred: Any) -> jax.Array:
        """Return the values of the samples, before weights and reduction."""
        if isinstance(y_true, jax.Array) and isinstance(y_pred, jax.Array):
            y_true, y_pred = same_rank(y_true, y_pred)
        elif jax.tree.structure(y_true) == jax.tree.structure(y_pred):  # type: ignore[operator]
            pairs = map(same_rank, jax.tree.leaves(y_true), jax.tree.leaves(y_pred))
            y_true, y_pred = (jax.tree.unflatten(jax.tree.structure(y_pred), side) for side in zip(*pairs))
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def with_logits(self) -> "LossFunctionWrapper | None":
        """This loss on logits; None if it has no such form, or is on logits already. See `jkeras.losses.with_logits`."""
        own = type(self).call is LossFunctionWrapper.call and type(self).__call__ is Loss.__call__
        link = _link(self.fn, self._fn_kwargs) if own else None
        if link is None:
            return None
        safe = copy.copy(self)
        safe._fn_kwargs, safe.link = {**self._fn_kwargs, "from_logits": True}, link
        return safe

    def get_config(self) -> dict:
        """Return the constructor's arguments of this loss."""
        config = {**super().get_config(), **serialize(self._fn_kwargs)}
        return {**config, "fn": serialize(self.fn)} if "fn" in keywords_of(type(self).__init__) else config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "LossFunctionWrapper":
        """Make a loss from `get_config()`."""
        return cls(**deserialize(dict(config)))


def with_logits(loss: Any) -> Any:
    """Turn a loss of the outputs of a final sigmoid or softmax into a loss of its inputs.

    Crossentropy of probabilities must clip them, so that a confident mistake has no gradient; on logits it is exact, and
    costs less. The result says in `.link` of which activation (`"sigmoid"` or `"softmax"`) it takes the logits.

    Args:
        loss: a `Loss`, or a loss function.

    Returns:
        A loss or a function like the given one, or None if it has no such form or takes logits already.

    >>> from jkeras.losses import BinaryCrossentropy, MeanSquaredError
    >>> loss = BinaryCrossentropy()
    >>> loss([[1.0]], [[0.0]]).item() < 17, with_logits(loss)([[1.0]], [[-1000.0]]).item()
    (True, 1000.0)
    >>> with_logits(MeanSquaredError()) is None
    True
    """
    if isinstance(loss, LossFunctionWrapper):
        return loss.with_logits()
    link = None if isinstance(loss, Loss) else _link(loss, {})
    if link is None:
        return None
    safe = functools.partial(loss, from_logits=True)
    safe.link = link  # type: ignore[attr-defined]
    return safe


def _link(function: Any, arguments: Mapping[str, Any]) -> str | None:
    """The activation that a loss function can undo when it is called with these arguments."""
    if isinstance(function, functools.partial):
        return _link(function.func, {**function.keywords, **arguments})
    link = getattr(function, "link", None)
    if arguments.get("from_logits") or (link == "softmax" and arguments.get("axis", -1) != -1):
        return None  # a softmax over another axis than the last leaves no logits behind (`jkeras.activations.softmax`)
    return link
