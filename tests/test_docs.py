"""The Python blocks of the documents run, in order, in one namespace per file."""

import re
from pathlib import Path

import pytest

import jkeras
from tests.oracle import assert_close, keras

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(path):
    """`(line, code)` of each Python block."""
    text = path.read_text()
    return [(text[: found.start(1)].count("\n"), found.group(1)) for found in BLOCK.finditer(text)]


KERAS_CODE = DOCS / "keras_steps.md"  # which says that Keras runs it, too
PAGES = [
    path for path in (DOCS.parent / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))) if blocks(path) and path != KERAS_CODE
]


def run(path, **replaced):
    """The namespace after all blocks of a page have run; `replaced` maps modules' names in `import ... as` to modules."""
    namespace = {"__name__": path.stem}
    for line, code in blocks(path):
        for name, module in replaced.items():
            code, found = re.subn(rf"^import \w+ as {name}$", "pass", code, flags=re.MULTILINE)
            if found:
                namespace[name] = module
        exec(compile("\n" * line + code, str(path), "exec"), namespace)  # so that a traceback shows the page's own lines
    return namespace


def test_the_page_on_custom_training_has_code():
    assert len(blocks(DOCS / "custom_training.md")) >= 6


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(path)


@pytest.mark.slow
def test_the_page_of_keras_code_gives_the_same_numbers_in_keras():
    ours, theirs = (run(KERAS_CODE, keras=library)["results"] for library in (jkeras, keras))
    assert len(ours) >= 6
    assert_close(ours, theirs, rtol=1e-4)
