"""A small language model: a causal transformer block of one's own, with text that it goes on with."""

import json

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("programs")
class Block(layers.Layer):
    def __init__(self, heads, width, **options):
        super().__init__(**options)
        self.heads, self.width = heads, width
        self.attention = layers.MultiHeadAttention(heads, width // heads)
        self.hidden, self.out = layers.Dense(2 * width, activation="gelu"), layers.Dense(width)
        self.norms = [layers.LayerNormalization(epsilon=1e-5) for _ in range(2)]

    def call(self, x):
        h = self.norms[0](x)
        x = x + self.attention(h, h, use_causal_mask=True)
        return x + self.out(self.hidden(self.norms[1](x)))

    def get_config(self):
        return super().get_config() | {"heads": self.heads, "width": self.width}


@keras.saving.register_keras_serializable("programs")
class Positions(layers.Layer):
    def build(self, shape):
        self.table = self.add_weight(shape=shape[1:], initializer="random_normal", name="table")

    def call(self, x):
        return x + self.table


keras.utils.set_random_seed(10)
tokens = np.tile(np.arange(6), 40)[:192].reshape(16, 12)
inputs = keras.Input((11,), dtype="int32")
x = Positions()(layers.Embedding(6, 16)(inputs))
model = keras.Model(inputs, layers.Dense(6)(Block(2, 16)(x)))
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.AdamW(0.01), loss, metrics=["accuracy"], jit_compile=True)
history = model.fit(tokens[:, :-1], tokens[:, 1:], batch_size=8, epochs=6, verbose=0)
again = keras.Model.from_config(model.get_config())
again.set_weights(model.get_weights())
text = tokens[0, :4].tolist()
for _ in range(4):
    padded = np.array([text + [0] * (11 - len(text))])
    text.append(int(ops.argmax(again(padded)[0, len(text) - 1])))
print(json.dumps({"loss": history.history["loss"], "text": text}))
