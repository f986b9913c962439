"""A step's temporary memory does not come from the operating system again at every call."""

import os
import subprocess
import sys

import pytest

from jkeras.runtime.heap import BLOCK, LIMIT, M_MMAP_MAX, MANY, ROOM, Heap

STEPS = """
import resource, sys
import jkeras, numpy as np

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

layers = [jkeras.layers.Dense({units}) for _ in range({depth})]
model = jkeras.Sequential([*layers, jkeras.layers.Dense(8)])
model.compile("sgd", "mse")
x = np.ones((4096, 8), "float32")
counts = []
for _ in range(11):
    before = faults()
    model.train_on_batch(x, x)
    counts.append(faults() - before)
print(sorted(counts)[5])
"""
MANY_ARRAYS = {"units": 512, "depth": 8}  # of 8 MiB
ONE_LARGE = {"units": 4096, "depth": 1}  # 64 MiB
CASES = [
    ("OTHER=", MANY_ARRAYS, True),
    ("JKERAS_KEEP_MEMORY=0", MANY_ARRAYS, False),
    ("MALLOC_ARENA_MAX=4", MANY_ARRAYS, False),
    ("JKERAS_KEEP_MEMORY=all", ONE_LARGE, True),
    ("JKERAS_KEEP_MEMORY=0", ONE_LARGE, False),
]


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is Linux's")
@pytest.mark.parametrize("setting, layers, kept", CASES)
@pytest.mark.slow
def test_steps_touch_fresh_pages_only_if_asked_to(setting, layers, kept):
    clean = {n: v for n, v in os.environ.items() if not n.startswith(("MALLOC_", "GLIBC_", "JKERAS_"))}
    environment = clean | {"JAX_ENABLE_COMPILATION_CACHE": "false"} | dict([setting.split("=")])
    code = STEPS.format(**layers)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert (int(done.stdout) < 1000) == kept, done.stdout  # 64 MiB are 16,384 pages
    assert not done.stderr  # XLA warns of arrays that are larger than the blocks it may ask for


def recorded():
    heap, calls = Heap(), []
    heap._mallopt = lambda option, value: calls.append((option, value))
    return heap, calls


@pytest.mark.parametrize("largest, block", [(1, BLOCK), (ROOM, ROOM), (ROOM + 1, None)])
def test_blocks_have_room_for_the_largest_array_in_the_heap_of_a_thread(largest, block):
    heap, _ = recorded()
    assert list(heap.compiler_options(largest).values()) == ([block] if block else [])


def test_memory_is_kept_while_programs_run_and_none_of_them_is_huge():
    heap, calls = recorded()
    with heap:
        assert calls == [(M_MMAP_MAX, 0)]
        heap.expect(LIMIT)
        assert len(calls) == 1
        heap.expect(LIMIT + 1)
    with heap:
        pass
    assert heap.compiler_options(1) == {}
    assert calls == [(M_MMAP_MAX, 0), (M_MMAP_MAX, MANY)]
