"""The package, built as a wheel and installed in an environment of its own."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_wheel_builds_and_works_in_a_fresh_environment(tmp_path):
    source = tmp_path / "source"  # setuptools leaves a folder behind
    source.mkdir()
    for name in ("jkeras", "pyproject.toml", "README.md", "LICENSE"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, source / name)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        tmp_path,
        source,
    ]
    subprocess.run(pip, check=True)
    wheel = next(tmp_path.glob("jkeras-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "jkeras/py.typed" in names and any(name.endswith("licenses/LICENSE") for name in names)
    packed = {name for name in names if name.endswith(".py")}
    assert packed == {str(path.relative_to(ROOT)) for path in (ROOT / "jkeras").rglob("*.py")}

    venv.create(tmp_path / "fresh", with_pip=True)
    python = tmp_path / "fresh" / "bin" / "python"
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], check=True, env=alone)
    program = (
        "import jkeras, numpy as np; print(jkeras.__file__)\n"
        "model = jkeras.Sequential([jkeras.layers.Dense(1)]); model.compile('sgd', 'mse')\n"
        "print(len(model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=2, verbose=0).epoch))"
    )
    environment = dict(alone, PYTHONPATH=sysconfig.get_path("purelib"))  # where JAX and NumPy are
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    place, epochs = done.stdout.splitlines()
    assert place.startswith(str(tmp_path / "fresh")) and epochs == "2"
