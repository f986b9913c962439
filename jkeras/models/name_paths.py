"""The names of the layers in a model, for paths and files."""

from collections import Counter
from collections.abc import Iterator

from jkeras.core.owner import Owner
from jkeras.core.tree import Path
from jkeras.core.variable import Variable
from jkeras.serialization.naming import snake_case


def name_paths(layers: list) -> Iterator[tuple[Path, Owner | Variable]]:
    """Paths for a model's layers: a name that was given, else the class in snake case, numbered within the model.

    >>> from jkeras.layers import Dense
    >>> [path for path, layer in name_paths([Dense(1), Dense(1), Dense(1, name="logits")])]
    [('dense',), ('dense_1',), ('logits',)]
    """
    taken = Counter(layer.name for layer in layers if layer._named)
    numbers: Counter[str] = Counter()
    for layer in layers:
        if layer._named:
            yield (layer.name,), layer
            continue
        base = snake_case(type(layer).__name__)
        name = f"{base}_{numbers[base]}" if numbers[base] else base
        while taken[name]:
            numbers[base] += 1
            name = f"{base}_{numbers[base]}"
        taken[name] += 1
        yield (name,), layer
