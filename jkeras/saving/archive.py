"""The archive of a whole model, `name.keras`: a zip file as Keras 3 writes it.

    metadata.json      the version that wrote it, and the time
    config.json        the model as `serialize` describes it: layers, graph, shapes, arguments of compile()
    model.weights.h5   the weights and the optimizer's state
    assets/            files that layers write themselves: vocabularies

An archive can come from anybody, so it is not trusted. `members` and `store` check its sizes. Its config may name only
objects that are published or registered (`serialization/registry.py`), and nothing in it is run.
"""

import datetime
import json
import os
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

from jkeras.core.containment import contained
from jkeras.core.module import Module
from jkeras.errors import known_keywords
from jkeras.saving import orbax
from jkeras.saving.assets import FOLDER as ASSETS
from jkeras.saving.assets import read_assets, write_assets
from jkeras.saving.bounds import LARGEST_CONFIG, check_config, check_text
from jkeras.saving.files import may_write, path_of, replacing, replacing_folder, scratch
from jkeras.saving.hdf5 import ENDINGS, VERSION, read_arrays, read_config, write_model
from jkeras.saving.members import Members
from jkeras.saving.objects import deserialize_keras_object
from jkeras.saving.open_files import from_open_file, is_open_file, to_open_file
from jkeras.saving.weights import MEMBER, opened, read_weights, write_weights
from jkeras.serialization import custom_object_scope, serialize

METADATA, CONFIG = "metadata.json", "config.json"


@known_keywords
@contained
def save_model(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    zipped: bool | None = None,
    include_optimizer: bool = True,
    save_format: str | None = None,
) -> None:
    """Write a model, with its weights, what `compile` was given and the optimizer's state, to a file that Keras reads, too.

    Args:
        model: the model.
        filepath: a name that ends in `.keras`; in `.h5` for the older form, which Keras 2 reads, too; that of a folder, with
            `zipped=False`. Folders that are missing are made. Or a file that is open for writing bytes (`io.BytesIO()`),
            which gets what a `.keras` file has.
        overwrite: whether a file of this name is replaced, which happens once the new one is complete. With False, a question
            is asked if there is a terminal.
        zipped: False writes the three members of the archive into a folder, where they are replaced all at once.
        include_optimizer: False leaves out what `compile` was given, and the optimizer's state.
        save_format: Keras 2's name of the format, which the ending of the file's name says, too; it is warned of.

    Raises:
        ValueError: the name has another ending.
        FileExistsError: there is such a file, `overwrite` is False, and there is no terminal to ask at.
        TypeError: something in the model has no config, such as a lambda.

    Warns:
        UserWarning: the model is not built; or `save_format` is given.

    >>> import jkeras, os, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2)])
    >>> save_model(model, os.path.join(folder.name, "model.keras"))
    >>> os.listdir(folder.name)
    ['model.keras']
    >>> folder.cleanup()
    """
    if is_open_file(filepath):
        with to_open_file(filepath, "model.keras") as path:
            save_model(model, path, include_optimizer=include_optimizer)
        return
    path, zipped = path_of(filepath), zipped is not False
    _check_format(save_format, path)
    if not path.endswith((".keras", *ENDINGS) if zipped else "") or (not zipped and path.endswith((".keras", *ENDINGS))):
        wanted = (
            "a name that ends in '.keras' or '.h5'" if zipped else "the name of a folder, which should not end in '.keras'"
        )
        raise ValueError(f"Invalid filepath extension for saving: save(zipped={zipped}) needs {wanted}, got {path!r}.")
    if not model.built:
        warnings.warn(f"Model {model.name!r} is saved before it is built, so the file has no weights.", stacklevel=3)
    if not may_write(path, overwrite):
        return
    if path.endswith(ENDINGS):
        with replacing(path, True) as temporary:
            write_model(model, temporary, include_optimizer)
        return
    config = serialize(model)
    if not include_optimizer:
        config.pop("compile_config", None)
    texts = {METADATA: json.dumps(_metadata()), CONFIG: json.dumps(config)}
    if not zipped:
        with replacing_folder(path, (*texts, MEMBER, ASSETS)) as folder:
            _write_members(model, folder, texts, include_optimizer)
        return
    with replacing(path, True) as temporary, scratch(os.path.realpath(path), folder=True) as folder:
        names = _write_members(model, folder, texts, include_optimizer)
        with zipfile.ZipFile(temporary, "x") as archive:
            for name in names:
                archive.write(os.path.join(folder, name), name)


def _write_members(model: Any, folder: str, texts: Mapping[str, str], include_optimizer: bool) -> list[str]:
    """Write the members of the archive as files of a folder; returns their names."""
    for name, text in texts.items():
        with open(os.path.join(folder, name), "x", encoding="utf-8") as file:
            file.write(text)
    write_weights(model, os.path.join(folder, MEMBER), include_optimizer)
    return [*texts, MEMBER, *write_assets(model, folder)]


def _check_format(save_format: str | None, path: str) -> None:
    if save_format:
        advice = (
            "The `save_format` argument is deprecated in Keras 3: the ending of the file's name, '.keras' or '.h5', says it."
        )
        if not path.endswith((".keras", *ENDINGS)):
            raise ValueError(f"{advice} Got save_format={save_format!r} for {path!r}.")
        warnings.warn(advice, stacklevel=4)


@known_keywords
@contained
def load_model(
    filepath: Any,
    custom_objects: Mapping | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    max_bytes: int | None = None,
) -> Any:
    """Load a model from a file that `save_model` wrote, here or in Keras.

    Args:
        filepath: a `.keras` file, a folder that was written with `zipped=False`, a `.h5` file of Keras 1, 2 or 3, or a folder of
            checkpoints that `OrbaxCheckpoint` wrote; its name, or a file that is open for reading bytes.
        custom_objects: `{name: class or function}` that the file may name besides the library's and the registered ones.
        compile: whether to compile the model as it was; then training goes on where it stopped.
        safe_mode: only True is possible: code found in a file is never run.
        max_bytes: how many bytes all arrays of the file may claim; by default 64 MiB, or 100 times the size of the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, names what is unknown here, or holds weights that do not fit what it describes.

    >>> import jkeras, os, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2)])
    >>> model.save(os.path.join(folder.name, "model.keras"))
    >>> load_model(os.path.join(folder.name, "model.keras")).output_shape
    (None, 2)
    >>> folder.cleanup()
    """
    if is_open_file(filepath):
        with from_open_file(filepath, "model.keras", "model.h5") as path:
            return load_model(path, custom_objects, compile, safe_mode, max_bytes)
    path = path_of(filepath)
    if path.endswith(ENDINGS) and not os.path.isdir(path):
        return _load_hdf5(path, custom_objects, compile, safe_mode, max_bytes)
    if orbax.is_checkpoint(path):
        return _load_checkpoint(path, custom_objects, compile, safe_mode)
    if not os.path.isdir(path) and not path.endswith(".keras"):
        raise ValueError(f"File format not supported: a model is loaded from a '.keras' or '.h5' file, got {path!r}.")
    with Members(path, max_bytes) as members:
        config = _parse(members.read(CONFIG, LARGEST_CONFIG), path)
        if not compile:
            config.pop("compile_config", None)
        model = _make(config, custom_objects, safe_mode, path)
        with members.open(MEMBER) as weights:
            read_weights(model, weights, path, whole=True, max_bytes=max_bytes)
        read_assets(model, members)
    return model


def _load_checkpoint(path: str, custom_objects: Mapping | None, compile: bool, safe_mode: bool) -> Any:
    text, assets = orbax.load_config(path)
    if text is None:
        raise ValueError(
            f"The checkpoint in {path!r} does not contain model configuration: it contains only weights. Make the model in your "
            f"program, and call model.load_weights({path!r})."
        )
    config = _parse(text.encode(), path)
    if not compile:
        config.pop("compile_config", None)
    model = _make(config, custom_objects, safe_mode, path)
    orbax.restore(model, path, assets)
    return model


def _load_hdf5(path: str, custom_objects: Mapping | None, compile: bool, safe_mode: bool, max_bytes: int | None) -> Any:
    with opened(path, path, max_bytes=max_bytes) as file:
        config = read_config(file, path, LARGEST_CONFIG)
        if config is None:
            raise ValueError(
                f"No model config found in {path!r}: it contains only weights. Make the model in your program, and call "
                f"model.load_weights({path!r})."
            )
        compiled = config.pop("compile_config", None)
        check_config({**config, "compile_config": compiled}, path)
        model = _make(config, custom_objects, safe_mode, path)
        if compile and compiled is not None:
            with custom_object_scope(custom_objects or {}):
                model.compile_from_config(compiled)
        read_arrays(model, file, path)
    return model


def _metadata() -> dict:
    return {"keras_version": VERSION, "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")}


def _parse(text: bytes, path: str) -> dict:
    check_text(text, CONFIG, path)
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{CONFIG!r} in {path!r} is no JSON that can be read: {error}") from error
    if not isinstance(config, dict) or not {"class_name", "config"} <= set(config):
        raise ValueError(f"{CONFIG!r} in {path!r} does not describe a model.")
    check_config(config, path)
    return config


def _make(config: dict, custom_objects: Mapping | None, safe_mode: bool, path: str) -> Any:
    """The model, with fresh weights."""
    try:
        with custom_object_scope(custom_objects or {}):
            model = deserialize_keras_object(config, safe_mode=safe_mode)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError) as error:
        what = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise ValueError(f"{path!r} describes a model that cannot be made here. {what}") from error
    if not (isinstance(model, Module) and hasattr(model, "save")):
        raise ValueError(f"{path!r} describes no model, but {type(model).__name__}.")
    return model
