"""Numbers of rows are not shapes: what was compiled for one serves for others, and gives the same bits as arrays as they are."""

from unittest import mock

import jax
import numpy as np
import pytest

import jkeras
from jkeras.data import ArrayData
from jkeras.data.arrays import ALIGNMENT, empty
from jkeras.layers import BatchNormalization, Dense, Dropout
from jkeras.runtime.store import store
from jkeras.training import buckets, feed, prediction, trainer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4000, 3)).astype("float32")
Y = RNG.normal(size=(4000, 1)).astype("float32")
COUNTS = (1920, 1888, 1504, 1510, 1511, 1512, 800, 32, 31, 5, 1601, 1700, 1701, 999, 640, 333, 96, 2000, 4000, 3999)
REMAINDERS = len({n % 32 for n in COUNTS} - {0})


def model():
    jkeras.utils.set_random_seed(3)
    made = jkeras.Sequential([jkeras.Input((3,)), Dense(4), BatchNormalization(), Dropout(0.3), Dense(1)])
    made.compile("adam", "mse", metrics=["mae"])
    return made


def small():
    made = jkeras.Sequential([jkeras.Input((3,)), Dense(1)])
    made.compile("sgd", "mse")
    return made


@pytest.fixture
def nothing_compiled():
    store.clear()


def test_fit_compiles_once_for_all_whole_batches_and_once_for_each_new_remainder(nothing_compiled):
    made = small()
    made.fit(X[:1600], Y[:1600], verbose=0)
    before = made.stats()["compilations"]
    for n in COUNTS:
        made.fit(X[:n], Y[:n], verbose=0)
    assert made.stats()["compilations"] - before <= REMAINDERS + 1  # and one for a single batch


def test_evaluate_likewise(nothing_compiled):
    made = small()
    for n in COUNTS:
        made.evaluate(X[:n], Y[:n], verbose=0)
    assert made.stats()["compilations"] <= REMAINDERS + 2


def test_streamed_arrays_and_generators_of_any_length_use_few_programs(monkeypatch, nothing_compiled):
    monkeypatch.setitem(feed._settings, "budget", 0)
    made = small()
    for n in range(64, 32 * 24, 96):
        made.fit(X[:n], Y[:n], verbose=0)
    assert made.stats()["compilations"] <= 5  # stacks of 2, 4, ..., 32 batches
    before = made.stats()["compilations"]
    for n in range(2, 9):
        made.fit(((X[:10], Y[:10]) for _ in range(n)), verbose=0)
    assert made.stats()["compilations"] - before <= 3


def exact(data):
    """The arrays as they are."""
    return jax.device_put(data.tree), data.num_samples


@pytest.mark.parametrize("kind", ["weights", "steps"])
def test_no_bit_changes(monkeypatch, kind):
    x, y, extra = X[:107], Y[:107], {}
    if kind == "weights":
        x, y = x.astype("float64"), y.astype("float64")
        extra = {"sample_weight": np.linspace(0, 1, 107)}
    if kind == "steps":
        extra = {"steps_per_epoch": 3, "shuffle": "batch"}

    def run():
        made = model()
        history = made.fit(x, y, batch_size=10, epochs=3, verbose=0, validation_data=(X[:55], Y[:55]), **extra)
        return [w.tobytes() for w in made.get_weights()], history.history, made.evaluate(X[:77], Y[:77], verbose=0)

    bucketed = run()
    monkeypatch.setattr(feed, "place", exact)
    assert run() == bucketed


def test_large_arrays_that_a_program_can_use_are_not_copied(monkeypatch):
    monkeypatch.setattr(buckets, "LARGE_BYTES", 1000)
    x = empty((1000, 3), "float32")
    x[:] = 1
    (placed, _, _), size = buckets.place(ArrayData(x))
    assert size == 1000
    assert placed.unsafe_buffer_pointer() == x.ctypes.data
    off = np.zeros(12_200, np.uint8)
    start = (-off.ctypes.data) % ALIGNMENT + 16  # a place where JAX makes a copy
    unaligned = off[start : start + 12_000].view(np.float32).reshape(1000, 3)
    (placed, _, _), size = buckets.place(ArrayData(unaligned))
    assert size == len(placed) == 16384


def test_a_bucket_takes_the_memory_of_its_data():
    """Rows behind the data are memory that nobody has touched."""

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    data = ArrayData(np.ones((2000, 2000), "float32"))  # 16 MB
    before = resident()
    placed, size = buckets.place(data)
    assert size * 2000 * 4 >= 60e6
    assert resident() - before < 30e6
    del placed


def test_data_for_another_device_is_moved_in_pieces(monkeypatch):
    monkeypatch.setattr(buckets, "platform", lambda: "gpu")
    for n in (1, 5, 8, 100):
        data = ArrayData({"a": X[:n], "b": X[:n, 0]}, Y[:n].astype("float64"))
        placed, size = buckets.place(data)
        assert size == 16384
        for array, expected in zip((placed[0]["a"], placed[0]["b"], placed[1]), (X[:n], X[:n, 0], Y[:n]), strict=True):
            np.testing.assert_array_equal(array[:n], expected)
    monkeypatch.setattr(buckets, "PIECE_BYTES", 100)
    (placed, _, _), _ = buckets.place(ArrayData(X[:99]))
    np.testing.assert_array_equal(placed[:99], X[:99])


@pytest.mark.parametrize("row_bytes", [1, 12, 3000, 600_000, 10**9])
def test_there_are_few_buckets_and_they_are_large_enough(row_bytes):
    sizes = [buckets.bucket(n, row_bytes) for n in range(1, 5000)]
    assert all(size >= n for n, size in enumerate(sizes, 1))
    assert sizes == sorted(sizes)
    assert len(set(sizes)) <= 100
    assert all(size <= max(n * 1.13 + 1, 2**28 / row_bytes) for n, size in enumerate(sizes, 1) if n > 16)


# -- predict ------------------------------------------------------------------------------------------------------------


PREDICTED = (320, 640, 960, 500, 37, 1, 2, 3, *range(5, 4000, 95))


def test_predict_of_any_number_of_rows_uses_few_programs(nothing_compiled):
    made = small()
    weights, bias = made.get_weights()
    for n in PREDICTED:
        outputs = made.predict(X[:n], verbose=0)
        np.testing.assert_allclose(outputs, X[:n] @ weights + bias, rtol=1e-5, atol=1e-6)
    assert len(PREDICTED) >= 50
    assert made.stats()["compilations"] <= 13  # batches of 1, 2, 4, ..., 1024, and several of 1024


def test_predict_on_batch_and_batches_of_all_rows_too(nothing_compiled):
    made = small()
    for n in (1, 33, 60, 500, 1000, 1024):
        assert made.predict_on_batch(X[:n]).shape == (n, 1)
        assert made.predict(X[:n], batch_size=n, verbose=0).shape == (n, 1)
    assert made.stats()["compilations"] <= 4  # 1, 64, 512, 1024


def test_streamed_predictions_are_padded_too(monkeypatch, nothing_compiled):
    made = small()
    weights, bias = made.get_weights()
    for n in (40, 50, 60, 70):
        outputs = made.predict((X[i : min(i + 32, n)] for i in range(0, n, 32)), verbose=0)
        np.testing.assert_allclose(outputs, X[:n] @ weights + bias, rtol=1e-5, atol=1e-6)
    assert made.stats()["compilations"] <= 4  # batches of 8 and 32 and, two in a stack, of 32
    monkeypatch.setitem(feed._settings, "budget", 0)
    for n in (40, 50, 60, 70):
        assert made.predict(X[:n], verbose=0).shape == (n, 1)


def test_large_single_batches_are_not_copied_to_pad_them(monkeypatch):
    monkeypatch.setattr(feed, "LARGE_BYTES", 1000)
    monkeypatch.setattr(feed, "pad_rows", None)
    assert small().predict(X[:1500], batch_size=1500, verbose=0).shape == (1500, 1)
    assert small().predict(X[:1500], batch_size=1000, verbose=0).shape == (1500, 1)


def test_a_prediction_that_is_repeated_drops_the_added_rows_too():
    made = model()
    for n in (5, 5, 6, 5):
        outputs = made.predict(X[10 : 10 + n], verbose=0)
        np.testing.assert_allclose(outputs, made(X[10 : 10 + n]), rtol=1e-5)


def test_several_inputs_and_outputs_are_padded_together():
    a, b = jkeras.Input((3,), name="a"), jkeras.Input((3,), name="b")
    both = jkeras.layers.Concatenate()([a, b])
    made = jkeras.Model({"a": a, "b": b}, [Dense(2)(both), jkeras.layers.Add()([a, b])])
    assert made.works_by_rows()
    outputs = made.predict({"a": X[:37], "b": X[1:38]}, verbose=0)
    assert [o.shape for o in outputs] == [(37, 2), (37, 3)]
    np.testing.assert_allclose(outputs[1], X[:37] + X[1:38])


class Own(jkeras.layers.Layer):
    def call(self, x):
        return x - jkeras.ops.mean(x, axis=0)


def graph(function, *, shape=(3,), batch_size=None):
    x = jkeras.Input(shape, batch_size=batch_size)
    return jkeras.Model(x, function(x))


L = jkeras.layers
BY_ROWS = {
    "operators": lambda: graph(lambda x: 2 * Dense(3)(x) + x),
    "layers": lambda: graph(lambda x: L.Flatten()(L.MaxPooling2D()(L.Conv2D(2, 3)(x))), shape=(6, 6, 1)),
    "recurrent": lambda: graph(lambda x: L.Bidirectional(L.SimpleRNN(3))(L.LayerNormalization()(x)), shape=(4, 3)),
    "attention": lambda: graph(lambda x: L.MultiHeadAttention(2, 2)(x, x), shape=(4, 3)),
    "steps": lambda: graph(L.TimeDistributed(Dense(2)), shape=(4, 3)),
    "nested": lambda: graph(jkeras.Sequential([Dense(2), L.Dropout(0.5)])),
    "mask": lambda: graph(lambda x: L.SimpleRNN(2)(L.Masking()(x)), shape=(4, 3)),
}
EXACT = {
    "user's layer": lambda: graph(Own()),
    "lambda": lambda: graph(L.Lambda(lambda x: x - x[:1])),
    "function": lambda: graph(L.Activation(lambda x: x / x.shape[0])),
    "operation": lambda: graph(lambda x: x - jkeras.ops.mean(x, axis=0)),
    "constant": lambda: graph(lambda x: x + np.ones((5, 3), "float32")),
    "training": lambda: graph(lambda x: BatchNormalization()(x, training=True)),
    "dropout": lambda: graph(lambda x: L.Dropout(0.5)(x, training=True)),
    "axis": lambda: graph(L.Softmax(axis=0)),
    "merged": lambda: graph(lambda x: L.Concatenate(axis=0)([x, x])),
    "stateful": lambda: graph(L.SimpleRNN(2, stateful=True), shape=(4, 3), batch_size=5),
    "fixed": lambda: graph(Dense(2), batch_size=5),
    "single numbers": lambda: graph(L.Softmax(), shape=()),
    "nested": lambda: graph(jkeras.Sequential([Dense(3), Own()])),
}


@pytest.mark.parametrize("name", BY_ROWS)
def test_graphs_of_built_in_layers_are_known_to_work_by_rows(name):
    jkeras.utils.set_random_seed(0)
    made = BY_ROWS[name]()
    x = RNG.normal(size=(37, *made.input_shape[1:])).astype("float32")
    assert made.works_by_rows()
    np.testing.assert_allclose(made.predict(x, verbose=0), made(x), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in EXACT if name not in ("merged", "constant")])
def test_anything_else_gets_its_batches_as_they_are(name):
    jkeras.utils.set_random_seed(0)
    made = EXACT[name]()
    x = RNG.normal(size=(5, *made.input_shape[1:])).astype("float32")
    assert not made.works_by_rows()
    outputs = made.predict(x, verbose=0)
    if name not in ("dropout", "stateful"):
        np.testing.assert_allclose(outputs, made(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["merged", "constant"])
def test_graphs_that_mix_rows_are_not_taken_for_such(name):
    assert not EXACT[name]().works_by_rows()


def test_models_of_a_users_own_class_get_their_batches_as_they_are():
    class Mean(jkeras.Model):
        def call(self, x):
            return x - jkeras.ops.mean(x, axis=0)

    class Step(jkeras.Sequential):
        def predict_step(self, state, batch):
            return batch[0] - batch[0].mean(0)

    for made in (Mean(), Step([jkeras.Input((3,)), Dense(3)])):
        np.testing.assert_allclose(made.predict(X[:5], verbose=0), X[:5] - X[:5].mean(0), atol=1e-6)


# -- predict without a batch size: larger batches where nobody can tell ------------------------------------------------------


def size_of(model, x, **options):
    """The outputs, and the size of the batches that were computed."""
    with mock.patch.object(trainer, "Feed", wraps=trainer.Feed) as made:
        outputs = model.predict(x, **{"verbose": 0, **options})
    return outputs, made.call_args.args[0].batch_size


@pytest.mark.parametrize("n", [33, 256, 1000, 1100])
def test_larger_batches_give_the_same_outputs(n):
    model = small()
    outputs, size = size_of(model, X[:n])
    np.testing.assert_allclose(outputs, model.predict(X[:n], batch_size=32, verbose=0), rtol=1e-6, atol=1e-7)
    assert size == min(1024, 1 << (n - 1).bit_length())


class Counted(jkeras.callbacks.Callback):
    """Counts batches; `watch` is what watches them."""

    def __init__(self):
        super().__init__()
        self.batches, self.rows = [], []


class Watching(Counted):
    def on_predict_batch_end(self, batch, logs=None):
        self.batches.append(batch)
        self.rows.append(len(logs["outputs"]))


def test_who_watches_batches_sees_those_of_32_rows():
    callback = Watching()
    _, size = size_of(small(), X[:100], callbacks=[callback])
    assert callback.batches == [0, 1, 2, 3] and callback.rows == [32, 32, 32, 4] and size == 32
    quiet = Counted()
    _, size = size_of(small(), X[:100], callbacks=[quiet])
    assert quiet.params["steps"] == 4 and size == 128


def test_the_progress_bar_counts_batches_of_32_rows(capsys):
    small().predict(X[:1100], verbose=1)
    assert "35/35" in capsys.readouterr().out


def test_sizes_that_the_user_chose_stay():
    assert size_of(small(), X[:100], batch_size=16)[1] == 16
    assert size_of(small(), X[:100], steps=10)[1] == 10


def test_code_of_the_user_s_own_sees_batches_of_32_rows():
    seen = []
    look = lambda x: seen.append(x.shape[0]) or x  # noqa: E731
    model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Lambda(look), Dense(1)])
    seen.clear()
    model.predict(X[:100], verbose=0)
    assert set(seen) == {32, 4}


def test_memory_bounds_the_size(monkeypatch):
    monkeypatch.setattr(prediction, "WIDE_BYTES", 2**17)
    model = jkeras.Sequential([jkeras.Input((3,)), Dense(40), Dense(1)])  # some 200 bytes for a row and layer
    assert size_of(model, X[:1000])[1] == 256
    monkeypatch.setattr(prediction, "WIDE_BYTES", 2**14)
    model = jkeras.Sequential([jkeras.Input((3,)), Dense(40), Dense(1)])
    assert size_of(model, X[:1000])[1] == 32


def test_a_call_that_is_repeated_sees_new_weights_devices_and_switches():
    made, x = small(), X[:1]
    for _ in range(3):
        made.predict(x, verbose=0)
    made.set_weights([np.ones((3, 1), "float32"), np.zeros(1, "float32")])
    np.testing.assert_allclose(made.predict(x, verbose=0), x.sum(1, keepdims=True), rtol=1e-6)
    for context in (jax.default_device(jax.devices()[1]), jax.disable_jit(), jax.debug_nans(True)):
        with context:
            for _ in range(2):
                np.testing.assert_allclose(made.predict(x, verbose=0), x.sum(1, keepdims=True), rtol=1e-6)
    made.layers[0].kernel.assign(jax.device_put(np.zeros((3, 1), "float32"), jax.devices()[1]))  # half of the weights there
    made.layers[0].bias.assign(jax.device_put(np.ones(1, "float32"), jax.devices()[1]))
    assert made.predict(x, verbose=0).item() == 1
