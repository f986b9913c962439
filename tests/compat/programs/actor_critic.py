"""An actor and a critic learn to stay in the middle of a line; returns are discounted sums of rewards."""

import json

import jax
import keras
import numpy as np
from keras import layers, ops


class Line:
    """A place that drifts; the actions push it to the left or to the right."""

    def __init__(self, seed):
        self.rng, self.state = np.random.default_rng(seed), np.zeros(2, "float32")

    def step(self, action):
        place, speed = self.state
        speed = 0.9 * speed + (0.3 if action else -0.3) + 0.05 * self.rng.normal()
        self.state = np.array([place + 0.2 * speed, speed], "float32")
        return self.state, 1.0 - abs(float(self.state[0])), abs(self.state[0]) > 1.5


keras.utils.set_random_seed(6)
inputs = keras.Input((2,))
common = layers.Dense(16, activation="tanh")(inputs)
model = keras.Model(inputs, [layers.Dense(2, activation="softmax")(common), layers.Dense(1)(common)])
optimizer = keras.optimizers.Adam(0.02, clipnorm=1.0)
huber = keras.losses.Huber()


@jax.jit
def loss_and_gradients(weights, states, actions, returns):
    def loss(weights):
        (probabilities, values), _ = model.stateless_call(weights, [], states)
        chosen = ops.sum(probabilities * ops.one_hot(actions, 2), axis=-1)
        advantage = returns - values[:, 0]
        actor = -ops.mean(ops.log(chosen) * jax.lax.stop_gradient(advantage))
        return actor + huber(returns[:, None], values)

    return jax.value_and_grad(loss)(weights)


rng, scores, losses = np.random.default_rng(1), [], []
for episode in range(6):
    line, rewards, states, actions = Line(episode), [], [], []
    for _ in range(20):
        states.append(line.state)
        probabilities = np.asarray(model(line.state[None])[0])[0]
        actions.append(int(rng.random() < probabilities[1]))
        _, reward, done = line.step(actions[-1])
        rewards.append(reward)
        if done:
            break
    returns, total = [], 0.0
    for reward in reversed(rewards):
        total = reward + 0.95 * total
        returns.insert(0, total)
    returns = np.array(returns, "float32")
    returns = (returns - returns.mean()) / (returns.std() + 1e-6)
    weights = [v.value for v in model.trainable_variables]
    loss, gradients = loss_and_gradients(weights, np.stack(states), np.array(actions), returns)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    scores.append(sum(rewards))
    losses.append(float(loss))
print(json.dumps({"scores": scores, "losses": losses}))
