"""An optimizer as a pair of pure functions, `init(params) -> state` and `update(grads, state, params) -> (updates, state)`.

The functions are those of a chain of gradient transformations: a rule (SGD, Adam, ...) with the options around it
(`options.py`). The number of updates and the learning rate are stored beside the chain's state.
"""

import inspect
import re
from collections.abc import Iterable
from typing import Any, NamedTuple, TypedDict

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jkeras.arguments import Checked
from jkeras.core.dtype import floatx
from jkeras.core.owner import Owner
from jkeras.core.variable import Variable, is_variable
from jkeras.errors import unexpected_keywords
from jkeras.optimizers import options
from jkeras.optimizers.arguments import Same, at_least, given, in_range, parameters_of, signature_of
from jkeras.optimizers.hooks import INNER, overridden
from jkeras.optimizers.parameters import Parameters, names
from jkeras.optimizers.rule import Tree
from jkeras.runtime.placement import scalar, to_device
from jkeras.serialization import deserialize
from jkeras.serialization.naming import auto_name


class OptimizerState(NamedTuple):
    """The state of an optimizer between two calls of `update`.

    Args:
        iterations: the number of calls of `update` so far, an int32 scalar.
        learning_rate: the learning rate, a float32 scalar. None when a schedule computes it from `iterations`.
        inner: the states of the chained transformations.

    >>> import jkeras
    >>> state = jkeras.optimizers.SGD(0.5).init({"kernel": jkeras.ops.ones(2)})
    >>> int(state.iterations), float(state.learning_rate)
    (0, 0.5)
    """

    iterations: Any  # int32 scalar: how many times `update` was called
    learning_rate: Any  # float32 scalar; None when a schedule computes it from `iterations`
    inner: Any  # the states of the chained transformations


CLASSIC = ("lr", "decay", "schedule_decay")  # arguments of the first Kerases


class OtherOptions(TypedDict, total=False):
    """The keyword arguments that every optimizer has, for a class that lists `weight_decay` itself."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None
    lr: float | None
    decay: float


class Options(OtherOptions, total=False):
    """The keyword arguments that every optimizer has; `Optimizer` describes them."""

    weight_decay: float | None


class PureOptimizer(Checked, Owner):
    """The arguments of every optimizer, and what they make: pure functions of trees.

    Args:
        learning_rate: the size of the steps: a float, a schedule (a function `step -> rate`, Keras's or optax's), or a function
            without arguments.
        weight_decay: the share by which parameters shrink in each update, times the learning rate. None means no decay.
        clipnorm: the largest norm of the gradient of one parameter. A longer gradient is shortened. 0 or None means no bound.
        clipvalue: the largest magnitude of an entry of a gradient. 0 or None means no bound.
        global_clipnorm: the largest norm of all gradients together. Longer ones are shortened together. 0 or None means no bound.
        use_ema: True keeps a running mean of the parameters, which takes their place at the end of training.
        ema_momentum: the share of its old value that this mean keeps in each update, from 0 to 1.
        ema_overwrite_frequency: the number of updates after which the mean takes the parameters' place each time. None means that
            it does so at the end only.
        loss_scale_factor: the factor of the loss, by which the gradients are divided again. It keeps small numbers of float16 from
            becoming 0. None means 1.
        gradient_accumulation_steps: the number of steps whose gradients are averaged for one update. None means 1.
        name: the name of the optimizer. None takes the class name in snake case.
        lr: an older name of `learning_rate`.
        decay: an older form of a schedule: the learning rate is `lr / (1 + decay * iterations)`.
        *common, **options: the arguments from `weight_decay` on, by position or by name.
        **kwargs: the same, by name.

    Raises:
        TypeError: an unknown keyword argument, or both `lr` and `learning_rate`.
        ValueError: a value out of its range, or more than one way of clipping.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__signature__ = signature_of(cls)  # type: ignore[attr-defined]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        optimizer = super().__new__(cls)
        if kwargs.get("lr") is not None and "learning_rate" in given(cls, args, kwargs):
            raise TypeError(f"{cls.__name__}() got both `learning_rate` and its classic name `lr`; give one of them.")
        return optimizer

    def __init__(
        self,
        learning_rate: Any = 0.01,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        *,
        lr: float | None = None,
        decay: float = 0.0,
        **kwargs: Any,
    ):
        if kwargs:
            raise unexpected_keywords(f"{type(self).__name__}()", kwargs, parameters_of(type(self)))
        self.name = name or auto_name(type(self).__name__)
        self.weight_decay = in_range("weight_decay", weight_decay)
        self.clipnorm = in_range("clipnorm", clipnorm)
        self.clipvalue = in_range("clipvalue", clipvalue)
        self.global_clipnorm = in_range("global_clipnorm", global_clipnorm)
        self.ema_momentum = in_range("ema_momentum", ema_momentum)
        self.loss_scale_factor = in_range("loss_scale_factor", loss_scale_factor)
        self.decay = in_range("decay", decay)
        if sum(x is not None for x in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                f"Only one of clipnorm={clipnorm}, clipvalue={clipvalue} and global_clipnorm={global_clipnorm} can be set."
            )
        self.use_ema = bool(use_ema)
        self.ema_overwrite_frequency = at_least("ema_overwrite_frequency", ema_overwrite_frequency, 1)
        self.gradient_accumulation_steps = at_least("gradient_accumulation_steps", gradient_accumulation_steps, 2)
        self.built = False
        self._built_on: Parameters | None = None
        self._compiled: dict = {}  # fingerprint -> the jitted update of `Optimizer.apply`
        self._undecayed: tuple[tuple, tuple] = ((), ())  # variables, patterns of names
        self._iterations = self._new_variable(np.zeros((), "int32"), "iteration")
        self._learning_rate: Any = self._rate_or_variable(learning_rate if lr is None else lr)
        if self.decay and callable(self._learning_rate):
            raise ValueError("`decay` needs a constant learning rate, but learning_rate is a schedule. Leave `decay` out.")

    def _new_variable(self, value: Any, name: str, shape: Any = None, dtype: Any = None) -> Variable:
        variable = Variable(value, shape, dtype, trainable=False, name=name)
        variable.path = f"{self.name}/{name}"
        return variable

    @property
    def _parameters(self) -> Parameters:
        """The parameters that the optimizer is built on."""
        if self._built_on is None:
            raise ValueError(f"Optimizer {self.name!r} is not built: call build(trainable_variables) first.")
        return self._built_on

    # -- the pure functions -------------------------------------------------------------------------------------------

    def rule(self) -> Any:
        """The transformation that this optimizer is named after; subclasses define it, or `update_step`."""
        raise TypeError(f"{type(self).__name__} must define rule(self) -> an optax transformation, or update_step(...).")

    def _rule_in_chain(self) -> Any:
        """The rule as the chain has it."""
        return self.rule()

    def _clipping(self) -> list:
        """The transformations that clip the gradients; at most one."""
        limits = {
            options.clip_norm: self.clipnorm,
            options.clip_global_norm: self.global_clipnorm,
            options.clip_value: self.clipvalue,
        }
        return [clip(limit) for clip, limit in limits.items() if limit]

    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The rule with the options around it."""
        chain = self._rule_in_chain()
        if not overridden(self, *INNER):  # otherwise, the hooks clip and decay
            chain = optax.chain(*self._clipping(), chain)
            if self.weight_decay or getattr(self, "adam_weight_decay", None):
                chain = options.decay_weights(chain, self._decay_rates)
        if self.gradient_accumulation_steps:
            chain = options.accumulate(chain, self.gradient_accumulation_steps)
        if self.loss_scale_factor and not overridden(self, "_backend_apply_gradients"):  # which gets them unscaled
            chain = optax.chain(options.unscale(self.loss_scale_factor), chain)
        if self.use_ema:
            every = self.gradient_accumulation_steps or 1
            chain = options.average_weights(chain, self.ema_momentum, self.ema_overwrite_frequency, every)
        if self._built_on is not None and any(v.overwrite_with_gradient for v in self._built_on.variables):
            overwrite = options.overwrite(self.gradient_accumulation_steps or 1)
            chain = optax.partition({False: chain, True: overwrite}, self._overwritten)
        return chain

    def init(self, params: Tree) -> Any:
        """The state before the first update, for parameters given as any pytree of arrays."""
        return OptimizerState(scalar(0, "int32"), self._own_copy(), self.transformation().init(params))

    @property
    def reads_objective(self) -> bool:
        """True if `update` needs the objective."""
        return False

    def update(self, grads: Tree, state: Any, params: Tree | None = None, **objective: Any) -> tuple[Tree, Any]:
        """One update, as a pure function.

        Args:
            grads: a tree like the parameters.
            state: what `init`, `read_state` or the last `update` returned.
            params: the current parameters; some rules and options need them.
            **objective: what some transformations of optax ask for: `value`, the loss, and `value_fn`, the loss as a function of the
                parameters. The others ignore it. The built-in training step gives both.

        Returns:
            `(updates, state)`; the new parameters are `params + updates`, leaf by leaf.

        Raises:
            ValueError: the trees differ, or the parameters are needed and were left out.
        """
        self._check_trees(grads, params)
        return self._pure_update(grads, state, params, **objective)

    def _check_trees(self, grads: Tree, params: Tree | None) -> None:
        structures: list[Any] = [jax.tree.structure(grads), jax.tree.structure(grads if params is None else params)]
        if structures[0] != structures[1]:
            raise ValueError(
                f"{self.name!r} got gradients and parameters that are different trees:\n"
                f"    grads  {structures[0]}\n    params {structures[1]}"
            )

    def _pure_update(self, grads: Tree, state: Any, params: Tree | None, **objective: Any) -> tuple[Tree, Any]:
        keywords = {"step": state.iterations, "learning_rate": self._rate(state), **objective}
        updates, inner = self.transformation().update(grads, state.inner, params, **keywords)
        updates = jax.tree.map(lambda u, like: u.astype(like.dtype), updates, grads if params is None else params)
        return updates, OptimizerState(state.iterations + 1, state.learning_rate, inner)

    def scale_loss(self, loss: Any, state: Any = None) -> Any:
        """The loss to differentiate: multiplied by what `update` divides the gradients by.

        An override may have the loss as its only argument, as in Keras.
        """
        return loss * self.loss_scale_factor if self.loss_scale_factor else loss

    def fingerprint(self) -> tuple:
        """All that the program of `update` depends on besides shapes and dtypes. The value of the learning rate is no part
        of it.

        Two built optimizers of a built-in class with equal fingerprints compute the same function of equal trees.
        """
        public = {k: v for k, v in list(vars(self).items()) if not k.startswith("_") and k not in ("name", "built")}
        plain = (bool, int, float, str, type(None), list, tuple)
        rate = self._learning_rate
        schedule = None if is_variable(rate) else repr(rate.get_config()) if hasattr(rate, "get_config") else Same(rate)
        settings = tuple((k, repr(v)) for k, v in sorted(public.items()) if isinstance(v, plain))
        hooks = tuple((k, Same(v)) for k, v in vars(self).items() if callable(v) and callable(getattr(type(self), k, None)))
        return type(self), settings, schedule, self._choices(), hooks

    def _choices(self) -> tuple:
        """The settings of each parameter that the program depends on: its weight decay, and if it is overwritten."""
        known = self._built_on
        if known is None:
            return ()
        rates = known.flatten(self._decay_rates(known.nest(known.variables))) if self.weight_decay else ()
        return tuple(rates), tuple(v.overwrite_with_gradient for v in known.variables)

    # -- parts --------------------------------------------------------------------------------------------------------

    def _rate_or_variable(self, rate: Any) -> Any:
        rate = deserialize(rate) if isinstance(rate, dict) else rate
        if callable(rate) and not is_variable(rate):
            return rate
        return self._new_variable(np.asarray(in_range("learning_rate", rate), floatx()), "learning_rate")

    def _own_copy(self) -> Any:
        """The learning rate for a new state, in a buffer of its own, which a caller may donate."""
        if not is_variable(self._learning_rate):
            return None
        value = self._learning_rate.value
        return value if isinstance(value, jax.core.Tracer) else to_device(np.array(value))

    def _rate(self, state: OptimizerState) -> Any:
        """The learning rate of the next update."""
        if state.learning_rate is None:
            return self._scheduled(state.iterations)
        if self.decay:
            return state.learning_rate / (1 + self.decay * state.iterations.astype(state.learning_rate.dtype))
        return state.learning_rate

    def _momentum(self, name: str) -> Any:
        """The coefficient of this name; where the schedule of the learning rate has a momentum, a function of the step.

        An optimizer whose own coefficient is 0 keeps none.
        """
        own = getattr(self, name)
        return self._learning_rate.momentum if own and getattr(self._learning_rate, "has_momentum", False) else own

    def _scheduled(self, step: Any) -> jax.Array:
        rate = self._learning_rate
        takes_step = hasattr(rate, "get_config") or any(
            p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL)
            for p in inspect.signature(rate).parameters.values()
        )
        return jnp.asarray(rate(step) if takes_step else rate(), floatx())

    def _variable_at(self, path: tuple) -> tuple[str, str, int]:
        """The path, the name and the identity of the parameter under a key path; of a plain tree, what the keys say."""
        keys = names(path)
        if self._built_on is not None and keys in self._built_on.index:
            variable = self._built_on.variables[self._built_on.index[keys]]
            return variable.path, variable.name, id(variable)
        return "/".join(keys), keys[-1] if keys else "", 0

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Leave some variables out of weight decay; to be called before the optimizer is built.

        Args:
            var_list: the variables.
            var_names: regular expressions, searched in the variables' names ("bias").
        """
        if self.built:
            raise ValueError(
                f"exclude_from_weight_decay() must be called before optimizer {self.name!r} is built. Call it before fit()."
            )
        self._undecayed = (tuple(var_list or ()), tuple(var_names or ()))

    @property
    def excludes_from_decay(self) -> bool:
        """True if `exclude_from_weight_decay` was called: a choice that no config tells of."""
        return self._undecayed != ((), ())

    def _decay_rates(self, params: Tree) -> Tree:
        """The weight decay of each parameter, 0 for those that are excluded."""
        variables, patterns = self._undecayed
        excluded = set(map(id, variables))

        def rate(path: tuple, p: Any) -> float:
            _, name, identity = self._variable_at(path)
            if identity in excluded or any(re.search(pattern, name) for pattern in patterns):
                return 0.0
            return self._decay_rate(path, p)

        return jax.tree_util.tree_map_with_path(rate, params, is_leaf=is_variable)

    def _decay_rate(self, path: tuple, p: Any) -> float:
        return self.weight_decay or 0.0

    def _overwritten(self, params: Tree) -> Tree:
        """Return the parameters whose new value is their gradient (scales of float8 layers)."""
        known = [] if self._built_on is None else self._built_on.variables
        ids = {id(v) for v in known if v.overwrite_with_gradient}
        return jax.tree_util.tree_map_with_path(lambda path, p: self._variable_at(path)[2] in ids, params)
