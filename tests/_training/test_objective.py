"""Tests of what training minimizes."""

import pytest
import torch
from torch.func import jacrev, vmap

from skae._training.objective import ReconstructionObjective
from skae.likelihood import Bernoulli, Gaussian, Laplace
from skae.modules import DenseAutoencoder


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
