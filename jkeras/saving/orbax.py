"""Checkpoints of Orbax, in folders as Keras's `OrbaxCheckpoint` writes them; the extra `jkeras[orbax]`.

    folder/12/pytree         the variables, as `get_state_tree` nests them
    folder/12/model_config   the model as `serialize` describes it, as JSON; not with weights alone
    folder/12/assets         files that layers write themselves, as arrays of bytes

`12` is the number of the step. The newest one is read, or the one whose own folder is given.
"""

import errno
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import SingleDeviceSharding

from jkeras.core import tree
from jkeras.runtime.mesh import ONE_DEVICE, current
from jkeras.saving.assets import FOLDER, read_assets, write_assets
from jkeras.saving.members import Members
from jkeras.serialization import serialize

PARTS = ("pytree", "model_config", "assets")
MARKS = ("_CHECKPOINT_METADATA", "orbax.checkpoint", "pytree.orbax-checkpoint", "checkpoint_metadata")
FULL = ("no space left", "disk quota", "enospc", "edquot")
INSTALL = 'This needs the library Orbax, which is not installed:\n    pip install "jkeras[orbax]"'


def library() -> Any:
    """The module `orbax.checkpoint.v1`.

    Raises:
        ImportError: it is not installed.
    """
    try:
        from orbax.checkpoint import v1  # optional, and slow to import
    except ImportError:
        raise ImportError(INSTALL) from None
    return v1


def save(model: Any, path: str, weights_only: bool) -> Any:
    """Begin to write one checkpoint of a model, each process its own parts of the arrays.

    Args:
        model: what is saved is decided now.
        path: of the checkpoint; another one there is replaced.
        weights_only: whether to leave out the model's config and the optimizer's state.

    Returns:
        An object whose `result()` waits until it is on disk.
    """
    with library().Context():
        return library().save_checkpointables_async(os.path.abspath(path), contents(model, weights_only), overwrite=True)


def checkpointer(directory: str, keep: int | None) -> Any:
    """Orbax's `Checkpointer` for a folder.

    Args:
        directory: the folder.
        keep: how many checkpoints stay, the newest ones; None for all.
    """
    training = library().training
    return training.Checkpointer(
        directory=os.path.abspath(directory),
        preservation_policy=None if keep is None else training.preservation_policies.LatestN(keep),
        save_decision_policy=training.save_decision_policies.FixedIntervalPolicy(1),
    )


def is_full(error: BaseException) -> bool:
    """True if an error says that there is no room on the disk."""
    return any(word in f"{error}".lower() for word in FULL) or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)


def is_checkpoint(path: str) -> bool:
    """True if this is a folder of checkpoints, or of one."""
    try:
        found = os.listdir(path)
    except OSError:
        return False
    return any(name in MARKS for name in found) or bool(steps(path))


def steps(path: str) -> list[int]:
    """The numbers of the checkpoints in a folder, in ascending order; those that are not whole have other names."""
    found = os.listdir(path) if os.path.isdir(path) else []
    return sorted(int(name) for name in found if name.isdigit() and os.path.isdir(os.path.join(path, name)))


def contents(model: Any, weights_only: bool) -> dict[str, Any]:
    """Return the contents of a checkpoint of a model, part by part."""
    state = model.get_state_tree(lambda variable: current().put_variables([variable], [variable.value])[0])
    if weights_only:
        return {"pytree": {kind: state[kind] for kind in ("trainable_variables", "non_trainable_variables")}}
    parts = {"pytree": state, "model_config": {"config": json.dumps(serialize(model))}}
    files: dict[tuple, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in write_assets(model, folder):
            files[tuple(name.split("/")[1:])] = np.fromfile(os.path.join(folder, name), np.uint8)
    return {**parts, "assets": tree.nest(files)} if files else parts


def load_config(path: str) -> tuple[str | None, dict]:
    """The JSON of the model, and the assets of the newest checkpoint in a folder, or of the one that it is.

    Raises:
        ValueError: there is no whole checkpoint.
    """
    own, parts = _newest(path)
    asked = {part: None if part == "model_config" else _wanted(own, part) for part in parts if part != "pytree"}
    with library().Context():
        loaded = library().load_checkpointables(own, asked) if asked else {}
    return loaded.get("model_config", {}).get("config"), loaded.get("assets") or {}


def _newest(path: str) -> tuple[str, list[str]]:
    """The folder of the newest checkpoint, and its parts."""
    found = steps(path)
    own = os.path.abspath(os.path.join(path, str(found[-1])) if found else path)
    parts = [part for part in PARTS if os.path.isdir(os.path.join(own, part))]
    if "pytree" not in parts:
        raise ValueError(f"{path!r} has no whole checkpoint.")
    return own, parts


def load(path: str, part: str, place: Callable[[tree.Path], Any] = lambda path: None) -> Any:
    """A part of a checkpoint, which is nested dicts of arrays.

    Args:
        path: the folder of the checkpoint.
        part: the name of the part.
        place: the sharding that the array of a path shall have; None for the device of this process.
    """
    with library().Context():
        return library().load_checkpointables(path, {part: _wanted(path, part, place)})[part]


def _wanted(path: str, part: str, place: Callable[[tree.Path], Any] = lambda path: None) -> Any:
    """The specs of the arrays of a part, at their places here, wherever they were when they were written."""
    ocp = library()
    metadata = getattr(ocp, "metadata", None) or ocp.pytree_metadata  # the name in Orbax before 0.12
    device = SingleDeviceSharding(jax.local_devices()[0])

    def spec(keys: tuple, a: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=place(tuple(str(key.key) for key in keys)) or device)

    with ocp.Context():  # a dict may be empty, and has to be asked for all the same
        return jax.tree_util.tree_map_with_path(spec, metadata(path, checkpointable_name=part).metadata)


def restore(model: Any, path: str, assets: Mapping = {}) -> None:
    """Give a model what the newest checkpoint in a folder holds; the sums of metrics, which every pass begins anew, only where the
    model has them. On several devices, each array is read to where it belongs.

    Args:
        model: a model that is built.
        path: of the folder.
        assets: what `load_config` has found.

    Raises:
        ValueError: it belongs to another model.
    """
    optimizer, (own, _) = model.optimizer, _newest(path)
    specs = tree.flatten(_wanted(own, "pytree"))
    if optimizer is not None and not optimizer.built and any(kind == "optimizer_variables" for kind, *_ in specs):
        optimizer.build(model.trainable_variables)
    variables, places = model.get_state_tree(lambda variable: variable), {}
    kinds: dict[str, Any] = tree.nest({path: path for path in specs})  # under the names of a process before
    for kind, nested in kinds.items():
        for to, known in tree.flatten(renamed(nested, variables.get(kind, {}), model.name)).items():
            places[known] = (kind, *to)
    owners = tree.flatten(variables)
    placement = current()

    def place(source: tree.Path) -> Any:
        variable = owners.get(places[source])
        return None if variable is None or placement is ONE_DEVICE else placement.of(variable)

    state = tree.nest({places[source]: array for source, array in tree.flatten(load(own, "pytree", place)).items()})
    if optimizer is None:
        state.pop("optimizer_variables", None)
    metrics = tree.flatten(state.get("metrics_variables", {}))
    if not metrics.keys() <= tree.flatten(variables["metrics_variables"]).keys():
        del state["metrics_variables"]
    model.set_state_tree(state)
    if not assets:
        return
    with tempfile.TemporaryDirectory() as folder:
        for parts, content in tree.flatten(dict(assets)).items():
            if any(part in ("", ".", "..") or os.path.basename(part) != part for part in parts):
                raise ValueError(f"The checkpoint has a file with a name that is not allowed: {'/'.join(parts)!r}.")
            os.makedirs(os.path.join(folder, FOLDER, *parts[:-1]), exist_ok=True)
            np.asarray(content, np.uint8).tofile(os.path.join(folder, FOLDER, *parts))
        with Members(folder, None) as members:
            read_assets(model, members)


def renamed(saved: Mapping, own: Mapping, model: str) -> dict:
    """A tree under the names of another one. They may differ in the numbers that a process gives to layers ("dense_3"), and in whether
    the name of the model stands in front, which depends on how it was built.

    >>> renamed({"dense": {"bias": 1}, "dense_1": {"bias": 2}}, {"net": {"dense_9": {"bias": 0}, "dense_10": {"bias": 0}}}, "net")
    {'net': {'dense_9': {'bias': 1}, 'dense_10': {'bias': 2}}}
    """
    ours, theirs = tree.flatten(own), tree.flatten(saved)
    if set(ours) == set(theirs):
        return dict(saved)
    groups = _grouped(ours, model)
    names: dict[Any, Any] = {}
    for key, paths in _grouped(theirs, model).items():
        found = groups.get(key, [])
        names |= zip(paths, found if len(found) == len(paths) else paths, strict=True)
    return tree.nest({names[path]: value for path, value in theirs.items()})


def _grouped(paths: Iterable[tree.Path], model: str) -> dict[tuple, list[tree.Path]]:
    """Paths that differ only in numbers, in the order of these, by what they have in common."""
    root, groups = _plain(model), {}  # type: str, dict[tuple, list[tuple]]
    for path in paths:
        plain = tuple(map(_plain, path))
        plain = plain[1:] if plain[0] == root and len(plain) > 1 else plain
        key = (*plain[:-1], plain[-1].removeprefix(f"{root}_"))  # an optimizer's variables have the paths in their names
        numbers = [[int(number) for number in re.findall(r"_(\d+)", part)] for part in path]
        groups.setdefault(key, []).append((numbers, path))
    return {key: [path for _, path in sorted(found)] for key, found in groups.items()}


def _plain(name: str) -> str:
    return re.sub(r"_\d+", "", name)
