"""A bidirectional LSTM over embedded words, with padding that is masked."""

import json

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(2)
rng = np.random.default_rng(0)
sentences = [list(rng.integers(1, 30, rng.integers(4, 12))) for _ in range(64)]
labels = np.array([float(sum(word > 15 for word in words) > len(words) / 2) for words in sentences])
x = keras.utils.pad_sequences(sentences, maxlen=12, padding="post")

model = keras.Sequential(
    [
        layers.Embedding(30, 8, mask_zero=True),
        layers.Bidirectional(layers.LSTM(8, dropout=0.1)),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile("rmsprop", "binary_crossentropy", metrics=[keras.metrics.AUC(name="auc"), "accuracy"])
history = model.fit(x, labels, batch_size=16, epochs=3, verbose=0)
print(json.dumps(history.history | {"evaluate": model.evaluate(x, labels, verbose=0)}))
