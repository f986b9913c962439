"""A small convolutional network with augmentation, on images of bars."""

import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(1)
rng = np.random.default_rng(0)
labels = rng.integers(0, 2, 64)
images = rng.normal(0, 0.3, (64, 12, 12, 1)).astype("float32")
for image, label, place in zip(images, labels, rng.integers(0, 12, 64)):
    image[(slice(None), place) if label else place] += 1.0

inputs = keras.Input((12, 12, 1))
x = layers.Rescaling(0.5)(inputs)
x = layers.Conv2D(8, 3, padding="same", use_bias=False)(x)
x = layers.BatchNormalization()(x)
x = layers.ReLU()(x)
x = layers.MaxPooling2D()(x)
x = layers.SeparableConv2D(8, 3, activation="relu")(x)
x = layers.GlobalAveragePooling2D()(x)
x = layers.Dropout(0.2)(x)
model = keras.Model(inputs, layers.Dense(2, activation="softmax")(x))
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
stop = keras.callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True)
history = model.fit(images, labels, batch_size=16, epochs=4, validation_split=0.25, callbacks=[stop], verbose=0)
print(json.dumps(history.history))
