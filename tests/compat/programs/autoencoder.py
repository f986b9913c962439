"""A variational autoencoder: a layer that samples, and a loss that a layer adds."""

import json

import keras
import numpy as np
from keras import layers, ops


class Sampling(layers.Layer):
    def __init__(self, **options):
        super().__init__(**options)
        self.seeds = keras.random.SeedGenerator(3)

    def call(self, inputs):
        mean, log_variance = inputs
        divergence = -0.5 * ops.mean(1 + log_variance - ops.square(mean) - ops.exp(log_variance))
        self.add_loss(0.01 * divergence)
        noise = keras.random.normal(ops.shape(mean), seed=self.seeds)
        return mean + ops.exp(0.5 * log_variance) * noise


class Autoencoder(keras.Model):
    def __init__(self, width, **options):
        super().__init__(**options)
        self.hidden = layers.Dense(16, activation="relu")
        self.mean, self.log_variance = layers.Dense(2), layers.Dense(2)
        self.sample = Sampling()
        self.decoder = keras.Sequential([layers.Dense(16, activation="relu"), layers.Dense(width)])

    def call(self, x):
        h = self.hidden(x)
        return self.decoder(self.sample([self.mean(h), self.log_variance(h)]))


keras.utils.set_random_seed(3)
angles = np.random.default_rng(0).uniform(0, 6, (96, 1))
x = np.cos(angles + np.arange(8)).astype("float32")
model = Autoencoder(8)
model.compile(keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError())
history = model.fit(x, x, batch_size=32, epochs=5, verbose=0)
print(json.dumps(history.history | {"weights": len(model.weights)}))
