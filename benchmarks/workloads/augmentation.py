"""Augmentation of images, and next to nothing behind it: what flip, rotation and zoom cost in a training step."""

from benchmarks.harness import KERAS, faster

TITLE = "random flip, rotation and zoom of 64x64x3 images, batch 64"
BATCH, STEPS, EPOCHS = 64, 8, 1
LOSS, OPTIMIZER = "sparse_categorical_crossentropy", "sgd"
GOALS = (faster(1, KERAS),)


def data(rng, rows):
    return rng.integers(256, size=(rows, 64, 64, 3)).astype("uint8"), rng.integers(10, size=rows).astype("int32")


def keras_model(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((64, 64, 3), dtype="uint8"),
            layers.Rescaling(1 / 255),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )
