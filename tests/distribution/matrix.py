"""What training on several devices gives, beside what one device gives: `python -m tests.distribution.matrix [whole] [MODEL ...]`.

A case is a model, a number of devices, a way to divide the work, a batch size, how the data comes, and an option of training. The
program prints the largest differences of each case, and tables of them. A difference is relative where numbers are
larger than 1. Without `whole`, it runs a few cases. Without models, it runs all of them.
"""

import contextlib
import functools
import itertools
import json
import sys
from typing import NamedTuple

import jax
import numpy as np

from jkeras import optimizers
from tests.distribution.runs import MODELS, distributions, trained


class Case(NamedTuple):
    kind: str
    devices: int
    way: str
    batch_size: int = 30
    feed: str = "resident"
    option: str = "plain"


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
WAYS = ("data parallel", "mesh of JAX", "fully sharded", "sharded optimizer")


# The last digits of bfloat16 and float16 differ wherever a sum is rounded in another order.
TOLERANCES = {"bfloat16": 2e-2, "float16": 2e-3}


def tolerance(case):
    """How far losses may be apart."""
    return TOLERANCES.get(case.option, 1e-6)


def whole(kinds):
    """Each model on each number of devices in each way with each batch size, and each option on four devices; feeds take turns."""
    cases = enumerate(itertools.product(kinds, DEVICES, WAYS, BATCHES))
    plain = [Case(*case, FEEDS[(number + number // 3) % 3]) for number, case in cases]
    yield from sorted(plain, key=lambda case: -case.devices)  # most devices first, where most can go wrong
    for number, (kind, option) in enumerate(itertools.product(kinds, list(OPTIONS)[1:])):
        yield Case(kind, 4, WAYS[number % len(WAYS)], 30, FEEDS[number % 3], option)


def covering(kinds):
    """Two cases of each model; all else takes turns."""
    for i, kind in enumerate(MODELS):
        for j in range(2 if kind in kinds else 0):
            number = 2 * i + j
            way, option = WAYS[number % len(WAYS)], list(OPTIONS)[number % len(OPTIONS)]
            yield Case(
                kind,
                DEVICES[1 + number % 3],
                way,
                BATCHES[(number + number // 3) % 3],
                FEEDS[(number + 2 * (number // 3)) % 3],
                option,
            )


def scope(case):
    """The devices of a case."""
    if case.way == "alone":
        return contextlib.nullcontext()
    if case.way == "mesh of JAX":
        return jax.set_mesh(jax.sharding.Mesh(jax.devices()[: case.devices], ("batch",)))
    return distributions(case.devices)[case.way].scope()


def numbers(case):
    """Losses and other numbers of a case."""
    dtype = f"mixed_{case.option}" if "float" in case.option else None
    optimizer = optimizers.Adam(0.01, **OPTIONS[case.option])
    with scope(case):
        return trained(case.kind, case.batch_size, feed=case.feed, optimizer=optimizer, dtype=dtype)[0]


alone = functools.cache(numbers)  # many cases share what one device gives


def differences(case):
    """The largest difference of losses, and of all numbers, from those of one device."""
    found, wanted = numbers(case), alone(case._replace(devices=0, way="alone"))
    apart = {name: _apart(np.asarray(found[name], float), np.asarray(wanted[name], float)) for name in wanted}
    return max(value for name, value in apart.items() if name.endswith("loss")), max(apart.values())


def _apart(found, wanted):
    return float((np.abs(found - wanted) / np.maximum(1, np.abs(wanted))).max())


def table(results, columns):
    """The largest difference of losses by model, and by what `columns` names of a case; as Markdown."""
    kinds = list(dict.fromkeys(case.kind for case in results))
    names = list(dict.fromkeys(columns(case) for case in results))
    lines = [["model", *names], ["---"] * (1 + len(names))]
    for kind in kinds:
        losses = [[its for case, its in results.items() if (case.kind, columns(case)) == (kind, name)] for name in names]
        lines.append([kind, *(f"{max(found):.1e}" if found else "" for found in losses)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    kinds = [kind for kind in MODELS if kind in sys.argv[1:]] or list(MODELS)
    results = {}
    for case in (whole if "whole" in sys.argv[1:] else covering)(kinds):
        results[case], all_numbers = differences(case)
        print("RESULT", json.dumps([case, results[case], all_numbers]), flush=True)
    plain = {case: losses for case, losses in results.items() if case.option == "plain"}
    print(table(plain, lambda case: case.way))
    print(table(plain, lambda case: f"{case.devices} devices"))
    print(table({case: losses for case, losses in results.items() if case not in plain}, lambda case: case.option))
