"""Readers of folders, and images in files and arrays, against Keras where it runs without TensorFlow."""

import io
import sys
import wave
import zlib

import numpy as np
import pytest
from PIL import Image

import jkeras
from jkeras import layers, utils
from jkeras.data import Dataset
from jkeras.utils import images
from tests.oracle import keras


@pytest.fixture
def folder(tmp_path):
    """12 images of two colours, of several sizes, in the folders of two classes."""
    for i in range(12):
        (tmp_path / ["red", "blue"][i % 2]).mkdir(exist_ok=True)
        pixels = np.zeros((8 + i, 10, 3), np.uint8)
        pixels[..., 2 * (i % 2)] = 200 + i
        Image.fromarray(pixels).save(tmp_path / ["red", "blue"][i % 2] / f"{i:02}.png")
    return tmp_path


def options(**more):
    return {"image_size": (8, 8), "batch_size": 5, "verbose": False, **more}


def test_images_in_batches(folder):
    data = utils.image_dataset_from_directory(folder, shuffle=False, **options())
    assert len(data) == 3 and data.class_names == ["blue", "red"] and len(data.file_paths) == 12
    batches = list(data)
    assert [x.shape for x, y in batches] == [(5, 8, 8, 3), (5, 8, 8, 3), (2, 8, 8, 3)]
    labels = np.concatenate([y for x, y in batches])
    assert labels.dtype == np.int32 and labels.tolist() == [0] * 6 + [1] * 6
    first = np.asarray(Image.open(data.file_paths[0]), np.float32)
    np.testing.assert_allclose(batches[0][0][0], keras.ops.image.resize(first, (8, 8), antialias=False), atol=1e-3)


@pytest.mark.parametrize("mode", ["int", "binary", "categorical", None])
def test_label_modes(folder, mode):
    data = utils.image_dataset_from_directory(folder, label_mode=mode, shuffle=False, color_mode="grayscale", **options())
    batch = data[0]
    shapes = {"int": (5,), "binary": (5, 1), "categorical": (5, 2)}
    assert (batch[1].shape if mode else batch.shape) == shapes.get(mode, (5, 8, 8, 1))


def test_splits_are_those_of_keras(folder):
    from keras.src.utils.dataset_utils import index_directory

    both = options(seed=3, validation_split=0.25)
    training, validation = utils.image_dataset_from_directory(folder, subset="both", **both)
    theirs, labels, _ = index_directory(str(folder), "inferred", (".png",), seed=3, verbose=False)
    assert training.file_paths + validation.file_paths == theirs
    assert np.concatenate([y for x, y in training]).tolist() == labels[:9].tolist()
    alone = utils.image_dataset_from_directory(folder, subset="validation", **both)
    assert alone.file_paths == validation.file_paths
    again = np.concatenate([y for x, y in training])
    assert sorted(again.tolist()) == sorted(labels[:9].tolist())


def test_fit_evaluate_predict_on_a_folder(folder):
    data = utils.image_dataset_from_directory(folder, label_mode="binary", seed=1, **options())
    jkeras.utils.set_random_seed(0)
    model = jkeras.Sequential([layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(1, activation="sigmoid")])
    model.compile(jkeras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    model.fit(data.map(lambda x, y: (x, y)).cache().prefetch(2), epochs=8, validation_data=data, verbose=0)
    assert model.evaluate(data, verbose=0)[1] == 1.0 and model.predict(data.map(lambda x, y: x), verbose=0).shape == (12, 1)


def test_texts_into_a_model_that_vectorizes(tmp_path):
    for i in range(8):
        (tmp_path / f"{i % 2}").mkdir(exist_ok=True)
        (tmp_path / f"{i % 2}" / f"{i}.txt").write_text(["good words", "bad ones é"][i % 2], encoding="utf-8")
    data = utils.text_dataset_from_directory(tmp_path, label_mode="binary", batch_size=3, seed=0, verbose=False)
    vectorize = layers.TextVectorization(output_mode="multi_hot")
    vectorize.adapt(data.map(lambda x, y: x))
    assert vectorize.get_vocabulary() == ["[UNK]", "é", "words", "ones", "good", "bad"]
    model = jkeras.Sequential([jkeras.Input((), dtype="string"), vectorize, layers.Dense(1, activation="sigmoid")])
    model.compile(jkeras.optimizers.Adam(0.2), "binary_crossentropy", metrics=["accuracy"])
    model.fit(data, epochs=5, verbose=0)
    assert model.evaluate(data, verbose=0)[1] == 1.0
    short = utils.text_dataset_from_directory(
        tmp_path, labels=None, max_length=3, batch_size=None, shuffle=False, verbose=False
    )
    assert list(short)[:5] == ["goo"] * 4 + ["bad"]


def test_sounds(tmp_path):
    time = np.arange(400) / 1000
    for i in range(4):
        (tmp_path / f"{i % 2}").mkdir(exist_ok=True)
        with wave.open(str(tmp_path / f"{i % 2}" / f"{i}.wav"), "wb") as file:
            file.setnchannels(1 + i // 2)
            file.setsampwidth(2)
            file.setframerate(1000)
            tone = (np.sin(2 * np.pi * 50 * time) * 16384).astype("<i2")
            file.writeframes(np.repeat(tone, 1 + i // 2).tobytes())
    read = utils.audio_dataset_from_directory
    data = read(tmp_path, output_sequence_length=500, batch_size=None, shuffle=False, verbose=False)
    sounds = [x for x, y in data]
    assert [x.shape for x in sounds] == [(500, 1), (500, 2), (500, 1), (500, 2)] and [y for x, y in data] == [0, 0, 1, 1]
    np.testing.assert_allclose(sounds[1][:400, 1], np.trunc(np.sin(2 * np.pi * 50 * time) * 16384) / 32768, atol=1e-6)
    slower = read(tmp_path, sampling_rate=400, batch_size=None, labels=None, shuffle=False, verbose=False)[0]
    np.testing.assert_allclose(slower[20:-20, 0], np.sin(2 * np.pi * 50 * np.arange(160) / 400)[20:-20] / 2, atol=0.01)
    with pytest.raises(ValueError, match="one shape"):
        read(tmp_path, batch_size=4, labels=None, verbose=False)[0]
    (tmp_path / "0" / "0.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match="0.wav"):
        list(read(tmp_path, verbose=False))


@pytest.mark.parametrize(
    ("ending", "options", "close"),
    [("flac", {}, 1e-4), ("aiff", {}, 1e-4), ("ogg", {}, 0.1), ("mp3", {}, 0.1), ("wav", {"subtype": "FLOAT"}, 1e-6)],
)
def test_sounds_of_other_kinds(tmp_path, ending, options, close, monkeypatch):
    soundfile = pytest.importorskip("soundfile")
    tone = np.sin(2 * np.pi * 50 * np.arange(8000) / 8000)[:, None] * [0.5, 0.25]
    soundfile.write(tmp_path / f"a.{ending}", tone, 8000, **options)
    read = utils.audio_dataset_from_directory
    data = read(tmp_path, labels=None, batch_size=None, output_sequence_length=8000, verbose=False)
    assert data[0].dtype == np.float32
    np.testing.assert_allclose(data[0][1000:7000], tone[1000:7000], atol=close)
    path = tmp_path / f"a.{ending}"
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(ValueError, match=rf"a\.{ending}"):
        list(data)
    if ending != "wav":
        monkeypatch.setitem(sys.modules, "soundfile", None)
        with pytest.raises(ImportError, match=r"pip install 'jkeras\[audio\]'"):
            list(data)


def test_windows_of_a_series_are_chained_too():
    data = utils.timeseries_dataset_from_array(np.arange(10), np.arange(10), 3, batch_size=2)
    assert len(data) == 4 and [x.tolist() for x, y in data.skip(3).map(lambda x, y: (x * 2, y))] == [
        [[12, 14, 16], [14, 16, 18]]
    ]


def test_what_is_chained():
    data = Dataset(lambda i: (np.float32(i), i % 2), 10)
    assert len(data.batch(3)) == 4 and len(data.batch(3, drop_remainder=True)) == 3
    assert data.batch(4)[2][0].tolist() == [8, 9] and data.batch(4)[-1][0].tolist() == [8, 9]
    assert [float(x) for x, y in data.batch(4).unbatch()] == list(range(10)) and len(data.batch(4).unbatch()) == 10
    assert [float(x) for x, y in data.skip(2).take(3)] == [2, 3, 4]
    assert list(data.map(lambda x, y: x * y, num_parallel_calls=-1).take(4)) == [0, 1, 0, 3]
    shuffled = data.shuffle(seed=1)
    first, second = ([float(x) for x, y in shuffled] for _ in range(2))
    assert first != second and sorted(first) == sorted(second) == list(range(10))
    near = [float(x) for x, y in data.shuffle(3, seed=0)]
    assert sorted(near) == list(range(10)) and all(place >= x - 2 for place, x in enumerate(near))
    fixed = data.shuffle(seed=1, reshuffle_each_iteration=False)
    assert [x for x, y in fixed] == [x for x, y in fixed]
    assert len(data.repeat(2)) == 20 and data.repeat().num_batches is None and len(data.repeat().take(25)) == 25
    made = []
    cached = Dataset(lambda i: made.append(i) or i, 3).cache()
    assert list(cached) == list(cached) == [0, 1, 2] and made == [0, 1, 2]
    with pytest.raises(IndexError):
        data[10]
    with pytest.raises(ValueError, match="cannot be one batch"):
        Dataset(lambda i: np.zeros(i), 3).batch(3)[0]


@pytest.mark.parametrize("method", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize("size", [(5, 3), (20, 31), (9, 13)])
def test_resizing_is_that_of_keras(method, size):
    x = np.random.RandomState(0).uniform(0, 255, (9, 13, 3)).astype("float32")
    expected = keras.ops.image.resize(x, size, method, antialias=False, data_format="channels_last")
    np.testing.assert_allclose(images.resize(x, size, method), expected, atol=2e-3)


@pytest.mark.parametrize("method", ["area", "gaussian", "mitchellcubic"])
def test_other_methods_keep_constants_and_means(method):
    assert np.allclose(images.resize(np.full((9, 13, 1), 7.0), (4, 20), method), 7.0, atol=1e-4)
    x = np.arange(64.0).reshape(8, 8, 1)
    assert np.allclose(images.resize(x, (4, 4), "area")[0, 0], x[:2, :2].mean())


def test_arrays_and_images_are_those_of_keras(tmp_path):
    x = np.random.RandomState(0).uniform(-3, 7, (6, 9, 3))
    for channels in (1, 3, 4):
        given = x[..., :channels] if channels < 4 else np.concatenate([x, x[..., :1]], -1)
        for scale in (True, False):
            ours, theirs = (k.utils.array_to_img(abs(given), scale=scale) for k in (jkeras, keras))
            assert ours.mode == theirs.mode
            np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
        np.testing.assert_array_equal(utils.img_to_array(ours), keras.utils.img_to_array(theirs))
    utils.save_img(tmp_path / "x.png", x)
    for more in (
        {},
        {"target_size": (3, 4), "interpolation": "bilinear"},
        {"target_size": (3, 3), "keep_aspect_ratio": True},
    ):
        for mode in ("grayscale", "rgb", "rgba"):
            ours, theirs = (k.utils.load_img(tmp_path / "x.png", color_mode=mode, **more) for k in (jkeras, keras))
            np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    for shape in ((6, 9, 3), (2, 8, 5, 3)):
        x = np.random.RandomState(0).uniform(size=shape).astype("float32")
        resized = (k.preprocessing.image.smart_resize(x, (4, 4)) for k in (jkeras, keras))
        np.testing.assert_allclose(*resized, atol=1e-5)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"labels": [1, 2]}, "match the number of files"),
        ({"class_names": ["green"]}, "did not match"),
        ({"label_mode": "multi"}, "label_mode"),
        ({"validation_split": 0.2, "subset": "training"}, "seed"),
        ({"subset": "training"}, "validation_split"),
        ({"color_mode": "rgbb"}, "color_mode"),
        ({"interpolation": "biliner"}, "interpolation"),
    ],
)
def test_mistakes_are_named(folder, more, message):
    with pytest.raises(ValueError, match=message):
        utils.image_dataset_from_directory(folder, **options(**more))


def test_bad_folders_and_files(folder, tmp_path):
    with pytest.raises(ValueError, match="There is no folder"):
        utils.image_dataset_from_directory(tmp_path / "nowhere", verbose=False)
    with pytest.raises(ValueError, match="no subfolders"):
        utils.image_dataset_from_directory(folder / "red", verbose=False)
    (folder / "red" / "00.png").write_bytes((folder / "red" / "00.png").read_bytes()[:48])
    with pytest.raises(ValueError, match="00.png"):
        list(utils.image_dataset_from_directory(folder, **options()))
    with pytest.raises(ValueError, match="cannot be read"):
        utils.load_img(io.BytesIO(b"no image"))


def damage(folder):
    for name in ("red/00.png", "red/04.png"):
        (folder / name).write_bytes((folder / name).read_bytes()[:48])


def test_damaged_images_are_left_out_if_one_asks_for_it(folder):
    whole = utils.image_dataset_from_directory(folder, seed=1, **options())
    damage(folder)
    with pytest.warns(UserWarning, match=r"2 of 12 images are left out:(.|\n)*0[04].png(.|\n)*0[04].png"):
        warned = utils.image_dataset_from_directory(folder, seed=1, on_error="warn", **options())
    quiet = utils.image_dataset_from_directory(folder, seed=1, on_error="skip", **options())
    left = [path for path in whole.file_paths if not path.endswith(("red/00.png", "red/04.png"))]
    assert warned.file_paths == quiet.file_paths == left and len(quiet) == 2
    labels = np.concatenate([y for x, y in quiet])
    assert labels.tolist() == [path.split("/")[-2] == "red" for path in left]
    parts = {"subset": "both", "validation_split": 0.5, "seed": 1, "on_error": "skip"}
    split = utils.image_dataset_from_directory(folder, **options(**parts))
    assert [path for part in split for path in part.file_paths] == left  # the split is that of all files
    with pytest.raises(ValueError, match="`on_error` should be one of"):
        utils.image_dataset_from_directory(folder, on_error="ignore", **options())


def test_damaged_texts_and_sounds_are_left_out_too(tmp_path):
    for i, content in enumerate((b"good", b"\xff\xfe bad", b"fine")):
        (tmp_path / f"{i}.txt").write_bytes(content)
        (tmp_path / f"{i}.wav").write_bytes(b"RIFF")
    texts = utils.text_dataset_from_directory(tmp_path, labels=None, on_error="skip", shuffle=False, verbose=False)
    assert [text for batch in texts for text in batch] == ["good", "fine"]
    with pytest.raises(ValueError, match=r"1.txt' is not UTF-8"):
        list(utils.text_dataset_from_directory(tmp_path, labels=None, verbose=False))
    with pytest.raises(ValueError, match="None of 3 audio files can be read"):
        utils.audio_dataset_from_directory(tmp_path, labels=None, on_error="skip", verbose=False)


def test_images_of_several_sizes_want_resizing():
    sizes = Dataset(lambda i: np.zeros((4 + i, 4, 3), "float32"), 3)
    with pytest.raises(ValueError, match=r"different shapes, \(4, 4, 3\) and \(5, 4, 3\).*map"):
        list(sizes.batch(3))
    resize = layers.Resizing(4, 4)
    assert next(iter(sizes.map(lambda x: np.asarray(resize(x))).batch(3))).shape == (3, 4, 4, 3)


def test_a_header_of_a_billion_pixels_is_refused(tmp_path):
    content = io.BytesIO()
    Image.new("L", (4, 4)).save(content, "png")
    data = bytearray(content.getvalue())
    data[16:24] = (40_000).to_bytes(4, "big") + (25_000).to_bytes(4, "big")
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.png.*cannot be read: .*1000000000 pixels"):
        list(utils.image_dataset_from_directory(tmp_path, labels=None, verbose=False))


def test_an_image_that_claims_too_many_pixels_is_refused(monkeypatch, folder):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(ValueError, match="cannot be read"):
        utils.load_img(folder / "blue" / "01.png")


@pytest.mark.parametrize(
    ("place", "name", "instead"),
    [
        ("sequence", "TimeseriesGenerator", "timeseries_dataset_from_array"),
        (None, "text", "TextVectorization"),
    ],
)
def test_names_of_older_releases_say_what_to_use(place, name, instead):
    namespace = getattr(jkeras.preprocessing, place) if place else jkeras.preprocessing
    with pytest.raises(AttributeError, match=instead):
        getattr(namespace, name)
