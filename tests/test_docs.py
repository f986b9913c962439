"""The Python blocks of the documents run, in order, in one namespace per file."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(path):
    """`(line, code)` of each Python block."""
    text = path.read_text()
    return [(text[: found.start(1)].count("\n"), found.group(1)) for found in BLOCK.finditer(text)]


PAGES = [path for path in sorted(DOCS.glob("*.md")) if blocks(path)]


def test_the_page_on_custom_training_has_code():
    assert len(blocks(DOCS / "custom_training.md")) >= 6


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": path.stem}
    for line, code in blocks(path):
        exec(compile("\n" * line + code, str(path), "exec"), namespace)  # so that a traceback shows the page's own lines
