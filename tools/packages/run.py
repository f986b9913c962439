#!/usr/bin/env python3
"""Runs the tests of packages that are built on Keras 3, with jkeras in Keras's place.

    python tools/packages/run.py                # all packages; `make packages` makes an environment first
    python tools/packages/run.py keras-rs       # some
    python tools/packages/run.py --with-keras   # with Keras itself, for comparison

Sources come from the package index, or, where a release has no tests, from the project's repository. They are unpacked into
`build/packages`; nothing of them is kept in this repository. The packages' own code is imported from there, so that nothing has to be
installed but what they depend on besides Keras.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tarfile
import urllib.request
from pathlib import Path
from typing import NamedTuple

sys.path.append(str(Path(__file__).resolve().parents[1] / "conformance"))

from kconf.document import write_packages

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


class Package(NamedTuple):
    """Where a package's tests are, and how many of them pass with Keras."""

    source: str  # "keras-rs==0.4.0" of the index, or the address of an archive
    tests: tuple[str, ...]  # below the unpacked folder, or a file of ours
    keras: int
    path: str = "."  # what to put on the path, below the unpacked folder
    left_out: tuple[str, ...] = ()  # files that need TensorFlow or several devices
    remains: str = ""  # why the tests that fail do


PACKAGES = {
    "keras-mdn-layer": Package(
        "keras-mdn-layer==1.0.0", ("keras_mdn_layer",), 54, left_out=("keras_mdn_layer/tests/test_tflite.py",)
    ),
    "keras-rs": Package(
        "https://github.com/keras-team/keras-rs/archive/812d35bf0cb2452e66433e52880eb892a99bb8c9.tar.gz",
        ("keras_rs/src",),
        282,
        left_out=("keras_rs/src/layers/embedding",),
    ),
    "k3-node": Package("k3-node==1.0.0", ("k3_node/layers",), 156),
    "keras-tuner": Package(
        "https://github.com/keras-team/keras-tuner/archive/417e5b5e8df924d428a3c64007f3ed47bd4c7026.tar.gz",
        ("keras_tuner",),
        240,
    ),
    "keras-hub": Package(
        "https://github.com/keras-team/keras-hub/archive/71453d08f59edc90d276e999319fc51e61cbf82c.tar.gz",
        ("keras_hub/src/layers/modeling", "keras_hub/src/samplers"),
        127,
        remains="`test_training_propagation` reads `_combine_equation`, a private attribute of Keras's MultiHeadAttention.",
    ),
    "scikit-keras": Package(
        "scikit-keras==0.4.1",
        ("tests",),
        16,
        remains="`test_ensemble` trains two classifiers for one epoch, without a seed; it failed in one run of three.",
    ),
    "mingru-keras": Package("mingru-keras==0.1.3", ("tests",), 6, path="src"),
    "bayesflow": Package("bayesflow==2.0.12", (str(HERE / "test_bayesflow.py"),), 4),
}


def unpack(name: str, folder: Path) -> Path:
    """The unpacked source of a package; downloaded if it is not there."""
    package, place = PACKAGES[name], folder / name
    if not place.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        if package.source.startswith("https:"):
            archive = folder / f"{name}.tar.gz"
            urllib.request.urlretrieve(package.source, archive)
        else:
            # pip asks a release for its name. The environment has what that takes: an old release may want a tool that is gone.
            pip = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--no-binary",
                ":all:",
                "--no-build-isolation",
            ]
            subprocess.run([*pip, "--dest", folder, package.source], check=True)
            stem = package.source.replace("==", "-")
            archive = next(path for path in folder.glob("*.tar.gz") if path.name[:-7].replace("_", "-") == stem)
        with tarfile.open(archive) as file:
            file.extractall(place, filter="data")
    inner = [path for path in place.iterdir() if path.is_dir()]
    return inner[0] if len(inner) == 1 else place


def run(name: str, folder: Path, with_keras: bool) -> dict[str, int]:
    """Run a package's tests; returns how many passed, failed, ..."""
    package, source = PACKAGES[name], unpack(name, folder)
    paths = [source / package.path, HERE, *([] if with_keras else [ROOT])]
    environment = os.environ | {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--tb=short",
        "-rfE",
        "-p",
        "no:cacheprovider",
        "--continue-on-collection-errors",
    ]
    command += [] if with_keras else ["-p", "as_keras"]
    command += [f"--ignore={source / path}" for path in package.left_out]
    command += [
        "-c",
        os.devnull,
        "--rootdir",
        source,
        "-o",
        "python_files=*_test.py test_*.py",
        *(source / t for t in package.tests),
    ]
    log = folder / f"{name}{'-keras' if with_keras else ''}.log"
    with log.open("w") as file:
        subprocess.run(command, cwd=source, env=environment, stdout=file, stderr=subprocess.STDOUT)
    last = log.read_text(errors="replace").strip().splitlines()[-1:]
    return {kind: int(n) for n, kind in re.findall(r"(\d+) (\w+)", last[0] if last else "")}


def main() -> int:
    """Run what the command line names, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="*", metavar="package", help=", ".join(PACKAGES))
    parser.add_argument("--with-keras", action="store_true", help="with Keras itself")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "packages", help="for sources and logs")
    parser.add_argument("--record", action="store_true", help="write the numbers into docs/conformance.md")
    options = parser.parse_args()
    unknown = set(options.packages) - set(PACKAGES)
    if unknown:
        parser.error(f"unknown package {sorted(unknown)[0]!r}; there are {', '.join(PACKAGES)}")
    print(f"{'package':18}{'passed':>8}{'Keras':>8}{'failed':>8}{'errors':>8}")
    for name in options.packages or PACKAGES:
        found = run(name, options.folder.resolve(), options.with_keras)
        failed, errors = found.get("failed", 0), found.get("error", 0) + found.get("errors", 0)
        print(f"{name:18}{found.get('passed', 0):8}{PACKAGES[name].keras:8}{failed:8}{errors:8}", flush=True)
        if options.record:
            file = HERE / "results.json"
            results = json.loads(file.read_text()) if file.exists() else {}
            results[name] = {
                "passed": found.get("passed", 0),
                "keras": PACKAGES[name].keras,
                "remains": PACKAGES[name].remains,
            }
            file.write_text(json.dumps(results, indent=1) + "\n")
            write_packages(ROOT / "docs" / "conformance.md")
    print(f"The logs are in {options.folder}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
