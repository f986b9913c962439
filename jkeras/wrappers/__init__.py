"""Models as estimators of scikit-learn. Needs scikit-learn: `pip install 'jkeras[sklearn]'`."""

import importlib
import sys
from typing import Any

from jkeras.serialization.namespace import missing, namespace

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]

_unknown, __dir__ = namespace(__name__, __all__)


def __getattr__(name: str) -> Any:
    """The estimators are made when one is asked for: scikit-learn is optional, and takes a second to import."""
    if name not in __all__:
        try:
            _unknown(name)
        except AttributeError as error:
            raise missing(error.__str__, __name__, name, sys._getframe(1)) from None
    return getattr(importlib.import_module("jkeras.wrappers.estimators"), name)
