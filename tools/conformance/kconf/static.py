"""What can be told about tests from their source alone."""

import ast
import functools
from pathlib import Path

# Private attributes that stand for public ones; rewritten in the tests' sources.
PUBLIC_ATTRIBUTES = {"_dtype": "dtype", "_dtype_policy": "dtype_policy", "_iterations": "iterations"}


def own_names(tree):
    """Names that a file defines itself: functions, classes, attributes of self."""
    own = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            own.add(node.name)
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and ast.unparse(node.value) in ("self", "cls")
        ):
            own.add(node.attr)
    return own


@functools.cache
def _parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def why_absent(keras_src, test, broken):
    """Why a selected test was not collected; None if the file does not have it.

    Args:
        keras_src: the unpacked source release of Keras.
        test: the test's id.
        broken: the errors of the file's top-level statements, as `[(line, error)]`, or None.
    """
    file, *_, name = test.split("::")
    path = Path(keras_src, file)
    if not path.is_file():
        return None
    tests = [n.name for n in ast.walk(_parse(path)) if isinstance(n, ast.FunctionDef) and n.name.startswith("test")]
    if not broken or not any(name.startswith(known) for known in tests):
        return None
    line, error = broken[0]
    return f"module level of the test file failed: line {line}: {error}"
