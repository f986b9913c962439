"""Programs of many kinds, written for Keras, run with `python -m jkeras` as they are and give Keras's numbers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.oracle import assert_close

FOLDER = Path(__file__).parent / "programs"
PROGRAMS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "run_all")


def run(*command):
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run([sys.executable, *command, FOLDER / "run_all.py"], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def found():
    return run("-m", "jkeras"), run()


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_gives_what_keras_gives(found, name):
    ours, theirs = found
    assert_close(ours[name], theirs[name], rtol=1e-3, atol=1e-4)
