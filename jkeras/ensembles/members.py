"""The seeds of the members, and their optimizers as one."""

from collections.abc import Iterable
from typing import Any

import numpy as np


class MemberOptimizer:
    """The optimizers of the members, as callbacks look at them: arguments may be read, the learning rates may be assigned."""

    def __init__(self, ensemble: Any):
        self.__dict__["_ensemble"] = ensemble

    @property
    def learning_rate(self) -> np.ndarray:
        """The learning rates, one per member."""
        return self._ensemble.learning_rate

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "learning_rate":
            raise AttributeError(f"Of the optimizers of an Ensemble only the learning rates can be set, not {name!r}.")
        self._ensemble.learning_rate = value

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_ensemble"]._template.optimizer, name)


def check_seeds(seeds: Iterable[int]) -> list[int]:
    """The seeds of an ensemble as a list.

    Raises:
        ValueError: there are none, they repeat, or one is no int.
    """
    listed = list(seeds)
    if not listed:
        raise ValueError("An Ensemble needs at least one seed, got seeds=[].")
    for seed in listed:
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ValueError(f"seeds must be ints, 0 or more, one per member; one of them is {seed!r}.")
    repeated = sorted({int(seed) for seed in listed if listed.count(seed) > 1})
    if repeated:
        raise ValueError(f"seeds must differ, since members of one seed would be equal; these repeat: {repeated}.")
    return [int(seed) for seed in listed]
