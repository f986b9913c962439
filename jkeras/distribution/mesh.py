"""Grids of devices with named axes, and the layouts of arrays on them."""

import math
import re
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jkeras.distribution.devices import device_named, list_devices
from jkeras.runtime.placement import to_device


class DeviceMesh:
    """A grid of devices with a name for each axis.

    Args:
        shape: the number of devices along each axis, such as `(4, 2)`.
        axis_names: a name for each axis, such as `("batch", "model")`.
        devices: the devices as strings, such as `"cpu:0"`, in the order of the grid; by default all of `list_devices()`.

    Raises:
        ValueError: `shape` or `axis_names` is empty, their lengths differ, or the number of devices is not the product of `shape`.

    >>> mesh = DeviceMesh((2, 1), ("batch", "model"), ["cpu:0", "cpu:1"])
    >>> mesh.shape, mesh.devices.shape
    ((2, 1), (2, 1))
    """

    def __init__(self, shape: Sequence[int], axis_names: Sequence[str], devices: Sequence[str] | np.ndarray | None = None):
        if not shape or not axis_names:
            raise ValueError(
                f"A mesh needs at least one axis, got shape={shape!r} and axis_names={axis_names!r}. "
                "Example: DeviceMesh((8,), ('batch',))."
            )
        if len(shape) != len(axis_names):
            raise ValueError(
                f"Each axis needs one name, got {len(shape)} sizes in shape={shape!r} and {len(axis_names)} names in "
                f"axis_names={axis_names!r}."
            )
        names = np.array(list_devices() if devices is None else devices).ravel()
        if math.prod(shape) != names.size:
            raise ValueError(
                f"A mesh of shape {tuple(shape)} needs {math.prod(shape)} devices, got {names.size}: {names.tolist()}. "
                "On a CPU, XLA_FLAGS=--xla_force_host_platform_device_count=8 gives 8 virtual devices if it is set before JAX starts."
            )
        self._shape, self._axis_names, self._devices = shape, axis_names, names.reshape(tuple(shape))

    @property
    def shape(self) -> Sequence[int]:
        """The number of devices along each axis."""
        return self._shape

    @property
    def axis_names(self) -> Sequence[str]:
        """The name of each axis."""
        return self._axis_names

    @property
    def devices(self) -> np.ndarray:
        """The devices' names, as an array of the mesh's shape."""
        return self._devices

    @property
    def backend_mesh(self) -> Mesh:
        """The same grid as JAX's own `Mesh`.

        Raises:
            ValueError: there is no device of one of the names.
        """
        found = np.array([device_named(str(name)) for name in self._devices.ravel()], dtype=object)
        return Mesh(found.reshape(self._devices.shape), tuple(self._axis_names))

    def __repr__(self) -> str:
        return f"<DeviceMesh shape={self.shape}, axis_names={self.axis_names}>"


class TensorLayout:
    """A layout of an array: for each of its axes, the axis of the mesh along which it is divided.

    Args:
        axes: an axis name of the mesh, or None, for each axis of the array. None keeps that axis whole.
        device_mesh: the `DeviceMesh`; a layout without one takes that of the `LayoutMap` it is put into.

    Raises:
        ValueError: the mesh has no axis of one of the names.

    >>> TensorLayout((None, "model"), DeviceMesh((1,), ("model",), ["cpu:0"])).axes
    (None, 'model')
    """

    def __init__(self, axes: Sequence[str | None], device_mesh: DeviceMesh | None = None):
        self._axes, self._device_mesh = tuple(axes), device_mesh
        self._check()

    @property
    def axes(self) -> tuple[str | None, ...]:
        """The axis of the mesh for each axis of the array."""
        return self._axes

    @property
    def device_mesh(self) -> DeviceMesh | None:
        """The mesh that the names belong to. It can be set once."""
        return self._device_mesh

    @device_mesh.setter
    def device_mesh(self, device_mesh: DeviceMesh) -> None:
        if self._device_mesh is not None:
            raise ValueError(
                f"This layout has a mesh already: {self._device_mesh}. Make a new TensorLayout for another mesh."
            )
        self._device_mesh = device_mesh
        self._check()

    @property
    def backend_layout(self) -> NamedSharding:
        """The same as JAX's own `NamedSharding`.

        Raises:
            ValueError: the layout has no mesh yet.
        """
        if self._device_mesh is None:
            raise ValueError("This layout has no mesh yet: TensorLayout(axes, device_mesh=mesh).")
        return NamedSharding(self._device_mesh.backend_mesh, PartitionSpec(*self._axes))

    def _check(self) -> None:
        if self._device_mesh is None:
            return
        unknown = {axis for axis in self._axes if axis is not None} - set(self._device_mesh.axis_names)
        if unknown:
            raise ValueError(
                f"The mesh has no axis {sorted(unknown)}. Its axes are {list(self._device_mesh.axis_names)}; the layout "
                f"is {self._axes}."
            )

    def __repr__(self) -> str:
        return f"<TensorLayout axes={self.axes}, device_mesh={self.device_mesh}>"


class LayoutMap(MutableMapping):
    """A dictionary from patterns of variables' paths to layouts.

    A key is a path, such as `"dense/kernel"`, or a regular expression that has to match the whole path, such as
    `".*kernel"`. A lookup gives the layout of the equal key if there is one, else of the only pattern that matches, else None.

    Args:
        device_mesh: the `DeviceMesh` of all layouts in the map.

    >>> layouts = LayoutMap(DeviceMesh((1,), ("model",), ["cpu:0"]))
    >>> layouts[".*kernel"] = (None, "model")
    >>> layouts["dense/kernel"].axes
    (None, 'model')
    >>> layouts["dense/bias"] is None
    True
    """

    def __init__(self, device_mesh: DeviceMesh):
        self._layouts: dict[str, TensorLayout] = {}
        self._device_mesh = device_mesh

    @property
    def device_mesh(self) -> DeviceMesh:
        """The mesh of all layouts in the map."""
        return self._device_mesh

    def __getitem__(self, key: str) -> TensorLayout | None:  # type: ignore[override]
        pattern = self.pattern_of(key)
        return None if pattern is None else self._layouts[pattern]

    def pattern_of(self, path: str) -> str | None:
        """Return the key that matches a path, or None.

        Raises:
            ValueError: several patterns match.
        """
        if path in self._layouts:
            return path
        found = [pattern for pattern in self._layouts if re.fullmatch(pattern, path)]
        if len(found) > 1:
            raise ValueError(
                f"The path {path!r} matches several keys of the LayoutMap: {found}. Make the patterns narrower, so that one is left."
            )
        return found[0] if found else None

    def __setitem__(self, key: str, layout: Any) -> None:
        if key in self._layouts:
            raise ValueError(
                f"The LayoutMap has a layout for {key!r} already: {self._layouts[key]}. Delete it first: del layouts[{key!r}]."
            )
        if isinstance(layout, (tuple, list)):
            layout = TensorLayout(layout)
        if not isinstance(layout, TensorLayout):
            raise ValueError(f"The layout for {key!r} must be a TensorLayout or a tuple of axis names, got {layout!r}.")
        if layout.device_mesh is None:
            layout.device_mesh = self._device_mesh
        self._layouts[key] = layout

    def __delitem__(self, key: str) -> None:
        del self._layouts[key]

    def __len__(self) -> int:
        return len(self._layouts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._layouts)


def distribute_tensor(tensor: Any, layout: Any) -> jax.Array:
    """Divide an array between devices.

    Inside a compiled function this is a constraint on the layout.

    Args:
        tensor: an array.
        layout: a `TensorLayout`, or one of JAX's shardings.

    Returns:
        An array with the same values, laid out over the devices.

    >>> mesh = DeviceMesh((2,), ("batch",), ["cpu:0", "cpu:1"])
    >>> x = distribute_tensor(np.zeros((4, 3), "float32"), TensorLayout(("batch", None), mesh))
    >>> x.sharding.shard_shape(x.shape)
    (2, 3)
    """
    sharding = layout.backend_layout if isinstance(layout, TensorLayout) else layout
    if isinstance(tensor, jax.core.Tracer):
        return jax.lax.with_sharding_constraint(tensor, sharding)
    from_all = isinstance(tensor, jax.Array) and not tensor.is_fully_addressable
    if sharding.is_fully_addressable or from_all:
        return to_device(tensor if isinstance(tensor, jax.Array) else np.array(tensor), sharding)
    array = np.array(tensor)  # the same on every process
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])
