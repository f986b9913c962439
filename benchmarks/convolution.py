"""`python -m benchmarks.convolution [--rounds N] [--only TEXT] [--output FILE]`: which way to compute a convolution on CPU.

`jkeras.ops.convolution_cpu` knows several methods for the output of a convolution and for its two gradients, and chooses by
shape. This times every method inside a loop, as in training, over a grid of shapes, and shows how much slower the chosen
one is than the fastest. A choice is a miss if that is more than `TOLERANCE`. There are two choices per shape: one for jkeras's own
programs, in which XLA's convolutions have all cores, and one for users' own programs, in which XLA gives them to a library.
"""

import argparse
import contextlib
import itertools
import math
import pathlib
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.harness import log, machine
from jkeras.ops import convolution_cpu
from jkeras.ops.convolution_cpu import METHODS, Axis
from jkeras.runtime import compiler_options

TOLERANCE = 1.25
RESULTS = pathlib.Path(__file__).with_suffix(".md")
ROLES = ("input", "kernel", "output")
CONTEXTS = {  # how a program is lowered, and the options of its compiler
    "all cores": (compiler_options.all_cores, compiler_options.ALL_CORES),
    "library": (contextlib.nullcontext, {}),
}
HEAD = """# Ways to compute a convolution on CPU

These are the results of one run of `python -m benchmarks.convolution`. Each cell shows milliseconds by the clock, and
in parentheses milliseconds of CPU time, all cores together. Each method runs in a loop; the smallest time of all rounds
is shown. The bold method is the one that jkeras chooses for the shape.

*All cores* is a program that jkeras compiles, for `fit`, `evaluate` and `predict`. *Library* is a program of a user's
own `jax.jit`. There, XLA gives most convolutions to a library that runs all but large ones on one core. A choice is a
miss if another method in the same program takes less than four fifths of its time by the clock. For groups of one
channel there is only one method, shifted copies, so all columns show it.

"""


class Shape(NamedTuple):
    """A convolution with the same size, kernel, stride and dilation along each of `rank` axes."""

    rank: int
    batch: int
    size: int
    kernel: int
    channels: int
    filters: int
    padding: str = "same"
    stride: int = 1
    dilation: int = 1
    groups: int = 1

    @property
    def axes(self):
        reach = (self.kernel - 1) * self.dilation + 1
        ((low, high),) = lax.padtype_to_pads((self.size,), (reach,), (self.stride,), self.padding.upper())
        outputs = (self.size + low + high - reach) // self.stride + 1
        return (Axis(self.size, outputs, self.kernel, self.stride, self.dilation, low),) * self.rank

    @property
    def products(self):
        """Multiplications, in millions."""
        spatial = math.prod(axis.outputs * axis.kernel for axis in self.axes)
        return self.batch * spatial * self.channels // self.groups * self.filters / 1e6

    def operands(self, role):
        rng, axes = np.random.default_rng(0), self.axes
        shapes = {
            "input": (self.batch, *(axis.inputs for axis in axes), self.channels),
            "kernel": (*(axis.kernel for axis in axes), self.channels // self.groups, self.filters),
            "output": (self.batch, *(axis.outputs for axis in axes), self.filters),
        }
        return tuple(jnp.asarray(rng.normal(size=shapes[r]), "float32") for r in ROLES if r != role)

    def __str__(self):
        text = f"{self.rank}D {self.batch}x{'x'.join([str(self.size)] * self.rank)}x{self.channels} to {self.filters}"
        text += f", kernel {self.kernel}, {self.padding}"
        for name, value in (("stride", self.stride), ("dilation", self.dilation), ("groups", self.groups)):
            text += f", {name} {value}" if value != 1 else ""
        return text


def grid():
    """Shapes of the networks that people train on CPU, and what varies around them."""
    for channels, filters, size in ((1, 32, 28), (3, 16, 32), (3, 64, 32), (16, 16, 32), (32, 64, 14), (256, 256, 7)):
        for padding in ("same", "valid"):
            yield Shape(2, 32, size, 3, channels, filters, padding)
    yield from (Shape(2, 32, 16, kernel, 32, 32) for kernel in (1, 2, 5, 7))
    yield from (Shape(2, 32, 17, kernel, 16, 32, padding, stride=2) for kernel in (1, 3, 4) for padding in ("same", "valid"))
    yield Shape(2, 16, 64, 7, 3, 64, stride=2)
    yield from (Shape(2, 32, 16, 3, 32, 32, padding, dilation=2) for padding in ("same", "valid"))
    yield from (Shape(2, 32, 16, 3, 64, 64, groups=groups) for groups in (2, 16, 64))
    for channels, padding in itertools.product((1, 16, 128), ("same", "valid")):
        yield Shape(1, 32, 256 if channels < 128 else 64, 5, channels, 64, padding)
    yield Shape(1, 32, 256, 3, 32, 32, stride=2)
    yield Shape(1, 32, 256, 3, 32, 32, dilation=4)
    yield from (Shape(3, 4, 16, 3, channels, 32, padding) for channels in (1, 16) for padding in ("same", "valid"))


def looped(role, method, shape):
    """The method in a loop whose length is not known to the compiler, each round on operands that it cannot foresee."""

    def run(steps, *operands):
        def step(i, _):
            now, _ = lax.optimization_barrier((operands, i))
            return convolution_cpu.compute(role, now, shape.axes, shape.groups, method)

        result = jax.eval_shape(step, 0, None)
        return lax.fori_loop(0, steps, step, jnp.zeros(result.shape, result.dtype))

    return jax.jit(run)


def measure(role, shape, rounds):
    """`{(context, method): (milliseconds, CPU milliseconds)}`, the least of the rounds, in which the methods take turns."""
    operands = shape.operands(role)
    runs = {}
    for name, (context, options) in CONTEXTS.items():
        for method in METHODS[role]:
            with context():
                run = looped(role, method, shape).lower(1, *operands).compile(options)
            run(1, *operands).block_until_ready()
            start = time.perf_counter()
            run(2, *operands).block_until_ready()
            runs[name, method] = run, max(1, int(0.02 / (time.perf_counter() - start) * 2))
    times = {key: [] for key in runs}
    for _ in range(rounds):
        for key, (run, steps) in runs.items():
            clock, cpu = time.perf_counter(), time.process_time()
            run(steps, *operands).block_until_ready()
            times[key].append(((time.perf_counter() - clock) / steps * 1e3, (time.process_time() - cpu) / steps * 1e3))
    return {key: tuple(map(min, zip(*samples, strict=True))) for key, samples in times.items()}


def choice(role, shape):
    """The method that `convolution_cpu` takes; in groups of channels, it chooses for one group."""
    if shape.groups > 1:
        shape = shape._replace(channels=shape.channels // shape.groups, filters=shape.filters // shape.groups, groups=1)
    return convolution_cpu._method(role, shape.operands(role), shape.axes)


def row(role, shape, rounds):
    """(cells of the table, the ratios of the chosen methods to the best, by context)."""
    times, cells, ratios, rates = measure(role, shape, rounds), [], {}, {}
    for name, (context, _) in CONTEXTS.items():
        with context():
            chosen = choice(role, shape)
        here = {method: times[name, method] for method in METHODS[role]}
        ratios[name] = here[chosen][0] / min(clock for clock, _ in here.values())
        rates[name] = 2 * shape.products / here[chosen][0]
        cells += [
            f"{'**' if m == chosen else ''}{a:.2f} ({b:.2f}){'**' if m == chosen else ''}" for m, (a, b) in here.items()
        ]
        cells.append(f"{ratios[name]:.2f}{' miss' if ratios[name] > TOLERANCE else ''}")
    return [str(shape), role, *cells, f"{rates['all cores']:.0f}"], ratios


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convolution", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="rounds (default: 10)")
    parser.add_argument("--only", default="", help="shapes whose description has this text")
    parser.add_argument("--output", type=pathlib.Path, help="where to write (default: convolution.md, in a full run)")
    options = parser.parse_args()
    jax.config.update("jax_platforms", "cpu")
    head = ["convolution", "role"]
    for name in CONTEXTS:
        head += [*(f"{name}: {method}" for method in METHODS["output"]), "chosen / best"]
    head.append("GFLOP/s, all cores")
    rows, ratios = [], {name: [] for name in CONTEXTS}
    for shape in grid():
        if options.only not in str(shape):
            continue
        for role in ("output", "input", "kernel"):
            cells, found = row(role, shape, options.rounds)
            log(" | ".join(cells))
            rows.append(cells)
            for name, ratio in found.items():
                ratios[name].append(ratio)
    lines = [head, ["---"] * len(head), *rows]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    summary = "\n".join(
        f"{name}: {len(r)} choices, {sum(x > TOLERANCE for x in r)} missed; chosen / best: median {np.median(r):.2f}, "
        f"mean {np.mean(r):.2f}.\n"
        for name, r in ratios.items()
    )
    text = f"{HEAD}{machine()}\n{summary}\n{table}\n"
    print(summary)
    output = options.output or (None if options.only else RESULTS)
    if output:
        output.write_text(text)


if __name__ == "__main__":
    main()
