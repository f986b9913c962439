"""Damaged files: bytes of good ones changed, cut, doubled or moved.

python -m tests.saving.damage FOLDER COUNT SEED    loads so many damaged files, prints as JSON how they ended
"""

import collections
import json
import os
import pathlib
import sys
import warnings

import numpy as np

import jkeras
from jkeras import layers

ALLOWED = (ValueError, TypeError, OSError)


def good_files(folder):
    """A file of each form."""
    x = jkeras.Input((4,))
    y = layers.Dense(3, activation="relu")(x)
    model = jkeras.Model(x, layers.Dense(2)(layers.Add()([y, layers.Dense(3)(x)])))
    model.compile("adam", "mse", metrics=["mae"])
    model.optimizer.build(model.trainable_variables)
    names = ["m.keras", "m.h5", "m.weights.h5", "s.weights.json"]
    for name in names[:2]:
        model.save(os.path.join(folder, name))
    model.save_weights(os.path.join(folder, names[2]))
    model.save_weights(os.path.join(folder, names[3]), max_shard_size=1e-7)
    return model, [os.path.join(folder, name) for name in names]


def damage(content, random):
    """The bytes with some damage."""
    content = bytearray(content)
    kind, size = random.integers(6), len(content)
    at = int(random.integers(size))
    if kind == 0:
        for place in random.integers(size, size=random.integers(1, 20)):
            content[place] ^= 1 << int(random.integers(8))
    elif kind == 1:
        del content[at:]
    elif kind == 2:
        length = int(random.integers(1, 64))
        content[at : at + length] = random.bytes(length)
    elif kind == 3:
        del content[at : at + int(random.integers(1, 100))]
    elif kind == 4:
        content[at:at] = content[at : at + int(random.integers(1, 100))]
    else:
        content[at : at + 8] = b"\xff" * 8
    return bytes(content)


def run(folder, count, seed):
    """Load damaged files; returns how many ended how, and what is wrong."""
    random = np.random.default_rng(seed)
    model, paths = good_files(folder)
    contents = {path: pathlib.Path(path).read_bytes() for path in paths}
    before = [np.asarray(v) for v in (*model.weights, *model.optimizer.variables)]
    ends, wrong = collections.Counter(), []
    for i in range(count):
        path = paths[i % len(paths)]
        with open(path, "wb") as file:
            file.write(damage(contents[path], random))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if "weights" in path:
                    model.load_weights(path)
                else:
                    jkeras.models.load_model(path)
            end = "loaded"
        except ALLOWED as error:
            end = type(error).__name__
        except BaseException as error:
            end = f"{type(error).__name__}: {str(error)[:200]}"
            wrong.append(f"{i} {os.path.basename(path)}: {end}")
        ends[end] += 1
        now = [np.asarray(v) for v in (*model.weights, *model.optimizer.variables)]
        if any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(before, now, strict=True)):
            if end != "loaded":
                wrong.append(f"{i} {os.path.basename(path)}: the model has changed, though {end}")
            for variable, value in zip((*model.weights, *model.optimizer.variables), before, strict=True):
                variable.assign(value)
        with open(path, "wb") as file:
            file.write(contents[path])
    return ends, wrong


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
