import pytest
import torch

from skae._training.fast.losses import mean_loss, mean_nll
from skae._training.negative_log_likelihood import NegativeLogLikelihood
from skae._training.objective import weighted_mean
from skae.likelihood import Bernoulli, Gaussian, Laplace

LIKELIHOODS = [
    Gaussian(),
    Gaussian(link="logit"),
    Laplace(),
    Laplace(link="logit"),
    Bernoulli(),
]
WEIGHTS = [None, torch.linspace(0, 2, 7)]


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(7, 5, generator=generator, dtype=torch.float64) for _ in "ab")


@pytest.mark.parametrize("weight", WEIGHTS, ids=["", "weight"])
@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_loss_and_derivative_are_those_of_autograd(likelihood, weight, batch):
    output, target = batch
    output.requires_grad_()
    expected = weighted_mean(likelihood.loss(output, target), weight)
    (expected_grad,) = torch.autograd.grad(expected, output)
    loss, grad = mean_loss(likelihood, output.detach(), target, weight)
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(grad, expected_grad)


@pytest.mark.parametrize("weight", WEIGHTS, ids=["", "weight"])
@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_density_and_derivative_are_those_of_autograd(likelihood, weight, batch):
    output, target = batch
    ours, theirs = (NegativeLogLikelihood(likelihood) for _ in range(2))
    for factor in (1.0, 0.5):  # the variance of the second batch knows the first
        x = (factor * output).requires_grad_()
        expected = weighted_mean(theirs(x, target, weight), weight)
        (expected_grad,) = torch.autograd.grad(expected, x)
        loss, grad = mean_nll(ours, x.detach(), target, weight)
        torch.testing.assert_close(loss, expected.detach())
        torch.testing.assert_close(grad, expected_grad)
        if likelihood.has_variance:  # one for all features
            torch.testing.assert_close(ours.error.mean(), theirs.error.mean())
