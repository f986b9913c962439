"""Raw JAX, written by hand the way someone who knows it would: the yardstick.

`whole_epoch`: the epoch is one compiled program, a `lax.scan` over batches gathered from data on the device. Otherwise
a Python loop calls one compiled step, dispatched ahead of the device. Both donate what they replace.
"""

import collections
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

# With the numbers of Keras's defaults, so that every column does the same arithmetic.
OPTIMIZERS = {
    "sgd": optax.sgd(0.01),
    "momentum": optax.sgd(0.01, momentum=0.9),
    "rmsprop": optax.rmsprop(1e-3, decay=0.9, eps=1e-7),
    "adam": optax.adam(1e-3, eps=1e-7),
}


def sparse_categorical(logits, labels):
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return losses.mean(), (logits.argmax(-1) == labels).mean()


def categorical(logits, targets):
    losses = optax.softmax_cross_entropy(logits, targets)
    return losses.mean(), (logits.argmax(-1) == targets.argmax(-1)).mean()


def binary(logits, targets):
    losses = optax.sigmoid_binary_cross_entropy(logits, targets)
    return losses.mean(), ((logits > 0) == (targets > 0.5)).mean()


# logits, targets -> mean loss, accuracy
LOSSES = {
    "categorical_crossentropy": categorical,
    "sparse_categorical_crossentropy": sparse_categorical,
    "binary_crossentropy": binary,
}

Carry = collections.namedtuple("Carry", "params opt_state state key loss hits")
Programs = collections.namedtuple("Programs", "init step epoch forward evaluate")


@functools.cache
def programs(workload):
    """The compiled programs of a workload, once per process: a second model of it compiles nothing."""
    init, apply = workload.raw_jax(jax)
    optimizer, loss_of, batch = OPTIMIZERS[workload.OPTIMIZER], LOSSES[workload.LOSS], workload.BATCH

    @jax.jit
    def start(key):
        params, state = init(key)
        return Carry(params, optimizer.init(params), state, key, jnp.zeros(()), jnp.zeros(()))

    def step(carry, x, y):
        key, dropout = jax.random.split(carry.key)

        def objective(params):
            logits, state = apply(params, carry.state, x, dropout)
            loss, hits = loss_of(logits, y)
            return loss, (hits, state)

        (loss, (hits, state)), gradients = jax.value_and_grad(objective, has_aux=True)(carry.params)
        updates, opt_state = optimizer.update(gradients, carry.opt_state, carry.params)
        params = optax.apply_updates(carry.params, updates)
        return Carry(params, opt_state, state, key, carry.loss + loss, carry.hits + hits)

    @functools.partial(jax.jit, donate_argnums=0)
    def gathered_step(carry, x, y, rows):
        return step(carry, x[rows], y[rows])

    @functools.partial(jax.jit, donate_argnums=0)
    def epoch(carry, x, y):
        key, shuffle = jax.random.split(carry.key)
        order = jax.random.permutation(shuffle, len(x)).reshape(-1, batch)
        start = carry._replace(key=key, loss=jnp.zeros(()), hits=jnp.zeros(()))
        return jax.lax.scan(lambda c, rows: (step(c, x[rows], y[rows]), None), start, order)[0]

    @jax.jit
    def forward(params, state, x):
        return apply(params, state, x, None)[0]

    @jax.jit
    def evaluate(params, state, x, y):
        return loss_of(apply(params, state, x, None)[0], y)

    return Programs(start, gathered_step, epoch, forward, evaluate)


class Learner:
    def __init__(self, workload, whole_epoch):
        self.programs, self.whole_epoch, self.batch = programs(workload), whole_epoch, workload.BATCH
        self.carry = self.programs.init(jax.random.key(0))
        self.shuffle = np.random.default_rng(0)

    def fit(self, x, y, epochs):
        x, y, steps = jnp.asarray(x), jnp.asarray(y), len(x) // self.batch
        for _ in range(epochs):
            if self.whole_epoch:
                self.carry = self.programs.epoch(self.carry, x, y)
            else:
                self.carry = self.carry._replace(loss=jnp.zeros(()), hits=jnp.zeros(()))
                for rows in self.shuffle.permutation(len(x)).reshape(steps, self.batch):
                    self.carry = self.programs.step(self.carry, x, y, rows)
            loss = float(self.carry.loss) / steps  # one look an epoch, as for a log
        jax.block_until_ready(self.carry)
        return loss

    def predict(self, x, batch):
        """One call for all rows, or, with more than 16384, large chunks of which two are in flight."""
        size = 16384 if self.whole_epoch else batch
        pieces, outputs = [], None
        for start in range(0, len(x), size):
            pieces.append((start, self.programs.forward(self.carry.params, self.carry.state, x[start : start + size])))
            if outputs is None:
                outputs = np.empty((len(x), *pieces[0][1].shape[1:]), pieces[0][1].dtype)
            if len(pieces) == 2:
                place(outputs, pieces.pop(0))
        for piece in pieces:
            place(outputs, piece)
        return outputs

    def evaluate(self, x, y, batch):
        size = len(x) if self.whole_epoch else batch
        total = 0.0
        for start in range(0, len(x), size):
            rows = slice(start, start + size)
            loss, _ = self.programs.evaluate(self.carry.params, self.carry.state, x[rows], y[rows])
            total = total + loss * len(x[rows])
        return float(total) / len(x)


def place(outputs, piece):
    start, values = piece
    outputs[start : start + len(values)] = values
