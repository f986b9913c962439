"""A training loop in plain JAX: stateless calls of a model, an optimizer and a metric in one compiled step."""

import json

import jax
import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(5)
rng = np.random.default_rng(0)
x = rng.normal(size=(128, 6)).astype("float32")
y = (x[:, :1] * x[:, 1:2] > 0).astype("float32")

inputs = keras.Input((6,))
h = layers.BatchNormalization()(layers.Dense(16, activation="gelu")(inputs))
model = keras.Model(inputs, layers.Dense(1)(layers.Dropout(0.1)(h)))
optimizer = keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(0.02, 20))
loss_function = keras.losses.BinaryCrossentropy(from_logits=True)
metric = keras.metrics.BinaryAccuracy(threshold=0.0)
optimizer.build(model.trainable_variables)


def compute_loss(trainable, non_trainable, metric_state, x, y):
    logits, non_trainable = model.stateless_call(trainable, non_trainable, x, training=True)
    metric_state = metric.stateless_update_state(metric_state, y, logits)
    return loss_function(y, logits), (non_trainable, metric_state)


@jax.jit
def step(state, x, y):
    trainable, non_trainable, slots, metric_state = state
    gradient = jax.value_and_grad(compute_loss, has_aux=True)
    (loss, (non_trainable, metric_state)), found = gradient(trainable, non_trainable, metric_state, x, y)
    trainable, slots = optimizer.stateless_apply(slots, found, trainable)
    return loss, (trainable, non_trainable, slots, metric_state)


groups = [model.trainable_variables, model.non_trainable_variables, optimizer.variables, metric.variables]
state = tuple([variable.value for variable in variables] for variables in groups)
losses = []
for _ in range(4):
    for start in range(0, 128, 32):
        loss, state = step(state, x[start : start + 32], y[start : start + 32])
    losses.append(float(loss))
accuracy = float(metric.stateless_result(state[3]))
for variables, values in zip(groups, state):
    for variable, value in zip(variables, values):
        variable.assign(value)
outputs = model.predict(x[:4], verbose=0)
print(json.dumps({"losses": losses, "accuracy": accuracy, "outputs": outputs.tolist(), "step": int(optimizer.iterations)}))
