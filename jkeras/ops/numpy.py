"""The operations that NumPy has, Keras's `ops.numpy`: one namespace over the files that define them."""

from jkeras.ops.control import vectorize  # noqa: F401
from jkeras.ops.creation import *  # noqa: F403
from jkeras.ops.elementwise import *  # noqa: F403
from jkeras.ops.indexing import *  # noqa: F403
from jkeras.ops.linalg import slogdet  # noqa: F401
from jkeras.ops.products import *  # noqa: F403
from jkeras.ops.reductions import *  # noqa: F403
from jkeras.ops.shaping import *  # noqa: F403
from jkeras.ops.tensors import ndim, size, view  # noqa: F401
