"""The workflow of bayesflow's README, with fewer steps: each of its calls works, and it learns."""

import bayesflow
import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def workflow():
    return bayesflow.BasicWorkflow(
        inference_network=bayesflow.networks.FlowMatching(),
        inference_variables=["parameters"],
        inference_conditions=["observables"],
        simulator=bayesflow.simulators.SIR(),
    )


def test_simulates(workflow):
    assert workflow.simulate(4)["parameters"].shape == (4, 2)


def test_learns_online(workflow):
    losses = workflow.fit_online(epochs=3, batch_size=32, num_batches_per_epoch=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_samples_from_the_posterior(workflow):
    samples = workflow.sample(num_samples=20, conditions=workflow.simulate(4))["parameters"]
    assert samples.shape == (4, 20, 2) and np.isfinite(samples).all()


def test_plots_the_diagnostics(workflow):
    figures = workflow.plot_default_diagnostics(test_data=20, num_samples=20)
    assert {"losses", "recovery"} <= set(figures)
