"""Executes test files of the Keras checkout with redirected imports.

Test modules get their own `__builtins__` whose `__import__` sends `keras...`
to the shim. Nothing global is patched, so the harness can test the installed
Keras itself through the very same path.
"""

import __future__

import ast
import builtins
import importlib
import os
import sys
import types

from kconf import missing
from kconf.missing import Missing
from kconf.shim import ABSENT, Shim
from kconf.static import PUBLIC_ATTRIBUTES, own_names


class _Rewrite(ast.NodeTransformer):
    def __init__(self, own):
        self.own = own

    def visit_Attribute(self, node):
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load) and node.attr not in self.own:
            node.attr = PUBLIC_ATTRIBUTES.get(node.attr, node.attr)
        return node


def bound_names(node):
    """Names a top-level statement would have bound."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [a.asname or a.name.split(".")[0] for a in node.names]
    return [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]


class Loader:
    def __init__(self, target, keras_src, package="keras_tests"):
        self.keras_src = os.path.abspath(keras_src)
        self.package = package
        self.cache = {}
        self.broken = {}  # file -> [(line, error)] of top-level statements
        self._bare = set()  # (file, line) of unguarded top-level imports
        self.shim = Shim(target, self.keras_src, self)
        self.conftest = types.ModuleType("conftest")
        self.conftest.skip_if_backend = self._skip_if_backend
        self.builtins = dict(vars(builtins))
        self.builtins["__import__"] = self.import_

    @staticmethod
    def _skip_if_backend(given_backend, reason):
        import pytest

        return pytest.mark.skipif(given_backend == "jax", reason=reason)

    def import_(self, name, globals=None, locals=None, fromlist=(), level=0):
        # C code (pickle) imports through the running frame's `__import__` too,
        # with an empty list for `fromlist`; statements never pass a list.
        if level == 0 and not isinstance(fromlist, list):
            root = name.split(".")[0]
            if root == "keras":
                if fromlist:
                    return self.shim.module(name)
                return self.shim.module("keras")
            if root == "conftest":
                return self.conftest
            frame = sys._getframe(1)
            bare = (frame.f_code.co_filename, frame.f_lineno) in self._bare
            if root in ABSENT:
                if bare:
                    return Missing(name if fromlist else root)
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            if bare:
                try:
                    return builtins.__import__(name, globals, locals, fromlist, level)
                except ImportError:
                    return Missing(name if fromlist else root)
        return builtins.__import__(name, globals, locals, fromlist, level)

    def load_dotted(self, path):
        rel = os.path.join(*path.split(".")) + ".py"
        return self.load(os.path.join(self.keras_src, rel))

    def load(self, filename):
        filename = os.path.abspath(str(filename))
        if filename in self.cache:
            return self.cache[filename]
        rel = os.path.relpath(filename, self.keras_src)[: -len(".py")]
        dotted = rel.replace(os.sep, ".")
        if dotted.startswith("keras.src."):
            dotted = dotted[len("keras.src.") :]
        module = types.ModuleType(f"{self.package}.{dotted}")
        module.__file__ = filename
        module.__dict__["__builtins__"] = self.builtins
        with open(filename, encoding="utf-8") as f:
            source = f.read()
        tree = ast.parse(source, filename)
        tree = _Rewrite(own_names(tree)).visit(tree)
        flags = 0
        for node in tree.body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for line in range(node.lineno, node.end_lineno + 1):
                    self._bare.add((filename, line))
                if getattr(node, "module", None) == "__future__":
                    for a in node.names:
                        flags |= getattr(__future__, a.name).compiler_flag
        self.cache[filename] = module
        self._register(module)
        with missing.loading():
            for node in tree.body:
                code = compile(
                    ast.Module([node], []),
                    filename,
                    "exec",
                    flags=flags,
                    dont_inherit=True,
                )
                try:
                    exec(code, module.__dict__)
                except Exception as e:
                    error = f"{type(e).__name__}: {e}"
                    self.broken.setdefault(filename, []).append((node.lineno, error))
                    for n in bound_names(node):
                        module.__dict__[n] = Missing(f"{dotted}.{n} ({error})")
        return module

    def _register(self, module):
        """Make the module importable by name, for pickling and saving."""
        parts = module.__name__.split(".")
        for i in range(1, len(parts)):
            parent = ".".join(parts[:i])
            if parent not in sys.modules:
                package = types.ModuleType(parent)
                package.__path__ = []
                sys.modules[parent] = package
        sys.modules[module.__name__] = module


CURRENT = None  # the Loader of this process


def start(target, keras_src):
    global CURRENT
    importlib.invalidate_caches()
    CURRENT = Loader(target, keras_src)
    return CURRENT


def shim():
    return CURRENT.shim
