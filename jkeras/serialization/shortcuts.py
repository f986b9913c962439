"""Strings and configs as arguments in the place of objects: `activation="relu"`."""

import inspect
from collections.abc import Mapping
from typing import Any

from jkeras.errors import suggest
from jkeras.serialization.configs import check_form, deserialize, make_instance
from jkeras.serialization.registry import get_registered_object, publish


class Shortcuts:
    """The string names of one kind of object, for arguments such as `activation="relu"`.

    Args:
        kind: what the objects are, for messages ("activation").
        module: Keras's module of them ("keras.activations").
        names: `{name: class or function}`, with all aliases.

    >>> table = Shortcuts("shape", "keras.doc", {"abs": abs})
    >>> table.get("abs")(-1)
    1
    >>> table.get("asb")
    Traceback (most recent call last):
    ...
    ValueError: Unknown shape: 'asb'. Did you mean 'abs'?
    """

    def __init__(self, kind: str, module: str, names: Mapping[str, Any]):
        self.kind, self.names = kind, dict(names)
        publish(module, self.names)

    def get(self, identifier: Any, custom_objects: Mapping | None = None) -> Any:
        """A callable or an instance, from a name, a config, a class, a callable, or None.

        Raises:
            ValueError: the name is unknown, or the identifier is none of these.
        """
        if identifier is None:
            return None
        if isinstance(identifier, dict):
            if set(identifier) >= {"class_name", "config"}:
                check_form(identifier)
                name, config = identifier["class_name"], identifier["config"]
                ours = identifier.get("registered_name") in (None, "function", config if isinstance(config, str) else None)
                if name == "function" and ours and config in self.names:
                    return self.get(config, custom_objects)  # the config of a function is its name
                known = self.names.get(name)
                if known is not None and inspect.isclass(known) and not identifier.get("registered_name"):
                    return make_instance(known, name, lambda: deserialize(config, custom_objects))
            return deserialize(identifier, custom_objects)
        if isinstance(identifier, str):
            identifier = self.look_up(identifier, custom_objects)
        if inspect.isclass(identifier):
            return identifier()
        if callable(identifier):
            return identifier
        raise ValueError(
            f"Could not interpret {self.kind}: {identifier!r}. Pass one of its names as a string "
            f"(such as {next(iter(self.names))!r}), an instance, or a function."
        )

    def look_up(self, name: str, custom_objects: Mapping | None = None) -> Any:
        """The class or function that a name stands for.

        Raises:
            ValueError: the name is unknown; a similar one is suggested.
        """
        found = get_registered_object(name, custom_objects) or self.names.get(name)
        if found is None:
            raise ValueError(f"Unknown {self.kind}: {name!r}.{suggest(name, self.names)}")
        return found
