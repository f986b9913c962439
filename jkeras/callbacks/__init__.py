"""Callbacks: hooks into training, evaluation and prediction."""

from jkeras.callbacks.base import Callback, CallbackList
from jkeras.callbacks.history import History

__all__ = ["Callback", "CallbackList", "History"]
