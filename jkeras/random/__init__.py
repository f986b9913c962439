"""Random numbers: functions of a seed.

A draw is a pure function of a JAX key. These values may be passed as `seed`:

    an int            the key [seed, 0]: the same numbers at every call
    a SeedGenerator   a counter: the next key at every call
    a JAX key         used as it is
    None              the next key of the current call (`layer.apply(..., key=key)`), or outside of calls that of a
                      global generator, which `jkeras.utils.set_random_seed` resets

Inside `apply(..., key=key)`, a SeedGenerator also takes the call's next key and does not advance: the call is a pure
function of `key`. The numbers for a given seed are Keras's (JAX backend).
"""

from jkeras.random.draws import (
    beta,
    binomial,
    categorical,
    dropout,
    gamma,
    normal,
    randint,
    shuffle,
    truncated_normal,
    uniform,
)
from jkeras.random.seeds import SeedGenerator
from jkeras.serialization import publish
from jkeras.serialization.namespace import namespace

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]
publish("keras.random", {name: globals()[name] for name in __all__})

__getattr__, __dir__ = namespace(__name__, __all__)
