"""List and change the contents of a weights file: names of layers, and their arrays."""

import json
import os
from typing import Any

import numpy as np

from jkeras.core.own_variables import OwnVariables, own_variables
from jkeras.saving.files import path_of, replacing
from jkeras.saving.groups import stored_modules
from jkeras.saving.members import Members
from jkeras.saving.store import DEEPEST, WrittenStore, plain_member, read_dataset
from jkeras.saving.weights import EXTENSION, MEMBER, opened

LARGEST_TEXT = 2**28


class KerasFileEditor:
    """An editor for a file of weights. It lists the weights, compares them with a model, changes them, and saves a new
    file.

    Args:
        filepath: a `.keras` or `.weights.h5` file.
        max_bytes: how many bytes all arrays of the file may claim; by default 64 MiB, or 100 times the size of the file.

    Attributes:
        weights_dict: the arrays as nested dicts: `{"layers": {"dense": {"0": kernel, "1": bias}}}`.
        object_metadata: `{path: attributes}` of the groups in the file, such as the layers' names.
        metadata, config: what a `.keras` file says of itself and of the model; None for a file of weights.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the name ends otherwise, or the file is damaged or links to other files.

    >>> import jkeras, os, tempfile
    >>> model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2, name="head")])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save_weights(os.path.join(folder, "a.weights.h5"))
    ...     editor = KerasFileEditor(os.path.join(folder, "a.weights.h5"))
    >>> editor.summary()
    layers
      dense (head)
        0: shape (3, 2), float32
        1: shape (2,), float32
    >>> editor.rename_object("dense", "dense_1")
    >>> editor.compare(model)["error_count"]
    layers/dense: the model has it, the file does not
    layers/dense_1: the file has it, the model does not
    2
    """

    def __init__(self, filepath: Any, max_bytes: int | None = None):
        self.filepath = path_of(filepath)
        self.metadata = self.config = None
        self.object_metadata: dict[str, dict] = {}
        if self.filepath.endswith(".keras"):
            with Members(self.filepath, max_bytes) as members:
                self.metadata, self.config = (self._parsed(members, name) for name in ("metadata.json", "config.json"))
                with members.open(MEMBER) as file, opened(file, self.filepath, max_bytes=max_bytes) as group:
                    self.weights_dict = self._read(group, "", 0)
        elif self.filepath.endswith(EXTENSION):
            with opened(self.filepath, self.filepath, max_bytes=max_bytes) as group:
                self.weights_dict = self._read(group, "", 0)
        else:
            raise ValueError(f"KerasFileEditor opens '.keras' and '.weights.h5' files, got {self.filepath!r}.")

    def _parsed(self, members: Members, name: str) -> Any:
        try:
            return json.loads(members.read(name, LARGEST_TEXT))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{name!r} in {self.filepath!r} is no JSON that can be read: {error}") from error

    def _read(self, group: Any, path: str, depth: int) -> dict:
        """The arrays below a group; those of its `vars` stand in it itself, as far as it is not the root."""
        import h5py  # 60 ms, which `import jkeras` need not take

        if depth > DEEPEST:
            raise ValueError(f"{self.filepath!r} has more than {DEEPEST} groups in each other.")
        found: dict[str, Any] = {}
        for name in group:
            where = f"{path}/{name}".lstrip("/")
            link = group.get(name, getlink=True)
            kind = "Group" if isinstance(link, h5py.HardLink) and group.get(name, getclass=True) is h5py.Group else "Dataset"
            item = plain_member(group, name, kind, where)
            if kind == "Dataset":
                found[name] = read_dataset(item)
                continue
            inner = self._read(item, path if name == "vars" else where, depth + 1)
            attributes = dict(item.attrs)
            if attributes:
                self.object_metadata.setdefault(path if name == "vars" and path else where, {}).update(attributes)
            if name == "vars" and path:
                found |= inner
            elif inner:
                found[name] = inner
        return found

    # -- looking ------------------------------------------------------------------------------------------------------

    def summary(self) -> None:
        """Print what the file holds."""
        self._print(self.weights_dict, "", "")

    def _print(self, part: dict, path: str, indent: str) -> None:
        for name, item in part.items():
            if isinstance(item, dict):
                where = f"{path}/{name}".lstrip("/")
                title = self.object_metadata.get(where, {}).get("name")
                print(f"{indent}{name}" + (f" ({title})" if title is not None else ""))
                self._print(item, where, indent + "  ")
            else:
                print(f"{indent}{name}: shape {np.shape(item)}, {np.asarray(item).dtype}")

    def compare(self, reference_model: Any) -> dict[str, Any]:
        """Compare the names and shapes in the file with those of a model, and print what differs.

        Args:
            reference_model: a built model.

        Returns:
            `{"status": "success" or "error", "error_count": number, "match_count": number of arrays that fit}`.
        """
        wanted: dict[str, Any] = {}
        for path, module in stored_modules(reference_model).items():
            variables = own_variables(module) if isinstance(module, OwnVariables) else module.variables  # type: ignore[attr-defined]
            for i, variable in enumerate(variables):
                place = wanted
                for part in (path or "vars").split("/"):
                    place = place.setdefault(part, {})
                place[str(i)] = variable
        matches, problems = _compared(self.weights_dict, wanted, "")
        for problem in problems:
            print(problem)
        return {"status": "error" if problems else "success", "error_count": len(problems), "match_count": matches}

    # -- changing -----------------------------------------------------------------------------------------------------

    def _holder(self, name: str) -> tuple[dict, str]:
        """The dict that has an object, given by its path or by a name that is there once; and its name there."""
        found: list[tuple[dict, str]] = []

        def visit(part: dict, path: str) -> None:
            for key, item in part.items():
                where = f"{path}/{key}".lstrip("/")
                if isinstance(item, dict):
                    if name in (where, key):
                        found.append((part, key))
                    visit(item, where)

        visit(self.weights_dict, "")
        if not found:
            raise ValueError(f"{self.filepath!r} has no object {name!r}; editor.summary() lists all.")
        if len(found) > 1:
            raise ValueError(f"{name!r} is the name of {len(found)} objects in {self.filepath!r}: give the whole path.")
        return found[0]

    def rename_object(self, object_name: str, new_name: str) -> None:
        """Give an object (a layer) another name.

        Args:
            object_name: its name, or its path (`"layers/dense_2"`).
            new_name: a name, no path.

        Raises:
            ValueError: there is no such object, or several, or there is one of the new name.
        """
        if "/" in new_name:
            raise ValueError(f"The new name should be a name and no path, got {new_name!r}.")
        holder, name = self._holder(object_name)
        if new_name in holder:
            raise ValueError(f"There is an object {new_name!r} beside {object_name!r} already.")
        holder[new_name] = holder.pop(name)

    def delete_object(self, object_name: str) -> None:
        """Remove an object (a layer) with its arrays.

        Args:
            object_name: its name or path.
        """
        holder, name = self._holder(object_name)
        del holder[name]

    def add_object(self, object_path: str, weights: dict) -> None:
        """Add an object (a layer).

        Args:
            object_path: its path, `"layers/dense_2"`.
            weights: `{"0": kernel, "1": bias}`.
        """
        _check_weights(weights)
        *parents, name = object_path.split("/")
        place = self.weights_dict
        for part in parents:
            if not isinstance(place.get(part), dict):
                raise ValueError(f"{self.filepath!r} has no {'/'.join(parents)!r}, the place of {object_path!r}.")
            place = place[part]
        place[name] = dict(weights)

    def add_weights(self, object_name: str, weights: dict) -> None:
        """Add arrays to an object.

        Args:
            object_name: its name or path.
            weights: `{"1": bias}`.
        """
        _check_weights(weights)
        holder, name = self._holder(object_name)
        holder[name].update(weights)

    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Remove an array from an object.

        Args:
            object_name: its name or path.
            weight_name: `"0"`, `"1"`, ...
        """
        holder, name = self._holder(object_name)
        if weight_name not in holder[name]:
            raise ValueError(f"{object_name!r} has no weight {weight_name!r}; it has {list(holder[name])}.")
        del holder[name][weight_name]

    # -- writing ------------------------------------------------------------------------------------------------------

    def save(self, filepath: Any) -> None:
        """Write the weights to a file, for `load_weights`.

        Args:
            filepath: a name that ends in `.weights.h5`.
        """
        path = path_of(filepath)
        if not path.endswith(EXTENSION):
            raise ValueError(f"The filename must end in `.weights.h5`, got {path!r}.")
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with replacing(path, True) as temporary, opened(temporary, path, "x") as file:
            self._write(file, self.weights_dict, "")

    resave_weights = save

    def _write(self, file: Any, part: dict, path: str) -> None:
        arrays = {name: item for name, item in part.items() if not isinstance(item, dict)}
        if arrays:
            name = self.object_metadata.get(path, {}).get("name")
            store = WrittenStore(file, "" if path == "vars" else path, name)
            for key, value in arrays.items():
                store[key] = value
        for name, item in part.items():
            if isinstance(item, dict):
                self._write(file, item, f"{path}/{name}".lstrip("/"))


def _check_weights(weights: Any) -> None:
    if not isinstance(weights, dict):
        raise ValueError(f"weights should be a dict, such as {{'0': kernel, '1': bias}}, got {type(weights).__name__}.")


def _compared(have: dict, want: dict, path: str) -> tuple[int, list[str]]:
    """Return the number of arrays that are equal, and the differences."""
    matches, problems = 0, []
    for name in dict.fromkeys([*want, *have]):
        where = f"{path}/{name}".lstrip("/")
        if name not in have:
            problems.append(f"{where}: the model has it, the file does not")
        elif name not in want:
            problems.append(f"{where}: the file has it, the model does not")
        elif isinstance(have[name], dict) and isinstance(want[name], dict):
            inner, more = _compared(have[name], want[name], where)
            matches, problems = matches + inner, problems + more
        elif isinstance(have[name], dict) or isinstance(want[name], dict) or np.shape(have[name]) != tuple(want[name].shape):
            shapes = [getattr(item, "shape", "an object") for item in (have[name], want[name])]
            problems.append(f"{where}: the file has {shapes[0]}, the model {shapes[1]}")
        else:
            matches += 1
    return matches, problems


__all__ = ["KerasFileEditor"]
