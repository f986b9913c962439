"""Every argument of every constructor: a wrong type, a wrong number, a misspelt name are errors that name class and argument."""

import inspect
import math
import warnings

import pytest

import jkeras
from jkeras import layers, optimizers
from tests import catalogue

PLACES = [
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "initializers",
    "regularizers",
    "constraints",
    "callbacks",
    "quantizers",
]
CLASSES = {}  # with one of its public names
for space in (*(getattr(jkeras, place) for place in PLACES), optimizers.schedules):
    for name in dir(space):
        cls = getattr(space, name)
        if isinstance(cls, type) and not issubclass(cls, tuple):  # the optimizers' states are tuples
            CLASSES.setdefault(cls, name)

ROWS = {}
for row in catalogue.ROWS:
    ROWS.setdefault(row.name, row)

REQUIRED = {
    "filepath": "m.keras", "filename": "log.csv", "backup_dir": "b", "directory": "d", "log_dir": "l", "schedule": lambda epoch: 0.1,
    "layer": layers.LSTM(2), "layers": [], "cells": [], "rate": 0.5, "filters": 2, "kernel_size": 2, "num_bins": 3, "max_number": 3,
    "height": 2, "width": 2, "factor": 0.2, "height_factor": 0.2, "width_factor": 0.2, "shape": (2,), "bin_boundaries": [0.5],
    "num_classes": 2, "target_class_ids": [0], "fn": lambda a, b: a, "precision": 0.5, "recall": 0.5, "sensitivity": 0.5,
    "specificity": 0.5, "decay_steps": 10, "decay_rate": 0.5, "initial_learning_rate": 0.1, "max_learning_rate": 0.1,
    "total_steps": 10, "first_decay_steps": 5, "boundaries": [1], "values": [1.0, 0.5], "mean": 0, "dataset": [], "tokenizer": None,
    "inner_optimizer": optimizers.SGD(), "default_optimizer": optimizers.SGD(), "optimizer_map": lambda v: optimizers.SGD(),
    "call_fn": lambda inputs: inputs,
}  # fmt: skip

# Any value will do, or what is wrong shows where it is used.
ANY_VALUE = {
    "InputSpec.dtype", "CallbackList.model", "AWQConfig.dataset", "AWQConfig.tokenizer", "GPTQConfig.dataset", "GPTQConfig.tokenizer",
    "JaxLayer.params", "JaxLayer.state", "JaxLayer.native_serialization_platforms", "FlaxLayer.variables", "Layer.sparse",
}  # fmt: skip
ANY_NUMBER = {
    "axis", "axes", "seed", "ignore_class", "mask_token", "oov_token", "mask_value", "fill_value", "block_size", "attention_axes",
    "shared_axes",
}  # fmt: skip
ANY_TEXT = {
    "backup_dir", "directory", "log_dir", "filename", "bias_axes", "equation", "embeddings_metadata", "mask_token", "oov_token",
    "monitor", "field", "path", "root", "separator", "window", "name", "encoding", "output_dtype", "mode", "pattern", "mask_value",
}  # fmt: skip
NUMBERS = {int: (-7, 0, 2), float: (-7.0, 0.0, 1e30, math.nan)}


class Wrong:
    def __repr__(self):
        return "<wrong>"


def complete(cls):
    """Arguments that a class can be made with."""
    if CLASSES[cls] in ROWS:
        return ROWS[CLASSES[cls]].options(jkeras)
    if cls is layers.RandomPosterization:
        return {"factor": 4}
    found = {p.name: REQUIRED[p.name] for p in parameters(cls) if p.default is p.empty and p.name in REQUIRED}
    alone = {"Discretization": "bin_boundaries", "InputLayer": "shape"}.get(cls.__name__)
    return found | ({alone: REQUIRED[alone]} if alone else {})


def parameters(cls):
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p for p in inspect.signature(cls).parameters.values() if p.kind not in variadic]


def outcome(cls, given, name):
    """What making the class does: None if it is made, else the error, which must name the class and the argument."""
    try:
        cls(**given)
    except (ValueError, TypeError) as error:
        text = str(error)
        assert cls.__name__ in text and name in text, (
            f"{cls.__name__}({name}={given.get(name)!r}): {text!r} does not name both"
        )
        return error
    return None


@pytest.fixture(autouse=True)
def quiet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: f"{cls.__module__.split('.')[1]}.{CLASSES[cls]}")
def test_every_argument(cls):
    if cls.__name__ == "FlaxLayer":
        pytest.importorskip("flax")
        given = {"module": __import__("flax.linen").linen.Dense(2)}
    else:
        given = complete(cls)
    cls(**given)
    for p in parameters(cls):
        if f"{cls.__name__}.{p.name}" in ANY_VALUE:
            continue
        assert outcome(cls, given | {p.name: Wrong()}, p.name), f"{cls.__name__}({p.name}=<wrong>) is accepted"
        kinds = str(p.annotation)
        if "str" in kinds and p.name not in ANY_TEXT:
            assert outcome(cls, given | {p.name: "qwerty"}, p.name), f"{cls.__name__}({p.name}='qwerty') is accepted"
        if ("int" in kinds or "float" in kinds) and p.name not in ANY_NUMBER:
            numbers = NUMBERS[float if "float" in kinds else int]
            refused = [n for n in numbers if outcome(cls, given | {p.name: n}, p.name)]
            assert refused, f"{cls.__name__}({p.name}=) takes {numbers}"
        misspelt = p.name[:-1] + "q" + p.name[-1]
        if cls.__name__ not in ("LossFunctionWrapper", "MeanMetricWrapper", "CallbackList"):  # other keywords are passed on
            error = outcome(cls, given | {misspelt: 1}, misspelt)
            assert error and f"Did you mean '{p.name}'" in str(error), f"{cls.__name__}({misspelt}=): {error}"
