"""Which tests run when."""

import pytest


def slow_unless_longest(value, longest):
    """A parameter of a test: of the longest tests, or else of the slow ones."""
    return pytest.param(value, marks=pytest.mark.longest if longest else pytest.mark.slow)
