"""A fixed part of Keras's own tests, where their release has been downloaded (`make conformance-fast` does that)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RELEASE = Path(os.environ.get("KERAS_SRC") or ROOT / "build" / "conformance" / "keras-3.15.1")


@pytest.mark.slow
@pytest.mark.skipif(
    not (RELEASE / "keras" / "src").is_dir(), reason="Keras's source release is not there: make conformance-fast"
)
def test_as_many_of_kerass_tests_pass_as_are_on_record(tmp_path):
    command = [sys.executable, ROOT / "tools" / "conformance" / "run.py", "--fast", "--quiet", "--keras-src", RELEASE]
    run = subprocess.run([*command, "--failures", tmp_path / "failures.txt"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
