"""The older HDF5 layout, one group per layer: what Keras 1 and 2 wrote, and what Keras 3 writes into `name.h5`.

    model_weights                    or the root of the file, in a file of weights alone
        attribute "layer_names"      ["dense", ...], in the order of `model.layers`
        dense
            attribute "weight_names" ["dense/kernel:0", "dense/bias:0"], trainable ones first
            dense/kernel:0           the array
        top_level_model_weights      those that the model itself holds
    optimizer_weights
        attribute "weight_names"     ["iteration:0", "Adam/m/dense/kernel:0", ...]

A list of names that is too long for one attribute is split over `layer_names0`, `layer_names1`, ...

Arrays are matched by the layers' names, or by their order where names differ. An array whose shape is not the variable's is
converted if it comes from a CuDNN layer of Keras 2 (each gate's kernel is transposed there, and there are two biases), and is a
mismatch otherwise. Nothing is assigned before all has been compared.
"""

import math
import warnings
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from jkeras.core.assignment import assign_all
from jkeras.core.variable import Variable
from jkeras.saving.store import plain_member, read_dataset

WEIGHTS, TOP, OPTIMIZER = "model_weights", "top_level_model_weights", "optimizer_weights"
LONGEST_ATTRIBUTE = 64512  # bytes that fit into the header of an HDF5 object
MOST_NAMES = 10**6


class Plan(NamedTuple):
    """The assignments that loading a file will make."""

    variables: list[Variable]
    read: Callable[[], list[np.ndarray]]


def layered_group(file: Any) -> Any:
    """The group that has the layers' names; None if the file is of another form."""
    for group in (plain_member(file, WEIGHTS, "Group", WEIGHTS), file):
        if group is not None and any(name in group.attrs for name in ("layer_names", "layer_names0")):
            return group
    return None


def read_layers(model: Any, group: Any, name: str, by_name: bool = False, skip_mismatch: bool = False) -> None:
    """Take the weights of a model's layers from a group.

    Args:
        model: a built model.
        group: what `layered_group` returned.
        name: of the file, for messages.
        by_name: take what the file has for layers of the same name, and leave the others as they are.
        skip_mismatch: warn of what does not fit instead of raising an error.

    Raises:
        ValueError: the number of layers, of a layer's weights, or a shape differs. The model is as it was, then.
    """
    stored = {layer: _names(_group(group, layer), "weight_names") for layer in _names(group, "layer_names")}
    stored = {layer: names for layer, names in stored.items() if names}
    layers = [layer for layer in model.layers if by_name or layer.weights]
    problems: list[str] = []
    pairs = _pairs(layers, stored, by_name, problems)
    pairs = [(f"layer {layer.name!r}", _variables(layer), key, stored[key]) for layer, key in pairs]  # type: ignore[misc]
    if plain_member(group, TOP, "Group", TOP) is not None:
        own = [v for v in _variables(model) if not any(v is w for layer in model.layers for w in layer.weights)]
        names = _names(group[TOP], "weight_names")
        if names or own:
            pairs.append(("the model itself", own, TOP, names))  # type: ignore[arg-type]
    plans = []
    for who, variables, key, names in pairs:  # type: ignore[misc]
        plan = _plan(variables, [(f"{key}/{n}", _dataset(group[key], n, f"{key}/{n}")) for n in names])
        if isinstance(plan, Plan):
            plans.append(plan)
        else:
            problems.append(f"{who}: {plan}")
    text = "\n  ".join([f"{name!r} does not fit the model:", *problems[:10]])
    if problems and not skip_mismatch:
        raise ValueError(text)
    assign(plans)
    if problems:
        warnings.warn(text, stacklevel=5)


def assign(plans: Iterable[Plan]) -> None:
    """Assign all, or nothing."""
    assign_all(pair for plan in plans for pair in zip(plan.variables, plan.read(), strict=True))


def _pairs(layers: list, stored: dict, by_name: bool, problems: list[str]) -> list[tuple[Any, str]]:
    """Return the pairs of a layer and the group from which it takes its weights."""
    names = [layer.name for layer in layers]
    if by_name or set(names) == set(stored):
        return [(layer, layer.name) for layer in layers if layer.name in stored]
    if len(stored) != len(layers):
        problems.append(
            f"the model has {len(layers)} layers with weights ({names}), but the file has {len(stored)} ({[*stored]})."
        )
        return []
    return list(zip(layers, stored, strict=True))


def _plan(variables: list[Variable], datasets: list[tuple[str, Any]]) -> Plan | str:
    """Return the assignments for a layer, or the reason why its weights do not fit."""
    shapes = [tuple(dataset.shape) for _, dataset in datasets]
    wanted = [v.shape for v in variables]
    if len(shapes) != len(wanted):
        return f"it has {len(wanted)} weights {wanted}, but the file has {len(shapes)} {shapes}."
    for (where, dataset), variable in zip(datasets, variables, strict=True):
        if dataset.dtype.kind == "c" and np.dtype(variable.dtype).kind != "c":
            return f"{where!r} holds complex numbers, but variable {variable.name!r} has dtype {variable.dtype}."
    fused = [
        i
        for i, (have, want) in enumerate(zip(shapes, wanted, strict=True))
        if have != want and _from_cudnn(i, shapes, wanted)
    ]
    for i, (have, want) in enumerate(zip(shapes, wanted, strict=True)):
        if have != want and i not in fused:
            hint = ""
            if len(want) == 2 and want[0] == 2 and have == want[1:]:
                hint = " The file is of a GRU(reset_after=False)."
            return f"variable {variables[i].name!r} has shape {want}, but {datasets[i][0]!r} has {have}.{hint}"

    def read() -> list[np.ndarray]:
        values = [read_dataset(dataset) for _, dataset in datasets]
        for i in fused:
            gates = shapes[i - 1][1] // shapes[i - 1][0]
            values[i - 2 : i + 1] = _without_cudnn(values[i - 2 : i + 1], gates, wanted[i])
        return values

    return Plan(variables, read)


def _from_cudnn(i: int, shapes: list[tuple], wanted: list[tuple]) -> bool:
    """True if the arrays i-2, i-1, i are kernel, recurrent kernel and the two biases, in a row, of a CuDNN layer."""
    fits = i > 1 and shapes[i - 2 : i] == wanted[i - 2 : i] and len(shapes[i - 1]) == 2
    return (
        fits
        and len(shapes[i]) == 1
        and shapes[i][0] == 2 * shapes[i - 1][1]
        and wanted[i] in ((shapes[i][0] // 2,), (2, shapes[i][0] // 2))
    )


def _without_cudnn(values: list[np.ndarray], gates: int, bias_shape: tuple) -> list[np.ndarray]:
    """The weights of an LSTM or GRU, from those of CuDNN's: each gate's kernel lies transposed there."""
    kernel, recurrent, bias = values
    kernel = np.hstack([part.T.reshape(part.shape, order="F") for part in np.hsplit(kernel, gates)])
    recurrent = np.hstack([part.T for part in np.hsplit(recurrent, gates)])
    bias = bias.reshape(2, -1)
    return [kernel, recurrent, bias if bias.shape == bias_shape else bias.sum(0)]


def _variables(layer: Any) -> list[Variable]:
    return [*layer.trainable_weights, *layer.non_trainable_weights]


# -- the optimizer ----------------------------------------------------------------------------------------------------

# What Kerases 2 call a slot, before or after the path of its parameter, and the last word of its name here.
SLOTS = {
    **{"m": "momentum", "v": "velocity", "vhat": "hat", "rms": "velocity", "mg": "gradient", "momentum": "momentum"},
    **{"accumulator": "accumulator", "linear": "linear", "velocity": "velocity", "average_gradient": "gradient"},
    **{"accum_grad": "grad", "accumulated_grad": "grad", "accum_var": "var", "accumulated_delta_var": "var", "u": "norm"},
}


def read_optimizer(model: Any, file: Any) -> None:
    """Take the optimizer's state from a file, if it has one that fits; otherwise warn, and start anew.

    Three orders are in use: parameter by parameter with a learning rate (Keras 3) and without (the last Kerases 2), and slot by
    slot (those before). The names say which: in Keras 2 a slot's name is "m" before or after the path of its parameter.
    """
    group = plain_member(file, OPTIMIZER, "Group", OPTIMIZER)
    names = [] if group is None else _names(group, "weight_names")
    if not names:
        return
    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)
    ours = list(optimizer.variables)
    counters = [v for v in ours if v.name in ("iteration", "learning_rate")]
    datasets = [(n, _dataset(group, n, f"{OPTIMIZER}/{n}")) for n in names]
    if len(datasets) == len(ours) and datasets[1:] and datasets[1][0].rsplit("/", 1)[-1].startswith("learning_rate"):
        plan = _plan(ours, datasets)
    else:
        first, *rest = datasets
        rest = [pair for pair in rest if not pair[0].split(":")[0].endswith("learning_rate")]
        slots = [v for v in ours if not any(v is c for c in counters)]
        plan = _plan([counters[0], *sorted(slots, key=_our_slot)], [first, *sorted(rest, key=_their_slot)])
    if isinstance(plan, Plan):
        assign([plan])
    else:
        warnings.warn(f"The optimizer's state in the file is not used, and the optimizer starts anew: {plan}", stacklevel=5)


def _our_slot(variable: Variable) -> str:
    return variable.name.rsplit("_", 1)[-1]


def _their_slot(pair: tuple[str, Any]) -> str:
    parts = pair[0].split(":")[0].split("/")
    return next((SLOTS[part] for part in (parts[-1], *parts[1:2]) if part in SLOTS), "")


# -- writing ----------------------------------------------------------------------------------------------------------


def write_layers(model: Any, group: Any, version: str) -> None:
    """Write a model's weights layer by layer."""
    _write_names(group, "layer_names", [layer.name for layer in model.layers])
    group.attrs["backend"], group.attrs["keras_version"] = b"jax", version.encode()
    for layer in sorted(model.layers, key=lambda layer: layer.name):
        _write_variables(group.create_group(layer.name), _variables(layer))
    own = [v for v in _variables(model) if not any(v is w for layer in model.layers for w in layer.weights)]
    _write_variables(group.create_group(TOP), own)


def write_optimizer(model: Any, file: Any) -> None:
    """Write the state of a model's optimizer."""
    _write_variables(file.create_group(OPTIMIZER), list(model.optimizer.variables))


def _write_variables(group: Any, variables: list[Variable]) -> None:
    names: list[str] = []
    for variable in variables:
        name, number = variable.path, 1
        while name in names:  # two variables of one path, which Keras cannot write
            name, number = f"{variable.path}_{number}", number + 1
        names.append(name)
        value = variable.numpy()
        group.create_dataset(name, data=value.astype("float32") if value.dtype.kind == "V" else value)
    _write_names(group, "weight_names", names)


def _write_names(group: Any, attribute: str, names: list[str]) -> None:
    encoded = [name.encode() for name in names]
    longest = max(map(len, encoded), default=1)
    count = max(1, LONGEST_ATTRIBUTE // longest)
    if len(encoded) <= count:
        group.attrs[attribute] = encoded
        return
    for i in range(0, len(encoded), count):
        group.attrs[f"{attribute}{i // count}"] = encoded[i : i + count]


# -- names ------------------------------------------------------------------------------------------------------------


def read_text(attributes: Any, name: str, largest: int) -> str | None:
    """An attribute that is a text; None if there is none."""
    if name not in attributes:
        return None
    found = attributes[name] if math.prod(attributes.get_id(name).shape) == 1 else None
    found = found.decode("utf-8", "replace") if isinstance(found, bytes) else found
    if not isinstance(found, str) or len(found) > largest:
        raise ValueError(f"The attribute {name!r} of the file should be a text of at most {largest:,} characters.")
    return found


def _names(group: Any, attribute: str) -> list[str]:
    """A list of names, which may be split over several attributes."""
    parts = [attribute] if attribute in group.attrs else []
    while parts[:1] != [attribute] and f"{attribute}{len(parts)}" in group.attrs:
        parts.append(f"{attribute}{len(parts)}")
    found: list[str] = []
    for part in parts:
        shape = group.attrs.get_id(part).shape
        if len(shape) != 1 or len(found) + shape[0] > MOST_NAMES:
            raise ValueError(f"The attribute {part!r} of {group.name!r} should be a list of names, but has shape {shape}.")
        found += [n.decode("utf-8", "replace") if isinstance(n, bytes) else str(n) for n in group.attrs[part]]
    return found


def _group(group: Any, name: str) -> Any:
    found = _walk(group, name, "Group")
    if found is None:
        raise ValueError(f"The file lists a layer {name!r}, but has no group of that name.")
    return found


def _dataset(group: Any, name: str, where: str) -> Any:
    found = _walk(group, name, "Dataset")
    if found is None:
        raise ValueError(f"The file lists an array {where!r}, but has none of that name.")
    return found


def _walk(group: Any, name: str, kind: str) -> Any:
    """Return the object at a path. Each part of the path must be in the file itself."""
    *folders, last = [part for part in name.split("/") if part not in ("", ".", "..")] or [""]
    for part in folders:
        group = None if group is None else plain_member(group, part, "Group", name)
    return None if group is None else plain_member(group, last, kind, name)
