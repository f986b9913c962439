"""Programs for other kinds of devices, as a process on a CPU can lower them: none of what is meant for a CPU may stand in them."""

import re
from types import SimpleNamespace
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax._src.cudnn import fused_attention_stablehlo
from jax.experimental import rnn

import jkeras
from jkeras import config, layers
from jkeras.ops import cudnn
from jkeras.runtime import compiler_options, executables
from tests.catalogue import ROWS

PLATFORMS = {"cuda": "gpu", "tpu": "tpu"}  # for JAX's lowering, and of its devices
OF_A_CPU = re.compile(r"lapack_|callback|__cpu|Eigen|ynn|xla_cpu")
CONVOLUTIONS = re.compile(r"(?<!Global)(Conv\d|SeparableConv|DepthwiseConv)")


def lowered(function, platform, *args):
    """The text of a program for such a device."""
    with compiler_options.lowering_for(PLATFORMS[platform]):
        return jax.jit(function).trace(*args).lower(lowering_platforms=(platform,)).as_text()


def gradient_of(row):
    """A function of parameters and inputs that calls the layer of a row, forward and backward, and arguments for it."""
    layer = row.make(jkeras)
    args = row.inputs()
    layer.build_abstractly(*args, **row.call)
    params, state = (layer.snapshot()[name] for name in ("params", "state"))

    def loss(params, args):
        outputs, state_after = layer.apply({"params": params, "state": state}, *args, training=row.training, **row.call)
        return sum(jnp.sum(output) for output in jax.tree.leaves(outputs)), state_after

    return jax.grad(loss, (0, 1) if row.integers is None else 0, has_aux=True), (params, args)


def first_of_each(rows):
    return {row.name: row for row in rows}.values()


def check_row(row):
    function, args = gradient_of(row)
    for platform in PLATFORMS:
        text = lowered(function, platform, *args)
        assert not OF_A_CPU.search(text), platform
        assert ("stablehlo.convolution" in text) == bool(CONVOLUTIONS.search(row.name) or "inner_conv" in text), platform
        if re.fullmatch(r"(Max|Average)Pooling\dD", row.name):  # windows as windows
            assert "stablehlo.reduce_window" in text or "stablehlo.select_and_scatter" in text, platform


@pytest.mark.parametrize("row", [r for r in first_of_each(ROWS) if r.name != "TimeDistributed"], ids=str)
def test_layers(row):
    check_row(row)


@pytest.mark.longest
@pytest.mark.parametrize("row", [r for r in ROWS if r.name != "TimeDistributed" and r not in first_of_each(ROWS)], ids=str)
def test_all_rows(row):
    check_row(row)


# --- training steps


class Stop(Exception):
    pass


def step_of(model, x, y, platform):
    """The text of the program of `fit` on such a device; nothing is compiled."""

    def lower(self, args, constants, where):
        def function(*args):
            return self._function(*args, **constants)

        raise Stop(lowered(function, platform, *args))

    with mock.patch.object(executables.CompiledOnce, "_compile", lower), pytest.raises(Stop) as stopped:
        model.fit(x, y, batch_size=len(x), epochs=1, verbose=0)
    return str(stopped.value)


def image_model():
    return jkeras.Sequential(
        [
            layers.Input((12, 12, 3)),
            layers.Conv2D(8, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(2),
            layers.SeparableConv2D(8, 3),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(4, activation="softmax"),
        ]
    )


def sequence_model(layer):
    return jkeras.Sequential([layers.Input((64,), dtype="int32"), layers.Embedding(50, 128), layer, layers.Dense(4)])


def transformer(**options):
    inputs = layers.Input((8,), dtype="int32")
    x = layers.Embedding(50, 16, mask_zero=options.pop("mask_zero", False))(inputs)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 8, **options)(x, x, use_causal_mask=True))
    x = layers.GlobalAveragePooling1D()(layers.Dense(16, activation="gelu")(x))
    return jkeras.Model(inputs, layers.Dense(4)(x))


MODELS = {
    "convolutions": image_model,
    "LSTM": lambda: sequence_model(layers.LSTM(128)),
    "GRU": lambda: sequence_model(layers.Bidirectional(layers.GRU(128))),
    "attention": transformer,
}


def compiled(make):
    jkeras.utils.set_random_seed(0)
    model = make()
    model.compile("adam", jkeras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    x = np.zeros((32, *model.input_shape[1:]), model.input_dtype if hasattr(model, "input_dtype") else "float32")
    return model, x, np.zeros(32, "int32")


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", MODELS)
def test_training_steps(name, platform):
    text = step_of(*compiled(MODELS[name]), platform)
    assert not OF_A_CPU.search(text)
    assert ("stablehlo.convolution" in text) == (name == "convolutions")
    loops = text.count("stablehlo.while")
    expected = {"LSTM": 3, "GRU": 5}  # of the steps of training, and of each recurrence one forward and one back
    assert loops == expected.get(name, 1)


def test_options_are_those_of_the_device(monkeypatch):
    """XLA gets the options of its CPU compiler for a CPU only."""
    program = executables.CompiledOnce(lambda x: x + 1)
    assert program._compiler_options("", (), ())
    monkeypatch.setattr(executables, "platform", lambda: "gpu")
    assert program._compiler_options("", (), ()) == {}


def test_mixed_precision_sums_in_32_bits():
    """Statistics of batches, losses, metrics and what optimizers keep are float32, whatever the layers compute in."""
    config.set_dtype_policy("mixed_bfloat16")
    try:
        text = step_of(*compiled(image_model), "cuda")
    finally:
        config.set_dtype_policy("float32")
    products = re.findall(r"stablehlo\.(?:dot_general|convolution).*", text)
    assert products and any("xbf16>" in line for line in products)
    sums = re.findall(r"stablehlo\.reduce\(.*applies stablehlo\.add .*", text)
    long = [line for line in sums if _terms(line) > 64]
    assert long and not [line for line in long if "bf16" in line]


def _terms(line):
    """How many numbers a sum adds up for each of its results."""
    shapes = re.findall(r"tensor<([\dx]*?)x?(?:f32|bf16|i32)>", line)
    source, result = (np.prod([int(n) for n in shape.split("x") if n] or [1]) for shape in (shapes[0], shapes[-1]))
    return source / result


# --- kernels of cuDNN, which JAX traces only where there is a GPU: the tests say that there is one


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setattr(cudnn, "has_gpu", lambda: compiler_options.target() == "gpu")
    monkeypatch.setattr(fused_attention_stablehlo, "check_cudnn_version", lambda: 91000)
    sizes = SimpleNamespace(compute_rnn_workspace_reserve_space_sizes=lambda *args: (0, 8))
    monkeypatch.setattr(rnn, "gpu_rnn", sizes)


def attention(dtype, heads=(4, 4), lengths=(8, 8), depth=8, platform="cuda", **options):
    """The text of attention, forward and backward."""
    rng = np.random.default_rng(0)
    q, k, v = (
        jnp.asarray(rng.normal(size=(2, length, head, depth)), dtype)
        for head, length in zip((heads[0], heads[1], heads[1]), (lengths[0], lengths[1], lengths[1]), strict=True)
    )
    loss = lambda q, k, v: jkeras.ops.dot_product_attention(q, k, v, **options).astype("float32").sum()  # noqa: E731
    return lowered(jax.grad(loss, (0, 1, 2)), platform, q, k, v)


PADDING = np.array([[1] * 8, [1] * 5 + [0] * 3], bool)[:, None, None]
FUSED = {
    "bfloat16": {"dtype": "bfloat16"},
    "float16": {"dtype": "float16"},
    "causal": {"dtype": "bfloat16", "is_causal": True},
    "padding": {"dtype": "bfloat16", "mask": PADDING},
    "bias": {"dtype": "bfloat16", "bias": np.zeros((4, 8, 8), "float32")},
    "grouped heads": {"dtype": "bfloat16", "heads": (4, 2)},
    "other length": {"dtype": "bfloat16", "lengths": (8, 6)},
}
PLAIN = {
    "float32": {"dtype": "float32"},
    "soft cap": {"dtype": "bfloat16", "attn_logits_soft_cap": 5.0},
    "not wanted": {"dtype": "bfloat16", "flash_attention": False},
    "depth": {"dtype": "bfloat16", "depth": 6},
    "odd with a mask": {"dtype": "bfloat16", "lengths": (7, 8), "mask": PADDING},
    "another device": {"dtype": "bfloat16", "platform": "tpu"},
}


@pytest.mark.parametrize("options", FUSED.values(), ids=FUSED)
def test_fused_attention(gpu, options):
    text = attention(**options)
    assert re.search(r"fmha\w*Softmax\b", text) and re.search(r"fmha\w*SoftmaxBackward", text)


@pytest.mark.parametrize("options", PLAIN.values(), ids=PLAIN)
def test_plain_attention(gpu, options):
    assert "fmha" not in attention(**options).lower()


def test_fused_attention_can_be_switched_off(gpu):
    config.disable_flash_attention()
    try:
        assert "fmha" not in attention("bfloat16").lower()
    finally:
        config.enable_flash_attention()


def test_layers_use_the_fused_attention(gpu):
    def made(**options):
        config.set_dtype_policy("mixed_bfloat16")
        try:
            return step_of(*compiled(lambda: transformer(**options)), "cuda").lower()
        finally:
            config.set_dtype_policy("float32")

    assert "fmha" in made() and "fmha" in made(mask_zero=True)
    assert "fmha" not in made(dropout=0.1) and "fmha" not in made(flash_attention=False)


def cudnn_lstm(monkeypatch):
    """Let JAX's LSTM, which only a GPU has, leave its name in the text and compute as its reference does."""

    def compute(x, h, c, weights, lengths, features, units, depth, dropout, both):
        parts = rnn.unpack_lstm_weights(weights, features, units, depth, both)
        return jax.named_call(rnn.lstm_ref, name="cudnn_lstm")(
            x, h, c, *parts, lengths, features, units, depth, dropout, both
        )

    monkeypatch.setattr(rnn, "lstm", compute)


LSTM = {
    "plain": {},
    "sequences": {"return_sequences": True, "return_state": True},
    "backwards": {"go_backwards": True, "return_sequences": True},
    "no bias": {"use_bias": False},
}
OTHER = {
    "activation": {"activation": "relu"},
    "recurrent activation": {"recurrent_activation": "hard_sigmoid"},
    "unrolled": {"unroll": True},
    "switched off": {"use_cudnn": False},
}


def lstm_gradient(**options):
    jkeras.utils.set_random_seed(0)
    layer = layers.LSTM(5, **options)
    x = np.random.default_rng(0).normal(size=(2, 6, 3)).astype("float32")
    layer.build(x.shape)
    params = jax.tree.map(lambda a: a + 0.1, layer.snapshot()["params"])

    def loss(params, x):
        outputs = jax.tree.leaves(layer.apply({"params": params, "state": layer.snapshot()["state"]}, x)[0])
        return sum((i + 1) * jnp.sum(jnp.sin(jnp.arange(o.size).reshape(o.shape) * o)) for i, o in enumerate(outputs))

    return jax.value_and_grad(loss, (0, 1)), params, x


@pytest.mark.parametrize("options", LSTM.values(), ids=LSTM)
@pytest.mark.slow
def test_lstm_of_cudnn(gpu, monkeypatch, options):
    """What is handed to cuDNN, and what is made of its results, gives the numbers of the loop."""
    cudnn_lstm(monkeypatch)
    function, params, x = lstm_gradient(**options)
    assert "lstm_ref" in lowered(function, "cuda", params, x)
    assert "lstm_ref" not in lowered(function, "tpu", params, x)
    expected = function(params, x)
    monkeypatch.setattr(cudnn, "has_gpu", lambda: True)
    monkeypatch.setattr(jax.lax, "platform_dependent", lambda *args, cuda, default: cuda(*args))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), function(params, x), expected)


@pytest.mark.parametrize("options", OTHER.values(), ids=OTHER)
def test_other_lstms_are_loops(gpu, monkeypatch, options):
    cudnn_lstm(monkeypatch)
    function, params, x = lstm_gradient(**options)
    assert "lstm_ref" not in lowered(function, "cuda", params, x)


def test_masks_keep_an_lstm_a_loop(gpu, monkeypatch):
    cudnn_lstm(monkeypatch)
    layer, x = layers.LSTM(5), np.zeros((2, 6, 3), "float32")
    layer.build(x.shape)
    variables = layer.snapshot()
    call = lambda x, **more: layer.apply(variables, x, **more)[0]  # noqa: E731
    assert "lstm_ref" in lowered(call, "cuda", x)
    assert "lstm_ref" not in lowered(lambda x: call(x, mask=jnp.ones((2, 6), bool)), "cuda", x)
