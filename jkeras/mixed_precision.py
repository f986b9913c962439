"""Mixed precision under its older names: compute in 16 bits, and store weights in 32 bits.

keras.mixed_precision.set_global_policy("mixed_bfloat16")     # the same as keras.config.set_dtype_policy
"""

from jkeras.core.policy import DTypePolicy, dtype_policy, set_dtype_policy
from jkeras.optimizers import LossScaleOptimizer
from jkeras.serialization.namespace import namespace

Policy, global_policy, set_global_policy = DTypePolicy, dtype_policy, set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]

__getattr__, __dir__ = namespace(__name__, __all__)
