"""What training on several devices gives, beside what one device gives: `python -m tests.distribution.matrix [whole]`.

A case is a model, a number of devices, a way to divide the work, a batch size, how the data comes, and an option of training. The
program prints the largest differences of each case. Without `whole`, it runs a few cases that cover all pairs of a model with
anything else.
"""

import functools
import itertools
import json
import sys
from typing import NamedTuple

import numpy as np

import jkeras
from jkeras import optimizers
from tests.distribution.runs import MODELS, distributions, trained


class Case(NamedTuple):
    kind: str
    devices: int
    way: str
    batch_size: int = 30
    feed: str = "resident"
    option: str = "plain"

    @property
    def alone(self):
        """The case on one device, which many cases share."""
        return self._replace(devices=0, way="alone")


OPTIONS = {
    "plain": {},
    "accumulation": {"gradient_accumulation_steps": 3},
    "EMA": {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 5},
    "clipping by the norm of each": {"clipnorm": 0.05},
    "clipping by the norm of all": {"global_clipnorm": 0.1},
    "clipping by value": {"clipvalue": 0.01},
    "bfloat16": {},
    "float16": {},
}
DEVICES, BATCHES = (1, 2, 4, 8), (7, 30, 250)
FEEDS = ("resident", "stacks", "generator")
WAYS = ("data parallel", "fully sharded", "sharded optimizer")


def whole():
    """Every model on every number of devices in every way with every batch size and feed, and every option on four devices."""
    yield from itertools.starmap(Case, itertools.product(MODELS, DEVICES, WAYS, BATCHES, FEEDS))
    for kind, option, way in itertools.product(MODELS, list(OPTIONS)[1:], WAYS):
        yield Case(kind, 4, way, 30, "resident", option)


def covering():
    """Each model on several devices in each way, with each batch size and each feed, and each option once."""
    options = itertools.cycle(OPTIONS)
    for i, kind in enumerate(MODELS):
        for j in range(3):
            yield Case(kind, (2, 4, 8)[(i + j) % 3], WAYS[j], BATCHES[(i + 2 * j) % 3], FEEDS[j], next(options))


@functools.cache
def numbers(case):
    """Losses and other numbers of a case."""
    ways = {"alone": None} | (distributions(case.devices) if case.devices else {})
    jkeras.distribution.set_distribution(ways[case.way])
    dtype = f"mixed_{case.option}" if "float" in case.option else None
    optimizer = optimizers.Adam(0.01, **OPTIONS[case.option])
    found, _ = trained(case.kind, case.batch_size, feed=case.feed, optimizer=optimizer, dtype=dtype)
    return {name: np.array(values, float) for name, values in found.items()}


def differences(case):
    """The largest difference of losses, and of the other numbers, from those of one device."""
    found, wanted = numbers(case), numbers(case.alone)
    apart = {name: float(np.abs(found[name] - wanted[name]).max()) for name in wanted}
    losses = [value for name, value in apart.items() if "loss" in name]
    return max(losses), max(apart.values())


if __name__ == "__main__":
    for case in whole() if "whole" in sys.argv[1:] else covering():
        numbers_apart = differences(case)
        if case != case.alone:
            numbers.cache_clear() if len(sys.argv) > 2 else None
        print("RESULT", json.dumps([case, *numbers_apart]), flush=True)
