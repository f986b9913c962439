"""Training on several devices, with Keras's API.

```python
with jax.set_mesh(jax.make_mesh((8,), ("batch",))):   # for people who know JAX
    model.fit(x, y)

jkeras.distribution.set_distribution(jkeras.distribution.DataParallel())   # for people who know Keras model.fit(x, y)
```
"""

from jkeras.distribution.devices import get_device_count, initialize, list_devices
from jkeras.distribution.distributions import (
    DataParallel,
    Distribution,
    FullyShardedDataParallel,
    ModelParallel,
    distribution,
    set_distribution,
)
from jkeras.distribution.mesh import DeviceMesh, LayoutMap, TensorLayout, distribute_tensor
from jkeras.serialization.namespace import namespace

__all__ = [
    "DataParallel",
    "DeviceMesh",
    "Distribution",
    "FullyShardedDataParallel",
    "LayoutMap",
    "ModelParallel",
    "TensorLayout",
    "distribute_tensor",
    "distribution",
    "get_device_count",
    "initialize",
    "list_devices",
    "set_distribution",
]

__getattr__, __dir__ = namespace(__name__, __all__)
