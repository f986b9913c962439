"""Streams of batches: generators, loaders, data sets that make batches by number.

There are three kinds, which differ at the start of a pass. An *iterator* (a generator) has one pass only, and the
epochs share it. A *loader* (a PyTorch or Grain `DataLoader`, a `tf.data.Dataset`, any iterable) begins a new pass with
`iter()`. A *data set by number* (`PyDataset`) is asked for batch i, by several workers if it wants. The rest is the
same for all.
"""

import contextlib
import itertools
import random
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Any

import jax
import numpy as np

from jkeras.data.arrays import RAN_OUT
from jkeras.data.check import check_lengths
from jkeras.data.dataset import PyDataset, by_index, length
from jkeras.data.places import Places, knows_place
from jkeras.data.sources import holds_array, holds_samples, is_leaf, spec_of, tree_of_rows
from jkeras.data.unpack import unpack_x_y_sample_weight
from jkeras.data.weights import sample_weights
from jkeras.errors import outside
from jkeras.runtime.host_random import host_random_state, set_host_random_state

USED_UP = (
    "Training ends here: the iterator has no batch left for another epoch. Give something that can be read again (arrays, a "
    "loader, a PyDataset), or steps_per_epoch and an iterator with enough batches for all epochs."
)


def is_by_number(value: Any) -> bool:
    """True if this is a data set that makes batches by number: a `PyDataset`, Keras's own, or an object in their form."""
    kind = type(value)
    if isinstance(value, PyDataset):
        return True
    if not hasattr(kind, "__getitem__") or isinstance(value, type | list | tuple | dict | str | bytes | range):
        return False
    if hasattr(kind, "on_epoch_end"):
        return True
    return hasattr(kind, "__len__") and not hasattr(kind, "__iter__") and not holds_array(value) and not holds_samples(value)


def is_stream(value: Any) -> bool:
    """True if this yields batches, rather than being an array or a structure of arrays."""
    if is_by_number(value):
        return True
    if isinstance(value, Mapping | Set | type) or not is_leaf(value) or holds_array(value) or holds_samples(value):
        return False
    return hasattr(value, "__next__") or hasattr(value, "__iter__")


class StreamData:
    """A stream of batches `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`, from an object that yields them.

    Args:
        source: a generator or iterator, a loader, or a data set by number.
        class_weight: dict of class numbers to weights, for batches without sample weights.
        shuffle: whether to ask a finite data set by number for its batches in random order, drawn as Keras draws it. The
            others yield in their own order.
        class_axis: tells from the shape of the targets if its last axis counts the classes, as far as that is known.
        arrange: brings the inputs of each batch into the model's own structure.

    Attributes:
        num_batches: how many batches a pass has; None as long as that is not known.
        batch_size: None: each batch says itself.

    >>> data = StreamData((np.full(2, i), np.zeros(2)) for i in range(5))
    >>> [x for x, y, sample_weight in data.epoch(steps=2)], len(list(data.epoch(steps=3)))
    ([array([0, 0], dtype=int32), array([1, 1], dtype=int32)], 3)
    """

    batch_size = None

    def __init__(
        self,
        source: Any,
        class_weight: dict | None = None,
        shuffle: bool = False,
        class_axis: Callable[[tuple], bool | None] | None = None,
        arrange: Callable[[Any], Any] | None = None,
    ):
        self.source, self.class_weight, self.shuffle, self.class_axis = source, class_weight, shuffle, class_axis
        self.arrange = arrange
        self.check: Callable[[Any, Any], None] | None = None  # of a batch's x and y, once the model knows what it expects
        self.by_number = is_by_number(source)
        self.one_pass = not self.by_number and hasattr(source, "__next__")
        self._keeps = False  # whether the states of an iterator that knows its place are kept
        self._places: Places | None = None  # reads such an iterator, of the pass that is under way
        self.num_batches = self._length()
        if self.num_batches == 0:
            raise ValueError(f"The data is empty: {type(source).__name__} has no batches.")
        self._iterator: Any = self._read(source) if self.one_pass else None  # of the pass that is under way
        self._order: Any = None  # likewise, for a data set by number, and the place it has come to
        self._at = 0
        self._start = 0  # where in the pass, or for an iterator in all, the epoch that is under way began
        self._seen = 0  # how many batches the last epoch had
        self._drawn = host_random_state()  # as the pass began
        self._skip = 0  # how many batches of the next epoch a run that goes on has seen already
        self._ever = False  # whether a batch was ever seen
        if isinstance(source, PyDataset) and not hasattr(source, "workers"):
            warnings.warn(
                f"{type(source).__name__}.__init__ should call super().__init__(**kwargs), which sets workers, "
                "use_multiprocessing and max_queue_size.",
                stacklevel=outside(),
            )

    def _length(self) -> int | None:
        if self.by_number:
            return length(self.source)
        try:
            return None if self.one_pass else len(self.source)
        except (TypeError, NotImplementedError, AttributeError):  # how loaders say that they do not know
            return None

    def _read(self, iterator: Iterator) -> Iterator:
        """Begin a pass."""
        self._places = Places(iterator, self._keeps) if knows_place(iterator) else None
        return self._places or iterator

    # -- the epochs ---------------------------------------------------------------------------------------------------

    def epoch(self, steps: int | None = None) -> Iterator[tuple]:
        """Begin an epoch: an iterator over its batches `(x, y, sample_weight)`, each a structure of NumPy arrays or None.

        Without `steps` an epoch is one pass. With `steps` the epochs walk through one pass after another; where the data
        ends within an epoch, the epoch ends with a warning. A generator goes on where the last epoch stopped.

        Hooks are called and orders are drawn here, at once; the batches are made as the iterator is read, which may
        happen in another thread. Close it when stopping early, and call `end_epoch()` when the epoch is over.
        """
        skip, self._skip = self._skip, 0
        left = None if steps is None else steps - skip
        if self.by_number:
            getattr(self.source, "on_epoch_begin", _nothing)()
            return self._checked(self._by_number(left, skip), left, skip)
        self._start, self._seen = self._start + self._seen, 0
        fresh = self._iterator is None or (steps is None and not self.one_pass and not skip)
        if fresh and not self.one_pass:
            self._drawn, self._start = host_random_state(), 0
            self._iterator = self._read(iter(self.source))
        return self._checked(self._by_iteration(left, fresh or skip > 0), left, skip)

    def _by_number(self, steps: int | None, skip: int) -> Iterator[Any]:
        self.num_batches = length(self.source)  # it may change between epochs
        if self.num_batches is None:
            self._start = self._at - skip
            indices: Iterable[int] = itertools.islice(itertools.count(self._at), steps)
        else:
            if not skip and (steps is None or self._order is None or self._at >= len(self._order)):
                self._order, self._at = list(range(self.num_batches)), 0
                if self.shuffle:
                    random.shuffle(self._order)
            self._start = self._at - skip
            indices = self._order[self._at : None if steps is None else self._at + steps]
        return self._counted(by_index(self.source, indices))

    def _counted(self, batches: Iterator[Any]) -> Iterator[Any]:
        with contextlib.closing(batches):  # type: ignore[type-var]
            for batch in batches:
                self._at += 1
                yield batch

    def _by_iteration(self, steps: int | None, fresh: bool) -> Iterator[Any]:
        for batch in itertools.islice(self._iterator, steps):
            fresh = True
            yield batch
        if not fresh and not self.one_pass:  # the last epoch ended exactly where its pass did
            self._drawn, self._start = host_random_state(), 0
            self._iterator = self._read(iter(self.source))
            yield from itertools.islice(self._iterator, steps)

    def _checked(self, batches: Iterator[Any], steps: int | None, skip: int = 0) -> Iterator[tuple]:
        seen, expected = 0, self.num_batches if steps is None else steps
        expected = expected - skip if steps is None and expected is not None else expected
        with contextlib.closing(batches):  # type: ignore[type-var]
            for batch in batches:
                seen += 1
                yield self.standardize(batch)
        self._seen = seen + skip
        self._ever = self._ever or self._seen > 0
        if not self._ever:
            raise ValueError(f"The data is empty: {type(self.source).__name__} yields no batch.")
        if (seen == 0 and not skip) or (expected is not None and seen < expected):
            if not self.one_pass:
                self._iterator = None
            warnings.warn(RAN_OUT.format(seen=seen, steps=expected or "the"), stacklevel=outside())
        elif expected is None:
            self.num_batches = seen + skip  # now it is known

    def end_epoch(self) -> None:
        """Tell a data set by number that the epoch is over; to be called after its last batch was used."""
        if self.by_number:
            getattr(self.source, "on_epoch_end", _nothing)()

    def peek(self, shuffle: bool = False) -> Any:
        """Return the spec of the first batch, which is made for this. `reset` must follow.

        Draws the random numbers and calls the hooks as Keras does when it builds a model on its data. A stream knows from
        the start whether it shuffles; the argument is there so that both kinds of data are called alike.
        """
        if self.one_pass:
            first = list(itertools.islice(self._iterator, 1))
            self._iterator = itertools.chain(first, self._iterator)
            batches: Iterator[tuple] = map(self.standardize, first)
        else:
            batches = self.epoch(1)
        for batch in batches:
            return spec_of(batch)
        raise ValueError(f"The data is empty: {type(self.source).__name__} yields no batch.")

    def is_used_up(self) -> bool:
        """Return True, with a warning, if this is an iterator without a next batch. A batch that is read to find out is
        not lost.
        """
        if not self.one_pass:
            return False
        first = list(itertools.islice(self._iterator, 1))
        self._iterator = itertools.chain(first, self._iterator)
        if not first:
            warnings.warn(USED_UP, stacklevel=outside())
        return not first

    def reset(self) -> None:
        """Start anew, as Keras does before the first epoch: the next epoch begins a pass, and hooks hear that one ended."""
        self._order, self._at = None, 0
        if not self.one_pass:
            self._iterator = None
        self.end_epoch()

    # -- going on in another process ------------------------------------------------------------------------------------

    def get_state(self, batches: int) -> dict:
        """Return the position in the data after a number of batches of the current epoch, or of the last one."""
        at = self._start + batches
        place = None if self._places is None else self._places.state_at(at)
        drawn = None if self.by_number else self._drawn
        return {"order": self._order, "at": at, "batches": batches, "drawn": drawn, "place": place}

    def keep_places(self) -> None:
        """Be ready for `get_state`: from now on, keep the states of an iterator that has some."""
        self._keeps = True
        if self._places is not None:
            self._places.keep()

    def set_state(self, state: dict, epochs: int, within: bool) -> bool:
        """Go on from what `get_state` returned.

        A data set by number is asked for the batches that are left; its hooks are called once for each epoch that was over, so that
        an order that it draws in them comes up again. An iterator with `get_state` and `set_state`, such as Grain's, is set to the
        place. Others are read up to it.

        Args:
            state: of such data.
            epochs: how many epochs were over.
            within: whether the next epoch is the rest of the one that was under way.

        Returns:
            Whether the host's generators of random numbers stand where they should, because the data was read again.

        Raises:
            ValueError: the data ends before the place.
        """
        self._skip = state["batches"] if within else 0
        if self.by_number:
            for _ in range(epochs):
                getattr(self.source, "on_epoch_begin", _nothing)()
                self.end_epoch()
            self._order, self._at = state["order"], state["at"]
            return False
        at, kind = state["at"], type(self.source).__name__
        self._start = at - self._skip
        if not self.one_pass:
            set_host_random_state(state["drawn"])
            self._drawn = state["drawn"]
            self._iterator = self._read(iter(self.source))
        if state["place"] is not None and self._places is not None:
            self._places.go(state["place"], at)
            self._iterator = self._places  # without a batch that was looked at before
            return False
        warnings.warn(
            f"Training goes on after batch {at} of a {kind}, which can only be read from its begin: its first batches are read once "
            "more. It must yield the same batches as before. A PyDataset, or an iterator with get_state and set_state, goes on "
            "without that.",
            stacklevel=outside(),
        )
        found = sum(1 for _ in itertools.islice(self._iterator, at))
        if found < at:
            raise ValueError(
                f"Training cannot go on after batch {at} of a {kind}: read from its begin once more, it has only {found} batches. "
                "Give fit a new one that yields the same batches as the first; or arrays, a PyDataset, or an iterator with "
                "get_state and set_state; or delete the backup to train from the start."
            )
        return True

    def describe(self) -> str:
        """Return a text that names the kind of the data."""
        if self.by_number:
            return f"a data set by number, of {length(self.source)} batches"
        return "an iterator" if self.one_pass else "a loader"

    # -- the batches --------------------------------------------------------------------------------------------------

    def standardize(self, batch: Any) -> tuple:
        """Bring one batch into the form `(x, y, sample_weight)`, as NumPy arrays in the dtypes the model sees."""
        x, y, weights = unpack_x_y_sample_weight(batch)
        x = x if self.arrange is None else self.arrange(x)
        x, y, weights = tree_of_rows(x, "x"), tree_of_rows(y, "y"), tree_of_rows(weights, "sample_weight")
        weights = sample_weights(y, weights, self.class_weight, self.class_axis)
        try:
            check_lengths(x, y, weights, equal=False)
            batch = jax.tree.map(lambda rows: np.asarray(rows.whole()), (x, y, weights))
            if self.check is not None:
                self.check(*batch[:2])
        except ValueError as error:
            raise ValueError(f"A batch of {type(self.source).__name__}: {error}") from None
        return batch

    def spec(self, batch: Any) -> Any:
        """Shapes and dtypes of a batch."""
        return spec_of(batch)


def _nothing() -> None:
    """Do nothing, in the place of a hook that is missing."""
