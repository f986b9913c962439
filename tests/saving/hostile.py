"""A corpus of files that were made to harm, and what loading them does.

    python -m tests.saving.hostile FOLDER [EVERY]    makes the files, loads every EVERYth, prints what happened as JSON

Each file is loaded in this process, under an audit hook that notes code that is run, connections, and files that are opened outside
of the folder for writing, or that hold a secret. Time is that of the processor, memory the peak above what was there before.
"""

# ruff: noqa: E501
import copy
import itertools
import json
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
import zipfile

import h5py
import numpy as np

import jkeras
from jkeras import layers

SECRET = "words that nobody may see"
FORBIDDEN = re.compile(
    r"^(subprocess\.Popen|os\.(system|exec|posix_spawn|fork|forkpty|remove_outside)|socket\.(connect|getaddrinfo|bind)|"
    r"marshal\.loads?|pickle\.find_class|code\.__new__|urllib\.Request|ftplib\.|smtplib\.|webbrowser\.open)"
)


# -- the files ----------------------------------------------------------------------------------------------------------


def entry(module, name, config=None, **more):
    return {
        "module": module,
        "class_name": name,
        "config": {} if config is None else config,
        "registered_name": None,
        **more,
    }


def layer(kind, /, **config):
    return entry("keras.layers", kind, config)


CODE = {"class_name": "__lambda__", "config": {"value": "4wAAAAA=\n", "defaults": None, "closure": None}}
EVIL = {
    "popen": entry("subprocess", "Popen", {"args": "touch executed"}),
    "system": entry("os", "function", "system", registered_name="function") | {"class_name": "function", "config": "system"},
    "eval": {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"},
    "exec class": entry("builtins", "exec", {"source": "open('executed','w')"}),
    "bytecode": CODE,
    "lambda layer": layer("Lambda", name="l", function=CODE, arguments={}),
    "get_file": entry("keras.src.utils.file_utils", "get_file", {"origin": "http://example.org/x", "fname": "x"}),
    "load_model": entry("keras.models", "load_model", {"filepath": "a.keras"}),
    "antigravity": entry("antigravity", "anything"),
    "import path": entry("jkeras.saving.files", "replacing_folder", {"path": "x"}),
    "private": entry("jkeras.runtime.store", "Store", {}),
    "numpy pickle": {"class_name": "__numpy__", "config": {"value": [[1]], "dtype": "O"}},
    "tf saved model": layer("TFSMLayer", filepath="/etc/passwd"),
    "torch": layer("TorchModuleWrapper", module="gASVAAAA"),
    "registered": {"module": None, "class_name": "x", "config": {}, "registered_name": "os>system"},
    "getattr": entry("keras.layers", "Dense.__init__.__globals__", {}),
}


def base():
    model = jkeras.Sequential([jkeras.Input((3,)), layers.Dense(2, name="d")])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def _layers(config):
    return config["config"]["layers"]


PLACES = {
    "layer": lambda c, evil: _layers(c).append(evil),
    "activation": lambda c, evil: _layers(c)[1]["config"].update(activation=evil),
    "initializer": lambda c, evil: _layers(c)[1]["config"].update(kernel_initializer=evil),
    "regularizer": lambda c, evil: _layers(c)[1]["config"].update(bias_regularizer=evil),
    "units": lambda c, evil: _layers(c)[1]["config"].update(units=evil),
    "dtype": lambda c, evil: _layers(c)[1]["config"].update(dtype=evil),
    "wrapped": lambda c, evil: _layers(c).append(layer("TimeDistributed", layer=evil)),
    "optimizer": lambda c, evil: c["compile_config"].update(optimizer=evil),
    "loss": lambda c, evil: c["compile_config"].update(loss=evil),
    "metric": lambda c, evil: c["compile_config"].update(metrics=[evil]),
    "build config": lambda c, evil: _layers(c)[1].update(build_config=evil),
    "model": lambda c, evil: (c.clear(), c.update(evil)),
}


class Corpus:
    """Makes files in a folder; each has a name that says what it tries."""

    def __init__(self, folder):
        self.folder, self.files = folder, []
        self.secret = os.path.join(folder, "..", "secret.txt")
        with open(self.secret, "w") as file:
            file.write(SECRET)
        path = os.path.join(folder, "base.keras")
        base().save(path)
        with zipfile.ZipFile(path) as archive:
            self.members = {name: archive.read(name) for name in archive.namelist()}
        self.config = json.loads(self.members["config.json"])
        base().save(os.path.join(folder, "base.h5"))

    def path(self, name, ending):
        path = os.path.join(self.folder, re.sub(r"\W+", "_", name) + ending)
        self.files.append((name, path))
        return path

    def keras(self, name, config=None, method=zipfile.ZIP_STORED, **members):
        path = self.path(name, ".keras")
        content = {**self.members, **members}
        if config is not None:
            content["config.json"] = config if isinstance(config, (bytes, str)) else json.dumps(config)
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as archive:
            warnings.simplefilter("ignore")
            for member, data in content.items():
                if data is not None:
                    archive.writestr(member, data)
        return path

    def folder_of(self, name, config=None):
        path = self.path(name, "_folder")
        os.mkdir(path)
        for member, data in self.members.items():
            with open(os.path.join(path, member), "wb") as file:
                file.write(data if member != "config.json" or config is None else json.dumps(config).encode())
        return path

    def h5(self, name, change):
        path = self.path(name, ".h5")
        shutil.copy(os.path.join(self.folder, "base.h5"), path)
        with h5py.File(path, "a") as file:
            change(file)
        return path

    def h5_config(self, name, config):
        def change(file):
            del file.attrs["model_config"]
            file.attrs["model_config"] = json.dumps({"class_name": config.get("class_name"), "config": config.get("config")})

        return self.h5(name, change)

    def weights(self, name, change, ending=".weights.h5"):
        path = self.path(name, ending)
        with open(path, "wb") as file:
            file.write(self.members["model.weights.h5"])
        with h5py.File(path, "a") as file:
            change(file)
        with open(path, "rb") as file:
            content = file.read()
        self.keras(f"{name} in an archive", **{"model.weights.h5": content})
        return path


def code(corpus):
    for (what, evil), (where, put) in itertools.product(EVIL.items(), PLACES.items()):
        config = copy.deepcopy(corpus.config)
        put(config, copy.deepcopy(evil))
        corpus.keras(f"code {what} as {where}", config)
        if where in ("layer", "activation"):
            corpus.h5_config(f"code {what} as {where} in h5", config)
        if where == "layer":
            corpus.folder_of(f"code {what} in a folder", config)


KERNEL = "layers/dense/vars/0"


def links(corpus):
    def external(file):
        del file["layers"]
        file["layers"] = h5py.ExternalLink("base.h5", "/model_weights")

    def soft(file):
        del file[KERNEL]
        file["x"] = np.zeros((3, 2), "f4")
        file[KERNEL] = h5py.SoftLink("/x")

    def raw(file):
        del file[KERNEL]
        file.create_dataset(KERNEL, (3, 2), "float32", external=[(corpus.secret, 0, 24)])

    def virtual(file):
        del file[KERNEL]
        layout = h5py.VirtualLayout((3, 2), "float32")
        layout[:] = h5py.VirtualSource("base.h5", "x", shape=(3, 2))
        file.create_virtual_dataset(KERNEL, layout)

    def circle(file):
        file["layers/dense/again"] = file["layers"]

    for change in (external, soft, raw, virtual, circle):
        corpus.weights(f"link {change.__name__}", change)
    corpus.h5(
        "link external in h5",
        lambda f: (f.pop("model_weights"), f.__setitem__("model_weights", h5py.ExternalLink("base.h5", "/model_weights"))),
    )
    corpus.h5(
        "link soft in h5", lambda f: (f.move("model_weights", "x"), f.__setitem__("model_weights", h5py.SoftLink("/x")))
    )
    for member, make in itertools.product(corpus.members, (lambda p: os.symlink(corpus.secret, p), os.mkfifo, os.mkdir)):
        path = corpus.folder_of(f"folder with {getattr(make, '__name__', 'x').strip('<>')} {member}")
        os.unlink(os.path.join(path, member))
        make(os.path.join(path, member))
    text = layer("TextVectorization", max_tokens=5, name="t")
    config = copy.deepcopy(corpus.config)
    _layers(config)[1] = text
    for member in (
        "assets/../../outside.txt",
        "/tmp/outside.txt",
        "assets/layers/text_vectorization/../../../outside.txt",
        "..\\outside.txt",
        "assets//x",
        "assets/layers/text_vectorization//etc/x",
    ):
        corpus.keras(f"traversal {member}", config, **{member: b"x"})
    path = corpus.path("zip with a link", ".keras")
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in corpus.members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o120777 << 16 if name == "config.json" else 0
            archive.writestr(info, corpus.secret if name == "config.json" else data)
    for name in ("../x.weights.h5", corpus.secret, "none.weights.h5", 7, ["x"] * 10**5):
        path = corpus.path(f"shards {str(name)[:30]}", ".weights.json")
        with open(path, "w") as file:
            json.dump({"metadata": {}, "weight_map": {"/layers/dense/vars": name}}, file)


def bombs(corpus):
    def fills(file):
        for i in range(200):
            file.create_dataset(f"layers/dense/vars/{i + 9}", (2**24,), "float32", chunks=(2**20,))

    def hard(file):
        file.create_dataset("layers/dense/vars/9", (2**24,), "float32", chunks=(2**20,))
        for i in range(200):
            file[f"layers/dense/vars/{i + 10}"] = file["layers/dense/vars/9"]

    def gzip(file):
        file.create_dataset("layers/dense/vars/9", data=np.zeros(2**25, "f4"), chunks=(2**20,), compression="gzip")

    def shape(file):
        del file[KERNEL]
        file.create_dataset(KERNEL, (2**40, 2), "float32", chunks=(1, 2))

    def chunk(file):
        del file[KERNEL]
        file.create_dataset(KERNEL, (3, 2), "float32", maxshape=(None, 2), chunks=(2**26, 2))

    def groups(file):
        for i in range(10**5):
            file.create_group(f"layers/g{i}")

    for change in (fills, hard, gzip, shape, chunk, groups):
        corpus.weights(f"bomb {change.__name__}", change)
    for name, text in {
        "zeros": b"\0" * 2**27, "brackets": b"[" * 2**22, "pairs": b"[" + b"[]," * 21_000_000 + b"[]]",
        "dicts": b'{"class_name":' * 10**5, "digits": b"9" * 10**6, "a name": b'{"class_name": "' + b"a" * 60_000_000 + b'", "config": {}}',
        "layers": json.dumps({**corpus.config, "config": {"name": "s", "layers": [[]] * 10**6}}).encode(),
    }.items():  # fmt: skip
        corpus.keras(f"bomb text {name}", text, zipfile.ZIP_DEFLATED)
    for where in ("name", "class_name", "module", "registered_name"):
        config = copy.deepcopy(corpus.config)
        place = _layers(config)[1] if where != "name" else _layers(config)[1]["config"]
        place[where] = "n" * 60_000_000
        corpus.keras(f"bomb {where} of 60 MB", config, zipfile.ZIP_DEFLATED)
    corpus.h5(
        "bomb attribute",
        lambda f: (
            f.attrs.__delitem__("model_config"),
            f.attrs.create("model_config", "x" * 10**7, dtype=h5py.string_dtype()),
        ),
    )
    corpus.h5("bomb names", lambda f: f["model_weights"].attrs.create("layer_names", np.array([b"x" * 60] * 1000)))


GREEDY = {
    "embedding": layer("Embedding", input_dim=10**12, output_dim=10**6),
    "dense": layer("Dense", units=10**12),
    "conv": layer("Conv1D", filters=10**9, kernel_size=10**6),
    "lstm": layer("LSTM", units=10**6, stateful=True),
    "stft": layer("STFTSpectrogram", frame_length=10**9, frame_step=1, fft_length=10**9),
    "mel": layer("MelSpectrogram", fft_length=10**9, num_mel_bins=10**6),
    "zero padding": layer("ZeroPadding1D", padding=10**12),
    "upsampling": layer("UpSampling1D", size=10**12),
    "repeat": layer("RepeatVector", n=10**12),
    "reshape": layer("Reshape", target_shape=[10**9, 10**9]),
    "pooling": layer("MaxPooling1D", pool_size=10**9),
    "adaptive": layer("AdaptiveAveragePooling1D", output_size=10**9),
    "attention": layer("MultiHeadAttention", num_heads=10**9, key_dim=10**9),
    "random": layer("RandomCrop", height=10**9, width=10**9),
    "stacked cells": layer("RNN", cell=[layer("LSTMCell", units=2)] * 20000),
    "discretization": layer("Discretization", num_bins=10**9),
    "hashing": layer("CategoryEncoding", num_tokens=10**12),
    "numpy": layer("Normalization", mean={"class_name": "__numpy__", "config": {"value": ["a"], "dtype": "U500000000"}}, variance=1.0),
    "numpy 2": layer("Rescaling", scale={"class_name": "__numpy__", "config": {"value": 1, "dtype": "S2000000000"}}),
    "initializer": layer("Dense", units=2, kernel_initializer=entry("keras.initializers", "STFT", {"side": "real"})),
    "orthogonal": layer("Dense", units=10**6, kernel_initializer=entry("keras.initializers", "Orthogonal", {})),
    "seed": layer("Dropout", rate=0.5, seed=10**400),
    "vocabulary": layer("StringLookup", max_tokens=10**12, vocabulary=["a"]),
}  # fmt: skip
METRICS = {
    "thresholds": [entry("keras.metrics", "AUC", {"num_thresholds": 10**9})],
    "many thresholds": [entry("keras.metrics", "AUC", {"num_thresholds": 10**5, "name": f"a{i}"}) for i in range(600)],
    "confusion": [entry("keras.metrics", "MeanIoU", {"num_classes": 10**6})],
    "list": [entry("keras.metrics", "Precision", {"thresholds": [0.5] * 10**6})],
}


LONG = {  # what must not be computed, or made, while a layer is traced for a long input
    "mean same": (layer("AveragePooling1D", pool_size=10**6, strides=1, padding="same"), 4 * 10**8),
    "max same": (layer("MaxPooling1D", pool_size=10**6, strides=1, padding="same"), 4 * 10**8),
    "max": (layer("MaxPooling1D", pool_size=1600), 16_000),
    "adaptive": (layer("AdaptiveMaxPooling1D", output_size=800), 16_000),
    "adaptive long": (layer("AdaptiveMaxPooling1D", output_size=10**7), 10**8),
    "more than int32": (layer("AveragePooling1D", pool_size=3, padding="same"), 3 * 10**9),
    "groups": (layer("GroupNormalization", groups=10**6), 10**7),
}


def budgets(corpus):
    for name, greedy in GREEDY.items():
        for shape in ([None, 8], [None, 8, 4]):
            config = copy.deepcopy(corpus.config)
            _layers(config)[:] = [layer("InputLayer", batch_shape=shape, name="i", dtype="float32"), greedy]
            config["config"]["build_input_shape"] = shape
            corpus.keras(f"budget {name} {len(shape)}", config)
    for name, (greedy, steps) in LONG.items():
        config = copy.deepcopy(corpus.config)
        _layers(config)[:] = [layer("InputLayer", batch_shape=[None, steps, 1], name="i", dtype="float32"), greedy]
        config["config"]["build_input_shape"] = [None, steps, 1]
        corpus.keras(f"budget long {name}", config)
    for window, steps in ((5, 10**5), (10**12, 10**6), (2**70, 8), (5, 3 * 10**9)):
        x = tensor("x", shape=[None, steps, 3])
        kind = {
            "kind": "MultiHeadAttention",
            "config": {"num_heads": 1, "key_dim": 2, "sliding_window": window, "name": "a"},
        }
        start = {**START, "config": {**START["config"], "batch_shape": [None, steps, 3]}}
        attention = node("a", x, **kind)
        attention["inbound_nodes"] = [{"args": [x, x], "kwargs": {"use_causal_mask": True}}]
        corpus.keras(f"budget window {window} of {steps}", functional([start, attention], [["x", 0, 0]], [["a", 0, 0]]))
    for name, metrics in METRICS.items():
        config = copy.deepcopy(corpus.config)
        config["compile_config"]["metrics"] = metrics
        corpus.keras(f"budget metric {name}", config)
    for shape in ([10**18, 3], [None, 10**18], [None] + [1] * 5000, [None, -1], ["a"], None, {}):
        config = copy.deepcopy(corpus.config)
        _layers(config)[0]["config"]["batch_shape"] = shape
        corpus.keras(f"budget input {str(shape)[:20]}", config)


def functional(entries, inputs, outputs):
    config = {"name": "f", "trainable": True, "layers": entries, "input_layers": inputs, "output_layers": outputs}
    return entry("keras.src.models.functional", "Functional", config)


def tensor(name, call=0, shape=(None, 3)):
    return {
        "class_name": "__keras_tensor__",
        "config": {"shape": list(shape), "dtype": "float32", "keras_history": [name, call, 0]},
    }


def node(name, *tensors, kind="Activation", config=None, calls=1):
    config = {"activation": "relu", "name": name} if config is None else config
    args = [tensors[0]] if len(tensors) == 1 else [list(tensors)]
    return {**layer(kind, **config), "name": name, "inbound_nodes": [{"args": args, "kwargs": {}}] * calls}


START = {**layer("InputLayer", batch_shape=[None, 3], dtype="float32", name="x"), "name": "x", "inbound_nodes": []}


def operation(name, config, *tensors):
    return {
        **entry("keras.src.ops.numpy", name, config),
        "name": name,
        "inbound_nodes": [{"args": list(tensors), "kwargs": {}}],
    }


def graphs(corpus):
    def chain(count):
        return [START, *(node(f"a{i}", tensor("x" if i == 0 else f"a{i - 1}")) for i in range(count))]

    for count in (300, 3_000, 100_000):
        entries = chain(count)
        corpus.keras(f"graph of {count}", functional(entries, [["x", 0, 0]], [[f"a{count - 1}", 0, 0]]))
        corpus.keras(
            f"graph of {count} in reverse", functional([START, *entries[:0:-1]], [["x", 0, 0]], [[f"a{count - 1}", 0, 0]])
        )
        stack = {
            "name": "s",
            "layers": [START, *(layer("Activation", activation="relu", name=f"b{i}") for i in range(count))],
        }
        corpus.keras(f"stack of {count}", entry("keras", "Sequential", stack))
    for levels in (14, 20, 40, 90, 200):
        inner = functional([START, node("a", tensor("x"))], [["x", 0, 0]], [["a", 0, 0]])
        for i in range(levels):
            twice = {
                **inner,
                "name": f"m{i}",
                "inbound_nodes": [{"args": [tensor("x")], "kwargs": {}}, {"args": [tensor(f"m{i}")], "kwargs": {}}],
            }
            twice["config"] = {**twice["config"], "name": f"m{i}"}
            inner = functional([START, twice], [["x", 0, 0]], [[f"m{i}", 2, 0]])
        corpus.keras(f"graph {levels} levels called twice", inner)
    model = base()
    for _ in range(40):
        x = jkeras.Input((3,))
        model = jkeras.Model(x, layers.Dense(3)(model(x)))
    model.save(corpus.path("graph 40 levels with weights", ".keras"))
    circle = [START, node("a", tensor("b")), node("b", tensor("a"))]
    corpus.keras("graph in a circle", functional(circle, [["x", 0, 0]], [["b", 0, 0]]))
    corpus.keras("graph of itself", functional([START, node("a", tensor("a"))], [["x", 0, 0]], [["a", 0, 0]]))
    corpus.keras(
        "graph twice the name",
        functional([START, node("a", tensor("x")), node("a", tensor("x"))], [["x", 0, 0]], [["a", 0, 0]]),
    )
    corpus.keras("graph many calls", functional([START, node("a", tensor("x"), calls=10**5)], [["x", 0, 0]], [["a", 9, 0]]))
    wide = node("c", *[tensor("x")] * 10**4, kind="Concatenate", config={"name": "c", "axis": -1})
    corpus.keras("graph wide", functional([START, wide], [["x", 0, 0]], [["c", 0, 0]]))
    doubling = [START]
    for i in range(60):
        before = tensor("x" if i == 0 else f"c{i - 1}")
        doubling.append(node(f"c{i}", before, before, kind="Concatenate", config={"name": f"c{i}", "axis": -1}))
    corpus.keras("graph that doubles", functional(doubling, [["x", 0, 0]], [["c59", 0, 0]]))
    x = tensor("x")
    operations = {
        "Ones": ({"shape": [2 * 10**9]}, ()), "Zeros": ({"shape": [2 * 10**9]}, (x,)), "Tile": ({"repeats": [10**6, 10**6]}, (x,)),
        "Repeat": ({"repeats": 10**12, "axis": 1}, (x,)), "BroadcastTo": ({"shape": [10**9, 3]}, (x,)), "Split": ({"indices_or_sections": 10**7, "axis": 1}, (x,)),
        "Pad": ({"pad_width": [[0, 0], [10**9, 10**9]]}, (x,)), "Arange": ({}, (0, 10**10)), "Eye": ({}, (10**6,)), "Linspace": ({"num": 10**10}, (x, x)),
        "Full": ({"shape": [10**10]}, (x,)), "Roll": ({"shift": 10**30}, (x,)), "Power": ({}, (x, 10**400)), "Reshape": ({"newshape": [10**9, 10**9]}, (x,)),
        "Einsum": ({"subscripts": "ab,cd,ef,gh->abcdefgh"}, (x, x, x, x)), "Outer": ({}, (x, x)), "Kron": ({}, (x, x)), "Vander": ({"N": 10**9}, (x,)),
        "Identity": ({}, (10**6,)), "Tri": ({}, (10**6,)), "Diag": ({}, (x,)), "Meshgrid": ({}, (x,) * 30), "Bincount": ({"minlength": 10**12}, (x,)), "Nonsense": ({}, (x,)),
        "Array": ({}, ([[0] * 1000] * 1000,)), "Histogram": ({"bins": 10**10}, (x,)), "Moveaxis": ({"source": list(range(10**5)), "destination": list(range(10**5))}, (x,)),
    }  # fmt: skip
    for name, (config, args) in operations.items():
        corpus.keras(
            f"graph operation {name}", functional([START, operation(name, config, *args)], [["x", 0, 0]], [[name, 0, 0]])
        )


def recursion(corpus):
    deep = layer("Dense", units=2)
    for i in range(150):
        deep = layer("TimeDistributed", layer=deep, name=f"t{i}")
        if i in (30, 90, 149):
            config = copy.deepcopy(corpus.config)
            _layers(config).append(copy.deepcopy(deep))
            corpus.keras(f"recursion wrapped {i}", config)
    inner = copy.deepcopy(_layers(corpus.config)[1:])
    for i in range(300):
        inner = [entry("keras", "Sequential", {"name": f"s{i}", "layers": inner})]
        if i in (60, 150, 299):
            config = copy.deepcopy(corpus.config)
            _layers(config)[1:] = inner
            corpus.keras(f"recursion stacks {i}", config)
    value = 7
    for i in range(900):
        value = [value] if i % 2 else {"a": value}
    for where in ("units", "activation", "name", "bias_initializer"):
        config = copy.deepcopy(corpus.config)
        _layers(config)[1]["config"][where] = value
        corpus.keras(f"recursion {where}", config)


def types(corpus):
    strange = [None, True, -1, 1e308, float("nan"), "x", [], {}, [[]], {"class_name": []}, 10**30, "\0"]
    for key, value in itertools.product(
        ("units", "activation", "use_bias", "kernel_initializer", "name", "trainable", "dtype"), strange
    ):
        config = copy.deepcopy(corpus.config)
        _layers(config)[1]["config"][key] = value
        corpus.keras(f"type {key} {str(value)[:20]!r} {type(value).__name__}", config)
    for key, value in itertools.product(
        ("layers", "config", "compile_config", "build_config", "module", "class_name"), strange[:9]
    ):
        config = copy.deepcopy(corpus.config)
        (config["config"] if key == "layers" else config)[key] = value
        corpus.keras(f"type of the model {key} {str(value)[:20]!r} {type(value).__name__}", config)


KINDS = (code, links, bombs, budgets, graphs, recursion, types)
SMALL_KINDS = (code, links, budgets, recursion, types)  # whose files are made in a second


# -- loading them -------------------------------------------------------------------------------------------------------


def _too_long(number, frame):
    raise TooLong("120 s")


class TooLong(BaseException):
    pass


def used_memory():
    """The addresses that this process uses, in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def peak():
    """The largest memory since `reset_peak`, in bytes."""
    with open("/proc/self/status") as file:
        return 1024 * int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1))


def reset_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def load(path, target):
    if path.endswith((".weights.h5", ".weights.json")):
        target.load_weights(path)
    else:
        jkeras.models.load_model(path)


def run(folder, every=1, start=0):
    """Make the corpus and load every so many files. Returns one dict per file."""
    folder = os.path.realpath(folder)
    inside = os.path.join(folder, "files")
    os.makedirs(inside, exist_ok=True)
    corpus = Corpus(inside)
    for kind in KINDS if every == 1 else SMALL_KINDS:
        kind(corpus)
    files = corpus.files[start::every]
    load(os.path.join(inside, "base.keras"), None)
    load(os.path.join(inside, "base.h5"), None)
    target, events, before = base(), [], sorted(os.listdir(folder))
    allowed = (folder, tempfile.gettempdir(), "/dev/", "/proc/self", os.environ.get("JAX_COMPILATION_CACHE_DIR") or folder)
    secret = os.path.realpath(corpus.secret)

    def hook(event, arguments):
        if not watching:
            return
        if event == "marshal.loads" and "importlib" in sys._getframe(1).f_code.co_filename:
            return  # Python's own modules
        if FORBIDDEN.match(event):
            events.append(f"{event} {str(arguments)[:100]}")
        elif event == "open" and isinstance(arguments[0], str):
            name, mode, flags = os.path.abspath(arguments[0]), arguments[1], arguments[2]
            writes = (flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) or (
                isinstance(mode, str) and set(mode) & set("wax+")
            )
            if name == secret or (writes and not name.startswith(allowed)):
                events.append(f"open {name} {mode}")

    watching = False
    sys.addaudithook(hook)
    resource.setrlimit(resource.RLIMIT_AS, (used_memory() + 3 * 2**30, resource.RLIM_INFINITY))
    signal.signal(signal.SIGALRM, _too_long)
    results = []
    for name, path in files:
        weights = target.get_weights()
        reset_peak()
        memory, seconds = peak(), time.process_time()
        events.clear()
        watching = True
        signal.alarm(120)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                load(path, target)
            outcome = "loaded"
        except (ValueError, TypeError, OSError) as error:
            outcome, size = type(error).__name__, len(str(error))
            if size > 20000:
                outcome = f"a message of {size} characters"
            if SECRET in str(error):
                events.append("the secret is in the message")
        except BaseException as error:
            outcome = f"BAD {type(error).__name__}: {str(error)[:100]}"
        watching = False
        signal.alarm(0)
        seconds = time.process_time() - seconds
        changed = any((a != b).any() for a, b in zip(weights, target.get_weights(), strict=True)) and outcome != "loaded"
        results.append(
            {
                "name": name,
                "outcome": outcome,
                "seconds": round(seconds, 2),
                "MiB": (peak() - memory) >> 20,
                "events": list(events),
                "changed": changed,
                "bytes": os.path.getsize(path),
            }
        )
    outside = sorted(set(os.listdir(folder)) - set(before))
    return results, outside


SECONDS = 4  # twice what is promised: the machine may be busy


def judge(results, outside):
    """What is wrong, as texts."""
    wrong = [
        f"{r['name']}: {r}" for r in results if r["events"] or r["changed"] or r["outcome"].startswith(("BAD", "a message"))
    ]
    wrong += [f"{r['name']}: {r['seconds']} s" for r in results if r["seconds"] > SECONDS]
    wrong += [f"{r['name']}: {r['MiB']} MiB" for r in results if r["MiB"] > 1024]
    return wrong + [f"made outside: {name}" for name in outside]


if __name__ == "__main__":
    found, outside = run(sys.argv[1], *map(int, sys.argv[2:]))
    print(json.dumps([found, outside]))
