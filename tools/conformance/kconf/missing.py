"""Placeholders for names the target package does not have.

A missing name must fail the tests that use it and nothing else, so while a
test *module* is being executed a placeholder absorbs everything (attribute
access, calls, use as a base class or as a decorator); once tests run, touching
it raises `MissingSymbolError`.
"""

import contextlib
import inspect


class MissingSymbolError(Exception):
    """The target lacks a symbol that the test needs."""


class _State:
    loading = 0  # >0 while a test module's top level is executing
    missing = []  # symbols touched by the running test
    mismatches = []  # error messages that did not match, in the running test


state = _State()


@contextlib.contextmanager
def loading():
    state.loading += 1
    try:
        yield
    finally:
        state.loading -= 1


def fail(path):
    state.missing.append(path)
    raise MissingSymbolError(f"the target has no equivalent of `{path}`")


class MissingBase:
    """Stands in for a missing base class in a `class` statement."""

    _kc_missing_path = "?"

    def __new__(cls, *args, **kwargs):
        if state.loading:
            return Missing(cls._kc_missing_path + "()")
        fail(cls._kc_missing_path)


class Missing:
    def __init__(self, path):
        d = object.__getattribute__(self, "__dict__")
        d["_kc_path"] = path
        d["__name__"] = path.rsplit(".", 1)[-1]
        d["__qualname__"] = d["__name__"]
        d["__module__"] = "kconf.missing"

    def __repr__(self):
        return f"<missing {self._kc_path}>"

    def __getattr__(self, name):
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        path = f"{self._kc_path}.{name}"
        if state.loading:
            return Missing(path)
        fail(path)

    def __setattr__(self, name, value):
        if not state.loading:
            fail(f"{self._kc_path}.{name}")

    def __call__(self, *args, **kwargs):
        if not state.loading:
            fail(self._kc_path)
        if len(args) == 1 and not kwargs and (inspect.isfunction(args[0]) or inspect.isclass(args[0])):
            return args[0]  # used as a decorator
        return Missing(self._kc_path + "()")

    def __mro_entries__(self, bases):
        name = self.__name__ if self.__name__.isidentifier() else "Missing"
        return (type(name, (MissingBase,), {"_kc_missing_path": self._kc_path}),)

    def __bool__(self):
        if state.loading:
            return False
        fail(self._kc_path)

    def __iter__(self):
        if state.loading:
            return iter(())
        fail(self._kc_path)

    def __len__(self):
        if state.loading:
            return 0
        fail(self._kc_path)

    def _absorb(self, *args, **kwargs):
        if state.loading:
            return Missing(self._kc_path)
        fail(self._kc_path)

    __getitem__ = __enter__ = __exit__ = _absorb
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _absorb
    __truediv__ = __rtruediv__ = __floordiv__ = __pow__ = __mod__ = _absorb
    __matmul__ = __neg__ = __abs__ = __lt__ = __le__ = __gt__ = __ge__ = _absorb
    __or__ = __ror__ = __and__ = _absorb
    __float__ = __int__ = __index__ = __array__ = _absorb

    def __instancecheck__(self, instance):
        if state.loading:
            return False
        fail(self._kc_path)

    def __subclasscheck__(self, cls):
        if state.loading:
            return False
        fail(self._kc_path)

    def __contains__(self, item):
        if state.loading:
            return False
        fail(self._kc_path)

    def __hash__(self):
        return id(self)

    def __eq__(self, other):
        return self is other

    def __deepcopy__(self, memo):
        return self

    def __copy__(self):
        return self
