import pytest
import torch

from skae._training.fast.codes import PlainCode, VariationalCode
from skae._training.objective import ReconstructionObjective, weighted_mean
from skae._training.variational_objective import VariationalObjective, kl_divergence
from skae.likelihood import Gaussian
from skae.modules import DenseAutoencoder, VariationalModule

WEIGHTS = [None, torch.linspace(0, 2, 7)]


def with_generator(**options):
    module = VariationalModule(torch.nn.Identity(), torch.nn.Identity())
    generator = torch.Generator().manual_seed(3)
    return VariationalObjective(module, Gaussian(), generator=generator, **options)


@pytest.fixture
def encoded():
    generator = torch.Generator().manual_seed(0)
    encoded = torch.randn(7, 6, generator=generator)
    encoded[0, 3], encoded[1, 4] = 70.0, -70.0  # variances that are clamped
    return encoded


@pytest.mark.parametrize("weight", WEIGHTS, ids=["", "weight"])
def test_gradient_of_a_drawn_code_is_that_of_autograd(encoded, weight):
    ours, theirs = (with_generator(beta=0.7, beta_warm_up=2) for _ in range(2))
    for objective in (ours, theirs):
        objective.begin_epoch(1)  # half of beta
    direction = torch.linspace(-1, 1, 21).view(7, 3)
    x = encoded.clone().requires_grad_()
    mean, std = theirs.module.encode_distribution(x)
    code = mean + std * torch.randn(7, 3, generator=theirs.generator)
    divergence = kl_divergence(mean, std).sum(dim=1, keepdim=True)
    divergence = weighted_mean(divergence, weight) / 9
    (expected,) = torch.autograd.grad((code * direction).sum() + 0.35 * divergence, x)

    between = VariationalCode(ours)
    torch.testing.assert_close(between.forward(encoded), code.detach())
    loss, grad = between.backward(torch.tensor(2.0), direction, 9, weight)
    torch.testing.assert_close(loss, 2.0 + 0.35 * divergence.detach())
    torch.testing.assert_close(grad, expected)
    assert not grad[0, 3]
    assert not grad[1, 4]
    terms = ours.end_epoch(1, 1)
    assert terms["kl_divergence"] == pytest.approx(9 * divergence.item())
    assert terms["reconstruction_loss"] == pytest.approx(9 * 2.0)


@pytest.mark.parametrize("weight", WEIGHTS, ids=["", "weight"])
@pytest.mark.parametrize("l1_penalty", [0.0, 0.1])
def test_gradient_of_a_plain_code_has_the_penalty(encoded, l1_penalty, weight):
    module = DenseAutoencoder(9, 6)
    objective = ReconstructionObjective(module, Gaussian(), l1_penalty=l1_penalty)
    x = encoded.clone().requires_grad_()
    penalty = l1_penalty * weighted_mean(x.abs().sum(dim=1, keepdim=True), weight)
    (expected,) = torch.autograd.grad(x.sum() + penalty, x)
    between = PlainCode(objective)
    assert between.forward(encoded) is encoded
    loss, grad = between.backward(
        torch.tensor(2.0), torch.ones_like(encoded), 9, weight
    )
    torch.testing.assert_close(loss, 2.0 + penalty.detach())
    torch.testing.assert_close(grad, expected)
