"""A generative adversarial network: batches train a discriminator and, with the discriminator frozen, a combined model."""

import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(11)
rng = np.random.default_rng(0)
columns = np.arange(8)
images = (np.sin(rng.uniform(0, 6, (96, 1)) + columns)[:, :, None, None] * np.ones((1, 1, 8, 1))).astype("float32")

generator = keras.Sequential(
    [
        keras.Input((6,)),
        layers.Dense(2 * 2 * 8, use_bias=False),
        layers.BatchNormalization(),
        layers.LeakyReLU(0.2),
        layers.Reshape((2, 2, 8)),
        layers.Conv2DTranspose(8, 4, strides=2, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.LeakyReLU(0.2),
        layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh"),
    ],
    name="generator",
)
discriminator = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(8, 3, strides=2, padding="same"),
        layers.LeakyReLU(0.2),
        layers.Dropout(0.2),
        layers.Flatten(),
        layers.Dense(1, activation="sigmoid"),
    ],
    name="discriminator",
)
discriminator.compile(keras.optimizers.Adam(2e-3, beta_1=0.5), "binary_crossentropy", metrics=["accuracy"])
discriminator.trainable = False
z = keras.Input((6,))
combined = keras.Model(z, discriminator(generator(z)))
combined.compile(keras.optimizers.Adam(2e-3, beta_1=0.5), "binary_crossentropy")

real, fake = np.ones((16, 1)), np.zeros((16, 1))
history = {"real": [], "fake": [], "generator": []}
for _ in range(12):
    noise = rng.normal(size=(16, 6)).astype("float32")
    batch = images[rng.integers(0, len(images), 16)]
    discriminator.trainable = True
    history["real"].append([float(v) for v in discriminator.train_on_batch(batch, real * 0.9)])
    history["fake"].append([float(v) for v in discriminator.train_on_batch(generator.predict(noise, verbose=0), fake)])
    discriminator.trainable = False
    history["generator"].append(float(combined.train_on_batch(noise, real)))
counts = [len(combined.trainable_weights), len(combined.weights), len(discriminator.trainable_weights)]
scores = discriminator.predict(generator.predict(np.zeros((2, 6)), verbose=0), verbose=0)
print(json.dumps(history | {"counts": counts, "scores": scores.tolist()}))
