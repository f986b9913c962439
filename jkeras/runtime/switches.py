"""Switches that hold for the whole process: limits of training, the place of messages, fused attention, tracebacks."""

import logging
import os
import sys
import warnings
from typing import Any

import jax

_state: dict[str, Any] = {
    "interactive": True,
    "flash": True,
    "max_epochs": int(os.environ.get("KERAS_MAX_EPOCHS", 0)) or None,
    "max_steps": int(os.environ.get("KERAS_MAX_STEPS_PER_EPOCH", 0)) or None,
}


def enable_interactive_logging() -> None:
    """Let `fit`, `evaluate` and `predict` print their progress and results. This is the default.

    >>> enable_interactive_logging(); is_interactive_logging_enabled()
    True
    """
    _state["interactive"] = True


def disable_interactive_logging() -> None:
    """Let `fit`, `evaluate` and `predict` send their messages to Python's logger `"jkeras"`, a line per epoch, as level
    INFO.

    >>> disable_interactive_logging(); is_interactive_logging_enabled()
    False
    >>> enable_interactive_logging()
    """
    _state["interactive"] = False


def is_interactive_logging_enabled() -> bool:
    """Return True if messages are printed.

    >>> disable_interactive_logging(); is_interactive_logging_enabled()
    False
    >>> enable_interactive_logging()
    """
    return _state["interactive"]


def report(text: str) -> None:
    """Print a line, or send it to the logger."""
    if _state["interactive"]:
        print(text, flush=True)
    else:
        logging.getLogger("jkeras").info(text)


def is_live() -> bool:
    """Return True if messages go to a place where a line can be redrawn: a terminal, or a notebook."""
    return _state["interactive"] and (sys.stdout.isatty() or type(sys.stdout).__module__.startswith("ipykernel"))


def enable_flash_attention() -> None:
    """Compute attention by cuDNN's fused kernel where that is possible: on an NVIDIA GPU, in 16 bits, without dropout of
    scores and without a soft cap. This is the default.

    Layers and calls with a `flash_attention` argument of their own use that value.

    >>> enable_flash_attention(); is_flash_attention_enabled()
    True
    """
    _state["flash"] = True


def disable_flash_attention() -> None:
    """Let XLA compute attention, unless a layer or a call asks for the fused kernel.

    >>> disable_flash_attention(); is_flash_attention_enabled()
    False
    >>> enable_flash_attention()
    """
    _state["flash"] = False


def is_flash_attention_enabled() -> bool:
    """Return True if attention is computed by the fused kernel where that is possible.

    >>> is_flash_attention_enabled()
    True
    """
    return _state["flash"]


def enable_traceback_filtering() -> None:
    """Leave JAX's own frames out of tracebacks. This is the default. jkeras's own frames are always shown.

    >>> enable_traceback_filtering(); is_traceback_filtering_enabled()
    True
    """
    jax.config.update("jax_traceback_filtering", "auto")


def disable_traceback_filtering() -> None:
    """Show all frames in tracebacks, including JAX's.

    >>> disable_traceback_filtering(); is_traceback_filtering_enabled()
    False
    >>> enable_traceback_filtering()
    """
    jax.config.update("jax_traceback_filtering", "off")


def is_traceback_filtering_enabled() -> bool:
    """Return True if JAX's own frames are left out of tracebacks.

    >>> disable_traceback_filtering(); is_traceback_filtering_enabled()
    False
    >>> enable_traceback_filtering()
    """
    return jax.config.jax_traceback_filtering != "off"  # type: ignore[attr-defined]


def set_max_epochs(max_epochs: int | None) -> None:
    """Set the largest number of epochs of every `fit`, for a quick run of a whole program. None sets no limit.

    The environment variable `KERAS_MAX_EPOCHS` does the same.

    Args:
        max_epochs: the largest number of epochs, or None.

    >>> set_max_epochs(1); max_epochs()
    1
    >>> set_max_epochs(None)
    """
    _state["max_epochs"] = _limit("max_epochs", max_epochs)


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Set the largest number of steps of every epoch, evaluation or prediction. None sets no limit.

    The environment variable `KERAS_MAX_STEPS_PER_EPOCH` does the same.

    Args:
        max_steps_per_epoch: the largest number of steps, or None.

    >>> set_max_steps_per_epoch(10); max_steps_per_epoch()
    10
    >>> set_max_steps_per_epoch(None)
    """
    _state["max_steps"] = _limit("max_steps_per_epoch", max_steps_per_epoch)


def max_epochs() -> int | None:
    """Return the largest number of epochs of a `fit`; None for no limit.

    >>> set_max_epochs(3); max_epochs()
    3
    >>> set_max_epochs(None)
    """
    return _state["max_epochs"]


def max_steps_per_epoch() -> int | None:
    """Return the largest number of steps of an epoch; None for no limit.

    >>> set_max_steps_per_epoch(3); max_steps_per_epoch()
    3
    >>> set_max_steps_per_epoch(None)
    """
    return _state["max_steps"]


def _limit(name: str, value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise ValueError(f"{name} must be a positive integer, or None for no limit, got {value!r}.")
    return value


def limited(name: str, value: int | None, limit: int | None, known: int | None = None) -> int | None:
    """A number of epochs or steps within a limit, with a warning if it was larger.

    Args:
        name: of the number, for the warning.
        value: what was asked for; None for as many as there are.
        limit: None for none.
        known: how many there are, if that is known.

    >>> limited("epochs", 5, None), limited("epochs", 5, 8), limited("steps", None, 8, known=3)
    (5, 5, None)
    """
    asked = known if value is None else value
    if limit is None or (asked is not None and asked <= limit):
        return value
    warnings.warn(f"Limiting {name} to {limit}", stacklevel=4)
    return limit
