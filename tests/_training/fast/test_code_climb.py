import pytest
import torch

from skae._training.fast.code_climb import climb_to_code
from skae.likelihood import Bernoulli, Gaussian, Laplace, Poisson
from skae.modules import VariationalModule
from skae.modules._variational import dense_variational_module

N_STEPS, RATE = 30, 0.2


def by_autograd(module, likelihood, variance, x, missing, start):
    code = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([code], lr=RATE)
    for _ in range(N_STEPS):
        output = module.decode(code)
        filled = torch.where(missing, likelihood.mean(output).detach(), x)
        log_p = likelihood.log_prob(filled, output, variance).sum()
        optimizer.zero_grad()
        (0.5 * code.square().sum() - log_p).backward()
        optimizer.step()
    return code.detach()


@pytest.mark.parametrize("skip_connection", [False, True], ids=["", "skip"])
@pytest.mark.parametrize(
    ("likelihood", "variance"),
    [
        (Gaussian(), 0.3),
        (Gaussian("logit"), 0.3),
        (Gaussian(covariance_type="diag"), torch.linspace(0.1, 0.5, 5).double()),
        (Laplace(), 0.3),
        (Laplace("logit"), 0.3),
        (Bernoulli(), None),
    ],
    ids=repr,
)
def test_the_climb_is_that_of_autograd(likelihood, variance, skip_connection):
    torch.manual_seed(0)
    module = dense_variational_module(5, 3, (7, 6), "tanh", skip_connection).double()
    for weight in module.parameters():  # the networks, too, not only their skips
        torch.nn.init.normal_(weight, std=0.3)
    x, start = torch.rand(4, 5).double(), torch.randn(4, 3).double()
    missing = torch.rand(4, 5) < 0.4
    expected = by_autograd(module, likelihood, variance, x, missing, start)
    before = start.clone()
    unknown = x.masked_fill(missing, torch.nan)  # which must not matter
    found = climb_to_code(
        module, likelihood, variance, unknown, missing, start, N_STEPS, RATE
    )
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(start, before, rtol=0, atol=0)
    assert (found - start).abs().max() > 0.1


@pytest.mark.parametrize(
    ("likelihood", "decoder"),
    [
        (Poisson(), None),
        (Gaussian(), torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.SiLU())),
    ],
    ids=["likelihood", "decoder"],
)
def test_what_is_not_written_out_is_left_to_autograd(likelihood, decoder):
    module = dense_variational_module(5, 3, (7,), "tanh")
    if decoder is not None:
        module = VariationalModule(module.encoder, decoder)
    x, missing, start = torch.rand(4, 5), torch.rand(4, 5) < 0.4, torch.zeros(4, 3)
    args = (module, likelihood, 1.0, x, missing, start, N_STEPS, RATE)
    assert climb_to_code(*args) is None
