"""Every public class and function has a docstring that describes each argument and shows an example, as `help()` prints it."""

import doctest
import functools
import importlib
import inspect
import re
import sys

import pytest

import jkeras

MODULES = [
    *(
        "activations",
        "backend",
        "callbacks",
        "config",
        "constraints",
        "data",
        "distillation",
        "distribution",
        "dtype_policies",
        "initializers",
        "layers",
        "losses",
    ),
    *("metrics", "mixed_precision", "models", "ops", "ops.image", "ops.linalg", "ops.nn", "ops.numpy", "optimizers"),
    *(
        "optimizers.schedules",
        "preprocessing",
        "preprocessing.image",
        "preprocessing.sequence",
        "quantizers",
        "random",
        "regularizers",
    ),
    *("saving", "tree", "utils", "visualization", "wrappers"),
]
NOT_RUN = {  # names whose example is shown and not run, with the reason
    **{
        f"jkeras.datasets.{name}.load_data": "downloads a file"
        for name in ("boston_housing", "california_housing", "cifar10")
    },
    **{f"jkeras.datasets.{name}.load_data": "downloads a file" for name in ("cifar100", "fashion_mnist", "imdb", "mnist")},
    "jkeras.datasets.imdb.get_word_index": "downloads a file",
    "jkeras.datasets.reuters.load_data": "downloads a file",
    "jkeras.datasets.reuters.get_word_index": "downloads a file",
    "jkeras.distribution.devices.initialize": "waits for other processes",
}
DATASETS = ["boston_housing", "california_housing", "cifar10", "cifar100", "fashion_mnist", "imdb", "mnist", "reuters"]


def find(path):
    """A namespace such as `ops.image`, which may be an attribute that is no module of that name; "" is jkeras itself."""
    if not path:
        return jkeras
    try:
        return importlib.import_module(f"jkeras.{path}")
    except ImportError:
        return inspect.getattr_static(find(path.rpartition(".")[0]), path.rpartition(".")[2])


def public(path):
    """The public classes and functions of a namespace, `{name: object}`."""
    module = find(path)
    names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    items = {name: getattr(module, name) for name in names}
    return {name: item for name, item in items.items() if callable(item) and not inspect.ismodule(item)}


def described(text):
    """The names that the section `Args:` of a docstring describes."""
    section = re.search(r"^Args:\n((?:    .*\n?|\n(?=    ))+)", text, re.MULTILINE)
    entries = re.findall(r"^    ([*\w, ]+?):(?: |$)", section[1] if section else "", re.MULTILINE)
    return {name.strip().lstrip("*") for entry in entries for name in entry.split(",")}


def arguments(item):
    """The arguments of a call."""
    try:
        parameters = inspect.signature(item).parameters.values()
    except (TypeError, ValueError):  # written in C
        return []
    return [p.name for p in parameters if not p.name.startswith("_")]


def missing(item):
    return [name for name in arguments(item) if name not in described(inspect.getdoc(item) or "")]


ALL = ["", *MODULES, *(f"datasets.{name}" for name in DATASETS)]


@pytest.mark.parametrize("path", ALL)
def test_each_argument_is_described(path):
    found = {name: lacking for name, item in public(path).items() if (lacking := missing(item))}
    assert found == {}, f"{sum(map(len, found.values()))} arguments of jkeras.{path} are not described"


@pytest.mark.parametrize("path", ALL)
def test_no_description_only_points_to_another(path):
    referring = re.compile(r"^    [\w*, ]+: see `[^`]*`[.;]", re.MULTILINE)
    found = {name: text for name, item in public(path).items() if (text := referring.findall(inspect.getdoc(item) or ""))}
    assert found == {}


@pytest.mark.parametrize("path", ALL)
def test_each_public_name_has_a_docstring_of_its_own(path):
    assert [name for name, item in public(path).items() if not (getattr(item, "__doc__", None) or "").strip()] == []


@functools.cache
def examples(module):
    """The examples that doctest runs of a module, `{docstring: examples}`."""
    found = doctest.DocTestFinder().find(sys.modules[module])
    return {test.docstring: test.examples for test in found}


@pytest.mark.parametrize("path", ALL)
def test_each_public_name_has_an_example_that_the_tests_run(path):
    lacking = []
    for name, item in public(path).items():
        run = [e for e in examples(item.__module__).get(item.__doc__, ()) if not e.options.get(doctest.SKIP)]
        if not run and f"{item.__module__}.{item.__name__}" not in NOT_RUN:
            lacking.append(name)
    assert lacking == []


def test_help_tells_everything_by_itself():
    """The arguments of the base classes are there too: whoever reads about one layer need not read about another."""
    for layer in (jkeras.layers.Conv2D, jkeras.layers.LSTM, jkeras.layers.Dense, jkeras.layers.RandomFlip):
        assert {"name", "dtype", "trainable", "autocast", "activity_regularizer"} <= described(inspect.getdoc(layer)), layer
    shared = {
        "learning_rate",
        "weight_decay",
        "clipnorm",
        "use_ema",
        "gradient_accumulation_steps",
        "loss_scale_factor",
        "name",
    }
    assert shared <= described(inspect.getdoc(jkeras.optimizers.Adamax))


def test_a_class_of_the_user_keeps_its_docstring():
    class Mine(jkeras.layers.Dense):
        """Mine."""

    class Silent(jkeras.layers.Dense):
        pass

    assert (Mine.__doc__, Silent.__doc__) == ("Mine.", None)


if __name__ == "__main__":  # how much is described, module by module
    for path in ALL:
        items = public(path)
        wanted, lacking = (sum(len(f(item)) for item in items.values()) for f in (arguments, missing))
        examples = sum(">>>" in (inspect.getdoc(item) or "") for item in items.values())
        share = 100 * (wanted - lacking) / max(wanted, 1)
        print(f"{path:28s} {len(items):4d} names {wanted:5d} arguments {share:4.0f} % described {examples:4d} examples")
