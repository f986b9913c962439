"""Side by side with peers: jkeras, raw JAX, Keras, PyTorch and Flax NNX on the same data, in one run.

`python -m benchmarks [names] [--repeats N] [--steps N]` times the named programs (all of them by default), one process
each, and prints a table; a full run also writes `benchmarks/results.md`.
"""
