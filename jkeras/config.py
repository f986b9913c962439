"""The settings that hold for everything: number formats, the fuzz factor, where channels stand, memory, compilation."""

from pathlib import Path

import jax

from jkeras.core.data_format import image_data_format, set_image_data_format
from jkeras.core.dtype import epsilon, floatx, set_epsilon, set_floatx
from jkeras.core.policy import dtype_policy, set_dtype_policy
from jkeras.core.targets import set_strict_targets, strict_targets
from jkeras.runtime.switches import (
    disable_flash_attention,
    disable_interactive_logging,
    disable_traceback_filtering,
    enable_flash_attention,
    enable_interactive_logging,
    enable_traceback_filtering,
    is_flash_attention_enabled,
    is_interactive_logging_enabled,
    is_traceback_filtering_enabled,
    max_epochs,
    max_steps_per_epoch,
    set_max_epochs,
    set_max_steps_per_epoch,
)
from jkeras.serialization.namespace import namespace
from jkeras.training.feed import device_memory_budget, set_device_memory_budget


def backend() -> str:
    """Return the name of the array library: always `"jax"`.

    >>> backend()
    'jax'
    """
    return "jax"


def set_compilation_cache(directory: "str | Path | None") -> None:
    """Keep compiled programs on disk, so that the next process that trains the same model need not compile it.

    Off unless asked for. The directory is made readable by its owner alone, because what is in it is run.

    Args:
        directory: where to keep them, or None to stop.

    Raises:
        PermissionError: the directory belongs to somebody else or others may write to it.

    >>> import tempfile
    >>> set_compilation_cache(tempfile.mkdtemp())
    >>> set_compilation_cache(None)
    """
    if directory is not None:
        path = Path(directory).expanduser()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_mode & 0o022:
            raise PermissionError(f"Others may write to {path}, and what is in it is run: chmod go-w it, or choose another.")
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_compilation_cache_dir", None if directory is None else str(path))


def is_nnx_enabled() -> bool:
    """Return False: variables are never those of Flax's NNX.

    >>> is_nnx_enabled()
    False
    """
    return False


__all__ = [
    "backend",
    "is_nnx_enabled",
    "device_memory_budget",
    "disable_flash_attention",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_flash_attention",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_traceback_filtering_enabled",
    "max_epochs",
    "max_steps_per_epoch",
    "set_compilation_cache",
    "set_device_memory_budget",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_max_epochs",
    "set_max_steps_per_epoch",
    "set_strict_targets",
    "strict_targets",
]

__getattr__, __dir__ = namespace(__name__, __all__)
