"""Weight decay and noise of networks that start at principal components."""

import math

import pytest
import torch

from skae._training.regularization import DECAY, N_PORTIONS, Regularization
from skae._training.schedules import SCHEDULES


def run(weights, n_steps, n_samples=10**6, error=0.0):
    """Take the steps of a run, and return the inputs and weights after each."""
    generator = torch.Generator().manual_seed(0)
    regularization = Regularization(weights, error, n_samples, generator)
    rates = [SCHEDULES["one_cycle"](i / n_steps) for i in range(n_steps)]
    x, seen = torch.zeros(64, 32), []
    for i, rate in enumerate(rates):
        inputs = regularization.step(x, i, n_steps, rate / sum(rates))
        seen.append((inputs, [weight.detach().clone() for weight in weights]))
    return seen


@pytest.mark.parametrize("n_steps", [20, 200, 650, 5000])
def test_the_same_part_of_the_weights_is_left_after_any_number_of_steps(n_steps):
    weight = torch.nn.Parameter(torch.ones(3, 2))
    run([weight], n_steps)
    torch.testing.assert_close(
        weight.detach(), torch.full((3, 2), math.exp(-DECAY)), rtol=0.04, atol=0.0
    )


def test_a_long_run_goes_through_the_weights_in_few_steps():
    weight = torch.nn.Parameter(torch.ones(1))
    values = [float(weights[0]) for _, weights in run([weight], 10 * N_PORTIONS)]
    assert len(set(values)) == N_PORTIONS


def test_weights_that_are_not_trained_do_not_decay():
    frozen = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    run([frozen], 50)
    assert torch.equal(frozen, torch.ones(2))


def test_noise_of_small_sets_is_half_of_the_error_and_that_of_others_falls():
    few, more = (
        [float(inputs.std()) for inputs, _ in run([], 100, n_samples, error=4.0)]
        for n_samples in (200, 1200)
    )
    assert few == pytest.approx([1.0] * 100, rel=0.1)
    assert more[:30] == pytest.approx([0.5] * 30, rel=0.1)
    assert more[-1] == pytest.approx(0.25, rel=0.1)
