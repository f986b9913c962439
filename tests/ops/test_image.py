"""Image operations against Keras: values, dtypes, both data formats, single images, symbolic shapes, bad input."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jkeras import ops
from jkeras.core.symbolic import KerasTensor
from jkeras.random import SeedGenerator
from tests.ops.rows import Row
from tests.ops.together import results
from tests.oracle import assert_close, keras

R = np.random.default_rng(0)
IMAGES = R.random((2, 8, 6, 3)).astype("float32")
OTHER = R.random((2, 8, 6, 3)).astype("float32")
BYTES = R.integers(0, 256, (2, 8, 6, 3)).astype("uint8")
SHIFT = np.array([[1, 0.1, 0.5, -0.2, 0.9, 1.5, 0, 0], [0.5, 0, 1, 0, 2, -1, 0, 0]], "float32")
CORNERS = np.array([[0, 0], [5, 0], [0, 7], [5, 7]], "float32")
MOVED = CORNERS + np.array([[1, 0.5], [-1, 0.2], [0.3, -1], [0, 0]], "float32")
CALLS = [
    ("rgb_to_grayscale", (), {}),
    ("rgb_to_hsv", (), {}),
    ("hsv_to_rgb", (), {}),
    ("resize", ((4, 9),), {}),
    ("resize", ((5, 4),), {"interpolation": "nearest"}),
    ("resize", ((5, 4),), {"interpolation": "bicubic", "antialias": True}),
    ("resize", ((5, 4),), {"interpolation": "lanczos3"}),
    ("resize", ((4, 4),), {"crop_to_aspect_ratio": True}),
    ("resize", ((3, 7),), {"crop_to_aspect_ratio": True}),
    ("resize", ((4, 4),), {"pad_to_aspect_ratio": True, "fill_value": 0.5}),
    ("resize", ((9, 3),), {"pad_to_aspect_ratio": True}),
    ("affine_transform", (SHIFT[0],), {}),
    ("affine_transform", (SHIFT,), {"interpolation": "nearest", "fill_value": 0.5}),
    *[("affine_transform", (SHIFT,), {"fill_mode": mode}) for mode in ("nearest", "wrap", "mirror", "reflect")],
    ("perspective_transform", (CORNERS, MOVED), {}),
    ("perspective_transform", (np.stack([CORNERS, MOVED]), np.stack([MOVED, CORNERS])), {"interpolation": "nearest"}),
    ("gaussian_blur", (), {}),
    ("gaussian_blur", ((3, 5), (0.5, 2.0)), {}),
    ("elastic_transform", (), {"seed": 3, "sigma": 2.0}),
    ("elastic_transform", (2.0, 1.5), {"seed": 3, "interpolation": "nearest", "fill_mode": "constant", "fill_value": 1.0}),
    ("sobel_edges", (), {}),
    ("ssim", (OTHER,), {"filter_size": 3}),
    ("extract_patches", (2,), {}),
    ("extract_patches", ((3, 2),), {"strides": (1, 2), "padding": "same"}),
    ("extract_patches", ((2, 2),), {"strides": 1, "dilation_rate": 2}),
    ("crop_images", (1, 2, 3, 1), {}),
    ("crop_images", (), {"top_cropping": 1, "target_height": 4, "right_cropping": 2, "target_width": 3}),
    ("pad_images", (1, 2, 3, 0), {}),
    ("pad_images", (), {"bottom_padding": 1, "target_height": 12, "left_padding": 2, "target_width": 9}),
]


def first(x):
    """The image's own part of an argument for a batch."""
    return x[0] if isinstance(x, np.ndarray) and len(x) == 2 else x


def for_each(name, x):
    """A transform for each image, which is what Keras wants."""
    return np.stack([x, x]) if name in SINGLE and x.ndim == SINGLE[name] else x


SINGLE = {"affine_transform": 1, "perspective_transform": 2}
RANDOM = "elastic_transform"  # the noise has the shape of the batch, so that a single image gets another


def swapped(x):
    return np.moveaxis(x, -1, 1) if x is IMAGES or x is OTHER else x


@functools.cache
def computed():
    """{index of the call: what Keras makes of the batch; and what we make of it, of its first image, and of channels first}.
    The latter two come for the first call of each function."""
    names = [name for name, _, _ in CALLS]
    firsts = [i for i, name in enumerate(names) if names.index(name) == i]

    def rows(indices, image, change, **more):
        return [Row(CALLS[i][0], (image, *map(change, CALLS[i][1])), CALLS[i][2] | more) for i in indices]

    keras_rows = [
        Row(name, (IMAGES, *(for_each(name, a) for a in args)), kwargs | {"data_format": "channels_last"})
        for name, args, kwargs in CALLS
    ]
    with jax.numpy_dtype_promotion("strict"):
        found = results(
            ops.image,
            rows(range(len(CALLS)), IMAGES, lambda a: a)
            + rows(firsts, IMAGES[0], first)
            + rows(firsts, swapped(IMAGES), swapped, data_format="channels_first"),
        )
    n, m = len(CALLS), len(firsts)
    theirs, ours = results(keras.ops.image, keras_rows, eager={RANDOM}), found[:n]
    single, flipped = dict(zip(firsts, found[n:], strict=False)), dict(zip(firsts, found[n + m :], strict=True))
    return {i: (theirs[i][0], ours[i][0], *(each.get(i, [None])[0] for each in (single, flipped))) for i in range(n)}


@pytest.mark.parametrize("index", range(len(CALLS)), ids=[f"{name}-{kwargs}" for name, _, kwargs in CALLS])
def test_values_are_those_of_keras(index):
    theirs, ours, single, flipped = computed()[index]
    name = CALLS[index][0]
    assert ours.dtype == theirs.dtype
    assert_close(ours, theirs, rtol=1e-5)
    if flipped is not None:
        assert_close(flipped, theirs if name == "ssim" else np.moveaxis(theirs, 3, 1), rtol=1e-5)
        if name != RANDOM:
            assert_close(single, theirs[0], rtol=1e-5)


@pytest.mark.parametrize("name", ["rgb_to_grayscale", "resize", "crop_images", "pad_images", "extract_patches"])
def test_integers_stay_integers(name):
    arguments = {
        "resize": ((3, 3), "bicubic"),
        "crop_images": (1, 1, 1, 1),
        "pad_images": (1, 1, 1, 1),
        "extract_patches": (2,),
    }
    args = arguments.get(name, ())
    actual, expected = getattr(ops.image, name)(BYTES, *args), getattr(keras.ops.image, name)(BYTES, *args)
    assert actual.dtype == expected.dtype == "uint8"
    assert abs(np.asarray(actual, int) - np.asarray(expected, int)).max() <= 1  # a half may be rounded either way


def test_colours_there_and_back():
    assert_close(ops.image.hsv_to_rgb(ops.image.rgb_to_hsv(IMAGES)), IMAGES, rtol=1e-5)
    grey = np.full((1, 1, 3), 0.5, "float32")
    assert ops.image.rgb_to_hsv(grey).tolist() == [[[0, 0, 0.5]]]
    assert ops.image.rgb_to_grayscale(IMAGES[..., :1]).shape == (2, 8, 6, 1)


def test_volumes_as_patches():
    volumes = R.random((2, 4, 5, 6, 2)).astype("float32")
    for size, options in ((2, {}), ((2, 1, 3), {"strides": (1, 2, 2), "padding": "same"})):
        expected = keras.ops.image.extract_patches_3d(volumes, size, **options)
        assert_close(ops.image.extract_patches_3d(volumes, size, **options), expected)
        assert_close(ops.image.extract_patches_3d(volumes[0], size, **options), expected[0])
    assert_close(ops.image.extract_patches(volumes, (2, 2, 2)), ops.image.extract_patches_3d(volumes, 2))


@pytest.mark.parametrize("mode", ["constant", "nearest", "wrap", "mirror", "reflect"])
def test_reading_between_entries(mode):
    places = R.uniform(-3, 10, (2, 20)).astype("float32")
    for order in (0, 1):
        expected = keras.ops.image.map_coordinates(IMAGES[0, :, :, 0], places, order, mode, 2.0)
        assert_close(ops.image.map_coordinates(IMAGES[0, :, :, 0], places, order, mode, 2.0), expected)


def test_scale_and_translate():
    arguments = ((2, 5, 9, 3), np.array([0.5, 1.5], "float32"), np.array([1.0, 0.0], "float32"), (1, 2))
    for method in ("linear", "lanczos3"):
        expected = keras.ops.image.scale_and_translate(IMAGES, *arguments, method, antialias=False)
        assert_close(ops.image.scale_and_translate(IMAGES, *arguments, method, antialias=False), expected)


def test_equal_images_are_similar():
    assert float(ops.image.ssim(np.ones((12, 12, 1), "float32"), np.ones((12, 12, 1), "float32"))) == pytest.approx(1)


def test_a_projection_moves_its_points():
    """The pixel at a start point is found again at its end point."""
    image = np.zeros((8, 6, 1), "float32")
    image[7, 5] = 1
    start, end = CORNERS, np.array([[0, 0], [5, 0], [0, 7], [3, 4]], "float32")
    moved = ops.image.perspective_transform(image, start, end)
    assert moved[4, 3, 0] == pytest.approx(1, abs=1e-4)
    shifted = ops.image.affine_transform(image, [1, 0, 2, 0, 1, 3, 0, 0.0])
    assert shifted[4, 3, 0] == 1


def test_seeds():
    generator = SeedGenerator(1)
    a, b = (ops.image.elastic_transform(IMAGES, sigma=1.0, seed=generator) for _ in range(2))
    assert abs(a - b).max() > 0.01


def test_symbolic_shapes():
    x = KerasTensor((None, 8, 6, 3))
    assert ops.image.resize(x, (4, 5)).shape == (None, 4, 5, 3)
    assert ops.image.resize(KerasTensor((None, None, None, 3)), (4, 5)).shape == (None, 4, 5, 3)
    assert ops.image.rgb_to_grayscale(x).shape == (None, 8, 6, 1)
    assert ops.image.extract_patches(x, 2).shape == (None, 4, 3, 12)
    assert ops.image.affine_transform(x, SHIFT[0]).shape == (None, 8, 6, 3)
    assert ops.image.crop_images(x, 1, 1, 1, 1).shape == (None, 6, 4, 3)
    assert ops.image.gaussian_blur(KerasTensor((None, None, None, 3))).shape == (None, None, None, 3)
    assert ops.image.ssim(x, x, filter_size=3).shape == (None,)
    assert ops.image.sobel_edges(x).shape == (None, 8, 6, 3, 2)
    assert ops.image.elastic_transform(x, seed=1).shape == (None, 8, 6, 3)


def test_gradients_go_through():
    def loss(x):
        return ops.sum(ops.image.affine_transform(ops.image.gaussian_blur(ops.image.resize(x, (5, 5))), SHIFT[0]))

    gradient = jax.jit(jax.grad(loss))(IMAGES)
    assert jnp.isfinite(gradient).all()
    assert jnp.abs(gradient).max() > 0


@pytest.mark.parametrize("name", [n for n in dir(keras.ops.image) if not n.startswith("_")])
def test_signatures_hold_those_of_keras(name):
    theirs, ours = (inspect.signature(getattr(o.image, name)).parameters.values() for o in (keras.ops, ops))
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs]
    assert getattr(ops.image, name).__doc__


image = ops.image
BAD = [
    (r"resize\(\) needs an image .* shape \(8, 6\)", lambda: image.resize(IMAGES[0, :, :, 0], (2, 2))),
    (r"size=\(0, 2\)", lambda: image.resize(IMAGES, (0, 2))),
    ("not both", lambda: image.resize(IMAGES, (2, 2), crop_to_aspect_ratio=True, pad_to_aspect_ratio=True)),
    (r"'biliner'\. Did you mean 'bilinear'", lambda: image.resize(IMAGES, (2, 2), "biliner")),
    ("fill_mode from", lambda: image.resize(IMAGES, (2, 2), fill_mode="wrap")),
    (r"3 channels \(or 1\)", lambda: image.rgb_to_grayscale(IMAGES[..., :2])),
    ("floating-point images with 3 channels, got dtype uint8", lambda: image.rgb_to_hsv(BYTES)),
    ("exactly two of top_cropping, bottom_cropping and target_height", lambda: image.crop_images(IMAGES, 1, 1, None, 1)),
    ("bottom_cropping=-1", lambda: image.crop_images(IMAGES, 1, 1, target_height=8, target_width=2)),
    ("target_width=-2", lambda: image.crop_images(IMAGES, 1, 1, target_height=2, target_width=-2)),
    ("left_padding=-2", lambda: image.pad_images(IMAGES, 1, None, 1, 1, target_width=5)),
    ("a pair or a triple", lambda: image.extract_patches(IMAGES, (1, 2, 3, 4))),
    ("2 spatial axes", lambda: image.extract_patches(IMAGES[0, 0], 2)),
    (r"transform of shape \(8,\)", lambda: image.affine_transform(IMAGES, np.ones(6, "float32"))),
    (r"\(3, 2\) and \(3, 2\)", lambda: image.perspective_transform(IMAGES, CORNERS[:3], MOVED[:3])),
    (r"\(2, \.\.\.\) for inputs of shape", lambda: image.map_coordinates(IMAGES[0, 0], np.ones((3, 4), "float32"), 1)),
    (r"order from \[0, 1\], got 3", lambda: image.map_coordinates(IMAGES[0, 0], np.ones((2, 4), "float32"), 3)),
    ("method from", lambda: image.scale_and_translate(IMAGES, (1,), [1.0], [0.0], (0,), "nearest")),
]


@pytest.mark.parametrize(("message", "call"), BAD)
def test_bad_input(message, call):
    with pytest.raises(ValueError, match=message):
        call()


def test_affine_transform_obeys_its_last_two_numbers():
    x = np.arange(8, dtype="float32").reshape(1, 1, 8, 1)
    moved = ops.image.affine_transform(x, np.array([1, 0, 0, 0, 1, 0, 0.25, 0], "float32"), data_format="channels_last")
    places = np.arange(8) / (0.25 * np.arange(8) + 1)  # and the values of x are its places
    assert_close(moved[0, 0, :, 0], places, rtol=1e-5)
