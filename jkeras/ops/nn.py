"""The operations of neural networks, Keras's `ops.nn`: one namespace over the files that define them."""

from jkeras.ops.activation import *  # noqa: F403
from jkeras.ops.attention import *  # noqa: F403
from jkeras.ops.blocks import *  # noqa: F403
from jkeras.ops.convolution import *  # noqa: F403
from jkeras.ops.crossentropy import *  # noqa: F403
from jkeras.ops.ctc import *  # noqa: F403
from jkeras.ops.elementwise import polar  # noqa: F401
from jkeras.ops.normalization import *  # noqa: F403
from jkeras.ops.pooling import *  # noqa: F403
