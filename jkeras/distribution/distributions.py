"""Distributions: they divide batches and variables between devices.

A distribution does not change the numbers, except for the order of sums. A program is traced as for one device.
Sharding constraints give the layout of its batches and its state; XLA divides the work and adds the communication. So
batch normalization uses the whole batch, a dropout mask is the same on any number of devices, and a batch may have
any size.
"""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from jkeras.distribution.devices import list_devices
from jkeras.distribution.mesh import DeviceMesh, LayoutMap, TensorLayout
from jkeras.runtime import mesh
from jkeras.runtime.mesh import Placement

BATCH = "batch"


class Distribution:
    """The base class of distributions: a mesh, and the axis of the mesh along which batches are divided.

    Args:
        device_mesh: a `DeviceMesh`.
        batch_dim_name: the name of the axis along which batches are divided; by default the first.
        auto_shard_dataset: as in Keras, for data sets of TensorFlow. It changes nothing here: arrays are the same on every
            process, and anything else yields the rows of its own process.

    >>> import jkeras
    >>> devices = jkeras.distribution.list_devices()
    >>> mesh = jkeras.distribution.DeviceMesh((len(devices),), ("batch",), devices)
    >>> Distribution(mesh).batch_dim_name
    'batch'
    """

    def __init__(self, device_mesh: DeviceMesh, batch_dim_name: str | None = None, auto_shard_dataset: bool = True):
        self._device_mesh = device_mesh
        self._batch_dim_name = batch_dim_name or device_mesh.axis_names[0]
        if self._batch_dim_name not in device_mesh.axis_names:
            raise ValueError(
                f"batch_dim_name={batch_dim_name!r} is not an axis of the mesh, which has {list(device_mesh.axis_names)}."
            )
        self.auto_shard_dataset = auto_shard_dataset
        self._placement: Placement | None = None

    @property
    def device_mesh(self) -> DeviceMesh:
        """The devices."""
        return self._device_mesh

    @property
    def batch_dim_name(self) -> str:
        """The axis of the mesh along which batches are divided."""
        return self._batch_dim_name

    @property
    def num_processes(self) -> int:
        """The number of processes that train together."""
        return jax.process_count()

    @property
    def num_model_replicas(self) -> int:
        """The number of parts into which a batch is divided."""
        return self._device_mesh.devices.shape[list(self._device_mesh.axis_names).index(self._batch_dim_name)]

    @property
    def data_shard_id(self) -> int:
        """The number of the part of the data that belongs to this process."""
        if self.num_model_replicas >= self.num_processes:
            return jax.process_index()
        return jax.process_index() // (self.num_processes // self.num_model_replicas)

    @property
    def placement(self) -> Placement:
        """The same for the training engine."""
        if self._placement is None:
            self._placement = Placement(self._device_mesh.backend_mesh, self._batch_dim_name, self._rule, self.check)
        return self._placement

    def get_data_layout(self, data_shape: Sequence[int]) -> TensorLayout:
        """Return the layout of a batch, whose first axis is divided.

        Args:
            data_shape: the shape of the batch.
        """
        return TensorLayout([self._batch_dim_name, *[None] * (len(data_shape) - 1)], self._device_mesh)

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        """Return the layout of a variable. By default, every device has a whole copy.

        Args:
            variable: a `Variable`.
        """
        axes = [*self._rule(variable, variable.shape, slot=False)]
        return TensorLayout(axes + [None] * (len(variable.shape) - len(axes)), self._device_mesh)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """Return the layout of an intermediate result, or None.

        Args:
            path: the name of the result, such as `"dense/output"`.
        """
        return None

    def distribute_dataset(self, dataset: Any) -> Any:
        """Return a data set unchanged, because `fit` divides its batches.

        Args:
            dataset: anything that yields batches.
        """
        return dataset

    def check(self, paths: Sequence[str]) -> None:
        """Raise an error if this distribution does not go with a model's variables. It is asked before the first step.

        Args:
            paths: the paths of the variables.
        """

    def _rule(self, variable: Any, shape: tuple[int, ...], slot: bool) -> PartitionSpec:
        """Return the layout of a variable on the mesh. `slot` is True for a variable of the optimizer."""
        return PartitionSpec()

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Within `with distribution.scope():`, models are built and trained on these devices."""
        before = distribution()
        set_distribution(self)
        try:
            yield
        finally:
            set_distribution(before)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} device_mesh={self._device_mesh}>"


class DataParallel(Distribution):
    """A distribution in which each device computes its part of every batch and has a copy of all variables.

    Args:
        device_mesh: a `DeviceMesh` with one axis.
        devices: in the place of a mesh, the devices' names; by default all of `list_devices()`.
        auto_shard_dataset: as in `Distribution`.

    >>> DataParallel(devices=["cpu:0", "cpu:1"]).num_model_replicas
    2
    """

    def __init__(
        self,
        device_mesh: DeviceMesh | None = None,
        devices: Sequence[str] | None = None,
        auto_shard_dataset: bool = True,
    ):
        mesh = device_mesh or _line(devices)
        if not isinstance(mesh, DeviceMesh):
            raise ValueError(f"device_mesh must be a DeviceMesh, got {device_mesh!r}.")
        if mesh.devices.ndim != 1:
            warnings.warn(f"{mesh} has {mesh.devices.ndim} axes; batches are divided along the first.", stacklevel=2)
        super().__init__(mesh, None, auto_shard_dataset)

    @property
    def num_model_replicas(self) -> int:
        return self._device_mesh.devices.size


class ModelParallel(Distribution):
    """A distribution that divides batches along one axis of the mesh, and variables by a `LayoutMap`.

    Args:
        layout_map: a `LayoutMap`. A variable whose path it does not have is copied to every device.
        batch_dim_name: the axis along which batches are divided; by default the first one of the mesh.
        auto_shard_dataset: as in `Distribution`.

    Raises:
        ValueError: `layout_map` is missing or no `LayoutMap`; later, when a model is trained, a key of it that matches no variable.

    >>> layouts = LayoutMap(DeviceMesh((1, 2), ("batch", "model"), ["cpu:0", "cpu:1"]))
    >>> layouts[".*kernel"] = (None, "model")
    >>> ModelParallel(layout_map=layouts, batch_dim_name="batch").num_model_replicas
    1
    """

    def __init__(
        self,
        *,
        layout_map: LayoutMap | None = None,
        batch_dim_name: str | None = None,
        auto_shard_dataset: bool = True,
        device_mesh: DeviceMesh | None = None,
    ):
        if not isinstance(layout_map, LayoutMap):
            raise ValueError(
                f"layout_map must be a LayoutMap, got {layout_map!r}. Example: layouts = LayoutMap(mesh); layouts['.*kernel'] = ..."
            )
        if device_mesh is not None and device_mesh is not layout_map.device_mesh:
            raise ValueError(
                f"device_mesh is {device_mesh}, but the layout map belongs to {layout_map.device_mesh}. Leave device_mesh out."
            )
        super().__init__(layout_map.device_mesh, batch_dim_name, auto_shard_dataset)
        self._layout_map = layout_map
        if self.num_processes > self.num_model_replicas and self.num_processes % self.num_model_replicas:
            raise ValueError(
                f"{self.num_processes} processes cannot share {self.num_model_replicas} parts of a batch evenly. Choose a mesh "
                f"whose axis {self.batch_dim_name!r} divides the number of processes."
            )

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        """Return the layout that the map has for a variable. Without one, every device has a whole copy.

        Args:
            variable: a `Variable`.
        """
        return self._layout_map[variable.path] or TensorLayout([None] * len(variable.shape), self._device_mesh)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """Return the layout that the map has for an intermediate result, or None.

        Args:
            path: the name of the result.
        """
        return self._layout_map[path]

    def check(self, paths: Sequence[str]) -> None:
        """Compare the keys of the layout map with the paths of a model's variables.

        Args:
            paths: the paths.

        Raises:
            ValueError: a key matches none of them.
        """
        used = {self._layout_map.pattern_of(path) for path in paths}
        unused = [key for key in self._layout_map if key not in used]
        if unused:
            raise ValueError(
                f"The keys {unused} of the LayoutMap match no variable of the model. A key is a path, or a regular expression "
                f"that matches a whole path. The paths are: {list(paths)}."
            )

    def _rule(self, variable: Any, shape: tuple[int, ...], slot: bool) -> PartitionSpec:
        layout = self._layout_map[variable.path]
        if layout is None:
            return PartitionSpec()
        if len(layout.axes) != len(shape):
            raise ValueError(
                f"The layout {layout.axes} for {variable.path!r} has {len(layout.axes)} axes, but the variable has shape {shape}."
            )
        sizes = dict(zip(self._device_mesh.axis_names, self._device_mesh.devices.shape, strict=True))
        for axis, (name, length) in enumerate(zip(layout.axes, shape, strict=True)):
            if name is not None and length % sizes[name]:
                raise ValueError(
                    f"Axis {axis} of variable {variable.path!r} with shape {shape} cannot be divided evenly: its length is "
                    f"{length}, and the mesh has {sizes[name]} devices along {name!r}."
                )
        return PartitionSpec(*layout.axes)


class FullyShardedDataParallel(Distribution):
    """A distribution that divides batches, variables and the optimizer's state between devices (FSDP; ZeRO-3 in the
    paper).

    Each variable is divided along its longest axis whose length is a multiple of the number of devices; the others are copied. A
    weight is gathered where it is used. So n devices hold 1/n of the state each.

    Args:
        device_mesh: a `DeviceMesh` with one axis; by default all of `list_devices()`.
        only_optimizer: whether to copy the variables and divide only what the optimizer keeps for them (ZeRO-1).

    Source: Rajbhandari et al., "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models", 2020.

    >>> FullyShardedDataParallel(DeviceMesh((2,), ("batch",), ["cpu:0", "cpu:1"])).num_model_replicas
    2
    """

    def __init__(self, device_mesh: DeviceMesh | None = None, only_optimizer: bool = False):
        super().__init__(device_mesh or _line(None))
        self.only_optimizer = only_optimizer

    def _rule(self, variable: Any, shape: tuple[int, ...], slot: bool) -> PartitionSpec:
        n = self.num_model_replicas
        is_number = variable is None or jnp.issubdtype(variable.dtype, jnp.inexact)
        if (self.only_optimizer and not slot) or not is_number:  # seeds and counters are small, and keys cannot be divided
            return PartitionSpec()
        axes = [axis for axis, length in enumerate(shape) if length and length % n == 0]
        if not axes:
            return PartitionSpec()
        return PartitionSpec(*[None] * max(axes, key=lambda axis: shape[axis]), self._batch_dim_name)


def _line(devices: Sequence[str] | None) -> DeviceMesh:
    names = list_devices() if devices is None else list(devices)
    return DeviceMesh((len(names),), [BATCH], names)


_current: list[Distribution | None] = [None]


def set_distribution(value: Distribution | None) -> None:
    """Build and train models on the devices of a distribution from now on.

    Args:
        value: a `DataParallel`, `ModelParallel` or `FullyShardedDataParallel`; None for one device.

    >>> set_distribution(DataParallel(devices=["cpu:0", "cpu:1"]))
    >>> distribution().num_model_replicas
    2
    >>> set_distribution(None)
    """
    if value is not None and not isinstance(value, Distribution):
        raise ValueError(f"set_distribution() takes a distribution or None, got {value!r}.")
    _current[0] = value
    mesh.use(None if value is None else lambda: value.placement)


def distribution() -> Distribution | None:
    """Return the distribution that `set_distribution` was given last, or None.

    >>> distribution() is None
    True
    """
    return _current[0]
