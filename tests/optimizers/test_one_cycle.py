"""`OneCycle` against PyTorch: the schedule, and the steps of optimizers whose momentum it moves."""

import jax
import numpy as np
import pytest

import jkeras
from jkeras import optimizers
from jkeras.optimizers.schedules import OneCycle

torch = pytest.importorskip("torch")
STEPS = 40


def torch_run(make, **options):
    """The weights after each step of one cycle, and the learning rates and momenta that PyTorch took."""
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64))
    optimizer = make([weight])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=STEPS, **options)
    seen, rates, momenta = [], [], []
    for _ in range(STEPS):
        group = optimizer.param_groups[0]
        rates.append(group["lr"])
        momenta.append(group["betas"][0] if "betas" in group else group["momentum"])
        optimizer.zero_grad()
        (weight**2 * torch.tensor([1.0, 0.5, 0.1])).sum().backward()
        optimizer.step()
        schedule.step()
        seen.append(weight.detach().numpy().copy())
    return np.array(seen), rates, momenta


def our_run(optimizer):
    weight = jkeras.Variable(np.array([1.0, -2.0, 3.0]), dtype="float32")
    seen = []
    for _ in range(STEPS):
        optimizer.apply([2 * weight.value * np.array([1.0, 0.5, 0.1], "float32")], [weight])
        seen.append(weight.numpy())
    return np.array(seen)


@pytest.mark.parametrize("options", [{}, {"pct_start": 0.5, "div_factor": 10.0, "final_div_factor": 100.0}])
def test_rates_and_momenta(options):
    _, rates, momenta = torch_run(lambda w: torch.optim.SGD(w, 0.1, momentum=0.9), **options)
    names = {"pct_start": "warmup"}
    schedule = OneCycle(0.1, STEPS, **{names.get(name, name): value for name, value in options.items()})
    steps = np.arange(STEPS)
    np.testing.assert_allclose(jax.jit(jax.vmap(schedule))(steps), rates, rtol=1e-4)
    np.testing.assert_allclose(jax.jit(jax.vmap(schedule.momentum))(steps), momenta, rtol=1e-5)
    assert float(schedule(STEPS + 100)) == float(schedule(STEPS - 1))


def test_steps_of_adam():
    expected, _, _ = torch_run(lambda w: torch.optim.Adam(w, 0.1, eps=1e-12))
    np.testing.assert_allclose(our_run(optimizers.Adam(OneCycle(0.1, STEPS), epsilon=1e-12)), expected, rtol=2e-3, atol=1e-4)


def test_steps_of_sgd():
    """PyTorch's velocity has the gradients' unit, and ours the steps' (Keras's), which a changing rate tells apart."""
    schedule, weight, velocity, seen = OneCycle(0.1, STEPS), np.array([1.0, -2.0, 3.0]), np.zeros(3), []
    for step in range(STEPS):
        velocity = float(schedule.momentum(step)) * velocity - float(schedule(step)) * 2 * weight * [1.0, 0.5, 0.1]
        weight = weight + velocity
        seen.append(weight)
    np.testing.assert_allclose(our_run(optimizers.SGD(schedule, momentum=0.9)), seen, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW", "Adamax", "Lamb"])
def test_who_takes_the_momentum(name):
    kind = getattr(optimizers, name)
    options = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {"beta_1": 0.9}
    moved, still = kind(OneCycle(0.1, STEPS), **options), kind(OneCycle(0.1, STEPS, momentum=None), **options)
    same = kind(OneCycle(0.1, STEPS, momentum=(0.9, 0.9)), **options)
    np.testing.assert_allclose(our_run(same), our_run(still), rtol=1e-4, atol=1e-5)
    assert np.abs(our_run(moved) - our_run(kind(OneCycle(0.1, STEPS, momentum=None), **options))).max() > 1e-4


def test_without_a_momentum_of_its_own_an_optimizer_gets_none():
    np.testing.assert_array_equal(
        our_run(optimizers.SGD(OneCycle(0.1, STEPS))), our_run(optimizers.SGD(OneCycle(0.1, STEPS, momentum=None)))
    )


def test_in_fit_and_in_files(tmp_path):
    x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
    model = jkeras.Sequential([jkeras.Input((3,)), jkeras.layers.Dense(1)])
    model.compile(optimizers.Adam(OneCycle(0.1, 40, momentum=(0.9, 0.8))), "mse")
    model.fit(x, x[:, :1], batch_size=8, epochs=5, verbose=0)
    model.save(tmp_path / "a.keras")
    loaded = jkeras.models.load_model(tmp_path / "a.keras")
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    for one in (model, loaded):
        one.fit(x, x[:, :1], batch_size=8, epochs=5, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], loaded.get_weights()[0])


@pytest.mark.parametrize("options", [{"total_steps": 0}, {"warmup": 2}, {"momentum": (0.9,)}, {"momentum": (1.5, 0.5)}])
def test_bad_arguments(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        OneCycle(**{"max_learning_rate": 0.1, "total_steps": 10, **options})
