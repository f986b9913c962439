"""Low-rank adaptation: the same change as in Keras, trained in the place of the weight, merged in files."""

import numpy as np
import pytest

import jkeras
from tests.layers.test_quantization import DENSE, FLOATS, HEADS, MERGED, TABLE, TIED, TOKENS, TURNED, both
from tests.oracle import assert_close, keras

IMAGES = np.random.default_rng(1).normal(size=(2, 6, 6, 4)).astype("float32")
LAYERS = {
    "dense": (DENSE, FLOATS),
    "heads": (HEADS, FLOATS),
    "merged": (MERGED, FLOATS.reshape(3, 5, 2, 4)),
    "turned": (TURNED, FLOATS),
    "summed last": (lambda k: k.layers.EinsumDense("btd,hd->bth", (None, 3)), FLOATS),
    "embedding": (TABLE, TOKENS),
    "conv": (lambda k: k.layers.Conv2D(6, 3, strides=2, padding="same"), IMAGES),
    "groups": (lambda k: k.layers.Conv2D(6, 3, groups=2), IMAGES),
    "causal": (lambda k: k.layers.Conv1D(6, 3, padding="causal"), FLOATS),
}


def adapt(*layers):
    """Adapt layers by the same random change."""
    draws = None
    for layer in layers:
        layer.enable_lora(2, lora_alpha=3)
        parts = [getattr(layer, f"lora_{name}_{part}") for name in ("kernel", "embeddings") for part in "ab"
                 if hasattr(layer, f"lora_{name}_{part}")]  # fmt: skip
        draws = draws or [np.random.default_rng(2).normal(size=p.shape).astype("float32") for p in parts]
        for variable, value in zip(parts, draws, strict=True):
            variable.assign(value)


@pytest.mark.parametrize("name", list(LAYERS))
def test_change(name):
    make, x = LAYERS[name]
    theirs, ours = both(make, x)
    before = np.asarray(ours(x))
    ours_names = [v.name for v in ours.trainable_weights]
    adapt(theirs, ours)
    assert_close(ours(x), theirs(x), rtol=1e-5)
    assert np.abs(ours(x) - before).max() > 0.1
    assert [w.shape for w in ours.weights] == [w.shape for w in theirs.weights]
    assert [v.name for v in ours.trainable_weights] == [v.name for v in theirs.trainable_weights]
    assert ours_names != [v.name for v in ours.trainable_weights]
    found, fresh = {}, make(jkeras)
    ours.save_own_variables(found)
    fresh.build((None, *x.shape[1:]))
    fresh.load_own_variables(found)  # the change is in the weight
    assert_close(fresh(x), ours(x), rtol=1e-5)
    ours.load_own_variables(found)
    assert_close(ours(x), fresh(x), rtol=1e-5)  # and starts from zero
    again = type(ours).from_config(ours.get_config())
    again.build((None, *x.shape[1:]))
    assert (again.lora_enabled, again.lora_rank, again.lora_alpha) == (True, 2, 3)


def test_reversed_embedding():
    _, ours = both(TIED, TOKENS)
    adapt(ours)
    table = ours.embeddings
    assert_close(ours(FLOATS, reverse=True), FLOATS @ np.asarray(table).T, rtol=1e-5)


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
@pytest.mark.parametrize("name", ["dense", "heads"])
def test_of_quantized_layers(name, mode):
    make, x = LAYERS[name]
    theirs, ours = both(make, x)
    for layer in (theirs, ours):
        if mode != "float8":
            layer.quantize(mode)
    if mode == "float8":  # which Keras cannot adapt
        ours.quantize(mode)
        adapt(ours)
        assert np.isfinite(ours(x)).all()
    else:
        adapt(theirs, ours)
        assert_close(ours(x), theirs(x), rtol=0.02)  # of one-sided groups, Keras loses some
    found, fresh = {}, make(jkeras)
    ours.save_own_variables(found)
    fresh.build((None, *x.shape[1:]))
    fresh.quantize(mode)
    fresh.load_own_variables(found)
    assert np.abs(fresh(x) - ours(x)).mean() < 0.1 * np.abs(ours(x)).mean() + 0.05


def test_training_changes_the_small_matrices_only():
    layer = jkeras.layers.Dense(4, lora_rank=2)
    model = jkeras.Sequential([jkeras.Input((8,)), layer])
    model.compile("adam", "mse")
    kernel = layer._kernel.numpy()
    x = FLOATS.reshape(15, 8)
    model.fit(x, np.ones((15, 4)), epochs=2, verbose=0)
    assert (layer._kernel.numpy() == kernel).all()
    assert np.abs(layer.kernel - kernel).max() > 0
    model.trainable = True
    assert not layer._kernel.trainable
    assert layer.lora_kernel_a.path == "sequential/dense/lora_kernel_a" or layer.lora_kernel_a.path.endswith(
        "/lora_kernel_a"
    )


def test_files_of_keras(tmp_path):
    make = lambda k: k.Sequential([k.layers.Input((8,)), k.layers.Dense(6), k.layers.Dense(2)])  # noqa: E731
    theirs = make(keras)
    theirs.layers[0].enable_lora(2)
    theirs.layers[0].lora_kernel_b.assign(np.ones((2, 6)))
    theirs.save(tmp_path / "lora.keras")
    ours = jkeras.models.load_model(tmp_path / "lora.keras")
    x = FLOATS.reshape(15, 8)
    assert ours.layers[0].lora_enabled
    assert_close(ours(x), theirs(x), rtol=1e-5)
    ours.save(tmp_path / "again.keras")
    assert_close(keras.models.load_model(tmp_path / "again.keras")(x), ours(x), rtol=1e-5)


def test_what_cannot_be_adapted():
    with pytest.raises(ValueError, match="isn't yet built"):
        jkeras.layers.Dense(2).enable_lora(2)
    with pytest.raises(ValueError, match="incompatible with kernel constraints"):
        jkeras.layers.Dense(2, kernel_constraint="max_norm").enable_lora(2)
    layer = jkeras.layers.Dense(2)
    layer.build((None, 3))
    with pytest.raises(ValueError, match="positive integer rank"):
        layer.enable_lora(0)
    layer.enable_lora(1)
    with pytest.raises(ValueError, match="already enabled"):
        layer.enable_lora(1)
