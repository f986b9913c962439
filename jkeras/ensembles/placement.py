"""The devices of the members of an ensemble."""

import contextlib
from collections.abc import Iterator
from typing import Any

from jax.sharding import NamedSharding

from jkeras.core.variable import Variable
from jkeras.runtime.mesh import ONE_DEVICE, Placement, current


class Twin(Variable):
    """The values that a variable has in all members, of shape (members, ...)."""


class MemberPlacement(Placement):
    """Each device has some of the members, and all rows of a batch. The members are divided along all axes of the mesh."""

    def of(self, variable: Any) -> NamedSharding:
        return self.sharding(self.mesh.axis_names) if isinstance(variable, Twin) else self.sharding()

    def put_stack(self, tree: Any) -> Any:
        return self.put_whole(tree)

    put_single = put_parts = put_stack

    def of_results(self) -> NamedSharding | None:
        whole = self.sharding()
        return None if whole.is_fully_addressable else whole  # the host reads the parts of its own devices where they are

    def divide(self, batch: Any) -> Any:
        return batch


@contextlib.contextmanager
def members_placed(members: int) -> Iterator[None]:
    """A context in which an ensemble of so many members runs.

    If the number of members is a multiple of the number of devices, each device computes its members. Otherwise each device has a
    copy of all members, and the rows of batches are divided.
    """
    placement = current()
    if placement is ONE_DEVICE or isinstance(placement, MemberPlacement):
        yield
        return
    mesh, even = placement.mesh, members % placement.mesh.size == 0
    with (MemberPlacement(mesh) if even else Placement(mesh, placement.batch)).tracing():
        yield
