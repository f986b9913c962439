"""Keras and jkeras: one program, parametrised by the library."""

import importlib
import os

os.environ["KERAS_BACKEND"] = "jax"  # read by Keras when it is imported

import jax
import numpy as np

OPTIMIZERS = {
    "sgd": lambda o: o.SGD(0.01),
    "momentum": lambda o: o.SGD(0.01, momentum=0.9),
    "rmsprop": lambda o: o.RMSprop(1e-3),
    "adam": lambda o: o.Adam(1e-3),
}


class Learner:
    def __init__(self, workload, library, **compile_options):
        keras = importlib.import_module(library)
        keras.utils.set_random_seed(0)
        self.batch = workload.BATCH
        self.model = workload.keras_model(keras)
        optimizer = OPTIMIZERS[workload.OPTIMIZER](keras.optimizers)
        self.model.compile(loss=workload.LOSS, optimizer=optimizer, metrics=["accuracy"], **compile_options)

    def fit(self, x, y, epochs):
        history = self.model.fit(x, y, batch_size=self.batch, epochs=epochs, verbose=0)
        jax.block_until_ready([v.value for v in self.model.weights])
        return history.history["loss"][-1]

    def predict(self, x, batch):
        return np.asarray(self.model.predict(x, batch_size=batch, verbose=0))

    def call(self, x):
        return np.asarray(self.model(x))

    def evaluate(self, x, y, batch):
        return self.model.evaluate(x, y, batch_size=batch, verbose=0)[0]
