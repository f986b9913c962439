"""Options that the layers on categories have in common."""

from typing import Any

from jkeras.errors import suggest

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
OLDER_MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


def output_mode_of(mode: str, owner: str, modes: tuple[str, ...] = MODES) -> str:
    """The output mode by its present name.

    Raises:
        ValueError: there is no such mode.
    """
    mode = OLDER_MODES.get(mode, mode)
    if mode not in modes:
        raise ValueError(
            f"Unknown value for `output_mode` argument of {owner}: {mode!r}. Expected one of {modes}.{suggest(mode, modes)}"
        )
    return mode


def salt_of(salt: Any, owner: str) -> list[int] | None:
    """A salt as two integers.

    Raises:
        ValueError: it is neither an integer nor two of them.
    """
    if salt is None:
        return None
    if isinstance(salt, int):
        return [salt, salt]
    if isinstance(salt, (tuple, list)) and len(salt) == 2:
        return list(salt)
    raise ValueError(
        f"The `salt` argument of {owner} can only be a tuple of size 2 integers, or a single integer, got {salt!r}."
    )
