"""Executables that all equal programs share.

A program is recognized in two ways. The first is the text to which it is lowered, which contains every operation and
every constant. `CompiledOnce` is like `jax.jit`, but it compiles a text only once per process. A second model of the
same class is traced again and not compiled again. (For three dense layers in a class of a user's own, the first epoch
of the first model takes 0.33 s, that of the second model 0.05 s.) The second way is the `identity` of the traced
objects: the program of an equal identity is found without a trace.

The devices of a program, and JAX's switches (`jax.enable_x64`, `jax.default_matmul_precision`, ...), are part of the
key, too. Under `jax.disable_jit`, nothing is compiled. Under `jax.debug_nans`, a program that gives a NaN runs once
more, step by step, so that the error comes from the operation, and names the layer.

The kept executables are limited by their memory (see `store`). A model keeps its own executables in any case.
"""

import contextlib
import hashlib
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from jkeras.runtime import disk
from jkeras.runtime.activity import doing
from jkeras.runtime.compiler_options import CPU_OPTIONS, compile_with, lowering_for
from jkeras.runtime.heap import kept
from jkeras.runtime.mesh import current
from jkeras.runtime.placement import placement, placements, platform
from jkeras.runtime.store import BYTES_PER_CHARACTER, PROGRAM_BYTES, store
from jkeras.runtime.switches import is_flash_attention_enabled

try:
    from jax._src.config import debug_infs, debug_nans, trace_context  # what jax.jit asks at each call

    def trace_conditions() -> tuple:
        """JAX's switches in this thread, and our own, as far as programs depend on them. (0.7 us)"""
        return trace_context(), debug_nans.value, debug_infs.value, is_flash_attention_enabled(), current()

except ImportError:  # another release of JAX

    def trace_conditions() -> tuple:
        found = (str(getattr(jax.config, name, None)) for name in sorted(jax.config.values))
        return (*found, is_flash_attention_enabled(), current())


class Prepared(NamedTuple):
    """The executable for some arguments, and the places of the arguments that are not checked at each call."""

    run: Callable
    places: tuple
    eager: bool = False
    digest: str = ""  # of the text
    compared: bool = False  # with what other processes run


class CompiledOnce:
    """`jax.jit(function)` whose executables are those of every equal program.

    Args:
        function: what to compile.
        static: the positions of the arguments that are constants of the program; keyword arguments all are.
        donate: the positions of the arguments whose buffers are reused.
        returned: the position of the argument that comes back changed as the first result; on several devices it stays where it is.
        steady: how many of the first arguments have the same shapes in every call, so that they are not looked at.
        identity: `(by_name) -> text`, equal for functions that trace to the same program, or None if that is not known;
            `by_name` is whether there are dicts among the arguments.
        variant: what the program depends on besides.
        eager: what runs under `jax.disable_jit`; by default the function.
        sets: the attributes of the function's object that a trace sets. Where a trace is spared, they are set as it did.
        agreeing: a context around the first call for some arguments. It yields a dict for what must be equal on all processes.

    >>> import jax.numpy as jnp
    >>> functions = [CompiledOnce(lambda x: x + 1), CompiledOnce(lambda y: y + 1), CompiledOnce(lambda y: y + 2)]
    >>> [f(jnp.ones(2)).tolist() for f in functions]
    [[2.0, 2.0], [2.0, 2.0], [3.0, 3.0]]
    >>> first, second, third = (f.prepare(jnp.ones(2)) for f in functions)
    >>> first is second, second is third
    (True, False)
    """

    def __init__(
        self,
        function: Callable,
        static: tuple[int, ...] = (),
        donate: tuple[int, ...] = (),
        returned: int | None = None,
        steady: int = 0,
        identity: Callable[[bool], Any] | None = None,
        variant: Any = None,
        eager: Callable | None = None,
        sets: tuple[str, ...] = (),
        agreeing: Callable = contextlib.nullcontext,
    ):
        self._function, self._static, self._donate, self._steady = function, static, donate, steady
        self._returned, self._agreeing = returned, agreeing
        self._identity, self._variant, self._eager, self._sets = identity, variant, eager or function, sets
        self._known: dict[Any, Prepared] = {}
        self.compilations = 0

    def __call__(self, *args: Any, **constants: Any) -> Any:
        with current().tracing():
            return self._run(args, constants)

    def _run(self, args: tuple, constants: dict) -> Any:
        key = self._key(args, constants)
        prepared = self._known.get(key)
        if prepared is None or not prepared.compared:
            prepared = self._compare(key, args, constants)
        dynamic = [a for i, a in enumerate(args) if i not in self._static]
        try:
            return prepared.run(*dynamic)
        except Exception as error:
            if type(error).__name__ == "InternalFloatingPointError":  # of jax.debug_nans, from a compiled program
                self._run_eagerly(args, constants)  # nothing was donated; this raises where the number came up
                raise FloatingPointError(f"A number that is not finite came up in {error}.") from error
            if "Disallowed host-to-device transfer" in str(error):  # under jax.transfer_guard, ours are said to be meant
                put = current().put_whole
                return prepared.run(*jax.tree.map(lambda a: a if isinstance(a, jax.Array) else put(a), dynamic))
            if not isinstance(error, ValueError) or prepared.eager or prepared.places == placements(args[: self._steady]):
                raise
            self._known.pop(key, None)  # the state has moved to other devices
        return self._prepare(key, args, constants).run(*dynamic)

    def prepare(self, *args: Any, **constants: Any) -> Callable:
        """The executable for such arguments; specs will do."""
        return self._prepare(self._key(args, constants), args, constants).run

    def _key(self, args: tuple, constants: dict) -> tuple:
        leaves, structure = jax.tree.flatten(args[self._steady :])
        looks = [(np.shape(a), getattr(a, "dtype", type(a)), placement(a)) for a in leaves]
        return (trace_conditions(), structure, *looks, *(args[i] for i in self._static), *constants.values())

    def _prepare(self, key: tuple, args: tuple, constants: dict) -> Prepared:
        found = self._known.get(key)
        if found is None:
            with doing("compiling"):
                found = self._known[key] = self._make(key, args, constants)
        return found

    def _compare(self, key: tuple, args: tuple, constants: dict) -> Prepared:
        with self._agreeing() as facts:
            found = self._prepare(key, args, constants)
            if facts is not None:
                facts["compiled step (checksum), of the model, the loss, the metrics and the optimizer"] = found.digest[:12]
        found = self._known[key] = found._replace(compared=True)
        return found

    def _identify(self, key: tuple) -> Any:
        return None if self._identity is None else self._identity("{" in str(key[1]))  # so the structure shows a dict

    def _run_eagerly(self, args: tuple, constants: dict) -> Any:
        return self._eager(*args, **constants)

    def _make(self, key: tuple, args: tuple, constants: dict) -> Prepared:
        if jax.config.jax_disable_jit:  # type: ignore[attr-defined]
            static = {i: args[i] for i in self._static}
            return Prepared(lambda *dynamic: self._run_eagerly(tuple(_insert(dynamic, static)), constants), (), eager=True)
        places = placements(args[: self._steady])
        identity = self._identify(key)
        alias = (identity, getattr(self._function, "__qualname__", None), self._variant, self._donate, key, places)
        found = store.find_alias(alias) if identity is not None else None
        if found is not None:
            text_key, executable, note = found
            for name, value in note.items():
                setattr(self._function.__self__, name, value)  # type: ignore[attr-defined]
            return Prepared(executable, places, digest=text_key[0])
        text_key, executable = self._compile(args, constants, (key[0], places, key[2:]))
        if identity is not None and self._identify(key) == identity:  # no callback has changed a thing meanwhile
            store.alias(alias, text_key, {name: getattr(self._function.__self__, name) for name in self._sets})  # type: ignore[attr-defined]
        return Prepared(executable, places, digest=text_key[0])

    def _compile(self, args: tuple, constants: dict, where: tuple) -> tuple[Any, Any]:
        # An argument that is not used still counts: the text does not say which one was left out.
        debugged = jax.config.jax_debug_nans or jax.config.jax_debug_infs  # type: ignore[attr-defined]
        donated = () if debugged else self._donate
        options: dict[str, Any] = {"static_argnums": self._static, "donate_argnums": donated, "keep_unused": True}
        carry = None if self._returned is None else args[self._returned]
        with lowering_for(platform()), current().carrying(carry) as shardings:
            if shardings is not None:
                options["out_shardings"] = shardings
            try:
                lowered = jax.jit(self._function, static_argnames=tuple(constants), **options).lower(*args, **constants)
            except ValueError as error:
                if "incompatible devices" not in str(error):
                    raise
                raise ValueError(_apart(args)) from None
        text = lowered.as_text()
        key = hashlib.sha256(text.encode()).hexdigest(), lowered.in_tree, lowered.out_tree, where
        executable = store.find(key)
        if executable is None:
            executable = compile_with(lowered, self._compiler_options(text, args, lowered.out_info))
            self.compilations += 1
            kept.expect(_temporary_bytes(executable))
            store.keep(key, executable, PROGRAM_BYTES + BYTES_PER_CHARACTER * len(text))
        return key, executable

    def _compiler_options(self, text: str, args: tuple, results: Any) -> dict[str, Any]:
        if platform() != "cpu":
            return {}
        passed = _shapes((args[self._steady :], results)) - _shapes(args[: self._steady])  # a gradient is like its weight
        # A program with several blocks of temporary memory cannot be written to disk.
        return CPU_OPTIONS | ({} if disk.is_kept() else kept.compiler_options(_largest(text, passed)))


def spec_of(array: Any) -> jax.ShapeDtypeStruct:
    """Return the properties of an array that `CompiledOnce.prepare` needs."""
    return jax.ShapeDtypeStruct(np.shape(array), jax.numpy.result_type(array), sharding=placement(array))


def _insert(values: tuple, static: dict[int, Any]) -> list:
    filled = list(values)
    for position in sorted(static):
        filled.insert(position, static[position])
    return filled


def _shapes(tree: Any) -> set[tuple[int, ...]]:
    return {np.shape(leaf) for leaf in jax.tree.leaves(tree)}


def _largest(text: str, passed: set[tuple[int, ...]]) -> int:
    """The bytes of the largest array in a lowered program, but for the shapes that are `passed` in or out.

    >>> _largest("func.func public @main(%arg0: tensor<9x9xf32>) -> (tensor<4x9xbf16>, tensor<i1>)", {(9, 9)})
    72
    """
    sizes = [0]
    for dimensions, bits in set(re.findall(r"tensor<((?:\d+x)*)[a-z]+(\d+)>", text)):
        shape = tuple(map(int, dimensions.split("x")[:-1]))
        sizes.append(0 if shape in passed else math.prod(shape) * int(bits) // 8)
    return max(sizes)


def _apart(args: tuple) -> str:
    """The message where arrays of one program lie on different devices."""
    found: dict[tuple, Any] = {}
    for leaf in jax.tree.leaves(args):
        sharding = placement(leaf)
        if sharding is not None:
            mesh = getattr(sharding, "mesh", None)  # it gives the devices an order
            devices = sharding.device_set if mesh is None else mesh.devices.flat
            found.setdefault(tuple(str(device) for device in devices), leaf)
    lines = [f"  {list(devices)}: for example {a.dtype}{list(a.shape)}" for devices, a in found.items()]
    return (
        "Arrays that are computed with together must lie on the same devices, in the same order. The data and the weights lie on:\n"
        + "\n".join(lines)
        + "\nPass NumPy arrays, or move them with jax.device_put. With jax.set_mesh(mesh) or a distribution, arrays are moved for you."
    )


def _temporary_bytes(executable: Any) -> int:
    """The host memory that a program takes while it runs."""
    return executable.memory_analysis().temp_size_in_bytes if platform() == "cpu" else 0
