"""Factor analysis of incomplete samples."""

import numpy as np
import torch

from skae.modules._factor_analysis import FactorAnalysis


def test_fills_by_the_conditional_mean_of_the_normal_distribution():
    rng = np.random.default_rng(0)
    loadings, noise = rng.normal(size=(4, 2)), rng.uniform(0.5, 1.0, size=4)
    mean = rng.normal(size=4)
    fill = FactorAnalysis(*map(torch.from_numpy, (mean, loadings, noise)))
    x = rng.normal(size=4)
    covariance = loadings @ loadings.T + np.diag(noise)
    a, b = [0, 2], [1, 3]  # missing, present
    expected = mean[a] + covariance[np.ix_(a, b)] @ np.linalg.solve(
        covariance[np.ix_(b, b)], x[b] - mean[b]
    )
    holes = torch.from_numpy(x.copy())
    holes[a] = torch.nan
    filled = fill(holes[None])[0].numpy()
    np.testing.assert_allclose(filled[a], expected)
    np.testing.assert_array_equal(filled[b], x[b])


def test_learns_the_covariance_from_incomplete_samples():
    rng = np.random.default_rng(0)
    loadings = np.array([[1.0], [2.0], [-1.0], [0.5]])
    X = rng.normal(size=(4000, 1)) @ loadings.T + 0.5 * rng.normal(size=(4000, 4)) + 3.0
    X[rng.random(X.shape) < 0.3] = np.nan
    found = FactorAnalysis.fit(torch.from_numpy(X))
    covariance = found.loadings @ found.loadings.T + torch.diag(found.noise)
    expected = loadings @ loadings.T + 0.25 * np.eye(4)
    np.testing.assert_allclose(covariance.numpy(), expected, atol=0.2)
    np.testing.assert_allclose(found.mean.numpy(), 3.0, atol=0.15)


def test_without_factors_fills_with_the_means():
    fill = FactorAnalysis.of_means(torch.tensor([1.0, 2.0]))
    filled = fill(torch.tensor([[torch.nan, 5.0]]))
    assert filled.tolist() == [[1.0, 5.0]]
