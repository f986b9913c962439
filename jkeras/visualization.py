"""Draw boxes and masks on pictures, and galleries of pictures."""

import colorsys
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from jkeras.core.data_format import standardize_data_format
from jkeras.ops.bounding_boxes import convert_format
from jkeras.serialization.namespace import namespace
from jkeras.utils.images import pillow

__all__ = [
    "draw_bounding_boxes", "draw_segmentation_masks", "plot_bounding_box_gallery", "plot_image_gallery",
    "plot_segmentation_mask_gallery",
]  # fmt: skip


def draw_bounding_boxes(
    images: Any,
    bounding_boxes: Mapping,
    bounding_box_format: str,
    class_mapping: Mapping | None = None,
    color: Any = (128, 128, 128),
    line_thickness: int = 2,
    text_thickness: int = 1,
    font_scale: float = 1.0,
    data_format: str | None = None,
) -> np.ndarray:
    """Draw boxes on a batch of pictures.

    Args:
        images: array of shape (batch, height, width, 3), of numbers from 0 to 255.
        bounding_boxes: dict of `"boxes"`, of shape (batch, boxes, 4), and `"labels"`, of shape (batch, boxes), where -1 means no box;
            `"confidences"` may be added, of the shape of the labels.
        bounding_box_format: the format of the boxes, such as `"xyxy"` or `"rel_xywh"`.
        class_mapping: `{class number: name}`; with it, names are written at the boxes.
        color: the color of the lines: red, green and blue, from 0 to 255.
        line_thickness: the thickness of the lines, in pixels.
        text_thickness: the thickness of the letters, in pixels.
        font_scale: the size of the letters; 1 is 12 pixels.
        data_format: "channels_last" or "channels_first"; by default `jkeras.config.image_data_format()`.

    Returns:
        NumPy array of dtype uint8 and shape (batch, height, width, 3).

    Raises:
        ValueError: the pictures are no batch, or boxes or labels are missing.
        ImportError: pillow is not installed.

    >>> drawn = draw_bounding_boxes(np.zeros((1, 8, 8, 3)), {"boxes": [[[1, 1, 6, 6]]], "labels": [[0]]}, "xyxy", line_thickness=1)
    >>> drawn[0, 1, 1].tolist(), drawn[0, 3, 3].tolist()
    ([128, 128, 128], [0, 0, 0])
    """
    image_class = pillow()
    from PIL import ImageDraw, ImageFont  # beside the part that `pillow` has found

    pictures = _pictures("draw_bounding_boxes", images, data_format)
    if not {"boxes", "labels"} <= set(bounding_boxes):
        raise ValueError(f"bounding_boxes must have 'boxes' and 'labels', got {sorted(bounding_boxes)}.")
    height, width = pictures.shape[1:3]
    xyxy = np.asarray(
        convert_format(np.asarray(bounding_boxes["boxes"], "float32"), bounding_box_format, "xyxy", height, width)
    )
    labels = np.asarray(bounding_boxes["labels"])
    confidences = bounding_boxes.get("confidences")
    drawn = []
    for number, picture in enumerate(pictures):
        canvas = image_class.fromarray(picture)
        draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(12 * font_scale)
        for place, (box, label) in enumerate(zip(xyxy[number], labels[number], strict=True)):
            if label < 0:
                continue
            corners = [float(np.clip(v, 0, limit - 1)) for v, limit in zip(box, (width, height, width, height), strict=True)]
            if corners[2] < corners[0] or corners[3] < corners[1]:
                continue
            draw.rectangle(corners, outline=tuple(color), width=line_thickness)
            if class_mapping is not None:
                text = str(class_mapping.get(int(label), label))
                text += "" if confidences is None else f", {float(np.asarray(confidences)[number, place]):.2f}"
                draw.text(
                    (corners[0] + line_thickness, corners[1]),
                    text,
                    fill=tuple(color),
                    font=font,
                    stroke_width=text_thickness - 1,
                )
        drawn.append(np.asarray(canvas))
    return np.stack(drawn)


def draw_segmentation_masks(
    images: Any,
    segmentation_masks: Any,
    num_classes: int | None = None,
    color_mapping: Mapping | None = None,
    alpha: float = 0.8,
    blend: bool = True,
    ignore_index: int = -1,
    data_format: str | None = None,
) -> np.ndarray:
    """Colour the pixels of a batch of pictures by their class.

    Args:
        images: array of shape (batch, height, width, 3), of numbers from 0 to 255.
        segmentation_masks: array of integers of shape (batch, height, width, 1) or (batch, height, width).
        num_classes: the number of classes; by default one more than the largest.
        color_mapping: `{class number: (red, green, blue)}`; by default colours that are far from each other.
        alpha: how much of the colour is seen, from 0 to 1.
        blend: whether the picture is seen through the colours.
        ignore_index: the class that is not coloured.
        data_format: "channels_last" or "channels_first"; by default `jkeras.config.image_data_format()`.

    Returns:
        NumPy array of dtype uint8 and shape (batch, height, width, 3).

    Raises:
        ValueError: the pictures are no batch.
        TypeError: the masks are not of an integer dtype.

    >>> draw_segmentation_masks(np.zeros((1, 1, 2, 3)), [[[0, -1]]], color_mapping={0: (10, 20, 30)}, alpha=1.0).tolist()
    [[[[10, 20, 30], [0, 0, 0]]]]
    """
    pictures, masks = _pictures("draw_segmentation_masks", images, data_format), np.asarray(segmentation_masks)
    if masks.dtype.kind not in "iu":
        raise TypeError(f"segmentation_masks must be of an integer dtype, got {masks.dtype}.")
    if masks.ndim == 4:
        masks = masks[:, 0] if standardize_data_format(data_format) == "channels_first" else masks[..., 0]
    count = int(masks.max()) + 1 if num_classes is None else num_classes
    palette = [color_mapping[i] for i in range(count)] if color_mapping else _palette(count)
    coloured = pictures.astype("float32")
    for label, color in enumerate(palette):
        coloured[masks == label] = color
    if blend:
        coloured = pictures * (1 - alpha) + coloured * alpha
    return np.where((masks == ignore_index)[..., None], pictures, coloured).astype("uint8")


def plot_image_gallery(
    images: Any,
    y_true: Any = None,
    y_pred: Any = None,
    label_map: Mapping | None = None,
    rows: int | None = None,
    cols: int | None = None,
    value_range: tuple = (0, 255),
    scale: float = 2,
    path: str | None = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: int = 60,
    legend_handles: Any = None,
    data_format: str | None = None,
) -> None:
    """Show pictures in rows and columns, with matplotlib.

    Args:
        images: array of shape (batch, height, width, 3), or one picture.
        y_true, y_pred: class numbers of shape (batch,), for titles.
        label_map: `{class number: name}`, needed for titles.
        rows, cols: the numbers of rows and columns; by default those of the smallest square with room for all.
        value_range: the number that is black and the number that is white.
        scale: inches per picture.
        path: the file to write the figure to. With it, nothing is shown.
        show: whether to show the figure; by default if no path is given.
        transparent: whether the file has no background.
        dpi: pixels per inch of the file.
        legend_handles: matplotlib's handles of a legend.
        data_format: "channels_last" or "channels_first"; by default `jkeras.config.image_data_format()`.

    Raises:
        ValueError: path and show are both given, or classes without `label_map`.
        ImportError: matplotlib is not installed.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     plot_image_gallery(np.zeros((2, 8, 8, 3)), path=os.path.join(folder, "gallery.png"))
    ...     os.listdir(folder)
    ['gallery.png']
    """
    if path is not None and show:
        raise ValueError("plot_image_gallery() writes a file (path=) or shows the figure (show=True), not both.")
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise ValueError("plot_image_gallery() needs label_map={class number: name} for y_true and y_pred.")
    try:
        from matplotlib import pyplot  # an optional dependency, which takes a while to load
    except ImportError:
        raise ImportError(
            'Galleries need matplotlib, which is not installed. Install it with: pip install "jkeras[plot]"'
        ) from None
    low, high = value_range
    array = np.asarray(images, "float32")
    pictures = _pictures("plot_image_gallery", array[None] if array.ndim == 3 else array, data_format, (low, high))
    rows = rows or math.ceil(math.sqrt(len(pictures)))
    cols = cols or math.ceil(len(pictures) / rows)
    figure, axes = pyplot.subplots(
        rows, cols, figsize=(cols * scale, rows * scale), frameon=False, layout="tight", squeeze=False
    )
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    for index, axis in enumerate(axes.flat):
        axis.axis("off")
        if index < len(pictures):
            axis.imshow(pictures[index])
            given = (("Label", y_true), ("Pred", y_pred))
            titles = [
                f"{name}: {(label_map or {}).get(int(np.asarray(y)[index]), 'Unknown')}"
                for name, y in given
                if y is not None
            ]
            axis.set_title("  ".join(titles), fontsize=8)
    if path is not None:
        figure.savefig(path, pad_inches=0, bbox_inches="tight", transparent=transparent, dpi=dpi)
    if show or (show is None and path is None):
        pyplot.show()
    pyplot.close(figure)


def plot_bounding_box_gallery(
    images: Any,
    bounding_box_format: str,
    y_true: Mapping | None = None,
    y_pred: Mapping | None = None,
    value_range: tuple = (0, 255),
    true_color: Any = (0, 188, 212),
    pred_color: Any = (255, 235, 59),
    line_thickness: int = 2,
    font_scale: float = 1.0,
    text_thickness: int | None = None,
    class_mapping: Mapping | None = None,
    ground_truth_mapping: Mapping | None = None,
    prediction_mapping: Mapping | None = None,
    legend: bool = False,
    legend_handles: Any = None,
    rows: int | None = None,
    cols: int | None = None,
    data_format: str | None = None,
    **kwargs: Any,
) -> None:
    """Show pictures with the true boxes and the predicted boxes.

    Args:
        images: array of shape (batch, height, width, 3).
        bounding_box_format: the format of the boxes, such as `"xyxy"` or `"rel_xywh"`.
        y_true, y_pred: the true and the predicted boxes, dicts of `"boxes"` and `"labels"` as in `draw_bounding_boxes`.
        value_range: the number that is black and the number that is white.
        true_color, pred_color: the colors of the lines, red, green and blue, from 0 to 255.
        line_thickness: the thickness of the lines, in pixels.
        font_scale: the size of the letters; 1 is 12 pixels.
        text_thickness: the thickness of the letters, in pixels; by default that of the lines.
        class_mapping, ground_truth_mapping, prediction_mapping: `{class number: name}`, for both kinds of boxes, the true ones,
            or the predicted ones.
        legend: True adds a legend of the two colors.
        legend_handles: matplotlib's handles of another legend.
        rows, cols: the numbers of rows and columns; by default those of the smallest square with room for all.
        data_format: "channels_last" or "channels_first"; by default `jkeras.config.image_data_format()`.
        **kwargs: further arguments of `plot_image_gallery`.

    >>> import os, tempfile
    >>> boxes = {"boxes": np.array([[[1, 1, 5, 5]]]), "labels": np.array([[0]])}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     plot_bounding_box_gallery(np.zeros((1, 8, 8, 3)), "xyxy", y_true=boxes, path=os.path.join(folder, "boxes.png"))
    ...     os.listdir(folder)
    ['boxes.png']
    """
    array = np.asarray(images, "float32")
    drawn = _pictures("plot_bounding_box_gallery", array, data_format, value_range)
    each = (
        (y_true, true_color, ground_truth_mapping or class_mapping, "Ground truth"),
        (y_pred, pred_color, prediction_mapping or class_mapping, "Prediction"),
    )
    for found, color, names, _ in each:
        if found is not None:
            drawn = draw_bounding_boxes(
                drawn, found, bounding_box_format, names, color, line_thickness, text_thickness or line_thickness, font_scale,
                data_format="channels_last",
            )  # fmt: skip
    if legend and legend_handles is None:
        from matplotlib.patches import Patch

        legend_handles = [
            Patch(color=(color[0] / 255, color[1] / 255, color[2] / 255), label=text)
            for found, color, _, text in each
            if found is not None
        ]
    plot_image_gallery(drawn, rows=rows, cols=cols, legend_handles=legend_handles, data_format="channels_last", **kwargs)


def plot_segmentation_mask_gallery(
    images: Any,
    num_classes: int,
    value_range: tuple = (0, 255),
    y_true: Any = None,
    y_pred: Any = None,
    color_mapping: Mapping | None = None,
    blend: bool = True,
    alpha: float = 0.8,
    ignore_index: int = -1,
    data_format: str | None = None,
    **kwargs: Any,
) -> None:
    """Show pictures beside their masks: the picture, the true mask, the predicted mask.

    Args:
        images: array of shape (batch, height, width, 3).
        num_classes: the number of classes.
        value_range: the number that is black and the number that is white.
        y_true, y_pred: the true and the predicted masks, integers of shape (batch, height, width, 1) or (batch, height, width).
        color_mapping: `{class number: (red, green, blue)}`; by default colors that are far from each other.
        blend: True if the picture is seen through the colors.
        alpha: the opacity of the colors, from 0 to 1.
        ignore_index: the class that is not coloured.
        data_format: "channels_last" or "channels_first"; by default `jkeras.config.image_data_format()`.
        **kwargs: further arguments of `plot_image_gallery`.

    >>> import os, tempfile
    >>> masks = np.zeros((1, 8, 8), "int32")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     plot_segmentation_mask_gallery(np.zeros((1, 8, 8, 3)), 2, y_true=masks, path=os.path.join(folder, "masks.png"))
    ...     os.listdir(folder)
    ['masks.png']
    """
    pictures = _pictures("plot_segmentation_mask_gallery", images, data_format, value_range)
    columns = [pictures]
    first = standardize_data_format(data_format) == "channels_first"
    for masks in (y_true, y_pred):
        if masks is not None:
            masks = np.moveaxis(np.asarray(masks), 1, -1) if first and np.ndim(masks) == 4 else masks
            columns.append(
                draw_segmentation_masks(
                    pictures, masks, num_classes, color_mapping, alpha, blend, ignore_index, data_format="channels_last"
                )
            )
    together = np.concatenate(columns, axis=2)  # side by side
    plot_image_gallery(
        together, cols=kwargs.pop("cols", 1), rows=kwargs.pop("rows", len(together)), data_format="channels_last", **kwargs
    )


def _pictures(name: str, images: Any, data_format: str | None, value_range: tuple = (0, 255)) -> np.ndarray:
    """A batch of pictures as bytes, channels last."""
    array = np.asarray(images, "float32")
    if array.ndim != 4:
        raise ValueError(f"{name}() needs a batch of pictures, of shape (batch, height, width, 3), got shape {array.shape}.")
    if standardize_data_format(data_format) == "channels_first":
        array = np.moveaxis(array, 1, -1)
    low, high = value_range
    return np.clip((array - low) * (255 / (high - low)), 0, 255).astype("uint8")


def _palette(count: int) -> list[tuple]:
    """Colours that are far from each other: hues in steps of the golden ratio."""
    hues = [(0.1 + 0.618034 * i) % 1 for i in range(count)]
    return [tuple(int(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.75, 0.9)) for hue in hues]


__getattr__, __dir__ = namespace(__name__, __all__)
