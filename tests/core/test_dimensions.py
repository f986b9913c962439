"""What stands for None while shapes are inferred: the size that an unknown axis meets, and what that costs."""

import time
from unittest import mock

import jax
import numpy as np
import pytest

import jkeras
from jkeras import Input, KerasTensor, Model, Sequential, layers, ops
from jkeras.core import dimensions, symbolic
from tests.catalogue import ROWS
from tests.oracle import keras


def unknown(*shape):
    return KerasTensor(shape)


def ones(*shape):
    return np.ones(shape, "float32")


class Table(layers.Layer):
    """Rows of a table of positions, as many as there are steps."""

    def build(self, input_shape):
        self.table = self.add_weight(shape=(512, input_shape[-1]))

    def call(self, x):
        return x + self.table[: x.shape[1]]


def attend(x):
    return layers.MultiHeadAttention(2, 3)(x, x, attention_mask=np.ones((10, 10), bool))


def fixed_functional():
    x = Input((10, 8))
    return Model(x, layers.Dense(3)(layers.Flatten()(x)))


def fixed_sequential():
    return Sequential([Input((10, 8)), layers.Flatten(), layers.Dense(3)])


MEETINGS = {
    **{
        name: (lambda name=name: getattr(layers, name)()([unknown(None, 8), unknown(10, 8)]), (10, 8))
        for name in ("Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract")
    },
    "Concatenate": (lambda: layers.Concatenate()([unknown(None, 8), unknown(10, 8)]), (10, 16)),
    "concatenated steps": (lambda: ops.concatenate([unknown(None, None, 8), unknown(None, 10, 2)], -1), (None, 10, 10)),
    "a table of rows": (lambda: unknown(None, 8) + ones(10, 8), (10, 8)),
    "a table of steps": (lambda: unknown(None, None, 8) + ones(10, 8), (None, 10, 8)),
    "an image's mean": (lambda: unknown(None, None, None, 3) - ones(32, 32, 3), (None, 32, 32, 3)),
    "an oblong image's mean": (lambda: unknown(None, None, None, 3) - ones(32, 64, 3), (None, 32, 64, 3)),
    "einsum": (lambda: ops.einsum("btd,td->btd", unknown(None, None, 8), ones(10, 8)), (None, 10, 8)),
    "a contraction": (lambda: ops.einsum("btd,t->bd", unknown(None, None, 8), ones(10)), (None, 8)),
    "where": (lambda: ops.where(ones(10, 8) > 0, unknown(None, None, 8), 0.0), (None, 10, 8)),
    "matmul": (lambda: ops.matmul(ones(5, 10), unknown(None, None, 8)), (None, 5, 8)),
    "an attention mask": (lambda: attend(unknown(None, None, 8)), (None, 10, 8)),
    "a fixed model": (lambda: fixed_functional()(unknown(None, None, 8)), (None, 3)),
    "a fixed stack": (lambda: fixed_sequential()(unknown(None, None, 8)), (None, 3)),
    **{
        f"rows of {k}": (lambda k=k: layers.Reshape((-1, k))(unknown(None, None, 1)), (None, None, k))
        for k in (7, 11, 49, 128)
    },
    "rows of 7 by an operation": (lambda: ops.reshape(unknown(None, 1), (-1, 7)), (None, 7)),
    "cropped steps": (lambda: layers.Cropping1D(5000)(unknown(None, None, 4)), (None, None, 4)),
    "a cropped image": (lambda: layers.Cropping2D(800)(unknown(None, None, None, 4)), (None, None, None, 4)),
    "a wide kernel": (lambda: layers.Conv1D(2, 3000)(unknown(None, None, 4)), (None, None, 2)),
    "a wide pool": (lambda: layers.MaxPooling1D(3000)(unknown(None, None, 4)), (None, None, 4)),
    "a wide mean": (lambda: layers.AveragePooling1D(3000, 2, "same")(unknown(None, None, 4)), (None, None, 4)),
    "many best": (lambda: ops.top_k(unknown(None, None), 2000)[0], (None, 2000)),
    "rows of a table": (lambda: Table()(unknown(None, None, 8)), (None, None, 8)),
    "a cut at both ends": (lambda: unknown(None, None, 2)[:, 5000:-5000], (None, None, 2)),
    "a cut that may reach beyond": (lambda: unknown(None, None, 2)[:, :100], (None, None, 2)),
}


@pytest.mark.parametrize("name", MEETINGS)
def test_an_unknown_axis_meets_a_fixed_size(name):
    make, shape = MEETINGS[name]
    assert make().shape == shape


def test_such_a_model_runs():
    x = Input((None, 8))
    model = Model(x, layers.Dense(2)(x + ones(10, 8)))
    assert model(ones(3, 10, 8)).shape == (3, 10, 2)


class Says(layers.Layer):
    """Cannot be called on unknown sizes at all, but says what comes out."""

    def call(self, x):
        rows, width = map(int, x.shape)  # numbers
        assert width == 9, f"only 9 would do, not {width}"
        return ops.zeros((rows, 5))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 5)


class SaysOfTwo(layers.Layer):
    def call(self, query, value):
        return ops.argmax(query, -1)

    def compute_output_shape(self, query_shape, value_shape):
        return [*query_shape[:1], value_shape[1]]


class SaysSpecs(layers.Layer):
    def call(self, x):
        raise AssertionError("the layer has said it all")

    def compute_output_spec(self, x):
        return {"a": KerasTensor((x.shape[0], 4), "int32"), "b": x}


class SaysMore(layers.Dense):
    def compute_output_shape(self, input_shape):
        return (*super().compute_output_shape(input_shape)[:-1], self.units)


def test_a_layer_says_its_output_shape_for_itself():
    assert Says()(unknown(None, None)).shape == (None, 5)
    said = SaysOfTwo()(unknown(None, 7, 2), unknown(None, None, 2))
    assert (said.shape, said.dtype) == ((None, None), "int32")  # the shape as said, the dtype of the call
    x = Input((3,))
    outputs = SaysSpecs()(x)
    assert (outputs["a"].shape, outputs["a"].dtype, outputs["b"].shape) == ((None, 4), "int32", (None, 3))
    assert x.history.operation is not outputs["b"].history.operation  # the input is still the input
    assert SaysMore(4)(unknown(None, 3)).shape == SaysMore(4).compute_output_shape((None, 3)) == (None, 4)


@pytest.mark.parametrize("make", [lambda: layers.Dense(3), lambda: layers.Conv1D(3, 2), lambda: layers.GRU(3)])
def test_steps_of_unknown_number_cost_one_call(make):
    inner = make()
    with mock.patch.object(type(inner), "call", autospec=True, side_effect=type(inner).call) as call:
        outputs = layers.TimeDistributed(inner)(unknown(None, None, 6, 5))
    assert outputs.shape[:2] == (None, None) and call.call_count == 1
    assert inner.built


def test_a_loop_over_an_unknown_axis_is_short():
    seen = []

    class Loop(layers.Layer):
        def call(self, x):
            seen.extend(range(x.shape[1]))
            return sum(x[:, t] for t in range(x.shape[1]))

    assert Loop()(unknown(None, None, 3)).shape == (None, 3)
    assert len(seen) == sum(dimensions.PAIRS[0])


def test_one_trace_for_a_layer_of_unknown_rows():
    with mock.patch.object(symbolic, "eval_shape", side_effect=symbolic.eval_shape) as eval_shape:
        x = Input((3,))
        for _ in range(5):
            x = layers.Dense(3, activation="relu")(x)
    assert eval_shape.call_count == 5


def test_layers_that_build_layers_see_none():
    shapes = []

    class Inner(layers.Layer):
        def build(self, input_shape):
            shapes.append(input_shape)

        def call(self, x):
            return x[:, : x.shape[1] // 2 + 3]

    class Outer(layers.Layer):
        def __init__(self):
            super().__init__()
            self.first, self.second = Inner(), Inner()

        def call(self, x):
            return self.second(self.first(x))

    Outer()(unknown(None, None, 4))
    assert shapes == [(None, None, 4)] * 2


WRONG = {
    "matmul": lambda: ops.matmul(unknown(None, None, 3), ones(4, 5)),
    "concatenate": lambda: ops.concatenate([unknown(None, None, 3), unknown(None, 3)]),
    "a loop": lambda: layers.Lambda(lambda x: sum(x[:, t] @ ones(4, 2) for t in range(x.shape[1])))(unknown(None, None, 3)),
    "reshape": lambda: layers.Reshape((3, 3))(unknown(None, None, 7)),
    "two inputs": lambda: Input((3,)) + Input((4,)),
    "a mask": lambda: layers.Softmax()(unknown(None, 7), mask=np.ones((2, 6), bool)),
}


@pytest.mark.parametrize("name", WRONG)
def test_messages_say_none(name):
    with pytest.raises((TypeError, ValueError)) as caught:
        WRONG[name]()
    text = "\n".join([str(caught.value), *caught.value.__notes__])
    numbers = {*map(str, [*sum(dimensions.PAIRS, ()), *dimensions.PRIMES, dimensions.LARGE]), "_DimExpr"}
    assert "None" in text and not any(number in text for number in numbers), text


# -- the catalogue ----------------------------------------------------------------------------------------------------


def opened(row, shape, spatial):
    """A shape with None for the rows and, if `spatial`, for steps, heights and widths."""
    first = "channels_first" in str(row)
    axes = (range(2, len(shape)) if first else range(1, len(shape) - 1)) if spatial else ()
    return tuple(None if axis == 0 or axis in axes else n for axis, n in enumerate(shape))


OPEN = [row for row in ROWS if not row.fixed and not any(isinstance(x, np.ndarray) for x in jax.tree.leaves(row.call))]
# Keras's shapes of scores are wrong where attention runs along other axes; an equation's sizes it does not look for.
NOT_AS_KERAS = ("EinsumDense-equation=abc,cd->abd", "attention_axes=2", "Dot-axes=(1,2)")


@pytest.mark.parametrize("spatial", [False, True], ids=["rows", "rows and places"])
@pytest.mark.parametrize("row", OPEN, ids=str)
def test_unknown_shapes_of_the_catalogue(row, spatial):
    dtype = "float32" if row.integers is None else "int32"

    def shapes(library):
        arguments = row.arguments(lambda shape: library.KerasTensor(opened(row, shape, spatial), dtype))
        return [tuple(t.shape) for t in jax.tree.leaves(row.make(library).symbolic_call(*arguments, **row.call))]

    if spatial and (
        row.name.endswith("Normalization") or row.name == "EinsumDense" or any(n in str(row) for n in NOT_AS_KERAS)
    ):
        return  # may need the size of the axis
    found = shapes(jkeras)
    fixed = row.make(jkeras).symbolic_call(*row.arguments(lambda shape: KerasTensor(shape, dtype)), **row.call)
    for ours, known in zip(found, symbolic.leaves(fixed), strict=True):
        assert len(ours) == len(known.shape)
        assert all(d in (None, n) for d, n in zip(ours, known.shape, strict=True))
    if not row.name.endswith("Cell") and not any(name in str(row) for name in NOT_AS_KERAS):  # cells must be built in Keras
        assert found == shapes(keras)


# -- models in models -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [lambda k: None, lambda k: k + 1], ids=["same shapes", "other shapes"])
def test_nested_models_that_are_called_twice(rows):
    start = time.perf_counter()
    x = Input((4,))
    model = Model(x, layers.Dense(4)(x))
    for k in range(20):
        x = Input(batch_shape=(rows(k), 4))
        model = Model(x, layers.Add()([model(x), model(x)]))
    assert model.output_shape == (rows(19), 4)
    assert time.perf_counter() - start < 30  # twice as long for each level, it would be hours


def test_a_nested_model_hands_its_mask_on():
    x = Input((None,))
    inner = Model(x, layers.Embedding(5, 4, mask_zero=True)(x))
    for steps in (None, 6):
        assert inner(Input((steps,))).mask.shape == (None, steps)
    x = Input((4, 2))
    masked = layers.Masking()(x)
    doubled = Model(x, x * 2.0)
    assert doubled(masked).shape == (None, 4, 2)
