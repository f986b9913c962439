"""Choose the device on which computations run."""

import jax


def device(device_name: str) -> "jax.default_device":  # type: ignore[valid-type]
    """Open a context in which arrays are made and computed on one device.

    Args:
        device_name: its kind and number, such as `"cpu:0"` or `"gpu:1"`; without a number the first one.

    Raises:
        ValueError: there is no such device.

    >>> import jkeras
    >>> with device("cpu:0"):
    ...     x = jkeras.ops.ones(2)
    >>> x.device.platform
    'cpu'
    """
    try:
        kind, _, number = device_name.partition(":")
        return jax.default_device(jax.devices(kind)[int(number or 0)])
    except (AttributeError, RuntimeError, IndexError, ValueError):
        raise ValueError(f"There is no device {device_name!r}; there are {[str(d) for d in jax.devices()]}.") from None
