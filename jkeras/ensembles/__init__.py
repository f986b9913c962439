"""Many models as one program: ensembles, cross-validation, sweeps."""

from jkeras.ensembles.ensemble import Ensemble
from jkeras.ensembles.folds import Scores, cross_validate
from jkeras.ensembles.sweep import Sweep, sweep

__all__ = ["Ensemble", "Scores", "Sweep", "cross_validate", "sweep"]
