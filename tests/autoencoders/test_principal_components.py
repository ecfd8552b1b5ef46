"""Principal components of sparse samples, and of samples with weights."""

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.decomposition import PCA

from skae import (
    AutoEncoderTransformer,
    DenoisingAutoEncoder,
    VariationalAutoEncoder,
)
from skae._common.validation import Samples
from skae._training.batches import Batches, Rows
from skae._training.scaling import Scaling
from skae.autoencoders import _principal_components
from skae.autoencoders._principal_components import (
    affine_error,
    fit_pca,
    fit_sparse_pca,
    gather,
    is_too_large,
    total_variance,
)

X = sparse.random_array((80, 30), density=0.2, rng=np.random.default_rng(0))
X = X.tocsr() @ sparse.diags_array(np.linspace(3, 1, 30))
DENSE = X.toarray()
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


def test_gathered_rows_of_one_pass_are_shared():
    x, target, weight = gather(as_batches(DENSE, WEIGHT), None)
    assert x is target
    scaling = Scaling.fit(Samples(DENSE, weight=WEIGHT))
    expected = (DENSE - scaling.mean) / scaling.scale
    np.testing.assert_allclose(x, expected, atol=1e-6)
    np.testing.assert_array_equal(weight, WEIGHT)


def test_corrupted_rows_are_gathered_in_as_many_passes_as_needed(monkeypatch):
    monkeypatch.setattr(_principal_components, "MIN_AFFINE_ROWS", 100)
    batches = as_batches(DENSE, transform=lambda x: (x + 1, x))
    x, target, weight = gather(batches, None)
    assert len(x) == len(target) == 160
    np.testing.assert_allclose(x, target + 1, rtol=1e-6)
    np.testing.assert_array_equal(target[:80], target[80:])
    assert weight is None
    monkeypatch.setattr(_principal_components, "MAX_AFFINE_SIZE", 50 * 30)
    x, target, _ = gather(batches, None)
    assert len(x) == len(target) == 64  # the batch that the limit falls into is whole


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("n_rows_a_block", [80, 7])
def test_error_of_affine_maps_is_found_in_blocks(monkeypatch, weight, n_rows_a_block):
    monkeypatch.setattr(_principal_components, "BLOCK_SIZE", 30 * n_rows_a_block)
    pca = PCA(4).fit(DENSE)
    encode = pca.components_, -pca.components_ @ pca.mean_
    decode = pca.components_.T, pca.mean_
    error = affine_error(DENSE, DENSE, weight, encode, decode)
    squares = np.square(DENSE - pca.inverse_transform(pca.transform(DENSE)))
    expected = np.average(squares.mean(axis=1), weights=weight)
    assert error == pytest.approx(expected, rel=1e-10)


def test_total_variance_is_that_of_repeated_rows(monkeypatch):
    monkeypatch.setattr(_principal_components, "COLUMNS_AT_A_TIME", 7)
    assert total_variance(DENSE, None) == pytest.approx(DENSE.var(axis=0, ddof=1).sum())
    repeated = np.repeat(DENSE, WEIGHT.astype(int), axis=0)
    assert total_variance(DENSE, WEIGHT) == pytest.approx(
        repeated.var(axis=0, ddof=1).sum()
    )


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    "estimator", [AutoEncoderTransformer, DenoisingAutoEncoder, VariationalAutoEncoder]
)
def test_a_single_sample_has_no_variance(estimator, method):
    X = np.random.default_rng(0).normal(size=(1, 6))
    ae = getattr(estimator(2, random_state=0), method)(X)
    assert np.isfinite(ae.score_samples(X)).all()
    # An epoch of noise hardly moves what begins at the sample itself.
    np.testing.assert_allclose(ae.reconstruct(X), X, atol=0.3)
