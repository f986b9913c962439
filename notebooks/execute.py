"""`make notebooks`: execute the notebooks, in place, and keep their outputs.

    python -m notebooks.execute                 all of them
    python -m notebooks.execute 01 03_inside    those whose names start so

What is kept is what a reader sees: no times of execution, nothing of the machine, pictures with few colours, and of a
line that was redrawn (a progress bar) only its last state. So executing again changes little.
"""

import base64
import io
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from PIL import Image

HERE = Path(__file__).parent


class ThisPython(KernelSpecManager):
    """Every kernel is the interpreter that runs, whatever kernels are installed on the machine."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(**get_kernel_dict())


def notebooks(names: list[str]) -> list[Path]:
    """The notebooks whose file names start with one of `names`; all if there are none.

    Raises:
        ValueError: a name that no notebook has.
    """
    known = sorted(HERE.glob("*.ipynb"))
    for name in names:
        if not any(path.name.startswith(name) for path in known):
            raise ValueError(f"No notebook is called {name!r}; there are {[path.stem for path in known]}.")
    return [path for path in known if not names or path.name.startswith(tuple(names))]


def execute(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run all cells in a new kernel whose working directory is `folder`, and keep their outputs in the notebook.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised; the message shows which, and its traceback.
    """
    # The committed outputs are those of a CPU: the same everywhere, and without a word about devices that are not there.
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    with tempfile.TemporaryDirectory() as sockets:  # the kernel is talked to through files there; no port is opened
        manager = AsyncKernelManager(
            kernel_spec_manager=ThisPython(),
            transport="ipc",
            ip=str(Path(sockets, "socket")),
            connection_file=str(Path(sockets, "kernel.json")),
        )
        client = NotebookClient(
            notebook,
            km=manager,
            timeout=600,
            startup_timeout=300,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(folder)}},
        )
        client.execute(env=environment, cleanup_kc=True)  # a manager that was given is not shut down otherwise
    clean(notebook)


def clean(notebook: nbformat.NotebookNode) -> None:
    """Leave in a notebook only what its reader sees."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.get("outputs", []):
            if "metadata" in output:
                output.metadata = {}
            if output.output_type == "stream":
                output.text = last_state(output.text)
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = smaller(output.data["image/png"])


def smaller(png: str) -> str:
    """A picture in base64 with a palette of 128 colours, which drawings can do with: a third of the bytes."""
    packed = io.BytesIO()
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    picture.quantize(128, dither=Image.Dither.NONE).save(packed, "png", optimize=True)
    return base64.b64encode(packed.getvalue()).decode()


def last_state(text: str) -> str:
    r"""Each line as it stood at last, after what was redrawn in it.

    >>> last_state("1/3\r2/3\r3/3\ndone\n")
    '3/3\ndone\n'
    """
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def main(names: list[str]) -> None:
    """Execute notebooks and write them back."""
    for path in notebooks(names):
        print(path.name, end=" ", flush=True)
        notebook = nbformat.read(path, as_version=4)
        execute(notebook, HERE)
        nbformat.write(notebook, path)
        images = sum("image/png" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))
        print(f"{path.stat().st_size / 1000:.0f} kB, {images} pictures")


if __name__ == "__main__":
    main(sys.argv[1:])
