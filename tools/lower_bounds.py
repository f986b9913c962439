"""Print the lower bounds of the library's own dependencies as constraints for pip: `numpy>=2.0` becomes `numpy==2.0.*`."""

import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
for requirement in project["dependencies"]:
    name, bound = requirement.split(">=")
    print(f"{name}=={bound}.*")
