"""How long `import` takes, in fresh processes; what a bare interpreter takes is subtracted."""

import importlib.util
import statistics
import subprocess
import sys

from benchmarks.harness import COLUMNS, FLAX, JKERAS, KERAS, SCAN, TORCH, Row, at_most, interleave, log, scaled

STATEMENTS = {
    "nothing": "pass",
    JKERAS: "import jkeras; jkeras.Sequential, jkeras.layers.Dense, jkeras.optimizers.Adam",  # no laziness counts
    SCAN: "import jax, optax",
    KERAS: "import keras; keras.Sequential, keras.layers.Dense, keras.optimizers.Adam",
    TORCH: "import torch",
    FLAX: "import jax, optax; from flax import nnx",
}
MODULES = {JKERAS: "jkeras", SCAN: "optax", KERAS: "keras", TORCH: "torch", FLAX: "flax"}


def rows(name, options):
    def process(statement):
        return lambda: subprocess.run([sys.executable, "-c", statement], check=True)

    missing = {c: f"no {module}" for c, module in MODULES.items() if importlib.util.find_spec(module) is None}
    contenders = {column: process(statement) for column, statement in STATEMENTS.items()} | missing
    log("imports")
    # A first round, so that every file is in the operating system's cache and its bytecode written.
    contenders |= {c: value for c, value in interleave(contenders, 1).items() if isinstance(value, str)}
    times = scaled(interleave(contenders, max(options.repeats, 5)), 1e3)
    bare = statistics.median(times.pop("nothing"))
    times = {c: [t - bare for t in value] if isinstance(value, list) else value for c, value in times.items()}
    note = f"raw JAX: `{STATEMENTS[SCAN]}`; a bare interpreter's {bare:.0f} ms are subtracted"
    return [Row("import", "ms", {c: times[c] for c in COLUMNS if c in times}, (at_most(1.15, SCAN),), [note])]
