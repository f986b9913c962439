"""`ImageDataGenerator` against the one that Keras keeps for older programs: the same draws, the same images."""

import warnings

import numpy as np
import pandas as pd
import pytest

import jkeras
from jkeras.preprocessing import image as ours

theirs = pytest.importorskip("keras.src.legacy.preprocessing.image")
IMAGES = np.random.RandomState(0).uniform(0, 255, (7, 9, 8, 3)).astype("float32")
LABELS = np.arange(7) % 2
OPTIONS = [
    {"rotation_range": 30},
    {"shear_range": 20.0, "zoom_range": (0.5, 1.5), "fill_mode": "reflect", "interpolation_order": 0},
    {"zoom_range": 0.3, "horizontal_flip": True, "vertical_flip": True, "channel_shift_range": 30.0},
    {"brightness_range": (0.5, 1.5), "rescale": 1 / 255},
    {"samplewise_center": True, "samplewise_std_normalization": True, "preprocessing_function": lambda x: x + 1},
    {"featurewise_center": True, "featurewise_std_normalization": True, "rotation_range": 10},
    {"zca_whitening": True, "featurewise_center": True},
]


def all_equal(one, other):
    one, other = ([x] if isinstance(x, np.ndarray) else x for x in (one, other))
    assert len(one) == len(other)
    for x, y in zip(one, other, strict=True):
        all_equal(x, y) if isinstance(x, list) else np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options))
def test_the_same_images_draw_for_draw(options):
    both = [k.ImageDataGenerator(**options) for k in (ours, theirs)]
    flows = []
    for generator in both:
        if "zca_whitening" in options or "featurewise_center" in options:
            generator.fit(IMAGES, augment=True, rounds=2, seed=3)
        flows.append(generator.flow(IMAGES, LABELS, batch_size=3, seed=5, sample_weight=LABELS + 1))
    for _ in range(4):  # more than an epoch
        all_equal(next(flows[0]), next(flows[1]))
    for flow in flows:
        flow.reset()
    assert len(flows[0]) == len(flows[1]) == 3
    all_equal(flows[0][1], flows[1][1])


@pytest.mark.parametrize("spans", [(0.2, 3), ([1, 2], [0.1, 0.3]), (0.0, 0.5)])
def test_heights_are_rows_and_widths_are_columns(spans):
    """Keras draws the same numbers, and takes the one for the other."""
    options = dict(zip(("width_shift_range", "height_shift_range"), spans, strict=True))
    one, other = (k.ImageDataGenerator(**options).get_random_transform((9, 8, 3), seed=4) for k in (ours, theirs))
    assert {**one, "tx": one["ty"], "ty": one["tx"]} == other
    rows = np.repeat(np.arange(9.0), 8).reshape(9, 8, 1)
    moved = ours.ImageDataGenerator(height_shift_range=[2]).random_transform(rows, seed=0)
    assert (moved == moved[:, :1]).all() and not (moved == rows).all()
    np.testing.assert_array_equal(ours.ImageDataGenerator(width_shift_range=[2]).random_transform(rows), rows)
    moved = ours.random_shift(rows, 0, 0.9, row_axis=0, col_axis=1, channel_axis=2)
    assert np.allclose(moved, moved[:, :1])
    given = {"tx": 2.0, "ty": -1.5}
    all_equal(*(k.ImageDataGenerator(fill_mode="constant").apply_transform(IMAGES[0], given) for k in (ours, theirs)))


def test_channels_first_subsets_and_further_arrays():
    x = IMAGES.transpose(0, 3, 1, 2)
    options = {"rotation_range": 20, "data_format": "channels_first", "validation_split": 0.3}
    for subset in ("training", "validation"):
        flows = [
            k.ImageDataGenerator(**options).flow((x, LABELS * 2), LABELS, subset=subset, seed=1, shuffle=False)
            for k in (ours, theirs)
        ]
        (one, ones), (two, twos) = (next(flow) for flow in flows)
        all_equal(one, two)
        all_equal(ones, twos)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("random_rotation", (30,)),
        ("random_shear", (20,)),
        ("random_zoom", ((0.5, 1.2),)),
        ("random_channel_shift", (20.0,)),
        ("random_brightness", ((0.2, 0.9),)),
    ],
)
def test_functions(name, arguments):
    axes = {} if name in ("random_brightness",) else {"channel_axis": 2}
    if name not in ("random_brightness", "random_channel_shift"):
        axes |= {"row_axis": 0, "col_axis": 1}
    found = []
    for k in (ours, theirs):
        np.random.seed(0)
        found.append(getattr(k, name)(IMAGES[0], *arguments, **axes))
    all_equal(*found)


@pytest.fixture
def folder(tmp_path):
    for i in range(6):
        (tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
        ours.save_img(tmp_path / "ab"[i % 2] / f"{i}.png", IMAGES[i])
    return tmp_path


@pytest.mark.parametrize("class_mode", ["categorical", "binary", "sparse", "input", None])
def test_folders(folder, class_mode):
    options = {"target_size": (5, 6), "class_mode": class_mode, "batch_size": 4, "seed": 2, "color_mode": "grayscale"}
    flows = [k.ImageDataGenerator(horizontal_flip=True).flow_from_directory(folder, **options) for k in (ours, theirs)]
    assert flows[0].class_indices == flows[1].class_indices == {"a": 0, "b": 1}
    assert flows[0].filenames == flows[1].filenames and flows[0].classes.tolist() == [0, 0, 0, 1, 1, 1]
    for _ in range(2):
        all_equal(next(flows[0]), next(flows[1]))


@pytest.mark.parametrize("subset", ["training", "validation", None])
@pytest.mark.parametrize(
    ("class_mode", "y_col"),
    [
        ("categorical", "name"),
        ("sparse", "name"),
        ("raw", "number"),
        ("multi_output", ["number", "other"]),
        ("categorical", "many"),
    ],
)
def test_tables(folder, class_mode, y_col, subset):
    table = pd.DataFrame(
        {
            "filename": [f"{'ab'[i % 2]}/{i}.png" for i in range(6)],
            "name": list("pqppqq"),
            "number": np.arange(6.0),
            "other": np.arange(6.0) * 2,
            "many": [["p"], ["p", "q"], ["q"], ["p"], ["q"], ["q", "p"]],
            "weight": np.linspace(0, 1, 6),
        }
    )
    options = {
        "y_col": y_col,
        "weight_col": "weight",
        "class_mode": class_mode,
        "target_size": (5, 6),
        "seed": 2,
        "subset": subset,
    }
    flows = [
        k.ImageDataGenerator(validation_split=0.4).flow_from_dataframe(table, folder, **options) for k in (ours, theirs)
    ]
    all_equal(next(flows[0]), next(flows[1]))


def test_training(folder, tmp_path):
    generator = ours.ImageDataGenerator(rescale=1 / 255, rotation_range=10)
    flow = generator.flow_from_directory(folder, target_size=(6, 6), class_mode="binary", batch_size=2)
    model = jkeras.Sequential([jkeras.Input((6, 6, 3)), jkeras.layers.Flatten(), jkeras.layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    assert len(model.fit(flow, epochs=2, verbose=0).history["loss"]) == 2
    assert model.predict(generator.flow(IMAGES[:, :6, :6], batch_size=3, shuffle=False), verbose=0).shape == (7, 1)
    saved = tmp_path / "changed"
    saved.mkdir()
    next(generator.flow(IMAGES, batch_size=3, save_to_dir=saved, save_prefix="x"))
    assert len(list(saved.glob("x_*.png"))) == 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ours.ImageDataGenerator(zoom_range=(1, 2, 3)), "`zoom_range`"),
        (lambda: ours.ImageDataGenerator(brightness_range=0.5), "`brightness_range`"),
        (lambda: ours.ImageDataGenerator(validation_split=2), "`validation_split`"),
        (lambda: ours.ImageDataGenerator().flow(IMAGES[0]), "should have rank 4"),
        (lambda: ours.ImageDataGenerator().flow(IMAGES, LABELS[1:]), "same length"),
        (lambda: ours.ImageDataGenerator().flow(IMAGES, subset="test"), "Invalid subset name"),
        (lambda: ours.ImageDataGenerator().fit(IMAGES[0]), "rank 4"),
        (lambda: ours.apply_affine_transform(IMAGES[0], 3, row_axis=0, col_axis=2, channel_axis=1), "`channel_axis`"),
        (lambda: ours.random_zoom(IMAGES[0], 3), "`zoom_range`"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_options_that_need_others_and_statistics_that_are_missing_are_warned_of():
    with pytest.warns(UserWarning, match="`zca_whitening`, which overrides setting of `featurewise_center`"):
        generator = ours.ImageDataGenerator(zca_whitening=True)
    with pytest.warns(UserWarning, match="hasn't been fit"):
        next(generator.flow(IMAGES))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours.ImageDataGenerator(samplewise_center=True, samplewise_std_normalization=True)
