"""Programs of many kinds, written for Keras, run with `python -m jkeras` as they are and give Keras's numbers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.marks import slow_unless_longest
from tests.oracle import assert_close

SOONER = ("jax_loop", "tables")
PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))


def printed(*command):
    """The numbers that a program prints last, as JSON."""
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_backend_optimization_level=0"
    environment = {**os.environ, "KERAS_BACKEND": "jax", "XLA_FLAGS": flags}
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "program", [slow_unless_longest(path, path.stem not in SOONER) for path in PROGRAMS], ids=lambda path: path.stem
)
def test_a_program_gives_what_keras_gives(program):
    assert_close(printed("-m", "jkeras", program), printed(program), rtol=1e-3, atol=1e-4)
