"""Structures: the values and errors of `keras.tree`."""

from collections import OrderedDict, defaultdict, namedtuple

import pytest

from jkeras import tree
from tests.oracle import keras

Pair = namedtuple("Pair", "left right")
STRUCTURES = [
    1, None, [], {}, (1, [2, None], {"b": 3, "a": (4,)}), Pair(1, [2]), OrderedDict(z=1, a=[2]),
    defaultdict(list, y=1, x=2), [{"k": Pair(1, None)}, "text"],
]  # fmt: skip


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_values_are_keras(structure):
    theirs, ours = keras.tree, tree
    assert ours.is_nested(structure) == theirs.is_nested(structure)
    assert ours.flatten(structure) == theirs.flatten(structure)
    assert ours.flatten_with_path(structure) == theirs.flatten_with_path(structure)
    for function in (
        lambda t: t.map_structure(lambda x: (x, "seen"), structure),
        lambda t: t.map_structure(lambda x: [x], structure, none_is_leaf=False),
        lambda t: t.map_structure(lambda a, b: (a, b), structure, structure),
        lambda t: t.pack_sequence_as(structure, list(range(len(t.flatten(structure))))),
        lambda t: t.lists_to_tuples(structure),
        lambda t: t.map_structure_up_to(t.map_structure(bool, structure), lambda a, b: (a, b), structure, structure),
    ):
        expected, actual = function(theirs), function(ours)
        assert actual == expected and type(actual) is type(expected)


@pytest.mark.parametrize("top_down", [True, False])
def test_traversal_is_keras(top_down):
    def run(t):
        met = []

        def visit(part):
            met.append(part)
            return {2: t.MAP_TO_NONE, 3: "three"}.get(part) if isinstance(part, int) else None

        return t.traverse(visit, [1, {"a": (2, 3)}, [2]], top_down=top_down), met

    assert run(tree) == run(keras.tree)


def test_shapes():
    shapes = {"x": (None, 3), "y": [(1, 2), [4, 5]]}
    assert tree.map_shape_structure(list, shapes) == {"x": [None, 3], "y": [[1, 2], [4, 5]]}
    with pytest.raises(ValueError, match="structure of shapes was expected, got 'x'"):
        tree.map_shape_structure(list, ["x"])


@pytest.mark.parametrize("call,error", [
    (lambda t: t.assert_same_structure([1], (1,)), ValueError),
    (lambda t: t.assert_same_structure([1, 2], [1]), ValueError),
    (lambda t: t.assert_same_structure({"a": 1}, {"b": 1}), ValueError),
    (lambda t: t.assert_same_structure([1], [[1]]), ValueError),
    (lambda t: t.assert_same_paths([1], [1, 2]), ValueError),
    (lambda t: t.map_structure(lambda a, b: 1, [1], [1, 2]), ValueError),
    (lambda t: t.map_structure(1, [1]), TypeError),
    (lambda t: t.map_structure(len), (TypeError, ValueError)),
    (lambda t: t.pack_sequence_as([1, 2], [1]), ValueError),
    (lambda t: t.pack_sequence_as([1], 1), TypeError),
    (lambda t: t.map_structure_up_to([1, [2]], lambda x: x, [1, 2]), ValueError),
])  # fmt: skip
def test_errors_are_keras(call, error):
    for t in (keras.tree, tree):
        with pytest.raises(error):
            call(t)
