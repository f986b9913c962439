"""`clone_model`: new layers in the same structure, with the numbers that Keras's clones have."""

import numpy as np
import pytest

import jkeras
from tests.models.test_configs import MODELS, Fixed, Graph, Widths, close, functions, nested, operators, shared, stacked
from tests.oracle import keras

X = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")


@pytest.mark.parametrize("case", MODELS)
@pytest.mark.slow
def test_clones_start_with_keras_numbers(case):
    make, data = MODELS[case]
    clones = []
    for k in (keras, jkeras):
        k.utils.set_random_seed(3)
        model = make(k)
        clones.append(k.models.clone_model(model))
        assert not set(map(id, clones[-1].weights)) & set(map(id, model.weights))
    theirs, ours = clones
    assert [layer.name for layer in ours.layers] == [layer.name for layer in model.layers]
    for mine, expected in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, expected)
    close(ours(data), theirs(data))
    assert [v.trainable for v in ours.weights] == [v.trainable for v in theirs.weights]


def widened(k):
    """Twice as many units in every Dense layer but the shared one."""

    def clone(layer):
        if layer.name == "widen":
            return k.layers.Dense(6, activation="relu", name="swapped")
        return layer.__class__.from_config(layer.get_config())

    return clone


def test_a_clone_function_swaps_layers():
    clones = [k.models.clone_model(shared(k), clone_function=widened(k)) for k in (keras, jkeras)]
    theirs, ours = clones
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert "swapped" in [layer.name for layer in ours.layers]
    ours.set_weights(theirs.get_weights())
    close(ours([X, X[:, :4]]), theirs([X, X[:, :4]]))


def test_a_clone_function_may_keep_layers():
    model = shared(jkeras)
    clone = jkeras.models.clone_model(model, clone_function=lambda layer: layer)
    assert clone is not model and list(map(id, clone.weights)) == list(map(id, model.weights))
    with pytest.raises(ValueError, match="'shared' it returned None"):
        jkeras.models.clone_model(model, clone_function=lambda layer: None)


@pytest.mark.parametrize("recursive", [False, True])
def test_recursion_into_nested_models(recursive):
    clones = []
    for k in (keras, jkeras):
        seen: list[str] = []

        def clone(layer, seen=seen):
            seen.append(layer.name)
            return layer.__class__.from_config(layer.get_config())

        model = nested(k)
        clones.append((k.models.clone_model(model, clone_function=clone, recursive=recursive), sorted(seen)))
    (theirs, their_names), (ours, our_names) = clones
    assert our_names == their_names and ("hidden" in our_names) is recursive
    ours.set_weights(theirs.get_weights())
    close(ours(X), theirs(X))


def test_a_call_function_puts_layers_between():
    clones = []
    for k in (keras, jkeras):

        def call(layer, *args, k=k, **kwargs):
            outputs = layer(*args, **kwargs)
            return k.layers.ReLU()(outputs) if isinstance(layer, k.layers.Dense) else outputs

        clones.append(k.models.clone_model(operators(k), clone_function=lambda layer: layer, call_function=call))
    theirs, ours = clones
    assert [type(layer).__name__ for layer in ours.layers] == [type(layer).__name__ for layer in theirs.layers]
    ours.set_weights(theirs.get_weights())
    close(ours(X), theirs(X))


def test_input_tensors():
    x = jkeras.Input((6,), name="fresh")
    clone = jkeras.models.clone_model(functions(jkeras), input_tensors=x)
    assert clone.inputs == [x]
    stack = jkeras.models.clone_model(stacked(jkeras), input_tensors=[x])
    assert stack.input_shape == (None, 6)
    with pytest.raises(ValueError, match="structure of the model's inputs"):
        jkeras.models.clone_model(shared(jkeras), input_tensors=[x])
    with pytest.raises(ValueError, match="one symbolic tensor"):
        jkeras.models.clone_model(stacked(jkeras), input_tensors=[x, x])


@pytest.mark.parametrize("make", [stacked, operators], ids=["sequential", "functional"])
def test_clones_of_compiled_models_train_alone(make):
    import optax

    model = make(jkeras)
    metric = jkeras.metrics.MeanAbsoluteError(name="m")
    model.compile(jkeras.optimizers.SGD(0.1), "mse", metrics=[metric])
    clone = jkeras.models.clone_model(model)
    assert clone.optimizer is not model.optimizer and float(clone.optimizer.learning_rate.numpy()) == np.float32(0.1)
    before = model.get_weights()
    history = clone.fit(X, X[:, :3], verbose=0).history
    assert set(history) == {"loss", "m"}
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    model.compile(optax.sgd(0.1), lambda y, p: jkeras.ops.abs(y - p))
    assert jkeras.models.clone_model(model).compiled


def test_models_of_a_class_of_their_own():
    clone = jkeras.models.clone_model(Widths([3, 2]))
    assert isinstance(clone, Widths) and clone.widths == [3, 2]
    clone = jkeras.models.clone_model(Fixed(4))
    assert isinstance(clone, Fixed) and clone.output_shape == (None, 4)
    x = jkeras.Input((6,))
    assert isinstance(jkeras.models.clone_model(Graph(x, x + 1)), Graph)
    with pytest.raises(ValueError, match="clone_function= is for functional"):
        jkeras.models.clone_model(Widths([3]), clone_function=lambda layer: layer)
    with pytest.raises(ValueError, match="call_function= is for functional"):
        jkeras.models.clone_model(stacked(jkeras), call_function=lambda layer, x: x)
    with pytest.raises(ValueError, match="clones models, got .*Dense"):
        jkeras.models.clone_model(jkeras.layers.Dense(2))
    with pytest.raises(TypeError, match="Did you mean 'recursive'"):
        jkeras.models.clone_model(stacked(jkeras), recursiv=True)
