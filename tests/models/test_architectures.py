"""Three families of image models, each built by one source, train in jkeras as they do in Keras.

The same seed gives the same initial weights and the same order of the samples, so the loss of every batch is the same number.
jkeras trains twice: observed by a callback with a batch hook, which means one step per compiled call, and unobserved, with many.
"""

import numpy as np
import pytest

import jkeras
from tests.marks import slow_unless_longest
from tests.oracle import keras

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(40, 16, 16, 3)).astype("float32")
LABELS = (IMAGES.mean(axis=(1, 2)) @ np.array([[1.0, -1.0, 0.0], [0.0, 1.0, -1.0], [-1.0, 0.0, 1.0]])).argmax(axis=1)
OUTLINES = (IMAGES.mean(axis=-1, keepdims=True) > 0.3).astype("float32")


def resnet(k):
    """Residual blocks; a strided one projects its shortcut."""
    layers = k.layers

    def convolve(x, filters, strides=1, size=3):
        x = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
        return layers.BatchNormalization(momentum=0.9)(x)

    def block(x, filters, strides=1):
        shortcut = x if strides == 1 else convolve(x, filters, strides, size=1)
        residual = layers.ReLU()(convolve(x, filters, strides))
        return layers.ReLU()(layers.Add()([convolve(residual, filters), shortcut]))

    inputs = k.Input((16, 16, 3))
    x = layers.ReLU()(convolve(inputs, 4))
    for filters, strides in [(4, 1), (8, 2), (8, 1)]:
        x = block(x, filters, strides)
    outputs = layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    return k.Model(inputs, outputs, name="resnet")


def unet(k):
    """Down to a quarter of the size and up again, where each scale sees what the same scale was on the way down."""
    layers = k.layers

    def convolve(x, filters, count=2):
        for _ in range(count):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        return x

    x = inputs = k.Input((None, None, 3))  # any size that can be halved twice
    skips = []
    for filters in (4, 6):
        skips.append(convolve(x, filters))
        x = layers.MaxPooling2D(2)(skips[-1])
    x = layers.Dropout(0.3)(convolve(x, 8, count=1))
    x = layers.Conv2DTranspose(6, 2, strides=2, padding="same")(x)
    x = convolve(layers.Concatenate()([x, skips.pop()]), 6, count=1)
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = convolve(layers.concatenate([x, skips.pop()]), 4, count=1)
    return k.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(x), name="unet")


def inception(k):
    """Branches of several receptive fields side by side, their channels concatenated."""
    layers = k.layers

    def convolve(x, filters, size, **options):
        return layers.Conv2D(filters, size, padding="same", activation="relu", **options)(x)

    def mixed(x, filters, name):
        branches = [
            convolve(x, filters, 1),
            convolve(convolve(x, filters // 2, 1), filters, 3),
            convolve(convolve(x, filters // 2, 1), filters, 5),
            convolve(layers.MaxPooling2D(3, strides=1, padding="same")(x), filters, 1),
            convolve(layers.AveragePooling2D(3, strides=1, padding="same")(x), filters, (1, 7), kernel_regularizer="l2"),
        ]
        return layers.Concatenate(axis=-1, name=name)(branches)

    inputs = k.Input((16, 16, 3))
    x = layers.MaxPooling2D(3, strides=2, padding="same")(convolve(inputs, 4, 3))
    x = mixed(x, 4, "mixed_1")
    x = layers.SpatialDropout2D(0.2)(mixed(layers.AveragePooling2D(2)(x), 4, "mixed_2"))
    x = layers.Flatten()(layers.AveragePooling2D(4)(x))
    return k.Model(inputs, layers.Dense(3)(x), name="inception")


CASES = {
    "resnet": (resnet, LABELS, lambda k: k.optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy"),
    "unet": (unet, OUTLINES, lambda k: k.optimizers.Adam(0.01), "binary_crossentropy"),
    "inception": (
        inception, LABELS, lambda k: k.optimizers.RMSprop(0.005),
        lambda k: k.losses.SparseCategoricalCrossentropy(from_logits=True),
    ),
}  # fmt: skip


def train(k, case, watched):
    """The names of the layers, the initial weights, the losses (of each batch, if watched; else of the epoch), the final weights."""
    build, targets, optimizer, loss = CASES[case]
    k.utils.clear_session()
    k.utils.set_random_seed(7)
    model = build(k)
    initial = model.get_weights()
    model.compile(optimizer(k), loss(k) if callable(loss) else loss, metrics=["accuracy"])
    losses = []
    watch = k.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: losses.append(float(logs["loss"])))
    history = model.fit(IMAGES, targets, batch_size=10, verbose=0, callbacks=[watch] if watched else []).history
    return [layer.name for layer in model.layers], initial, losses, history, model.get_weights()


@pytest.mark.parametrize("case", [slow_unless_longest(case, case in ("unet", "inception")) for case in CASES])
def test_an_epoch_gives_the_losses_of_keras(case):
    names, initial, theirs, epoch, final = train(keras, case, watched=True)
    for watched in (True, False):
        our_names, our_initial, ours, our_epoch, our_final = train(jkeras, case, watched)
        assert our_names == names
        for a, b in zip(our_initial, initial, strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(ours, theirs if watched else [], rtol=1e-4)
        for name in ("loss", "accuracy"):
            np.testing.assert_allclose(our_epoch[name], epoch[name], rtol=1e-4)
        for a, b in zip(our_final, final, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-3 * max(1.0, abs(b).max()))
    assert len(theirs) == 4
