"""Models that start from strings: their first layers run on the host, the rest in the compiled loop."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import jkeras
from jkeras import layers

WORDS = ["good", "bad", "fine", "poor"]


def texts(count=96):
    draw = np.random.RandomState(0)
    labels = draw.randint(0, 2, count)
    names = [" ".join(draw.choice(["good", "fine"] if label else ["bad", "poor"], 3)) for label in labels]
    return np.array(names, object), labels.astype("float32")


def classifier(with_input=True, **options):
    jkeras.utils.set_random_seed(0)
    vectorize = layers.TextVectorization(vocabulary=WORDS, **options)
    head = [layers.Embedding(7, 4), layers.GlobalAveragePooling1D()] if options.get("output_mode", "int") == "int" else []
    first = [jkeras.Input((1,), dtype="string")] if with_input else []
    model = jkeras.Sequential([*first, vectorize, *head, layers.Dense(1, activation="sigmoid")])
    model.compile(jkeras.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    return model, vectorize


@pytest.mark.parametrize("options", [{"output_sequence_length": 4}, {"output_mode": "multi_hot"}, {}])
@pytest.mark.parametrize("with_input", [True, False])
def test_fit_evaluate_predict_take_strings(options, with_input):
    x, y = texts()
    model, vectorize = classifier(with_input, **options)
    model.fit(x, y, epochs=6, batch_size=16, validation_split=0.25, verbose=0)
    assert model.evaluate(x, y, verbose=0)[1] > 0.95
    expected = model.predict(x[:20], verbose=0, batch_size=20)
    rest = jkeras.Sequential(model.layers[1:])
    np.testing.assert_allclose(rest.predict(np.asarray(vectorize(x[:20])), verbose=0), expected, rtol=1e-5)
    np.testing.assert_allclose(model(x[:20]), expected, rtol=1e-5)
    for given in (x[:20].tolist(), x[:20, None], pd.Series(x[:20]), iter([(x[:20],)])):
        np.testing.assert_allclose(model.predict(given, verbose=0), expected, rtol=1e-5)
    assert model.predict_on_batch(x[:3]).shape == (3, 1) and model.train_on_batch(x[:3], y[:3]) is not None


def test_the_same_training_as_on_the_numbers():
    x, y = texts()
    model, vectorize = classifier(output_mode="count")
    other, _ = classifier(output_mode="count")
    numbers = jkeras.Sequential([jkeras.Input((5,)), *other.layers[1:]])
    numbers.compile(jkeras.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    np.random.seed(1)
    one = model.fit(x, y, epochs=2, verbose=0).history
    np.random.seed(1)
    two = numbers.fit(np.asarray(vectorize(x)), y, epochs=2, verbose=0).history
    np.testing.assert_allclose(one["loss"], two["loss"], rtol=1e-5)
    jkeras.config.set_device_memory_budget(0)  # rows are vectorized as they are needed, in the thread that reads ahead
    try:
        np.random.seed(2)
        streamed = model.fit(x, y, epochs=2, verbose=0).history
    finally:
        jkeras.config.set_device_memory_budget(None)
    np.random.seed(2)
    np.testing.assert_allclose(
        streamed["loss"], numbers.fit(np.asarray(vectorize(x)), y, epochs=2, verbose=0).history["loss"], rtol=1e-5
    )


class Batches(jkeras.utils.PyDataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        x, y = texts()
        return x[index * 16 : (index + 1) * 16], y[index * 16 : (index + 1) * 16]


def test_streams_of_strings():
    model, _ = classifier(with_input=False, output_sequence_length=4)
    model.fit(Batches(), epochs=5, verbose=0)
    assert model.evaluate(Batches(), verbose=0)[1] > 0.95
    assert model.predict(Batches(), verbose=0).shape == (96, 1)


def table():
    return {"color": np.array(["red", "blue", "red", "green"] * 8), "size": np.arange(32.0), "code": np.arange(32) % 5}


def tabular():
    color, size = jkeras.Input((1,), dtype="string", name="color"), jkeras.Input((1,), name="size")
    code = jkeras.Input((1,), dtype="int64", name="code")
    crossed = layers.HashedCrossing(8, output_mode="one_hot")([color, code])
    lookup = layers.StringLookup(vocabulary=["red", "blue"], output_mode="one_hot")(color)
    joined = layers.Concatenate()([lookup, crossed, size])
    return jkeras.Model([color, size, code], layers.Dense(1)(layers.Dropout(0.1)(joined)))


def test_a_graph_of_columns():
    data, y = table(), np.ones(32)
    model = tabular()
    model.compile("sgd", "mse")
    history = model.fit(data, y, verbose=0, epochs=2, validation_data=(data, y))
    assert np.isfinite(history.history["val_loss"]).all()
    expected = model.predict(data, verbose=0)
    assert expected.shape == (32, 1)
    frame = pd.DataFrame(data)
    np.testing.assert_allclose(model.predict({name: frame[name] for name in frame}, verbose=0), expected, rtol=1e-5)
    np.testing.assert_allclose(model(data), expected, rtol=1e-5)


def test_trained_model_behind_a_vectorizer():
    x, _ = texts(8)
    model, vectorize = classifier(output_mode="multi_hot")
    inner = jkeras.Sequential([jkeras.Input((5,)), *model.layers[1:]])
    text = jkeras.Input((), dtype="string")
    whole = jkeras.Model(text, inner(layers.TextVectorization.from_config(vectorize.get_config())(text)))
    np.testing.assert_allclose(whole.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6)


def test_a_model_with_a_host_stage_predicts_the_same_in_another_process(tmp_path):
    x, y = texts()
    jkeras.utils.set_random_seed(0)
    vectorize = layers.TextVectorization(output_sequence_length=4)
    vectorize.adapt(x)
    model = jkeras.Sequential(
        [jkeras.Input((1,), dtype="string"), vectorize, layers.Embedding(8, 2), layers.Flatten(), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    program = (
        "import jkeras, numpy as np, sys; m = jkeras.models.load_model(sys.argv[1]);"
        "print(m.predict(np.array(['good bad', 'unknown fine']), verbose=0).tolist())"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "model.keras")], capture_output=True, text=True, check=True
    )
    np.testing.assert_allclose(eval(found.stdout), model.predict(["good bad", "unknown fine"], verbose=0), rtol=1e-6)


def test_strings_for_a_model_without_a_host_stage_are_an_error_that_names_the_layer():
    model = jkeras.Sequential([jkeras.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    for x in (np.array(["a", "b"]), np.array(["a", "b"], object), ["a", "b"], pd.Series(["a", "b"])):
        with pytest.raises(ValueError, match="StringLookup"):
            model.fit(x, np.zeros(2), verbose=0)


def test_host_layers_where_they_cannot_be():
    class Late(jkeras.Model):
        def __init__(self):
            super().__init__()
            self.lookup, self.dense = layers.IntegerLookup(vocabulary=[1, 2], output_mode="one_hot"), layers.Dense(1)

        def call(self, x):
            return self.dense(self.lookup(x))

    model = Late()
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="runs on the host"):
        model.fit(np.ones((4, 1), int), np.ones(4), verbose=0)
    stack = jkeras.Sequential(
        [jkeras.Input((3,)), layers.Dense(1), layers.Hashing(4, output_mode="one_hot"), layers.Dense(1)]
    )
    stack.compile("sgd", "mse")
    with pytest.raises(ValueError, match="cannot train layer"):
        stack.fit(np.ones((4, 3)), np.ones(4), verbose=0)
    assert stack.predict(np.ones((4, 3)), verbose=0).shape == (4, 1)
