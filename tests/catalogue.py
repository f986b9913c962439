"""One row or more for every layer: a constructor and inputs, which the tests run through every check.

A row is a constructor as a function of the library (`keras` or `jkeras`), inputs, and how it is called. Options that
change the mathematics have rows of their own.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Row(NamedTuple):
    name: str
    shapes: tuple  # the shape of the input, or a list of shapes
    options: Callable[[Any], dict]  # library -> the constructor's arguments
    title: str
    training: bool = False
    integers: int | None = None  # inputs are integers below this
    mask: Any = None  # given to the call
    bad: tuple | None = None  # a shape that the built layer must refuse
    rtol: float = 1e-5
    vmap: bool = True

    def __str__(self) -> str:
        return self.title

    def make(self, library: Any, **more: Any) -> Any:
        """The layer, in `keras` or `jkeras`."""
        return getattr(library.layers, self.name)(**self.options(library), **{"name": "the_layer", **more})

    def inputs(self, seed: int = 0) -> Any:
        """Random inputs of the row's shapes."""
        rng = np.random.default_rng(seed)

        def draw(shape: tuple) -> np.ndarray:
            if self.integers is not None:
                return rng.integers(0, self.integers, shape).astype("int32")
            return rng.normal(size=shape).astype("float32")

        return [draw(s) for s in self.shapes] if isinstance(self.shapes, list) else draw(self.shapes)


CHECKS = ("training", "integers", "mask", "bad", "rtol", "vmap")


def row(name: str, shapes: Any, **arguments: Any) -> Row:
    """A row; arguments that are no checks are the constructor's, and functions among `with_library` get the library."""
    checks = {key: arguments.pop(key) for key in CHECKS if key in arguments}
    with_library = arguments.pop("with_library", {})
    words = [f"{k}={v}" for k, v in arguments.items()] + [k for k in checks if k in ("training", "mask")]
    title = "-".join([name, *words]).replace(" ", "")
    options = lambda library: arguments | {key: make(library) for key, make in with_library.items()}  # noqa: E731
    return Row(name, shapes, options, title, **checks)


STEPS, IMAGE, VOLUME = (2, 7, 4), (2, 7, 6, 4), (2, 5, 6, 5, 2)
FIRST = {"data_format": "channels_first"}
L2 = {"kernel_regularizer": "l2", "bias_initializer": "ones"}
MASK = np.array([[1, 1, 0, 1, 0, 0, 1], [1, 0, 0, 0, 0, 0, 0]], bool)

CORE = [
    row("Dense", (2, 3), units=4, activation="tanh", bad=(3,)),
    row("Dense", (2, 5, 3), units=4, use_bias=False, kernel_constraint="max_norm", activity_regularizer="l2"),
    row("Activation", (2, 3), activation="gelu"),
    row("Embedding", (2, 5), input_dim=7, output_dim=3, integers=7),
    row("Embedding", (2, 5), input_dim=7, output_dim=3, mask_zero=True, embeddings_constraint="unit_norm", integers=7),
]

CORE += [
    row("EinsumDense", (2, 3, 4), equation="abc,cd->abd", output_shape=(None, 5), bias_axes="d", bad=(2, 4)),
    row("EinsumDense", (2, 3, 4), equation="...x,xyz->...yz", output_shape=(2, 5), bias_axes="yz", activation="relu"),
    row("EinsumDense", (2, 3, 4), equation="ab...,bc->ac...", output_shape=5, bias_axes="c", kernel_regularizer="l2"),
    row("EinsumDense", (2, 3, 4), equation="abc,bcd->ad", output_shape=3, kernel_initializer="he_normal"),
    row("Identity", (2, 3)),
    row("Masking", (2, 3, 1), mask_value=0.5),
    row("Lambda", (2, 3), with_library={"function": lambda k: k.activations.relu}, arguments={"threshold": 0.5}),
]

ACTIVATION = [
    row("ReLU", (2, 5), max_value=1.0, negative_slope=0.1, threshold=0.2),
    row("LeakyReLU", (2, 5)),
    row("ELU", (2, 5), alpha=0.5),
    row("PReLU", (2, 5), alpha_regularizer="l2", bad=(2, 4)),
    row("PReLU", (2, 5, 4, 3), shared_axes=[1, 2], alpha_initializer="ones"),
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
    row("SpatialDropout3D", VOLUME, rate=0.5, seed=3, training=True, **FIRST, bad=(2, 7)),
    row("AlphaDropout", (3, 4, 2), rate=0.3, seed=3, training=True),
    row("AlphaDropout", (3, 4, 2), rate=0.3, seed=3, noise_shape=(None, 1, None), training=True),
    row("GaussianDropout", (3, 4), rate=0.3, seed=3, training=True),
    row("GaussianNoise", (3, 4), stddev=0.3, seed=3, training=True),
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
    row("ZeroPadding1D", STEPS, padding=(0, 2), bad=(2, 7)),
    row("ZeroPadding2D", IMAGE, padding=((1, 2), (0, 1)), bad=(2, 7)),
    row("ZeroPadding2D", (2, 2, 3, 4), padding=(1, 2), **FIRST),
    row("ZeroPadding3D", VOLUME, padding=1, bad=(2, 7)),
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
    row("BatchNormalization", IMAGE, training=True, momentum=0.8, gamma_regularizer="l2"),
    row("BatchNormalization", IMAGE, training=True, axis=1, epsilon=0.1),
    row("BatchNormalization", (5, 4), training=True, center=False, scale=False),
    row("BatchNormalization", STEPS, training=True, mask=MASK),
    row("BatchNormalization", (5, 4), training=True, renorm=True, renorm_clipping={"rmax": 1.1, "rmin": 0.9, "dmax": 0.1}),
    row("BatchNormalization", (5, 4), training=True, renorm=True, renorm_clipping={}, scale=False, momentum=0.5),
    row("LayerNormalization", STEPS),
    row("LayerNormalization", IMAGE, axis=[1, 2], epsilon=0.1, beta_initializer="ones"),
    row("LayerNormalization", IMAGE, axis=[-1, -2], center=False),
    row("LayerNormalization", STEPS, axis=1, scale=False),
    row("GroupNormalization", IMAGE, groups=2, bad=(2, 4)),
    row("GroupNormalization", (2, 6, 3, 3), groups=3, axis=1, epsilon=0.1, center=False),
    row("GroupNormalization", STEPS, groups=-1, scale=False),
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

CONVOLUTION = [
    row("Conv1D", STEPS, filters=3, kernel_size=3, **L2, bad=(2, 7)),
    row("Conv1D", STEPS, filters=3, kernel_size=3, padding="causal", dilation_rate=2, activation="relu"),
    row("Conv1D", (2, 4, 7), filters=2, kernel_size=2, padding="causal", groups=2, **FIRST),
    row("Conv2D", IMAGE, filters=3, kernel_size=3, bad=(2, 7, 6)),
    row("Conv2D", IMAGE, filters=3, kernel_size=(2, 3), strides=2, padding="same", use_bias=False),
    row("Conv2D", IMAGE, filters=4, kernel_size=3, groups=2, dilation_rate=2),
    row(
        "Conv2D", (2, 3, 7, 6), filters=2, kernel_size=3, strides=(2, 1), padding="same", **FIRST, bias_constraint="non_neg"
    ),
    row("Conv3D", VOLUME, filters=3, kernel_size=2, strides=2, bad=(2, 5, 6, 5)),
    row("Conv3D", (2, 2, 5, 6, 5), filters=3, kernel_size=(1, 2, 3), padding="same", **FIRST),
    row("Conv1DTranspose", STEPS, filters=3, kernel_size=3, strides=2, bad=(2, 7)),
    row("Conv1DTranspose", STEPS, filters=3, kernel_size=3, dilation_rate=2, padding="same"),
    row("Conv2DTranspose", (2, 3, 4, 2), filters=3, kernel_size=3, strides=2, padding="same", bad=(2, 3, 4)),
    row("Conv2DTranspose", (2, 3, 4, 2), filters=3, kernel_size=2, strides=3, output_padding=1, use_bias=False),
    row("Conv2DTranspose", (2, 2, 3, 4), filters=3, kernel_size=(2, 3), strides=(1, 2), padding="same", **FIRST),
    row("Conv3DTranspose", (2, 2, 3, 2, 2), filters=3, kernel_size=2, strides=2, bad=(2, 2, 3, 2)),
    row("DepthwiseConv1D", STEPS, kernel_size=3, strides=2, bad=(2, 7)),
    row("DepthwiseConv2D", IMAGE, kernel_size=3, depth_multiplier=2, padding="same", bad=(2, 7, 6)),
    row("DepthwiseConv2D", (2, 3, 7, 6), kernel_size=3, dilation_rate=2, activation="tanh", **FIRST),
    row("SeparableConv1D", STEPS, filters=3, kernel_size=3, depth_multiplier=2, bad=(2, 7)),
    row("SeparableConv2D", IMAGE, filters=3, kernel_size=3, strides=2, padding="same", bad=(2, 7, 6)),
    row("SeparableConv2D", (2, 3, 7, 6), filters=3, kernel_size=2, depth_multiplier=2, use_bias=False, **FIRST),
]

POOLING = [
    *(row(f"{kind}Pooling1D", STEPS, pool_size=2, bad=(2, 7)) for kind in ("Max", "Average")),
    *(row(f"{kind}Pooling1D", (2, 4, 7), pool_size=3, strides=2, padding="same", **FIRST) for kind in ("Max", "Average")),
    *(row(f"{kind}Pooling2D", IMAGE, pool_size=2, bad=(2, 7, 6)) for kind in ("Max", "Average")),
    *(row(f"{kind}Pooling2D", IMAGE, pool_size=(3, 2), strides=(2, 1), padding="same") for kind in ("Max", "Average")),
    *(row(f"{kind}Pooling2D", (2, 4, 7, 6), pool_size=3, strides=1, **FIRST) for kind in ("Max", "Average")),
    *(row(f"{kind}Pooling3D", VOLUME, pool_size=2, padding="same", bad=(2, 5, 6, 5)) for kind in ("Max", "Average")),
    *(row(f"Global{kind}Pooling1D", STEPS, bad=(2, 7)) for kind in ("Max", "Average")),
    *(row(f"Global{kind}Pooling2D", IMAGE, keepdims=True, bad=(2, 7, 6)) for kind in ("Max", "Average")),
    *(row(f"Global{kind}Pooling3D", VOLUME, **FIRST, bad=(2, 5, 6, 5)) for kind in ("Max", "Average")),
    row("GlobalAveragePooling1D", STEPS, mask=MASK),
    row("GlobalAveragePooling1D", (2, 4, 7), mask=MASK, keepdims=True, **FIRST),
    *(row(f"Adaptive{kind}Pooling1D", STEPS, output_size=3, bad=(2, 7)) for kind in ("Max", "Average")),
    *(row(f"Adaptive{kind}Pooling2D", IMAGE, output_size=(3, 4), bad=(2, 7, 6)) for kind in ("Max", "Average")),
    *(row(f"Adaptive{kind}Pooling3D", (2, 2, 5, 6, 5), output_size=2, **FIRST, bad=(2, 5)) for kind in ("Max", "Average")),
]

ROWS = [*CORE, *ACTIVATION, *REGULARIZATION, *RESHAPING, *MERGING, *NORMALIZATION, *CONVOLUTION, *POOLING]
