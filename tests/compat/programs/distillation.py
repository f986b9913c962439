"""A large model teaches a small one: `compute_loss` of a model's own, a frozen part, and metrics by hand."""

import json

import keras
import numpy as np
from keras import layers, ops


class Distiller(keras.Model):
    def __init__(self, student, teacher, temperature):
        super().__init__()
        self.student, self.teacher, self.temperature = student, teacher, temperature
        self.teacher.trainable = False
        self.distance = keras.metrics.Mean(name="distance")

    def call(self, x, training=None):
        return self.student(x, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        own = super().compute_loss(x, y, y_pred, sample_weight)
        soft = ops.softmax(self.teacher(x, training=False) / self.temperature)
        distance = ops.mean(keras.losses.kl_divergence(soft, ops.softmax(y_pred / self.temperature)))
        self.distance.update_state(distance)
        return 0.5 * own + 0.5 * self.temperature**2 * distance


def network(width):
    return keras.Sequential([keras.Input((4,)), layers.Dense(width, activation="relu"), layers.Dense(3)])


keras.utils.set_random_seed(11)
rng = np.random.default_rng(0)
x = rng.normal(size=(120, 4)).astype("float32")
y = np.argmax(x[:, :3] + 0.1 * rng.normal(size=(120, 3)), axis=-1)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
teacher = network(32)
teacher.compile(keras.optimizers.Adam(0.02), loss, metrics=["accuracy"])
taught = teacher.fit(x, y, batch_size=30, epochs=4, verbose=0)
model = Distiller(network(6), teacher, 3.0)
model.compile(keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True), loss, metrics=["accuracy"])
history = model.fit(x, y, batch_size=30, epochs=4, verbose=0)
counts = [len(model.trainable_variables), len(model.non_trainable_variables)]
print(json.dumps({"teacher": taught.history, "student": history.history, "counts": counts}))
