"""Two networks against each other, in a training step of the model's own."""

import json

import jax
import keras
import numpy as np
from keras import layers, ops


class Gan(keras.Model):
    def __init__(self, generator, critic, noise):
        super().__init__()
        self.generator, self.critic, self.noise = generator, critic, noise
        self.seeds = keras.random.SeedGenerator(7)
        self.generator_tracker = keras.metrics.Mean(name="generator_loss")
        self.critic_tracker = keras.metrics.Mean(name="critic_loss")
        self.built = True

    def compile(self, generator_optimizer, critic_optimizer):
        super().compile(loss=keras.losses.BinaryCrossentropy(from_logits=True))
        self.generator_optimizer, self.critic_optimizer = generator_optimizer, critic_optimizer
        generator_optimizer.build(self.generator.trainable_variables)
        critic_optimizer.build(self.critic.trainable_variables)

    @property
    def metrics(self):
        return [self.generator_tracker, self.critic_tracker]

    def call(self, x):
        return self.critic(x)

    def step(self, real):
        """One step of both, on values; `jax.grad` differentiates."""
        count = real.shape[0]
        binary = keras.losses.BinaryCrossentropy(from_logits=True)
        g, c = ([v.value for v in m.trainable_variables] for m in (self.generator, self.critic))
        noise = keras.random.normal((2, count, self.noise), seed=self.seeds)

        def critic_loss(c):
            fake, _ = self.generator.stateless_call(g, [], noise[0])
            logits, _ = self.critic.stateless_call(c, [], ops.concatenate([real, fake]))
            return binary(ops.concatenate([ops.ones((count, 1)), ops.zeros((count, 1))]), logits)

        loss_c, gradients = jax.value_and_grad(critic_loss)(c)
        self.critic_optimizer.apply(gradients, self.critic.trainable_variables)
        c = [v.value for v in self.critic.trainable_variables]

        def generator_loss(g):
            fake, _ = self.generator.stateless_call(g, [], noise[1])
            logits, _ = self.critic.stateless_call(c, [], fake)
            return binary(ops.ones((count, 1)), logits)

        loss_g, gradients = jax.value_and_grad(generator_loss)(g)
        self.generator_optimizer.apply(gradients, self.generator.trainable_variables)
        self.generator_tracker.update_state(loss_g)
        self.critic_tracker.update_state(loss_c)

    def train_step(self, state, data):
        groups = (self.trainable_variables, self.non_trainable_variables, self.optimizer.variables, self.metrics_variables)
        mapping = [pair for variables, values in zip(groups, state) for pair in zip(variables, values)]
        extra = [*self.generator_optimizer.variables, *self.critic_optimizer.variables]
        known = {id(variable) for variable, _ in mapping}
        mapping += [(v, v.value) for v in extra if id(v) not in known]
        with keras.StatelessScope(mapping) as scope:
            self.step(data)
            logs = {m.name: m.result() for m in self.metrics}
        return logs, tuple([scope.get_current_value(v) for v in variables] for variables in groups)


keras.utils.set_random_seed(4)
real = np.random.default_rng(0).normal([2, -1], 0.2, (96, 2)).astype("float32")
generator = keras.Sequential([keras.Input((3,)), layers.Dense(8, activation="relu"), layers.Dense(2)])
critic = keras.Sequential([keras.Input((2,)), layers.Dense(8), layers.LeakyReLU(0.2), layers.Dense(1)])
model = Gan(generator, critic, 3)
model.compile(keras.optimizers.SGD(0.05), keras.optimizers.SGD(0.05))
losses = []
for start in range(0, 96, 32):  # the step as a function, by hand
    model.step(real[start : start + 32])
    losses.append([float(m.result()) for m in model.metrics])
history = model.fit(real, batch_size=32, epochs=2, verbose=0)
fake = generator.predict(np.ones((4, 3), "float32"), verbose=0)
print(json.dumps({"by_hand": losses, "fit": history.history, "fake": fake.tolist()}))
