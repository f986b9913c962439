"""The models, one file each, stated once per library.

A workload is a module with

- `TITLE`, `BATCH`, `STEPS` (an epoch), `EPOCHS` (a timed `fit`), `LOSS`, `OPTIMIZER` (names; see `benchmarks.peers`),
- `GOALS`: what jkeras must reach,
- `data(rng, rows) -> (x, y)`: NumPy arrays,
- `keras_model(keras)`: Keras and jkeras, ending in probabilities,
- `raw_jax(jax) -> (init, apply)`: `init(key) -> (params, state)`, `apply(params, state, x, key) -> (logits, state)`,
  where a `key` means training,
- `torch_model(torch)` and `flax_model(nnx, rngs)`: callables from a batch to logits.

Each library comes as an argument: the file imports none of them, and one that is missing leaves an empty column.
"""

import importlib
import re

TRAINING = ("tutorial", "mlp", "cnn", "resnet", "lstm", "gru", "bidirectional", "transformer", "long")


def load(name):
    return importlib.import_module(f"benchmarks.workloads.{name}")


def short(workload):
    """The beginning of a workload's title, up to the first comma that is not in parentheses."""
    return re.split(r",(?![^()]*\))", workload.TITLE)[0]
