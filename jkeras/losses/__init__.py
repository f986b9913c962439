"""Losses: the numbers that training minimizes.

Each loss is a function of `(y_true, y_pred)` that returns one value per sample (`mean_squared_error`), and a class that also
weighs and reduces them (`MeanSquaredError`). `model.compile(loss=...)` takes either, or a name from the table below.
"""

from collections.abc import Mapping
from typing import Any

from jkeras import serialization
from jkeras.losses.base import Loss, reduce_weighted_values
from jkeras.losses.binary import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    binary_crossentropy,
    binary_focal_crossentropy,
)
from jkeras.losses.check import check_targets, has_class_axis
from jkeras.losses.crossentropy import (
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    sparse_categorical_crossentropy,
)
from jkeras.losses.hinge import CategoricalHinge, Hinge, SquaredHinge, categorical_hinge, hinge, squared_hinge
from jkeras.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from jkeras.losses.structured import (
    CTC,
    Circle,
    Dice,
    KLDivergence,
    Poisson,
    Tversky,
    circle,
    ctc,
    dice,
    kl_divergence,
    poisson,
    tversky,
)
from jkeras.losses.wrapper import LossFunctionWrapper, with_logits
from jkeras.serialization import Shortcuts
from jkeras.serialization.namespace import namespace

# The short names, and the spellings of earlier Keras and of tutorials.
mse = MSE = mean_squared_err = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
bce = BCE = binary_crossentropy
kld = KLD = kullback_leibler_divergence = kl_divergence
logcosh, huber_loss, cosine, cosine_proximity = log_cosh, huber, cosine_similarity, cosine_similarity

# fmt: off
__all__ = [  # where several names lead to one function, files are written with the first
    "mean_squared_error", "mse", "MSE", "mean_squared_err", "MeanSquaredError",
    "mean_absolute_error", "mae", "MAE", "MeanAbsoluteError",
    "mean_absolute_percentage_error", "mape", "MAPE", "MeanAbsolutePercentageError",
    "mean_squared_logarithmic_error", "msle", "MSLE", "MeanSquaredLogarithmicError",
    "huber", "huber_loss", "Huber", "log_cosh", "logcosh", "LogCosh",
    "cosine_similarity", "cosine", "cosine_proximity", "CosineSimilarity",
    "hinge", "Hinge", "squared_hinge", "SquaredHinge", "categorical_hinge", "CategoricalHinge",
    "binary_crossentropy", "bce", "BCE", "BinaryCrossentropy", "categorical_crossentropy", "CategoricalCrossentropy",
    "sparse_categorical_crossentropy", "SparseCategoricalCrossentropy",
    "binary_focal_crossentropy", "BinaryFocalCrossentropy", "categorical_focal_crossentropy", "CategoricalFocalCrossentropy",
    "categorical_generalized_cross_entropy", "CategoricalGeneralizedCrossEntropy",
    "kl_divergence", "kld", "KLD", "kullback_leibler_divergence", "KLDivergence", "poisson", "Poisson",
    "dice", "Dice", "tversky", "Tversky", "circle", "Circle", "ctc", "CTC", "Loss", "LossFunctionWrapper",
]
# fmt: on
_shortcuts = Shortcuts("loss", "keras.losses", {name: globals()[name] for name in __all__})
__all__ += ["check_targets", "deserialize", "get", "has_class_axis", "reduce_weighted_values", "serialize", "with_logits"]


def get(identifier: Any) -> Any:
    """Return a loss from a name (of a function or a class), a config, a class, a function, or None (None).

    Args:
        identifier: a name such as `"mse"` or `"MeanSquaredError"`, a config, a class, a function, or None, which stays None.

    Returns:
        The function for the name of a function; an instance for a class.

    Raises:
        ValueError: the name is unknown, or the identifier is none of these.

    >>> get("mse") is mean_squared_error, get("MeanSquaredError").name
    (True, 'mean_squared_error')
    >>> get("mean_sqared_error")
    Traceback (most recent call last):
    ValueError: Unknown loss: 'mean_sqared_error'. Did you mean 'mean_squared_error'?
    """
    return _shortcuts.get(identifier)


def serialize(loss: Any) -> Any:
    """Return the config of a loss function or a `Loss`.

    Args:
        loss: the loss: a `Loss`, or one of the library's or registered functions.

    >>> serialize(MeanSquaredError())["config"]
    {'name': 'mean_squared_error', 'reduction': 'sum_over_batch_size'}
    """
    return serialization.serialize(loss)


def deserialize(name: Any, custom_objects: Mapping | None = None) -> Any:
    """Return the loss that `serialize` described.

    Args:
        name: what `serialize` returned, or a name.
        custom_objects: `{name: loss}` that the config may name besides those of the library and the registered ones.

    >>> deserialize(serialize(Huber(delta=2.0))).delta
    2.0
    """
    return _shortcuts.get(name, custom_objects)


__getattr__, __dir__ = namespace(__name__, __all__)
