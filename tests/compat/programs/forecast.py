"""A recurrent forecast of a series, from windows that a dataset makes batch by batch."""

import json

import keras
import numpy as np
from keras import layers


class Windows(keras.utils.PyDataset):
    def __init__(self, series, length, batch_size):
        super().__init__()
        self.series, self.length, self.batch_size = series, length, batch_size

    def __len__(self):
        return (len(self.series) - self.length) // self.batch_size

    def __getitem__(self, i):
        starts = range(i * self.batch_size, (i + 1) * self.batch_size)
        x = np.stack([self.series[s : s + self.length] for s in starts])
        return x[..., None], np.stack([self.series[s + self.length] for s in starts])


keras.utils.set_random_seed(9)
series = np.sin(np.arange(160) / 5).astype("float32")
model = keras.Sequential(
    [layers.Conv1D(8, 3, padding="causal"), layers.GRU(8, return_sequences=True), layers.GRU(4), layers.Dense(1)]
)
model.compile(keras.optimizers.Nadam(0.01), keras.losses.Huber(), metrics=[keras.metrics.RootMeanSquaredError(name="rmse")])
slower = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.05)
history = model.fit(Windows(series, 12, 16), epochs=4, shuffle=False, callbacks=[slower], verbose=0)
print(json.dumps(history.history | {"next": model.predict(series[None, -12:, None], verbose=0).tolist()}))
