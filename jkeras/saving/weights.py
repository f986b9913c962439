"""Weights in HDF5 files, `name.weights.h5`, as Keras 3 writes and reads them.

Loading has three steps: find the store of every module, compare all shapes, assign. A file that does not fit changes
nothing. Files of jkeras also contain the states of seed generators, which Keras ignores. So training that continues
from a file draws the same dropout masks as training without interruption.
"""

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from jkeras.core.assignment import unless_it_fails
from jkeras.core.containment import contained
from jkeras.core.own_variables import OwnVariables, check_store, own_variables
from jkeras.core.owner import Owner
from jkeras.core.turns import at_one_step
from jkeras.core.variable import Variable
from jkeras.errors import MissingFileError
from jkeras.saving import orbax, shards, tensors
from jkeras.saving.files import may_write, path_of, replacing
from jkeras.saving.groups import stored_modules
from jkeras.saving.hdf5 import ENDINGS as OLD_ENDINGS
from jkeras.saving.hdf5 import VERSION
from jkeras.saving.layered import layered_group, read_layers, write_layers
from jkeras.saving.members import Members
from jkeras.saving.open_files import from_open_file, is_open_file, to_open_file
from jkeras.saving.store import ReadStore, WrittenStore, check_budget, stored_paths

EXTENSION = ".weights.h5"
WITH_MODULES = (EXTENSION, shards.EXTENSION, tensors.EXTENSION)  # the forms that have a group for each module
MEMBER = "model.weights.h5"  # of an archive


@contained
def save_weights(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    max_shard_size: float | None = None,
    objects_to_skip: Iterable[Owner] | None = None,
) -> None:
    """Write a model's (or a layer's) weights, and its optimizer's state, to an HDF5 file that Keras reads, too.

    Args:
        model: a model or layer that is built.
        filepath: a name that ends in `.weights.h5`; one that ends in `.h5` gets the older form, without the optimizer, which
            Keras 2 reads, too; with `max_shard_size`, one that ends in `.weights.json`; one that ends in `.safetensors` (the
            extra `jkeras[safetensors]`). Or a file that is open for writing bytes.
        overwrite: whether a file of this name is replaced, which happens once the new one is complete. With False, a question
            is asked if there is a terminal.
        max_shard_size: how many GiB the arrays of one file may have; the weights are written to as many files as that takes,
            `name_00000.weights.h5` and so on, beside the index `name.weights.json`.
        objects_to_skip: layers (or optimizers) whose weights are not written.

    Raises:
        ValueError: the name ends otherwise, the model is not built, or an array is larger than `max_shard_size`.
        FileExistsError: there is such a file, `overwrite` is False, and there is no terminal to ask at.

    >>> import jkeras, os, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2)])
    >>> save_weights(model, os.path.join(folder.name, "model.weights.h5"))
    >>> os.listdir(folder.name)
    ['model.weights.h5']
    >>> folder.cleanup()
    """
    if is_open_file(filepath):
        with to_open_file(filepath, "model" + EXTENSION) as path:
            save_weights(model, path, objects_to_skip=objects_to_skip)
        return
    path = path_of(filepath)
    if max_shard_size is not None and not (path.endswith(shards.EXTENSION) and max_shard_size > 0):
        raise ValueError(
            f"The filename must end in `.weights.json` when `max_shard_size` is specified, and that be more than 0 (GiB); got "
            f"{path!r} and max_shard_size={max_shard_size!r}."
        )
    if max_shard_size is None and not path.endswith((*OLD_ENDINGS, tensors.EXTENSION)):
        more = " Weights in several files, `.weights.json`, need max_shard_size." if path.endswith(shards.EXTENSION) else ""
        raise ValueError(f"The filename must end in `.weights.h5` (or `.h5`, for the form of Keras 2), got {path!r}.{more}")
    if objects_to_skip is not None and not path.endswith(WITH_MODULES):
        raise ValueError(f"`objects_to_skip` is for '.weights.h5' files only, got {path!r}.")
    _check_built(model, "save_weights")
    if not may_write(path, overwrite):
        return
    skip = tuple(objects_to_skip or ())
    if max_shard_size is not None:
        modules = stored_modules(model, skip)
        with at_one_step(held_variables(modules)), shards.written_shards(path, max_shard_size) as parts:
            for group, module in modules.items():
                module.save_own_variables(shards.ShardedStore(parts, group, getattr(module, "name", None)))  # type: ignore[attr-defined]
        return
    with replacing(path, True) as temporary:
        if path.endswith(EXTENSION):
            write_weights(model, temporary, skip=skip)
        elif path.endswith(tensors.EXTENSION):
            modules = stored_modules(model, skip)
            with at_one_step(held_variables(modules)):
                tensors.write_tensors(modules, temporary, path)
        else:
            with opened(temporary, path, "x") as file, at_one_step(model.variables):
                write_layers(model, file, VERSION)


@contained
def load_weights(
    model: Any,
    filepath: Any,
    skip_mismatch: bool = False,
    by_name: bool = False,
    max_bytes: int | None = None,
    objects_to_skip: Iterable[Owner] | None = None,
) -> None:
    """Load a model's weights, and its optimizer's state, from a file that was written here or by Keras.

    Args:
        model: a model that is built.
        filepath: a `.weights.h5`, `.weights.json`, `.safetensors`, `.keras` or `.h5` file, the last of Keras 1, 2 or 3 or of
            weights alone; or a folder of checkpoints that `OrbaxCheckpoint` wrote; or a file that is open for reading bytes.
        skip_mismatch: leave layers as they are whose weights do not fit, with a warning, instead of raising an error.
        by_name: take what the file has for layers of the same name. Only the older form, `.h5`, has names.
        max_bytes: how many bytes all arrays of the file may claim; by default 64 MiB, or 100 times the size of the file.
        objects_to_skip: layers (or optimizers) that stay as they are. Only `.weights.h5` and `.weights.json` files have them.

    Raises:
        ValueError: a layer's number of weights or the shape of one differs, the file cannot be read, or the model is not built.
            The model is as it was, then.

    >>> import jkeras, os, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2, kernel_initializer="ones")])
    >>> save_weights(model, os.path.join(folder.name, "model.weights.h5"))
    >>> _ = model.layers[0].kernel.assign(jkeras.ops.zeros((3, 2)))
    >>> load_weights(model, os.path.join(folder.name, "model.weights.h5"))
    >>> model.layers[0].kernel.numpy().tolist()
    [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
    >>> folder.cleanup()
    """
    if is_open_file(filepath):
        with from_open_file(filepath, "model.keras", "model" + EXTENSION) as path:
            load_weights(model, path, skip_mismatch, by_name, max_bytes, objects_to_skip)
        return
    path = path_of(filepath)
    if orbax.is_checkpoint(path):
        _check_built(model, "load_weights")
        orbax.restore(model, path)
        return
    if not path.endswith((".keras", shards.EXTENSION, tensors.EXTENSION, *OLD_ENDINGS)):
        raise ValueError(
            f"File format not supported: weights are loaded from a {EXTENSION!r}, '.keras' or '.h5' file, got {path!r}."
        )
    _check_built(model, "load_weights")
    if objects_to_skip is not None and not path.endswith(WITH_MODULES):
        raise ValueError(f"`objects_to_skip` only supports loading '.weights.h5' files, got {path!r}.")
    skip = tuple(objects_to_skip or ())
    if path.endswith((shards.EXTENSION, tensors.EXTENSION)):
        _check_unnamed(by_name, path)
        opened_parts = shards.opened_shards if path.endswith(shards.EXTENSION) else tensors.opened_tensors
        with opened_parts(path, max_bytes) as files:
            read_weights(model, files, path, skip_mismatch, skip=skip)
        return
    if path.endswith(".keras"):
        _check_unnamed(by_name, path)
        with Members(path, max_bytes) as members, members.open(MEMBER) as file:
            read_weights(model, file, path, skip_mismatch, max_bytes=max_bytes)
        return
    with opened(path, path, max_bytes=max_bytes) as file:
        group = layered_group(file)
        if group is not None:
            read_layers(model, group, path, by_name, skip_mismatch)
            return
    _check_unnamed(by_name, path)
    read_weights(model, path, path, skip_mismatch, max_bytes=max_bytes, skip=skip)


def _check_unnamed(by_name: bool, path: str) -> None:
    if by_name:
        raise ValueError(
            f"Invalid keyword arguments: by_name=True only supports loading legacy '.h5' or '.hdf5' files; {path!r} has no names."
        )


def write_weights(model: Owner, path: str, include_optimizer: bool = True, skip: Iterable[Owner] = ()) -> None:
    """Write the stores of a model's modules to a new HDF5 file."""
    modules = stored_modules(model, skip)
    with opened(path, path, "x") as file, at_one_step(held_variables(modules)):
        for group, module in modules.items():
            if group == "optimizer" and not include_optimizer:
                continue
            module.save_own_variables(WrittenStore(file, group, getattr(module, "name", None)))  # type: ignore[attr-defined]


def held_variables(modules: dict[str, Owner]) -> list[Variable]:
    """The variables that modules hold directly."""
    return [child for module in modules.values() for _, child in module.children() if isinstance(child, Variable)]


def read_weights(
    model: Owner,
    source: Any,
    name: str,
    skip_mismatch: bool = False,
    whole: bool = False,
    max_bytes: int | None = None,
    skip: Iterable[Owner] = (),
) -> None:
    """Load what fits of an HDF5 file into a model's modules; see `load_weights`.

    Args:
        model: a built model.
        source: the name of the file, or an open one; or a tuple of open HDF5 files, each with a part.
        name: how messages call it.
        skip_mismatch: warn instead of raising.
        whole: whether the file is of this very model, so that it should have nothing that finds no place.
        max_bytes: see `load_weights`.
        skip: modules that stay as they are.
    """
    with opened(source, name, max_bytes=max_bytes) as file:
        paths = list(stored_paths(file))
        modules = stored_modules(model, skip, paths)
        optimizers = {path: module for path, module in modules.items() if not isinstance(module, OwnVariables)}
        layers = {path: module for path, module in modules.items() if path not in optimizers}
        problems: dict[str, str] = {}
        stores = _matched(layers, file, problems)
        if problems and not skip_mismatch:
            raise ValueError(_listed(name, problems))
        for path, module in optimizers.items():  # their state takes memory, so the weights' sizes are looked at before
            if path == "optimizer" and not module.built and len(ReadStore(file, path)) > len(module.variables):  # type: ignore[attr-defined]
                module.build(model.trainable_variables)  # type: ignore[attr-defined]
        stores |= _matched(optimizers, file, problems)
        if problems and not skip_mismatch:
            raise ValueError(_listed(name, problems))
        if whole:
            _report_unused(paths, modules, name)
        with unless_it_fails(held_variables(modules)):
            for path, store in stores.items():
                try:
                    modules[path].load_own_variables(store)  # type: ignore[attr-defined]
                except MemoryError:
                    raise
                except Exception as error:
                    if not skip_mismatch:
                        raise ValueError(_listed(name, {path: str(error)})) from error
                    problems[path] = str(error)
    if problems:
        warnings.warn(_listed(name, problems), stacklevel=4)


def _report_unused(paths: list[str], modules: dict[str, Owner], name: str) -> None:
    """Warn of stores in the file that no module of the model has asked for, because a layer is not made yet."""
    unused = [path for path in paths if path not in modules and not path.startswith(("optimizer", "seed_gen"))]
    unused = [path for path in unused if "seed_generator" not in path]
    if unused:
        warnings.warn(
            f"{name!r} has weights for layers that the loaded model does not have: {unused[:10]}. If its call() makes them, call "
            "the model on data, then load_weights() from the file.",
            stacklevel=4,
        )


def _matched(modules: dict[str, Owner], file: Any, problems: dict[str, str]) -> dict[str, ReadStore]:
    """The stores of the modules that fit; why others do not is noted in `problems`."""
    stores = {}
    for path, module in modules.items():
        try:
            store = ReadStore(file, path)
            if _check(module, store):
                stores[path] = store
        except ValueError as error:
            problems[path] = str(error)
    return stores


def _check(module: Any, store: ReadStore) -> bool:
    """True if there is something to load; raises a ValueError if it does not fit."""
    if isinstance(module, OwnVariables):
        if getattr(module, "is_generator", False) and not len(store):
            return False  # Keras wrote the file
        if type(module).load_own_variables is OwnVariables.load_own_variables:
            check_store(module, own_variables(module), store)
        return True  # an override looks for itself
    if len(store) == len(module.variables):  # otherwise the optimizer warns that it starts anew, as in Keras
        check_store(module, module.variables, store)
    return len(store) > 0


def _check_built(model: Any, method: str) -> None:
    if not model.built:
        raise ValueError(
            f"Model {model.name!r} is not built, so it has no weights for {method}() yet. Call it on data, or build(input_shape), "
            "first."
        )


def _listed(name: str, problems: dict[str, str]) -> str:
    lines = [f"  {path or 'the model itself'}: {problem}" for path, problem in problems.items()]
    more = [f"  ... and {len(lines) - 10} more"] if len(lines) > 10 else []
    return "\n".join([f"{name!r} does not fit the model:", *lines[:10], *more])


@contextmanager
def opened(source: Any, name: str, mode: str = "r", max_bytes: int | None = None) -> Iterator[Any]:
    """An HDF5 file, by its name or as an open file; what the HDF5 library finds wrong in one that is read is a ValueError."""
    import h5py  # 60 ms, which `import jkeras` need not take

    if isinstance(source, tuple):
        yield source
        return
    if mode == "r" and isinstance(source, str) and not os.path.isfile(source):
        raise MissingFileError(f"There is no file {name!r}.")
    try:
        with h5py.File(source, mode) as file:
            if mode == "r":
                on_disk = name if os.path.isfile(name) else source if isinstance(source, str) else None
                check_budget(
                    file, name, os.path.getsize(on_disk) if on_disk else os.fstat(source.fileno()).st_size, max_bytes
                )
            yield file
    except (OSError, RuntimeError, KeyError) as error:
        if mode != "r":
            raise
        raise ValueError(f"{name!r} cannot be read as an HDF5 file: {error}") from error
    except ValueError as error:  # the message of a reader names what lies in the file
        if mode != "r" or name in str(error):
            raise
        raise ValueError(f"{name!r}: {error}") from error
