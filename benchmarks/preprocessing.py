"""From files and texts to batches: vectors of texts, images from a folder, and images changed at random in the training step."""

import pathlib
import string
import tempfile

import numpy as np

from benchmarks import workloads
from benchmarks.harness import (
    CORES,
    JKERAS,
    KERAS,
    KERAS_MANY,
    TORCH,
    Row,
    at_most,
    faster,
    interleave,
    log,
    measured,
    play,
    players,
    scaled,
)
from benchmarks.peers import learner

TEXTS, WORDS, LENGTH, VOCABULARY = 100_000, 8, 12, 5000
FILES, SIZE, READ, BATCH = 2000, 48, 32, 32
PYTHON, SKLEARN = "a loop in Python", "CountVectorizer"


def rows(name, options):
    return [texts(options), folder(options), augmentation(options)]


# ---- Texts ---------------------------------------------------------------------------------------------------------


def texts(options):
    log("preprocessing: texts")
    names = {JKERAS: "jkeras", PYTHON: "python", SKLEARN: "sklearn"}
    with players({column: ("benchmarks.preprocessing", "texts", name) for column, name in names.items()}) as contenders:
        times = scaled(interleave(contenders, options.repeats), 1e3)
    note = f"{per_second(times, TEXTS)} texts a second; of {WORDS} words each, {VOCABULARY:,} in the vocabulary; indices, filled "
    note += f"up to {LENGTH}; CountVectorizer makes sparse counts"
    title = f"TextVectorization, {TEXTS:,} short texts"
    return Row(title, "ms", times, (at_most(1, PYTHON), faster(1, SKLEARN)), [note])


def per_second(times, count):
    return ", ".join(f"{c} {count / np.median(t) * 1e3:,.0f}" for c, t in times.items() if measured(times, c))


def short_texts():
    rng = np.random.default_rng(0)
    letters = np.array(list(string.ascii_lowercase))
    words = ["".join(rng.choice(letters, n)) for n in rng.integers(2, 9, VOCABULARY + 1000)]
    chosen = rng.zipf(1.3, (TEXTS, WORDS)) % len(words)
    return [" ".join(words[i] for i in row).capitalize() + "." for row in chosen.tolist()]


def prepare_texts(name):
    given = short_texts()
    if name == "jkeras":
        import jkeras

        layer = jkeras.layers.TextVectorization(VOCABULARY, output_sequence_length=LENGTH)
        layer.adapt(given)
        array = np.array(given, dtype=object)
        return lambda: layer(array) is None
    if name == "sklearn":
        from sklearn.feature_extraction.text import CountVectorizer

        counter = CountVectorizer(max_features=VOCABULARY).fit(given)
        return lambda: counter.transform(given) is None
    counts = {}
    drop = str.maketrans("", "", string.punctuation)
    for text in given:
        for word in text.lower().translate(drop).split():
            counts[word] = counts.get(word, 0) + 1
    table = {word: i for i, word in enumerate(sorted(counts, key=counts.get, reverse=True)[: VOCABULARY - 2], 2)}

    def look_up():
        found = np.zeros((len(given), LENGTH), np.int32)
        for i, text in enumerate(given):
            indices = [table.get(word, 1) for word in text.lower().translate(drop).split()][:LENGTH]
            found[i, : len(indices)] = indices

    return look_up


# ---- A folder of images --------------------------------------------------------------------------------------------


def folder(options):
    log("preprocessing: a folder")
    with tempfile.TemporaryDirectory() as place:
        write_images(place)
        names = {JKERAS: ("jkeras", 0), KERAS: ("keras", 0)} | {(TORCH, n): ("torch", n) for n in {0, CORES}}
        arguments = {column: ("benchmarks.preprocessing", "folder", *name, place) for column, name in names.items()}
        with players(arguments) as contenders:
            times = scaled(interleave(contenders, options.repeats), 1e3)
    loaders = {column: times.pop(column) for column in list(times) if isinstance(column, tuple)}
    best = min(loaders, key=lambda column: np.median(loaders[column]) if measured(loaders, column) else np.inf)
    times[TORCH] = loaders[best]
    note = f"{per_second(times, FILES)} images a second; PNG, {SIZE}x{SIZE}x3, resized to {READ}x{READ}; Keras: format='grain', "
    note += f"PyTorch: Pillow in a DataLoader with num_workers={best[1]}"
    return Row(f"a folder of {FILES:,} small images, batch {BATCH}", "ms", times, (at_most(1, TORCH),), [note])


def write_images(place):
    from PIL import Image

    rng = np.random.default_rng(0)
    for i in range(FILES):
        where = pathlib.Path(place, f"{i % 4}")
        where.mkdir(exist_ok=True)
        smooth = rng.integers(256, size=(6, 6, 3)).astype("uint8")
        Image.fromarray(smooth).resize((SIZE, SIZE), Image.Resampling.BICUBIC).save(where / f"{i}.png")


def prepare_folder(name, workers, place):
    if name == "torch":
        return torch_reader(place, int(workers))
    if name == "jkeras":
        from jkeras.utils import image_dataset_from_directory as read

        options = {}
    else:
        import os

        os.environ["KERAS_BACKEND"] = "jax"
        from keras.utils import image_dataset_from_directory as read

        options = {"format": "grain"}
    data = read(place, image_size=(READ, READ), batch_size=BATCH, seed=0, verbose=False, **options)

    def go():
        if sum(len(np.asarray(y)) for _, y in data) != FILES:
            raise RuntimeError(f"{name} did not read all files")

    go()
    return go


def torch_reader(place, workers):
    import torch
    from PIL import Image

    paths = sorted(map(str, pathlib.Path(place).glob("*/*.png")))

    class Images(torch.utils.data.Dataset):
        def __len__(self):
            return len(paths)

        def __getitem__(self, index):
            with Image.open(paths[index]) as image:
                pixels = np.asarray(image.convert("RGB").resize((READ, READ), Image.Resampling.BILINEAR), np.float32)
            return torch.from_numpy(pixels), int(pathlib.Path(paths[index]).parent.name)

    loader = torch.utils.data.DataLoader(Images(), BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0)

    def go():
        if sum(len(y) for _, y in loader) != FILES:
            raise RuntimeError("PyTorch did not read all files")

    go()
    return go


# ---- Augmentation --------------------------------------------------------------------------------------------------


def augmentation(options):
    log("preprocessing: augmentation")
    workload = workloads.load("augmentation")
    steps = options.steps or workload.STEPS
    arguments = {c: ("benchmarks.preprocessing", "step", c, steps) for c in (JKERAS, KERAS, KERAS_MANY)}
    with players(arguments) as contenders:
        times = scaled(interleave(contenders, options.repeats), 1e3 / steps)
    return Row(workload.TITLE, "ms per step", times, workload.GOALS, [f"{steps} steps an epoch"])


def prepare_step(column, steps):
    workload = workloads.load("augmentation")
    x, y = workload.data(np.random.default_rng(0), int(steps) * workload.BATCH)
    model = learner(column, workload)
    for _ in range(2):
        model.fit(x, y, 1)
    return lambda: model.fit(x, y, 1) and None


def prepare(kind, *arguments):
    return {"texts": prepare_texts, "folder": prepare_folder, "step": prepare_step}[kind](*arguments)


if __name__ == "__main__":
    play(prepare)
