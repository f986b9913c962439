"""Metrics: numbers that are measured besides the loss. Each accumulates sums; `result()` is the value over all batches."""

from jkeras.losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from jkeras.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from jkeras.metrics.auc import AUC
from jkeras.metrics.base import Metric
from jkeras.metrics.confusion import FalseNegatives, FalsePositives, Precision, Recall, TrueNegatives, TruePositives
from jkeras.metrics.correlation import (
    ConcordanceCorrelation,
    PearsonCorrelation,
    concordance_correlation,
    pearson_correlation,
)
from jkeras.metrics.f_score import F1Score, FBetaScore
from jkeras.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from jkeras.metrics.margin import CategoricalHinge, Hinge, SquaredHinge
from jkeras.metrics.names import deserialize, get, serialize
from jkeras.metrics.operating_point import (
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from jkeras.metrics.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
)
from jkeras.metrics.reduction import Mean, MeanMetricWrapper, Sum
from jkeras.metrics.regression import (
    CosineSimilarity,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    R2Score,
    RootMeanSquaredError,
)
from jkeras.metrics.resolve import problem_kind, resolve
from jkeras.serialization.namespace import namespace

# fmt: off
__all__ = [
    "Accuracy", "AUC", "binary_accuracy", "binary_crossentropy", "binary_focal_crossentropy", "BinaryAccuracy",
    "BinaryCrossentropy", "BinaryIoU", "categorical_accuracy", "categorical_crossentropy",
    "categorical_focal_crossentropy", "categorical_hinge", "CategoricalAccuracy", "CategoricalCrossentropy",
    "CategoricalHinge", "concordance_correlation", "ConcordanceCorrelation", "CosineSimilarity", "deserialize", "F1Score",
    "FalseNegatives", "FalsePositives", "FBetaScore", "get", "Hinge", "hinge", "huber", "IoU", "kl_divergence",
    "KLDivergence", "log_cosh", "LogCoshError", "Mean", "mean_absolute_error", "mean_absolute_percentage_error",
    "mean_squared_error", "mean_squared_logarithmic_error", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanIoU",
    "MeanMetricWrapper", "MeanSquaredError", "MeanSquaredLogarithmicError", "Metric", "OneHotIoU", "OneHotMeanIoU",
    "pearson_correlation", "PearsonCorrelation", "Poisson", "poisson", "Precision", "PrecisionAtRecall", "problem_kind",
    "R2Score", "Recall", "RecallAtPrecision", "resolve", "RootMeanSquaredError", "SensitivityAtSpecificity", "serialize",
    "sparse_categorical_accuracy", "sparse_categorical_crossentropy", "sparse_top_k_categorical_accuracy",
    "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity", "squared_hinge", "SquaredHinge", "Sum", "top_k_categorical_accuracy",
    "TopKCategoricalAccuracy", "TrueNegatives", "TruePositives",
]
# fmt: on

__getattr__, __dir__ = namespace(__name__, __all__)
