"""`python -m benchmarks.sharding [--large] [--output FILE]`: what each device holds, computes and sends, by strategy.

The training step of some models is compiled for eight virtual devices, and looked at, not timed: the bytes of the state on each
device, the floating-point operations of each, and the collectives in the program. With `--large`, a Transformer of 1e9 parameters is
compiled for a mesh of 256 devices from shapes alone; no array of it is ever made.
"""

import argparse
import collections
import os
import pathlib
import re
import subprocess
import sys

DEVICES, LARGE_DEVICES = 8, 256
HERE = pathlib.Path(__file__).parent
KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
INTRODUCTION = f"""# What each device holds, computes and sends

`python -m benchmarks.sharding --large` writes this page. It compiles the training step of each model (Adam, float32)
for {DEVICES} virtual devices with jkeras's options, and does not run it. The number in parentheses is the part of what a single
device would have. The bytes of a collective are the bytes of its results on each device. XLA's CPU backend gives the
counts. It merges all-reduces; other backends merge differently.

Under data parallelism, the only messages are all-reduces: one for all gradients together, and three for each layer of batch
normalization. These are the mean and the variance of the whole batch, and the sums of the backward pass; each needs the one before.

"""
HEAD = "| model | strategy | state per device | FLOPs per device | collectives |\n|---|---|---|---|---|\n"


def models():
    """The models by name, with the shape of a batch."""
    import jkeras
    from jkeras import layers

    def mlp():
        return jkeras.Sequential(
            [layers.Dense(512, activation="relu"), layers.Dense(512, activation="relu"), layers.Dense(8)]
        )

    def cnn():
        convolutions = [layers.Conv2D(width, 3, padding="same", use_bias=False) for width in (32, 64)]
        blocks = [
            part
            for conv in convolutions
            for part in (conv, layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D())
        ]
        return jkeras.Sequential([*blocks, layers.Flatten(), layers.Dense(8)])

    return {
        "MLP 64-512-512-8": (mlp, (256, 64)),
        "CNN with batch normalization": (cnn, (64, 16, 16, 8)),
        "Transformer, 2 layers of width 128": (lambda: transformer(2, 128, 4, 32, None), (64, 32, 128)),
    }


def transformer(depth, width, heads, length, vocabulary):
    """An encoder with a head of eight classes; without a vocabulary, its inputs are vectors already."""
    import jkeras
    from jkeras import layers

    inputs = layers.Input(
        (length, width) if vocabulary is None else (length,), dtype="float32" if vocabulary is None else "int32"
    )
    x = inputs if vocabulary is None else layers.Embedding(vocabulary, width)(inputs)
    for _ in range(depth):
        y = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(heads, width // heads)(y, y)
        y = layers.Dense(4 * width, activation="gelu")(layers.LayerNormalization()(x))
        x = x + layers.Dense(width)(y)
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return jkeras.Model(inputs, layers.Dense(8)(x))


def strategies(n):
    """The distributions by name; None is one device."""
    import jkeras.distribution as D

    mesh = D.DeviceMesh((n,), ("batch",), D.list_devices()[:n])
    by_two = D.LayoutMap(D.DeviceMesh((n // 2, 2), ("batch", "model"), D.list_devices()[:n]))
    by_two[".*dense.*/kernel"] = (None, "model")
    return {
        "one device": None,
        "data parallel": D.DataParallel(mesh),
        "sharded optimizer (ZeRO-1)": D.FullyShardedDataParallel(mesh, only_optimizer=True),
        "fully sharded (FSDP)": D.FullyShardedDataParallel(mesh),
        f"model parallel, {n // 2} x 2": D.ModelParallel(layout_map=by_two, batch_dim_name="batch"),
    }


def collectives(text):
    """The collectives in a compiled program: how often, and how many bytes their results have on each device."""
    found, sizes = collections.Counter(), collections.Counter()
    for result, kind in re.findall(
        r"= (\S.*?) (all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute)(?:-start)?\(", text
    ):
        found[kind] += 1
        sizes[kind] += sum(_bytes(dtype, shape) for dtype, shape in re.findall(r"(\w+)\[([\d,]*)\]", result))
    return {kind: (found[kind], sizes[kind]) for kind in KINDS if found[kind]}


def _bytes(dtype, shape):
    size = {"pred": 1, "bf16": 2}.get(dtype) or int(re.sub(r"\D", "", dtype) or 8) // 8
    for length in filter(None, shape.split(",")):
        size *= int(length)
    return size


def measured(name, make, shape, strategy, distribution):
    """A row of the table."""
    import jax
    import numpy as np

    import jkeras
    from jkeras.runtime.compiler_options import CPU_OPTIONS, all_cores
    from jkeras.runtime.mesh import current

    jkeras.distribution.set_distribution(distribution)
    try:
        model = make()
        model.compile("adam", jkeras.losses.SparseCategoricalCrossentropy(from_logits=True))
        batch = np.zeros(shape, "float32"), np.zeros(shape[0], "int32")
        step, state = model.make_train_step(*batch)
        placement = current()
        shardings = jax.tree.map(lambda a: a.sharding, state) if distribution else None
        with placement.tracing(), all_cores():
            marked = jax.jit(
                lambda state, batch: step(state, placement.divide(batch)), donate_argnums=0, out_shardings=shardings
            )
            compiled = marked.lower(state, batch).compile(CPU_OPTIONS)
        held = sum(a.addressable_shards[0].data.nbytes for a in jax.tree.leaves(state))
        return name, strategy, held, flops(compiled), collectives(compiled.as_text())
    finally:
        jkeras.distribution.set_distribution(None)


def flops(compiled):
    return compiled.cost_analysis()["flops"]


def large():
    """The row of the Transformer with 1e9 parameters, and what the compiler says of its memory."""
    import jax
    import jax.numpy as jnp
    from jax.sharding import NamedSharding, PartitionSpec

    import jkeras
    import jkeras.distribution as D
    from jkeras.runtime.compiler_options import CPU_OPTIONS, all_cores

    mesh = D.DeviceMesh((LARGE_DEVICES,), ("batch",))
    fsdp = D.FullyShardedDataParallel(mesh)
    model, optimizer = transformer(19, 2048, 16, 1024, 32000), jkeras.optimizers.AdamW(1e-4)
    loss_of = jkeras.losses.SparseCategoricalCrossentropy(from_logits=True)
    x, y = jax.ShapeDtypeStruct((LARGE_DEVICES, 1024), "int32"), jax.ShapeDtypeStruct((LARGE_DEVICES,), "int32")
    params = jax.eval_shape(lambda: model.init(jax.random.key(0), jnp.zeros(x.shape, x.dtype)))["params"]
    opt_state = jax.eval_shape(optimizer.init, params)
    count = sum(a.size for a in jax.tree.leaves(params))

    def placed(a, rows=False):
        spec = PartitionSpec("batch") if rows else fsdp._rule(None, a.shape, False)
        return jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=NamedSharding(mesh.backend_mesh, spec))

    def step(params, opt_state, x, y):
        def objective(params):
            return loss_of(y, model.apply({"params": params}, x, training=True)[0])

        loss, grads = jax.value_and_grad(objective)(params)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return jax.tree.map(jnp.add, params, updates), opt_state, loss

    state = jax.tree.map(placed, (params, opt_state))
    shardings = jax.tree.map(lambda a: a.sharding, state)
    with jax.set_mesh(mesh.backend_mesh), all_cores():
        jitted = jax.jit(step, donate_argnums=(0, 1), out_shardings=(*shardings, None))
        compiled = jitted.lower(*state, placed(x, True), placed(y, True)).compile(CPU_OPTIONS)
    memory = compiled.memory_analysis()
    held = sum(map(_size, jax.tree.leaves(state)))
    name = f"Transformer of {count / 1e9:.2f}e9 parameters, 19 layers of width 2048, length 1024, batch {LARGE_DEVICES}"
    row = name, "fully sharded (FSDP)", held, flops(compiled), collectives(compiled.as_text())
    return row, memory.argument_size_in_bytes, memory.temp_size_in_bytes


def _size(a):
    size = a.dtype.itemsize
    for length in a.sharding.shard_shape(a.shape):
        size *= length
    return size


def amount(nbytes):
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if nbytes >= size:
            return f"{nbytes / size:.3g} {unit}"
    return f"{nbytes:.0f} B"


def line(row, alone):
    """A row as Markdown, with the parts of what one device has alone."""
    name, strategy, held, operations, sent = row
    share = lambda own, all: f" ({own / all:.3f})" if all else ""  # noqa: E731
    calls = ", ".join(f"{count} {kind} ({amount(size)})" for kind, (count, size) in sent.items()) or "none"
    whole = alone or (None, None, 0, 0, None)
    state = amount(held) + share(held, whole[2])
    return f"| {name} | {strategy} | {state} | {operations / 1e6:,.4g} M{share(operations, whole[3])} | {calls} |\n"


def table():
    import jkeras

    text = HEAD
    for name, (make, shape) in models().items():
        alone = None
        for strategy, distribution in strategies(DEVICES).items():
            jkeras.utils.clear_session()
            row = measured(name, make, shape, strategy, distribution)
            alone = alone or row
            text += line(row, alone)
            print(name, strategy, file=sys.stderr, flush=True)
    return text


def in_a_process(devices, part):
    """A part of the report, from a process with so many virtual devices."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "benchmarks.sharding", "--part", part]
    output = subprocess.run(command, env=environment, check=True, text=True, stdout=subprocess.PIPE).stdout
    return output[output.index("|") :] if part == "table" else output[output.index("#") :]


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sharding", description=__doc__)
    parser.add_argument("--large", action="store_true", help="also compile the Transformer of 1e9 parameters")
    parser.add_argument("--output", type=pathlib.Path, help="where to write (default: sharding.md beside this file)")
    parser.add_argument("--part", choices=["table", "large"], help=argparse.SUPPRESS)  # one part's process
    options = parser.parse_args()
    if options.part == "table":
        print(table())
    elif options.part == "large":
        row, arguments, temporary = large()
        planned = f"{amount(arguments)} of arguments and {amount(temporary)} of temporary memory"
        print(f"# large\n{HEAD}{line(row, None)}\nFor each device, the compiler plans {planned}.")
        print("This is the plan for a CPU. For an accelerator, the compiler fuses more operations.")
    else:
        text = INTRODUCTION + in_a_process(DEVICES, "table")
        if options.large:
            part = in_a_process(LARGE_DEVICES, "large").removeprefix("# large\n")
            text += f"## 1e9 parameters on {LARGE_DEVICES} devices\n\n{part}"
        (options.output or HERE / "sharding.md").write_text(text)


if __name__ == "__main__":
    main()
