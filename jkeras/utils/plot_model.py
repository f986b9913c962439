"""`plot_model` and `model_to_dot`: draw a model as a graph of its layers."""

import html
import os
import sys
from typing import Any

from jkeras.errors import known_keywords
from jkeras.utils.diagram import Group, Shown, diagram
from jkeras.utils.layout import cell_text, lay_out
from jkeras.utils.painting import SPLINES, save


@known_keywords
def plot_model(
    model: Any,
    to_file: str | os.PathLike = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Draw a model as a graph of its layers, into a file.

    Neither Graphviz nor pydot is needed. An SVG file needs no other library; PNG, PDF and the like are drawn with matplotlib.

    Args:
        model: a model that is built. One that is neither functional nor sequential is a single box.
        to_file: the name of the file; its ending is the format, PNG if there is none. `.dot` writes a description for Graphviz.
        show_shapes: whether to show the shapes of inputs and outputs.
        show_dtype: whether to show the dtypes of outputs.
        show_layer_names: whether to show names beside the classes.
        rankdir: where the arrows lead: `"TB"` (to the bottom), `"BT"`, `"LR"` (to the right) or `"RL"`.
        expand_nested: whether to draw what is in models within the model, in frames.
        dpi: dots per inch, of formats made of dots.
        show_layer_activations: whether to show the activations of layers that have one.
        show_trainable: whether to show which layers are trained.
        splines: how arrows are drawn: `"ortho"` (right angles), `"curved"`, `"spline"`, `"polyline"` or `"line"`.

    Returns:
        In a notebook the picture, which is then shown; otherwise None.

    Raises:
        ValueError: the model is not built, or an argument is none of the above.
        ImportError: the format needs a library that is not installed; the message shows how to install it.

    >>> import jkeras, pathlib, tempfile
    >>> model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2)])
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "model.svg"
    >>> plot_model(model, file, show_shapes=True)
    >>> "Output shape: (None, 2)" in file.read_text()
    True
    """
    if splines not in SPLINES:
        raise ValueError(f"splines must be one of {', '.join(map(repr, SPLINES))}, got {splines!r}.")
    shown = Shown(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable, expand_nested)
    group = diagram(model, shown)
    path = os.fspath(to_file)
    path = path if os.path.splitext(path)[1] else path + ".png"
    ending = os.path.splitext(path)[1].lower()
    if ending == ".dot":
        with open(path, "w", encoding="utf-8") as file:
            file.write(_dot(group, rankdir, dpi, splines, False).to_string())
        return None
    save(lay_out(group, rankdir), path, dpi, splines, rankdir in ("TB", "BT"))
    if "ipykernel" in type(sys.stdout).__module__ and ending in (".png", ".jpg", ".jpeg", ".svg"):
        from IPython import display  # a notebook has it

        return display.SVG(filename=path) if ending == ".svg" else display.Image(filename=path)
    return None


@known_keywords
def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Describe a model as a graph for Graphviz, with the library pydot.

    Args:
        model, show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi, show_layer_activations, show_trainable, splines:
            as in `plot_model`.
        subgraph: whether to return a `pydot.Cluster`, to be put into another graph.

    Returns:
        A `pydot.Dot` or a `pydot.Cluster`.

    Raises:
        ValueError: the model is not built.
        ImportError: pydot is not installed.

    >>> import jkeras
    >>> dot = model_to_dot(jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(2), jkeras.layers.Dense(1)]))
    >>> len(dot.get_nodes()) - 1, len(dot.get_edges())            # one node holds the defaults
    (2, 1)
    """
    shown = Shown(show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable, expand_nested)
    return _dot(diagram(model, shown), rankdir, dpi, splines, subgraph)


def _dot(group: Group, rankdir: str, dpi: int, splines: str, subgraph: bool) -> Any:
    try:
        import pydot  # optional
    except ImportError:
        raise ImportError('You must install pydot for `model_to_dot` to work:\n    pip install "jkeras[draw]"') from None
    if subgraph:
        dot = pydot.Cluster(graph_name=group.name, style="dashed", label=group.name, labeljust="l")
    else:
        dot = pydot.Dot(rankdir=rankdir, concentrate=True, dpi=dpi, splines=splines)  # type: ignore[assignment]
        dot.set_node_defaults(shape="record")
    for key, item in group.items.items():
        if isinstance(item, Group):
            dot.add_subgraph(_dot(item, rankdir, dpi, splines, True))
        else:
            dot.add_node(pydot.Node(str(key), label=_label(item), fontname="Helvetica", border="0", margin="0"))
    for first, second in group.edges:
        dot.add_edge(pydot.Edge(str(first), str(second), penwidth="2"))
    return dot


def _label(box: Any) -> str:
    """A box as a table in Graphviz's form of HTML."""
    columns = max(1, len(box.cells))

    def cell(text: str, ground: str, color: str, span: int = 1) -> str:
        return f'<td colspan="{span}" bgcolor="{ground}"><font color="{color}">{html.escape(text)}</font></td>'

    rows = [cell(box.title, "black", "white", columns)]
    if box.activation is not None:
        rows.append(cell(f"Activation: {box.activation}", "white", "black", columns))
    if box.cells:
        rows.append("".join(cell(cell_text(c), c[2], "black" if c[2] == "white" else "white") for c in box.cells))
    lines = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<<table border="0" cellborder="1" bgcolor="black" cellpadding="10">{lines}</table>>'
