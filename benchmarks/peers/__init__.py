"""One face for every contender, so that a program is written once.

A learner is made from a workload (a module of `benchmarks.workloads`) and has

- `fit(x, y, epochs) -> float`: shuffled epochs in batches of `workload.BATCH`; the mean loss of the last one,
- `predict(x, batch) -> numpy array`,
- `evaluate(x, y, batch) -> float`: the mean loss,
- Keras and jkeras: `call(x) -> numpy array`, the model called as a function.

All take NumPy arrays in, count the accuracy as they go, and return when the device has finished.
"""

import importlib

from benchmarks.harness import FLAX, JKERAS, KERAS, KERAS_MANY, LOOP, SCAN, TORCH

PEERS = {
    JKERAS: ("keras_like", {"library": "jkeras"}),
    SCAN: ("raw_jax", {"whole_epoch": True}),
    LOOP: ("raw_jax", {"whole_epoch": False}),
    KERAS: ("keras_like", {"library": "keras"}),
    KERAS_MANY: ("keras_like", {"library": "keras", "steps_per_execution": 32}),
    TORCH: ("pytorch", {}),
    FLAX: ("flax_nnx", {}),
}


def learner(name, workload, **options):
    """A new model of the workload, untrained, in the library of that column; imports nothing but that library."""
    file, arguments = PEERS[name]
    return importlib.import_module(f"benchmarks.peers.{file}").Learner(workload, **{**arguments, **options})
