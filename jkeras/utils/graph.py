"""Functions that inspect symbolic tensors."""

from typing import Any

from jkeras.core.symbolic import KerasTensor


def is_keras_tensor(x: Any) -> bool:
    """Return True if `x` is symbolic: a placeholder such as `Input` returns, or something that was computed from one.

    Args:
        x: anything.

    >>> is_keras_tensor(KerasTensor((None, 3))), is_keras_tensor(1.0)
    (True, False)
    """
    return isinstance(x, KerasTensor)


def get_source_inputs(tensor: KerasTensor) -> list[KerasTensor]:
    """Return the inputs that a symbolic tensor is computed from, each once, in the order in which they are met.

    Args:
        tensor: the symbolic tensor.

    >>> from jkeras.core.symbolic import call
    >>> a, b = KerasTensor((2,), name="a"), KerasTensor((2,), name="b")
    >>> [x.name for x in get_source_inputs(call(lambda x, y: x + y, (a, b), {}))]
    ['a', 'b']
    """
    sources: dict[int, KerasTensor] = {}
    seen: set[int] = set()
    waiting = [tensor]
    while waiting:
        x = waiting.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        inputs = x.history.node.inputs if x.history is not None else []
        waiting.extend(reversed(inputs))
        if not inputs:
            sources[id(x)] = x
    return list(sources.values())
