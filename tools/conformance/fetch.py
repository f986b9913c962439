"""Fetch Keras's source release, tests included: `python fetch.py FOLDER` prints where it is."""

import subprocess
import sys
import tarfile
from pathlib import Path

VERSION = "3.15.1"


def fetch(folder: Path) -> Path:
    """Download and unpack the release into a folder, unless it is there already.

    Returns:
        The folder that holds `keras/src`.
    """
    release = folder / f"keras-{VERSION}"
    if not (release / "keras" / "src").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--no-binary", ":all:", "--dest", folder, f"keras=={VERSION}"], check=True)
        with tarfile.open(folder / f"keras-{VERSION}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    return release


if __name__ == "__main__":
    print(fetch(Path(sys.argv[1])))
