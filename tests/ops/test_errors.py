"""Bad arguments are refused where they are given, with the shapes seen and what would have been right."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jkeras import ops
from jkeras.core.symbolic import KerasTensor

X = np.ones((2, 3), "float32")
CASES = [
    (ValueError, r"bring shape \(2, 3\) \(6 entries\) into newshape=\(4, -1\)", lambda: ops.reshape(X, (4, -1))),
    (ValueError, r"one -1 at most.*newshape=\(-1, -1\)", lambda: ops.reshape(X, (-1, -1))),
    (ValueError, r"newshape=\(7,\)", lambda: ops.reshape(KerasTensor((2, 3)), (7,))),
    (ValueError, "two axes at least", lambda: ops.rot90(X[0])),
    (ValueError, "two different axes", lambda: ops.rot90(X, axes=(1, 1))),
    (TypeError, "positive number of pieces", lambda: ops.array_split(X, [1])),
    (ValueError, "positive number of pieces", lambda: ops.array_split(X, 0)),
    (ValueError, r"num=4.*axis 1 of shape \(2, 3\)", lambda: ops.unstack(X, 4, axis=1)),
    (ValueError, "mode='edge'", lambda: ops.pad(X, 1, mode="edge", constant_values=1)),
    (ValueError, "cannot tell how pattern", lambda: ops.rearrange(X, "a (b c) -> a b c")),
    (ValueError, r"shape \(2, 3\)", lambda: ops.rearrange(X, "a b c -> a")),
    (ValueError, "same names on both sides", lambda: ops.rearrange(X, "a b -> a c")),
    (ValueError, "both x1 and x2, or neither", lambda: ops.where(X > 0, X)),
    (ValueError, "a choice for each condition", lambda: ops.select([X > 0], [])),
    (ValueError, "1-D sorted array", lambda: ops.searchsorted(X, X)),
    (ValueError, r"'mull'.*Did you mean 'mul'\?", lambda: ops.scatter_update(X, [[0, 0]], [1.0], "mull")),
    (TypeError, "integer exponents, got x2 of dtype float32", lambda: ops.ldexp(X, X)),
    (ValueError, r"last axis, got shape \(2, 3\)", lambda: ops.view_as_complex(X)),
    (TypeError, "whole numbers of rows and columns, got N=2.0", lambda: ops.eye(2.0)),
    (TypeError, "got M=2.5", lambda: ops.eye(2, 2.5)),
    (ValueError, "1-D array", lambda: ops.vander(X)),
    (ValueError, "N=-1", lambda: ops.vander(X[0], -1)),
    (TypeError, "integer number of bins", lambda: ops.histogram(X[0], bins=2.5)),
    (ValueError, "not negative", lambda: ops.histogram(X[0], bins=-1)),
    (ValueError, r"Flatten it: ops.ravel\(x\)", lambda: ops.histogram(X)),
    (ValueError, r"range=\(2, 1\)", lambda: ops.histogram(X[0], range=(2, 1))),
    (ValueError, "ragged arrays", lambda: ops.convert_to_tensor(X, ragged=True)),
    (ValueError, r"inv\(\) needs square matrices.*\(2, 3\)", lambda: ops.inv(X)),
    (ValueError, r"inv\(\) needs square matrices.*\(2, 3\)", lambda: ops.inv(KerasTensor((2, 3)))),
    (ValueError, r"svd\(\) needs matrices", lambda: ops.svd(X[0])),
    (ValueError, "not positive definite", lambda: ops.cholesky(-np.eye(2, dtype="float32"))),
    (ValueError, "mode='raw'", lambda: ops.qr(X, mode="raw")),
    (ValueError, r"\(2, 2\) and \(3,\)", lambda: ops.solve(X[:, :2], X[0])),
    (ValueError, "same number of dimensions", lambda: ops.cdist(X, X[:, :2])),
    (ValueError, "one id for each row", lambda: ops.segment_sum(X, [0, 1, 2], num_segments=3)),
    (ValueError, "pair of arrays", lambda: ops.fft(X)),
    (ValueError, "floating-point arrays of one shape", lambda: ops.fft((X, X[:1]))),
    (ValueError, "'hamm'.*Did you mean 'hamming'", lambda: ops.stft(X, 2, 1, 2, window="hamm")),
    (ValueError, "positive integer, got 0", lambda: ops.stft(X, 2, 0, 2)),
    (ValueError, r"stft\(\) needs fft_length= from sequence_length=2 on, got fft_length=1", lambda: ops.stft(X, 2, 1, 1)),
    (
        ValueError,
        r"window of shape \(2,\) for sequence_length=2, got shape \(2, 3\)",
        lambda: ops.stft(X, 2, 1, 2, window=X),
    ),
    (TypeError, "float32 or float64", lambda: ops.stft(X.astype("int32"), 2, 1, 2)),
    (ValueError, r"\(\.\.\., windows, frequencies\)", lambda: ops.istft((X[0], X[0]), 2, 1, 2)),
    (ValueError, r"target.shape=\(2, 3\), output.shape=\(2, 1\)", lambda: ops.binary_crossentropy(X, X[:, :1])),
    (ValueError, "axis of classes", lambda: ops.categorical_crossentropy(1.0, 1.0)),
    (ValueError, r"targets of shape \(2,\)", lambda: ops.sparse_categorical_crossentropy([1, 2, 0], X)),
    (ValueError, "number of classes", lambda: ops.multi_hot([1])),
    (TypeError, "'num_tokes'. Did you mean", lambda: ops.multi_hot([1], num_tokes=3)),
    (ValueError, "arrays of one shape", lambda: ops.psnr(X, X[:1], 1.0)),
    (ValueError, "order=0", lambda: ops.normalize(X, order=0)),
    (TypeError, "'epsilom'. Did you mean 'epsilon'", lambda: ops.layer_normalization(X, epsilom=1)),
    (ValueError, r"\(2, 3\), \(2, 3\) and \(2, 3\)", lambda: ops.dot_product_attention(X, X, X)),
    (ValueError, r"\(batch, channels, height, width\), got shape \(2, 3\)", lambda: ops.unfold(X, 2)),
    (ValueError, r"got shape \(2, 3\)", lambda: ops.fold(X, 2, 2)),
    (ValueError, r"has \(1, 4, 9\)", lambda: ops.fold(np.ones((1, 4, 5), "float32"), 4, 2)),
    (ValueError, "block_size=1", lambda: ops.depth_to_space(X, 1)),
    (ValueError, "even size along axis=-1", lambda: ops.glu(X)),
]


@pytest.mark.parametrize(("error", "message", "call"), CASES, ids=range(len(CASES)))
def test_bad_arguments(error, message, call):
    with pytest.raises(error, match=message):
        call()


def test_cholesky_gives_nan_where_values_are_not_known():
    assert np.isnan(jax.jit(ops.cholesky)(-jnp.eye(2))).any()


def test_deprecated_scaling_warns():
    with pytest.warns(UserWarning, match="rms_normalization"):
        ops.layer_normalization(X, rms_scaling=True)
