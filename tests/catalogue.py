"""One row or more for every layer: a constructor and inputs, which the tests run through every check.

A row is a constructor as a function of the library (`keras` or `jkeras`), inputs, and how it is called. Every option of
every layer is in some row; several options share a row where they do not hide each other.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Row(NamedTuple):
    name: str
    shapes: Any  # the shape of the input, or a list of shapes (nested, if need be)
    options: Callable[[Any], dict]  # library -> the constructor's arguments
    title: str
    call: dict  # more arguments of the call
    training: bool = False
    integers: int | None = None  # inputs are integers below this
    spread: bool = False  # a list of inputs is several arguments, not one
    bad: Any = None  # shapes that the built layer must refuse
    rtol: float = 1e-5
    atol: float | None = None  # by default rtol times the largest entry
    lost: tuple = ()  # options that Keras's own config lacks
    fixed: bool = False  # needs to know the batch size
    noisy: bool = False  # draws other numbers in other dtypes

    def __str__(self) -> str:
        return self.title

    def make(self, library: Any, **more: Any) -> Any:
        """The layer, in `keras` or `jkeras`."""
        return getattr(library.layers, self.name)(**self.options(library), **{"name": "the_layer", **more})

    def arguments(self, make: Callable[[tuple], Any], shapes: Any = None) -> tuple:
        """The positional arguments of the call, each array made by `make(shape)`."""

        def fill(shapes: Any) -> Any:
            return [fill(shape) for shape in shapes] if isinstance(shapes, list) else make(shapes)

        inputs = fill(self.shapes if shapes is None else shapes)
        return tuple(inputs) if self.spread else (inputs,)

    def inputs(self, seed: int = 0) -> tuple:
        """The positional arguments of the call: random arrays."""
        rng = np.random.default_rng(seed)

        def draw(shape: tuple) -> np.ndarray:
            if self.integers is not None:
                return rng.integers(0, self.integers, shape).astype("int32")
            return rng.normal(size=shape).astype("float32")

        return self.arguments(draw)


CHECKS = ("training", "integers", "spread", "bad", "rtol", "atol", "lost", "fixed", "noisy")
QUIET = ("_initializer", "_regularizer", "_constraint")  # not named in titles


def row(name: str, shapes: Any, **arguments: Any) -> Row:
    """A row. Arguments that are no checks are the constructor's; functions among `with_library` get the library, and
    `call` (or `mask`) is for the call."""
    checks = {key: arguments.pop(key) for key in CHECKS if key in arguments}
    call = {"mask": arguments.pop("mask")} if "mask" in arguments else arguments.pop("call", {})
    with_library = arguments.pop("with_library", {})
    words = [f"{key}={value}" for key, value in arguments.items() if not key.endswith(QUIET)]
    title = "-".join(
        [name, *words, *(f"call:{key}" for key in (*call, *checks) if key not in ("bad", "spread", "rtol", "atol", "lost"))]
    ).replace(" ", "")
    options = lambda library: arguments | {key: make(library) for key, make in with_library.items()}  # noqa: E731
    return Row(name, shapes, options, title, call, **checks)


def penalties(*weights: str, **more: Any) -> dict:
    """An initializer, a regularizer and a constraint for each of the named weights."""
    kinds = {"initializer": "ones", "regularizer": "l2", "constraint": "non_neg"}
    return {f"{weight}_{kind}": value for weight in weights for kind, value in kinds.items()} | more


STEPS, IMAGE, VOLUME = (2, 7, 4), (2, 7, 6, 4), (2, 5, 6, 5, 2)
FIRST = {"data_format": "channels_first"}
KERNEL = penalties("kernel", "bias")
LOSSES = {**KERNEL, "activity_regularizer": "l2"}
MASK = np.array([[1, 1, 0, 1, 0, 0, 1], [1, 0, 0, 0, 0, 0, 0]], bool)

CORE = [
    row("Dense", (2, 3), units=4, activation="tanh", bad=(3,)),
    row("Dense", (2, 5, 3), units=4, **LOSSES),
    row("Dense", (2, 3), units=4, use_bias=False),
    row("Activation", (2, 3), activation="gelu"),
    row("Embedding", (2, 5), input_dim=7, output_dim=3, integers=7),
    row("Embedding", (2, 5), input_dim=7, output_dim=3, mask_zero=True, **penalties("embeddings"), integers=7),
    row("ReversibleEmbedding", (2, 5), input_dim=7, output_dim=3, mask_zero=True, **penalties("embeddings"), integers=7),
    row(
        "ReversibleEmbedding",
        (2, 5, 3),
        input_dim=7,
        output_dim=3,
        tie_weights=False,
        logit_soft_cap=0.5,
        call={"reverse": True},
    ),
]

CORE += [
    row("EinsumDense", (2, 3, 4), equation="abc,cd->abd", output_shape=(None, 5), bias_axes="d", bad=(2, 4)),
    row("EinsumDense", (2, 3, 4), equation="...x,xyz->...yz", output_shape=(2, 5), bias_axes="yz", activation="relu"),
    row("EinsumDense", (2, 3, 4), equation="ab...,bc->ac...", output_shape=5, bias_axes="c", **KERNEL),
    row("EinsumDense", (2, 3, 4), equation="abc,bcd->ad", output_shape=3),
    row("Identity", (2, 3)),
    row("Masking", (2, 3, 1), mask_value=0.5),
    row("Lambda", (2, 3), with_library={"function": lambda k: k.activations.relu}, arguments={"threshold": 0.5}),
]

ACTIVATION = [
    row("ReLU", (2, 5), max_value=1.0, negative_slope=0.1, threshold=0.2),
    row("LeakyReLU", (2, 5), negative_slope=0.2),
    row("ELU", (2, 5), alpha=0.5),
    row("PReLU", (2, 5), **penalties("alpha"), bad=(2, 4)),
    row("PReLU", (2, 5, 4, 3), shared_axes=[1, 2]),
    row("Softmax", (2, 5)),
    row("Softmax", (2, 5, 3), axis=[1, 2]),
    row("Softmax", (2, 7), mask=MASK),
]

REGULARIZATION = [
    row("Dropout", (2, 3), rate=0.5, seed=3),
    row("Dropout", (3, 4), rate=0.5, seed=3, training=True),
    row("Dropout", (3, 4, 2), rate=0.5, seed=3, noise_shape=(None, 1, None), training=True),
    row("SpatialDropout1D", STEPS, rate=0.5, seed=3, training=True, bad=(2, 7)),
    row("SpatialDropout2D", IMAGE, rate=0.5, seed=3, training=True, bad=(2, 7)),
    row("SpatialDropout2D", IMAGE, rate=0.5, seed=3, training=True, **FIRST),
    row("SpatialDropout3D", VOLUME, rate=0.5, seed=3, training=True, **FIRST, bad=(2, 7)),
    row("AlphaDropout", (3, 4, 2), rate=0.3, seed=3, training=True),
    row("AlphaDropout", (3, 4, 2), rate=0.3, seed=3, noise_shape=(None, 1, None), training=True),
    row("GaussianDropout", (3, 4), rate=0.3, seed=3, training=True, noisy=True),
    row("GaussianNoise", (3, 4), stddev=0.3, seed=3, training=True, noisy=True),
    row("ActivityRegularization", (3, 4), l1=0.1, l2=0.2),
]

RESHAPING = [
    row("Flatten", (2, 3, 4)),
    row("Flatten", (2, 3, 4, 2), **FIRST),
    row("Reshape", (2, 3, 4), target_shape=(2, -1), bad=(2, 5)),
    row("Permute", (2, 3, 4, 5), dims=(3, 1, 2), bad=(2, 3)),
    row("RepeatVector", (2, 3), n=4, bad=(2, 3, 1)),
    row("Cropping1D", STEPS, cropping=(0, 2), bad=(2, 7)),
    row("Cropping2D", IMAGE, cropping=((1, 2), (0, 1)), bad=(2, 2, 6, 4)),
    row("Cropping2D", (2, 2, 7, 6), cropping=(1, 2), **FIRST),
    row("Cropping3D", VOLUME, cropping=1, bad=(2, 7)),
    row("Cropping3D", VOLUME, cropping=((1, 2), (0, 1), (1, 0)), **FIRST),
    row("ZeroPadding1D", STEPS, padding=(0, 2), bad=(2, 7)),
    row("ZeroPadding1D", STEPS, padding=2, **FIRST),
    row("ZeroPadding2D", IMAGE, padding=((1, 2), (0, 1)), bad=(2, 7)),
    row("ZeroPadding2D", (2, 2, 3, 4), padding=(1, 2), **FIRST),
    row("ZeroPadding3D", VOLUME, padding=2, bad=(2, 7)),
    row("ZeroPadding3D", VOLUME, padding=((1, 2), (0, 1), (1, 0)), **FIRST),
    row("UpSampling1D", STEPS, size=3, bad=(2, 7)),
    row("UpSampling2D", (2, 3, 4, 2), size=(2, 3), bad=(2, 7)),
    row("UpSampling2D", (2, 2, 3, 4), size=2, interpolation="bilinear", **FIRST),
    row("UpSampling2D", (2, 3, 4, 2), size=2, interpolation="bicubic", rtol=2e-5),
    row("UpSampling3D", (2, 2, 3, 2, 2), size=(2, 1, 3), **FIRST, bad=(2, 7)),
]

THREE = [(2, 3, 4), (2, 3, 4), (2, 4)]
MERGING = [
    *(row(name, THREE) for name in ("Add", "Average", "Multiply", "Maximum", "Minimum")),
    row("Subtract", THREE[1:]),
    row("Concatenate", [(2, 3, 4), (2, 3, 1)]),
    row("Concatenate", [(2, 3, 4), (2, 2, 4), (2, 1, 4)], axis=1),
    row("Dot", [(2, 3), (2, 3)], axes=1),
    row("Dot", [(2, 3, 4), (2, 5, 3)], axes=(1, 2), normalize=True),
    row("Dot", [(2, 3, 4), (2, 4)], axes=-1),
]

NORMALIZATION = [
    row("BatchNormalization", (5, 4), bad=(5, 4, 1)),
    row("BatchNormalization", IMAGE, training=True, momentum=0.8, **penalties("beta", "gamma", gamma_initializer="zeros")),
    row("BatchNormalization", IMAGE, training=True, axis=1, epsilon=0.1),
    row(
        "BatchNormalization",
        (5, 4),
        training=True,
        center=False,
        scale=False,
        moving_mean_initializer="ones",
        moving_variance_initializer="zeros",
    ),
    row("BatchNormalization", STEPS, training=True, mask=MASK),
    row("BatchNormalization", (5, 4), training=True, renorm=True, renorm_clipping={"rmax": 1.1, "rmin": 0.9, "dmax": 0.1}),
    row("BatchNormalization", (5, 4), training=True, renorm=True, renorm_clipping={}, renorm_momentum=0.5),
    row("LayerNormalization", STEPS),
    row("LayerNormalization", IMAGE, axis=[1, 2], epsilon=0.1, **penalties("beta", "gamma", gamma_initializer="zeros")),
    row("LayerNormalization", IMAGE, axis=[-1, -2], center=False),
    row("LayerNormalization", STEPS, axis=1, scale=False),
    row("GroupNormalization", IMAGE, groups=2, bad=(2, 4)),
    row("GroupNormalization", (2, 6, 3, 3), groups=3, axis=1, epsilon=0.1, center=False),
    row("GroupNormalization", STEPS, groups=-1, scale=False),
    row("GroupNormalization", STEPS, groups=2, **penalties("beta", "gamma", gamma_initializer="zeros")),
    row("GroupNormalization", (2, 4), groups=1),
    row("RMSNormalization", STEPS),
    row("RMSNormalization", IMAGE, axis=[2, 3], epsilon=0.1),
    row("UnitNormalization", STEPS),
    row("UnitNormalization", STEPS, axis=[1, 2]),
    row("SpectralNormalization", (2, 3), with_library={"layer": lambda k: k.layers.Dense(4, name="inner")}, bad=(2, 4)),
    row(
        "SpectralNormalization",
        (2, 3),
        with_library={"layer": lambda k: k.layers.Dense(4, name="inner", activation="tanh")},
        power_iterations=2,
        training=True,
    ),
]

SEPARABLE = penalties("depthwise", "pointwise", "bias", activity_regularizer="l2")
CONVOLUTION = [
    row("Conv1D", STEPS, filters=3, kernel_size=3, **LOSSES, bad=(2, 7)),
    row("Conv1D", STEPS, filters=3, kernel_size=3, padding="causal", dilation_rate=2, activation="relu"),
    row("Conv1D", (2, 4, 7), filters=2, kernel_size=2, padding="causal", groups=2, **FIRST),
    row("Conv1D", STEPS, filters=3, kernel_size=3, padding="same", strides=2, use_bias=False),
    row("Conv2D", IMAGE, filters=3, kernel_size=3, bad=(2, 7, 6)),
    row("Conv2D", IMAGE, filters=3, kernel_size=(2, 3), strides=2, padding="same", use_bias=False),
    row("Conv2D", IMAGE, filters=4, kernel_size=3, groups=2, dilation_rate=2, activation="tanh"),
    row("Conv2D", (2, 3, 7, 6), filters=2, kernel_size=3, strides=(2, 1), padding="same", **FIRST, **LOSSES),
    row("Conv3D", VOLUME, filters=3, kernel_size=2, strides=2, use_bias=False, bad=(2, 5, 6, 5)),
    row("Conv3D", (2, 2, 5, 6, 5), filters=3, kernel_size=(1, 2, 3), padding="same", **FIRST, **LOSSES),
    row("Conv3D", (2, 4, 5, 5, 2), filters=2, kernel_size=2, groups=2, dilation_rate=(1, 2, 1), activation="relu"),
    row("Conv1DTranspose", STEPS, filters=3, kernel_size=3, strides=2, **LOSSES, bad=(2, 7)),
    row("Conv1DTranspose", STEPS, filters=3, kernel_size=3, dilation_rate=2, padding="same", activation="tanh"),
    row("Conv1DTranspose", STEPS, filters=3, kernel_size=2, strides=3, output_padding=1, use_bias=False, **FIRST),
    row("Conv2DTranspose", (2, 3, 4, 2), filters=3, kernel_size=3, strides=2, padding="same", **LOSSES, bad=(2, 3, 4)),
    row("Conv2DTranspose", (2, 3, 4, 2), filters=3, kernel_size=2, strides=3, output_padding=1, use_bias=False),
    row("Conv2DTranspose", (2, 3, 4, 2), filters=3, kernel_size=2, dilation_rate=(2, 1), activation="relu"),
    row("Conv2DTranspose", (2, 2, 3, 4), filters=3, kernel_size=(2, 3), strides=(1, 2), padding="same", **FIRST),
    row("Conv3DTranspose", (2, 2, 3, 2, 2), filters=3, kernel_size=2, strides=2, **LOSSES, bad=(2, 2, 3, 2)),
    row("Conv3DTranspose", (2, 2, 3, 2, 2), filters=3, kernel_size=2, padding="same", activation="tanh", **FIRST),
    row("Conv3DTranspose", (2, 2, 3, 2, 2), filters=3, kernel_size=2, strides=(1, 2, 3), output_padding=(0, 1, 2)),
    row("Conv3DTranspose", (2, 2, 3, 2, 2), filters=3, kernel_size=2, dilation_rate=2, use_bias=False),
    row("DepthwiseConv1D", STEPS, kernel_size=3, strides=2, **penalties("depthwise", "bias"), bad=(2, 7)),
    row("DepthwiseConv1D", (2, 3, 7), kernel_size=3, depth_multiplier=2, activation="relu", padding="same", **FIRST),
    row("DepthwiseConv1D", STEPS, kernel_size=3, dilation_rate=2, use_bias=False, activity_regularizer="l2"),
    row("DepthwiseConv2D", IMAGE, kernel_size=3, depth_multiplier=2, padding="same", bad=(2, 7, 6)),
    row("DepthwiseConv2D", IMAGE, kernel_size=2, strides=2, **penalties("depthwise", "bias", activity_regularizer="l2")),
    row("DepthwiseConv2D", (2, 3, 7, 6), kernel_size=3, dilation_rate=2, activation="tanh", use_bias=False, **FIRST),
    row("SeparableConv1D", STEPS, filters=3, kernel_size=3, depth_multiplier=2, **SEPARABLE, bad=(2, 7)),
    row("SeparableConv1D", STEPS, filters=3, kernel_size=3, strides=2, padding="same", activation="tanh", **FIRST),
    row("SeparableConv1D", STEPS, filters=3, kernel_size=3, dilation_rate=2, use_bias=False),
    row("SeparableConv2D", IMAGE, filters=3, kernel_size=3, strides=2, padding="same", **SEPARABLE, bad=(2, 7, 6)),
    row("SeparableConv2D", (2, 3, 7, 6), filters=3, kernel_size=2, depth_multiplier=2, use_bias=False, **FIRST),
    row("SeparableConv2D", IMAGE, filters=3, kernel_size=2, dilation_rate=2, activation="relu"),
]

BOTH, RANKS = ("Max", "Average"), ((1, STEPS), (2, IMAGE), (3, VOLUME))
POOLING = [
    *(row(f"{kind}Pooling1D", STEPS, pool_size=3, bad=(2, 7)) for kind in BOTH),
    *(row(f"{kind}Pooling1D", (2, 4, 7), pool_size=3, strides=2, padding="same", **FIRST) for kind in BOTH),
    *(row(f"{kind}Pooling2D", IMAGE, pool_size=2, bad=(2, 7, 6)) for kind in BOTH),
    *(row(f"{kind}Pooling2D", IMAGE, pool_size=(3, 2), strides=(2, 1), padding="same") for kind in BOTH),
    *(row(f"{kind}Pooling2D", (2, 4, 7, 6), pool_size=3, strides=1, **FIRST) for kind in BOTH),
    *(row(f"{kind}Pooling3D", VOLUME, pool_size=2, padding="same", bad=(2, 5, 6, 5)) for kind in BOTH),
    *(row(f"{kind}Pooling3D", VOLUME, pool_size=(3, 2, 1), strides=(1, 2, 1), **FIRST) for kind in BOTH),
    *(row(f"Global{kind}Pooling{rank}D", shape, bad=(2, 7)) for rank, shape in RANKS for kind in BOTH),
    *(row(f"Global{kind}Pooling{rank}D", shape, keepdims=True, **FIRST) for rank, shape in RANKS for kind in BOTH),
    row("GlobalAveragePooling1D", STEPS, mask=MASK),
    row("GlobalAveragePooling1D", (2, 4, 7), mask=MASK, keepdims=True, **FIRST),
    *(row(f"Adaptive{kind}Pooling1D", (2, 5, 2), output_size=3, bad=(2, 7)) for kind in BOTH),
    *(row(f"Adaptive{kind}Pooling1D", (2, 2, 5), output_size=2, **FIRST) for kind in BOTH),
    *(row(f"Adaptive{kind}Pooling2D", (2, 5, 4, 2), output_size=(3, 2), bad=(2, 7, 6)) for kind in BOTH),
    *(row(f"Adaptive{kind}Pooling2D", (2, 2, 4, 3), output_size=2, **FIRST) for kind in BOTH),
    *(row(f"Adaptive{kind}Pooling3D", (2, 2, 3, 4, 3), output_size=2, **FIRST, bad=(2, 5)) for kind in BOTH),
]

SHORT = (2, 4, 4)
WEIGHTS = penalties("kernel", "recurrent", "bias")
HALF = np.array([[1, 0, 1, 1], [1, 1, 0, 0]], bool)


def recurrent(name: str, **special: Any) -> list[Row]:
    """Rows for a recurrent layer and its cell; `special` are options that only this one has."""
    states = [(2, 3)] * (2 if name == "LSTM" else 1)
    steps, mask = (2, 3, 4), HALF[:, :3]
    start = [np.linspace(-1, 1, 6, dtype="float32").reshape(2, 3)] * len(states)
    gates = {} if name == "SimpleRNN" else {"recurrent_activation": "hard_sigmoid"}
    cell = {"units": 3, "training": True, "spread": True}
    lost = {"lost": ("seed",)} if name == "SimpleRNN" else {}
    losses = WEIGHTS if name == "SimpleRNN" else {**WEIGHTS, "activity_regularizer": "l2"}
    plain = {"activation": "relu", "use_bias": False, **gates}
    given = {"initial_state": start}
    drop, again = {"dropout": 0.5, "seed": 3}, {"recurrent_dropout": 0.5, "seed": 3}
    return [
        row(name, steps, units=3, **losses, bad=(2, 7)),
        row(name, steps, units=3, return_sequences=True, return_state=True, go_backwards=True, mask=mask, **special),
        row(name, steps, units=3, unroll=True, mask=mask, training=True, **plain, **again, **lost),
        row(name, steps, units=3, stateful=True, call=given, training=True, fixed=True, **drop, **lost),
        row(name + "Cell", [(2, 4), states], **WEIGHTS, **again, **cell),
        row(name + "Cell", [(2, 4), states], **plain, **drop, **special, **cell),
    ]


def lstm(**options: Any) -> dict:
    """An LSTM as the `layer` of a wrapper."""
    return {"layer": lambda k: k.layers.LSTM(3, name="inner", **options)}


STACK = [lambda k: k.layers.LSTMCell(3, name="first"), lambda k: k.layers.GRUCell(2, name="second")]
STACKED = {"cells": lambda k: [make(k) for make in STACK]}
ONE = {"cell": STACK[0]}


def stacked(library: Any) -> Any:
    """Two cells as one."""
    return library.layers.StackedRNNCells(STACKED["cells"](library), name="stack")


RECURRENT = [
    *recurrent("SimpleRNN"),
    *recurrent("LSTM", unit_forget_bias=False),
    *recurrent("GRU", reset_after=False),
    row("RNN", SHORT, with_library={"cell": stacked}, return_sequences=True, return_state=True, mask=HALF),
    row("RNN", SHORT, with_library=ONE, go_backwards=True, zero_output_for_mask=True, return_sequences=True, mask=HALF),
    row("RNN", SHORT, with_library=ONE, unroll=True, bad=(2, 7)),
    row("RNN", SHORT, with_library=ONE, stateful=True, fixed=True),
    row("StackedRNNCells", [(2, 4), [[(2, 3), (2, 3)], [(2, 2)]]], with_library=STACKED, spread=True),
    row("Bidirectional", SHORT, with_library=lstm(), bad=(2, 7)),
    row("Bidirectional", SHORT, with_library=lstm(return_sequences=True), merge_mode="sum", mask=HALF),
    row("Bidirectional", SHORT, with_library=lstm(), merge_mode="mul"),
    row("Bidirectional", SHORT, with_library=lstm(return_state=True), merge_mode=None),
    row(
        "Bidirectional",
        SHORT,
        with_library={**lstm(), "backward_layer": lambda k: k.layers.GRU(3, go_backwards=True, name="back")},
        merge_mode="ave",
    ),
    row("TimeDistributed", SHORT, with_library={"layer": lambda k: k.layers.Dense(3, name="inner")}, bad=(2, 7)),
    row("TimeDistributed", (2, 3, 4, 2), with_library={"layer": lambda k: k.layers.Conv1D(3, 2, name="inner")}),
]

PAIR, TRIPLE = [(2, 3, 4), (2, 5, 4)], [(2, 3, 4), (2, 5, 6), (2, 5, 4)]
SOURCES = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1]], bool)
TARGETS = np.array([[1, 1, 0], [0, 1, 1]], bool)
ALLOWED = TARGETS[:, :, None] & SOURCES[:, None, ::-1] | np.eye(3, 5, dtype=bool)
SCORES = {"return_attention_scores": True}
CAUSAL = {"use_causal_mask": True}


SEVERAL = {"spread": True, "atol": 1e-5}  # the gradient of the keys' bias is 0 but for rounding
HEADS = {"num_heads": 2, "key_dim": 3, **SEVERAL}
GROUPS = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, **SEVERAL}
ATTENTION = [
    row("MultiHeadAttention", PAIR, **HEADS, **LOSSES, bad=[(2, 3, 4), (2, 5)]),
    row("MultiHeadAttention", TRIPLE, **HEADS, use_bias=False, call={"attention_mask": ALLOWED}),
    row("MultiHeadAttention", PAIR, **HEADS, use_gate=True, call={"value_mask": SOURCES, **CAUSAL}),
    row("MultiHeadAttention", [(2, 4, 3)] * 3, **HEADS, sliding_window=2, call={**CAUSAL, **SCORES}),
    row("MultiHeadAttention", [(2, 4, 3)] * 2, **HEADS, call=CAUSAL),
    row("MultiHeadAttention", PAIR, **HEADS, dropout=0.5, seed=3, training=True, call={"attention_mask": ALLOWED[0]}),
    row("MultiHeadAttention", TRIPLE, **HEADS, value_dim=2, output_shape=(2, 3), call={"key_mask": SOURCES, **SCORES}),
    row("MultiHeadAttention", [(2, 3, 2, 4), (2, 3, 3, 4)], **HEADS, attention_axes=2, call=SCORES),
    row("MultiHeadAttention", [(2, 3, 2, 4), (2, 2, 4, 4)], **HEADS),
    row("MultiHeadAttention", [(2, 3, 2, 4)] * 2, **HEADS, attention_axes=(1,), dropout=0.5, seed=3, training=True),
    row("GroupQueryAttention", PAIR, **GROUPS, **LOSSES, bad=[(2, 3, 4), (2, 5)]),
    row("GroupQueryAttention", PAIR, **GROUPS, use_gate=True, use_bias=False, call={"value_mask": SOURCES, **CAUSAL}),
    row("GroupQueryAttention", PAIR, **GROUPS, sliding_window=2, dropout=0.5, seed=3, training=True, call=SCORES),
    row("Attention", PAIR, bad=[(2, 3, 4)]),
    row("Attention", TRIPLE, use_scale=True, call={"mask": [TARGETS, SOURCES, None], **SCORES}),
    row("Attention", PAIR, score_mode="concat", call=CAUSAL),
    row("Attention", PAIR, score_mode="concat", use_scale=True, dropout=0.5, seed=3, training=True),
    row("AdditiveAttention", PAIR, bad=[(2, 3, 4)]),
    row("AdditiveAttention", TRIPLE, use_scale=False, call={"mask": [TARGETS, SOURCES, None], **CAUSAL, **SCORES}),
    row("AdditiveAttention", PAIR, dropout=0.5, seed=3, training=True, call=SCORES),
]

PREPROCESSING = [
    row("Rescaling", (2, 3), scale=0.5, offset=-1.0),
    row("Rescaling", (2, 5, 3), scale=[0.1, 0.2, 0.3]),
    row("Resizing", IMAGE, height=4, width=9, interpolation="bicubic", antialias=True),
    row("Resizing", (2, 4, 7, 6), height=5, width=3, crop_to_aspect_ratio=True, **FIRST),
    row("Resizing", IMAGE, height=5, width=3, pad_to_aspect_ratio=True, fill_mode="constant", fill_value=0.5),
    row("CenterCrop", IMAGE, height=4, width=3),
    row("CenterCrop", (2, 4, 7, 6), height=4, width=5, **FIRST),
    row("Normalization", (2, 5, 3), mean=[0.5, 1.0, 2.0], variance=[1.0, 4.0, 0.25]),
    row("Normalization", (2, 5, 3), axis=None, mean=0.5, variance=4.0, invert=True),
    row("CategoryEncoding", (2, 5), num_tokens=4, output_mode="count", integers=4),
]

ROWS = [
    *(*CORE, *ACTIVATION, *REGULARIZATION, *RESHAPING, *MERGING, *NORMALIZATION, *CONVOLUTION, *POOLING, *RECURRENT),
    *(*ATTENTION, *PREPROCESSING),
]
