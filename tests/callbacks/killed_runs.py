"""Runs of `fit` that are killed, for test_kills.py.

As a program it is a nursery, which imports everything once and forks a process per run. It reads lines `case;folder` and answers
`started PID`, then `begun` after the first step, and when that process is over `ended STATUS`. A run that comes to its end
writes a digest of all its bits to the file `FOLDER.digest`.
"""

import hashlib
import os
import sys
import time

import numpy as np

import jkeras
from jkeras import layers
from jkeras.callbacks import BackupAndRestore, Callback, CSVLogger, EarlyStopping, ReduceLROnPlateau

ROWS, BATCH, EPOCHS, PAUSE = 45, 4, 5, 0.008  # 12 batches, the last one of a single row


class Pause(Callback):
    """A step takes a while, so that a kill meets any of them."""

    batch_calls = 1

    begun = False

    def on_train_batch_end(self, batch, logs=None):
        if not self.begun:
            self.begun = True
            print("begun", flush=True)
        time.sleep(PAUSE)

    def get_state(self):
        return {}


class Numbered(jkeras.utils.PyDataset):
    """Makes batches by number, in an order that it draws after each epoch."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y, self.order = x, y, np.arange(len(x))

    def __len__(self):
        return -(-len(self.x) // BATCH)

    def __getitem__(self, number):
        rows = self.order[number * BATCH : number * BATCH + BATCH]
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        np.random.shuffle(self.order)


def data(*shape):
    random = np.random.default_rng(0)
    return random.normal(size=(ROWS, *shape)).astype("float32"), random.normal(size=(ROWS, 1)).astype("float32")


def cnn():
    return [
        *(layers.Conv2D(3, 3, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.3)),
        *(layers.Flatten(), layers.Dense(1)),
    ]


def lstm():
    return [layers.LSTM(6, dropout=0.2), layers.Dense(1)]


def dense():
    return [layers.Dense(8, "relu"), layers.BatchNormalization(), layers.Dropout(0.4), layers.Dense(1)]


def accumulating():
    return jkeras.optimizers.SGD(0.02, momentum=0.9, gradient_accumulation_steps=3, use_ema=True, ema_overwrite_frequency=6)


# name -> (layers, shape of a row, optimizer, how often a backup is made)
CASES = {
    "cnn resident": (cnn, (6, 6, 1), lambda: jkeras.optimizers.Adam(0.01), 1),
    "cnn streamed": (cnn, (6, 6, 1), lambda: jkeras.optimizers.RMSprop(0.01, momentum=0.9), 3),
    "lstm": (lstm, (5, 2), lambda: jkeras.optimizers.Nadam(0.01), 2),
    "accumulation with ema": (dense, (4,), accumulating, 2),
    "batches by number": (dense, (4,), lambda: jkeras.optimizers.AdamW(0.01), "epoch"),
}


def run(case, folder):
    """Train, or go on; returns a digest of weights, optimizer, generators, history and the log file."""
    make, shape, optimizer, freq = CASES[case]
    jkeras.utils.set_random_seed(7)
    if case == "cnn streamed":
        jkeras.config.set_device_memory_budget(0)
    x, y = data(*shape)
    model = jkeras.Sequential([jkeras.Input(shape), *make()])
    model.compile(optimizer(), "mse", metrics=["mae"])
    stop = EarlyStopping("val_loss", patience=3, restore_best_weights=True)
    rates = ReduceLROnPlateau("val_loss", patience=1, factor=0.7, min_delta=0.05)
    log = CSVLogger(f"{folder}.csv")
    backup = BackupAndRestore(folder, save_freq=freq, save_seconds=0.1, double_checkpoint=case == "lstm")
    given = {"x": Numbered(x, y)} if case == "batches by number" else {"x": x, "y": y, "batch_size": BATCH}
    history = model.fit(
        **given, epochs=EPOCHS, verbose=0, callbacks=[stop, rates, log, Pause(), backup], validation_data=(x[:10], y[:10])
    )
    digest = hashlib.sha256()
    for variable in [*model.variables, *model.optimizer.variables]:
        digest.update(np.asarray(variable.value).tobytes())
    with open(f"{folder}.csv", "rb") as file:
        digest.update(file.read())
    digest.update(repr((history.history, history.epoch, np.random.random(3).tolist())).encode())
    return digest.hexdigest()


def nursery():
    for line in sys.stdin:
        case, folder = line.strip().split(";")
        child = os.fork()
        if child == 0:
            try:
                text = run(case, folder)
                with open(f"{folder}.digest", "w") as file:
                    file.write(text)
            except BaseException as error:  # to be seen in the output of the test
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        print("started", child, flush=True)
        _, status = os.waitpid(child, 0)
        print("ended", status, flush=True)


if __name__ == "__main__":
    nursery()
