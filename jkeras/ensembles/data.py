"""Data from which each member of an ensemble reads its own rows in its own order.

The order of an epoch has a column per member, so batch `i` has shape (batch, members, ...). The arrays themselves are
stored only once.
"""

import copy
from typing import Any

import jax
import numpy as np

from jkeras.data import ArrayData
from jkeras.data.rows import take

MEMBER_AXIS = 1  # of a batch in which the members differ


class MemberData(ArrayData):
    """Arrays, read by each member as an `ArrayData` of its own would read them.

    Args:
        data: the arrays.
        rows: the rows that each member sees, of shape (members, samples); None for all of them.
        states: the state of NumPy's generator that each member draws its orders from; None for data that is never shuffled.
    """

    def __init__(self, data: ArrayData, rows: np.ndarray | None, states: list | None):
        self.__dict__.update(vars(data))
        self._rows_of, self._states = rows, states
        if rows is not None:
            self.num_samples = rows.shape[1]
            self.steps = -(-self.num_samples // self.batch_size)

    def order(self, shuffle: Any = False) -> np.ndarray:
        return self._columns(lambda: super(MemberData, self).order(shuffle))

    def _shuffled_batches(self, order: np.ndarray, start: int, stop: int) -> np.ndarray:
        return self._columns(lambda: super(MemberData, self)._shuffled_batches(self._straight(), start, stop))

    def _columns(self, draw: Any) -> np.ndarray:
        """The rows of each member: a column of what it draws from its own generator."""
        columns, kept = [], np.random.get_state()
        try:
            for member in range(self._members()):
                if self._states is not None:
                    np.random.set_state(self._states[member])
                places = draw()
                columns.append(places if self._rows_of is None else self._rows_of[member][places].astype(places.dtype))
                if self._states is not None:
                    self._states[member] = np.random.get_state()
        finally:
            np.random.set_state(kept)
        return np.stack(columns, axis=1)

    def _members(self) -> int:
        return len(self._states if self._states is not None else self._rows_of)  # type: ignore[arg-type]

    def peek(self, shuffle: Any = False) -> Any:
        return self.spec()  # the members have drawn what a single model draws at the first look

    def spec(self, batch: Any = None) -> Any:
        found = super().spec(batch)
        if not isinstance(batch, int):
            return found
        members = (self._members(),)
        insert = lambda shape: shape[:MEMBER_AXIS] + members + shape[MEMBER_AXIS:]  # noqa: E731
        return jax.tree.map(lambda a: jax.ShapeDtypeStruct(insert(a.shape), a.dtype), found)

    def _read(self, order: np.ndarray | None, start_step: int, stop_step: int) -> tuple:
        if order is None or order.ndim == 1:
            return super()._read(order, start_step, stop_step)
        index = order[start_step * self.batch_size : min(stop_step * self.batch_size, self.num_samples)]
        flat = index.reshape(-1)
        shaped = lambda a: a.reshape(*index.shape, *a.shape[1:])  # noqa: E731
        if self._tree is not None:
            return jax.tree.map(lambda array: shaped(take(np.asarray(array), flat)), self._tree)
        return jax.tree.map(lambda rows: shaped(rows.read(flat)), self._rows)

    # -- going on -------------------------------------------------------------------------------------------------------

    def get_state(self, batches: int) -> dict:
        states = None if self._states is None else [list(state) for state in self._states]
        return {**super().get_state(batches), "members": states}

    def set_state(self, state: dict, epochs: int, within: bool) -> bool:
        if self._states is not None:
            self._states[:] = [tuple(each) for each in state["members"]]
        return super().set_state(state, epochs, within)


def first_rows(data: ArrayData, rows: int) -> ArrayData:
    """The same arrays as data of fewer samples: what a member that sees so many rows draws its first numbers for."""
    fewer = copy.copy(data)
    fewer.num_samples, fewer.steps = rows, -(-rows // data.batch_size)
    return fewer
