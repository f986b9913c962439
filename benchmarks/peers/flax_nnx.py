"""Flax NNX with optax: one `nnx.jit`ted step in a Python loop, its graph traversed once (`nnx.cached_partial`)."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from benchmarks.peers.raw_jax import LOSSES, OPTIMIZERS


@functools.cache
def programs(loss):
    loss_of = LOSSES[loss]

    @nnx.jit
    def step(model, optimizer, totals, x, y, rows):
        def objective(model):
            return loss_of(model(x[rows]), y[rows])

        (loss, hits), gradients = nnx.value_and_grad(objective, has_aux=True)(model)
        optimizer.update(model, gradients)
        return totals[0] + loss, totals[1] + hits

    @nnx.jit
    def evaluate(model, x, y):
        return loss_of(model(x), y)

    return step, evaluate


@nnx.jit
def forward(model, x):
    return model(x)


class Learner:
    def __init__(self, workload):
        self.batch = workload.BATCH
        self.model = workload.flax_model(nnx, nnx.Rngs(0))
        self.optimizer = nnx.Optimizer(self.model, OPTIMIZERS[workload.OPTIMIZER], wrt=nnx.Param)
        self.step, self.evaluate_step = programs(workload.LOSS)
        self.shuffle = np.random.default_rng(0)

    def fit(self, x, y, epochs):
        x, y, steps = jnp.asarray(x), jnp.asarray(y), len(x) // self.batch
        self.model.train()
        step = nnx.cached_partial(self.step, self.model, self.optimizer)
        for _ in range(epochs):
            totals = jnp.zeros(()), jnp.zeros(())
            for rows in self.shuffle.permutation(len(x)).reshape(steps, self.batch):
                totals = step(totals, x, y, rows)
            loss = float(totals[0]) / steps
        jax.block_until_ready(nnx.state(self.model))
        return loss

    def predict(self, x, batch):
        self.model.eval()
        call = nnx.cached_partial(forward, self.model)
        outputs = [call(x[start : start + batch]) for start in range(0, len(x), batch)]
        return np.concatenate(outputs)

    def evaluate(self, x, y, batch):
        self.model.eval()
        call = nnx.cached_partial(self.evaluate_step, self.model)
        starts = range(0, len(x), batch)
        losses = [call(x[s : s + batch], y[s : s + batch])[0] * len(x[s : s + batch]) for s in starts]
        return float(sum(losses)) / len(x)
