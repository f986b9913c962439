"""Executables shared between programs that turn out to be equal when they are traced.

Nobody can read off a user's own code whether two models run the same program. But once a program is lowered, all of it
stands there as text: every operation, every constant. So `Shared` is `jax.jit`, except that it compiles a text only once per
process. A second model of the same class is traced again and not compiled again. (Three dense layers in a class of a
user's own: the first epoch of the first model takes 0.33 s, that of the next 0.05 s.)
"""

import hashlib
import math
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jkeras.core.activity import doing
from jkeras.core.heap import kept
from jkeras.ops.convolution_cpu import COMPILER_OPTIONS, all_cores

LIMIT = 64  # executables kept
# XLA's default is half the width of the registers of AVX-512: steps take 0.95 (LSTM, residual CNN, Transformer) to 1.0 as long.
CPU_OPTIONS = COMPILER_OPTIONS | {"xla_cpu_prefer_vector_width": 512}
_executables: OrderedDict[Any, Any] = OrderedDict()


class Shared:
    """`jax.jit(function)` whose executables are those of every equal program.

    Args:
        function: what to compile.
        static: the positions of the arguments that are constants of the program; keyword arguments all are.
        donate: the positions of the arguments whose buffers are reused.
        steady: how many of the first arguments have the same shapes in every call, so that they are not looked at.

    >>> import jax.numpy as jnp
    >>> functions = [Shared(lambda x: x + 1), Shared(lambda y: y + 1), Shared(lambda y: y + 2)]
    >>> [f(jnp.ones(2)).tolist() for f in functions]
    [[2.0, 2.0], [2.0, 2.0], [3.0, 3.0]]
    >>> first, second, third = (f.prepare(jnp.ones(2)) for f in functions)
    >>> first is second, second is third
    (True, False)
    """

    def __init__(self, function: Callable, static: tuple[int, ...] = (), donate: tuple[int, ...] = (), steady: int = 0):
        self._function, self._static, self._donate, self._steady = function, static, donate, steady
        self._known: dict[Any, Any] = {}
        self.compilations = 0

    def __call__(self, *args: Any, **constants: Any) -> Any:
        return self.prepare(*args, **constants)(*(a for i, a in enumerate(args) if i not in self._static))

    def prepare(self, *args: Any, **constants: Any) -> Any:
        """The executable for such arguments; specs will do."""
        leaves, structure = jax.tree.flatten(args[self._steady :])
        shapes = [(np.shape(a), getattr(a, "dtype", type(a))) for a in leaves]
        key = (structure, *shapes, *(args[i] for i in self._static), *constants.values())
        if key not in self._known:
            with doing("compiling"):
                self._known[key] = self._compile(args, constants)
        return self._known[key]

    def _compile(self, args: tuple, constants: dict) -> Any:
        # An argument that is not used still counts: the text does not say which one was left out.
        options = {"static_argnums": self._static, "donate_argnums": self._donate, "keep_unused": True}
        with all_cores():
            lowered = jax.jit(self._function, static_argnames=tuple(constants), **options).lower(*args, **constants)
        text = lowered.as_text()
        key = hashlib.sha256(text.encode()).digest(), lowered.in_tree, lowered.out_tree, _devices((args, constants))
        if key not in _executables:
            _executables[key] = executable = _compile_with(lowered, self._compiler_options(text, args, lowered.out_info))
            self.compilations += 1
            kept.expect(_temporary_bytes(executable))
            if len(_executables) > LIMIT:
                _executables.popitem(last=False)
        _executables.move_to_end(key)
        return _executables[key]

    def _compiler_options(self, text: str, args: tuple, results: Any) -> dict[str, Any]:
        if jax.default_backend() != "cpu":
            return {}
        passed = _shapes((args[self._steady :], results)) - _shapes(args[: self._steady])  # a gradient is like its weight
        return CPU_OPTIONS | kept.compiler_options(_largest(text, passed))


def _compile_with(lowered: Any, options: dict[str, Any]) -> Any:
    """Compile with options that make programs faster, or, if XLA does not know one of them, with none."""
    try:
        return lowered.compile(options)
    except jax.errors.JaxRuntimeError as error:
        if "option" not in str(error):
            raise
        return lowered.compile()  # those of another release may have other names


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


def _devices(args: Any) -> frozenset:
    found = [leaf.devices() for leaf in jax.tree.leaves(args) if isinstance(leaf, jax.Array)]
    return frozenset().union(*found) or frozenset({jax.config.jax_default_device or jax.devices()[0]})


def _temporary_bytes(executable: Any) -> int:
    """The host memory that a program takes while it runs."""
    on_host = jax.default_backend() == "cpu"
    return executable.memory_analysis().temp_size_in_bytes if on_host else 0
