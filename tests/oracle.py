"""The installed Keras, on its JAX backend: what the tests compare with. The library itself never imports it."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np

__all__ = ["assert_close", "keras"]


def assert_close(actual, expected, rtol=1e-6, atol=None, err_msg=""):
    """Compare arrays (or structures of them) within `rtol` of the expected array's own scale.

    Entries near zero are compared against `rtol` times the largest magnitude, because float32 sums lose the small ones.
    """
    import jax

    actual, expected = jax.tree.leaves(actual), jax.tree.leaves(expected)
    assert len(actual) == len(expected), (len(actual), len(expected))
    for a, e in zip(actual, expected, strict=True):
        a, e = np.asarray(a, "float64"), np.asarray(e, "float64")
        assert a.shape == e.shape, f"shape {a.shape} is not {e.shape}. {err_msg}"
        finite = np.abs(e[np.isfinite(e)])
        scale = finite.max() if finite.size else 1.0
        np.testing.assert_allclose(a, e, rtol=rtol, atol=rtol * scale if atol is None else atol, err_msg=err_msg)
