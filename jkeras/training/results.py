"""Prepare results for callbacks and users."""


def by_name(logs: dict) -> dict:
    """The logs in Keras's order: by name.

    >>> by_name({"loss": 0.5, "accuracy": 1.0})
    {'accuracy': 1.0, 'loss': 0.5}
    """
    return dict(sorted(logs.items()))
