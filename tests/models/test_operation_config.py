"""Every operation of Keras is written as, and read from, the class that Keras has for it."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import jkeras
from jkeras.models.operation_config import _tables, read_operation, write_operation
from jkeras.ops.family import operands
from jkeras.serialization import published
from tests.oracle import keras

WITHOUT_A_FUNCTION = {"Function", "Operation", "SegmentReduction"}  # base classes
# Nothing symbolic is computed by these in Keras, so that it has no class for them.
WITHOUT_A_CLASS = {
    *(
        "arange",
        "bartlett",
        "blackman",
        "convert_to_numpy",
        "custom_gradient",
        "dtype",
        "empty",
        "eye",
        "hamming",
        "hanning",
    ),
    *("identity", "is_tensor", "kaiser", "ones", "shape", "tri", "vectorize", "zeros", "extract_patches_3d"),
}


def classes():
    """`{name: class}` of all of Keras's operations, and the modules they stand in."""
    found = {}
    from keras.src import ops

    modules = [
        importlib.import_module(f"keras.src.ops.{m.name}")
        for m in pkgutil.iter_modules(ops.__path__)
        if "test" not in m.name
    ]
    for module in [*modules, importlib.import_module("keras.src.activations.activations")]:
        for name, item in vars(module).items():
            if inspect.isclass(item) and issubclass(item, keras.Operation) and item.__module__ == module.__name__:
                found[name] = item
    return {name: item for name, item in found.items() if name not in WITHOUT_A_FUNCTION}


CLASSES = classes()


def names(function):
    return [p for p in inspect.signature(function).parameters if p not in ("self", "name")]


@pytest.mark.parametrize("name", CLASSES)
def test_arguments_are_divided_as_in_keras(name):
    theirs = CLASSES[name]
    addresses, readers = _tables()
    ours = readers[name]
    assert addresses[ours] == (theirs.__module__, name)
    known = {*names(theirs.__init__), *names(theirs.call)}
    parameters = [p for p in names(ours) if p in known]
    call = [p for p in parameters if p in operands(ours)]
    constructor = [p for p in parameters if p not in call]
    assert set(constructor) == set(names(theirs.__init__)) & set(parameters)
    assert set(call) == set(names(theirs.call)) & set(parameters)
    required = [
        p for p, v in inspect.signature(ours).parameters.items() if p in call and v.default is inspect.Parameter.empty
    ]
    assert names(theirs.call)[: len(required)] == required


def test_every_operation_has_its_class():
    addresses, _ = _tables()
    for place in ("keras.ops", "keras.ops.image"):
        for function in published(place).values():
            assert function.__name__ in WITHOUT_A_CLASS or addresses[function][1] in CLASSES, function.__name__


CALLS = {
    "positional": lambda k, x: k.ops.clip(x, -0.5, 0.5),
    "a default of the call": lambda k, x: k.ops.average(x, weights=np.array([1.0, 2.0, 3.0]), axis=1),
    "many operands": lambda k, x: k.ops.einsum("ij,kj->ik", x, x),
    "a grid": lambda k, x: k.ops.meshgrid(x[0], x[1], indexing="ij")[1],
    "a list": lambda k, x: k.ops.stack([x, 2 * x, x / 2], axis=1),
    "two outputs": lambda k, x: k.ops.split(x, [1], axis=1)[1],
    "an index": lambda k, x: x[..., None, -1:],
    "an index of integers": lambda k, x: k.ops.take(x, [2, 0], axis=1),
    "an activation": lambda k, x: k.activations.relu(x, max_value=0.5),
    "its operation": lambda k, x: k.activations.gelu(x),
    "a comparison": lambda k, x: k.ops.cast(x > 0, "float32"),
    "reflected": lambda k, x: 1 / (2 - x),
    "an image": lambda k, x: k.ops.image.resize(k.ops.reshape(x, (-1, 3, 1, 1)), (6, 2)),
}
X = np.array([[1.0, -2.0, 0.25], [0.5, 3.0, -0.125]], "float32")


@pytest.mark.parametrize("case", CALLS)
def test_calls_go_to_keras_and_back(case):
    models = []
    for k in (keras, jkeras):
        x = k.Input((3,), batch_size=2)
        models.append(k.Model(x, CALLS[case](k, x)))
    theirs, ours = models
    expected = np.asarray(theirs(X))
    np.testing.assert_allclose(keras.models.model_from_json(ours.to_json())(X), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(jkeras.models.model_from_json(theirs.to_json())(X), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(jkeras.models.model_from_json(ours.to_json())(X), expected, rtol=1e-5, atol=1e-6)


def test_too_many_arguments():
    entry, _ = write_operation(jkeras.ops.exp, ("x",), {})
    with pytest.raises(ValueError, match="'exp' with 1 argument"):
        read_operation(entry)(X, X)
    assert read_operation({"module": "keras.layers", "class_name": "Dense"}) is None
