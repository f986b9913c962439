"""Check, before training begins, that the folders of callbacks can be written."""

import errno
import os


def make_writable(folder: str, who: str) -> None:
    """Make a folder if it is not there.

    Args:
        folder: its path.
        who: what writes to it, for the message.

    Raises:
        OSError: it cannot be made or written.

    >>> import tempfile
    >>> make_writable(os.path.join(tempfile.mkdtemp(), "logs"), "TensorBoard")
    """
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise type(error)(error.errno, f"{who} cannot make its folder: {error.strerror}", folder) from None
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, f"{who} cannot write to its folder", folder)
