"""Generators, loaders and data sets by number."""

import itertools
import os
import random
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse

from jkeras.data import PyDataset, StreamData, make_data
from tests.oracle import keras


def batch(i, size=2):
    return np.full((size, 3), i, "float64"), np.full((size,), i)


def numbers(batches):
    """Which batch each is, by its first entry."""
    return [int(x[0, 0]) for x, y, weights in batches]


class Dataset(PyDataset):
    """Six numbered batches that write down what was asked of them."""

    def __init__(self, count=6, **kwargs):
        super().__init__(**kwargs)
        self.count, self.log = count, []

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.log.append(index)
        return batch(index)

    def on_epoch_begin(self):
        self.log.append("begin")

    def on_epoch_end(self):
        self.log.append("end")


class Endless(Dataset):
    @property
    def num_batches(self):
        return None


class Loader:
    """What data sees of a PyTorch DataLoader: lists of batches, a length, a new pass from each iter()."""

    def __init__(self, count, known=True):
        self.count, self.known = count, known

    def __len__(self):
        if not self.known:
            raise TypeError("a loader of a stream has no length")
        return self.count

    def __iter__(self):
        return ([*batch(i)] for i in range(self.count))


# -- generators -------------------------------------------------------------------------------------------------------


def test_generator_goes_on_across_epochs():
    data = make_data(batch(i) for i in range(7))
    assert data.num_batches is None and data.batch_size is None
    assert numbers(data.epoch(3)) == [0, 1, 2]
    assert numbers(data.epoch(3)) == [3, 4, 5]
    with pytest.warns(UserWarning, match="ran out after 1 of 3 steps"):
        assert numbers(data.epoch(3)) == [6]
    with pytest.warns(UserWarning, match="ran out after 0 of 3 steps"):
        assert numbers(data.epoch(3)) == []


def test_generator_without_steps_is_read_to_its_end():
    data = StreamData(batch(i) for i in range(4))
    assert numbers(data.epoch()) == [0, 1, 2, 3]
    assert data.num_batches == 4
    with pytest.warns(UserWarning, match="ran out after 0 of 4 steps"):
        assert numbers(data.epoch()) == []


def test_peek_loses_nothing():
    data = StreamData(batch(i) for i in itertools.count())
    x, y, weights = data.peek()
    assert (x.shape, x.dtype, y.dtype, weights) == ((2, 3), "float32", "int32", None)
    data.reset()
    assert numbers(data.epoch(2)) == [0, 1]
    assert numbers(data.epoch(2)) == [2, 3]


def test_no_more_is_read_than_an_epoch_needs():
    read = []

    def generator():
        for i in itertools.count():
            read.append(i)
            yield batch(i)

    data = StreamData(generator())
    assert numbers(data.epoch(2)) == [0, 1] == read


def test_empty_generator():
    with pytest.raises(ValueError, match="data is empty: generator yields no batch"):
        list(StreamData(b for b in ()).epoch())
    with pytest.raises(ValueError, match="data is empty"):
        StreamData(b for b in ()).peek()


def test_exceptions_of_a_generator_come_through():
    def generator():
        yield batch(0)
        raise OSError("the disk is gone")

    epoch = StreamData(generator()).epoch()
    assert next(epoch) is not None
    with pytest.raises(OSError, match="disk is gone"):
        next(epoch)


@pytest.mark.parametrize(
    "yields,parts",
    [
        (np.ones((2, 3)), (True, False, False)),
        ({"a": np.ones((2, 3))}, (True, False, False)),
        ((np.ones((2, 3)),), (True, False, False)),
        ([np.ones((2, 3)), np.ones(2)], (True, True, False)),
        ((np.ones((2, 3)), [1, 0], np.ones(2)), (True, True, True)),
        (((np.ones((2, 3)), np.ones(2)), None), (True, False, False)),
        ((scipy.sparse.csr_matrix(np.ones((2, 3))), jnp.ones(2)), (True, True, False)),
    ],
)
def test_forms_of_a_batch(yields, parts):
    data = StreamData(yields for _ in range(1))
    (found,) = data.epoch()
    assert tuple(part is not None for part in found) == parts
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(found))
    assert data.num_batches == 1


@pytest.mark.parametrize(
    "yields,message",
    [
        ((1, 2, 3, 4), "4 entries"),
        ((np.ones((3, 1)), 1.0), "y is a single value"),
        ((np.ones((3, 1)), np.array(["a", "b", "c"])), "y has dtype <U1; strings"),
        ((np.ones((0, 1)), np.ones(0)), "data is empty: x has shape"),
        ("word", "x is a single value"),
    ],
)
def test_bad_batches(yields, message):
    with pytest.raises(ValueError, match=message):
        list(StreamData(yields for _ in range(1)).epoch())


def test_class_weight():
    data = make_data(((np.ones((3, 1)), np.array([0, 1, 2])) for _ in range(1)), class_weight={1: 5.0})
    np.testing.assert_array_equal(next(data.epoch())[2], [1, 5, 1])
    data = make_data(((np.ones((1, 1)), [0], [1.0]) for _ in range(1)), class_weight={1: 5.0})
    with pytest.raises(ValueError, match="class_weight and sample_weight were both given"):
        next(data.epoch())


# -- loaders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [True, False])
def test_loader_begins_anew_with_each_epoch(known):
    data = make_data(Loader(3, known))
    assert data.num_batches == (3 if known else None)
    assert numbers(data.epoch()) == numbers(data.epoch()) == [0, 1, 2]
    assert data.num_batches == 3


@pytest.mark.parametrize("known", [True, False])
def test_loader_with_steps(known):
    data = StreamData(Loader(4, known))
    assert numbers(data.epoch(2)) == [0, 1]
    assert numbers(data.epoch(2)) == [2, 3]
    assert numbers(data.epoch(2)) == [0, 1]  # the pass ended with the epoch, so the next begins another
    with pytest.warns(UserWarning, match="ran out after 2 of 3"):
        assert numbers(data.epoch(3)) == [2, 3]
    assert numbers(data.epoch(3)) == [0, 1, 2]


def test_peek_and_reset_of_a_loader():
    data = StreamData(Loader(3))
    assert data.peek()[0].shape == (2, 3)
    data.reset()
    assert numbers(data.epoch(3)) == [0, 1, 2]


# -- data sets by number ----------------------------------------------------------------------------------------------


def run(data, epochs, steps=None):
    """What the training loop does."""
    seen = []
    for _ in range(epochs):
        seen.append(numbers(data.epoch(steps)))
        data.end_epoch()
    return seen


def test_dataset_calls_its_hooks():
    dataset = Dataset(2)
    assert run(make_data(dataset), 2) == [[0, 1], [0, 1]]
    assert dataset.log == ["begin", 0, 1, "end"] * 2


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("steps", [None, 2, 3])
@pytest.mark.parametrize("peeks", [False, True])
def test_dataset_gives_keras_order_and_hooks(shuffle, steps, peeks):
    class Theirs(keras.utils.PyDataset):
        def __init__(self):
            super().__init__()
            self.log = []

        __len__, __getitem__ = lambda self: 6, Dataset.__getitem__
        on_epoch_begin, on_epoch_end = Dataset.on_epoch_begin, Dataset.on_epoch_end

    random.seed(4)
    theirs, ours = Theirs(), Dataset(6)
    iterator = keras.src.trainers.epoch_iterator.EpochIterator(theirs, steps_per_epoch=steps, shuffle=shuffle)
    if peeks:
        next(iter(iterator))
    iterator.reset()
    expected = [[int(data[0][0][0, 0]) for _, _, data in iterator] for _ in range(4)]
    after = random.random()

    random.seed(4)
    data = make_data(ours, shuffle=shuffle)
    if peeks:
        data.peek()
    data.reset()
    assert run(data, 4, steps) == expected
    assert random.random() == after
    assert ours.log == theirs.log
    assert run(make_data(Theirs()), 1) == [[0, 1, 2, 3, 4, 5]]  # Keras's own data sets are taken as they are


@pytest.mark.parametrize("workers", [1, 3])
def test_endless_dataset(workers):
    data = make_data(Endless(workers=workers), shuffle=True)
    assert data.num_batches is None
    assert run(data, 3, steps=2) == [[0, 1], [2, 3], [4, 5]]


def test_length_may_change_between_epochs():
    class Growing(Dataset):
        def on_epoch_end(self):
            self.count += 1

    assert run(make_data(Growing(1)), 3) == [[0], [0, 1], [0, 1, 2]]


def test_threads_work_at_once_and_in_order():
    together = threading.Barrier(3, timeout=10)

    class Slow(Dataset):
        def __getitem__(self, index):
            together.wait()  # passes only if three are here
            time.sleep(0.002 * (6 - index))
            return batch(index)

    before = threading.active_count()
    assert run(make_data(Slow(workers=3)), 2) == [[0, 1, 2, 3, 4, 5]] * 2
    assert threading.active_count() == before


def test_no_more_is_made_ahead_than_the_queue_holds():
    dataset = Dataset(50, workers=2, max_queue_size=4)
    epoch = make_data(dataset).epoch()
    next(epoch)
    time.sleep(0.05)
    assert len(dataset.log) <= 1 + 4  # "begin" and four batches
    before = threading.active_count()
    epoch.close()
    assert threading.active_count() < before
    assert not any(thread.name.startswith("jkeras-data") for thread in threading.enumerate())


@pytest.mark.parametrize("processes", [False, True])
def test_exceptions_of_workers_come_through(processes):
    class Failing(Dataset):
        def __getitem__(self, index):
            if index == 1:
                raise KeyError("no such image")
            return batch(index)

    epoch = make_data(Failing(workers=2, use_multiprocessing=processes)).epoch()
    next(epoch)
    with pytest.raises(KeyError, match="no such image"):
        next(epoch)


def test_processes():
    class Own(Dataset):
        offset = 0

        def __getitem__(self, index):
            return np.full((1, 3), index + self.offset), np.array([os.getpid()])

        def on_epoch_end(self):
            self.offset += 10

    data = make_data(Own(4, workers=2, use_multiprocessing=True))
    first = list(data.epoch())
    data.end_epoch()
    assert numbers(first) == [0, 1, 2, 3]
    assert os.getpid() not in [y[0] for x, y, w in first]
    assert numbers(data.epoch()) == [10, 11, 12, 13]  # what on_epoch_end changed is seen


def test_objects_in_the_form_of_a_dataset():
    class Plain:
        __len__, __getitem__ = lambda self: 3, lambda self, index: batch(index)

    data = make_data(Plain())
    assert data.num_batches == 3 and run(data, 2) == [[0, 1, 2]] * 2


def test_dataset_that_forgets_its_base():
    class Forgetful(PyDataset):
        def __init__(self):
            pass

        __len__, __getitem__ = lambda self: 2, lambda self, index: batch(index)

    with pytest.warns(UserWarning, match="Forgetful.__init__ should call super"):
        data = make_data(Forgetful())
    assert run(data, 1) == [[0, 1]]


def test_dataset_without_its_methods():
    with pytest.raises(TypeError, match="PyDataset must define __len__"):
        make_data(PyDataset())
    with pytest.raises(TypeError, match="must define __getitem__"):
        PyDataset()[0]
    with pytest.raises(ValueError, match="Dataset has no batches"):
        make_data(Dataset(0))


# -- arguments that do not belong -------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: (batch(i) for i in range(2)), Dataset, lambda: Loader(2)])
def test_targets_beside_a_stream(make):
    with pytest.raises(ValueError, match=r"y was given, but x is a .*yield \(x, y\)"):
        make_data(make(), np.zeros(3))
    with pytest.raises(ValueError, match="sample_weight was given"):
        make_data(make(), sample_weight=np.zeros(3))
    with pytest.warns(UserWarning, match="batch_size=8 has no effect"):
        make_data(make(), batch_size=8)
