"""`python -m benchmarks [names] [--repeats N] [--steps N] [--rows N] [--output FILE]`."""

import argparse
import json
import os
import pathlib
import subprocess
import sys

from benchmarks import callbacks, depth, first, fresh, imports, pipelines, predict, preprocessing, start, training, usual
from benchmarks.harness import Row, log, machine, table
from benchmarks.workloads import TRAINING

PROGRAMS = dict.fromkeys(TRAINING, training) | {
    "predict": predict,
    "fresh": fresh,
    "start": start,
    "first": first,
    "usual": usual,
    "pipelines": pipelines,
    "imports": imports,
    "depth": depth,
    "callbacks": callbacks,
    "preprocessing": preprocessing,
}
RESULTS = pathlib.Path(__file__).parent / "results.md"

HEAD = """# Side by side

These are the results of one run of `make bench`. Each cell shows the median time. The number in parentheses is the time
divided by that of the raw JAX scan in the same round; it is the median over the rounds. The contenders take turns,
round by round, and each runs in a process of its own. All run on the CPU, with all of its cores, in float32, on the
same NumPy arrays. All shuffle the data in every epoch, and compute the loss and the accuracy.

- *raw JAX scan* is written by hand. The whole epoch is one compiled `lax.scan` over data on the device. In `predict`
  and `evaluate`, all rows (at most 16384) are computed in one compiled call. *raw JAX loop* makes one compiled call per
  batch.
- *Keras* uses its JAX backend. *Keras, many steps* uses the `steps_per_execution` that was fastest for it (32 in
  `predict`).
- *PyTorch* runs eagerly, with fused optimizers and channels last. It trains with one thread or with all threads,
  whichever is faster.
- *Flax NNX* uses `nnx.jit` and `nnx.cached_partial`.

"""


def parse():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which to run (default: all): {', '.join(PROGRAMS)}")
    parser.add_argument("--repeats", type=int, default=5, help="rounds (default: 5)")
    parser.add_argument("--steps", type=int, help="training steps per epoch (default: each workload's own)")
    parser.add_argument("--rows", type=int, help="rows of the large predict (default: a million)")
    parser.add_argument("--output", type=pathlib.Path, help="where to write (default: results.md, in a full run)")
    parser.add_argument("--json", metavar="NAME", choices=PROGRAMS, help=argparse.SUPPRESS)  # one program's process
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in PROGRAMS]
    if unknown:
        parser.error(f"no benchmark named {', '.join(unknown)}; there are {', '.join(PROGRAMS)}")
    return options


def run(name, options):
    """One program in a process of its own, so that none inherits another's threads, caches and memory."""
    numbers = {"--repeats": options.repeats, "--steps": options.steps, "--rows": options.rows}
    arguments = [str(part) for option, value in numbers.items() if value is not None for part in (option, value)]
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    environment["JAX_ENABLE_COMPILATION_CACHE"] = "false"  # what is compiled is meant to be compiled
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # the peers have been installed with theirs
    command = [sys.executable, "-m", "benchmarks", "--json", name, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=False)
    if done.returncode:
        return [Row(name, "", {"jkeras": f"the program failed with status {done.returncode}"})]
    return [Row.from_json(row) for row in json.loads(done.stdout.splitlines()[-1])]


def main():
    options = parse()
    if options.json:
        print(json.dumps([row.to_json() for row in PROGRAMS[options.json].rows(options.json, options)]))
        return
    found = []
    for name in options.names or PROGRAMS:
        rows = run(name, options)
        log(table(rows))
        found += rows
    changed = [f"--{o} {v}" for o in ("steps", "rows") if (v := getattr(options, o)) is not None]
    rounds = f"{options.repeats} rounds{', with ' + ' '.join(changed) if changed else ''}.\n\n"
    text = HEAD + machine() + "\n" + rounds + table(found)
    print(text)
    output = options.output or (None if options.names else RESULTS)
    if output:
        output.write_text(text)
    failed = [f"{row.title}: {c}" for row in found for c, v in row.times.items() if "failed" in v]
    if failed:
        sys.exit("failed: " + "; ".join(failed))


if __name__ == "__main__":
    main()
