"""Functions of arrays, with the names, arguments and semantics of Keras's `ops`.

They take arrays, numbers, nested lists, variables, and symbolic tensors (then the call becomes part of a model), and are
otherwise plain jnp. `ops.nn`, `ops.numpy`, `ops.linalg` and `ops.image` are the same functions by subject.

    from jkeras import ops
    ops.softmax(ops.matmul(x, kernel) + bias)
"""

from jkeras.ops import image, linalg, nn, numpy
from jkeras.ops.activation import *  # noqa: F403
from jkeras.ops.attention import *  # noqa: F403
from jkeras.ops.blocks import *  # noqa: F403
from jkeras.ops.comparison import *  # noqa: F403
from jkeras.ops.control import *  # noqa: F403
from jkeras.ops.convolution import *  # noqa: F403
from jkeras.ops.creation import *  # noqa: F403
from jkeras.ops.crossentropy import *  # noqa: F403
from jkeras.ops.ctc import *  # noqa: F403
from jkeras.ops.elementwise import *  # noqa: F403
from jkeras.ops.indexing import *  # noqa: F403
from jkeras.ops.joining import *  # noqa: F403
from jkeras.ops.linalg import *  # noqa: F403
from jkeras.ops.normalization import *  # noqa: F403
from jkeras.ops.patterns import *  # noqa: F403
from jkeras.ops.pooling import *  # noqa: F403
from jkeras.ops.probabilities import *  # noqa: F403
from jkeras.ops.products import *  # noqa: F403
from jkeras.ops.reductions import *  # noqa: F403
from jkeras.ops.searching import *  # noqa: F403
from jkeras.ops.segments import *  # noqa: F403
from jkeras.ops.shaping import *  # noqa: F403
from jkeras.ops.shrinking import *  # noqa: F403
from jkeras.ops.signal import *  # noqa: F403
from jkeras.ops.tensors import *  # noqa: F403
from jkeras.serialization import publish
from jkeras.serialization.namespace import namespace

__all__ = [
    "image", "linalg", "nn", "numpy", "celu", "elu", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu",
    "hard_swish", "hard_tanh", "leaky_relu", "log_sigmoid", "log_softmax", "relu", "relu6", "selu", "sigmoid", "silu",
    "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus",
    "swish", "tanh_shrink", "threshold", "dot_product_attention", "depth_to_space", "fold", "space_to_depth", "unfold",
    "associative_scan", "cond", "custom_gradient", "fori_loop", "jvp", "map", "scan", "switch", "vectorize",
    "vectorized_map", "while_loop", "conv", "conv_transpose", "depthwise_conv", "separable_conv", "arange", "array",
    "bartlett", "blackman", "diag", "diagflat", "diagonal", "empty", "empty_like", "eye", "full", "full_like",
    "geomspace", "hamming", "hanning", "identity", "kaiser", "linspace", "logspace", "ones", "ones_like", "tri", "tril",
    "triu", "vander", "zeros", "zeros_like", "binary_crossentropy", "categorical_crossentropy", "multi_hot", "one_hot",
    "psnr", "sparse_categorical_crossentropy", "ctc_decode", "ctc_loss", "abs", "absolute", "add", "allclose", "angle",
    "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "bitwise_and", "bitwise_invert",
    "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "cbrt", "ceil", "clip",
    "conj", "conjugate", "copy", "cos", "cosh", "deg2rad", "divide", "divide_no_nan", "equal", "erf", "erfc", "erfinv",
    "exp", "exp2", "expm1", "fabs", "floor", "floor_divide", "fmax", "fmin", "fmod", "gcd", "greater", "greater_equal",
    "heaviside", "hypot", "i0", "imag", "isclose", "isfinite", "isinf", "isnan", "isneginf", "isposinf", "isreal", "lcm",
    "ldexp", "left_shift", "less", "less_equal", "log", "log10", "log1p", "log2", "logaddexp", "logaddexp2",
    "logical_and", "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "mod", "multiply", "nan_to_num",
    "negative", "nextafter", "not_equal", "polar", "power", "rad2deg", "real", "reciprocal", "right_shift", "round",
    "rsqrt", "saturate_cast", "sign", "signbit", "sin", "sinc", "sinh", "sqrt", "square", "subtract", "tan", "tanh",
    "true_divide", "trunc", "view_as_complex", "view_as_real", "argpartition", "argsort", "digitize", "get_item",
    "in_top_k", "isin", "nonzero", "scatter", "scatter_update", "searchsorted", "select", "slice", "slice_update",
    "sort", "take", "take_along_axis", "top_k", "unique", "unravel_index", "where", "cdist", "cholesky",
    "cholesky_inverse", "det", "eig", "eigh", "inv", "logdet", "lstsq", "lu_factor", "matrix_rank", "norm",
    "pinv", "qr", "slogdet", "solve", "solve_triangular", "svd", "batch_normalization", "layer_normalization", "moments",
    "normalize", "rms_normalization", "adaptive_average_pool", "adaptive_max_pool", "average_pool", "max_pool",
    "correlate", "cross", "dot", "einsum", "inner", "kron", "matmul", "outer", "tensordot", "trace", "vdot", "all",
    "amax", "amin", "any", "argmax", "argmin", "average", "bincount", "corrcoef", "count_nonzero", "cumprod", "cumsum",
    "diff", "histogram", "logsumexp", "max", "mean", "median", "min", "nanargmax", "nanargmin", "nancumprod",
    "nancumsum", "nanmax", "nanmean", "nanmedian", "nanmin", "nanpercentile", "nanprod", "nanquantile", "nanstd",
    "nansum", "nanvar", "percentile", "prod", "ptp", "quantile", "std", "sum", "trapezoid", "var", "segment_max",
    "segment_min", "segment_prod", "segment_sum", "append", "array_split", "broadcast_to", "concatenate", "dsplit",
    "dstack", "expand_dims", "flip", "fliplr", "flipud", "hsplit", "hstack", "meshgrid", "moveaxis", "pad", "ravel",
    "rearrange", "repeat", "reshape", "roll", "rot90", "split", "squeeze", "stack", "swapaxes", "tile", "transpose",
    "unstack", "vsplit", "vstack", "extract_sequences", "fft", "fft2", "ifft2", "irfft", "istft", "rfft", "stft", "cast",
    "convert_to_numpy", "convert_to_tensor", "dtype", "is_tensor", "ndim", "shape", "size", "stop_gradient", "view",
]  # fmt: skip
publish("keras.ops", {name: globals()[name] for name in __all__})

__getattr__, __dir__ = namespace(__name__, __all__)
