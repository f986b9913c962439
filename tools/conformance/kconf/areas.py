"""Which test files belong to which area, and which are left out entirely."""

import os
import re

# Longest matching prefix of the path below keras/src wins.
AREAS = [
    ("activations/", "activations"),
    ("applications/", "applications"),
    ("backend/common/", "backend"),
    ("backend/tests/", "backend"),
    ("backend/jax/distribution_lib_test", "distribution"),
    ("callbacks/", "callbacks"),
    ("constraints/", "constraints"),
    ("datasets/", "datasets"),
    ("distillation/", "distillation"),
    ("distribution/", "distribution"),
    ("dtype_policies/", "dtype_policies"),
    ("initializers/", "initializers"),
    ("layers/activations/", "layers.activations"),
    ("layers/attention/", "layers.attention"),
    ("layers/convolutional/", "layers.convolutional"),
    ("layers/core/", "layers.core"),
    ("layers/layer_test", "layers.base"),
    ("layers/merging/", "layers.merging"),
    ("layers/normalization/", "layers.normalization"),
    ("layers/pooling/", "layers.pooling"),
    ("layers/preprocessing/", "layers.preprocessing"),
    ("layers/preprocessing/image_preprocessing/", "layers.image_preprocessing"),
    ("layers/regularization/", "layers.regularization"),
    ("layers/reshaping/", "layers.reshaping"),
    ("layers/rnn/", "layers.rnn"),
    ("legacy/saving/", "saving.legacy"),
    ("losses/", "losses"),
    ("metrics/", "metrics"),
    ("models/", "models"),
    ("ops/", "ops.other"),
    ("ops/core_test", "ops.core"),
    ("ops/image_test", "ops.image"),
    ("ops/linalg_test", "ops.linalg"),
    ("ops/math_test", "ops.math"),
    ("ops/nn_test", "ops.nn"),
    ("ops/numpy_test", "ops.numpy"),
    ("optimizers/", "optimizers"),
    ("optimizers/schedules/", "optimizers.schedules"),
    ("quantizers/", "quantizers"),
    ("random/", "random"),
    ("regularizers/", "regularizers"),
    ("saving/", "saving"),
    ("trainers/", "trainers"),
    ("trainers/data_adapters/", "trainers.data_adapters"),
    ("tree/", "tree"),
    ("utils/", "utils"),
    ("wrappers/", "wrappers"),
]

# Files (prefixes below keras/src) whose tests want several devices.
DEVICES = {
    "backend/jax/distribution_lib_test": 8,
    "distribution/": 4,
    "initializers/initializer_test": 4,
}

# Quantized variants of layers, reported apart from the layers themselves.
QUANTIZED = re.compile(r"quanti|int4|int8|gptq|awq|float8|ternary")


def sub_path(test_id):
    path = test_id.split("::")[0].replace(os.sep, "/")
    return path[len("keras/src/") :] if path.startswith("keras/src/") else path


def area_of(test_id):
    sub = sub_path(test_id)
    if "::SparseTest::" in test_id and sub.startswith("ops/"):
        return "ops.sparse"
    if sub.startswith("layers/") and QUANTIZED.search(test_id.split("::")[-1]):
        return "layers.quantization"
    best = ("", "other")
    for prefix, area in AREAS:
        if sub.startswith(prefix) and len(prefix) > len(best[0]):
            best = (prefix, area)
    return best[1]


def devices_of(test_id):
    sub = sub_path(test_id)
    return max(
        [n for prefix, n in DEVICES.items() if sub.startswith(prefix)],
        default=1,
    )


def in_area(test_id, wanted):
    area = area_of(test_id)
    return any(area == w or area.startswith(w + ".") for w in wanted)
