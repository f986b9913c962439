"""`model.summary(flops=True)`: counts that can be checked by hand."""

import pytest

import jkeras
from jkeras import layers
from jkeras.models.flops import flops_per_sample


def count(shape, *inner, **options):
    return flops_per_sample(jkeras.Sequential([jkeras.Input(shape, **options), *inner]))


def test_a_product_takes_two_for_each_weight():
    assert count((10,), layers.Dense(20, use_bias=False)) == 2 * 10 * 20
    assert count((10,), layers.Dense(20), layers.Dense(3)) == 2 * 10 * 20 + 20 + 2 * 20 * 3 + 3
    assert count((10,), layers.Dense(20, use_bias=False), batch_size=8) == 2 * 10 * 20


def test_convolutions():
    found = count((16, 16, 3), layers.Conv2D(8, 3, padding="valid", use_bias=False))
    assert found == pytest.approx(2 * 14 * 14 * 8 * 3 * 3 * 3, rel=0.01)


@pytest.mark.parametrize("steps", [5, 200])
def test_the_steps_of_a_recurrence_are_counted(steps):
    """A step of an LSTM has 4 * units * (inputs + units) weights, and some operations per unit besides."""
    found, weights = count((steps, 8), layers.LSTM(16)), 4 * 16 * (8 + 16)
    assert 2 * steps * weights <= found <= 2 * steps * (weights + 40 * 16)


def test_several_inputs_and_a_nested_model():
    a, b = jkeras.Input((4,)), jkeras.Input((6,))
    inner = jkeras.Sequential([jkeras.Input((4,)), layers.Dense(6, use_bias=False)])
    model = jkeras.Model([a, b], layers.Add()([inner(a), b]))
    assert flops_per_sample(model) == 2 * 4 * 6 + 6


def test_summary(capsys):
    model = jkeras.Sequential([jkeras.Input((10,)), layers.Dense(20, use_bias=False)])
    model.summary()
    assert "FLOPs" not in capsys.readouterr().out
    model.summary(flops=True)
    assert capsys.readouterr().out.rstrip().endswith("FLOPs per sample: 400")


def test_what_cannot_be_counted():
    with pytest.raises(ValueError, match="give it an Input"):
        jkeras.Sequential([layers.Dense(3)]).summary(flops=True)
    with pytest.raises(ValueError, match=r"not known: its inputs have the shapes \[\(None, None, 3\)\]"):
        jkeras.Sequential([jkeras.Input((None, 3)), layers.LSTM(2)]).summary(flops=True)
