"""A graph of recorded calls as plain data, and back, in Keras 3's form.

    {"layers": [entry, ...], "input_layers": addresses, "output_layers": addresses}

An *entry* is the config of a layer or an operation, together with its `name` in the graph and its `inbound_nodes`: one
`{"args": [...], "kwargs": {...}}` for each call, in the order of the calls. A symbolic tensor is written as its *address*,
`[name of the entry, number of the call, number of the output]`. So shared layers, nested models, and structures of
arguments come out as they went in.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jkeras.core import symbolic, tree
from jkeras.core.operation import Operation
from jkeras.core.symbolic import KerasTensor, Node
from jkeras.layers.base import Layer
from jkeras.layers.input_layer import InputLayer
from jkeras.layers.signatures import call_spec, holds_tensors
from jkeras.models.operation_config import operation_name, read_operation, write_operation
from jkeras.serialization import deserialize, serialize
from jkeras.serialization.shared_objects import KEY, reading, without_single_ids, writing

Address = tuple[str, int, int]  # entry, call, output


# -- writing ----------------------------------------------------------------------------------------------------------


def write_graph(inputs: Any, outputs: Any, operations: Sequence[Layer | Node], nodes: Iterable[Node]) -> dict:
    """The config of a graph.

    Args:
        inputs, outputs: structures of symbolic tensors.
        operations: what is called, in the order of the entries: layers, and for operations, which have no identity, their
            single calls.
        nodes: the calls that belong to the graph (a layer may have others).

    Raises:
        TypeError: a layer or an argument cannot be written as plain data.
    """
    with writing() as outermost:  # a layer of the graph may also be a part of another one
        config = _write(inputs, outputs, operations, {id(node) for node in nodes})
    return without_single_ids(config) if outermost else config


def _write(inputs: Any, outputs: Any, operations: Sequence[Layer | Node], mine: set[int]) -> dict:
    names = Names(operation.name for operation in operations if isinstance(operation, Layer))
    address: dict[int, Address] = {}
    entries: list[dict] = []

    def place(name: str, calls: Iterable[Node]) -> None:
        for number, node in enumerate(calls):
            for index, tensor in enumerate(_tensors(node.outputs)):
                address[id(tensor)] = (name, number, index)

    for tensor in symbolic.leaves(inputs):
        if not isinstance(tensor.origin.operation, InputLayer):  # a model that starts in the middle of another
            name = names.new(tensor.name)
            address[id(tensor)] = (name, 0, 0)
            start = InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)
            entries.append({**serialize(start), "name": name, "inbound_nodes": []})
    starts = dict(address)
    calls = {id(o): [node for node in o._nodes if id(node) in mine] for o in operations if isinstance(o, Layer)}
    titles = {}
    for operation in operations:
        if isinstance(operation, Layer):
            place(operation.name, operation._nodes if isinstance(operation, InputLayer) else calls[id(operation)])
        else:
            called = operation.operation
            titles[id(operation)] = names.new(called.name if isinstance(called, Operation) else operation_name(called))
            place(titles[id(operation)], [operation])
    address |= starts

    def plain(value: Any) -> Any:
        if not isinstance(value, KerasTensor):
            return value
        history = list(address[id(value)])
        config = {"shape": value.shape, "dtype": value.dtype, "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": config}

    for operation in operations:
        if isinstance(operation, Layer):
            entry = serialize(operation)  # kept as it is, with the id that says whether it is described twice
            if isinstance(operation, InputLayer):
                entry.pop(KEY, None)  # several models may start at one Input
            entry["name"] = operation.name
            entry["inbound_nodes"] = [_write_call(operation, node, plain) for node in calls[id(operation)]]
            entries.append(entry)
        else:
            args, kwargs = symbolic.map_structure(plain, (operation.args, operation.kwargs))
            if isinstance(operation.operation, Operation):
                entry, node = serialize(operation.operation), {"args": serialize(args), "kwargs": serialize(kwargs)}
            else:
                entry, node = write_operation(operation.operation, args, kwargs)
            name = titles[id(operation)]
            entry["config"] = {"name": name, **entry["config"]}
            entries.append({**entry, "name": name, "inbound_nodes": [node]})
    nested = {operation.name for operation in operations if _counts_from_one(operation)}  # type: ignore[union-attr]

    def ends(tensor: KerasTensor) -> list:
        name, call, index = address[id(tensor)]
        return [name, call + (name in nested), index]

    return {
        "layers": entries,
        "input_layers": symbolic.map_structure(ends, inputs),
        "output_layers": symbolic.map_structure(ends, outputs),
    }


def _write_call(layer: Layer, node: Node, plain: Callable) -> dict:
    """The arguments of a call, with what Keras puts in for those that were not given.

    Keras writes the default of `training`, and a mask that is None, as if they had been given. So a default that *was* given is
    named besides, under a key that Keras passes by.
    """
    spec, kwargs = call_spec(type(layer).call), dict(node.kwargs)
    given = [name for name, value in kwargs.items() if value is not None and spec.is_default(name, value)]
    named = spec.named(node.args, kwargs)
    tensors = [name for name, value in named.items() if holds_tensors(value) and not name.endswith("mask")]
    unsaid = ["training"] if spec.defaults.get("training") is not None else []
    if not any(x.mask is not None for x in node.inputs) and all(isinstance(named[name], KerasTensor) for name in tensors):
        unsaid += ["mask"] if len(tensors) == 1 else [f"{name}_mask" for name in tensors]
    kwargs |= {name: spec.defaults[name] for name in unsaid if name in spec.defaults and name not in named}
    args, kwargs = symbolic.map_structure(plain, (node.args, kwargs))
    written = {"args": serialize(args), "kwargs": serialize(kwargs)}
    return written | {"given": given} if given else written


class Names:
    """Names for the entries, none twice."""

    def __init__(self, taken: Iterable[str]):
        self.taken = set(taken)

    def new(self, base: str) -> str:
        name, number = base, 0
        while name in self.taken:
            number += 1
            name = f"{base}_{number}"
        self.taken.add(name)
        return name


def _tensors(structure: Any) -> list[KerasTensor]:
    return [leaf for leaf in symbolic.leaves(structure) if isinstance(leaf, KerasTensor)]


def _counts_from_one(operation: Any) -> bool:
    """True if Keras numbers the calls of a layer from 1 (in inputs and outputs, not in nodes): those of a nested graph."""
    return hasattr(operation, "_graph")


# -- reading ----------------------------------------------------------------------------------------------------------


def read_graph(config: Mapping, custom_objects: Mapping | None = None) -> tuple[Any, Any]:
    """Make the layers of a config, and call them on symbolic tensors as the config says.

    Returns:
        `(inputs, outputs)`, structures of symbolic tensors.

    Raises:
        ValueError: the config names what is not known, is not of this form, or describes a graph that is not connected.
    """
    with reading():
        return _read(config, custom_objects)


def _read(config: Mapping, custom_objects: Mapping | None) -> tuple[Any, Any]:
    callables: dict[str, Callable] = {}
    made: dict[str, list[list[KerasTensor]]] = {}  # entry -> the outputs of each of its calls so far
    calls: dict[str, deque] = {}  # entry -> its calls that have not run yet
    for entry in config["layers"]:
        name, nodes = _check_entry(entry, made)
        callables[name] = read_operation(entry) or _layer(entry, custom_objects)
        made[name] = [[callables[name].output]] if isinstance(callables[name], InputLayer) else []  # type: ignore[attr-defined]
        calls[name] = deque(nodes)
    ready = deque(calls)  # entries to look at
    blocked: dict[tuple[str, int], list[str]] = {}  # call of an entry -> the entries that wait for it
    while ready:
        name = ready.popleft()
        while calls[name]:
            node = calls[name][0]
            missing = next((address for address in _addresses(node) if not _is_made(address, made)), None)
            if missing is not None:
                blocked.setdefault(missing[:2], []).append(name)
                break
            calls[name].popleft()
            args, kwargs = _revive(node["args"], made), _revive(node["kwargs"], made)
            args, kwargs = deserialize(args, custom_objects), deserialize(kwargs, custom_objects)
            if isinstance(callables[name], Layer):
                kwargs = call_spec(type(callables[name]).call).without_defaults(kwargs, node.get("given", ()))  # type: ignore[attr-defined]
            made[name].append(_tensors(callables[name](*args, **kwargs)))
            ready.extend(blocked.pop((name, len(made[name]) - 1), ()))
    if any(calls.values()):
        raise ValueError(
            f"The config describes no graph: the inputs of {[name for name in calls if calls[name]]} are never computed, because "
            "they are not connected to the model's inputs, or only in a circle."
        )
    return tuple(_ends(config[key], made, callables) for key in ("input_layers", "output_layers"))


def _check_entry(entry: Any, made: Mapping) -> tuple[str, list]:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str) or "module" not in entry:
        raise ValueError(f"A graph's layers are configs with 'module', 'class_name', 'config' and 'name', got {entry!r}.")
    nodes = entry.get("inbound_nodes", [])
    if any(not isinstance(node, Mapping) or not {"args", "kwargs"} <= set(node) for node in nodes):
        raise ValueError(
            f"The calls of {entry['name']!r} must be given as {{'args': [...], 'kwargs': {{...}}}}, got {nodes!r}."
        )
    for node in nodes:
        if not _addresses(node):
            raise ValueError(
                f"The config calls {entry['name']!r} without a tensor of the graph; loading a model computes nothing."
            )
    if entry["name"] in made:
        raise ValueError(f"Two layers of the config are named {entry['name']!r}.")
    return entry["name"], nodes


def _layer(entry: Mapping, custom_objects: Mapping | None) -> Layer | Operation:
    layer = deserialize(dict(entry), custom_objects)
    if not isinstance(layer, (Layer, Operation)):
        raise ValueError(f"The config names {entry['class_name']!r} as layer {entry['name']!r}, but that is no layer.")
    return layer


def _is_address(value: Any) -> bool:
    """True if `value` is the plain form of a symbolic tensor."""
    return isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__"


def _addresses(value: Any) -> list[Address]:
    found = (leaf for _, leaf in tree.walk(value, _is_address) if _is_address(leaf))
    return [_checked(leaf["config"]["keras_history"]) for leaf in found]


def _checked(address: Any) -> Address:
    if not isinstance(address, (list, tuple)) or [type(part) for part in address] != [str, int, int] or min(address[1:]) < 0:
        raise ValueError(
            f"A tensor's address is [name of a layer, number of the call, number of the output], got {address!r}."
        )
    return tuple(address)


def _is_made(address: Address, made: Mapping[str, list]) -> bool:
    if address[0] not in made:
        raise ValueError(f"The config refers to layer {address[0]!r}, which is not among its layers {list(made)}.")
    return address[1] < len(made[address[0]])


def _at(address: Address, made: Mapping[str, list]) -> KerasTensor:
    if not _is_made(address, made) or address[2] >= len(made[address[0]][address[1]]):
        raise ValueError(
            f"The config refers to output {address[2]} of call {address[1]} of {address[0]!r}, which does not exist."
        )
    return made[address[0]][address[1]][address[2]]


def _revive(value: Any, made: Mapping[str, list]) -> Any:
    """Put the symbolic tensors in the place of their addresses."""

    def revive(leaf: Any) -> Any:
        return _at(_checked(leaf["config"]["keras_history"]), made) if _is_address(leaf) else leaf

    return tree.map_leaves(revive, value, _is_address)


def _ends(structure: Any, made: Mapping[str, list], callables: Mapping[str, Callable]) -> Any:
    """The symbolic tensors of a structure of addresses."""

    def tensor(end: Any) -> Any:
        if not _is_end(end):
            raise ValueError(f"A graph's inputs and outputs are addresses [layer, call, output], got {end!r}.")
        name, call, index = end
        return _at(_checked((name, call - _counts_from_one(callables.get(name)), index)), made)

    return tree.map_leaves(tensor, structure, _is_end)


def _is_end(structure: Any) -> bool:
    return isinstance(structure, (list, tuple)) and len(structure) == 3 and isinstance(structure[0], str)
