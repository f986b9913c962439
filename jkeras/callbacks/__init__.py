"""Callbacks: functions that are called during training, evaluation and prediction."""

from jkeras.callbacks.backup import BackupAndRestore
from jkeras.callbacks.base import Callback
from jkeras.callbacks.callback_list import CallbackList
from jkeras.callbacks.csv_logger import CSVLogger
from jkeras.callbacks.early_stopping import EarlyStopping
from jkeras.callbacks.history import History
from jkeras.callbacks.lambda_callback import LambdaCallback
from jkeras.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from jkeras.callbacks.model_checkpoint import ModelCheckpoint
from jkeras.callbacks.nonfinite_guard import NonFiniteGuard
from jkeras.callbacks.orbax_checkpoint import OrbaxCheckpoint
from jkeras.callbacks.profiler import Profiler
from jkeras.callbacks.progress import ProgbarLogger
from jkeras.callbacks.remote_monitor import RemoteMonitor
from jkeras.callbacks.swap_ema_weights import SwapEMAWeights
from jkeras.callbacks.tensorboard import TensorBoard
from jkeras.callbacks.terminate_on_nan import TerminateOnNaN
from jkeras.serialization.namespace import namespace

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "NonFiniteGuard",
    "OrbaxCheckpoint",
    "Profiler",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]

__getattr__, __dir__ = namespace(__name__, __all__)
