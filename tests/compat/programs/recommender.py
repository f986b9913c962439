"""Two towers of embeddings whose product is a rating; outputs with losses and weights of their own."""

import json

import keras
import numpy as np
from keras import layers, regularizers

keras.utils.set_random_seed(12)
rng = np.random.default_rng(0)
users, items = rng.integers(0, 20, 200), rng.integers(0, 15, 200)
ratings = (np.cos(users) * np.sin(items)).astype("float32")
liked = (ratings > 0).astype("float32")


def tower(count, name):
    ids = keras.Input((), dtype="int32", name=name)
    table = layers.Embedding(count, 6, embeddings_regularizer=regularizers.L2(1e-4), name=f"{name}_table")
    return ids, layers.Dense(6, activation="elu", kernel_constraint="max_norm")(table(ids))


(user, u), (item, i) = tower(20, "user"), tower(15, "item")
both = layers.Multiply()([u, i])
outputs = {
    "rating": layers.Dense(1, name="rating")(both),
    "liked": layers.Dense(1, activation="sigmoid", name="liked")(layers.Concatenate()([both, u, i])),
}
model = keras.Model([user, item], outputs)
model.compile(
    keras.optimizers.Adagrad(0.2),
    loss={"rating": "mse", "liked": "binary_crossentropy"},
    loss_weights={"rating": 1.0, "liked": 0.5},
    metrics={"rating": ["mae"], "liked": ["accuracy"]},
)
targets = {"rating": ratings, "liked": liked}
history = model.fit([users, items], targets, batch_size=50, epochs=4, verbose=0)
print(json.dumps(history.history))
