"""Tests of the likelihoods of bits and of categories."""

import numpy as np
import pytest
import torch
from scipy import special, stats

from skae._common.runtime import isolated_generators
from skae.likelihood import Bernoulli, Categorical


def test_log_prob_of_bits_agrees_with_scipy(batch):
    output, x = batch
    bits = x.round()
    bernoulli = stats.bernoulli(1 / (1 + np.exp(-output.numpy())))
    np.testing.assert_allclose(
        Bernoulli().log_prob(bits, output), bernoulli.logpmf(bits.numpy())
    )
    np.testing.assert_allclose(Bernoulli().mean(output), bernoulli.mean())
    # Shares of ones: the average over the bits that they stand for.
    expected = x.numpy() * bernoulli.logpmf(1) + (1 - x.numpy()) * bernoulli.logpmf(0)
    np.testing.assert_allclose(Bernoulli().log_prob(x, output), expected)
    np.testing.assert_allclose(Bernoulli().loss(output, x), -expected)
    certain = torch.tensor([[200.0, -200.0]])
    right, wrong = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    assert Bernoulli().log_prob(right, certain).tolist() == [[0.0, 0.0]]
    assert Bernoulli().log_prob(wrong, certain).tolist() == [[-200.0, -200.0]]


@pytest.mark.parametrize("likelihood", [Bernoulli(), Categorical([3, 2])], ids=str)
def test_no_variance_is_learned(likelihood):
    assert likelihood.variance(torch.ones(5)) is None
    assert not likelihood.has_variance
    assert likelihood.scale_exponent == 0


def one_hot(levels, n_levels):
    return torch.eye(n_levels, dtype=torch.float64)[levels]


def test_log_prob_of_levels_agrees_with_scipy(batch):
    output, _ = batch
    levels = torch.arange(7) % 3
    x = torch.cat([one_hot(levels, 3), one_hot(levels % 2, 2)], dim=1)
    likelihood = Categorical([3, 2])
    first, second = (
        special.softmax(part.numpy(), axis=1) for part in output.split([3, 2], dim=1)
    )
    np.testing.assert_allclose(likelihood.mean(output), np.hstack([first, second]))
    expected = stats.multinomial(1, first).logpmf(x[:, :3].numpy())
    expected += stats.multinomial(1, second).logpmf(x[:, 3:].numpy())
    log_prob = likelihood.log_prob(x, output)
    np.testing.assert_allclose(log_prob.sum(dim=1), expected)
    assert (log_prob[x == 0] == 0).all()
    assert torch.equal(likelihood.loss(output, x), -log_prob)
    one = Categorical()
    np.testing.assert_allclose(
        one.log_prob(x[:, :3], output[:, :3]),
        Categorical([3]).log_prob(x[:, :3], output[:, :3]),
    )


def test_levels_are_checked():
    one = np.eye(3)
    Categorical().check(one)
    Categorical([3, 3]).check(np.hstack([one, one]))
    with pytest.raises(ValueError, match=r"sum is one .* got sums from 0 to 2"):
        Categorical([2, 1]).check(one[[0]] * 0 + [1, 1, 0])
    # One but for rounding.
    Categorical().check(np.full((2, 3), 1 / 3, np.float32))
    for dtype in (np.float16, np.float32):
        shares = np.random.default_rng(0).dirichlet(np.ones(100), 50)
        Categorical().check(shares.astype(dtype))
    # A sum in float16 may miss one by more than probabilities with few digits do.
    half, eps = np.float16(0.5), np.finfo(np.float16).eps
    for n_steps in (-6, 6):
        row = np.array([[half, half + n_steps * eps]], np.float16)
        Categorical().check(row)
        with pytest.raises(ValueError, match="sum is one"):
            Categorical().check(row.astype(np.float32))
    for n_steps in (-12, 12):
        with pytest.raises(ValueError, match="sum is one"):
            Categorical().check(np.array([[half, half + n_steps * eps]], np.float16))
    for almost in ([0.9, 0.0, 0.0], [1.0, 0.05, 0.0], [0.3, 0.3, 0.3]):
        with pytest.raises(ValueError, match="sum is one"):
            Categorical().check(np.vstack([one, almost]))
    with pytest.raises(ValueError, match=r"Categorical\(\) needs X in \[0, 1\]"):
        Categorical().check(np.array([[2.0, -1.0]]))
    with pytest.raises(ValueError, match=r"from 1 to 1\.002\."):
        Categorical().check(np.vstack([one, [0.5, 0.5, 0.002]]))
    assert Categorical().binds_features
    with pytest.raises(ValueError, match=r"n_levels=\[3, 2\] makes 5 .* there are 6"):
        Categorical([3, 2]).bind(6)
    with pytest.raises(ValueError, match="must be positive integers"):
        Categorical([3, -2]).bind(1)


def test_levels_are_drawn_for_each_variable_by_its_probabilities():
    output = torch.tensor([[0.0, 1.0, -1.0, 2.0, 1.0]]).expand(20_000, 5)
    likelihood = Categorical([3, 2])
    with isolated_generators(0, torch.device("cpu")):
        drawn = likelihood.sample(output)
    assert drawn.unique().tolist() == [0, 1]
    assert (drawn[:, :3].sum(dim=1) == 1).all()
    assert (drawn[:, 3:].sum(dim=1) == 1).all()
    expected = likelihood.mean(output)[0]
    torch.testing.assert_close(drawn.mean(dim=0), expected, atol=0.015, rtol=0)
    # The variables are independent.
    together = (drawn[:, 1] * drawn[:, 3]).mean()
    assert together == pytest.approx(float(expected[1] * expected[3]), abs=0.015)
