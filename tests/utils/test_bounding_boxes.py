"""Bounding boxes against Keras."""

import numpy as np
import pytest

from jkeras.utils import bounding_boxes as ours
from tests.oracle import keras

theirs = keras.utils.bounding_boxes
draw = np.random.RandomState(0)
CORNERS = draw.uniform(0, 40, (2, 5, 2))
BOXES = np.concatenate([CORNERS, CORNERS + draw.uniform(1, 30, (2, 5, 2))], -1).astype("float32")
OTHERS = (BOXES[:, ::-1] + draw.uniform(-3, 3, (2, 5, 4))).astype("float32")
BATCH = [draw.uniform(-1, 1, 2).astype("float32") for _ in range(6)]


@pytest.mark.parametrize("call", [
    lambda b: b.crop(BOXES, 3, 4, 20, 30),
    lambda b: b.pad(BOXES, 3, 4),
    lambda b: b.affine_transform(BOXES, BATCH[0] * 40, BATCH[1], BATCH[2], BATCH[3] + 2, BATCH[4] * 9, BATCH[5] * 9, 80, 70),
    lambda b: b.affine_transform(BOXES, *BATCH, 80, 70, center_x=0.2, center_y=0.7),
    lambda b: b.encode_box_to_deltas(BOXES[0], OTHERS, "xyxy", "xyxy"),
    lambda b: b.encode_box_to_deltas(BOXES[0], OTHERS, "xywh", "rel_xyxy", "center_xywh", [0.1, 0.1, 0.2, 0.2], (80, 70, 3)),
    lambda b: b.decode_deltas_to_boxes(BOXES[0], OTHERS / 40, "xyxy", "xyxy"),
    lambda b: b.decode_deltas_to_boxes({1: BOXES[0]}, {1: OTHERS / 40}, "yxyx", "xywh", "center_xywh", [0.1, 0.1, 0.2, 0.2])[1],
    lambda b: b.compute_iou(BOXES, OTHERS, "xyxy"),
    lambda b: b.compute_iou(BOXES[0], OTHERS, "center_xywh"),
    lambda b: b.compute_iou(BOXES, OTHERS[0], "rel_yxyx", image_shape=(80, 70, 3)),
    lambda b: b.compute_iou(BOXES[0], -OTHERS[0], "yxyx", use_masking=True, mask_val=-7),
    lambda b: b.compute_ciou(BOXES, OTHERS, "xyxy"),
    lambda b: b.compute_ciou(BOXES, OTHERS, "xywh"),
    lambda b: b.convert_format(BOXES, "xyxy", "center_yxhw"),
    lambda b: b.clip_to_image_size({"boxes": BOXES, "labels": np.ones((2, 5), "int32")}, 30, 20)["boxes"],
])  # fmt: skip
def test_numbers_are_those_of_keras(call):
    np.testing.assert_allclose(call(ours), call(theirs), rtol=1e-4, atol=1e-4)


def test_differences_to_anchors_and_back():
    deltas = ours.encode_box_to_deltas(BOXES[0], OTHERS, "xyxy", "xyxy")
    np.testing.assert_allclose(ours.decode_deltas_to_boxes(BOXES[0], deltas, "xyxy", "xyxy"), OTHERS, rtol=1e-4, atol=1e-4)


def test_relative_boxes_have_the_overlap_of_their_pixels():
    relative = (
        ours.convert_format(BOXES, "xyxy", "rel_xyxy", 80, 70),
        ours.convert_format(OTHERS, "xyxy", "rel_xyxy", 80, 70),
    )
    expected = ours.compute_ciou(BOXES, OTHERS, "xyxy")
    np.testing.assert_allclose(ours.compute_ciou(*relative, "rel_xyxy", (80, 70, 3)), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ours.crop(BOXES, 1, 1, 2, 2, "xywh"), "crop.. takes boxes in pixels, in the format 'xyxy'"),
        (lambda: ours.pad(BOXES[..., :3], 1, 1), r"shape \(..., 4\)"),
        (lambda: ours.affine_transform(BOXES[0], *BATCH, 8, 8), r"\(batch, boxes, 4\)"),
        (lambda: ours.compute_iou(BOXES[0, 0], BOXES, "xyxy"), "expects boxes1 to be batched"),
        (lambda: ours.compute_iou(BOXES, BOXES, "rel_xyxy"), "`image_shape`"),
        (lambda: ours.encode_box_to_deltas(BOXES[0], BOXES, "xyxy", "xyxy", "xyxy"), "`encoding_format`"),
        (lambda: ours.decode_deltas_to_boxes(BOXES[0], BOXES, "xyxy", "xyxy", variance=[1.0]), "`variance`"),
        (lambda: ours.decode_deltas_to_boxes({1: BOXES[0]}, BOXES, "xyxy", "xyxy"), "same keys"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
