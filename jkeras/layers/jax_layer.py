"""Layers made of functions and modules of other JAX libraries: plain functions, Flax (Linen and NNX), and others by
`JaxLayer`.

Each leaf of their parameters becomes a weight of the layer, so it is trained, saved and counted like other weights. For each
call, the weights are put back into the structure of the parameters.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jkeras.core import symbolic
from jkeras.core.variable import Variable
from jkeras.errors import suggest
from jkeras.layers.base import Layer
from jkeras.layers.signatures import specs_of
from jkeras.random.seeds import SeedGenerator, draw_key
from jkeras.serialization import serialize

__all__ = ["FlaxLayer", "JaxLayer"]

ALLOWED = {"call_fn": ("params", "state", "rng", "inputs", "training"), "init_fn": ("rng", "inputs", "training")}


class JaxLayer(Layer):
    """A layer that calls a function of JAX.

    Args:
        call_fn: a function of `inputs`, and, if it has arguments of these names, of `params` (trained), `state`, `rng` (a random key)
            and `training`. It returns outputs, or `(outputs, new state)` if it takes `state`. The arguments may come in any order.
        init_fn: a function of `inputs`, and of `rng` and `training` if it has such arguments, that returns the parameters, or
            `(params, state)` if `call_fn` takes both.
        params, state: any trees of arrays, in the place of what `init_fn` makes.
        seed: of the random keys.
        native_serialization_platforms: for Keras's signature, which exports to TensorFlow; None.
        **kwargs: of every layer.

    Raises:
        ValueError: a function has other arguments, or there is nothing to make the parameters of.

    >>> import jkeras
    >>> def call(params, inputs):
    ...     return inputs @ params["w"]
    >>> def init(rng, inputs):
    ...     return {"w": jax.random.normal(rng, (inputs.shape[-1], 4))}
    >>> layer = JaxLayer(call, init)
    >>> layer(jnp.ones((2, 3))).shape, [w.shape for w in layer.trainable_weights]
    ((2, 4), [(3, 4)])
    """

    def __init__(
        self,
        call_fn: Callable,
        init_fn: Callable | None = None,
        params: Any = None,
        state: Any = None,
        seed: int | None = None,
        native_serialization_platforms: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if native_serialization_platforms is not None:
            raise ValueError("native_serialization_platforms= is for TensorFlow's format, which is not written here.")
        self.call_fn, self.init_fn, self.seed = call_fn, init_fn, seed
        self._call_takes = _arguments(call_fn, "call_fn")
        self._init_takes = _arguments(init_fn, "init_fn") if init_fn is not None else ()
        if "rng" in self._call_takes:
            self.seed_generator = SeedGenerator(seed)
        self._trees: dict[str, _Tree] = {}  # of "params" and "state"
        needed = [kind for kind in ("params", "state") if kind in self._call_takes]
        given = {"params": params, "state": state}
        if needed and init_fn is None and all(given[kind] is None for kind in given):
            raise ValueError(
                "`init_fn`, `params` and `state` cannot all be `None` when `call_fn` takes `params` or `state`."
            )
        for kind, values in given.items():
            if values is not None:
                self._hold(kind, values)
        self.built = params is not None or state is not None or not needed

    def _hold(self, kind: str, values: Any) -> None:
        """Make a weight of each array in a tree."""
        paths, structure = jax.tree_util.tree_flatten_with_path(values)
        held: list[Any] = []
        for path, leaf in paths:
            if not isinstance(leaf, (jax.Array, np.ndarray, np.generic, bool, int, float)):
                held.append(leaf)  # a setting
                continue
            array = _plain(jnp.asarray(leaf))
            is_float = jnp.issubdtype(array.dtype, jnp.floating)
            name = "_".join(_word(key) for key in path) or kind
            initial = Variable(array, name=name)
            dtype = None if is_float else array.dtype
            trainable = kind == "params" and bool(is_float)
            held.append(self.add_weight(array.shape, functools.partial(_read, initial), dtype, trainable, name=name))
            if array is not leaf and _is_key(leaf):
                held[-1] = _Key(held[-1], leaf)  # type: ignore[arg-type]
        self._trees[kind] = _Tree(structure, held)

    @property
    def params(self) -> Any:
        """The trained parameters: the tree that `call_fn` gets, of variables."""
        return self._trees["params"].variables() if "params" in self._trees else None

    @property
    def state(self) -> Any:
        """The state: the tree that `call_fn` gets, of variables."""
        return self._trees["state"].variables() if "state" in self._trees else None

    def build(self, input_shape: Any) -> None:
        if self._trees or not set(self._call_takes) & {"params", "state"}:
            return
        like = jax.tree.map(
            lambda t: jnp.zeros([1 if d is None else d for d in t.shape], t.dtype),
            specs_of(input_shape, self.compute_dtype),
            is_leaf=lambda t: isinstance(t, symbolic.KerasTensor),
        )
        with jax.ensure_compile_time_eval():
            made = self.init_fn(**self._offer(self._init_takes, like, True, self._init_rng))  # type: ignore[misc]
        both = {"params", "state"} <= set(self._call_takes)
        if both and not (isinstance(made, (tuple, list)) and len(made) == 2):
            raise ValueError(
                f"Layer {self.name!r}: `init_fn` must return (params, state), because `call_fn` takes both, got {made!r:.200}."
            )
        found = dict(zip(("params", "state"), made, strict=True)) if both else {
            "params" if "params" in self._call_takes else "state": made
        }  # fmt: skip
        for kind, values in found.items():
            self._hold(kind, values)

    def _init_rng(self) -> Any:
        """A key, or a structure of them, for `init_fn`."""
        return draw_key(None)

    def _call_rng(self, training: bool) -> Any:
        """A key, or a structure of them, for `call_fn`."""
        return self.seed_generator.next()

    def _offer(self, names: tuple, inputs: Any, training: bool, rng: Callable) -> dict:
        offered = {"inputs": lambda: inputs, "training": lambda: training, "rng": rng}
        for kind in ("params", "state"):
            offered[kind] = self._trees[kind].values if kind in self._trees else dict
        return {name: offered[name]() for name in names}

    def call(self, inputs: Any, training: bool = False) -> Any:
        training = bool(training)
        outputs = self.call_fn(**self._offer(self._call_takes, inputs, training, lambda: self._call_rng(training)))
        if "state" not in self._call_takes:
            return outputs
        outputs, state = outputs
        known = self._trees.get("state") or _Tree(jax.tree.structure({}), [])
        known.assign(state)
        return outputs

    def get_config(self) -> dict:
        """Return the functions and the seed. The functions must be registered to be read again. Parameters are in the
        files of weights.
        """
        functions = {"call_fn": serialize(self.call_fn), "init_fn": serialize(self.init_fn)}
        return {**super().get_config(), **functions, "seed": self.seed}


class _Tree:
    """A tree of arrays whose leaves are weights of a layer; leaves that are no arrays stay what they are."""

    def __init__(self, structure: Any, leaves: list):
        self.structure, self.leaves = structure, leaves

    def values(self) -> Any:
        """The tree with the weights' values."""
        return jax.tree.unflatten(self.structure, [leaf.value if _holds(leaf) else leaf for leaf in self.leaves])

    def variables(self) -> Any:
        """The tree with the weights themselves."""
        return jax.tree.unflatten(
            self.structure, [leaf.variable if isinstance(leaf, _Key) else leaf for leaf in self.leaves]
        )

    def assign(self, tree: Any) -> None:
        """Give the weights the values of another tree of the same structure."""
        new, structure = jax.tree.flatten(tree)
        if structure != self.structure:
            raise ValueError(
                f"`call_fn` returned a state of the structure {structure}, but was given one of the structure {self.structure}."
            )
        for leaf, value in zip(self.leaves, new, strict=True):
            if _holds(leaf):
                leaf.assign(_plain(value))


class _Key:
    """A random key of JAX's own type, held as a weight of plain numbers."""

    def __init__(self, variable: Variable, like: jax.Array):
        self.variable, self.kind = variable, jax.random.key_impl(like)

    @property
    def value(self) -> jax.Array:
        return jax.random.wrap_key_data(self.variable.value, impl=self.kind)

    def assign(self, value: jax.Array) -> None:
        self.variable.assign(value)


def _read(variable: Variable, shape: Any, dtype: Any = None) -> jax.Array:
    """An initializer that is a value."""
    return variable.value


def _holds(leaf: Any) -> bool:
    return isinstance(leaf, (Variable, _Key))


def _is_key(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain(array: jax.Array) -> jax.Array:
    """The numbers of a random key; any other array as it is."""
    return jax.random.key_data(array) if _is_key(array) else array


def _word(key: Any) -> str:
    """One step of a path in a tree, as a part of a weight's name."""
    found = next((getattr(key, name) for name in ("key", "name", "idx") if hasattr(key, name)), key)
    return str(found).replace("/", "_")


def _arguments(function: Callable, which: str) -> tuple[str, ...]:
    names = tuple(inspect.signature(function).parameters)
    unknown = [name for name in names if name not in ALLOWED[which]]
    if unknown:
        raise ValueError(f"Unsupported argument in `{which}`: `{unknown[0]}`, supported arguments are {ALLOWED[which]}.")
    if "inputs" not in names:
        raise ValueError(f"Missing required argument in `{which}`: `inputs`.")
    return names


class FlaxLayer(JaxLayer):
    """A layer that calls a module of Flax, of Linen or of NNX.

    Of a Linen module, `"params"` are trained and other collections are state. Of an NNX module, `nnx.Param`s are trained, and whatever
    else it holds is state. If the method has an argument `training`, it is passed on; an NNX module is put into its training or
    evaluation mode otherwise.

    Args:
        module: a `flax.linen.Module`, or an `nnx.Module`.
        method: the method to call or its name, or a function of the module and the inputs; by default the module's call.
        variables: of a Linen module, as its `init` returns them.
        **kwargs: of every layer.

    Raises:
        ImportError: Flax is not installed: `pip install "jkeras[flax]"`.

    >>> from flax import linen
    >>> layer = FlaxLayer(linen.Dense(4))
    >>> layer(jnp.ones((2, 3))).shape, sorted(w.name for w in layer.weights)
    ((2, 4), ['params_bias', 'params_kernel'])
    """

    def __init__(self, module: Any, method: str | Callable | None = None, variables: Any = None, **kwargs: Any):
        try:
            from flax import linen, nnx  # optional, and slow to import
        except ImportError as error:
            raise ImportError("FlaxLayer needs Flax, which is not installed: pip install 'jkeras[flax]'.") from error
        called = method if method is None or callable(method) else _method(module, method)
        if isinstance(module, nnx.Module):
            call_fn, init_fn, params, state = _of_nnx(module, called)
        elif isinstance(module, linen.Module):
            call_fn, init_fn = _of_linen(module, called)
            params, state = _split(variables)
        else:
            raise ValueError(f"FlaxLayer wraps a module of Flax, got {module!r:.200} of type {type(module).__name__}.")
        super().__init__(call_fn, init_fn, params, state, **kwargs)
        self.module, self.method = module, method

    untraced = ("module",)

    def _init_rng(self) -> Any:
        return {"params": draw_key(None), "dropout": draw_key(None)}

    def _call_rng(self, training: bool) -> Any:
        return {"dropout": self.seed_generator.next()} if training else {}

    def get_config(self) -> dict:
        """Only the config of a module that has one (`get_config` and `from_config`) can be written."""
        config = Layer.get_config(self)
        return {**config, "module": serialize(self.module), "method": serialize(self.method)}


def _method(module: Any, name: str) -> Callable:
    found = getattr(type(module), name, None)
    if not callable(found):
        hint = suggest(name, [n for n in dir(type(module)) if not n.startswith("_")])
        raise ValueError(
            f"FlaxLayer needs a method of {type(module).__name__}, which has none of the name method={name!r}.{hint}"
        )
    return found


def _split(variables: Any) -> tuple[Any, Any]:
    """Parameters and state, from the collections of a Linen module."""
    if variables is None:
        return None, None
    params = {name: value for name, value in variables.items() if name == "params"}
    return params, {name: value for name, value in variables.items() if name != "params"}


def _of_linen(module: Any, method: Any) -> tuple[Callable, Callable]:
    takes_training = "training" in inspect.signature(method or module.__call__).parameters

    def call_fn(params: Any, state: Any, rng: Any, inputs: Any, training: bool) -> Any:
        options = {"training": training} if takes_training else {}
        variables = {**params, **state}
        changing = list(state) or False
        outputs = module.apply(variables, inputs, rngs=rng, method=method, mutable=changing, **options)
        return outputs if changing else (outputs, {})

    def init_fn(rng: Any, inputs: Any, training: bool) -> Any:
        options = {"training": training} if takes_training else {}
        return _split(module.init(rng, inputs, method=method, **options))

    return call_fn, init_fn


def _of_nnx(module: Any, method: Any) -> tuple[Callable, None, Any, Any]:
    from flax import nnx

    function = method or type(module).__call__
    takes_training = "training" in inspect.signature(function).parameters
    definition, params, rest = nnx.split(module, nnx.Param, ...)  # type: ignore[misc]

    def call_fn(params: Any, state: Any, inputs: Any, training: bool) -> Any:
        model = nnx.merge(definition, params, state)
        (model.train if training else model.eval)()
        options = {"training": training} if takes_training else {}
        outputs = function(model, inputs, **options)
        return outputs, nnx.split(model, nnx.Param, ...)[2]  # type: ignore[misc]

    return call_fn, None, params, rest
