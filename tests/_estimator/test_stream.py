"""Tests of what partial_fit learns from a stream of samples."""

import pickle
import warnings

import numpy as np
import pytest
import skops.io
import torch
from scipy.sparse import csr_array
from sklearn.base import clone

from skae import (
    TRUSTED_TYPES,
    AutoEncoderTransformer,
    ColorizationAutoEncoder,
    DenoisingAutoEncoder,
    VariationalAutoEncoder,
)
from skae._estimator import stream as stream_file
from skae.autoencoders._density import NormalDensity
from skae.corruption import Masking

rng = np.random.default_rng(0)
X = rng.normal(size=(600, 2)) @ rng.normal(size=(2, 6))
X += 0.1 * rng.normal(size=X.shape)
# Weights that hardly move: what is learned after them depends on the samples alone.
OPTIONS = {"hidden_layer_sizes": (8,), "lr": 1e-9, "max_epochs": 1, "random_state": 0}
AUTOENCODERS = [
    AutoEncoderTransformer(2, **OPTIONS),
    DenoisingAutoEncoder(2, corruption=Masking(0.0), **OPTIONS),
    VariationalAutoEncoder(2, **OPTIONS),
]
all_autoencoders = pytest.mark.parametrize(
    "autoencoder", AUTOENCODERS, ids=lambda model: type(model).__name__
)


def streamed(autoencoder, *chunks):
    model = clone(autoencoder)
    for chunk in chunks:
        model.partial_fit(chunk)
    return model


@all_autoencoders
def test_noise_and_density_are_those_of_the_whole_stream(autoencoder):
    in_one = streamed(autoencoder, X, X)
    model = streamed(autoencoder, X, X[:300], X[300:], X[:1])
    np.testing.assert_allclose(model.noise_variance_, in_one.noise_variance_, rtol=0.05)
    np.testing.assert_allclose(
        model.density_.covariance_, in_one.density_.covariance_, rtol=0.05, atol=0.02
    )
    assert model.score(X) == pytest.approx(in_one.score(X), abs=0.1)
    spread = model.sample(500, random_state=0, noise=False).std()
    assert spread == pytest.approx(model.reconstruct(X).std(), rel=0.2)


def test_what_is_learned_is_that_of_the_rows_that_were_seen():
    model = streamed(AUTOENCODERS[0], X[:200], X[200:300], X[300:])
    codes = model.transform(X)
    np.testing.assert_allclose(model.density_.mean_, codes.mean(axis=0))
    np.testing.assert_allclose(
        model.density_.covariance_, np.cov(codes.T, bias=True), rtol=1e-6
    )
    squares = np.square(X - model.reconstruct(X)).mean()
    assert model.noise_variance_ == pytest.approx(squares, rel=1e-6)
    hole = np.full((1, 6), np.nan)
    filled = model._fill(torch.from_numpy(hole)).numpy()
    np.testing.assert_allclose(filled[0], X.mean(axis=0))


def test_samples_of_a_fit_belong_to_the_stream():
    model = clone(AUTOENCODERS[0]).fit(X)
    noise = model.noise_variance_
    model.partial_fit(X[:1])
    assert model.noise_variance_ == pytest.approx(noise, rel=0.05)
    other = 3 * X
    model.fit(other).partial_fit(other[:1])  # a fit begins a stream of its own
    np.testing.assert_allclose(
        model.density_.mean_, model.transform(other).mean(axis=0), atol=0.02
    )


def test_a_stream_continues_after_loading():
    model = streamed(AUTOENCODERS[0], X[:300], X[300:])
    by_pickle = pickle.loads(pickle.dumps(model))
    by_skops = skops.io.loads(skops.io.dumps(model), trusted=TRUSTED_TYPES)
    model.partial_fit(X[:1])
    for loaded in (by_pickle, by_skops):
        loaded.partial_fit(X[:1])
        assert loaded.noise_variance_ == pytest.approx(model.noise_variance_, rel=1e-6)
    # A fit is saved without samples, and what it expects of missing values stays.
    fitted = clone(model).fit(X)
    loaded = pickle.loads(pickle.dumps(fitted))
    assert not [name for name in vars(loaded) if name == "_stream"]
    loaded.partial_fit(X[:20])
    np.testing.assert_array_equal(loaded._fill.mean, fitted._fill.mean)
    assert len(loaded._stream.rows[0]) == 20


def test_the_sample_is_bounded_and_even(monkeypatch):
    monkeypatch.setattr(stream_file, "MAX_NUMBERS", 240)
    model = streamed(AUTOENCODERS[0], *np.split(X, 6))
    assert model._stream.rows[0].shape == (40, 6)
    assert model._stream.n_seen == 600
    late = [(X[300:] == row).all(axis=1).any() for row in model._stream.rows[0]]
    assert np.mean(late) == pytest.approx(0.5, abs=0.25)
    again = streamed(AUTOENCODERS[0], *np.split(X, 6))
    assert again.noise_variance_ == model.noise_variance_
    # The rows of a fit count as much as those after it.
    model.fit(X).partial_fit(X[:60])
    numbers = [(X[:60] == row).all(axis=1).any() for row in model._stream.rows[0]]
    assert len(numbers) == 40
    assert np.mean(numbers) < 0.4


@all_autoencoders
def test_earlier_samples_are_forgotten(autoencoder):
    chunks = [X[:200], X[200:400], X[400:] + 3.0]
    model = clone(autoencoder).set_params(forget_factor=1e-9, density=NormalDensity())
    model = streamed(model, *chunks)
    codes = model.transform(chunks[-1])
    np.testing.assert_allclose(model.density_.mean_, codes.mean(axis=0), atol=0.3)
    filled = model._fill(torch.full((1, 6), np.nan, dtype=torch.float64))
    np.testing.assert_allclose(filled[0], chunks[-1].mean(axis=0))
    # Three chunks of 200 rows count as 200 * (1/4 + 1/2 + 1).
    model = streamed(clone(autoencoder).set_params(forget_factor=0.5), *chunks)
    assert len(model._stream.rows[0]) == pytest.approx(350, abs=30)


def test_nothing_is_forgotten_by_zero():
    model = clone(AUTOENCODERS[0]).set_params(forget_factor=0.0)
    with pytest.raises(ValueError, match="'forget_factor' parameter"):
        model.partial_fit(X)


def test_kinds_of_chunks_may_change():
    weight = np.arange(300) % 3 + 1
    model = streamed(AUTOENCODERS[0], csr_array(X[:300]))
    model.partial_fit(np.float32(X[300:]), sample_weight=weight)
    codes, weights = model.transform(X), np.concatenate([np.ones(300), weight])
    mean = np.average(codes, axis=0, weights=weights)
    np.testing.assert_allclose(model.density_.mean_, mean, atol=1e-5)
    images = rng.integers(0, 256, (40, 4, 4), dtype=np.uint8)
    model = streamed(AUTOENCODERS[0], images[:20], images[20:])
    np.testing.assert_allclose(
        model.density_.mean_, model.transform(images).mean(axis=0), atol=1e-5
    )


def test_a_feature_that_the_sample_lacks_is_filled_as_before(monkeypatch):
    monkeypatch.setattr(stream_file, "MAX_NUMBERS", 60)
    rare = X.copy()
    rare[1:, 0] = np.nan
    model = streamed(AUTOENCODERS[0], rare, rare, rare)
    assert np.isfinite(model.impute(rare)).all()
    assert np.isfinite(model.score_samples(rare)).all()


def test_a_stream_of_pairs():
    colors = rng.uniform(size=(40, 4, 4, 3))
    gray = colors.mean(axis=-1)
    options = {**OPTIONS, "hidden_layer_sizes": (4, 4)}
    model = ColorizationAutoEncoder(4, **options)
    model.partial_fit(gray[:20], colors[:20]).partial_fit(gray[20:], colors[20:])
    whole = clone(model).partial_fit(gray, colors)
    assert model.saturation_ == pytest.approx(whole.saturation_, rel=0.2)
    assert [rows.shape for rows in model._stream.rows] == [(40, 16), (40, 48)]


@all_autoencoders
def test_another_scale_is_told_once(autoencoder):
    model = clone(autoencoder).partial_fit(1e-3 * X[:10])
    with pytest.warns(UserWarning, match="larger or shuffled first chunk"):
        model.partial_fit(X)
    model.partial_fit(X)
    with pytest.warns(UserWarning, match="X has a root mean square of 0.0"):
        streamed(autoencoder, np.vstack([1e3 * X[:10], -1e3 * X[:10]]), X)
    # Few rows at a time are judged together.
    model = clone(autoencoder).partial_fit(1e-3 * X[:5])
    model.partial_fit(X[:1])
    with pytest.warns(UserWarning, match="larger or shuffled first chunk"):
        streamed_rows = [model.partial_fit(X[i : i + 1]) for i in range(4)]
    assert streamed_rows[-1] is model


def test_usual_chunks_are_not_told():
    for unit in (1e-6, 1.0, 1e6):
        streamed(AUTOENCODERS[0], unit * X[:10], unit * X, unit * X[:1])
    means = np.repeat(X.mean(axis=0, keepdims=True), 5, axis=0)
    streamed(AUTOENCODERS[0], X, means)
    bernoulli = clone(AUTOENCODERS[0]).set_params(likelihood="bernoulli")
    streamed(bernoulli, np.ones((20, 6)), np.zeros((20, 6)))


def test_a_failed_call_leaves_the_stream():
    model = streamed(AUTOENCODERS[0], X[:300])
    before, fill, rows = model._stream, model._fill, model._stream.rows[0].copy()
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="root mean square"):
            model.partial_fit(1e3 * X)
    assert model._stream is before
    assert model._fill is fill
    np.testing.assert_array_equal(model._stream.rows[0], rows)
    assert not before.has_warned
