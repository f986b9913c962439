"""`as_keras`: a context in which `import keras` imports jkeras.

A finder at the head of `sys.meta_path` answers `keras`, `keras.*`, `tf_keras`, `tensorflow.keras` and, if TensorFlow is
not installed, `tensorflow`. It returns views: modules that look up each name in jkeras.
"""

import importlib
import importlib.machinery
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from jkeras.compat import private, tensorflow
from jkeras.compat.view import Absent, View
from jkeras.serialization.left_out import LEFT_OUT_MODULES

KERAS_VERSION = "3.15.1"  # whose interface jkeras offers
ROOTS = ("keras", "tf_keras", "tensorflow")


class Finder:
    """Answers imports of Keras's modules with views of jkeras's."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Answer the import system, which asks each finder for a module."""
        root, _, rest = fullname.partition(".")
        if root not in ROOTS or (root == "tensorflow" and not self._stands_in(rest)):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)  # type: ignore[arg-type]

    @staticmethod
    def _stands_in(rest: str) -> bool:
        return rest == "keras" or rest.startswith("keras.") or not _tensorflow_is_installed()

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The view for a spec."""
        return view(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


def view(fullname: str) -> ModuleType:
    """The module that stands for `fullname`, one of Keras's or TensorFlow's.

    Raises:
        ModuleNotFoundError: there is no such module.
    """
    root, _, rest = fullname.partition(".")
    if root == "tensorflow":
        if rest != "keras" and not rest.startswith("keras."):
            return tensorflow.module(fullname, View, view)
        rest = rest.partition(".")[2]
    if rest.startswith("api.") or rest == "api":  # where Keras itself re-exports its public names
        rest = rest.partition(".")[2]
    if rest == "src" or rest.startswith("src."):
        return private.module(fullname, rest.partition(".")[2], View)
    for path, reason in LEFT_OUT_MODULES.items():
        if rest == path or rest.startswith(f"{path}."):
            return Absent(fullname, reason)
    try:
        target = importlib.import_module(f"jkeras.{rest}" if rest else "jkeras")
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("jkeras"):
            raise
        target = _attribute_module(rest)  # type: ignore[assignment]
        if target is None:
            raise ModuleNotFoundError(f"{fullname} is not there: {_reason(rest)}", name=fullname) from None

    def find(name: str) -> Any:
        if not rest and name == "__version__":
            return KERAS_VERSION
        if not rest and name == "src":
            return view(f"{fullname}.src")
        if name in absent:
            return view(f"{fullname}.{name}")
        return getattr(target, name)

    absent = [path.rpartition(".")[2] for path in LEFT_OUT_MODULES if path.rpartition(".")[0] == rest]
    module = View(fullname, find, lambda: [*dir(target), *absent], target.__doc__)
    if not rest:
        module.__version__ = KERAS_VERSION  # type: ignore[attr-defined]
        module.version = lambda: KERAS_VERSION  # type: ignore[attr-defined]
    return module


def _attribute_module(rest: str) -> ModuleType | None:
    """A namespace that is an attribute and no file of its own (`optimizers.legacy`, ...)."""
    found: Any = sys.modules["jkeras"]
    for part in rest.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, ModuleType) else None


def _reason(rest: str) -> str:
    place, _, name = rest.rpartition(".")
    try:
        getattr(importlib.import_module(f"jkeras.{place}".rstrip(".")), name)
    except (AttributeError, ImportError) as error:
        return str(error)
    return f"jkeras.{rest} is no module."


def _tensorflow_is_installed() -> bool:
    finders = [finder for finder in sys.meta_path if not isinstance(finder, Finder)]
    return any(f.find_spec("tensorflow", None) is not None for f in finders if hasattr(f, "find_spec"))


def install() -> None:
    """Let `import keras` find jkeras from now on, in this process.

    Raises:
        RuntimeError: Keras itself has been imported already.
    """
    if any(isinstance(finder, Finder) for finder in sys.meta_path):
        return
    there = [n for n in sys.modules if n.partition(".")[0] in ("keras", "tf_keras")]
    if there:
        raise RuntimeError(
            f"Keras has been imported already ({there[0]}), so jkeras cannot take its place. Call jkeras.as_keras() before the first "
            "import of keras, or run the program with `python -m jkeras`."
        )
    backend = os.environ.get("KERAS_BACKEND", "jax")
    if backend != "jax":
        warnings.warn(f"KERAS_BACKEND={backend!r} is ignored: jkeras computes with JAX.", stacklevel=3)
    sys.meta_path.insert(0, Finder())


def uninstall() -> None:
    """Undo `install`: later imports of keras find Keras again. What has been imported stays as it is where it is used."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Finder)]
    for name in [name for name, module in sys.modules.items() if isinstance(module, View)]:
        del sys.modules[name]
        parent, _, child = name.rpartition(".")
        if child and isinstance(vars(sys.modules.get(parent, sys)).get(child), View):
            delattr(sys.modules[parent], child)


@contextmanager
def as_keras() -> Iterator[None]:
    """Let `import keras` find jkeras inside of a `with` block.

    `keras`, `keras.*`, `tf_keras` and `tensorflow.keras` are answered, and `tensorflow` if it is not installed. Packages that are
    imported inside of the block go on using jkeras afterwards. `keras.__version__` is the version whose interface jkeras offers.

    Raises:
        RuntimeError: Keras itself has been imported already.

    >>> import jkeras
    >>> with jkeras.as_keras():  # doctest: +SKIP
    ...     import keras_tuner
    """
    before = any(isinstance(finder, Finder) for finder in sys.meta_path)
    install()
    try:
        yield
    finally:
        if not before:
            uninstall()
