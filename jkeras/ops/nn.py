"""The operations of neural networks, Keras's `ops.nn`: one namespace over the files that define them."""

# ruff: noqa: F405
from jkeras.ops.activation import *  # noqa: F403
from jkeras.ops.attention import *  # noqa: F403
from jkeras.ops.blocks import *  # noqa: F403
from jkeras.ops.convolution import *  # noqa: F403
from jkeras.ops.crossentropy import *  # noqa: F403
from jkeras.ops.ctc import *  # noqa: F403
from jkeras.ops.elementwise import polar
from jkeras.ops.normalization import *  # noqa: F403
from jkeras.ops.pooling import *  # noqa: F403
from jkeras.ops.probabilities import *  # noqa: F403
from jkeras.ops.shrinking import *  # noqa: F403
from jkeras.serialization.namespace import namespace

__all__ = [
    "adaptive_average_pool",
    "adaptive_max_pool",
    "average_pool",
    "batch_normalization",
    "binary_crossentropy",
    "categorical_crossentropy",
    "celu",
    "conv",
    "conv_transpose",
    "ctc_decode",
    "ctc_loss",
    "depth_to_space",
    "depthwise_conv",
    "dot_product_attention",
    "elu",
    "fold",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "layer_normalization",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "max_pool",
    "moments",
    "multi_hot",
    "normalize",
    "one_hot",
    "polar",
    "psnr",
    "relu",
    "relu6",
    "rms_normalization",
    "selu",
    "separable_conv",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "space_to_depth",
    "sparse_categorical_crossentropy",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh_shrink",
    "threshold",
    "unfold",
]

__getattr__, __dir__ = namespace(__name__, __all__)
