"""Any optax transformation as an `Optimizer`: `compile(optimizer=optax.adamw(1e-3))`."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jkeras.core.variable import is_variable
from jkeras.optimizers.arguments import Same
from jkeras.optimizers.base import Optimizer
from jkeras.optimizers.pure import OptimizerState
from jkeras.optimizers.rule import Tree


def is_transformation(item: Any) -> bool:
    """True if `item` has the two functions of an optax transformation (and is not just a class of such things)."""
    return not inspect.isclass(item) and callable(getattr(item, "init", None)) and callable(getattr(item, "update", None))


class Wrapped(Optimizer):
    """An optax transformation with Keras's face; `wrap` makes it.

    The learning rate is the transformation's own affair. One made with `optax.inject_hyperparams` keeps it in its state;
    then `learning_rate` reads and sets it.

    A transformation may ask for the objective (`optax.GradientTransformationExtraArgs`), as `optax.lbfgs` does. The training step
    gives it, under the names that optax has for it: `value`, `grad`, `value_fn`, `obj_fn` and `grad_fn`.

    Args:
        transformation: has `init(params)` and `update(grads, state, params)`.
        name: by default `"wrapped"`.

    Attributes:
        wraps: the transformation as it was given.
    """

    def __init__(self, transformation: Any, name: str | None = None):
        super().__init__(learning_rate=0.0, name=name)
        self.wraps = transformation
        self._transformation = optax.with_extra_args_support(transformation)
        self._learning_rate = None

    @property
    def reads_objective(self) -> bool:
        return isinstance(self.wraps, optax.GradientTransformationExtraArgs)

    def rule(self) -> Any:
        return _told_by_name(_without_typed_keys(self._transformation), _names(self._transformation.update), self.name)

    def _rate(self, state: OptimizerState) -> Any:
        return None

    @property
    def learning_rate(self) -> Any:
        """The injected learning rate: a variable."""
        if self._slots is not None:
            for path, variable in jax.tree_util.tree_flatten_with_path(self._slots.tree, is_leaf=is_variable)[0]:
                if getattr(path[-1], "key", None) == "learning_rate":
                    return variable
        raise AttributeError(
            f"The learning rate of {self.name!r} is inside an optax transformation. To read and change it, make the "
            "transformation with optax.inject_hyperparams, as in\n"
            "    compile(optimizer=optax.inject_hyperparams(optax.adamw)(learning_rate=1e-3))"
        )

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.learning_rate.assign(value)

    lr = learning_rate

    def get_config(self) -> dict:
        raise TypeError(
            f"Optimizer {self.name!r} wraps an optax transformation, which cannot be written to a config. Compile the model "
            "again after loading it: model.compile(optimizer=optax...., ...)."
        )

    def fingerprint(self) -> tuple:
        return Wrapped, Same(self._transformation)


def wrap(transformation: Any, name: str | None = None) -> Optimizer:
    """Make an optimizer of an optax transformation.

    Args:
        transformation: an optax transformation: an object with `init` and `update`.
        name: the name of the optimizer. None takes one from the transformation.

    Returns:
        An `Optimizer`, for `compile` and for Keras's methods.

    >>> import jax.numpy as jnp, optax
    >>> optimizer = wrap(optax.sgd(0.5))
    >>> state = optimizer.init({"w": jnp.ones(2)})
    >>> optimizer.update({"w": jnp.ones(2)}, state)[0]["w"].tolist()
    [-0.5, -0.5]
    """
    return Wrapped(transformation, name)


def _without_typed_keys(inner: Any) -> optax.GradientTransformationExtraArgs:
    """Random keys in the state (of `optax.add_noise`, say) as plain numbers, which variables and files can hold."""

    def is_key(x: Any) -> bool:
        return jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key)

    def plain(state: Any) -> Any:
        return jax.tree.map(lambda x: jax.random.key_data(x) if is_key(x) else x, state)

    def kinds(params: Tree) -> Any:
        """A tree like the state: for each key, which generator it is for; for other leaves, nothing."""
        found = []

        def look(params: Tree) -> None:
            found.append(jax.tree.map(lambda x: str(jax.random.key_impl(x)) if is_key(x) else "", inner.init(params)))

        jax.eval_shape(look, params)
        return found[0]

    def update(grads: Tree, state: Any, params: Tree = None, **extra: Any) -> tuple:
        of = kinds(grads if params is None else params)
        keyed = jax.tree.map(lambda x, kind: jax.random.wrap_key_data(x, impl=kind) if kind else x, state, of)
        updates, new = inner.update(grads, keyed, params, **extra)
        return updates, plain(new)

    return optax.GradientTransformationExtraArgs(lambda params: plain(inner.init(params)), update)


def _names(update: Any) -> set | None:
    """The keyword arguments that a transformation takes; None if it takes any."""
    parameters = inspect.signature(update).parameters.values()
    return None if any(p.kind == p.VAR_KEYWORD for p in parameters) else {p.name for p in parameters}


def _told_by_name(inner: Any, names: set | None, owner: str) -> optax.GradientTransformationExtraArgs:
    """A transformation that is given the objective under all the names that optax has for it.

    Args:
        inner: the transformation.
        names: the keyword arguments that it takes; None for any.
        owner: the name of the optimizer, for messages.
    """

    def update(
        grads: Tree, state: Any, params: Tree = None, *, step: Any = None, learning_rate: Any = None, **extra: Any
    ) -> tuple:
        value_fn = extra.get("value_fn")
        told = {**extra, "grad": grads}
        if value_fn is not None:
            gradient = jax.grad(value_fn)
            # A line search hands value_fn what else it was given, and refuses one that does not take it.
            told["value_fn"] = lambda params, obj_fn=None, grad_fn=None: value_fn(params)
            told |= {"obj_fn": value_fn, "grad_fn": lambda params, *number: gradient(params)}
        try:
            updates, new = inner.update(
                grads, state, params, **{k: v for k, v in told.items() if names is None or k in names}
            )
        except (TypeError, ValueError) as error:
            missing = [
                name for name in ("value", "value_fn", "obj_fn", "grad_fn") if name in str(error) and name not in told
            ]
            if not missing:
                raise
            raise ValueError(
                f"The transformation of {owner!r} needs {' and '.join(missing)}: it looks at the loss itself. fit() gives it that. "
                "In a train_step of your own, write self.pure_update(state, grads, value=loss, value_fn=function), where "
                "function(params) is the loss. Outside of a model: optimizer.update(grads, state, params, value=loss, value_fn=...)."
            ) from error
        return updates, jax.tree.map(lambda x, old: jnp.asarray(x).astype(old.dtype), new, state)

    return optax.GradientTransformationExtraArgs(inner.init, update)
