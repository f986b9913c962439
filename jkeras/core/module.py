"""A `Module` is an owner of variables that can be called; four methods turn it into pure functions.

    slots()                          {path: Variable}, found by walking the attributes
    init(key, *inputs)            -> variables            a tree {"params": ..., "state": ...}, nothing allocated here
    apply(variables, *inputs)     -> (outputs, new_state)
    update(variables)                writes a tree back

`init` and `apply` are pure, so `jax.jit`, `grad`, `vmap`, `scan` and the rest apply to them as to any function. Layers,
models and metrics are modules.
"""

import zlib
from collections.abc import Mapping
from typing import Any

import jax

from jkeras.core import symbolic, tree
from jkeras.core.assignment import assign_all
from jkeras.core.binding import Binding
from jkeras.core.frame import Frame
from jkeras.core.owner import Owner
from jkeras.core.tree import Path
from jkeras.core.turns import at_one_step
from jkeras.core.variable import PARAMS, STATE, Variable, as_arrays
from jkeras.errors import suggest


class Module(Owner):
    """Base of everything that is called and owns variables."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute. `apply` makes this a pure function."""
        raise TypeError(f"{type(self).__name__} is not callable: it must define __call__.")

    # -- the pure functions -------------------------------------------------------------------------------------------

    def init(self, key: jax.Array, *args: Any, **kwargs: Any) -> dict:
        """Initial variables, as a pure function of `key`.

        Args:
            key: a JAX random key. An initializer that was given a seed of its own keeps to that.
            *args: inputs of a call, as arrays or `jax.ShapeDtypeStruct`s: only shapes and dtypes matter. They may be left
                out when the module is built.

        Returns:
            `{"params": {...}, "state": {...}}`, nested dicts of arrays. The module itself keeps its values; it is only
            built, if it was not.

        >>> import jax, jkeras
        >>> layer = jkeras.layers.Dense(2)
        >>> variables = layer.init(jax.random.key(0), jax.ShapeDtypeStruct((1, 3), "float32"))
        >>> jax.tree.map(lambda a: a.shape, variables)
        {'params': {'bias': (2,), 'kernel': (3, 2)}, 'state': {}}
        """
        if args or kwargs:
            self.build_abstractly(*args, **kwargs)
        return to_tree(
            self.slots(),
            lambda path, v: v.initial_value(jax.random.fold_in(key, zlib.crc32(tree.show(path).encode()))),
        )

    def apply(
        self, variables: Mapping, *args: Any, training: bool = False, key: jax.Array | None = None, **kwargs: Any
    ) -> tuple[Any, dict]:
        """Call the module as a pure function of its variables.

        Args:
            variables: a tree as `init` returns it.
            *args: the inputs.
            training: whether layers such as Dropout behave as in training.
            key: a JAX random key for this call's draws. Without it, draws come from (and advance) the seed generators'
                states in `variables["state"]`.

        Metrics that the call updates are left as they were: their sums are no part of the variables.

        Returns:
            `(outputs, new_state)`; `new_state` is `variables["state"]` with what the call assigned.

        Raises:
            ValueError: the tree does not fit the module (a path is missing or unknown, a shape differs).

        >>> import jax, jkeras
        >>> layer = jkeras.layers.Dense(2, kernel_initializer="ones")
        >>> x = jax.numpy.ones((1, 3))
        >>> variables = layer.init(jax.random.key(0), x)
        >>> outputs, state = jax.jit(layer.apply)(variables, x)
        >>> outputs.tolist()
        [[3.0, 3.0]]
        """
        slots = self.slots()
        known = {(v.collection, *path): v for path, v in slots.items()}
        given = _flat(variables)
        _check_paths(self, known, given, known)
        values = {path: as_arrays(given[path]) for path in known}
        counted = {id(v): v.value for metric in self.own_metrics() for v in metric.slots().values()}
        call = lambda frame: self(*args, **kwargs)  # noqa: E731
        outputs, after, frame = Binding(known).call(call, values, also=counted, key=key, training=training)
        for path in known:
            if path[0] == PARAMS and after[path] is not values[path]:
                raise ValueError(
                    f"{tree.show(path[1:])!r} was assigned during the call, but it is trainable: only the optimizer changes it. "
                    "State that a call updates is made with add_weight(..., trainable=False)."
                )
        state = tree.nest({path[1:]: after[path] for path in known if path[0] == STATE})
        return frame.hand_out(outputs, (args, kwargs)), state

    def update(self, variables: Mapping) -> None:
        """Write a tree (or only its `"params"` or `"state"`) back into the module.

        Raises:
            ValueError: a path is unknown or a shape differs; nothing is written then.
        """
        slots = self.slots()
        given = _flat(variables)
        known = {(v.collection, *path): v for path, v in slots.items()}
        _check_paths(self, {k: v for k, v in known.items() if k in given}, given, known)
        assign_all((known[path], value) for path, value in given.items())

    def snapshot(self) -> dict:
        """The current values as a tree, `{"params": ..., "state": ...}`.

        >>> import jkeras
        >>> model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2)])
        >>> model.snapshot()["params"]["dense"]["kernel"].shape
        (3, 2)
        """
        slots = self.slots()
        with at_one_step(slots.values()):
            return to_tree(slots, lambda path, variable: variable.value)

    def build_abstractly(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module on shapes alone, which builds what is not built; returns the outputs' shapes and dtypes."""
        leaves, structure = jax.tree.flatten((args, kwargs))
        places = [i for i, leaf in enumerate(leaves) if hasattr(leaf, "shape")]  # flags stay what they are

        def call(arrays: list) -> Any:
            values = list(leaves)
            for place, array in zip(places, arrays, strict=True):
                values[place] = array
            args, kwargs = jax.tree.unflatten(structure, values)
            with Frame(abstract=True):
                return self(*args, **kwargs)

        return symbolic.eval_shape(call, [leaves[i] for i in places])


def to_tree(slots: Mapping[Path, Variable], read: Any) -> dict:
    """Nested dicts `{"params": ..., "state": ...}` of `read(path, variable)`."""
    flat: dict[str, dict] = {PARAMS: {}, STATE: {}}
    for path, variable in slots.items():
        flat[variable.collection][path] = read(path, variable)
    return {name: tree.nest(values) for name, values in flat.items()}


def _flat(variables: Mapping) -> dict[Path, Any]:
    """`{(collection, *path): value}` of a tree `{"params": ..., "state": ...}`."""
    return {(name, *path): v for name in variables for path, v in tree.flatten(variables[name]).items()}


def _check_paths(owner: Module, wanted: Mapping, given: Mapping, known: Mapping) -> None:
    names = [tree.show(path) for path in known]
    who = getattr(owner, "name", type(owner).__name__)
    for path in given:
        if path not in known:
            built = "" if known else " It is not built yet: call init(key, inputs) first."
            raise ValueError(f"{who!r} has no variable {tree.show(path)!r}.{suggest(tree.show(path), names)}{built}")
    for path, variable in wanted.items():
        if path not in given:
            raise ValueError(f"The variables given to {who!r} lack {tree.show(path)!r}, of shape {variable.shape}.")
        shape = tuple(getattr(given[path], "shape", ()))
        if shape != variable.shape:
            raise ValueError(f"{who!r}: {tree.show(path)!r} has shape {variable.shape}, but was given shape {shape}.")
