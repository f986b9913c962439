"""Ordinary code of a user, which mypy reads without an error (tests/test_types.py). It is read and never run."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

import jkeras
from jkeras import callbacks, initializers, layers, losses, metrics, models, ops, optimizers, regularizers

x = np.zeros((64, 28, 28, 1), "float32")
y = np.zeros(64, "int32")


def convolutional() -> jkeras.Sequential:
    return jkeras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.RandomFlip("horizontal"),
            layers.Conv2D(8, (3, 3), padding="same", activation="relu", kernel_regularizer=regularizers.L2(1e-4)),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax", kernel_initializer=initializers.HeNormal()),
        ],
        name="small",
    )


def functional() -> jkeras.Model:
    words = jkeras.Input(shape=(None,), dtype="int32")
    h = layers.Embedding(1000, 16, mask_zero=True)(words)
    h = layers.Bidirectional(layers.LSTM(8, return_sequences=True))(h)
    h = layers.LayerNormalization()(h + layers.MultiHeadAttention(num_heads=2, key_dim=8)(h, h))
    h = layers.Add()([h, h])
    outputs = layers.Dense(1)(layers.GlobalMaxPooling1D()(h) * 2.0 - 1)
    return jkeras.Model(inputs=words, outputs=outputs)


class Scale(layers.Layer):
    def __init__(self, factor: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs: jax.Array) -> jax.Array:
        self.calls.assign_add(1)
        return inputs * (self.scale + 1) / 2 * self.factor

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


class Plateau(callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if logs is not None and logs["loss"] < 0.1:
            self.model.stop_training = True


class Worst(losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> jax.Array:
        return ops.max(ops.abs(y_true - y_pred), axis=-1)


class Positives(metrics.Metric):
    def __init__(self, name: str = "positives"):
        super().__init__(name=name)
        self.total = self.add_variable((), "zeros")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.total.assign(self.total + ops.sum(ops.cast(y_pred > 0.5, "float32")))

    def result(self) -> jax.Array:
        return self.total.value


class Trained(jkeras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.dense(inputs, training=training)

    def train_step(self, data: Any) -> dict[str, Any]:
        return super().train_step(data)


def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    yield x, y


def train() -> float:
    model = convolutional()
    schedule = optimizers.schedules.CosineDecay(1e-3, 1000, warmup_target=1e-2, warmup_steps=100)
    model.compile(
        optimizer=optimizers.Adam(schedule, clipnorm=1.0),
        loss=losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy", metrics.SparseTopKCategoricalAccuracy(k=3), Positives()],
    )
    history = model.fit(
        x,
        y,
        batch_size=32,
        epochs=2,
        validation_split=0.25,
        callbacks=[
            callbacks.EarlyStopping(patience=2, restore_best_weights=True),
            callbacks.ModelCheckpoint("best.keras", save_best_only=True),
            callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs)),
            Plateau(),
        ],
    )
    loss: float = history.history["loss"][-1]
    model.fit(batches(), steps_per_epoch=1, verbose=0)
    results = model.evaluate(x, y, return_dict=True)
    print(results["accuracy"])
    predictions = model.predict(x)
    print(predictions.shape, model.count_params())
    model.summary()
    model.save("model.keras")
    again = models.load_model("model.keras", custom_objects={"Scale": Scale})
    again.set_weights(model.get_weights())
    model.layers[0].trainable = False
    for layer in model.layers:
        print(layer.name, layer.output)
    for weight in model.trainable_variables:
        print(weight.name, weight.shape, weight.numpy().mean())
    return loss


def arithmetic() -> None:
    v = jkeras.Variable(np.ones(3), name="v")
    w = v + 1, 1 + v, v - 1, 1 - v, v * 2, 2 * v, v / 2, 2 / v, v // 2, v % 2, v**2, 2**v, -v, +v, abs(v), v @ v
    print(w, v > 0, v >= 0, v < 0, v <= 0, v[0], v[:2], len(v), float(v[0]), ops.sum(v), np.asarray(v))
    v.assign(v * 2)
    v.assign_sub(1.0)
    huber = losses.Huber(delta=2.0)
    print(
        huber([0.0, 0.0], [1.0, 4.0]), losses.Huber()(y, y), huber.name, losses.MeanSquaredError(reduction="sum").reduction
    )
    print(layers.Conv2D(4, 3, strides=2), layers.AveragePooling2D((2, 2), padding="same"), layers.Softmax(axis=-1))
    print(optimizers.SGD(0.1, momentum=0.9, nesterov=True), optimizers.AdamW(weight_decay=0.01), optimizers.RMSprop())
    print(jkeras.utils.to_categorical(y, 10), jkeras.random.normal((2, 3), seed=1), jkeras.activations.relu(x))
    print(
        ops.matmul(x, x),
        ops.concatenate([x, x], axis=-1),
        ops.nn.softmax(x),
        ops.image.resize(x, (14, 14)),
        ops.linalg.norm(x),
    )
    jkeras.utils.set_random_seed(1)
    jkeras.mixed_precision.set_global_policy("mixed_bfloat16")


def own_loop(model: jkeras.Model) -> Any:
    variables = model.init(jax.random.key(0), jax.ShapeDtypeStruct((1, 28, 28, 1), "float32"))

    def loss(params: Any) -> jax.Array:
        outputs, _ = model.apply({**variables, "params": params}, x, training=True)
        return losses.MeanSquaredError()(y, outputs)

    return jax.grad(loss)(variables["params"])


def symbolic() -> jkeras.Model:
    pixels = jkeras.Input((4, 4, 3))
    scaled = (pixels / 255 - 0.5)[:, :2] * 2 + 1
    return jkeras.Model([pixels], layers.Flatten()(-scaled))
