"""Preprocessing layers: the numbers of Keras's, draw for draw, off when not training, in every form of the images."""

import functools
import json

import jax
import numpy as np
import pytest

import jkeras
from tests.oracle import assert_close, keras

# Layers that act in training only: name, arguments. Their values stay within 0 and 255.
RANDOM = [
    ("RandomFlip", {}),
    ("RandomFlip", {"mode": "horizontal"}),
    ("RandomRotation", {"factor": 0.2}),
    ("RandomRotation", {"factor": (-0.1, 0.3), "fill_mode": "constant", "fill_value": 3.0, "interpolation": "nearest"}),
    ("RandomZoom", {"height_factor": 0.3}),
    ("RandomZoom", {"height_factor": (-0.3, -0.2), "width_factor": 0.5, "fill_mode": "nearest"}),
    ("RandomTranslation", {"height_factor": 0.3, "width_factor": (0.1, 0.4), "fill_mode": "wrap"}),
    ("RandomShear", {"x_factor": 0.3, "y_factor": (0.1, 0.2)}),
    ("RandomCrop", {"height": 4, "width": 5}),
    ("RandomBrightness", {"factor": 0.3}),
    ("RandomContrast", {"factor": (0.7, 0.4)}),
    ("RandomHue", {"factor": 0.4}),
    ("RandomSaturation", {"factor": 0.4}),
    ("RandomGrayscale", {"factor": 0.5}),
    ("RandomInvert", {"factor": 0.8}),
    ("RandomPosterization", {"factor": 5}),
    ("RandomColorDegeneration", {"factor": 0.6}),
    ("RandomSharpness", {"factor": 0.7}),
    ("RandomGaussianBlur", {"kernel_size": (3, 5), "factor": 0.9}),
    ("RandomErasing", {"factor": 0.9, "scale": (0.1, 0.5)}),
    ("RandomErasing", {"factor": (1.0, 1.0), "fill_value": 3.0}),
    ("RandomPerspective", {"factor": (0.8, 1.0), "scale": 0.4}),
    ("Solarization", {"addition_factor": 0.3, "threshold_factor": 0.5}),
    (
        "RandomColorJitter",
        {"brightness_factor": 0.2, "contrast_factor": 0.3, "saturation_factor": (0.3, 0.5), "hue_factor": 0.2},
    ),
]
# Layers that always act.
FIXED = [
    ("Rescaling", {"scale": 1 / 127.5, "offset": -1}),
    ("Rescaling", {"scale": [0.1, 0.2, 0.3]}),
    ("Resizing", {"height": 5, "width": 9}),
    ("Resizing", {"height": 5, "width": 9, "crop_to_aspect_ratio": True, "interpolation": "bicubic"}),
    ("Resizing", {"height": 5, "width": 9, "pad_to_aspect_ratio": True, "antialias": True}),
    ("CenterCrop", {"height": 4, "width": 3}),
    ("CenterCrop", {"height": 9, "width": 3}),
    ("AutoContrast", {}),
    ("AutoContrast", {"value_range": (0, 300)}),
    ("ContrastLimitedAdaptiveHistogramEqualization", {"tile_grid_size": (2, 3), "value_range": (0, 256)}),
    ("Normalization", {"mean": [1.0, 2.0, 3.0], "variance": [4.0, 5.0, 6.0]}),
    ("Normalization", {"axis": None, "mean": 100.0, "variance": 400.0, "invert": True}),
]


def titled(rows):
    return [pytest.param(name, options, id=f"{name}-{'-'.join(map(str, options))}") for name, options in rows]


def images(shape=(4, 7, 6, 3), seed=0):
    return np.random.default_rng(seed).uniform(0, 255, shape).astype("float32")


def both(name, options):
    options = options | {"name": "layer"}
    return getattr(jkeras.layers, name)(**options), getattr(keras.layers, name)(**options)


def compiled(layer):
    """Calls of a layer in training as one program each, which takes a fraction of the time of its single operations."""
    if isinstance(layer, keras.layers.RandomCrop):  # Keras's does not run in a program
        return functools.partial(layer, training=True)
    if isinstance(layer, keras.layers.Layer):
        layer.built = True
        values = [v.value for v in layer.non_trainable_variables]
        run = lambda values, x: layer.stateless_call([], values, x, training=True)  # noqa: E731
    else:
        values = layer.snapshot()["state"]
        run = lambda values, x: layer.apply({"params": {}, "state": values}, x, training=True)  # noqa: E731
    program = jax.jit(run, compiler_options={"xla_backend_optimization_level": 0})

    def call(x):
        nonlocal values
        outputs, values = program(values, x)
        return outputs

    return call


@pytest.mark.parametrize(("name", "options"), titled(RANDOM))
def test_draws_and_config_are_keras_s(name, options):
    ours, theirs = both(name, options | {"seed": 3})
    mine, expected = compiled(ours), compiled(theirs)
    for x in (images(), images(seed=1)):
        assert_close(mine(x), expected(x), rtol=2e-5)
    config = json.loads(json.dumps(theirs.get_config())) | {"seed": 3}  # Keras forgets one
    assert json.loads(json.dumps(ours.get_config())) == config
    assert json.loads(json.dumps(type(ours).from_config(config).get_config())) == config


@pytest.mark.parametrize(("name", "options"), titled([RANDOM[i] for i in (0, 2, 6, 8, 12)]))
def test_single_images_and_channels_first(name, options):
    kind = getattr(jkeras.layers, name)
    last = kind(**options, seed=3)
    first, single = (type(last)(**options, seed=3, data_format=f) for f in ("channels_first", None))
    expected = compiled(last)(images((1, 7, 6, 3)))
    outputs = compiled(first)(images((1, 7, 6, 3)).transpose(0, 3, 1, 2))
    assert_close(np.transpose(outputs, (0, 2, 3, 1)), expected)
    assert_close(compiled(single)(images((7, 6, 3))), expected[0])


@pytest.mark.parametrize(("name", "options"), titled([row for row in RANDOM if row[0] != "RandomCrop"]))
def test_off_when_not_training(name, options):
    ours, _ = both(name, options)
    x = images()
    assert np.array_equal(ours(x, training=False), x)
    model = jkeras.Sequential([jkeras.Input(x.shape[1:]), ours])
    assert np.array_equal(model.predict(x, verbose=0), x)
    assert ours.generator.state.numpy()[1] == 0  # nothing was drawn


@pytest.mark.parametrize(("name", "options"), titled(FIXED))
def test_fixed_layers_are_keras_s(name, options):
    ours, theirs = both(name, options)
    config = json.loads(json.dumps(theirs.get_config()))
    assert json.loads(json.dumps(ours.get_config())) == config
    theirs.build((4, 7, 6, 3))
    expect = jax.jit(theirs)
    for layer in map(jax.jit, (ours, type(ours).from_config(config))):
        for x in (images(), images((7, 6, 3)), images().astype("uint8")):
            if (name == "Normalization" and x.ndim == 3) or (name.startswith("Contrast") and x.dtype == "uint8"):
                continue
            mine, expected = layer(x), expect(x)
            assert mine.dtype == expected.dtype or x.dtype == "uint8"
            assert_close(mine, expected, rtol=2e-5)
    assert ours.compute_output_shape((None, 7, 6, 3)) == theirs.compute_output_shape((None, 7, 6, 3))


def test_random_crop_takes_the_middle_when_not_training():
    x = images()
    ours, middle = jkeras.layers.RandomCrop(4, 2), jkeras.layers.CenterCrop(4, 2)
    assert np.array_equal(ours(x, training=False), middle(x))


@pytest.mark.slow
def test_rand_augment_draws_keras_s_layers():
    ours, theirs = both("RandAugment", {"seed": 3})
    x = images((1, 7, 6, 3))
    mine = compiled(ours)
    for _ in range(2):
        assert_close(mine(x), theirs(x, training=True), rtol=1e-4)
    boxes = {"images": x, "bounding_boxes": {key: value[:1] for key, value in BOXES.items()}}
    moved = jkeras.layers.RandAugment(bounding_box_format="xyxy", num_ops=4)(boxes, training=True)
    assert moved["bounding_boxes"]["boxes"].shape == (1, 2, 4)
    assert np.array_equal(ours(x, training=False), x)
    config = json.loads(json.dumps(theirs.get_config()))
    assert json.loads(json.dumps(ours.get_config())) == config


@pytest.mark.slow
def test_aug_mix_mixes_chains():
    x = images((2, 7, 6, 3))
    layer = jkeras.layers.AugMix(num_chains=2, chain_depth=2, all_ops=False, seed=1)
    run = compiled(layer)
    first, second = run(x), run(x)
    assert not np.array_equal(first, second)
    assert np.array_equal(first, compiled(type(layer).from_config(layer.get_config()))(x))
    assert first.min() >= 0
    assert first.max() <= 255
    assert np.array_equal(layer(x, training=False), x)
    config = json.loads(json.dumps(keras.layers.AugMix(seed=1, name="layer").get_config()))
    assert json.loads(json.dumps(jkeras.layers.AugMix(seed=1, name="layer").get_config())) == config
    none = jkeras.layers.AugMix(num_chains=1, factor=0.0, all_ops=False, seed=1)
    masks = none({"images": x, "segmentation_masks": np.ones((2, 7, 6, 1), "int32")}, training=True)["segmentation_masks"]
    assert_close(masks, np.ones((2, 7, 6, 1)))


@pytest.mark.parametrize(
    "options",
    [{"mode": mode} for mode in ("log", "psd", "real", "imag", "stft")]
    + [{"mode": "magnitude", "expand_dims": True, "padding": "same", "frame_step": 5, "fft_length": 32}]
    + [{"mode": "log", "scaling": "spectrum", "window": "hamming", "periodic": True, "data_format": "channels_first"}],
    ids=str,
)
def test_stft_spectrogram_is_keras_s(options):
    ours, theirs = both("STFTSpectrogram", {"frame_length": 12} | options)
    x = np.random.default_rng(0).normal(size=(2, 40, 3)).astype("float32")
    if "data_format" in options:
        x = x.transpose(0, 2, 1)
    assert_close(ours(x), theirs(x), rtol=1e-4)
    assert [w.path.split("/")[-1] for w in ours.weights] == [w.path.split("/")[-1] for w in theirs.weights]
    assert json.loads(json.dumps(ours.get_config())) == json.loads(json.dumps(theirs.get_config()))
    assert ours.compute_output_shape(x.shape) == theirs.compute_output_shape(x.shape)


@pytest.mark.parametrize(
    "options", [{}, {"power_to_db": False, "mag_exp": 1.0, "max_freq": 3000, "sequence_length": 50}], ids=str
)
def test_mel_spectrogram_is_keras_s(options):
    ours, theirs = both("MelSpectrogram", {"fft_length": 64, "sequence_stride": 16, "num_mel_bins": 10} | options)
    x = np.random.default_rng(0).normal(size=(2, 200)).astype("float32")
    assert_close(ours(x), theirs(x), rtol=1e-4)
    assert ours(x[0]).shape == theirs(x[0]).shape
    assert json.loads(json.dumps(ours.get_config())) == json.loads(json.dumps(theirs.get_config()))


def test_elastic_transform_is_keras_s_and_moves_masks_with_images():
    ours, theirs = both("RandomElasticTransform", {"scale": (0.5, 0.9), "seed": 3})
    x = images((2, 24, 20, 3))
    assert_close(ours(x, training=True), theirs(x, training=True), rtol=1e-4)
    nearest = jkeras.layers.RandomElasticTransform((1.0, 1.0), interpolation="nearest")
    moved = nearest({"images": x, "segmentation_masks": x}, training=True)
    assert np.array_equal(moved["images"], moved["segmentation_masks"])
    assert not np.array_equal(moved["images"], x)
    assert np.array_equal(jkeras.layers.RandomElasticTransform(scale=0)(x, training=True), x)


def test_equalization_looks_at_one_image_at_a_time():
    ours, theirs = both("Equalization", {"bins": 8, "value_range": (0, 256)})
    x = images((2, 7, 6, 1)).round()
    for i in range(2):
        assert_close(ours(x, training=True)[i], theirs(x[i], training=True))
    assert np.array_equal(ours(x, training=False), x)


@pytest.mark.filterwarnings("ignore:Exception encountered", "ignore:Explicitly requested dtype")  # Keras asks for int64
@pytest.mark.parametrize(("name", "options"), [("MixUp", {}), ("CutMix", {"factor": (0.9, 1.0)})])
def test_labels_are_mixed_with_the_images(name, options):
    ours, theirs = both(name, options | {"seed": 3})
    data = {"images": images(), "labels": np.eye(4, dtype="float32"), "segmentation_masks": images()}
    mine, expected = ours(data, training=True), theirs({k: data[k] for k in ("images", "labels")}, training=True)
    assert_close(mine["images"], expected["images"], rtol=1e-5)
    assert_close(mine["labels"], expected["labels"], rtol=1e-5)
    assert np.array_equal(mine["segmentation_masks"], mine["images"])
    numbers = ours({"images": images(), "labels": np.array([0, 0, 0, 0])}, training=True)["labels"]
    assert numbers.tolist() == [0.0] * 4  # one per image
    assert np.array_equal(ours(data, training=False)["labels"], data["labels"])


def test_mixed_images_keep_all_boxes():
    layer = jkeras.layers.MixUp(bounding_box_format="xyxy")
    boxes = layer({"images": images((2, 7, 6, 3)), "bounding_boxes": BOXES}, training=True)["bounding_boxes"]
    assert boxes["boxes"].shape == (2, 4, 4)
    assert boxes["labels"].shape == (2, 4)


def test_max_num_bounding_boxes_cuts_and_fills():
    for number in (1, 3):
        ours, theirs = both("MaxNumBoundingBoxes", {"max_number": number, "bounding_box_format": "xyxy"})
        data = {"images": images((2, 7, 6, 3)), "bounding_boxes": BOXES}
        mine = ours(data)["bounding_boxes"]
        expected = theirs.transform_bounding_boxes(dict(BOXES), None)
        assert all(np.array_equal(mine[key], expected[key]) for key in mine)


def test_a_pipeline_layer_applies_its_layers_to_dicts_and_is_saved():
    def make(k):
        return k.layers.Pipeline([k.layers.RandomFlip(seed=1), k.layers.Rescaling(0.5)], name="p")

    x = images()
    ours, theirs = make(jkeras), make(keras)
    assert_close(ours(x, training=True), theirs(x, training=True))
    assert_close(ours(x, training=False), x * 0.5)
    again = jkeras.layers.Pipeline.from_config(json.loads(json.dumps(theirs.get_config())))
    assert_close(again(x, training=True), make(jkeras)(x, training=True))
    mixed = jkeras.layers.Pipeline([jkeras.layers.RandomFlip(), jkeras.layers.MixUp()])
    assert mixed({"images": x, "labels": np.eye(4)}, training=True)["labels"].shape == (4, 4)


@pytest.mark.parametrize("mode", ["multi_hot", "one_hot", "count"])
def test_category_encoding_is_keras_s(mode):
    ours, theirs = both("CategoryEncoding", {"num_tokens": 4, "output_mode": mode})
    assert json.loads(json.dumps(ours.get_config())) == json.loads(json.dumps(theirs.get_config()))
    for x in ([[0, 1], [1, 3]], [[2], [0]], [1, 1, 3], 2):
        x = np.array(x, "int32")
        assert_close(ours(x), theirs(x))
    if mode == "count":
        weights = np.array([[0.5, 2.0], [1.0, 0.1]], "float32")
        x = np.array([[0, 1], [1, 1]])
        assert_close(ours(x, count_weights=weights), theirs(x, count_weights=weights))


@pytest.mark.parametrize("mode", ["int", "multi_hot", "one_hot", "count"])
def test_discretization_is_keras_s(mode):
    ours, theirs = both("Discretization", {"bin_boundaries": [0.0, 1.0, 2.5], "output_mode": mode})
    x = np.array([[-1.0, 0.0], [0.5, 2.5], [9.0, 1.0]], "float32")
    assert_close(ours(x), theirs(x))
    assert ours(x).dtype == theirs(x).dtype


def test_discretization_adapts_and_keeps_its_boundaries(tmp_path):
    x = np.random.default_rng(0).normal(size=(500, 2)).astype("float32")
    for data in (x, [x[:200], x[200:]]):
        ours, theirs = both("Discretization", {"num_bins": 5})
        ours.adapt(data)
        for batch in data if isinstance(data, list) else [data]:
            theirs.update_state(batch)  # its adapt() asks for TensorFlow
        theirs.finalize_state()
        assert_close(np.array(ours.bin_boundaries), np.array(theirs.bin_boundaries), rtol=1e-5)
    again = jkeras.layers.Discretization.from_config(json.loads(json.dumps(ours.get_config())))
    assert np.array_equal(again(x), ours(x))
    model = jkeras.Sequential([jkeras.Input((2,)), ours])
    model.save(tmp_path / "m.keras")
    assert np.array_equal(jkeras.models.load_model(tmp_path / "m.keras").predict(x, verbose=0), ours(x))


def pipeline():
    layers = jkeras.layers
    return jkeras.Sequential(
        [
            layers.Input((8, 8, 3), dtype="uint8"),
            layers.Rescaling(1 / 255),
            layers.RandomFlip("horizontal", seed=1),
            layers.RandomRotation(0.1, seed=2),
            layers.RandomZoom(0.1, seed=3),
            layers.RandomCrop(6, 6, seed=4),
            layers.RandomContrast(0.2, value_range=(0, 1), seed=5),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )


def test_a_pipeline_trains_predicts_and_is_saved(tmp_path):
    x, y = images((20, 8, 8, 3)).astype("uint8"), np.arange(20) % 2
    model = pipeline()
    model.compile("adam", jkeras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(x, y, epochs=3, batch_size=8, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    expected = model.predict(x, verbose=0)
    assert np.array_equal(expected, model.predict(x, verbose=0))
    model.save(tmp_path / "m.keras")
    assert_close(jkeras.models.load_model(tmp_path / "m.keras").predict(x, verbose=0), expected)


BOXES = {"boxes": np.array([[[1, 2, 4, 5], [0, 0, 6, 7]]] * 2, "float32"), "labels": np.array([[0, 1]] * 2)}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("RandomFlip", {}),
        ("RandomZoom", {"height_factor": 0.3, "width_factor": 0.2}),
        ("RandomTranslation", {"height_factor": 0.3, "width_factor": 0.2}),
        ("RandomRotation", {"factor": 0.2}),
        ("RandomPerspective", {"factor": (1.0, 1.0), "scale": 0.3}),
        ("RandomBrightness", {"factor": 0.2}),
        ("Resizing", {"height": 5, "width": 9}),
        ("Resizing", {"height": 5, "width": 9, "pad_to_aspect_ratio": True}),
        ("Resizing", {"height": 5, "width": 9, "crop_to_aspect_ratio": True}),
        ("CenterCrop", {"height": 3, "width": 4}),
    ],
    ids=str,
)
def test_what_belongs_to_the_images_moves_with_them(name, options):
    random = {"seed": 2} if name.startswith("Random") else {}
    ours, theirs = both(name, options | random | {"bounding_box_format": "xyxy"})

    def data():
        masks = np.random.default_rng(0).integers(0, 4, (2, 7, 6, 1)).astype("float32")
        return {
            "images": images((2, 7, 6, 3)),
            "bounding_boxes": dict(BOXES),
            "labels": np.ones(2),
            "segmentation_masks": masks,
        }

    given = data()
    run = compiled(ours)
    mine, expected = run(given), compiled(theirs)(data())
    for key in ("images", "labels", "segmentation_masks"):
        assert_close(mine[key], expected[key], rtol=2e-5)
    for key in ("boxes", "labels"):
        assert_close(mine["bounding_boxes"][key], expected["bounding_boxes"][key], rtol=2e-5)
    ours(given, training=True)
    assert given["images"].shape == (2, 7, 6, 3)  # what was given is left as it was
    single = {key: value[0] for key, value in data().items() if key != "bounding_boxes"}
    single["bounding_boxes"] = {key: value[0] for key, value in BOXES.items()}
    assert run(single)["bounding_boxes"]["boxes"].shape == (2, 4)


def test_a_relative_format_moves_as_pixels_do():
    pixels = jkeras.layers.RandomRotation(0.2, seed=1, bounding_box_format="xyxy")
    relative = jkeras.layers.RandomRotation(0.2, seed=1, bounding_box_format="rel_xyxy")
    size = np.array([6, 7, 6, 7], "float32")
    given = {"images": images((2, 7, 6, 3)), "bounding_boxes": BOXES}
    mine = relative(given | {"bounding_boxes": BOXES | {"boxes": BOXES["boxes"] / size}}, training=True)
    assert_close(mine["bounding_boxes"]["boxes"] * size, pixels(given, training=True)["bounding_boxes"]["boxes"], rtol=1e-5)


class Batches(jkeras.utils.PyDataset):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return self.x[i::4], np.zeros(len(self.x[i::4]))


def test_normalization_adapts_to_anything():
    pandas = pytest.importorskip("pandas")
    x = np.random.default_rng(0).normal(5, 3, (50, 4))
    theirs = keras.layers.Normalization()
    theirs.adapt(x)
    sources = {
        "array": x,
        "list": x.tolist(),
        "jax": jkeras.ops.convert_to_tensor(x),
        "pandas": pandas.DataFrame(x, columns=list("abcd")),
        "batches": [x[:10], x[10:]],
        "dataset": Batches(x),
        "generator": ((x[i : i + 7], None) for i in range(0, 50, 7)),
    }
    for name, data in sources.items():
        ours = jkeras.layers.Normalization()
        ours.adapt(data)
        assert_close(ours(x), theirs(x), rtol=1e-5, err_msg=name)
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    column = jkeras.layers.Normalization(axis=None)
    column.adapt(pandas.Series([1, 2, 3, 4, 5]))
    assert_close(column(np.array([1.0, 3.0])), np.array([-np.sqrt(2), 0.0]))


def test_normalization_in_a_model_is_saved_and_not_trained(tmp_path):
    x = np.random.default_rng(0).normal(5, 3, (32, 4)).astype("float32")
    layer = jkeras.layers.Normalization()
    layer.adapt(x)
    model = jkeras.Sequential([jkeras.Input((4,)), layer, jkeras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, x[:, 0], epochs=2, verbose=0)
    assert_close(layer.adapt_mean.numpy(), x.mean(0), rtol=1e-5)
    model.save(tmp_path / "m.keras")
    loaded = jkeras.models.load_model(tmp_path / "m.keras")
    assert_close(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    back = jkeras.layers.Normalization(invert=True)
    back.adapt(x)
    assert_close(back(layer(x)), x, rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda k: k.RandomFlip("sideways"), "RandomFlip needs mode="),
        (lambda k: k.RandomRotation(2), "RandomRotation got factor=2"),
        (lambda k: k.RandomZoom(-1.0), "RandomZoom got height_factor=-1.0"),
        (lambda k: k.RandomRotation(0.1, fill_mode="mirror"), "RandomRotation needs fill_mode="),
        (lambda k: k.RandomBrightness(0.1, value_range=3), "RandomBrightness got value_range=3"),
        (lambda k: k.Resizing(0, 3), "Resizing needs height="),
        (lambda k: k.Resizing(2, 3, interpolation="cube"), "interpolation"),
        (lambda k: k.CenterCrop(2.5, 3), "CenterCrop needs height="),
        (lambda k: k.RandomFlip(bounding_box_format="xxyy"), "bounding_box_format"),
        (lambda k: k.RandomFlip()(np.zeros((3, 4), "float32")), "RandomFlip takes one image, of rank 3"),
        (lambda k: k.RandomFlip()({"images": images(), "bounding_boxes": BOXES}), "bounding_box_format='xyxy'"),
        (lambda k: k.RandomGaussianBlur(kernel_size=4), "odd numbers"),
        (lambda k: k.RandomErasing(fill_value="grey"), "RandomErasing needs fill_value="),
        (lambda k: k.MixUp(alpha=0), "MixUp needs alpha="),
        (lambda k: k.MaxNumBoundingBoxes(0), "MaxNumBoundingBoxes needs max_number="),
        (lambda k: k.Pipeline(k.RandomFlip()), "Pipeline needs layers="),
        (lambda k: k.CategoryEncoding(), "CategoryEncoding needs num_tokens="),
        (lambda k: k.CategoryEncoding(3, output_mode="hot"), "CategoryEncoding needs output_mode="),
        (lambda k: k.CategoryEncoding(3)(np.array([1]), count_weights=np.array([1.0])), "only output_mode='count'"),
        (lambda k: k.Discretization(), "bin_boundaries= or, to adapt, num_bins="),
        (lambda k: k.Discretization(num_bins=3)(np.ones((1, 2), "float32")), "no boundaries yet"),
        (lambda k: k.Discretization([1.0]).adapt([1.0]), "nothing to adapt"),
        (lambda k: k.Normalization(mean=1.0), "together"),
        (lambda k: k.Normalization(mean=[1.0, 2.0], variance=[1.0, 2.0])(np.ones((1, 3), "float32")), "of shape"),
        (lambda k: k.Normalization().adapt([]), "no data"),
        (lambda k: k.Normalization().adapt({"a": 1}), "got dict"),
        (lambda k: k.Normalization(mean=1.0, variance=2.0).adapt([1.0]), "nothing to adapt"),
    ],
)
def test_messages(make, message):
    with pytest.raises(ValueError, match=message):
        make(jkeras.layers)


def test_adapt_to_another_size_is_an_error_that_keeps_the_statistics():
    layer = jkeras.layers.Normalization()
    layer.adapt(np.array([[1.0, 3.0], [3.0, 5.0]]))
    with pytest.raises(ValueError, match=r"statistics of shape \(2,\).*data of shape \(4, 3\)"):
        layer.adapt(np.ones((4, 3)))
    assert layer.adapt_mean.numpy().tolist() == [2.0, 4.0]


LOOSE = {"RandomHue": 12.0, "RandomPosterization": 130.0}  # where a rounded number falls on the other side of a step


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), titled(RANDOM))
def test_draws_under_mixed_bfloat16_are_keras_s(name, options):
    ours, theirs = both(name, {**options, "seed": 7, "dtype": "mixed_bfloat16"})
    x = images((3, 8, 8, 3))
    found, expected = compiled(ours)(x), compiled(theirs)(x)
    assert found.dtype == "bfloat16"
    found, expected = np.asarray(found, "float32"), np.asarray(expected, "float32")
    assert np.isfinite(found).all()
    assert np.median(np.abs(found - expected)) <= 1.5 and np.abs(found - expected).max() <= LOOSE.get(name, 8.0)
