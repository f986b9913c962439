"""The options with which XLA compiles jkeras's programs.

On a CPU, convolutions run on all cores. By default, XLA uses a library (YNNPACK) that runs most of them on one core.
`ops/convolution_cpu.py` chooses its methods for these options where `has_all_cores()` is True. Programs of users' own
`jax.jit` use the library.
"""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import jax

# What is left to the library: sums and products of matrices.
ALL_CORES = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_REDUCE,LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}
# XLA's default is half the width of the registers of AVX-512: steps take 0.95 (LSTM, residual CNN, Transformer) to 1.0 as long.
CPU_OPTIONS = ALL_CORES | {"xla_cpu_prefer_vector_width": 512}
_lowering = threading.local()


@contextlib.contextmanager
def lowering_for(platform: str) -> Iterator[None]:
    """Programs that this thread lowers in this context are for `platform` (of `jax.Device`), and for "cpu" with `CPU_OPTIONS`."""
    before, _lowering.platform = getattr(_lowering, "platform", None), platform
    try:
        yield
    finally:
        _lowering.platform = before


def all_cores() -> contextlib.AbstractContextManager:
    """Programs that this thread lowers in this context are going to be compiled with `CPU_OPTIONS`.

    >>> with all_cores():
    ...     has_all_cores()
    True
    >>> has_all_cores()
    False
    """
    return lowering_for("cpu")


def has_all_cores() -> bool:
    """True if what this thread lowers now will be compiled with `CPU_OPTIONS`."""
    return getattr(_lowering, "platform", None) == "cpu"


def target() -> str:
    """The platform that this thread lowers for, where that is known; otherwise the one on which JAX computes."""
    return getattr(_lowering, "platform", None) or jax.default_backend()


def compile_with(lowered: Any, options: dict[str, Any]) -> Any:
    """Compile with options that make programs faster, or, if XLA does not know one of them, with none."""
    try:
        return lowered.compile(options)
    except jax.errors.JaxRuntimeError as error:
        if "option" not in str(error):
            raise
        return lowered.compile()  # those of another release may have other names
