"""Columns of a table: numbers are normalized, classes become vectors, and a file keeps the whole model."""

import json
import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(8)
rng = np.random.default_rng(0)
table = {
    "age": rng.uniform(20, 80, (96, 1)).astype("float32"),
    "income": rng.lognormal(3, 1, (96, 1)).astype("float32"),
    "region": rng.integers(0, 4, (96, 1)),
    "visits": rng.integers(0, 9, (96, 1)),
}
target = ((table["age"][:, 0] > 50) ^ (table["region"][:, 0] == 2)).astype("float32")

inputs = {name: keras.Input((1,), name=name, dtype=str(column.dtype)) for name, column in table.items()}
age = layers.Normalization()
age.adapt(table["age"])
income = layers.Normalization()
income.adapt(np.log(table["income"]))
encoded = [
    age(inputs["age"]),
    income(keras.ops.log(inputs["income"])),
    layers.CategoryEncoding(4, output_mode="one_hot")(inputs["region"]),
    layers.Flatten()(layers.Embedding(9, 3)(inputs["visits"])),
]
h = layers.Dense(16, activation="relu")(layers.Concatenate()(encoded))
model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(h))
model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy", keras.metrics.Precision(name="p")])
history = model.fit(table, target, batch_size=32, epochs=4, class_weight={0: 1.0, 1: 2.0}, verbose=0)
with tempfile.TemporaryDirectory() as folder:
    model.save(Path(folder) / "model.keras")
    loaded = keras.models.load_model(Path(folder) / "model.keras")
print(json.dumps(history.history | {"evaluate": loaded.evaluate(table, target, verbose=0)}))
