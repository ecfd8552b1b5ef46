"""Tests of the likelihoods of numbers."""

import numpy as np
import pytest
import torch
from scipy import stats

from skae.likelihood import Gaussian, Laplace

BOUND = [Gaussian(link="logit"), Laplace(link="logit")]


@pytest.mark.parametrize("variance", [0.01, 1.0, 3.0])
@pytest.mark.parametrize(
    ("likelihood", "of_scipy"),
    [
        (Gaussian(), lambda loc, var: stats.norm(loc, np.sqrt(var))),
        # Laplace's variance is 2 b².
        (Laplace(), lambda loc, var: stats.laplace(loc, np.sqrt(var / 2))),
    ],
)
def test_log_prob_agrees_with_scipy(batch, likelihood, of_scipy, variance):
    output, x = batch
    expected = of_scipy(output.numpy(), variance).logpdf(x.numpy())
    np.testing.assert_allclose(likelihood.log_prob(x, output, variance), expected)
    assert of_scipy(0.0, variance).var() == pytest.approx(variance)
    assert torch.equal(likelihood.mean(output), output)


def test_loss_is_the_error_of_each_value(batch):
    output, x = batch
    difference = output - x
    torch.testing.assert_close(Gaussian().loss(output, x), difference**2)
    torch.testing.assert_close(Laplace().loss(output, x), difference.abs())
    for likelihood in (Gaussian(), Laplace(), *BOUND):
        assert torch.equal(likelihood.error(output, x), likelihood.loss(output, x))


@pytest.mark.parametrize("likelihood", [Gaussian(), Laplace(), *BOUND], ids=str)
def test_variance_is_the_most_likely_one(batch, likelihood):
    output, x = batch
    best = likelihood.variance(likelihood.error(output, x).mean(dim=0))
    at = {f: likelihood.log_prob(x, output, f * best).sum() for f in (0.98, 1.0, 1.02)}
    assert at[1.0] > max(at[0.98], at[1.02])
    assert likelihood.has_variance


@pytest.mark.parametrize(
    ("likelihood", "expected"),
    [
        (Gaussian(), 4.0),
        (Gaussian(covariance_type="diag"), [1.0, 7.0]),
        (Laplace(), 2 * 4.0**2),
    ],
    ids=str,
)
def test_variance_is_one_for_all_features_or_one_per_feature(likelihood, expected):
    variance = likelihood.variance(torch.tensor([1.0, 7.0]))
    torch.testing.assert_close(variance, torch.tensor(expected))


@pytest.mark.parametrize("kind", [Gaussian, Laplace])
def test_logit_binds_the_mean(batch, kind):
    output, x = batch
    bound, free = kind(link="logit"), kind()
    mean = torch.sigmoid(output)
    assert torch.equal(bound.mean(output), mean)
    assert torch.equal(bound.loss(output, x), free.loss(mean, x))
    expected = free.log_prob(x, mean, 0.1)
    torch.testing.assert_close(bound.log_prob(x, output, 0.1), expected)
    assert bound.scale_exponent == 0
    assert free.scale_exponent == {Gaussian: 2, Laplace: 1}[kind]


def test_unknown_link_is_named():
    with pytest.raises(ValueError, match=r"'link' parameter of Gaussian .*Got 'log'"):
        Gaussian(link="log")._validate_params()


def test_a_variance_per_feature_agrees_with_scipy(batch):
    output, x = batch
    likelihood = Gaussian(covariance_type="diag")
    variance = likelihood.variance(likelihood.error(output, x).mean(dim=0))
    np.testing.assert_allclose(variance, ((output - x) ** 2).mean(dim=0))
    expected = stats.norm(output.numpy(), np.sqrt(variance.numpy())).logpdf(x.numpy())
    np.testing.assert_allclose(likelihood.log_prob(x, output, variance), expected)
    best = likelihood.log_prob(x, output, variance).sum()
    for j in range(5):
        for factor in (0.98, 1.02):
            other = variance.clone()
            other[j] *= factor
            assert likelihood.log_prob(x, output, other).sum() < best
    assert likelihood.loss_needs_variance
    assert not Gaussian().loss_needs_variance
