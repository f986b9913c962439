"""Public namespaces list what is public, and say why a name is not there."""

import gc
import subprocess
import sys

import pytest

import jkeras
from jkeras.serialization.left_out import LEFT_OUT, OLDER

NAMESPACES = {
    "jkeras": jkeras,
    **{
        f"jkeras.{name}": getattr(jkeras, name)
        for name in (
            "activations",
            "backend",
            "callbacks",
            "config",
            "constraints",
            "datasets",
            "dtype_policies",
            "initializers",
            "layers",
        )
        + (
            "losses",
            "metrics",
            "mixed_precision",
            "models",
            "ops",
            "optimizers",
            "random",
            "regularizers",
            "saving",
            "tree",
            "utils",
        )
    },
    **{f"jkeras.ops.{name}": getattr(jkeras.ops, name) for name in ("image", "linalg", "nn", "numpy")},
    "jkeras.optimizers.schedules": jkeras.optimizers.schedules,
}


@pytest.mark.parametrize("name", NAMESPACES)
def test_dir_lists_what_is_public_and_nothing_else(name):
    module = NAMESPACES[name]
    assert dir(module) == sorted(set(module.__all__))
    for member in dir(module):
        assert getattr(module, member) is not None and not member.startswith("_")
    assert not {"Any", "np", "jnp", "jax", "gc", "core", "training"} & set(dir(module))


@pytest.mark.parametrize("name", NAMESPACES)
def test_a_misspelt_name_gets_the_close_one(name):
    target = max(dir(NAMESPACES[name]), key=len)
    wrong = target[:-2] + target[-1] + target[-2] + "x"
    with pytest.raises(AttributeError, match=f"{name} has no '{wrong}'. Did you mean"):
        getattr(NAMESPACES[name], wrong)
    with pytest.raises(ImportError, match=f"{name} has no '{wrong}'. Did you mean"):
        exec(f"from {name} import {wrong}")
    assert not hasattr(NAMESPACES[name], wrong)


def places():
    for path, reason in (LEFT_OUT | OLDER).items():
        place, _, name = path.rpartition(".")
        module = NAMESPACES.get(f"jkeras.{place}".rstrip("."))
        if module is not None:
            yield module, name, reason


def test_a_name_that_is_left_out_says_why():
    listed = list(places())
    assert len(listed) > 10
    for module, name, reason in listed:
        with pytest.raises(AttributeError) as error:
            getattr(module, name)
        assert str(error.value) == f"{module.__name__} has no {name!r}. {reason}"
        with pytest.raises(ImportError) as error:
            exec(f"from {module.__name__} import {name}")
        assert reason in str(error.value)


@pytest.mark.parametrize("make,name,message", [
    (lambda: jkeras.Sequential(), "fit_generator", "has no attribute 'fit_generator'. Pass the generator to fit"),
    (lambda: jkeras.Sequential(), "predict_proba", "Write model.predict"),
    (lambda: jkeras.Sequential([jkeras.layers.Dense(2)]), "summry", "Did you mean 'summary'"),
    (lambda: jkeras.layers.Dense(2), "kernel", "The layer is not built yet"),
    (lambda: jkeras.layers.Conv2D(2, 3), "kernel", "The layer is not built yet"),
    (lambda: jkeras.layers.BatchNormalization(), "moving_mean", "The layer is not built yet"),
    (lambda: jkeras.layers.Dense(2), "unit", "Did you mean 'units'"),
])  # fmt: skip
def test_missing_attributes_of_layers_and_models(make, name, message):
    with pytest.raises(AttributeError, match=message):
        getattr(make(), name)


def test_yet_is_kept_for_weights():
    with pytest.raises(AttributeError) as error:
        jkeras.layers.Dense(2).fit_generator  # noqa: B018
    assert "yet" not in str(error.value)


@pytest.mark.parametrize("made,shown", [
    (lambda: jkeras.initializers.Constant(0.5), "Constant(value=0.5)"),
    (lambda: jkeras.regularizers.L1L2(l1=0.5, l2=0.25), "L1L2(l1=0.5, l2=0.25)"),
    (lambda: jkeras.constraints.MaxNorm(3), "MaxNorm(max_value=3, axis=0)"),
    (lambda: jkeras.random.SeedGenerator(3, name="s"), "SeedGenerator(seed=3, name='s')"),
    (lambda: jkeras.optimizers.schedules.PolynomialDecay(0.1, 10), "PolynomialDecay(initial_learning_rate=0.1, decay_steps=10"),
    (lambda: jkeras.callbacks.History(), "<History epochs=0>"),
])  # fmt: skip
def test_objects_show_what_they_are(made, shown):
    assert repr(made()).startswith(shown)


def test_an_import_that_fails_leaves_the_garbage_collector_on():
    program = "import gc, sys; sys.modules['optax'] = None\ntry:\n    import jkeras\nexcept ImportError:\n    print(gc.isenabled())"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "True\n"
    assert gc.isenabled()
