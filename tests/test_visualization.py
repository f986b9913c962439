"""Pictures with boxes and masks, compared with Keras's where it needs no OpenCV, and galleries as files."""

import numpy as np
import pytest

from jkeras import visualization
from tests.oracle import keras

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 255, (2, 16, 20, 3)).astype("float32")
MASKS = RNG.integers(-1, 3, (2, 16, 20, 1))
BOXES = {"boxes": np.array([[[2, 3, 10, 12], [0, 0, 5, 5]]] * 2, "float32"), "labels": np.array([[1, -1]] * 2)}


@pytest.mark.parametrize("blend", [True, False])
def test_masks_are_coloured_as_in_keras(blend):
    options = {
        "num_classes": 3,
        "color_mapping": {0: (255, 0, 0), 1: (0, 255, 0), 2: (0, 0, 255)},
        "alpha": 0.5,
        "blend": blend,
    }
    ours, theirs = (k.draw_segmentation_masks(IMAGES, MASKS, **options) for k in (visualization, keras.visualization))
    assert np.abs(ours.astype(int) - np.asarray(theirs).astype(int)).max() <= 1
    first = visualization.draw_segmentation_masks(
        np.moveaxis(IMAGES, -1, 1), np.moveaxis(MASKS, -1, 1), data_format="channels_first", **options
    )
    assert np.array_equal(first, ours)


def test_boxes_are_drawn_where_they_are():
    drawn = visualization.draw_bounding_boxes(np.zeros((2, 16, 20, 3)), BOXES, "xyxy", color=(9, 8, 7), line_thickness=1)
    lines = (drawn == (9, 8, 7)).all(-1)
    expected = np.zeros((16, 20), bool)
    expected[3:13, 2:11] = True
    expected[4:12, 3:10] = False
    assert drawn.dtype == "uint8" and np.array_equal(lines[0], expected)  # the box with label -1 is none
    relative = {**BOXES, "boxes": BOXES["boxes"] / np.array([20, 16, 20, 16], "float32"), "confidences": np.ones((2, 2))}
    named = visualization.draw_bounding_boxes(
        np.zeros((2, 16, 20, 3)), relative, "rel_xyxy", {1: "cat"}, color=(9, 8, 7), line_thickness=1
    )
    assert (named[0] == (9, 8, 7)).all(-1)[expected].all()


def test_galleries(tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    files = [tmp_path / f"{i}.png" for i in range(3)]
    visualization.plot_image_gallery(IMAGES / 255, y_true=[0, 1], label_map={0: "a"}, value_range=(0, 1), path=files[0])
    visualization.plot_bounding_box_gallery(
        IMAGES, "xyxy", BOXES, BOXES, class_mapping={1: "cat"}, legend=True, path=files[1]
    )
    visualization.plot_segmentation_mask_gallery(IMAGES, 3, y_true=MASKS, y_pred=MASKS, path=files[2])
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)


@pytest.mark.parametrize(
    "call,error,message",
    [
        (lambda: visualization.plot_image_gallery(IMAGES, path="x", show=True), ValueError, "not both"),
        (lambda: visualization.plot_image_gallery(IMAGES, y_true=[0, 1]), ValueError, "label_map"),
        (lambda: visualization.draw_segmentation_masks(IMAGES, MASKS / 2), TypeError, "integer"),
        (lambda: visualization.draw_bounding_boxes(IMAGES[0], BOXES, "xyxy"), ValueError, "batch of pictures"),
        (lambda: visualization.draw_bounding_boxes(IMAGES, {"boxes": []}, "xyxy"), ValueError, "'labels'"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
