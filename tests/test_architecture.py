"""Imports go one way, as the table in docs/architecture.md says."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def table() -> dict[str, set[str]]:
    """The rows `| module | may import |` of the document."""
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", allowed)) for name, allowed in rows}


def imports(path: Path) -> set[str]:
    """The parts of jkeras that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "jkeras":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jkeras."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("jkeras.")}
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path} uses a relative import"
    return found


FILES = sorted((ROOT / "jkeras").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path):
    part = path.relative_to(ROOT / "jkeras").parts[0].removesuffix(".py")
    if part == "__init__":
        return
    allowed = table()
    assert part in allowed, f"docs/architecture.md has no row for {part}"
    assert imports(path) - {part} <= allowed[part], f"{path.name} may import only {sorted(allowed[part])}"


def test_the_library_never_imports_keras():
    for path in FILES:
        nodes = list(ast.walk(ast.parse(path.read_text())))
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        modules = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        assert not any(name.split(".")[0] in ("keras", "tensorflow", "torch") for name in names | modules), path


def test_arrays_go_to_a_device_in_one_place():
    for path in FILES:
        if path != ROOT / "jkeras/runtime/placement.py":
            nodes = ast.walk(ast.parse(path.read_text()))
            calls = [n.lineno for n in nodes if isinstance(n, ast.Attribute) and n.attr == "device_put"]
            assert not calls, f"{path}, line {calls[0]}: use jkeras.runtime.placement.to_device"
