"""The places of a module's variables in a file.

Keras names the groups of its HDF5 files after the attributes that lead to a layer, not after the layers' own names,
which are counted and so differ from program to program:

    self.encoder = Dense(4)              encoder
    self.blocks = [Dense(4), Dense(4)]   blocks/dense, blocks/dense_1
    a graph's or a stack's layers        layers/dense, layers/dense_1
    arguments of compile()               optimizer

Attributes are visited in alphabetical order, private ones last. An object that can be reached in two ways is stored
under the first. In a subclassed model, `layers` (all layers directly in it) is one of the attributes. So layers whose
attributes come after it in the alphabet are stored under `layers`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from jkeras.core.owner import Owner
from jkeras.serialization.naming import snake_case


def stored_modules(root: Owner, skip: Iterable[Owner] = (), stored: Iterable[str] = ()) -> dict[str, Owner]:
    """The modules with something to store, by the paths of their groups; the root has the path "".

    Args:
        root: a model or layer.
        skip: what is left out, with all that is reached through it alone.
        stored: the paths in a file that is read. A module that can be reached by several names has the one that the file knows.

    >>> import jkeras
    >>> Dense = jkeras.layers.Dense
    >>> inner = jkeras.Sequential([jkeras.Input((3,)), Dense(3)])
    >>> model = jkeras.Sequential([jkeras.Input((3,)), Dense(3, name="first"), inner, Dense(1)])
    >>> list(stored_modules(model))
    ['', 'layers/dense', 'layers/sequential', 'layers/sequential/layers/dense', 'layers/dense_1']
    """
    known = {"/".join(parts[:n]) for path in stored for parts in [path.split("/")] for n in range(1, len(parts) + 1)}
    return dict(_visit("", root, set(map(id, skip)), known))


def _visit(path: str, value: Any, seen: set[int], known: set[str]) -> Iterator[tuple[str, Owner]]:
    if isinstance(value, Owner):
        if id(value) in seen:
            return
        seen.add(id(value))
        if hasattr(value, "save_own_variables"):
            yield path, value
        named = _attributes(value)
    else:
        named = _items(value)  # type: ignore[assignment]
    paths = [(f"{path}/{name}" if path else name, item) for name, item in named]
    for below, item in sorted(paths, key=lambda pair: pair[0] not in known) if known else paths:
        yield from _visit(below, item, seen, known)


def _items(container: Any) -> Iterator[tuple[str, Any]]:
    """Return the items of a list or dict, named after their classes, with numbers."""
    taken: Counter[str] = Counter()
    for item in container.values() if isinstance(container, dict) else container:
        if isinstance(item, (Owner, dict, list, tuple)):
            name = snake_case(type(item).__name__) if isinstance(item, Owner) else "container"
            yield (f"{name}_{taken[name]}" if taken[name] else name), item
            taken[name] += 1


def _attributes(module: Owner) -> list[tuple[str, Any]]:
    """The attributes that hold modules, in order."""
    holding = {path[0] for path, _ in module.children()}
    keras_names = getattr(module, "stored_as", {})  # where Keras's attribute has another name than ours
    found = {keras_names.get(name, name): value for name, value in list(vars(module).items()) if name in holding}
    found |= _properties(module)
    for name in ("layers", "optimizer"):  # properties of models
        if isinstance(getattr(type(module), name, None), property):
            value = getattr(module, name)
            found[name] = list({id(layer): layer for layer in value}.values()) if name == "layers" else value
    first = "layers" if getattr(module, "has_fixed_structure", False) else None
    order = sorted(found, key=lambda name: (name != first, f"~{name}" if name.startswith("_") else name))
    return [(name, found[name]) for name in order if isinstance(found[name], (Owner, dict, list, tuple))]


def _properties(module: Owner) -> dict[str, Any]:
    """The values of the properties that users' classes define: they may be the public names of private attributes."""
    found = {}
    for cls in reversed(type(module).__mro__):
        if not cls.__module__.startswith("jkeras."):
            for name in [name for name, item in vars(cls).items() if isinstance(item, property)]:
                try:
                    found[name] = getattr(module, name)
                except Exception:  # it may need what the module does not have yet, and then holds nothing
                    continue
    return found
