"""Sparse X in all autoencoders that take it."""

from functools import partial

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skae import AutoEncoderTransformer, DenoisingAutoEncoder, VariationalAutoEncoder
from skae._common import sparse as blocks
from skae._estimator import inference, stream
from skae._estimator.fill import learn_fill
from skae._training import batches
from skae.autoencoders import _missing, _principal_components

DENSE = np.where(load_digits().data < 5, 0.0, load_digits().data)[:300]
KINDS = [AutoEncoderTransformer, DenoisingAutoEncoder, VariationalAutoEncoder]
all_kinds = pytest.mark.parametrize("kind", KINDS)


def make(kind, **parameters):
    defaults = {"n_components": 4, "hidden_layer_sizes": (16,), "max_epochs": 3}
    return kind(**defaults | {"random_state": 0} | parameters)


def wide_rows(n_samples, n_features):
    """Rows with a few features each, most of them of one of ten groups."""
    rng = np.random.default_rng(0)
    group = rng.integers(10, size=n_samples)[:, np.newaxis]
    columns = (rng.integers(50, size=(n_samples, 25)) + 50 * group).ravel()
    columns[::10] = rng.integers(n_features, size=len(columns[::10]))
    rows = np.repeat(np.arange(n_samples), 25)
    values = rng.uniform(0.5, 1.5, len(rows))
    return sparse.csr_array((values, (rows, columns)), (n_samples, n_features))


@all_kinds
@pytest.mark.parametrize(
    "convert",
    [
        sparse.csr_matrix,
        lambda X: sparse.coo_array(X.astype(np.float32)),
        lambda X: sparse.csc_matrix(X.astype(np.uint8)),
    ],
    ids=["csr float64", "coo float32", "csc uint8"],
)
def test_sparse_samples_are_answered_as_the_same_dense_ones(kind, convert):
    X = convert(DENSE)
    before = X.copy()
    fitted, expected = (make(kind).fit(some) for some in (X, X.toarray()))
    assert fitted.loss_curve_ == expected.loss_curve_
    np.testing.assert_array_equal(fitted.mean_, expected.mean_)
    for method in ("transform", "reconstruct", "score_samples", "score"):
        found = getattr(fitted, method)(X)
        np.testing.assert_array_equal(found, getattr(expected, method)(X.toarray()))
    dtype = np.float64 if X.dtype == np.float64 else np.float32
    assert fitted.transform(X).dtype == dtype
    for estimator, some in ((fitted, X), (expected, X.toarray())):
        estimator.partial_fit(some)
    np.testing.assert_array_equal(fitted.transform(X), expected.transform(X))
    assert (before != X).nnz == 0  # it is left as it was


@all_kinds
def test_weights_of_sparse_samples_count(kind):
    weight = np.arange(len(DENSE)) % 3
    fitted, expected = (
        make(kind).fit(some, sample_weight=weight)
        for some in (sparse.csr_array(DENSE), DENSE)
    )
    np.testing.assert_allclose(fitted.mean_, expected.mean_, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        fitted.transform(DENSE), expected.transform(DENSE), atol=1e-4
    )


def test_duplicates_of_an_entry_are_added_up():
    entries = ([1.0, 2.0, 3.0], [0, 0, 1], [0, 2, 3])
    X = sparse.csr_matrix(entries, shape=(2, 2))
    fitted = make(AutoEncoderTransformer, n_components=1).fit(X)
    np.testing.assert_allclose(fitted.mean_, [1.5, 1.5])
    assert X.nnz == 3


def test_images_may_be_sparse_rows():
    X = DENSE[:100].astype(np.uint8) * 15
    models = [
        make(AutoEncoderTransformer, image_shape=(8, 8)).fit(some)
        for some in (X, sparse.csr_array(X))
    ]
    out = [model.reconstruct(X) for model in models]
    np.testing.assert_array_equal(*out)
    with pytest.raises(ValueError, match="divide X by 255"):
        models[1].transform(sparse.csr_array(X.astype(float)))


def test_recorded_corrupted_samples_may_be_sparse():
    corrupted = np.where(np.random.default_rng(0).random(DENSE.shape) < 0.3, 0, DENSE)
    both = [
        make(DenoisingAutoEncoder).fit(some(DENSE), X_corrupted=some(corrupted))
        for some in (np.asarray, sparse.csr_array)
    ]
    np.testing.assert_array_equal(*(model.transform(DENSE) for model in both))
    scores = [
        model.score(some(DENSE), X_corrupted=some(corrupted))
        for model, some in zip(both, (np.asarray, sparse.csr_array), strict=True)
    ]
    assert scores[0] == scores[1]


@pytest.mark.parametrize("value", [np.nan, np.inf])
@all_kinds
def test_what_is_not_finite_is_refused(kind, value):
    X = sparse.csr_array(DENSE)
    fitted = make(kind).fit(X)
    X.data[3] = value
    for method in (make(kind).fit, fitted.partial_fit, fitted.transform):
        with pytest.raises(ValueError, match="Input X contains"):
            method(X)


def test_what_must_be_dense_says_so():
    fitted = make(AutoEncoderTransformer).fit(DENSE)
    with pytest.raises(TypeError, match="dense data is required"):
        fitted.impute(sparse.csr_array(DENSE))
    ends = sparse.csr_array(DENSE)[:2]
    np.testing.assert_array_equal(
        fitted.interpolate(ends[[0]], ends[[1]]), fitted.interpolate(*DENSE[:2])
    )


def test_the_support_of_a_likelihood_is_checked_in_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_SIZE", 160)
    entries = ([1.0, 3.0], ([3, 15], [5, 7]))
    X = sparse.csr_array(entries, shape=(20, 20))
    with pytest.raises(ValueError, match=r"rows 8 to 15 of X: .*from 0 to 3"):
        make(AutoEncoderTransformer, likelihood="bernoulli").fit(X)
    fitted = make(
        AutoEncoderTransformer, likelihood="bernoulli", hidden_layer_sizes=()
    ).fit(X[:10])
    assert np.isneginf(fitted.score_samples(X)).nonzero()[0].tolist() == [15]


@pytest.mark.filterwarnings("ignore:The codes are dead", "ignore:The posterior")
@all_kinds
def test_large_samples_never_become_dense_as_a_whole(kind, monkeypatch):
    """They start at the principal components of all samples."""
    n_samples, n_features, most = 500, 1000, 2**14
    X, sizes = wide_rows(n_samples, n_features), []
    for module, name in (
        (blocks, "BLOCK_SIZE"),
        (batches, "BLOCK_SIZE"),
        (inference, "CHUNK_SIZE"),
    ):
        monkeypatch.setattr(module, name, most)
    monkeypatch.setattr(_principal_components, "MAX_AFFINE_SIZE", 2**18)
    monkeypatch.setattr(_missing, "learn_fill", partial(learn_fill, max_numbers=most))
    monkeypatch.setattr(stream, "MAX_NUMBERS", most)
    toarray = sparse.csr_array.toarray

    def recorded(rows, *args, **kwargs):
        sizes.append(np.prod(rows.shape))
        return toarray(rows, *args, **kwargs)

    monkeypatch.setattr(sparse.csr_array, "toarray", recorded)
    fitted = make(kind, hidden_layer_sizes=(), batch_size=16).fit(X)
    fitted.transform(X)
    fitted.score(X)
    assert max(sizes) <= most
    monkeypatch.undo()
    dense = X.toarray()
    pca = PCA(4, random_state=0).fit(dense)
    if kind is not DenoisingAutoEncoder:  # whose map starts from a part of them
        ratio = fitted.explained_variance_ratio_
        np.testing.assert_allclose(ratio, pca.explained_variance_ratio_, rtol=1e-3)
    error = np.square(dense - fitted.reconstruct(X)).mean()
    least = np.square(dense - pca.inverse_transform(pca.transform(dense))).mean()
    assert error < (1.1 if kind is DenoisingAutoEncoder else 1.02) * least
