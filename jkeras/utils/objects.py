"""`Config`: a dict for settings."""

import json
from collections.abc import Iterator, MutableMapping
from typing import Any

from jkeras.errors import suggest


class Config(MutableMapping):
    """A dict whose entries are attributes too, and which can be frozen.

    Args:
        **kwargs: the entries.

    >>> config = Config(learning_rate=0.1)
    >>> config.momentum = 0.9
    >>> config["momentum"], config.to_json()
    (0.9, '{"learning_rate": 0.1, "momentum": 0.9}')
    >>> config.freeze()
    >>> config.momentum = 0.5
    Traceback (most recent call last):
    ...
    ValueError: The config is frozen; call unfreeze() to change 'momentum'.
    """

    def __init__(self, **kwargs: Any):
        self.__dict__.update(frozen=False, _entries=kwargs)

    def freeze(self) -> None:
        """Refuse changes from now on."""
        self.__dict__["frozen"] = True

    def unfreeze(self) -> None:
        """Allow changes again."""
        self.__dict__["frozen"] = False

    def as_dict(self) -> dict:
        """Return the entries as a plain dict."""
        return dict(self._entries)

    def to_json(self) -> str:
        """Return the entries as JSON."""
        return json.dumps(self._entries)

    def __getitem__(self, name: str) -> Any:
        return self._entries[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._check_thawed(name)
        self._entries[name] = value

    def __delitem__(self, name: str) -> None:
        self._check_thawed(name)
        del self._entries[name]

    def get(self, keyname: str, value: Any = None) -> Any:
        """Return the entry, or `value` if there is none."""
        return self._entries.get(keyname, value)

    def __iter__(self) -> Iterator:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __getattr__(self, name: str) -> Any:
        entries = self.__dict__.get("_entries", {})
        if name in entries:
            return entries[name]
        raise AttributeError(f"The config has no entry {name!r}.{suggest(name, entries)}")

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __repr__(self) -> str:
        return f"<Config {self._entries}>"

    def _check_thawed(self, name: str) -> None:
        if self.frozen:
            raise ValueError(f"The config is frozen; call unfreeze() to change {name!r}.")
