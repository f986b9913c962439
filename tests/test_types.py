"""What editors and type checkers see of jkeras: literal `__all__`, constructors that are written out, operators."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import jkeras

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "jkeras").rglob("*.py"))


def assignments(path):
    """The statements that assign to `__all__` in a file."""
    for node in ast.parse(path.read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            yield node


WITH_ALL = [path for path in FILES if any(assignments(path))]


@pytest.mark.parametrize("path", WITH_ALL, ids=lambda path: str(path.relative_to(ROOT)))
def test_all_is_literal_and_true(path):
    """Pyright understands only lists of strings; a name that is missing fails here and in `from module import *`."""
    names = [name for node in assignments(path) for name in ast.literal_eval(node.value)]
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    assert len(names) == len(set(names))
    assert sorted(names) == sorted(module.__all__)
    assert [name for name in names if not hasattr(module, name)] == []


@pytest.mark.parametrize("package", ["layers", "ops", "quantizers"])
def test_packages_name_all_that_their_files_name(package):
    """These collect names by star imports, and list them once more."""
    tree = ast.parse((ROOT / "jkeras" / package / "__init__.py").read_text())
    stars = [n.module for n in tree.body if isinstance(n, ast.ImportFrom) and [a.name for a in n.names] == ["*"]]
    names = {name for module in stars for name in importlib.import_module(module).__all__}
    assert stars
    assert names <= set(importlib.import_module(f"jkeras.{package}").__all__)


def test_constructors_are_written_out():
    """A constructor that is made by a function has a signature that only a running program can see."""
    for module in (jkeras.layers, jkeras.losses, jkeras.metrics, jkeras.initializers, jkeras.regularizers, jkeras.callbacks):
        for name in module.__all__:
            item = getattr(module, name)
            if inspect.isclass(item):
                written = inspect.unwrap(item.__init__)
                assert written is object.__init__ or written.__code__.co_name == "__init__", f"{module.__name__}.{name}"
                assert written is object.__init__ or written.__code__.co_filename.startswith(str(ROOT)), name
