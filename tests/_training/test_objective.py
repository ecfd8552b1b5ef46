"""Tests of what training minimizes."""

import pytest
import torch
from torch import distributions, nn
from torch.func import jacrev, vmap

from skae._training.objective import (
    NegativeLogLikelihood,
    ReconstructionObjective,
    VariationalObjective,
    kl_divergence,
)
from skae.likelihood import Bernoulli, Gaussian, Laplace
from skae.modules import DenseAutoencoder, VariationalAutoencoder


@pytest.fixture
def module():
    torch_state = torch.get_rng_state()
    torch.manual_seed(0)
    yield DenseAutoencoder(5, 3, (4,), "tanh")
    torch.set_rng_state(torch_state)


@pytest.fixture
def x():
    return torch.rand(6, 5, generator=torch.Generator().manual_seed(1))


def exact_contraction(module, x):
    jacobians = vmap(jacrev(lambda row: module.encode(row[None])[0]))(x)
    return jacobians.square().sum(dim=(1, 2)).mean().item()


def test_contractive_penalty_is_unbiased(module, x):
    objective = ReconstructionObjective(
        Gaussian(), contractive_penalty=1.0, generator=torch.Generator().manual_seed(2)
    )
    plain = ReconstructionObjective(Gaussian())(module, x, x).item()
    draws = torch.tensor([objective(module, x, x).item() - plain for _ in range(3000)])
    error = draws.std() / len(draws) ** 0.5
    assert draws.std() > 0.02 * draws.mean()  # an estimate, from random directions
    assert error < 0.01 * draws.mean()
    assert abs(draws.mean() - exact_contraction(module, x)) < 3 * error


def test_contractive_penalty_reaches_the_weights(module, x):
    # With one component there is one direction but for its sign: nothing is random.
    module = DenseAutoencoder(5, 1, (4,), "tanh")
    objective = ReconstructionObjective(Gaussian(), contractive_penalty=0.7)
    x_before = x.clone()
    objective(module, x, x).backward()
    grads = [p.grad.clone() for p in module.parameters()]
    module.zero_grad()
    jacobian = vmap(jacrev(lambda row: module.encode(row[None])[0]))(x)
    loss = (module(x) - x).square().mean() + 0.7 * jacobian.square().sum() / len(x)
    loss.backward()
    for grad, parameter in zip(grads, module.parameters(), strict=True):
        torch.testing.assert_close(grad, parameter.grad)
    assert not x.requires_grad
    assert torch.equal(x, x_before)


def test_l1_penalty_is_the_mean_absolute_sum_of_codes(module, x):
    plain = ReconstructionObjective(Laplace())(module, x, x)
    penalized = ReconstructionObjective(Laplace(), l1_penalty=0.3)(module, x, x)
    expected = 0.3 * module.encode(x).abs().sum(dim=1).mean()
    torch.testing.assert_close(penalized - plain, expected)


@pytest.mark.parametrize("likelihood", [Gaussian(), Laplace(), Bernoulli()], ids=str)
def test_penalties_vanish_in_eval_mode(module, x, likelihood):
    penalized = ReconstructionObjective(
        likelihood, l1_penalty=1.0, contractive_penalty=1.0
    )
    expected = likelihood.loss(module(x), x)
    assert penalized(module.train(), x, x) > expected
    assert torch.equal(penalized(module.eval(), x, x), expected)


def test_target_may_differ_from_input(module, x):
    target = x.flip(0)
    found = ReconstructionObjective(Gaussian())(module, x, target)
    torch.testing.assert_close(found, (module(x) - target).square().mean())


def test_kl_divergence_agrees_with_torch():
    mean, std = torch.tensor([[-1.0, 0.0, 2.0], [0.0, 1.0, 0.5]]), torch.tensor(0.7)
    expected = distributions.kl_divergence(
        distributions.Normal(mean, std), distributions.Normal(0.0, 1.0)
    )
    torch.testing.assert_close(kl_divergence(mean, std), expected)
    assert kl_divergence(torch.zeros(1), torch.ones(1)) == 0


@pytest.mark.parametrize("likelihood", [Gaussian(), Laplace()], ids=str)
def test_noise_is_learned_along_the_way(x, likelihood):
    misfit, output = NegativeLogLikelihood(likelihood), torch.zeros_like(x)
    first = misfit(output, x, learn=True)
    noise = likelihood.noise(likelihood.error(output, x).mean(dim=0))
    expected = -likelihood.log_prob(x, output, noise).mean() / 5
    torch.testing.assert_close(first, expected)
    # Without learning the noise stays; with it, it nears that of the newer batches.
    far = misfit(output, 3 * x, learn=False)
    torch.testing.assert_close(
        far, -likelihood.log_prob(3 * x, output, noise).mean() / 5
    )
    for _ in range(100):
        found = misfit(output, 3 * x, learn=True)
    noise = likelihood.noise(likelihood.error(output, 3 * x).mean(dim=0))
    expected = -likelihood.log_prob(3 * x, output, noise).mean() / 5
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    perfect = NegativeLogLikelihood(likelihood)(x, x, learn=True)
    assert perfect.isfinite()


def test_noise_is_that_of_a_running_mean_of_the_errors(x):
    likelihood, output = Gaussian(covariance_type="diag"), torch.zeros_like(x)
    misfit = NegativeLogLikelihood(likelihood)
    misfit(output, x, learn=True)
    second = misfit(output, 3 * x, learn=True)
    error = x.square().mean(dim=0)
    noise = 0.9 * error + 0.1 * 9 * error
    expected = -likelihood.log_prob(3 * x, output, noise).mean() / 5
    torch.testing.assert_close(second, expected)


@pytest.mark.parametrize("is_variational", [True, False])
def test_noise_learns_nothing_from_what_is_held_out(module, x, is_variational):
    likelihood = Gaussian(covariance_type="diag")
    objective = ReconstructionObjective(likelihood)
    if is_variational:
        module = VariationalAutoencoder(nn.Linear(5, 6), nn.Linear(3, 5))
        objective = VariationalObjective(likelihood, 1.0, torch.Generator())

    def judge():
        if is_variational:
            objective.generator.manual_seed(0)
        return objective(module.eval(), x, x)

    objective(module.train(), x, x)
    before = judge()
    assert torch.equal(judge(), before)
    objective(module.eval(), 9 * x, 5 * x)
    assert torch.equal(judge(), before)
    objective(module.train(), 9 * x, 5 * x)
    assert not torch.equal(judge(), before)


def test_variational_objective_is_the_negative_elbo(x):
    torch_state = torch.get_rng_state()
    torch.manual_seed(0)
    module = VariationalAutoencoder(nn.Linear(5, 6), nn.Linear(3, 5))
    torch.set_rng_state(torch_state)
    objective = VariationalObjective(
        Bernoulli(), beta=2.0, generator=torch.Generator().manual_seed(3)
    )
    objective.weight = 0.5
    found = objective(module.train(), x, x)
    mean, std = module.encode_distribution(x)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(3))
    misfit = Bernoulli().loss(module.decode(mean + std * noise), x)
    divergence = kl_divergence(mean, std).sum(dim=1).mean() / 5
    torch.testing.assert_close(found, misfit + 0.5 * divergence)
    terms = objective.mean_terms()
    assert terms == pytest.approx([misfit.item(), divergence.item()])
    # Held-out samples: the last weight, and nothing is noted.
    objective.generator.manual_seed(3)
    held_out = objective(module.eval(), x, x)
    torch.testing.assert_close(held_out, misfit + 2.0 * divergence)
    assert objective.mean_terms() == terms
    objective.forget_terms()
    objective(module.train(), x[:2], x[:2])
    assert objective.mean_terms() != terms
