"""Principal components of sparse samples, and of samples with weights."""

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.decomposition import PCA

from skae._common.validation import Samples
from skae._training.batches import Batches, Rows
from skae._training.scaling import Scaling
from skae.autoencoders import _principal_components
from skae.autoencoders._principal_components import (
    fit_pca,
    fit_sparse_pca,
    is_too_large,
)

X = sparse.random_array((80, 30), density=0.2, rng=np.random.default_rng(0))
X = X.tocsr() @ sparse.diags_array(np.linspace(3, 1, 30))
WEIGHT = np.random.default_rng(1).integers(1, 4, 80).astype(float)


def as_batches(rows, weight=None, scaled=None, **options):
    samples = Samples(rows, weight=weight)
    scaling = Scaling.fit(samples, scaled=scaled)
    rows = Rows(samples, scaling, torch.device("cpu"))
    return Batches(rows, batch_size=16, weight=weight, **options)


@pytest.mark.parametrize("scaled", [None, np.arange(30) > 2])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_sparse_samples_have_the_components_of_dense_ones(weight, scaled):
    pca, error = fit_sparse_pca(as_batches(X, weight, scaled), 5, 0)
    scaling = Scaling.fit(Samples(X, weight=weight), scaled=scaled)
    dense = (X.toarray() - scaling.mean) / scaling.scale
    expected = fit_pca(dense, 5, weight, 0)
    signs = np.sign((pca.components_ * expected.components_).sum(axis=1))
    np.testing.assert_allclose(
        pca.components_, signs[:, np.newaxis] * expected.components_, atol=1e-8
    )
    for name in ("explained_variance_", "explained_variance_ratio_"):
        np.testing.assert_allclose(getattr(pca, name), getattr(expected, name))
    assert pca.noise_variance_ == pytest.approx(expected.noise_variance_)
    np.testing.assert_allclose(pca.mean_, expected.mean_, atol=1e-12)
    squares = np.square(dense - expected.inverse_transform(expected.transform(dense)))
    assert error == pytest.approx(np.average(squares.mean(axis=1), weights=weight))


def test_only_the_samples_of_the_batches_count():
    runs = np.arange(0, 80, 2)
    pca, _ = fit_sparse_pca(as_batches(X, runs=runs), 3, 0)
    expected = PCA(3).fit(X[runs].toarray())
    ratio = expected.explained_variance_ratio_
    np.testing.assert_allclose(pca.explained_variance_ratio_, ratio)


def test_large_and_sparse_samples_are_for_it(monkeypatch):
    assert not is_too_large(as_batches(X))
    monkeypatch.setattr(_principal_components, "MAX_AFFINE_SIZE", 1000)
    assert is_too_large(as_batches(X))
    assert not is_too_large(as_batches(X, transform=lambda x: (x, x)))
    assert not is_too_large(as_batches(X.toarray()))
