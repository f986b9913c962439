"""Limits for the size of a config. A config comes from a file, and the objects that it describes take memory and time."""

from typing import Any

from jkeras.serialization import published

LARGEST_CONFIG = 2**25  # bytes; a thousand layers take about one million
MOST_VALUES = 2 * 10**6  # texts, lists and dicts in a config, each of which takes some 60 bytes
MOST_OBJECTS = 20_000  # layers and their calls, initializers, ... in a config; the largest published models have about 5,000
MOST_COUNTERS = 2 * 10**8  # numbers that all metrics of a file may have
LARGEST_METRIC = {"num_thresholds": 10**5, "num_classes": 10**4}  # what metrics take memory for when they are made


def check_text(text: Any, name: str, path: str) -> None:
    """Raise a ValueError if the JSON of a config has more values than a model needs; to be called before it is read."""
    lists, dicts, quotes = (b"[", b"{", b'"') if isinstance(text, bytes) else ("[", "{", '"')
    count = text.count(lists) + text.count(dicts) + text.count(quotes) // 2
    if count > MOST_VALUES:
        raise ValueError(f"{name!r} in {path!r} has {count:,} values; at most {MOST_VALUES:,} are read from a file.")


def check_config(config: Any, path: str) -> None:
    """Raise a ValueError if a config describes more objects, or larger metrics, than a model needs.

    What the weights of layers take is compared with the file later.
    """
    stack, total, objects = [config], 0, 0
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack += item
        elif isinstance(item, dict):
            stack += item.values()
            kind, inner = item.get("class_name"), item.get("config")
            calls = item.get("inbound_nodes")
            objects += isinstance(kind, str) and kind != "__keras_tensor__"
            objects += len(calls) if isinstance(calls, list) else 0
            if not (isinstance(kind, str) and isinstance(inner, dict) and kind in published("keras.metrics")):
                continue
            for name, largest in LARGEST_METRIC.items():
                size = inner.get(name)
                if isinstance(size, (int, float)) and size > largest:
                    raise ValueError(f"A metric in {path!r} has {name}={size:.4g}; at most {largest} are read from a file.")
                if isinstance(size, (int, float)):
                    total += 4 * int(size) if name == "num_thresholds" else int(size) ** 2
    if total > MOST_COUNTERS:
        raise ValueError(f"The metrics in {path!r} have {total:,} numbers; at most {MOST_COUNTERS:,} are read from a file.")
    if objects > MOST_OBJECTS:
        raise ValueError(
            f"The config in {path!r} describes {objects:,} objects and calls; at most {MOST_OBJECTS:,} are read from a file."
        )
