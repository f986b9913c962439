"""The place of the channels of an image: `"channels_last"` is (batch, height, width, channels)."""

from jkeras.errors import suggest
from jkeras.runtime.identity import programs_depend_on

FORMATS = ("channels_last", "channels_first")
_settings = {"default": "channels_last"}


def image_data_format() -> str:
    """Return the data format of layers that are given none, `"channels_last"` unless changed.

    >>> image_data_format()
    'channels_last'
    """
    return _settings["default"]


def set_image_data_format(data_format: str) -> None:
    """Set the data format of layers that are made from now on.

    Args:
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ValueError: it is neither `"channels_last"` nor `"channels_first"`.

    >>> set_image_data_format("channels_first"); image_data_format()
    'channels_first'
    >>> set_image_data_format("channels_last")
    """
    _settings["default"] = standardize_data_format(str(data_format))


def standardize_data_format(data_format: str | None) -> str:
    """The format that a layer's `data_format` argument means; None means the default.

    Raises:
        ValueError: it is neither None, `"channels_last"` nor `"channels_first"`.

    >>> standardize_data_format(None), standardize_data_format("channels_first")
    ('channels_last', 'channels_first')
    """
    if data_format is None:
        return image_data_format()
    known = str(data_format).lower()
    if known not in FORMATS:
        raise ValueError(f"data_format must be one of {FORMATS}, got {data_format!r}.{suggest(known, FORMATS)}")
    return known


programs_depend_on(image_data_format)
