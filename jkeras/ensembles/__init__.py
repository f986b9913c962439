"""Many models as one program: ensembles, cross-validation, sweeps."""

from jkeras.ensembles.ensemble import Ensemble
from jkeras.ensembles.folds import Scores, cross_validate

__all__ = ["Ensemble", "Scores", "cross_validate"]
