"""`python -m benchmarks.ensembles [--rounds N] [--keras N]`: many models in one program, against one model and against loops of fits.

Three measurements: the steady time of a step of 32 members against one model; 64 seeds of an MLP from a fresh process, compilation
included, against loops of fits in jkeras and Keras; and how far members are from fits of their own.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np

SEEDS, ROWS, EPOCHS, BATCH = 64, 1000, 10, 32


def tutorial(k):
    layers = k.layers
    model = k.Sequential([k.Input((2,)), layers.Dense(5, activation="relu"), layers.Dense(2, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    return model


def mlp(k, rate=0.01):
    layers = k.layers
    hidden = [layers.Dense(64, activation="relu"), layers.Dense(32, activation="relu")]
    model = k.Sequential([k.Input((20,)), *hidden, layers.Dense(1)])
    model.compile(k.optimizers.Adam(rate), "mse")
    return model


def mlp_data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 20)).astype("float32")
    return x, np.sin(x[:, :1]) + x[:, 1:2] * x[:, 2:3]


def steady(rounds):
    """Microseconds per step of one model and of 32 members, taking turns; the least of all rounds."""
    import jkeras

    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 2)).astype("float32")
    y = np.eye(2, dtype="float32")[(x[:, 0] * x[:, 1] > 0).astype(int)]
    contenders = {"one model": tutorial(jkeras)} | {
        f"{n} members": jkeras.Ensemble(lambda: tutorial(jkeras), range(n)) for n in (8, 32)
    }
    times = {name: [] for name in contenders}
    for turn in range(rounds + 2):
        for name, model in contenders.items():
            start = time.perf_counter()
            model.fit(x, y, epochs=5, batch_size=5, verbose=0)
            if turn > 1:
                times[name].append((time.perf_counter() - start) / 1000 * 1e6)
    return {name: min(values) for name, values in times.items()}


def cold(kind, count):
    """Seconds from the first model to the last, compilation included, in this process; and the process's peak memory in MB."""
    x, y = mlp_data()
    options = {"epochs": EPOCHS, "batch_size": BATCH, "verbose": 0}
    if kind == "keras":
        import keras as library
    else:
        import jkeras as library
    start = time.perf_counter()
    if kind == "ensemble":
        library.Ensemble(lambda: mlp(library), range(count)).fit(x, y, **options)
    else:
        for seed in range(count):
            library.utils.set_random_seed(seed)
            mlp(library).fit(x, y, **options)
    return [time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]


def equality():
    """The largest difference of a weight to a fit of its own: of seeds, of learning rates, of folds."""
    import jkeras

    x, y = mlp_data()
    x, y = x[:203], y[:203]
    options = {"epochs": 3, "batch_size": BATCH, "verbose": 0}

    def distance(model, seed, rate=0.01, rows=slice(None)):
        jkeras.utils.set_random_seed(seed)
        own = mlp(jkeras, rate)
        own.fit(x[rows], y[rows], **options)
        pairs = zip(own.get_weights(), model.get_weights(), strict=True)
        return max(float(np.abs(a - b).max()) for a, b in pairs)

    ensemble = jkeras.Ensemble(lambda: mlp(jkeras), range(3))
    ensemble.fit(x, y, **options)
    rates = [0.03, 0.01, 0.001]
    swept = jkeras.sweep(lambda rate: mlp(jkeras, rate), {"rate": rates}, x, y, epochs=3, batch_size=BATCH)
    scores = jkeras.cross_validate(lambda: mlp(jkeras), x, y, folds=4, epochs=3, batch_size=BATCH)
    return {
        "seeds": max(distance(ensemble[i], i) for i in range(3)),
        "learning rates": max(distance(swept.model(i), 0, rate) for i, rate in enumerate(rates)),
        "folds": max(distance(scores.model(i), i, rows=scores.splits[i][0]) for i in range(4)),
    }


def apart(*arguments):
    """One measurement in a process of its own."""
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "JAX_ENABLE_COMPILATION_CACHE": "false"}
    command = [sys.executable, "-m", "benchmarks.ensembles", "--part", *map(str, arguments)]
    return json.loads(
        subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout.splitlines()[-1]
    )


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ensembles", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="turns of the steady measurement (default: 15)")
    parser.add_argument("--keras", type=int, default=SEEDS, help="how many Keras fits are timed; fewer are scaled up to 64")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        kind, *numbers = options.part
        parts = {"steady": steady, "equality": equality}
        print(json.dumps(parts[kind](*map(int, numbers)) if kind in parts else cold(kind, *map(int, numbers))))
        return
    times = apart("steady", options.rounds)
    print("| tutorial MLP 2-5-2, batch 5 | us per step | ratio |\n| --- | --- | --- |")
    for name, value in times.items():
        print(f"| {name} | {value:.1f} | {value / times['one model']:.1f} |")
    whole, peak = apart("ensemble", SEEDS)
    print(
        f"\n| {SEEDS} seeds of an MLP 20-64-32-1, compilation included | seconds | ratio | peak MB |\n| --- | --- | --- | --- |"
    )
    print(f"| one Ensemble | {whole:.1f} | 1 | {peak:.0f} |")
    for kind, count in (("jkeras", SEEDS), ("keras", options.keras)):
        seconds, peak = apart(kind, count)
        seconds *= SEEDS / count
        scaled = f", {count} of them timed" if count != SEEDS else ""
        print(f"| loop of {kind} fits{scaled} | {seconds:.1f} | {seconds / whole:.1f} | {peak:.0f} |")
    print("\n| members and fits of their own | largest difference of a weight |\n| --- | --- |")
    for name, value in apart("equality").items():
        print(f"| {name} | {value:.1e} |")


if __name__ == "__main__":
    main()
