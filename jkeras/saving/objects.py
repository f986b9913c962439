"""Make objects from configs safely: a config is data, and nothing in it is run."""

from collections.abc import Mapping
from typing import Any

from jkeras.core.containment import contained
from jkeras.serialization import deserialize


@contained
def deserialize_keras_object(
    config: Any,
    custom_objects: Mapping | None = None,
    safe_mode: bool = True,
    module_objects: Mapping | None = None,
    printable_module_name: str = "object",
) -> Any:
    """Make the object that `serialize_keras_object` described.

    Args:
        config: plain data.
        custom_objects: `{name: object}` that the config may name besides the published and registered ones.
        safe_mode: only True is possible: code found in a config is never run.
        module_objects: Keras 2's `{name: object}` for configs that are names or have no module; it adds to `custom_objects`. The name
            of a class gives an object of that class.
        printable_module_name: Keras 2's word for what is expected, for messages.

    Raises:
        ValueError: the config names something unknown, or `safe_mode` is False.

    >>> import jkeras
    >>> config = jkeras.saving.serialize_keras_object(jkeras.regularizers.L2(0.5))
    >>> deserialize_keras_object(config).get_config()
    {'l2': 0.5}
    """
    if not safe_mode:
        raise ValueError(
            "jkeras never runs code found in a config, so safe_mode=False is not possible. Define the function in your "
            "program and pass custom_objects={'its_name': function}."
        )
    known = {**(module_objects or {}), **(custom_objects or {})}
    if isinstance(config, str) and module_objects is not None:
        if config not in known:
            raise ValueError(f"Unknown {printable_module_name}: {config!r}.")
        found = known[config]
        if isinstance(found, type) and config not in (custom_objects or {}):
            return found.from_config({}) if hasattr(found, "from_config") else found()
        return found
    return deserialize(config, known)
