"""The largest eigenvalues of products of samples, and their eigenvectors."""

import numpy as np
import pytest
import torch

from skae.modules import _principal_axes
from skae.modules._principal_axes import principal_axes, shrunk_factors


@pytest.mark.parametrize("shape", [(90, 40), (40, 90), (30, 3)])
@pytest.mark.parametrize("ratio", [1, 100])  # by products, and by LAPACK
def test_they_are_those_of_the_singular_value_decomposition(shape, ratio, monkeypatch):
    monkeypatch.setattr(_principal_axes, "MIN_LANCZOS_RATIO", ratio)
    z = np.random.default_rng(0).normal(size=shape)
    _, singular, axes = np.linalg.svd(z, full_matrices=False)
    values, vectors, mean_square = principal_axes(torch.from_numpy(z), 2)
    np.testing.assert_allclose(values.numpy(), singular[:2] ** 2)
    np.testing.assert_allclose(abs(np.diag(axes[:2] @ vectors.numpy())), 1.0)
    np.testing.assert_allclose(mean_square, (singular**4).sum() / shape[1] ** 2)


def test_samples_of_a_low_rank_have_the_same_axes_in_each_call():
    rng = np.random.default_rng(0)
    z = torch.from_numpy(rng.normal(size=(300, 3)) @ rng.normal(size=(3, 200)))
    first, second = principal_axes(z, 8), principal_axes(z, 8)
    assert (first[0][3:] < 1e-9 * first[0][0]).all()
    torch.testing.assert_close(first[1], second[1], rtol=0, atol=0)


def test_factors_of_many_samples_are_those_of_probabilistic_pca():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50_000, 2)) @ [[1, 2, 0, 1], [0, 1, 1, -1]]
    X = X + 0.5 * rng.normal(size=X.shape)
    z = torch.from_numpy((X - X.mean(axis=0)) / len(X) ** 0.5)
    loadings, noise = shrunk_factors(z, len(X), 2)
    assert noise == pytest.approx(0.25, rel=0.02)
    expected = np.cov(X.T)
    found = (loadings @ loadings.T).numpy() + noise * np.eye(4)
    np.testing.assert_allclose(found, expected, atol=0.02 * expected.max())
