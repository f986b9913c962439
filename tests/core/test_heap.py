"""A step's temporary memory does not come from the operating system again at every call."""

import os
import subprocess
import sys

import pytest

from jkeras.core.heap import LIMIT, M_MMAP_MAX, MANY, Heap

PAGES = 2**26 // 4096
STEPS = """
import resource
import jkeras, numpy as np

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

model = jkeras.Sequential([jkeras.layers.Dense(4096), jkeras.layers.Dense(8)])  # 64 MiB between the two
model.compile("sgd", "mse")
x = np.ones((4096, 8), "float32")
counts = []
for _ in range(11):
    before = faults()
    model.train_on_batch(x, x)
    counts.append(faults() - before)
print(sorted(counts)[5])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is Linux's")
@pytest.mark.parametrize("setting, kept", [("OTHER=", True), ("JKERAS_KEEP_MEMORY=0", False), ("MALLOC_ARENA_MAX=4", False)])
def test_steps_touch_fresh_pages_only_if_asked_to(setting, kept):
    clean = {n: v for n, v in os.environ.items() if not n.startswith(("MALLOC_", "GLIBC_", "JKERAS_"))}
    environment = clean | dict([setting.split("=")])
    done = subprocess.run([sys.executable, "-c", STEPS], env=environment, capture_output=True, text=True, check=True)
    assert (int(done.stdout) < PAGES / 10) == kept, done.stdout


def test_memory_is_kept_while_programs_run_and_none_of_them_is_huge():
    heap, calls = Heap(), []
    heap._mallopt = lambda option, value: calls.append((option, value))
    with heap:
        assert calls == [(M_MMAP_MAX, 0)]
        heap.expect(LIMIT)
        assert len(calls) == 1
        heap.expect(LIMIT + 1)
    with heap:
        pass
    assert calls == [(M_MMAP_MAX, 0), (M_MMAP_MAX, MANY)]
