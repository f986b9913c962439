"""`RemoteMonitor`: a callback that sends the results of every epoch to a server."""

import json
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from jkeras.callbacks.base import Callback


class RemoteMonitor(Callback):
    """A callback that sends the results of each epoch to a server, in a POST request of HTTP.

    Args:
        root: the server's address.
        path: what follows it.
        field: the field of the form that holds the results as JSON; not used with `send_as_json=True`.
        headers: further headers of the request.
        send_as_json: whether the body is the JSON itself, instead of a form with it.

    Warns:
        UserWarning: the server cannot be reached or answers with an error; training goes on.

    >>> monitor = RemoteMonitor(root="http://localhost:9000", send_as_json=True)
    >>> monitor.request(3, {"loss": 0.5}).data
    b'{"epoch": 3, "loss": 0.5}'
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ):
        super().__init__()
        self.root, self.path, self.field = root, path, field
        self.headers, self.send_as_json = headers, send_as_json

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        import urllib.request  # here, because it takes 20 ms to import

        try:
            with urllib.request.urlopen(self.request(epoch, logs or {}), timeout=10):
                pass
        except OSError as error:
            warnings.warn(f"Could not reach RemoteMonitor root server at {self.root}: {error}", stacklevel=2)

    def request(self, epoch: int, logs: Mapping) -> Any:
        """Make the request for an epoch's results, a `urllib.request.Request`."""
        import urllib.parse
        import urllib.request

        values = {name: np.asarray(value).tolist() for name, value in logs.items()}
        text = json.dumps({"epoch": epoch, **values})
        kind = "application/json" if self.send_as_json else "application/x-www-form-urlencoded"
        body = text if self.send_as_json else urllib.parse.urlencode({self.field: text})
        return urllib.request.Request(self.root + self.path, body.encode(), {"Content-Type": kind, **(self.headers or {})})
