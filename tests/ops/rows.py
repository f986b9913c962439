"""One row or more for every operation: arguments on which it is compared with Keras.

Arrays whose first axis has length 6 are batches: the symbolic tests put None in its place.
"""

from typing import Any, NamedTuple

import numpy as np

B = 6
_rng = np.random.default_rng(0)


def normal(*shape: int, dtype: str = "float32") -> np.ndarray:
    return _rng.normal(size=shape).astype(dtype)


def positive(*shape: int) -> np.ndarray:
    return (0.1 + _rng.random(size=shape)).astype("float32")


def integers(*shape: int, low: int = -9, high: int = 10) -> np.ndarray:
    return _rng.integers(low, high, size=shape).astype("int32")


def booleans(*shape: int) -> np.ndarray:
    return _rng.random(size=shape) < 0.5


class Row(NamedTuple):
    name: str
    args: tuple
    kwargs: dict[str, Any]

    def __str__(self) -> str:
        options = "-".join(f"{k}={v}" for k, v in self.kwargs.items() if not isinstance(v, np.ndarray))
        return f"{self.name}-{options}".rstrip("-").replace(" ", "")


def row(name: str, *args: Any, **kwargs: Any) -> Row:
    return Row(name, args, kwargs)


def rows(names: str, *args: Any, **kwargs: Any) -> list[Row]:
    return [Row(name, args, kwargs) for name in names.split()]


X, Y, P, U = normal(B, 4), normal(B, 4), positive(B, 4), (_rng.random((B, 4)) * 1.8 - 0.9).astype("float32")
N, J, T, F = integers(B, 4), integers(B, 4, low=1), booleans(B, 4), booleans(B, 4)
KINKS = np.array([-np.inf, -1.5, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.5, np.inf, np.nan], "float32")
C = (normal(B, 4) + 1j * normal(B, 4)).astype("complex64")
NAN = np.where(T, np.float32("nan"), X)
SPD = (lambda a: a @ a.swapaxes(-1, -2) + np.eye(4, dtype="float32"))(normal(B, 4, 4))
SQUARE = normal(B, 4, 4)
IMAGE = positive(B, 5, 7, 3)
TRIANGLE = np.tril(SPD)

UNARY = [
    *rows("absolute abs negative square sign signbit isfinite isinf isnan isneginf isposinf isreal", KINKS),
    *rows("reciprocal conjugate conj real imag copy fabs ceil floor trunc logical_not isreal", X),
    *rows("absolute conjugate conj real imag angle isreal", C),
    *rows("sqrt rsqrt log log10 log1p log2", P),
    *rows("cbrt exp exp2 expm1 sin cos tan sinh cosh tanh arcsinh arctan sinc deg2rad rad2deg i0", X),
    *rows("angle erf erfc", X),
    *rows("arcsin arccos arctanh erfinv", U),
    row("arccosh", 1 + P),
    row("bitwise_not", N),
    row("bitwise_invert", T),
    *rows("absolute square sign trunc floor sqrt exp tanh ceil log1p logical_not negative", N),
]
BINARY = [
    *rows("add subtract multiply divide true_divide maximum minimum fmax fmin arctan2 hypot", X, Y),
    *rows("equal not_equal greater greater_equal less less_equal floor_divide mod fmod", X, Y),
    *rows("logaddexp logaddexp2 heaviside nextafter divide_no_nan", X, Y),
    *rows("maximum minimum fmax fmin", NAN, Y),
    *rows("logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor", T, F),
    *rows("add multiply divide floor_divide mod fmod gcd lcm bitwise_and bitwise_or bitwise_xor", N, J),
    *rows("left_shift right_shift bitwise_left_shift bitwise_right_shift", np.abs(N), J),
    *rows("add power maximum greater", X, 2),
    *rows("add multiply power floor_divide true_divide", N, 2),
    row("add", X, Y[:1]),
    row("power", P, Y),
    row("power", 2.0, X),
    row("power", P, 0.5),
    row("ldexp", X, N),
    row("divide_no_nan", X, np.zeros((B, 4), "float32")),
    row("subtract", 1.0, X),
    row("add", [1.0, 2.0], [3.0, 4.0]),
]
ELEMENTWISE = [
    row("clip", X, -0.5, 0.5),
    row("clip", N, 0, 3),
    row("clip", X, Y - 1, Y + 1),
    row("clip", T, 0, 1),
    row("round", X),
    row("round", X, decimals=2),
    row("round", N, decimals=-1),
    row("round", 10 * X, decimals=-1),
    row("nan_to_num", KINKS),
    row("nan_to_num", KINKS, nan=1.0, posinf=2.0, neginf=3.0),
    row("isclose", X, X + 1e-6),
    row("isclose", KINKS, KINKS, equal_nan=True),
    row("isclose", X, Y, rtol=0.1, atol=1.0),
    row("allclose", X, X),
    row("allclose", X, Y),
    row("saturate_cast", 1e3 * X, "uint8"),
    row("saturate_cast", X, "float16"),
    row("saturate_cast", 1e10 * X, "int32"),
    row("saturate_cast", N, "uint8"),
    row("saturate_cast", T, "int8"),
    row("polar", P, X),
    row("view_as_complex", normal(B, 2)),
    row("view_as_real", C),
    row("where", T, X, Y),
    row("where", T, X, 0.0),
    row("select", [T, F], [X, Y], 0.5),
    row("select", [T], [N]),
]
REDUCTIONS = [
    *rows("sum mean var std median ptp amax amin max min prod all any argmax argmin logsumexp", X),
    *rows("sum mean var std median ptp amax amin max min prod argmax argmin logsumexp", X, axis=1),
    *rows("sum mean var std median ptp amax max prod argmax logsumexp", X, axis=-1, keepdims=True),
    *rows("all any sum mean argmax count_nonzero", T, axis=1),
    *rows("sum mean var std median max min prod argmin count_nonzero", N, axis=1),
    *rows("sum mean max min var median prod", IMAGE, axis=(1, 2)),
    *rows("nansum nanprod nanmean nanvar nanstd nanmedian nanmax nanmin", NAN, axis=1),
    *rows("nanargmax nanargmin", np.where(np.isnan(NAN), -1, NAN), axis=1),
    *rows("cumsum cumprod nancumsum nancumprod", X),
    *rows("cumsum nancumsum nancumprod", NAN, axis=1),
    *rows("cumsum cumprod nancumsum nancumprod", N, axis=1, dtype="float32"),
    *[row(n, X, q, axis=1, keepdims=True) for n, q in (("quantile", 0.3), ("percentile", 30.0))],
    *[row(n, NAN, q, axis=0) for n, q in (("nanquantile", [0.3, 0.6]), ("nanpercentile", [30.0, 60.0]))],
    row("quantile", X, [0.25, 0.5], method="nearest"),
    row("quantile", N, 0.5),
    row("max", X, initial=1.0),
    row("max", X, axis=1, initial=1.0, keepdims=True),
    row("min", X, axis=0, initial=-1.0),
    row("prod", N, axis=1, dtype="float32"),
    row("average", X, axis=1),
    row("average", X, weights=P),
    row("average", X, axis=1, weights=positive(4)),
    row("average", N, axis=0),
    row("diff", X),
    row("diff", X, n=2, axis=1),
    row("trapezoid", X),
    row("trapezoid", X, dx=0.5, axis=0),
    row("trapezoid", X, x=np.sort(Y, axis=-1)),
    row("corrcoef", normal(3, 5)),
    row("count_nonzero", N),
    row("std", X, axis=0),
]
SHAPING = [
    row("reshape", X, (3, 8)),
    row("reshape", X, (-1, 2, 2)),
    row("ravel", X),
    row("squeeze", X[:, None]),
    row("squeeze", X[:, None], axis=1),
    row("expand_dims", X, 1),
    row("expand_dims", X, (0, -1)),
    row("transpose", SQUARE),
    row("transpose", IMAGE, axes=(0, 3, 1, 2)),
    row("swapaxes", IMAGE, 1, 3),
    row("moveaxis", IMAGE, -1, 1),
    row("moveaxis", IMAGE, (1, 2), (2, 1)),
    row("flip", X),
    row("flip", X, axis=1),
    row("fliplr", X),
    row("flipud", X),
    row("rot90", SQUARE, axes=(1, 2)),
    row("rot90", IMAGE, k=3, axes=(2, 1)),
    row("roll", X, 2),
    row("roll", X, 1, axis=1),
    row("roll", X, (1, 2), axis=(0, 1)),
    row("concatenate", [X, Y]),
    row("concatenate", [X, Y], axis=-1),
    row("stack", [X, Y]),
    row("stack", [X, Y], axis=-1),
    row("hstack", [X, Y]),
    row("vstack", [X, Y]),
    row("dstack", [X, Y]),
    row("append", X, Y),
    row("append", X, Y, axis=1),
    row("split", X, 2, axis=1),
    row("split", X, [1, 3], axis=1),
    row("array_split", X, 3, axis=1),
    row("hsplit", X, 2),
    row("hsplit", X, [1, 2]),
    row("vsplit", normal(4, 4), 2),
    row("dsplit", SQUARE, 2),
    row("unstack", X, axis=1),
    row("unstack", X, num=4, axis=-1),
    row("repeat", X, 2),
    row("repeat", X, 2, axis=1),
    row("repeat", X, np.array([1, 2, 0, 1]), axis=1),
    row("tile", X, 2),
    row("tile", X, (2, 1, 3)),
    row("broadcast_to", normal(4), (2, 3, 4)),
    row("pad", X, 1),
    row("pad", X, ((0, 0), (1, 2)), constant_values=3.0),
    row("pad", X, ((0, 0), (1, 2)), mode="reflect"),
    row("pad", N, ((0, 0), (2, 1)), mode="symmetric"),
    row("meshgrid", X[0], Y[0]),
    row("meshgrid", X[0], Y[0], indexing="ij"),
    row("rearrange", IMAGE, "b h w c -> b c h w"),
    row("rearrange", IMAGE, "b h w c -> b (h w) c"),
    row("rearrange", normal(B, 4, 6, 2), "b (h1 h) (w w1) c -> b (h1 w1) h (c w)", h1=2, w1=3),
]
CREATION = [
    row("zeros", (2, 3)),
    row("ones", 3, dtype="int32"),
    row("full", (2, 2), 7),
    row("full", (2,), 1.5, dtype="float16"),
    row("zeros_like", X),
    row("ones_like", N),
    row("ones_like", X, dtype="int8"),
    row("full_like", N, 3),
    row("full_like", X, 2, dtype="bfloat16"),
    row("arange", 5),
    row("arange", 1, 2, 0.25),
    row("arange", 5.0),
    row("arange", 1, 9, step=3),
    row("arange", 3, dtype="float32"),
    row("arange", np.int32(2), 6),
    row("linspace", 0, 1, num=5),
    row("linspace", 0.0, X[0], num=3, endpoint=False, axis=1),
    row("linspace", 0, 4, num=5, retstep=True),
    row("logspace", 0, 2, num=4),
    row("logspace", 0, 2, num=3, base=2, endpoint=False),
    row("geomspace", 1, 8, num=4),
    row("eye", 3),
    row("eye", 2, 4, k=1, dtype="int32"),
    row("identity", 3),
    row("identity", 2, dtype="bool"),
    row("tri", 3),
    row("tri", 3, 4, k=-1, dtype="int32"),
    row("tril", SQUARE),
    row("triu", SQUARE, k=1),
    row("diag", normal(4)),
    row("diag", normal(3, 4), k=1),
    row("diagflat", normal(2, 2), k=-1),
    row("diagonal", SQUARE, axis1=1, axis2=2),
    row("diagonal", normal(3, 4), offset=1),
    row("vander", normal(4)),
    row("vander", normal(4), N=3, increasing=True),
    row("bartlett", 6),
    row("blackman", 6),
    row("hamming", 6),
    row("hanning", 6),
    row("kaiser", 6, 3.0),
    row("array", [[1, 2], [3, 4]]),
    row("array", X, dtype="float16"),
    row("empty", (2, 3)),
    row("empty_like", X),
]
INDEXING = [
    row("get_item", X, 1),
    row("get_item", X, (slice(None), -1)),
    row("get_item", X, (Ellipsis, None, slice(1, 3))),
    row("take", X, [0, 2, -1], axis=1),
    row("take", X, np.array([[1, 3]])),
    row("take", X, 2, axis=-1),
    row("take_along_axis", X, np.argsort(X, 1), axis=1),
    row("take_along_axis", X, np.array([3, 1]), axis=None),
    row("sort", X),
    row("sort", X, axis=0),
    row("argsort", X),
    row("argsort", X, axis=0),
    row("argpartition", X, 2),
    row("top_k", X, 2),
    row("in_top_k", integers(B, low=0, high=4), X, 2),
    row("searchsorted", np.sort(normal(5)), X),
    row("searchsorted", np.arange(4), N, side="right"),
    row("digitize", X, np.array([-1.0, 0.0, 1.0], "float32")),
    row("isin", N, [1, 2, 3]),
    row("isin", N, [1, 2, 3], invert=True),
    row("unravel_index", np.array([5, 7]), (3, 4)),
    row("nonzero", T),
    row("unique", N),
    row("unique", N, size=4, fill_value=0),
    row("unique", N, return_index=True, return_inverse=True, return_counts=True),
    row("scatter", np.array([[0], [2], [2]]), normal(3, 2), (4, 2)),
    row("scatter", np.array([[0, 1], [1, 0]]), normal(2), (2, 2)),
    row("slice", X, (1, 0), (2, 3)),
    row("slice", X, (1, 1), (-1, 2)),
    row("slice_update", X, (1, 2), normal(2, 2)),
    *[
        row("scatter_update", X, np.array([[0, 1], [2, 3]]), normal(2), reduction=r)
        for r in (None, "add", "max", "min", "mul")
    ],
    row("bincount", integers(7, low=0)),
    row("bincount", integers(2, 5, low=0), minlength=12),
    row("bincount", integers(5, low=0), weights=normal(5)),
    row("histogram", normal(20)),
    row("histogram", normal(20), bins=4, range=(-1.0, 1.0)),
    row("segment_sum", X, integers(B, low=0, high=3), num_segments=3),
    *[
        row(f"segment_{n}", X, np.sort(integers(B, low=0, high=3)), num_segments=4, sorted=True)
        for n in ("max", "min", "prod")
    ],
]
PRODUCTS = [
    row("matmul", X, normal(4, 3)),
    row("matmul", SQUARE, SQUARE),
    row("matmul", X, normal(4)),
    row("matmul", X.astype("int8"), np.ones((4, 2), "int8")),
    row("einsum", "bij,bjk->bik", SQUARE, SQUARE),
    row("einsum", "ij->ji", normal(3, 4)),
    row("einsum", "ij,jk", np.ones((2, 3), "int8"), np.ones((3, 2), "int8")),
    row("dot", X, normal(4, 3)),
    row("inner", X, normal(3, 4)),
    row("vdot", X, Y),
    row("outer", X, Y),
    row("kron", X, normal(2, 2)),
    row("tensordot", SQUARE, normal(4, 4, 2)),
    row("tensordot", SQUARE, normal(4, 2), axes=1),
    row("tensordot", X, Y, axes=[[0], [0]]),
    row("cross", normal(B, 3), normal(B, 3)),
    row("cross", normal(3, 5), normal(3, 5), axis=0),
    row("trace", normal(3, 4)),
    row("trace", SQUARE, axis1=1, axis2=2),
    row("correlate", normal(6), normal(3)),
    row("correlate", normal(6), normal(3), mode="same"),
    row("correlate", normal(4), normal(3), mode="full"),
]
LINALG = [
    row("det", SQUARE),
    row("inv", SPD),
    row("eigh", SPD),
    row("slogdet", SQUARE),
    row("logdet", SPD),
    row("cholesky", SPD),
    row("cholesky", SPD, upper=True),
    row("cholesky_inverse", TRIANGLE[0]),
    row("cholesky_inverse", TRIANGLE[0].T, upper=True),
    row("lu_factor", SQUARE),
    row("lu_factor", normal(3, 4)),
    row("qr", SQUARE),
    row("qr", normal(5, 3), mode="complete"),
    row("svd", SQUARE, compute_uv=False),
    row("svd", normal(5, 3), full_matrices=False),
    row("svd", normal(5, 3)),
    row("solve", SPD, normal(B, 4, 2)),
    row("solve", SPD[0], normal(4)),
    row("solve_triangular", TRIANGLE, normal(B, 4, 2), lower=True),
    row("solve_triangular", TRIANGLE[0].T, normal(4)),
    row("lstsq", normal(5, 3), normal(5)),
    row("lstsq", normal(5, 3), normal(5, 2)),
    row("pinv", normal(5, 3)),
    row("matrix_rank", SQUARE),
    row("matrix_rank", np.ones((3, 3), "float32")),
    row("norm", X),
    row("norm", X, ord=1, axis=1, keepdims=True),
    row("norm", SQUARE, ord="fro", axis=(1, 2)),
    row("norm", X, ord=2),
    row("norm", X, ord=np.inf, axis=-1),
    row("norm", N),
    row("cdist", normal(B, 5, 3), normal(B, 2, 3)),
    row("eig", SPD[0]),
]
SIGNAL = [
    row("extract_sequences", normal(B, 20), 8, 3),
    row("fft", (X, Y)),
    row("fft2", (SQUARE, SQUARE)),
    row("ifft2", (SQUARE, SQUARE)),
    row("rfft", X),
    row("rfft", X, fft_length=7),
    row("irfft", (X, Y)),
    row("irfft", (X, Y), fft_length=5),
    row("stft", normal(B, 64), 16, 5, 16),
    row("stft", normal(B, 64), 12, 8, 16, center=False),
    row("stft", normal(B, 64), 16, 8, 16, window="hamming"),
    row("stft", normal(64), 16, 8, 17, window=None),
    row("stft", normal(64), 8, 8, 16, window=positive(8)),
    row("istft", (normal(B, 9, 9), normal(B, 9, 9)), 16, 4, 16),
    row("istft", (normal(9, 9), normal(9, 9)), 12, 4, 16, length=30, window="hamming"),
    row("istft", (normal(9, 9), normal(9, 9)), 16, 4, 16, center=False),
]
ACTIVATIONS = [
    *rows(
        "relu relu6 leaky_relu elu celu selu gelu silu swish hard_silu hard_swish sigmoid log_sigmoid hard_sigmoid", 3 * X
    ),
    *rows("sparse_sigmoid hard_tanh softsign softplus squareplus sparse_plus tanh_shrink soft_shrink hard_shrink", 3 * X),
    *rows("softmax log_softmax glu", X),
    row("threshold", X, 0.5, -1.0),
    row("gelu", X, approximate=False),
    row("softmax", IMAGE, axis=1),
    row("glu", X, axis=1),
    row("softmax", IMAGE, axis=(1, 2)),
    row("log_softmax", IMAGE, axis=(1, 2)),
    row("sparsemax", 10 * np.round(3 * X)),
]
_PROBABILITIES = positive(B, 4) / positive(B, 4).sum(-1, keepdims=True).max() / 4
_CLASSES = integers(B, low=-1, high=4)
NN = [
    row("moments", X, 1),
    row("moments", IMAGE, (0, 1, 2)),
    row("moments", IMAGE, [1, 2], keepdims=True),
    row("batch_normalization", IMAGE, normal(3), positive(3), -1),
    row("rms_normalization", X),
    row("layer_normalization", X),
    row("batch_normalization", IMAGE, normal(5), positive(5), 1, offset=normal(5), scale=normal(5), epsilon=0.1),
    row("layer_normalization", X, normal(4), normal(4)),
    row("layer_normalization", IMAGE, normal(5, 7), normal(5, 7), axis=[1, 2]),
    row("layer_normalization", IMAGE, normal(7), axis=2, epsilon=0.1),
    row("rms_normalization", X, normal(4), epsilon=0.1),
    row("rms_normalization", IMAGE, axis=[1, 2]),
    row("normalize", X),
    row("normalize", X, axis=0, order=3),
    row("normalize", np.zeros((B, 2), "float32")),
    row("normalize", X, order=1, epsilon=1.0),
    row("binary_crossentropy", T.astype("float32"), _PROBABILITIES),
    row("binary_crossentropy", P, X, from_logits=True),
    row("categorical_crossentropy", P, _PROBABILITIES),
    row("categorical_crossentropy", P, X, from_logits=True, axis=1),
    row("sparse_categorical_crossentropy", _CLASSES, _PROBABILITIES),
    row("one_hot", _CLASSES, 4),
    row("sparse_categorical_crossentropy", _CLASSES[:, None], X, from_logits=True),
    row("one_hot", N, 3, axis=0, dtype="int32"),
    row("multi_hot", N, 5),
    row("multi_hot", N[0], 5, dtype="bool"),
    row("psnr", P, P + 0.1, 1.0),
    row("unfold", IMAGE, 2),
    row("unfold", IMAGE, (2, 3), dilation=(2, 1), padding=1, stride=(1, 2)),
    row("fold", normal(B, 8, 12), (4, 5), 2),
    row("fold", normal(B, 12, 9), (4, 5), (2, 3), padding=(1, 1), stride=2),
    row("fold", normal(B, 8, 9), 5, 2, dilation=2),
    row("depth_to_space", normal(B, 2, 3, 8), 2),
    row("depth_to_space", normal(B, 8, 2, 3), 2, data_format="channels_first"),
    row("space_to_depth", normal(B, 4, 6, 3), 2),
    row("space_to_depth", normal(B, 3, 4, 6), 2, data_format="channels_first"),
    row("ctc_loss", integers(B, 3, low=1, high=5), normal(B, 8, 5), integers(B, low=1, high=4), integers(B, low=7, high=9)),
    row("ctc_decode", normal(B, 8, 4), integers(B, low=1, high=9)),
    row("ctc_decode", normal(B, 8, 4), integers(B, low=1, high=9), merge_repeated=False, mask_index=None),
    row("dot_product_attention", normal(B, 3, 2, 8), normal(B, 5, 2, 8), normal(B, 5, 2, 8)),
    row(
        "dot_product_attention",
        normal(B, 3, 2, 8),
        normal(B, 3, 2, 8),
        normal(B, 3, 2, 8),
        bias=normal(1, 2, 3, 3),
        is_causal=True,
    ),
    row(
        "dot_product_attention",
        normal(B, 3, 2, 8),
        normal(B, 5, 1, 8),
        normal(B, 5, 1, 8),
        mask=booleans(1, 1, 3, 5),
        scale=0.5,
    ),
]
TENSORS = [
    row("cast", X, "int32"),
    row("cast", N, "float16"),
    row("convert_to_tensor", [[1, 2]]),
    row("convert_to_tensor", X, "bfloat16"),
    row("convert_to_numpy", X),
    row("shape", X),
    row("ndim", X),
    row("size", X),
    row("view", X, "int32"),
    row("stop_gradient", X),
]
ROWS = [
    *UNARY,
    *BINARY,
    *ELEMENTWISE,
    *REDUCTIONS,
    *SHAPING,
    *CREATION,
    *INDEXING,
    *PRODUCTS,
    *LINALG,
    *SIGNAL,
    *ACTIVATIONS,
    *NN,
    *TENSORS,
]
