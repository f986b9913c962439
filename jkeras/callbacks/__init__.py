"""Callbacks: hooks into training, evaluation and prediction."""

from jkeras.callbacks.base import Callback, CallbackList
from jkeras.callbacks.history import History
from jkeras.callbacks.lambda_callback import LambdaCallback
from jkeras.callbacks.profiler import Profiler
from jkeras.core.namespace import namespace

__all__ = ["Callback", "CallbackList", "History", "LambdaCallback", "Profiler"]

__getattr__, __dir__ = namespace(__name__, __all__)
