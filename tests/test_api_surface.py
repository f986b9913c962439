"""Keras's public interface is here: every name, every argument in its place with its default, every member.

`LEFT_OUT` is the one list of what is not, each with its reason: the names in `jkeras/serialization/left_out.py`, whose reasons users
see, the arguments here. The comparison finds exactly these, so an entry that is no longer true fails as well as a missing name.

    "layers.Rescaling"          a name
    "layers.Dense(lora_rank)"   an argument
    "layers.Conv1D(strides=)"   the default of an argument
    "layers.Conv1D(...)"        the order of the arguments
    "Layer.quantize"            a method or attribute of the objects that programs subclass
"""

import inspect

import pytest

import jkeras
from jkeras.serialization import left_out
from tests.oracle import keras

NAMESPACES = (
    "",
    *("activations", "backend", "callbacks", "config", "constraints", "dtype_policies", "initializers", "layers", "losses"),
    *("metrics", "mixed_precision", "models", "ops", "ops.image", "ops.linalg", "ops.nn", "ops.numpy", "optimizers"),
    *(
        "optimizers.schedules",
        "preprocessing",
        "preprocessing.image",
        "preprocessing.sequence",
        "quantizers",
        "distillation",
        "random",
        "regularizers",
        "saving",
        "tree",
        "utils",
        "visualization",
        "wrappers",
    ),
)


def dense(k):
    return k.layers.Dense(2)


def sequential(k):
    model = k.Sequential([k.layers.Input((2,)), k.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def functional(k):
    x = k.layers.Input((2,))
    return k.Model(x, k.layers.Dense(1)(x))


def schedule(k):
    return k.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)


OBJECTS = {
    "Layer": lambda k: k.layers.Layer(),
    "layers.Dense": dense,
    "layers.RNN": lambda k: k.layers.RNN(k.layers.SimpleRNNCell(2)),
    "Model": functional,
    "Sequential": sequential,
    "optimizers.SGD": lambda k: k.optimizers.SGD(),
    "metrics.Mean": lambda k: k.metrics.Mean(),
    "metrics.MeanSquaredError": lambda k: k.metrics.MeanSquaredError(),
    "losses.MeanSquaredError": lambda k: k.losses.MeanSquaredError(),
    "initializers.RandomNormal": lambda k: k.initializers.RandomNormal(),
    "regularizers.L2": lambda k: k.regularizers.L2(),
    "constraints.MaxNorm": lambda k: k.constraints.MaxNorm(),
    "callbacks.Callback": lambda k: k.callbacks.Callback(),
    "optimizers.schedules.ExponentialDecay": schedule,
    "random.SeedGenerator": lambda k: k.random.SeedGenerator(1),
    "Variable": lambda k: k.Variable([1.0, 2.0]),
    "KerasTensor": lambda k: k.KerasTensor((None, 2)),
    "DTypePolicy": lambda k: k.DTypePolicy("float32"),
    "InputSpec": lambda k: k.InputSpec(ndim=2),
    "utils.PyDataset": lambda k: k.utils.PyDataset(),
    "utils.Config": lambda k: k.utils.Config(a=1),
}


def each(reason, *names):
    return dict.fromkeys(names, reason)


# Arguments and defaults; names and members stand in the library, whose messages use them.
ARGUMENTS = {
    **each("Training over several devices is not covered yet.", "Variable(layout)"),
    **each("No array is ragged.", "KerasTensor(ragged)"),
    **each(
        "Keras has data_format before output_padding here, but not in one and two dimensions; ours agree with those.",
        "layers.Conv3DTranspose(...)",
        "layers.Convolution3DTranspose(...)",
    ),
    **each("The second argument is called previous_mask, as everywhere.", "layers.RNN.compute_mask(mask)"),
    **each("Keras's default needs TensorFlow.", "Model.export(format=)", "Sequential.export(format=)"),
    **each("Arrays in, arrays out: there is one kind of result.", "utils.split_dataset(preferred_backend)"),
    **each("What stands after `name` is given by keyword.", "optimizers.Muon(...)"),
}

LEFT_OUT = left_out.LEFT_OUT | ARGUMENTS


def public(item):
    return [name for name in dir(item) if not name.startswith("_")]


def find(path, root):
    for name in filter(None, path.split(".")):
        root = getattr(root, name)
    return root


def parameters(item):
    """The named parameters; None for what Python cannot look into, and for what takes any."""
    if inspect.isclass(item) and "__signature__" not in vars(item):
        item = item.__init__
    try:
        found = inspect.signature(item).parameters.values()
    except (TypeError, ValueError):
        return None
    variadic = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    if not inspect.isclass(item) and variadic <= {p.kind for p in found}:
        return None
    return {p.name: p for p in found if p.kind not in variadic and p.name not in ("self", "_")}


def same(ours, theirs):
    """Whether two defaults are equal; functions and classes are, if they have the same name."""
    if callable(theirs):
        return getattr(ours, "__name__", None) == theirs.__name__
    return type(ours) is type(theirs) and ours == theirs


def compare(path, ours, theirs):
    """What of a callable's parameters differs."""
    wanted, given = parameters(theirs), parameters(ours)
    if wanted is None or given is None:
        return
    yield from (f"{path}({name})" for name in wanted if name not in given)
    empty = inspect.Parameter.empty
    for name, parameter in wanted.items():
        if name in given and parameter.default is not empty and not same(given[name].default, parameter.default):
            yield f"{path}({name}=)"
    order = [n for n, p in wanted.items() if p.kind is not p.KEYWORD_ONLY and n in given]
    own = [n for n, p in given.items() if p.kind is not p.KEYWORD_ONLY]
    if own[: len(order)] != order:
        yield f"{path}(...)"


def differences():
    for namespace in NAMESPACES:
        theirs, ours = find(namespace, keras), find(namespace, jkeras)
        for name in public(theirs):
            path = f"{namespace}.{name}".lstrip(".")
            item = getattr(theirs, name)
            if name == "src" or (inspect.ismodule(item) and path in NAMESPACES):
                continue
            if not hasattr(ours, name):
                yield path
            elif callable(item):
                yield from compare(path, getattr(ours, name), item)
    for path, make in OBJECTS.items():
        theirs, ours = make(keras), make(jkeras)
        bases = [base for base in ("Layer", "Model") if path != base and isinstance(ours, getattr(jkeras, base))]
        for name in public(theirs):
            try:
                item = getattr(theirs, name)
            except Exception:  # Keras's own attribute says no
                continue
            if any(f"{base}.{name}" in LEFT_OUT for base in bases):
                continue  # said once, of the base
            if not hasattr(ours, name):
                yield f"{path}.{name}"
            elif inspect.ismethod(item):
                yield from compare(f"{path}.{name}", getattr(ours, name), item)


@pytest.fixture(scope="module")
def found():
    return set(differences())


def test_everything_of_keras_is_here_or_left_out_with_a_reason(found):
    assert sorted(found - set(LEFT_OUT)) == []


def test_what_is_left_out_is_really_missing(found):
    assert sorted(set(LEFT_OUT) - found) == []


def test_reasons_are_sentences():
    assert all(reason[0].isupper() and reason.endswith(".") for reason in LEFT_OUT.values())
