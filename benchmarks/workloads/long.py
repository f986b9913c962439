"""The Transformer over 1,024 tokens: the attention scores are most of the memory."""

from benchmarks.harness import KERAS, TORCH, faster
from benchmarks.workloads import transformer
from benchmarks.workloads.transformer import CLASSES, LOSS, OPTIMIZER, WORDS, flax_model, raw_jax, torch_model

__all__ = ["LOSS", "OPTIMIZER", "flax_model", "raw_jax", "torch_model"]

TITLE = "Transformer, 2 layers, width 128, 4 heads, length 1024, batch 4, Adam"
BATCH, STEPS, EPOCHS = 4, 5, 1
GOALS = (faster(3, KERAS), faster(1, TORCH))
LENGTH = 1024


def data(rng, rows):
    return rng.integers(WORDS, size=(rows, LENGTH)).astype("int32"), rng.integers(CLASSES, size=rows).astype("int32")


def keras_model(keras):
    return transformer.keras_model(keras, LENGTH)
