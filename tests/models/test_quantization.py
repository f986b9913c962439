"""Quantized models: every layer that can be, in files of both libraries, and by looking at data."""

import numpy as np
import pytest

import jkeras
from tests.oracle import assert_close, keras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 8)).astype("float32")


def small(k):
    layers = [
        k.layers.Dense(64, activation="relu"),
        k.layers.Dropout(0.1),
        k.layers.BatchNormalization(),
        k.layers.Dense(32),
    ]
    return k.Sequential([k.layers.Input((8,)), *layers])


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_files_in_both_directions(mode, tmp_path):
    ours, path = small(jkeras), tmp_path / "model.keras"
    ours.quantize(mode)
    ours.save(path)
    theirs = keras.models.load_model(path)
    assert sorted(w.shape for w in theirs.weights) == sorted(w.shape for w in ours.weights)
    assert_close(theirs(X), ours(X), rtol=0.01 if mode == "float8" else 1e-5)
    theirs.save(path)
    again = jkeras.models.load_model(path)
    assert again.layers[0].quantization_mode == mode
    assert_close(again(X), ours(X), rtol=1e-5)
    fresh = small(jkeras)
    fresh.quantize(mode)
    ours.save_weights(tmp_path / "model.weights.h5")
    fresh.load_weights(tmp_path / "model.weights.h5")
    assert_close(fresh(X), ours(X), rtol=1e-6)


def test_memory():
    model = jkeras.Sequential([jkeras.Input((256,)), jkeras.layers.Dense(256, use_bias=False)])
    floats = sum(v.nbytes for v in model.weights)
    model.quantize("int8")
    assert sum(v.nbytes for v in model.weights) == floats / 4 + 4 * 256
    assert {v.value.dtype.name for v in model.weights} == {"int8", "float32"}


def test_a_trained_model_predicts_with_its_new_weights():
    model = small(jkeras)
    model.compile("sgd", "mse")
    model.fit(X, np.zeros((32, 32)), verbose=0)
    before = model.predict(X, verbose=0)
    model.quantize("int8")
    after = model.predict(X, verbose=0)
    assert 0 < np.abs(after - before).max() < 0.1 * np.abs(before).max()
    assert_close(after, model(X), rtol=1e-5)


def test_filters():
    model = jkeras.Sequential(
        [jkeras.Input((8,)), jkeras.layers.Dense(4, name="first"), jkeras.layers.Dense(2, name="head")]
    )
    model.quantize("int8", filters="^fi")
    assert [layer.quantization_mode for layer in model.layers[-2:]] == ["int8", None]
    with pytest.raises(ValueError, match="`filters`"):
        model.quantize("int8", filters=3)


class Block(jkeras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.up = jkeras.layers.EinsumDense("btd,dnh->btnh", (None, 4, 8), activation="relu")
        self.down = jkeras.layers.EinsumDense("btnh,nhd->btd", (None, 16))
        self.unused = jkeras.layers.Dense(3)
        self.unused.build((None, 3))

    def call(self, x):
        return x + self.down(self.up(x))


class Net(jkeras.Model):
    def __init__(self):
        super().__init__()
        self.table = jkeras.layers.Embedding(20, 16, embeddings_initializer=jkeras.initializers.RandomNormal(stddev=1.0))
        self.blocks = [Block(), Block()]
        self.head = jkeras.layers.Dense(5)

    def call(self, x):
        x = self.table(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)

    def get_quantization_layer_structure(self, mode=None):
        return {"pre_block_layers": [self.table], "sequential_blocks": self.blocks}


TOKENS = RNG.integers(0, 20, (8, 12))
DATA = {"dataset": [TOKENS], "tokenizer": None, "num_samples": 8, "sequence_length": 12}


def calibrated(mode, **options):
    config = {"gptq": jkeras.quantizers.GPTQConfig, "awq": jkeras.quantizers.AWQConfig}[mode](**DATA, **options)
    model = Net()
    model(TOKENS)
    exact = np.asarray(model(TOKENS))
    with pytest.warns(UserWarning, match="did not call it"):
        model.quantize(mode, config=config)
    return model, exact


@pytest.mark.parametrize(
    "mode,options",
    [
        ("gptq", {"group_size": 8}),
        ("gptq", {"group_size": -1, "weight_bits": 8}),
        ("gptq", {"group_size": 8, "activation_order": True, "symmetric": True, "weight_bits": 3, "per_channel": False}),
        ("awq", {"group_size": 8}),
        ("awq", {"group_size": -1}),
    ],
)
def test_by_looking_at_data(mode, options, tmp_path):
    model, exact = calibrated(mode, **options)
    quantized = model(TOKENS)
    assert np.abs(quantized - exact).mean() < (0.5 if options.get("weight_bits") == 3 else 0.2) * np.abs(exact).mean()
    up = model.blocks[0].up
    assert (up.is_gptq_calibrated, up.is_awq_calibrated) == (mode == "gptq", mode == "awq")
    assert "kernel" not in [v.name for v in up.weights if v.dtype == "float32"]
    assert model.blocks[0].unused.quantization_mode is None
    model.save_weights(tmp_path / "net.weights.h5")
    again = Net()
    again(TOKENS)
    with pytest.warns(UserWarning, match="did not call it"):
        again.quantize(mode, config=type(up.quantization_config)(**DATA, **options))
    again.load_weights(tmp_path / "net.weights.h5")
    assert_close(again(TOKENS), quantized)


def test_gptq_makes_up_for_what_rounding_changes():
    """On inputs that go together, the outputs change less than by rounding each weight for itself."""
    from jkeras.quantizers.gptq import Moments, quantize_by_moments

    x = RNG.normal(size=(256, 4)) @ RNG.normal(size=(4, 32)) + 0.1 * RNG.normal(size=(256, 32))
    kernel = RNG.normal(size=(32, 8))
    moments = Moments(32)
    moments.add(np.asarray(x, "float32"))

    def error(moments):
        config = jkeras.quantizers.GPTQConfig(None, None, weight_bits=3, group_size=-1)
        rounded = quantize_by_moments(kernel, moments, config)
        restored = ((rounded.integers - rounded.zero) * rounded.scale).T
        return np.mean((x @ restored - x @ kernel) ** 2)

    assert error(moments.mean()) < 0.5 * error(np.eye(32))


def test_keras_reads_a_gptq_layer(tmp_path):
    model = jkeras.Sequential([jkeras.Input((12,), dtype="int32"), jkeras.layers.Embedding(20, 16), jkeras.layers.Dense(6)])
    structure = {"pre_block_layers": [model.layers[-2]], "sequential_blocks": [model.layers[-1]]}
    config = jkeras.quantizers.GPTQConfig(**DATA, group_size=8, quantization_layer_structure=structure)
    model.quantize("gptq", config=config)
    config.quantization_layer_structure = None
    model.save(tmp_path / "gptq.keras")
    theirs = keras.models.load_model(tmp_path / "gptq.keras")
    assert_close(theirs(TOKENS), model(TOKENS), rtol=1e-5)
    assert_close(jkeras.models.load_model(tmp_path / "gptq.keras")(TOKENS), model(TOKENS), rtol=1e-6)


def test_what_leaves_a_model_as_it_was(tmp_path):
    model = Net()
    model(TOKENS)
    weights = model.get_weights()
    config = jkeras.quantizers.GPTQConfig
    for wrong, error in (
        (config(None, None), ValueError),
        (config([], None), ValueError),
        (config("a text", None), TypeError),
        (config(["a text"], None), ValueError),
        (config([TOKENS + 90000], None, num_samples=1, sequence_length=4), ValueError),
    ):
        with pytest.raises(error):
            model.quantize("gptq", config=wrong)
    assert all((a == b).all() for a, b in zip(weights, model.get_weights(), strict=True))
    assert not any(layer.quantization_mode for layer in model._flatten_layers())
    layer = jkeras.layers.Dense(2)
    layer.build((None, 8))
    layer.quantize("gptq", config=config(None, None, group_size=4))
    assert_close(layer(X), X @ layer.kernel.numpy(), rtol=1e-5)
    with pytest.raises(ValueError, match="nothing to save"):
        layer.save_own_variables({})
    with pytest.raises(ValueError, match="structure"):
        small(jkeras).quantize("gptq", config=config([TOKENS], None))
