"""Callbacks: hooks into training, evaluation and prediction."""

from jkeras.callbacks.base import Callback, CallbackList
from jkeras.callbacks.history import History
from jkeras.callbacks.lambda_callback import LambdaCallback
from jkeras.callbacks.profiler import Profiler

__all__ = ["Callback", "CallbackList", "History", "LambdaCallback", "Profiler"]
