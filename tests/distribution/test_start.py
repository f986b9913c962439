"""What `initialize` takes from its arguments and from the environment; `test_processes.py` starts real processes."""

import sys

import jax
import numpy as np
import pytest
from jax.experimental import multihost_utils

import jkeras

D = jkeras.distribution
NAMES = [
    "KERAS_DISTRIBUTION_JOB_ADDRESSES",
    "KERAS_DISTRIBUTION_NUM_PROCESSES",
    "KERAS_DISTRIBUTION_PROCESS_ID",
    "MASTER_ADDR",
    "MASTER_PORT",
    "WORLD_SIZE",
    "RANK",
]


@pytest.fixture
def joined(monkeypatch):
    """What JAX is asked to join; nothing is joined."""
    calls = []
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(jax.distributed, "initialize", lambda *args, **_: calls.append(args))
    monkeypatch.setattr(multihost_utils, "broadcast_one_to_all", lambda number: np.uint32(7))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    return calls


KERAS = dict(zip(NAMES, ["10.0.0.1:12,10.0.0.2:34", "2", "1"]))
TORCHRUN = dict(zip(NAMES[3:], ["10.0.0.1", "12", "2", "1"]))


@pytest.mark.parametrize(
    "variables, arguments, wanted",
    [
        ({}, ("10.0.0.1:12", 2, 1), ("10.0.0.1:12", 2, 1)),
        (KERAS, (), ("10.0.0.1:12", 2, 1)),
        (TORCHRUN, (), ("10.0.0.1:12", 2, 1)),
        (TORCHRUN | KERAS, (None, None, 0), ("10.0.0.1:12", 2, 0)),
        ({}, (), (None, None, None)),  # JAX looks under Slurm and on TPUs
    ],
)
def test_where_the_others_are_found(variables, arguments, wanted, joined, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    D.initialize(*arguments)
    assert joined == [wanted]
    drawn = np.random.rand()
    jkeras.utils.set_random_seed(7)  # of the first process
    assert np.random.rand() == drawn


@pytest.mark.parametrize(
    "variables, arguments, message",
    [
        ({}, ("10.0.0.1:12",), "knows \\['job_addresses'\\], but not \\['num_processes', 'process_id'\\].*WORLD_SIZE.*RANK"),
        ({"RANK": "0"}, (), "but not \\['job_addresses', 'num_processes'\\]"),
        (TORCHRUN | {"RANK": "one"}, (), "process_id must be a number, got 'one' from.*RANK"),
        ({}, ("10.0.0.1:12", 2, 2), "process_id must be from 0 to 1 with num_processes=2, got 2"),
    ],
)
def test_what_is_missing_is_named(variables, arguments, message, joined, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message):
        D.initialize(*arguments)
    assert not joined
