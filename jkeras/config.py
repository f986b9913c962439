"""Global settings: number formats, the constant `epsilon`, the data format, memory, compilation."""

from pathlib import Path

from jkeras.core.data_format import image_data_format, set_image_data_format
from jkeras.core.dtype import epsilon, floatx, set_epsilon, set_floatx
from jkeras.core.policy import dtype_policy, set_dtype_policy
from jkeras.core.targets import set_strict_targets, strict_targets
from jkeras.runtime import disk
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


def set_compilation_cache(directory: "str | Path | None", max_bytes: int = disk.MAX_BYTES) -> None:
    """Keep compiled programs on disk, so that the next process that trains the same model need not compile it.

    Nothing is kept unless this is called, or the environment variable `JKERAS_COMPILATION_CACHE` names a directory. The
    directory is made readable by its owner alone, because what is in it is run. Programs of other versions, or for another processor,
    are not used. A file that is damaged, or a full disk, is as if there were none: the program is compiled.

    On a CPU under Linux, a program with more than 64 MiB of temporary memory, such as that of a Transformer, takes up to 1.4 times
    as long while programs are kept, unless `JKERAS_KEEP_MEMORY=all` is set in the environment.

    Args:
        directory: a path, or None to keep programs no longer.
        max_bytes: how many bytes may lie there. What was used least recently is deleted, whenever this is called.

    Raises:
        PermissionError: the directory belongs to somebody else or others may write to it.

    >>> import tempfile
    >>> set_compilation_cache(tempfile.mkdtemp())
    >>> set_compilation_cache(None)
    """
    disk.keep_on_disk(directory, max_bytes)


disk.start_from_environment()


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
