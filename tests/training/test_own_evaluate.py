"""`fit` calls what the class of a model overrides: `evaluate` for the validation, and `reset_metrics`."""

import numpy as np
import pytest

import jkeras
from tests.oracle import assert_close, keras

x, y = np.linspace(0, 1, 24, dtype="float32").reshape(8, 3), np.ones((8, 1), "float32")
weights = np.arange(8, dtype="float32")


def own(k, seen, calls_super=True):
    class Own(k.Sequential):
        def evaluate(self, x=None, y=None, **options):
            seen.append((type(x).__name__, sorted(name for name in options if not name.startswith("_"))))
            if not calls_super:
                return {"answer": 42.0}
            results = super().evaluate(x, y, **options)
            return {**results, "doubled": 2 * results["loss"]} if options.get("return_dict") else results

    model = Own([k.Input((3,)), k.layers.Dense(1, kernel_initializer="ones")])
    model.compile(k.optimizers.SGD(0.1), "mse", metrics=["mae"])
    return model


class Batches:
    """Batches of two rows, as a dataset of either library."""

    def __new__(cls, k):
        class Pairs(k.utils.PyDataset):
            def __len__(self):
                return 4

            def __getitem__(self, i):
                return x[2 * i : 2 * i + 2], y[2 * i : 2 * i + 2]

        return Pairs()


@pytest.mark.parametrize(
    "validation",
    [
        lambda k: {"validation_data": (x, y, weights), "validation_batch_size": 3},
        lambda k: {"validation_split": 0.25, "batch_size": 2},
        lambda k: {"validation_data": Batches(k), "validation_steps": 2, "validation_freq": 2},
    ],
    ids=["arrays", "split", "dataset"],
)
def test_the_results_of_an_own_evaluate_are_those_of_the_validation(validation):
    def run(k):
        seen, hooks = [], []
        model = own(k, seen)
        note = k.callbacks.LambdaCallback()
        note.on_test_begin = lambda logs=None: hooks.append(note.params["epochs"])
        note.on_test_end = lambda logs=None: hooks.append(sorted(logs))
        history = model.fit(x, y, epochs=2, shuffle=False, verbose=0, callbacks=[note], **validation(k)).history
        return history, hooks, [options for _, options in seen]

    (ours, hooks, options), (theirs, *rest) = run(jkeras), run(keras)
    assert "val_doubled" in ours
    assert_close(ours, theirs, rtol=1e-5)
    assert [hooks, options] == rest


def test_an_evaluate_that_computes_something_else():
    model = own(jkeras, [], calls_super=False)
    history = model.fit(x, y, validation_data=(x, y), epochs=2, verbose=0).history
    assert history["val_answer"] == [42.0, 42.0] and "val_loss" not in history


def test_the_validation_shows_no_bar_of_its_own(capsys):
    own(jkeras, []).fit(x, y, validation_data=(x, y), epochs=1, verbose=2)
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and "val_doubled" in out


def test_other_results_than_a_dict_are_refused():
    class Wrong(jkeras.Sequential):
        def evaluate(self, *args, **options):
            return [1.0]

    model = Wrong([jkeras.Input((3,)), jkeras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="Wrong.evaluate must return a dict .* got list"):
        model.fit(x, y, validation_data=(x, y), verbose=0)


def test_an_own_reset_metrics_is_called_before_each_pass():
    def run(k):
        class Own(k.Sequential):
            starts, goes_on = 0, False

            def reset_metrics(self):
                self.starts += 1
                if not self.goes_on:
                    super().reset_metrics()

        model = Own([k.Input((3,)), k.layers.Dense(1, kernel_initializer="ones")])
        model.compile(k.optimizers.SGD(0.1), "mse", metrics=["mae"])
        results = [model.fit(x, y, epochs=2, validation_data=(x, y), shuffle=False, verbose=0).history]
        results += [model.evaluate(x, y, verbose=0), model.train_on_batch(x, y), model.test_on_batch(x, y)]
        model.goes_on = True  # the sums of the passes before count, too
        results += [model.fit(x[:4], y[:4], epochs=2, shuffle=False, verbose=0).history, model.evaluate(x, y, verbose=0)]
        return results, model.starts

    (ours, starts), (theirs, wanted) = run(jkeras), run(keras)
    assert_close(ours, theirs, rtol=1e-5)
    assert starts == wanted == 10
