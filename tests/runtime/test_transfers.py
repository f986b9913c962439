"""Nothing goes to or from the device that the library does not mean to move."""

import jax
import numpy as np
import pytest

import jkeras

X, Y = np.ones((70, 4), "float32"), np.ones((70, 1), "float32")
ON_DEVICE = jax.device_put((X, Y))


@pytest.fixture(scope="module")
def model():
    layers = [jkeras.layers.Dense(3, activation="relu"), jkeras.layers.Dropout(0.1), jkeras.layers.Dense(1)]
    made = jkeras.Sequential(layers)
    made.compile("adam", "mse", metrics=["mae"])
    for call in CALLS.values():
        call(made)
    return made


CALLS = {
    "fit": lambda model: model.fit(*ON_DEVICE, epochs=2, verbose=0),
    "fit on NumPy arrays": lambda model: model.fit(X, Y, validation_data=(X, Y), verbose=0),
    "evaluate": lambda model: model.evaluate(X, Y, verbose=0),
    "predict": lambda model: model.predict(X, verbose=0),
    "train_on_batch": lambda model: model.train_on_batch(X, Y),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_second_call_passes_a_guard_that_forbids_implicit_transfers(model, name):
    with jax.transfer_guard("disallow"):
        with pytest.raises(jax.errors.JaxRuntimeError, match="Disallowed"):
            jax.numpy.sin(X)  # the guard is on
        CALLS[name](model)
