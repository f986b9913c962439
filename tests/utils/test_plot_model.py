"""`plot_model` and `model_to_dot`: Keras's boxes and arrows; pictures in which nothing overlaps."""

import itertools
import xml.etree.ElementTree

import pytest

import jkeras
from jkeras import layers
from jkeras.utils.diagram import Shown, diagram
from jkeras.utils.layout import lay_out
from tests.oracle import keras

SHOW = {"show_shapes": True, "show_dtype": True, "show_layer_activations": True, "show_trainable": True}


def model_of(k):
    image, numbers = k.layers.Input((8, 8, 3), name="image"), k.layers.Input((4,), name="numbers")
    encoder = k.Sequential(
        [k.layers.Conv2D(4, 3, activation="relu", name="conv"), k.layers.Flatten(name="flat")], name="encoder"
    )
    start = k.layers.Input((144,), name="start")
    once = k.layers.Dense(144, activation="tanh", name="once")
    inner = k.Model(start, k.layers.Add(name="sum")([start, once(start)]), name="inner")
    inner.trainable = False
    features = encoder(image)
    x = k.layers.Concatenate(name="both")([inner(features), k.layers.Dense(5, name="dense")(numbers), features])
    return k.Model([image, numbers], [k.layers.Dense(1, name="a")(x), k.layers.Dense(2, name="b")(x)], name="whole")


def described(dot):
    """The titles of the nodes, and the arrows between them, of a graph and all in it."""
    names, edges = {}, set()
    waiting = [dot]
    while waiting:
        graph = waiting.pop()
        waiting += graph.get_subgraphs()
        for node in graph.get_nodes():
            label = node.get_label()
            if label:
                text = "".join(xml.etree.ElementTree.fromstring(label[1:-1]).itertext())
                names[node.get_name()] = " ".join(text.split())
        edges |= {(edge.get_source(), edge.get_destination()) for edge in graph.get_edges()}
    return sorted(names.values()), sorted((names[a], names[b]) for a, b in edges)


@pytest.mark.parametrize("nested", [False, True])
def test_boxes_and_arrows_are_keras_s(nested):
    pytest.importorskip("pydot")
    ours, theirs = (
        described(k.utils.model_to_dot(model_of(k), expand_nested=nested, **SHOW)) for k in (jkeras, keras)
    )  # fmt: skip
    assert ours == theirs


def test_a_chain_and_a_subclassed_model():
    pytest.importorskip("pydot")
    for k in (jkeras, keras):
        chain = k.Sequential([k.layers.Input((3,)), k.layers.Dense(2, name="a"), k.layers.Dense(1, name="b")])
        assert described(k.utils.model_to_dot(chain)) == (["a (Dense)", "b (Dense)"], [("a (Dense)", "b (Dense)")])

    class Own(jkeras.Model):
        def call(self, x):
            return x

    own = Own(name="own")
    own(jkeras.ops.ones((1, 2)))
    assert described(jkeras.utils.model_to_dot(own)) == (["own (Own)"], [])


def residual(depth):
    x = start = layers.Input((4,))
    for _ in range(depth):
        x = layers.Add()([x, layers.Dense(4)(layers.Dense(4)(x)), start])
    return jkeras.Model(start, x)


@pytest.mark.parametrize("rankdir", ["TB", "BT", "LR", "RL"])
@pytest.mark.parametrize("make", [lambda: model_of(jkeras), lambda: residual(4)])
def test_nothing_overlaps(make, rankdir):
    for nested in (False, True):
        layout = lay_out(diagram(make(), Shown(True, True, True, True, True, nested)), rankdir)
        places = list(layout.boxes.values())
        for p, q in itertools.combinations(places, 2):
            assert p.x + p.width <= q.x or q.x + q.width <= p.x or p.y + p.height <= q.y or q.y + q.height <= p.y
        for p in (*places, *layout.frames):
            assert p.x >= 0 and p.y >= 0 and p.x + p.width <= layout.width and p.y + p.height <= layout.height
        for way in layout.ways:  # no bend lies in a box
            for x, y in way[1:-1]:
                assert not any(p.x < x < p.x + p.width and p.y < y < p.y + p.height for p in places)


@pytest.mark.parametrize("splines", ["ortho", "curved", "spline", "polyline", "line"])
def test_files(splines, tmp_path):
    model = model_of(jkeras)
    assert jkeras.utils.plot_model(model, tmp_path / "model.svg", splines=splines, expand_nested=True, **SHOW) is None
    root = xml.etree.ElementTree.parse(tmp_path / "model.svg").getroot()
    text = " ".join(root.itertext())
    assert "Output shape: (None, 6, 6, 4)" in text and "Non-trainable" in text and "Activation: tanh" in text
    assert len([e for e in root.iter() if "marker-end" in e.attrib]) == 12
    if splines == "ortho":
        pytest.importorskip("matplotlib")
        jkeras.utils.plot_model(model, str(tmp_path / "model"), dpi=50)
        assert (tmp_path / "model.png").read_bytes().startswith(b"\x89PNG")
        jkeras.utils.plot_model(model, tmp_path / "model.dot")
        assert (tmp_path / "model.dot").read_text().startswith("digraph")


def test_bad_arguments(tmp_path):
    model = residual(1)
    with pytest.raises(ValueError, match="has not yet been built"):
        jkeras.utils.plot_model(jkeras.Sequential([layers.Dense(1)]), tmp_path / "a.svg")
    with pytest.raises(ValueError, match="splines must be one of"):
        jkeras.utils.plot_model(model, tmp_path / "a.svg", splines="zigzag")
    with pytest.raises(ValueError, match="rankdir must be"):
        jkeras.utils.plot_model(model, tmp_path / "a.svg", rankdir="XY")
    with pytest.raises(TypeError, match="show_shape"):
        jkeras.utils.plot_model(model, tmp_path / "a.svg", show_shape=True)
