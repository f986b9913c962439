"""Checkpoints of Orbax, in folders as Keras's `OrbaxCheckpoint` writes them; the extra `jkeras[orbax]`.

    folder/12/pytree         the variables, as `get_state_tree` nests them
    folder/12/model_config   the model as `serialize` describes it, as JSON; not with weights alone
    folder/12/assets         files that layers write themselves, as arrays of bytes

`12` is the number of the step. The newest one is read, or the one whose own folder is given.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import SingleDeviceSharding

from jkeras.core import tree
from jkeras.saving.assets import FOLDER, read_assets, write_assets
from jkeras.saving.members import Members
from jkeras.serialization import serialize

PARTS = ("pytree", "model_config", "assets")
MARKS = ("_CHECKPOINT_METADATA", "orbax.checkpoint", "pytree.orbax-checkpoint", "checkpoint_metadata")
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
    state = model.get_state_tree()
    if weights_only:
        return {"pytree": {kind: state[kind] for kind in ("trainable_variables", "non_trainable_variables")}}
    parts = {"pytree": state, "model_config": {"config": json.dumps(serialize(model))}}
    files: dict[tuple, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in write_assets(model, folder):
            files[tuple(name.split("/")[1:])] = np.fromfile(os.path.join(folder, name), np.uint8)
    return {**parts, "assets": tree.nest(files)} if files else parts


def load_state(path: str) -> tuple[dict, str | None, dict]:
    """The variables, the JSON of the model, and the assets of the newest checkpoint in a folder, or of the one that it is.

    Raises:
        ValueError: there is no whole checkpoint.
    """
    ocp = library()
    found = steps(path)
    own = os.path.join(path, str(found[-1])) if found else path
    parts = [part for part in PARTS if os.path.isdir(os.path.join(own, part))]
    if "pytree" not in parts:
        raise ValueError(f"{path!r} has no whole checkpoint.")
    own, device = os.path.abspath(own), SingleDeviceSharding(jax.local_devices()[0])
    metadata = getattr(ocp, "metadata", None) or ocp.pytree_metadata  # the name in Orbax before 0.12

    def wanted(part: str) -> Any:
        """The arrays of a part on this process's device, wherever they were when they were written."""
        arrays = metadata(own, checkpointable_name=part).metadata
        return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=device), arrays)

    with ocp.Context():
        asked = {part: None if part == "model_config" else wanted(part) for part in parts}
        loaded = ocp.load_checkpointables(own, asked)
    config = loaded.get("model_config", {}).get("config")
    return loaded["pytree"], config, loaded.get("assets") or {}


def restore(model: Any, state: Mapping, assets: Mapping = {}) -> None:
    """Give a model what a checkpoint holds; the sums of metrics, which every pass begins anew, only where the model has them.

    Raises:
        ValueError: it belongs to another model.
    """
    optimizer = model.optimizer
    saved = {kind: nested for kind, nested in state.items() if nested}
    if optimizer is None:
        saved.pop("optimizer_variables", None)
    elif not optimizer.built and saved.get("optimizer_variables"):
        optimizer.build(model.trainable_variables)
    own = model.get_state_tree()
    saved = {kind: renamed(nested, own.get(kind, {}), model.name) for kind, nested in saved.items()}
    metrics = tree.flatten(saved.get("metrics_variables", {}))
    if not metrics.keys() <= tree.flatten(own["metrics_variables"]).keys():
        del saved["metrics_variables"]
    model.set_state_tree(saved)
    if not assets:
        return
    with tempfile.TemporaryDirectory() as folder:
        for path, content in tree.flatten(dict(assets)).items():
            if any(part in ("", ".", "..") or os.path.basename(part) != part for part in path):
                raise ValueError(f"A checkpoint has a file of the bad name {'/'.join(path)!r}.")
            os.makedirs(os.path.join(folder, FOLDER, *path[:-1]), exist_ok=True)
            np.asarray(content, np.uint8).tofile(os.path.join(folder, FOLDER, *path))
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
