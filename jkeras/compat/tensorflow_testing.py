"""`tf.test` of the stand-in for TensorFlow: the assertions on arrays that tests of Keras programs use."""

import tempfile
import unittest
from collections.abc import Callable
from typing import Any

import numpy as np

from jkeras import ops, tree


class TestCase(unittest.TestCase):
    """A test case that compares arrays, and nested lists and dicts of them."""

    def assertAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: Any = None) -> None:
        """Fail unless all numbers are within `atol + rtol * abs(b)` of each other, and NaN in the same places."""
        self._compare(a, b, lambda x, y: np.testing.assert_allclose(x, y, rtol, atol, err_msg=msg or ""))

    def assertAllEqual(self, a: Any, b: Any, msg: Any = None) -> None:
        """Fail unless all entries are equal, and NaN in the same places."""
        self._compare(a, b, lambda x, y: np.testing.assert_array_equal(x, y, err_msg=msg or "", strict=False))

    def assertNotAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: Any = None) -> None:
        """Fail if `assertAllClose` would pass."""
        self._fails(lambda: self.assertAllClose(a, b, rtol, atol), msg or "all entries are close")

    def assertNotAllEqual(self, a: Any, b: Any, msg: Any = None) -> None:
        """Fail if `assertAllEqual` would pass."""
        self._fails(lambda: self.assertAllEqual(a, b), msg or "all entries are equal")

    def get_temp_dir(self) -> str:
        """A folder that is deleted after the test."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name

    def _compare(self, a: Any, b: Any, check: Callable) -> None:
        if isinstance(a, dict) or isinstance(b, dict):
            tree.assert_same_structure(a, b)
            for x, y in zip(tree.flatten(a), tree.flatten(b)):
                self._compare(x, y, check)
            return
        try:
            x, y = ops.convert_to_numpy(a), ops.convert_to_numpy(b)
        except (TypeError, ValueError):  # parts of several shapes
            self.assertEqual(len(a), len(b))
            for x, y in zip(a, b):
                self._compare(x, y, check)
            return
        self.assertEqual(x.shape, y.shape)
        check(x, y)

    def _fails(self, check: Callable, msg: Any) -> None:
        try:
            check()
        except AssertionError:
            return
        self.fail(msg)


OWN = {"test.TestCase": TestCase, "test.main": unittest.main}
