"""Likelihoods of counts."""

import numpy as np
import pytest
import torch
from scipy import sparse, stats
from sklearn.base import clone

from skae import AutoEncoderTransformer, DenoisingAutoEncoder, VariationalAutoEncoder
from skae.likelihood import Gaussian, Mixed, Multinomial, NegativeBinomial, Poisson

RNG = np.random.default_rng(0)
MEAN = np.exp(RNG.normal(0, 2, size=(6, 4)))
COUNTS = RNG.poisson(MEAN)
OUTPUT, X = torch.from_numpy(np.log(MEAN)), torch.from_numpy(COUNTS.astype(float))
NAMES = ["poisson", "negative_binomial", "multinomial"]


def topics(n_samples, seed=0, n_features=40):
    """Counts of features whose means span four orders of magnitude, in three groups."""
    rng = np.random.default_rng(seed)
    scale = 10 ** np.linspace(-2, 2, n_features)
    factors = np.random.default_rng(1).gamma(0.5, 2.0, size=(3, n_features))
    groups = rng.integers(3, size=n_samples)
    return rng.poisson(scale * factors[groups]).astype(float), groups


# -- Against scipy ----------------------------------------------------------------


def test_poisson():
    expected = stats.poisson.logpmf(COUNTS, MEAN)
    np.testing.assert_allclose(Poisson().log_prob(X, OUTPUT), expected)
    np.testing.assert_allclose(Poisson().mean(OUTPUT), MEAN)
    # The loss leaves out what does not depend on the outputs.
    rest = Poisson().loss(OUTPUT, X).numpy() + expected
    np.testing.assert_allclose(rest, stats.poisson.logpmf(COUNTS, 1.0) + 1.0)


@pytest.mark.parametrize("variance", [3.0, np.array([1.5, 2.0, 4.0, 8.0])])
def test_negative_binomial(variance):
    likelihood = NegativeBinomial()
    n, p = MEAN / (variance - 1), np.broadcast_to(1 / variance, MEAN.shape)
    np.testing.assert_allclose(stats.nbinom.mean(n, p), MEAN)
    np.testing.assert_allclose(stats.nbinom.var(n, p), variance * MEAN)
    given = torch.from_numpy(variance) if np.ndim(variance) else variance
    np.testing.assert_allclose(
        likelihood.log_prob(X, OUTPUT, given), stats.nbinom.logpmf(COUNTS, n, p)
    )


def test_the_variance_of_a_negative_binomial_is_learned():
    mean, variance = np.array([0.5, 4.0, 60.0]), np.array([1.5, 3.0, 10.0])
    x = stats.nbinom.rvs(
        mean / (variance - 1), 1 / variance, size=(100_000, 3), random_state=0
    )
    output = torch.from_numpy(np.log(mean)).expand(100_000, 3)
    error = NegativeBinomial().error(output, torch.from_numpy(x)).mean(dim=0)
    np.testing.assert_allclose(NegativeBinomial().variance(error), variance, rtol=0.03)
    # With less than a Poisson distribution's variance it is about one.
    likelihood = NegativeBinomial()
    assert likelihood.variance(torch.tensor([0.5])).item() == pytest.approx(1.01)
    variance = torch.tensor(1.01, dtype=torch.float64)
    np.testing.assert_allclose(
        likelihood.log_prob(X, OUTPUT, variance), Poisson().log_prob(X, OUTPUT), atol=1
    )


def test_multinomial():
    shares = MEAN / MEAN.sum(axis=1, keepdims=True)
    expected = stats.multinomial.logpmf(COUNTS, COUNTS.sum(axis=1), shares)
    likelihood = Multinomial()
    np.testing.assert_allclose(likelihood.log_prob(X, OUTPUT).sum(dim=1), expected)
    np.testing.assert_allclose(likelihood.mean(OUTPUT), shares)
    np.testing.assert_allclose(Multinomial(7).mean(OUTPUT), 7 * shares)
    assert (Multinomial(7).sample(OUTPUT).sum(dim=1) == 7).all()
    empty = likelihood.log_prob(torch.zeros(1, 4), OUTPUT[:1].float())
    np.testing.assert_array_equal(empty, 0.0)


@pytest.mark.parametrize("likelihood", [Poisson(), NegativeBinomial()])
def test_samples_have_the_mean_and_the_variance(likelihood):
    torch.manual_seed(0)
    output = torch.from_numpy(np.log([0.5, 20.0])).expand(50_000, 2)
    drawn = likelihood.sample(output, 4.0)
    np.testing.assert_allclose(drawn.mean(dim=0), [0.5, 20.0], rtol=0.05)
    factor = 4.0 if likelihood.has_variance else 1.0
    np.testing.assert_allclose(
        drawn.var(dim=0), factor * np.array([0.5, 20.0]), rtol=0.05
    )
    assert torch.equal(drawn, drawn.round())


# -- The support ------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_a_count_is_refused_and_scores_lowest(name):
    counts, _ = topics(50)
    fitted = AutoEncoderTransformer(
        2, likelihood=name, hidden_layer_sizes=(8,), max_epochs=2, random_state=0
    ).fit(sparse.csr_array(counts))
    outside = counts[:3].copy()
    outside[1, 2] = -1.0
    outside[2, 3] = 0.5
    is_outside = [False, True, name != "multinomial"]
    np.testing.assert_array_equal(
        np.isneginf(fitted.score_samples(outside)), is_outside
    )
    with pytest.raises(ValueError, match=r"at least 0; X\[1\] holds -1"):
        clone(fitted).fit(outside)


# -- In use -----------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "kind", [AutoEncoderTransformer, DenoisingAutoEncoder, VariationalAutoEncoder]
)
def test_counts_of_all_magnitudes_are_learned(kind, name):
    counts, _ = topics(400)
    new, _ = topics(200, seed=2)
    kwargs = {"n_importance_samples": 5} if kind is VariationalAutoEncoder else {}
    model = kind(
        2, likelihood=name, hidden_layer_sizes=(32,), random_state=0, **kwargs
    ).fit(counts)
    mean = counts.mean(axis=0).clip(1e-3)
    if name == "multinomial":
        shares = mean / mean.sum()
        baseline = stats.multinomial.logpmf(new, new.sum(axis=1), shares)
    else:
        baseline = stats.poisson.logpmf(new, mean).sum(axis=1)
    assert model.score_samples(new).mean() > baseline.mean() / 3
    out = model.reconstruct(new)
    # A denoiser that is used to holes in its input expects more without them.
    if name != "multinomial" and kind is not DenoisingAutoEncoder:
        np.testing.assert_allclose(out.mean(axis=0)[10:], mean[10:], rtol=0.5)
    drawn = model.sample(5, random_state=0)
    np.testing.assert_array_equal(drawn, drawn.round())
    assert np.isfinite(model.score_samples(drawn)).all()


def test_the_decoder_starts_at_the_mean_and_the_encoder_sees_logarithms():
    counts, _ = topics(100)
    model = AutoEncoderTransformer(
        2, likelihood="poisson", max_epochs=1, lr=1e-12, random_state=0
    ).fit(counts, sample_weight=np.arange(100))
    mean = np.average(counts, axis=0, weights=np.arange(100)).clip(1e-4)
    np.testing.assert_allclose(
        model.module_.decoder[-1].bias.detach(), np.log(mean), rtol=1e-5
    )
    corrupted = torch.tensor([[0.0, np.e - 1, 1 - np.e]])
    seen = model.module_.encoder[0](corrupted)
    np.testing.assert_allclose(seen, [[0.0, 1.0, -1.0]], rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_counts_may_be_missing(name):
    counts, _ = topics(200)
    missing = RNG.random(counts.shape) < 0.1
    X = np.where(missing, np.nan, counts)
    model = AutoEncoderTransformer(2, likelihood=name, random_state=0).fit(X)
    assert np.isfinite(model.score_samples(X)).all()
    assert np.isfinite(model.transform(X)).all()
    if name != "multinomial":  # whose expected samples are shares
        errors = [
            np.square(np.log1p(counts) - np.log1p(filled))[missing].mean()
            for filled in (
                model.impute(X),
                np.broadcast_to(np.nanmean(X, axis=0), X.shape),
            )
        ]
        assert errors[0] < errors[1]


def test_counts_beside_numbers():
    counts, groups = topics(300, n_features=5)
    X = np.column_stack([counts, groups + RNG.normal(0, 0.1, 300)])
    likelihood = Mixed([("counts", "poisson", slice(5)), ("size", Gaussian(), [5])])
    model = VariationalAutoEncoder(2, likelihood=likelihood, random_state=0).fit(X)
    seen = model.module_.encoder[0](torch.full((1, 6), 3.0))
    np.testing.assert_allclose(seen, [[*[np.log1p(3.0)] * 5, 3.0]], rtol=1e-6)
    assert np.isnan(model.noise_variance_[:5]).all()
    mean = counts.mean(axis=0)
    np.testing.assert_allclose(model.reconstruct(X)[:, :5].mean(axis=0), mean, rtol=0.3)
