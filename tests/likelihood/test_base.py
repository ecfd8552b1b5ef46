"""Tests of what all likelihoods have in common."""

import re

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.preprocessing import MinMaxScaler

from skae._common.runtime import isolated_generators
from skae.likelihood import LIKELIHOODS as NAMED
from skae.likelihood import (
    Bernoulli,
    Categorical,
    Gaussian,
    Laplace,
    Likelihood,
    Mixed,
    Multinomial,
    NegativeBinomial,
    Poisson,
)

BOUND = [Gaussian(link="logit"), Laplace(link="logit")]
LIKELIHOODS = [Gaussian(), Laplace(), *BOUND, Bernoulli()]


@pytest.mark.parametrize("likelihood", [*LIKELIHOODS, Categorical([3, 2])], ids=str)
def test_every_element_has_one_value(batch, likelihood):
    output, x = batch
    loss, log_prob = likelihood.loss(output, x), likelihood.log_prob(x, output, 1.0)
    assert loss.shape == log_prob.shape == x.shape
    for i, j in ((0, 0), (6, 4)):  # no element has a say in another's value
        other = x.clone()
        other[i, j] = 0.0
        for changed, value in (
            (likelihood.loss(output, other), loss),
            (likelihood.log_prob(other, output, 1.0), log_prob),
        ):
            is_changed = changed != value
            assert is_changed[i, j]
            assert is_changed.sum() == 1


@pytest.mark.parametrize("likelihood", [*LIKELIHOODS, Categorical([3, 2])], ids=str)
def test_training_maximizes_the_log_likelihood(batch, likelihood):
    output, x = batch
    leaf = output.clone().requires_grad_()
    (grad,) = torch.autograd.grad(likelihood.loss(leaf, x).sum(), leaf)
    log_prob = likelihood.log_prob(x, leaf, variance=1.0).sum()
    (rise,) = torch.autograd.grad(log_prob, leaf)
    ratio = -rise / grad
    assert ratio.min() > 0
    torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio))


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_likelihoods_are_parameters_like_others(likelihood):
    assert joblib.hash(clone(likelihood)) == joblib.hash(likelihood)
    others = {joblib.hash(other) for other in LIKELIHOODS}
    assert len(others) == len(LIKELIHOODS)


def test_names_are_short_for_classes():
    assert {
        "gaussian": Gaussian,
        "laplace": Laplace,
        "bernoulli": Bernoulli,
        "poisson": Poisson,
        "negative_binomial": NegativeBinomial,
        "multinomial": Multinomial,
    } == NAMED


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)
def test_samples_have_the_mean(likelihood):
    output = torch.tensor([[0.3, -1.0]]).expand(20_000, 2)
    with isolated_generators(0, torch.device("cpu")):
        drawn = likelihood.sample(output, 0.04)
    torch.testing.assert_close(
        drawn.mean(dim=0), likelihood.mean(output)[0], atol=0.02, rtol=0
    )
    if likelihood.has_variance:
        assert drawn.var(dim=0).mean() == pytest.approx(0.04, rel=0.05)


def test_own_likelihood_overrides_what_differs():
    class Huber(Likelihood):
        def loss(self, output, x):
            return torch.nn.functional.huber_loss(output, x, reduction="none")

    likelihood = Huber()
    likelihood.check(np.array([[-1e9]]))
    likelihood.bind(1)
    assert likelihood.scale_exponent == 0
    assert not likelihood.has_variance
    assert not likelihood.loss_needs_variance
    assert not likelihood.binds_features
    assert likelihood.variance(torch.ones(1)) is None
    with pytest.raises(NotImplementedError, match="Huber has no method 'distribution'"):
        likelihood.log_prob(torch.zeros(1, 1), torch.zeros(1, 1))
    with pytest.raises(NotImplementedError, match="Huber has no method 'error'"):
        likelihood.error(torch.zeros(1, 1), torch.zeros(1, 1))
    with pytest.raises(NotImplementedError, match="'loss'"):
        Likelihood().loss(torch.zeros(1, 1), torch.zeros(1, 1))


IN_RANGE = [Bernoulli(), *BOUND, Categorical()]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("likelihood", IN_RANGE, ids=str)
def test_a_rounding_step_outside_the_range_is_not_an_error(likelihood, dtype):
    eps = np.finfo(dtype).eps
    for n_steps in (1, 8):
        likelihood.check(np.array([[1 + n_steps * eps, -n_steps * eps]], dtype))
    above, below = dtype(1 + 10 * eps), dtype(-10 * eps)
    for row, got in (
        ([above, 0], f"from 0 to {above!s}. "),
        ([1, below], f"from {below!s} to 1. "),
    ):
        with pytest.raises(ValueError, match=re.escape(got)):
            likelihood.check(np.array([row], dtype))


@pytest.mark.parametrize("likelihood", IN_RANGE, ids=str)
def test_values_a_rounding_step_outside_have_a_density(likelihood):
    x = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    outside = torch.tensor([[1.0000000000000002, -2e-16]], dtype=torch.float64)
    output = torch.tensor([[0.3, -2.0]], dtype=torch.float64)
    torch.testing.assert_close(
        likelihood.log_prob(outside, output, 0.1), likelihood.log_prob(x, output, 0.1)
    )
    torch.testing.assert_close(
        likelihood.loss(outside, output), likelihood.loss(x, output)
    )


@pytest.mark.parametrize("likelihood", IN_RANGE[:3], ids=str)
def test_what_min_max_scaler_returns_is_in_the_range(likelihood):
    X = np.random.default_rng(0).normal(size=(1000, 50)) * 3 + 7
    scaled = MinMaxScaler().fit_transform(X)
    assert scaled.max() > 1  # by rounding
    likelihood.check(scaled)


@pytest.mark.parametrize(
    ("X", "got"),
    [
        ([[0.0, 1.5]], "from 0 to 1.5"),
        ([[-3, 1]], "from -3 to 1"),
        ([[0.0, 1.0 + 1e-9]], "from 0 to 1.000000001"),
        (np.array([[0.0, 1.00001]], np.float32), "from 0 to 1.00001"),
        ([[-1e-12, 1.0]], "from -1e-12 to 1"),
    ],
)
def test_what_is_outside_the_range_is_refused(X, got):
    message = rf"likelihood='bernoulli' needs X in \[0, 1\]; got values {got}\. Scale"
    with pytest.raises(ValueError, match=message):
        Bernoulli().check(np.asarray(X))
    Gaussian().check(np.asarray(X))
    Laplace().check(np.asarray(X))
    for bound in BOUND:
        with pytest.raises(
            ValueError, match=rf"link='logit'\) needs X .*{got}\. Scale"
        ):
            bound.check(np.asarray(X))


def test_probabilities_and_bits_are_in_the_range():
    for likelihood in (Bernoulli(), *BOUND):
        for dtype in (np.float64, np.float16, np.uint8, bool):
            likelihood.check(np.array([[0, 1], [1, 0]], dtype))


def test_support_of_each_likelihood():
    X = np.array([[0.2, 0.8], [0.0, 1.0], [0.0, 0.0], [2.0, -1.0]])
    for likelihood, expected in (
        (Likelihood(), [True, True, True, True]),
        (Gaussian(), [True, True, True, True]),
        (Laplace("logit"), [True, True, True, True]),
        (Bernoulli(), [True, True, True, False]),
        (Categorical(), [True, True, False, False]),
        (Categorical([1, 1]), [False, False, False, False]),
        (Mixed([("a", "bernoulli", 1), ("b", "gaussian", 0)]), [1, 1, 1, 0]),
    ):
        np.testing.assert_array_equal(likelihood.supports(X), expected)


def test_an_own_likelihood_refuses_what_it_does_not_support():
    class Counts(Likelihood):
        def supports(self, X):
            return (np.rint(X) == X).all(axis=1)

    Counts().check(np.array([[1.0], [2.0]]))
    message = r"likelihood=Counts\(\) cannot produce 2 of the 3 .* first .* X\[1\]"
    with pytest.raises(ValueError, match=message):
        Counts().check(np.array([[1.0], [0.5], [0.1]]))
