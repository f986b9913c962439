"""Initial values of weights: an initializer is a function `(shape, dtype) -> array`.

The random ones keep the variance of signals near one through the layers. With `fan_in` and `fan_out` the number of
inputs and outputs that one unit sees, a weight is drawn with variance

    Lecun     1 / fan_in                    (LeCun et al. 1998, "Efficient BackProp")
    Glorot    2 / (fan_in + fan_out)        (Glorot & Bengio 2010)
    He        2 / fan_in                    (He et al. 2015, arXiv:1502.01852)

from a normal distribution (cut at two standard deviations) or a uniform one. All of them are `VarianceScaling`.

An initializer is a pure function of its seed: called twice it gives the same values, so a weight can be drawn when it is
first read. A variable takes a `fork()` of the initializer it is given; each fork has a draw number of its own, so that
two variables made from one instance differ.
"""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jkeras.initializers.base import Initializer
from jkeras.initializers.distributions import Orthogonal, RandomInitializer, RandomNormal, RandomUniform, TruncatedNormal
from jkeras.initializers.fixed import Constant, Identity, Ones, Zeros
from jkeras.initializers.scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
    compute_fans,
)
from jkeras.initializers.stft import STFT
from jkeras.serialization import Shortcuts, named
from jkeras.serialization import serialize as _serialize
from jkeras.serialization.namespace import namespace
from jkeras.serialization.naming import snake_case

constant, zeros, ones, identity, stft = Constant, Zeros, Ones, Identity, STFT
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
orthogonal, variance_scaling = Orthogonal, VarianceScaling
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal
he_uniform, he_normal = HeUniform, HeNormal
IdentityInitializer, OrthogonalInitializer, STFTInitializer = Identity, Orthogonal, STFT

_classes = (
    (Constant, Identity, Ones, STFT, Zeros)
    + (Orthogonal, RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling)
    + (GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform)
)
_aliases = {"normal": RandomNormal, "uniform": RandomUniform, "one": Ones, "zero": Zeros}
_aliases |= {"IdentityInitializer": Identity, "OrthogonalInitializer": Orthogonal, "STFTInitializer": STFT}
_shortcuts = Shortcuts("initializer", "keras.initializers", named(*_classes, spell=snake_case) | _aliases)


def get(identifier: Any) -> Any:
    """Return an initializer from a name, a config, a class, an array (the values themselves), a function, or None.

    Args:
        identifier: a name such as `"zeros"`, a config, a class, an array (the values themselves), a function `(shape, dtype)
            -> array`, or None, which stays None.

    Raises:
        ValueError: the name is unknown, or the identifier is none of these.

    >>> get("zeros")((2,)).tolist()
    [0.0, 0.0]
    >>> get("glorot")
    Traceback (most recent call last):
    ...
    ValueError: Unknown initializer: 'glorot'. Did you mean 'glorot_normal'?
    """
    if isinstance(identifier, (np.ndarray, np.generic, jax.Array)):
        values = Constant(identifier)
        values._exact = True
        return values
    return _shortcuts.get(identifier)


def serialize(initializer: Any) -> Any:
    """Return the config of an initializer, as plain data.

    Args:
        initializer: the initializer.

    Returns:
        plain data, as it stands in a config.

    >>> serialize(Constant(2.0))["config"]
    {'value': 2.0}
    """
    return _serialize(initializer)


def deserialize(config: Any, custom_objects: Mapping | None = None) -> Any:
    """Make an initializer from what `serialize` returned.

    Args:
        config: what `serialize` returned, or a name.
        custom_objects: `{name: class}` that the config may name besides those of the library and the registered ones.

    Raises:
        ValueError: the config names something unknown.

    >>> deserialize(serialize(Constant(2.0)))((2,)).tolist()
    [2.0, 2.0]
    """
    return _shortcuts.get(config, custom_objects)


__all__ = [
    "Constant", "Identity", "Ones", "STFT", "Zeros", "Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal",
    "VarianceScaling", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform",
    "IdentityInitializer", "Initializer", "OrthogonalInitializer", "RandomInitializer", "STFTInitializer",
    "compute_fans", "constant", "deserialize", "get", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform",
    "identity", "lecun_normal", "lecun_uniform", "ones", "orthogonal", "random_normal", "random_uniform", "serialize",
    "stft", "truncated_normal", "variance_scaling", "zeros",
]  # fmt: skip

__getattr__, __dir__ = namespace(__name__, __all__)
