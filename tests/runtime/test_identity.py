"""A model never runs another model's program, nor an outdated one of its own; equal models share theirs."""

import jax
import numpy as np
import pytest

import jkeras
from jkeras.layers import BatchNormalization, Dense, Dropout, LayerNormalization
from jkeras.models import Sequential
from jkeras.runtime.identity import identity
from jkeras.runtime.store import Store, store
from tests import catalogue

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 3)).astype("float32")
Y = RNG.normal(size=(32, 1)).astype("float32")
ROWS = list(
    {
        str(r): r
        for rows in vars(catalogue).values()
        if isinstance(rows, list)
        for r in rows
        if isinstance(r, catalogue.Row)
    }.values()
)
COMMON = {"name": "other", "trainable": False, "dtype": "mixed_bfloat16", "autocast": False, "activity_regularizer": "l2"}


@pytest.fixture(autouse=True)
def no_shared_programs():
    store.clear()


def of(layer):
    return identity(layer, layer.variables)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_layers_that_differ_in_an_argument_have_different_identities(row):
    options, reference = row.options(jkeras), row.make(jkeras)
    without = [{k: v for k, v in options.items() if k != name} for name in options]
    others = [(name, given, {}) for name, given in zip(options, without, strict=True)]
    others += [(name, options, {name: value}) for name, value in COMMON.items()]
    for name, given, more in others:
        try:
            layer = row._replace(options=lambda _, given=given: given).make(jkeras, **more)
        except (ValueError, TypeError):
            continue  # the argument is needed beside the others, or not taken
        one, other = (vars(each).get(name, each) for each in (reference, layer))
        if type(one) is not type(other) or not np.array_equal(one, other):  # another spelling of the same is the same
            assert of(layer) is None or of(layer) != of(reference), name


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_an_attribute_that_is_changed_after_construction_changes_the_identity(row):
    layer = row.make(jkeras)
    reference = of(layer)
    for name, value in list(vars(layer).items()):
        known = {n for part in type(layer).__mro__ for n in vars(part).get("untraced", ())}
        if name in known or not isinstance(value, (bool, int, float, str, tuple)) or isinstance(value, type):
            continue
        vars(layer)[name] = (value, "changed")
        try:
            assert of(layer) != reference or reference is None, name
        finally:
            vars(layer)[name] = value
    assert of(layer) == reference
    layer.call = lambda *args, **kwargs: None
    assert of(layer) is None


def model(*layers, loss="mse", optimizer="sgd", **compiled):
    jkeras.utils.set_random_seed(1)
    made = Sequential([jkeras.Input((3,)), *layers])
    made.compile(optimizer, loss, **compiled)
    return made


def test_equal_models_share_and_others_do_not():
    def traces(made):
        made.fit(X, Y, verbose=0)
        made.predict(X, verbose=0)
        return made.stats()["traces"]

    assert traces(model(Dense(4, "relu"), Dropout(0.5), Dense(1), metrics=["mae"])) == 2
    assert traces(model(Dense(4, "relu"), Dropout(0.5), Dense(1), metrics=["mae"])) == 0
    assert traces(model(Dense(4, "relu"), Dropout(0.5), Dense(1), metrics=["mse"])) == 1  # predict is the same
    assert (
        traces(
            model(Dense(4, "relu"), Dropout(0.5), Dense(1), metrics=["mae"], optimizer=jkeras.optimizers.SGD(momentum=0.5))
        )
        == 1
    )
    assert traces(model(Dense(4, "tanh"), Dropout(0.5), Dense(1), metrics=["mae"])) == 2


def test_models_that_differ_in_autocast_give_their_own_values():
    def predicted(autocast):
        made = model(Dense(16, dtype=jkeras.DTypePolicy("mixed_bfloat16"), autocast=autocast), Dense(1))
        made.set_weights([np.full(w.shape, 0.1234567, w.dtype) for w in made.get_weights()])
        return made.predict(X, verbose=0).tobytes()

    store.clear()
    first = {autocast: predicted(autocast) for autocast in (True, False)}
    store.clear()
    assert {autocast: predicted(autocast) for autocast in (False, True)} == first
    assert first[True] != first[False]


def test_a_method_set_on_an_instance_is_called():
    model(Dense(1)).fit(X, Y, verbose=0)
    made = model(Dense(1))
    seen = []
    made.compute_metrics = lambda x, y, y_pred, sample_weight=None: seen.append(y_pred) or made.get_metrics_result()
    made.fit(X, Y, verbose=0)
    assert seen


def test_a_patched_class_is_not_taken_for_what_it_was(monkeypatch):
    plain = model(Dense(1)).predict(X, verbose=0)
    monkeypatch.setattr(Dense, "call", lambda self, inputs, training=None: inputs[:, :1] * 0 + 7)
    assert (model(Dense(1)).predict(X, verbose=0) == 7).all()
    monkeypatch.undo()
    assert (model(Dense(1)).predict(X, verbose=0) == plain).all()


CHANGES = {
    "activation": (lambda: Dense(1), lambda layer: setattr(layer, "activation", jkeras.activations.tanh)),
    "removed softmax": (lambda: Dense(4, "softmax"), lambda layer: setattr(layer, "activation", None)),
    "epsilon": (LayerNormalization, lambda layer: setattr(layer, "epsilon", 3.0)),
    "moving average's epsilon": (BatchNormalization, lambda layer: setattr(layer, "epsilon", 3.0)),
    "call": (lambda: Dense(1), lambda layer: setattr(layer, "call", lambda inputs, **_: inputs * 2)),
}


@pytest.mark.parametrize("make, change", CHANGES.values(), ids=CHANGES)
def test_predict_sees_a_change_after_compile(make, change):
    made = model(make())
    made.predict(X, verbose=0)
    change(made.layers[0])
    made.compile("sgd", "mse")
    np.testing.assert_allclose(made.predict(X, verbose=0), np.asarray(made(X)), rtol=1e-5, atol=1e-6)


def test_what_is_traced_after_a_change_is_not_given_to_others():
    changed, fresh = model(Dense(1)), model(Dense(1))
    changed.predict(X, verbose=0)
    changed.layers[0].activation = jkeras.activations.tanh
    changed.predict(X[:5], verbose=0)  # another shape: traced with the new activation
    np.testing.assert_allclose(fresh.predict(X[:5], verbose=0), np.asarray(fresh(X[:5])), rtol=1e-5, atol=1e-6)


def test_settings_are_part_of_a_program():
    made = model(Dense(4, "softmax"), loss="categorical_crossentropy")
    made.fit(X, np.eye(4, dtype="float32")[np.arange(32) % 4], verbose=0)
    before = identity(made, made.variables)
    jkeras.config.set_epsilon(1e-3)
    try:
        assert identity(made, made.variables) != before
    finally:
        jkeras.config.set_epsilon(1e-7)


def test_inputs_by_name_are_told_apart():
    a, b = jkeras.Input((2,), name="a"), jkeras.Input((2,), name="b")
    x = {"a": np.ones((4, 2), "float32"), "b": np.zeros((4, 2), "float32")}
    for inputs in ([a, b], [b, a]):
        made = jkeras.Model(inputs, jkeras.layers.Subtract()([inputs[0], inputs[1]]))
        assert made.predict(x, verbose=0)[0, 0] == (1 if inputs[0] is a else -1)


def test_errors_name_the_layers_of_the_model_that_was_called():
    def failing(name):
        layer = Dense(1, name=name)
        made = model(layer)
        made.predict(X, verbose=0)
        layer.activation = lambda x: x.reshape(7, 7, 7)
        with pytest.raises(Exception, match=name):  # whatever JAX raises
            made.predict(X[:9], verbose=0)

    failing("first_one")
    failing("second_one")


def test_an_error_of_the_smaller_last_batch_comes_once(capfd):
    def fails_on_five(y_true, y_pred):
        if y_pred.shape[0] == 5:
            raise ValueError("five rows")
        return jax.numpy.mean((y_true - y_pred) ** 2, axis=-1)

    with pytest.raises(ValueError, match="five rows"):
        model(Dense(1), loss=fails_on_five).fit(X[:21], Y[:21], batch_size=16, verbose=0)
    assert "Traceback" not in capfd.readouterr().err


def test_the_store_is_bounded_by_bytes():
    kept = Store(limit=1000)
    for number in range(300):
        kept.keep(number, str(number), nbytes=3)
    assert len(kept) == 300
    kept.keep("huge", "huge", nbytes=900)
    assert kept.find("huge") is None and len(kept) == 300  # it drives nobody out
    kept.find(0)
    for number in range(300, 400):
        kept.keep(number, str(number), nbytes=3)
    assert kept.nbytes <= 1000 and kept.find(0) == "0" and kept.find(1) is None


def test_clear_session_forgets_programs():
    model(Dense(1)).fit(X, Y, verbose=0)
    assert len(store)
    jkeras.utils.clear_session()
    assert not len(store)
    made = model(Dense(1))
    made.fit(X, Y, verbose=0)
    assert made.stats()["traces"] == 1 and made.layers[0].name == "dense"
