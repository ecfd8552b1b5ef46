"""Tests of the likelihoods."""

import joblib
import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.base import clone

from skae.likelihood import (
    Bernoulli,
    Gaussian,
    Laplace,
    Likelihood,
    make_likelihood,
)

BOUND = [Gaussian(link="logit"), Laplace(link="logit")]
LIKELIHOODS = [Gaussian(), Laplace(), *BOUND, Bernoulli()]


@pytest.fixture
def batch():
    """Outputs and samples, in float64; the samples are probabilities too."""
    generator = torch.Generator().manual_seed(0)
    options = {"generator": generator, "dtype": torch.float64}
    return 2 * torch.randn(7, 5, **options), torch.rand(7, 5, **options)


@pytest.mark.parametrize("noise", [0.01, 1.0, 3.0])
@pytest.mark.parametrize(
    ("likelihood", "of_scipy"),
    [
        # Noise is a variance; Laplace's is 2 b².
        (Gaussian(), lambda loc, noise: stats.norm(loc, np.sqrt(noise))),
        (Laplace(), lambda loc, noise: stats.laplace(loc, np.sqrt(noise / 2))),
    ],
)
def test_log_prob_of_numbers_agrees_with_scipy(batch, likelihood, of_scipy, noise):
    output, x = batch
    expected = of_scipy(output.numpy(), noise).logpdf(x.numpy()).sum(axis=1)
    np.testing.assert_allclose(likelihood.log_prob(x, output, noise), expected)
    assert of_scipy(0.0, noise).var() == pytest.approx(noise)
    assert torch.equal(likelihood.mean(output), output)


def test_log_prob_of_bits_agrees_with_scipy(batch):
    output, x = batch
    bits = x.round()
    bernoulli = stats.bernoulli(1 / (1 + np.exp(-output.numpy())))
    np.testing.assert_allclose(
        Bernoulli().log_prob(bits, output), bernoulli.logpmf(bits.numpy()).sum(axis=1)
    )
    np.testing.assert_allclose(Bernoulli().mean(output), bernoulli.mean())
    # Shares of ones: the average over the bits that they stand for.
    np.testing.assert_allclose(
        Bernoulli().log_prob(x, output),
        np.sum(x.numpy() * bernoulli.logpmf(1), axis=1)
        + np.sum((1 - x.numpy()) * bernoulli.logpmf(0), axis=1),
    )
    certain = torch.tensor([[200.0, -200.0]])
    assert Bernoulli().log_prob(torch.tensor([[1.0, 0.0]]), certain) == 0.0
    assert Bernoulli().log_prob(torch.tensor([[0.0, 1.0]]), certain) == -400.0


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_loss_grad_is_the_derivative_of_loss(batch, likelihood):
    output, x = batch
    leaf = output.clone().requires_grad_()
    expected = likelihood.loss(leaf, x)
    expected.backward()
    kept = output.clone(), x.clone()
    loss, grad = likelihood.loss_grad(output, x)
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-12, atol=0)
    torch.testing.assert_close(grad, leaf.grad, rtol=1e-12, atol=1e-15)
    assert torch.equal(output, kept[0])
    assert torch.equal(x, kept[1])


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_training_maximizes_the_log_likelihood(batch, likelihood):
    output, x = batch
    leaf = output.clone().requires_grad_()
    likelihood.log_prob(x, leaf, noise=1.0).sum().backward()
    _, grad = likelihood.loss_grad(output, x)
    ratio = -leaf.grad / grad
    assert ratio.min() > 0
    torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio))


@pytest.mark.parametrize("likelihood", [Gaussian(), Laplace(), *BOUND], ids=str)
def test_noise_is_the_most_likely_variance(batch, likelihood):
    output, x = batch
    noise = likelihood.noise(likelihood.error(output, x).mean(dim=0))
    at = {f: likelihood.log_prob(x, output, f * noise).sum() for f in (0.98, 1.0, 1.02)}
    assert at[1.0] > max(at[0.98], at[1.02])


def test_bernoulli_has_no_noise():
    assert Bernoulli().noise(torch.ones(1)) is None
    assert not Bernoulli().has_noise
    assert all(likelihood.has_noise for likelihood in [Gaussian(), *BOUND])


@pytest.mark.parametrize("kind", [Gaussian, Laplace])
def test_logit_binds_the_mean(batch, kind):
    output, x = batch
    bound, free = kind(link="logit"), kind()
    mean = torch.sigmoid(output)
    assert torch.equal(bound.mean(output), mean)
    torch.testing.assert_close(bound.loss(output, x), free.loss(mean, x))
    expected = free.log_prob(x, mean, 0.1)
    torch.testing.assert_close(bound.log_prob(x, output, 0.1), expected)
    assert bound.unit_power == 0
    assert {kind().unit_power for kind in (Gaussian, Laplace)} == {1, 2}


def test_unknown_link_is_named():
    with pytest.raises(ValueError, match=r"'link' parameter of Gaussian .*Got 'log'"):
        make_likelihood(Gaussian(link="log"))


@pytest.mark.parametrize(
    ("X", "got"),
    [([[0.0, 1.5]], "from 0 to 1.5"), ([[-3, 1]], "from -3 to 1")],
)
def test_bernoulli_refuses_what_is_no_probability(X, got):
    message = rf"likelihood='bernoulli' needs X in \[0, 1\]; got values {got}\."
    with pytest.raises(ValueError, match=message):
        Bernoulli().check(np.array(X))
    Gaussian().check(np.array(X))
    Laplace().check(np.array(X))
    for bound in BOUND:
        with pytest.raises(ValueError, match=rf"link='logit'\) needs X .*{got}\."):
            bound.check(np.array(X))


def test_bernoulli_takes_probabilities_and_bits():
    for dtype in (np.float64, np.float16, np.uint8, bool):
        Bernoulli().check(np.array([[0, 1], [1, 0]], dtype))


def test_names_are_short_for_objects():
    assert type(make_likelihood("gaussian")) is Gaussian
    assert type(make_likelihood("laplace")) is Laplace
    assert type(make_likelihood("bernoulli")) is Bernoulli
    own = Laplace()
    assert make_likelihood(own) is own


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_likelihoods_are_parameters_like_others(likelihood):
    assert joblib.hash(clone(likelihood)) == joblib.hash(likelihood)
    others = {joblib.hash(other) for other in LIKELIHOODS}
    assert len(others) == len(LIKELIHOODS)


def test_own_likelihood_overrides_what_differs():
    class Huber(Likelihood):
        def loss(self, output, x):
            return torch.nn.functional.huber_loss(output, x)

    likelihood = Huber()
    likelihood.check(np.array([[-1e9]]))
    assert likelihood.unit_power == 0
    assert likelihood.noise(torch.ones(1)) is None
    with pytest.raises(NotImplementedError):
        likelihood.log_prob(torch.zeros(1, 1), torch.zeros(1, 1))
    with pytest.raises(NotImplementedError):
        Likelihood().loss(torch.zeros(1, 1), torch.zeros(1, 1))
