"""Functions of arrays, with the names, arguments and semantics of Keras's `ops`.

They take arrays, numbers, nested lists, variables, and symbolic tensors (then the call becomes part of a model), and are
otherwise plain jnp. `ops.nn`, `ops.numpy`, `ops.linalg` and `ops.image` are the same functions by subject.

    from jkeras import ops
    ops.softmax(ops.matmul(x, kernel) + bias)
"""

from jkeras.ops import (
    activation,
    attention,
    blocks,
    control,
    convolution,
    creation,
    crossentropy,
    ctc,
    elementwise,
    image,
    indexing,
    linalg,
    nn,
    normalization,
    numpy,
    pooling,
    products,
    reductions,
    segments,
    shaping,
    signal,
    tensors,
)
from jkeras.ops.activation import *  # noqa: F403
from jkeras.ops.attention import *  # noqa: F403
from jkeras.ops.blocks import *  # noqa: F403
from jkeras.ops.control import *  # noqa: F403
from jkeras.ops.convolution import *  # noqa: F403
from jkeras.ops.creation import *  # noqa: F403
from jkeras.ops.crossentropy import *  # noqa: F403
from jkeras.ops.ctc import *  # noqa: F403
from jkeras.ops.elementwise import *  # noqa: F403
from jkeras.ops.indexing import *  # noqa: F403
from jkeras.ops.linalg import *  # noqa: F403
from jkeras.ops.normalization import *  # noqa: F403
from jkeras.ops.pooling import *  # noqa: F403
from jkeras.ops.products import *  # noqa: F403
from jkeras.ops.reductions import *  # noqa: F403
from jkeras.ops.segments import *  # noqa: F403
from jkeras.ops.shaping import *  # noqa: F403
from jkeras.ops.signal import *  # noqa: F403
from jkeras.ops.tensors import *  # noqa: F403
from jkeras.serialization import publish
from jkeras.serialization.namespace import namespace

_FAMILIES = (
    *(activation, attention, blocks, control, convolution, creation, crossentropy, ctc, elementwise, indexing, linalg),
    *(normalization, pooling, products, reductions, segments, shaping, signal, tensors),
)
__all__ = ["image", "linalg", "nn", "numpy", *(name for family in _FAMILIES for name in family.__all__)]
publish("keras.ops", {name: getattr(family, name) for family in _FAMILIES for name in family.__all__})

__getattr__, __dir__ = namespace(__name__, __all__)
