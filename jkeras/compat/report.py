"""Find out which parts of Keras a program uses and whether jkeras has them. The program is read, not run."""

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from jkeras.compat.hook import view
from jkeras.compat.view import Absent

KERAS = ("keras", "tf_keras", "tensorflow.keras")
DIFFERENCES = Path(__file__).parents[2] / "docs" / "differences.md"


class Use(NamedTuple):
    """A name of Keras in a program."""

    line: int
    name: str  # "keras.layers.Dense"
    arguments: tuple[str, ...]  # given by keyword


def report(paths: list[Path]) -> int:
    """Print what scripts, notebooks and folders of them use of Keras, and what of it is missing or different.

    Returns:
        0 if everything is there, 1 if something is missing, 2 if a file could not be read.
    """
    files = [file for path in paths for file in _programs(path)]
    if not files:
        print("There is no .py or .ipynb file.", file=sys.stderr)
        return 2
    status = 0
    for file in files:
        try:
            status = max(status, _report_one(file))
        except (OSError, SyntaxError, ValueError) as error:
            print(f"{file}: cannot be read: {error}", file=sys.stderr)
            status = 2
    return status


def _programs(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for ending in ("*.py", "*.ipynb") for file in path.rglob(ending))


def _report_one(file: Path) -> int:
    uses = list(find_uses(read(file)))
    missing = 0
    names = sorted({use.name for use in uses})
    print(f"{file}: {len(names)} names of Keras")
    for use in uses:
        for problem in problems(use):
            missing += 1
            print(f"{file}:{use.line}: {use.name}: {problem}")
    for name in names:
        for number, text in differences(name):
            print(f"{file}: {name} differs (docs/differences.md:{number}): {text}")
    print(f"{file}: {missing} missing")
    return 1 if missing else 0


def read(file: Path) -> str:
    """The Python text of a script or notebook.

    Raises:
        ValueError: it is neither.
    """
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".ipynb":
        return text
    try:
        cells = json.loads(text)["cells"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"it is not a notebook ({type(error).__name__}: {error})") from None
    code = ["".join(cell["source"]) for cell in cells if cell.get("cell_type") == "code"]
    return re.sub(r"^(\s*)[%!].*$", r"\1pass", "\n".join(code), flags=re.MULTILINE)


def find_uses(source: str) -> Iterator[Use]:
    """The names of Keras in a program, with the lines where they stand.

    >>> list(find_uses("import keras as k\\nk.layers.Dense(3, bias=True)"))
    [Use(line=2, name='keras.layers.Dense', arguments=('bias',))]
    """
    tree = ast.parse(source)
    known: dict[str, str] = {}  # what a name of the program stands for
    imported: list[Use] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                known[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
                if _is_keras(alias.name) and "." in alias.name:
                    imported.append(Use(node.lineno, alias.name, ()))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                known[alias.asname or alias.name] = full
                if _is_keras(full) and alias.name != "*":
                    imported.append(Use(node.lineno, full, ()))
    yield from imported
    inner: set[int] = set()  # parts of a longer chain of attributes
    for node in ast.walk(tree):
        call = node if isinstance(node, ast.Call) else None
        chain = call.func if call is not None else node
        if id(chain) in inner or not isinstance(chain, (ast.Attribute, ast.Name)):
            continue
        parts: list[str] = []
        step: Any = chain
        while isinstance(step, ast.Attribute):
            parts.append(step.attr)
            inner.add(id(step))
            step = step.value
        if not isinstance(step, ast.Name) or step.id not in known:
            continue
        inner.add(id(step))
        full = ".".join([known[step.id], *reversed(parts)])
        if _is_keras(full) and (parts or call is not None) and full not in KERAS:
            given = tuple(k.arg for k in call.keywords if k.arg) if call is not None else ()
            yield Use(chain.lineno, full, given)


def _is_keras(name: str) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in KERAS)


def problems(use: Use) -> Iterator[str]:
    """The parts of a use that are missing."""
    found: Any = None
    parts = use.name.split(".")
    start = 2 if parts[0] == "tensorflow" else 1
    found = view(".".join(parts[:start]))
    for i in range(start, len(parts)):
        try:
            found = getattr(found, parts[i])
        except (AttributeError, ImportError) as error:
            if inspect.ismodule(found):
                yield f"missing: {error}"
            return  # an attribute of an object or class is only known when the program runs
        if isinstance(found, Absent):
            yield f"missing: {found.__doc__}"
            return
    try:
        parameters = inspect.signature(found).parameters
    except (TypeError, ValueError):
        return
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()) and inspect.isclass(found):
        return  # options of all layers, metrics, ...
    for name in use.arguments:
        if name not in parameters and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            yield f"the argument {name!r} is missing"


def differences(name: str) -> Iterator[tuple[int, str]]:
    """The lines of `docs/differences.md`, if it is there, that speak of a name."""
    if not DIFFERENCES.exists():
        return
    last = name.rpartition(".")[2]
    for number, line in enumerate(DIFFERENCES.read_text().splitlines(), 1):
        if re.search(rf"`{re.escape(last)}[`(.]", line):
            yield number, line.strip("- ")
