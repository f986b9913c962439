"""The prefetching thread: order, exceptions, and that it ends."""

import contextlib
import gc
import itertools
import threading
import time
import traceback

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jkeras.data import prefetch, stack


def running():
    return [thread for thread in threading.enumerate() if thread.name == "jkeras-prefetch"]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert not running()


@pytest.mark.parametrize("size", [0, 1, 3, 100])
def test_order(size):
    assert list(prefetch(range(50), lambda i: -i, size)) == [-i for i in range(50)]
    assert list(prefetch(iter("abc"), None, size)) == ["a", "b", "c"]
    assert list(prefetch((), None, size)) == []


def test_it_works_ahead_but_not_further_than_told():
    made, two = [], threading.Event()

    def function(i):
        made.append(i)
        if len(made) == 4:
            two.set()
        return i

    ahead = prefetch(itertools.count(), function, 2)
    assert next(ahead) == 0
    assert two.wait(10)  # item 0 taken, two on the belt, one waiting for room
    time.sleep(0.02)
    assert made == [0, 1, 2, 3]
    ahead.close()


def broken_loader():
    yield 1
    raise OSError("the disk is gone")


@pytest.mark.parametrize("place", ["iterator", "function"])
def test_exceptions_come_in_their_turn_with_their_traceback(place):
    def broken_function(i):
        return i if i == 1 else 1 // 0

    if place == "iterator":
        ahead, kind, where = prefetch(broken_loader(), None, 4), OSError, "broken_loader"
    else:
        ahead, kind, where = prefetch([1, 2, 3], broken_function, 4), ZeroDivisionError, "broken_function"
    assert next(ahead) == 1
    with pytest.raises(kind) as caught:
        next(ahead)
    assert where in "".join(traceback.format_tb(caught.value.__traceback__))


class Source:
    """An endless iterator that knows in which thread it was closed."""

    closed = None

    def __iter__(self):
        return self

    def __next__(self):
        return np.zeros(3)

    def close(self):
        self.closed = threading.current_thread().name


@pytest.mark.parametrize("end", ["close", "forget", "exception", "interrupt"])
def test_a_reader_that_stops_early(end):
    source = Source()
    if end == "close":
        ahead = prefetch(source, None, 2)
        next(ahead)
        ahead.close()
    elif end == "forget":
        for _ in prefetch(source, None, 2):
            break
        gc.collect()
    else:
        kind = KeyboardInterrupt if end == "interrupt" else RuntimeError
        with pytest.raises(kind), contextlib.closing(prefetch(source, None, 2)) as ahead:
            for _ in ahead:
                raise kind
    assert not running()
    assert source.closed == "jkeras-prefetch"


def test_interrupt_while_waiting_for_a_slow_source():
    """Ctrl-C arrives in the main thread while the prefetching thread is in the user's code."""
    import _thread

    release = threading.Event()

    def slow():
        yield 0
        release.wait(10)

    ahead = prefetch(slow(), None, 1)
    next(ahead)
    timer = threading.Timer(0.05, _thread.interrupt_main)
    timer.start()
    threading.Timer(0.3, release.set).start()
    with pytest.raises(KeyboardInterrupt):
        next(ahead)
    timer.join()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 3), max_size=12), st.integers(1, 5))
def test_stacks_are_the_batches_in_order(lengths, size):
    batches = [{"x": np.full((n, 2), i, "float32"), "y": (np.full(n, i), None)} for i, n in enumerate(lengths)]
    seen = []
    for count, group in stack(batches, size):
        assert 1 <= count <= size and group["x"].shape[0] == group["y"][0].shape[0] == count
        assert group["x"].dtype == np.float32 and group["y"][1] is None
        seen += [(group["x"].shape[1], int(group["x"][i, 0, 0])) for i in range(count)]
    assert seen == [(n, i) for i, n in enumerate(lengths)]


def test_stack_of_one_buffer_used_again_and_again():
    def generator():
        buffer = np.zeros(2)
        for i in range(5):
            buffer[:] = i
            yield buffer

    assert [group[:, 0].tolist() for _, group in stack(generator(), 3)] == [[0, 1, 2], [3, 4]]


def test_size_of_a_stack_can_change_on_the_way():
    sizes = iter([1, 3, 2, 2])
    assert [count for count, _ in stack([np.zeros(1)] * 7, lambda: next(sizes))] == [1, 3, 2, 1]


def test_other_dtypes_and_structures_start_a_group():
    batches = [np.zeros(2), np.zeros(2, int), (np.zeros(2, int),), (np.zeros(2, int),)]
    assert [count for count, _ in stack(batches, 9)] == [1, 1, 2]
