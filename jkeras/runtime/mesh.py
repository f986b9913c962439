"""The layout of arrays on several devices.

A `Placement` is a mesh of devices, the axis of the mesh along which batches are divided, and a rule for the layout of
variables. It does not change the numbers. A program is traced as for one device. Sharding constraints give the layout
of its batches and its state, and XLA divides the work and adds the communication. Parts may differ in size, so a
batch may have any number of rows.

The active placement is that of `use`, or the mesh of `jax.set_mesh`, or none, which means one device.
"""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jkeras.runtime.placement import copy_to_device, is_tracing, to_device

Rule = Callable[[Any, tuple[int, ...], bool], PartitionSpec]

_chosen: list[Callable[[], "Placement"] | None] = [None]
_thread = threading.local()  # what is being traced in this thread, and for which placement


class Placement:
    """A mesh, and what lies where on it.

    Args:
        mesh: the devices. Programs are traced with all its axes in "auto" mode.
        batch: the axis along which batches are divided; by default the first one.
        rule: `(variable, shape, is it a slot of an optimizer) -> PartitionSpec`; by default a copy on every device.
        check: given the paths of all variables of a model before its first step; raises an error if the rule does not go with them.
    """

    def __init__(self, mesh: Mesh, batch: str | None = None, rule: Rule | None = None, check: Callable | None = None):
        self.mesh = Mesh(mesh.devices, mesh.axis_names)
        self.batch = mesh.axis_names[0] if batch is None else batch
        self.rule, self._check = rule, check
        self._known = (self.mesh, self.batch, rule)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._known == other._known

    def __hash__(self) -> int:
        return hash(self._known)

    @property
    def parts(self) -> int:
        """Into how many parts a batch is divided."""
        return self.mesh.shape[self.batch]

    def sharding(self, *spec: Any) -> NamedSharding:
        """JAX's sharding for a partition on this mesh."""
        return NamedSharding(self.mesh, PartitionSpec(*spec))

    def check(self, variables: list) -> None:
        """Look at a model's variables before its first step."""
        if self._check is not None:
            self._check([variable.path for variable in variables])

    def of(self, variable: Any) -> NamedSharding:
        """Return the layout of a variable. A slot of an optimizer has the layout of its parameter, if it has the same
        shape.
        """
        if variable.reference is not None:
            return self._of_slot(variable.reference, variable.shape)
        return self.sharding() if self.rule is None else NamedSharding(self.mesh, self.rule(variable, variable.shape, False))

    def _of_slot(self, owner: Any, shape: tuple[int, ...]) -> NamedSharding:
        if self.rule is None or owner is None or owner.shape != shape:
            return self.sharding()
        return NamedSharding(self.mesh, self.rule(owner, shape, True))

    def put_variables(self, variables: list, arrays: list, copy: bool = False) -> list:
        """The values of variables where they belong; with `copy`, none of them shares memory with what was given."""
        return [put(a, self.of(v), copy) for v, a in zip(variables, arrays, strict=True)]

    def made(self, variable: Any, make: Callable) -> jax.Array:
        """The value of a new variable where it belongs. If it is divided, no device ever holds all of it."""
        if is_tracing():  # a layer is built inside a trace: the value is laid out when it is used
            return make()
        sharding = self.of(variable)
        if sharding.is_fully_replicated:
            return put(make(), sharding)
        with jax.set_mesh(self.mesh):
            return jax.jit(lambda: make(traced=True), out_shardings=sharding)()

    def made_slots(self, make: Callable, values: Any, owner: Callable) -> Any:
        """Compute the slots of an optimizer, `make(values)`, on the devices that will store them.

        `owner(path)` is the parameter that a leaf of the result belongs to, or None.
        """

        def strong(values: Any) -> Any:  # not of the "weak" dtypes that Python numbers have
            return jax.tree.map(lambda a: jax.lax.convert_element_type(a, jax.numpy.result_type(a)), make(values))

        with jax.set_mesh(self.mesh):
            spec = jax.eval_shape(strong, values)
            shardings = jax.tree_util.tree_map_with_path(lambda path, leaf: self._of_slot(owner(path), leaf.shape), spec)
            return jax.jit(strong, out_shardings=shardings)(values)

    def copied(self, tree: Any) -> Any:
        """The same arrays in memory of their own, laid out as they are."""
        return jax.tree.map(lambda a: put(a, getattr(a, "sharding", self.sharding()), copy=True), tree)

    def put_whole(self, tree: Any) -> Any:
        """Arrays of which every device holds a copy."""
        return jax.tree.map(lambda a: put(a, self.sharding()), tree)

    def put_stack(self, tree: Any) -> Any:
        """Stacks of batches. Each device gets its rows if they can be divided evenly, and otherwise all of them."""

        def one(a: Any) -> Any:
            even = a.shape[1] % self.parts == 0
            return put(a, self.sharding(None, self.batch) if even else self.sharding())

        return jax.tree.map(one, tree)

    put_single = put_stack

    def put_parts(self, tree: Any) -> Any:
        """Stacks of batches of which each process has read its own rows."""
        if jax.process_count() == 1:
            return self.put_stack(tree)
        own = max(1, self.parts // jax.process_count())
        for a in jax.tree.leaves(tree):
            if a.shape[1] % own:
                raise ValueError(
                    f"Axis 0 of a batch of this process's stream has {a.shape[1]} rows, which its {own} devices along "
                    f"{self.batch!r} cannot divide evenly. Let each process yield batches of a multiple of {own} rows, "
                    "or give fit arrays, which may be uneven."
                )
        return jax.tree.map(
            lambda a: jax.make_array_from_process_local_data(self.sharding(None, self.batch), np.asarray(a)), tree
        )

    def divide(self, batch: Any) -> Any:
        """Inside a program: divide the rows of a batch between the devices."""

        def one(a: Any) -> Any:
            return jax.lax.with_sharding_constraint(a, self.sharding(self.batch)) if _is_traced(a) and a.ndim else a

        return jax.tree.map(one, batch)

    def pin(self, carry: Any) -> Any:
        """Inside a program: what a loop carries stays where it was at the start."""
        shardings = getattr(_thread, "carried", None)
        if shardings is None or not any(map(_is_traced, jax.tree.leaves(carry))):
            return carry
        return jax.lax.with_sharding_constraint(carry, shardings)

    def of_results(self) -> NamedSharding | None:
        """The layout of what a loop returns besides what it carries; None leaves it to XLA."""
        return self.sharding()

    @contextlib.contextmanager
    def carrying(self, carry: Any) -> Iterator[Any]:
        """A context in which a program is traced whose first result is the changed `carry`; yields the shardings of the results."""
        if carry is None:
            yield self.sharding()
            return
        shardings = jax.tree.map(lambda a: getattr(a, "sharding", None) or self.sharding(), carry)
        before, _thread.carried = getattr(_thread, "carried", None), shardings
        try:
            yield shardings, self.of_results()
        finally:
            _thread.carried = before

    @contextlib.contextmanager
    def tracing(self) -> Iterator[None]:
        """A context in which programs are traced for this placement, in any thread."""
        before, _thread.placement = getattr(_thread, "placement", None), self
        try:
            with jax.set_mesh(self.mesh):
                yield
        finally:
            _thread.placement = before

    def agreed(self, number: int) -> int:
        """The number that the first process has, for numbers that depend on the clock."""
        if jax.process_count() == 1:
            return number
        return int(multihost_utils.broadcast_one_to_all(np.int32(min(number, 2**31 - 1))))


class OneDevice:
    """The placement where there is only one device, or where JAX is left to choose it."""

    mesh = None
    parts = 1

    def check(self, variables: list) -> None:
        """There is nothing to be said."""

    def put_variables(self, variables: list, arrays: list, copy: bool = False) -> list:
        return copy_to_device(arrays) if copy else arrays

    def put_whole(self, tree: Any) -> Any:
        return to_device(tree)

    put_stack = put_parts = put_whole

    def made(self, variable: Any, make: Callable) -> jax.Array:
        return make()

    def made_slots(self, make: Callable, values: Any, owner: Callable) -> Any:
        return make(values)

    def copied(self, tree: Any) -> Any:
        return copy_to_device(tree)

    def put_single(self, tree: Any) -> Any:
        return tree  # an array of the host goes along with the call

    def divide(self, batch: Any) -> Any:
        return batch

    pin = divide

    def carrying(self, carry: Any) -> Any:
        return contextlib.nullcontext()

    def tracing(self) -> Any:
        return contextlib.nullcontext()

    def agreed(self, number: int) -> int:
        return number


ONE_DEVICE = OneDevice()


def use(make: "Callable[[], Placement] | None") -> None:
    """Choose the placement from now on, in all threads; None for the default. It is made when it is first needed."""
    _chosen[0] = make


def current() -> Any:
    """The placement in force."""
    traced = getattr(_thread, "placement", None)
    if traced is not None:
        return traced
    if _chosen[0] is not None:
        return _chosen[0]()
    try:
        mesh = jax.sharding.get_mesh()
    except ValueError:  # inside a jit of the user's own
        return ONE_DEVICE
    return ONE_DEVICE if mesh.empty or mesh.size == 1 else _on(mesh)


@functools.cache
def _on(mesh: Mesh) -> Placement:
    return Placement(mesh)


def may_divide() -> bool:
    """True if what is traced here is for several devices, each of which may have some rows of a batch.

    A loop over such rows would bring all of them to every device.

    >>> may_divide()
    False
    """
    return jax.sharding.get_abstract_mesh().size > 1


def _is_traced(value: Any) -> bool:
    return isinstance(value, jax.core.Tracer)


def put(array: Any, sharding: NamedSharding, copy: bool = False) -> jax.Array:
    """An array with a sharding. Without `copy`, it is the same array if it has that sharding already."""
    if isinstance(array, jax.Array) and not copy and array.sharding == sharding:
        return array
    if sharding.is_fully_addressable:
        # Given a sharding, device_put shares memory with its argument although it may not: so copy first.
        return to_device(copy_to_device(array) if copy else array, sharding)
    if isinstance(array, jax.Array) and not array.is_fully_addressable:
        return to_device(jax.numpy.copy(array) if copy else array, sharding)
    array = np.asarray(array)  # every process has the same
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])


def on_host(array: Any) -> Any:
    """An array that NumPy can read. If other processes hold parts of it, all of them have to call this at the same time."""
    if isinstance(array, jax.Array) and not (array.is_fully_addressable or array.is_fully_replicated):
        return multihost_utils.process_allgather(array, tiled=True)
    return array


def of_all_processes(content: bytes) -> list[bytes]:
    """Return the values of all processes, in their order. All processes must call this at the same time.

    >>> of_all_processes(b"mine")
    [b'mine']
    """
    if jax.process_count() == 1:
        return [content]
    lengths = multihost_utils.process_allgather(np.int32(len(content))).ravel()
    padded = np.zeros(max(1, int(lengths.max())), np.uint8)
    padded[: len(content)] = np.frombuffer(content, np.uint8)
    rows = multihost_utils.process_allgather(padded)
    return [row[:length].tobytes() for row, length in zip(rows, lengths, strict=True)]


def is_first_process() -> bool:
    """True if this process is the one that writes files and shows progress."""
    return jax.process_index() == 0
