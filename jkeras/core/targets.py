"""The setting that decides if targets may broadcast against outputs, as `(batch, 1)` does against `(batch, 4)`. Such a
broadcast is more often a mistake than intended.
"""

_settings = {"strict": False}


def strict_targets() -> bool:
    """Return True if targets that only broadcast against the outputs are an error; otherwise `fit` and `evaluate` warn
    of them, once.

    >>> strict_targets()
    False
    """
    return _settings["strict"]


def set_strict_targets(strict: bool) -> None:
    """Let targets that only broadcast against the outputs be an error.

    Args:
        strict: True for an error before the first step, False for a warning.

    >>> set_strict_targets(True)
    >>> strict_targets()
    True
    >>> set_strict_targets(False)
    """
    _settings["strict"] = bool(strict)


def broadcast(targets: tuple, outputs: tuple) -> bool:
    """True if arrays of these shapes, with samples along the first axis, have different shapes that broadcast.

    A vector of targets next to a matrix of outputs counts as a column.

    >>> broadcast((8, 1), (8, 4)), broadcast((8,), (8, 4)), broadcast((8, 4), (8, 4)), broadcast((8, 3), (8, 4))
    (True, True, False, False)
    """
    if len(targets) == 1 and len(outputs) == 2:
        targets = (*targets, 1)
    if len(targets) != len(outputs) or targets == outputs:
        return False
    pairs = list(zip(targets, outputs, strict=True))
    return pairs[0][0] == pairs[0][1] and all(1 in (t, o) or None in (t, o) or t == o for t, o in pairs[1:])
