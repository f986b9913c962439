"""The notebooks run, from an empty kernel to the end, and what is committed is what they show."""

import copy
import re
import sys

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from notebooks import execute

# The long ones are executed among the long tests.
SHORT = ["01_tutorial", "03_inside"]
LONG = ["02_activations_losses_optimizers", "04_images", "05_text", "06_tables", "07_time_series", "08_many_models"]
NAMES = sorted(SHORT + LONG)


def read(name):
    return nbformat.read(execute.HERE / f"{name}.ipynb", as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell):
    """The kinds of a cell's outputs: "stdout", "image/png", ..."""
    found = set()
    for output in cell.outputs:
        found |= {output.name} if output.output_type == "stream" else set(output.get("data", {"error": None}))
    return found


def test_all_notebooks_are_known():
    assert [path.stem for path in execute.notebooks([])] == NAMES
    assert [path.stem for path in execute.notebooks(["03", "01_tut"])] == ["01_tutorial", "03_inside"]
    with pytest.raises(ValueError, match="No notebook is called '99'"):
        execute.notebooks(["99"])


@pytest.mark.parametrize("name", [*SHORT, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)])
def test_executes_and_shows_what_is_committed(name, tmp_path):
    committed = read(name)
    fresh = copy.deepcopy(committed)
    for cell in code_cells(fresh):
        cell.outputs, cell.execution_count = [], None
    execute.execute(fresh, tmp_path)
    for new, old in zip(code_cells(fresh), code_cells(committed), strict=True):
        assert kinds(new) == kinds(old), new.source
        assert new.execution_count == old.execution_count
    assert not list(tmp_path.iterdir()), "a notebook wrote files"


@pytest.mark.parametrize("name", NAMES)
def test_committed_outputs(name):
    notebook = read(name)
    nbformat.validate(notebook)
    pictures = 0
    for number, cell in enumerate(code_cells(notebook), 1):
        assert cell.execution_count == number, "executed in order, all of it"
        assert not kinds(cell) & {"stderr", "error"}, cell.source
        draws = any(call in cell.source for call in ("plt.show()", "table.plot()"))
        assert ("image/png" in kinds(cell)) == draws, cell.source
        assert ("print(" in cell.source) <= bool(cell.outputs), cell.source
        assert not cell.metadata
        pictures += "image/png" in kinds(cell)
    assert pictures >= (3 if name in SHORT else 2)
    assert (execute.HERE / f"{name}.ipynb").stat().st_size < 400_000


@pytest.mark.parametrize("name", NAMES)
def test_holds_nothing_of_the_machine(name):
    for cell in read(name).cells:
        assert not re.search(r"(?:^|[\s\"'(=])(?:/|~/|[A-Za-z]:\\)\w+[/\\]", cell.source), cell.source
        for output in cell.get("outputs", []):
            text = output.get("text", "") + output.get("data", {}).get("text/plain", "")
            assert not re.search(r"/(?:home|root|tmp|usr|work|Users)/|site-packages|0x[0-9a-f]{6,}|Warning", text), text


def test_an_error_is_raised(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute.execute(notebook, tmp_path)


def test_what_is_kept_is_what_one_sees(tmp_path):
    source = "\n".join(
        [
            "import sys",
            "for i in range(3): print(f'\\r{i + 1}/3', end='')",
            "print()",
            "print(sys.executable)",
        ]
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    execute.execute(notebook, tmp_path)
    (cell,) = notebook.cells
    assert cell.outputs[0].text == f"3/3\n{sys.executable}\n"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert not cell.metadata
