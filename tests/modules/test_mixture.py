"""Mixtures of factor analyses expect and draw what the conditional normal says."""

import pickle

import numpy as np
import pytest
import torch

from skae.modules._mixture import FactorMixture, _Rows

SHAPES = {"mean": (2, 4), "loadings": (2, 4, 2), "noise": (2, 4)}


@pytest.fixture
def mixture():
    rng = np.random.default_rng(0)
    made = {k: torch.from_numpy(rng.normal(size=s)) for k, s in SHAPES.items()}
    made["noise"] = made["noise"].square() + 0.1
    made["mean"] = 2.0 * made["mean"]
    return FactorMixture(**made, log_share=torch.tensor([0.3, 0.7]).double().log())


def conditional(mixture, x):
    """Return shares, means and covariances of what is missing of one sample."""
    there = ~np.isnan(x)
    shares, means, covariances = [], [], []
    for k in range(2):
        m, w = mixture.mean[k].numpy(), mixture.loadings[k].numpy()
        c = w @ w.T + np.diag(mixture.noise[k].numpy())
        inner = c[np.ix_(there, there)]
        gain = c[np.ix_(~there, there)] @ np.linalg.inv(inner)
        d = (x - m)[there]
        log_density = -(
            d @ np.linalg.solve(inner, d) + np.linalg.slogdet(2 * np.pi * inner)[1]
        )
        shares.append(np.exp(mixture.log_share[k].item() + log_density / 2))
        means.append(m[~there] + gain @ d)
        covariances.append(c[np.ix_(~there, ~there)] - gain @ c[np.ix_(there, ~there)])
    return np.array(shares) / np.sum(shares), np.array(means), np.array(covariances)


def test_expects_the_conditional_mean(mixture):
    for x in ([1.0, np.nan, -1.0, np.nan], [np.nan, 0.5, 1.0, 2.0], [np.nan] * 4):
        share, mean, _ = conditional(mixture, np.array(x))
        filled = mixture(torch.tensor([x]).double())[0].numpy()
        np.testing.assert_allclose(filled[np.isnan(x)], share @ mean)
        np.testing.assert_array_equal(filled[~np.isnan(x)], np.array(x)[~np.isnan(x)])


def test_draws_have_the_conditional_moments(mixture):
    x = np.array([1.0, np.nan, -1.0, np.nan])
    share, mean, covariance = conditional(mixture, x)
    rows = torch.from_numpy(np.tile(x, (40000, 1)))
    drawn = mixture(rows, torch.Generator().manual_seed(0)).numpy()[:, [1, 3]]
    expected = share @ mean
    spread = np.einsum("k,kij->ij", share, covariance)
    spread += np.einsum("k,ki,kj->ij", share, mean - expected, mean - expected)
    error = np.sqrt(spread.diagonal() / len(drawn))
    np.testing.assert_array_less(abs(drawn.mean(axis=0) - expected), 4 * error)
    np.testing.assert_allclose(np.cov(drawn.T), spread, atol=0.05 * spread.max())


def test_loadings_are_drawn_from_their_posterior(mixture):
    generator = torch.Generator().manual_seed(0)
    assert mixture.with_drawn_loadings(generator) is mixture  # they are known
    spread = torch.tensor([[0.5, 0.2], [0.2, 0.3]]).double()
    parts = {name: getattr(mixture, name) for name in (*SHAPES, "log_share")}
    made = FactorMixture(**parts, spread=spread.expand(2, 4, 2, 2))
    drawn = [made.with_drawn_loadings(generator) for _ in range(2000)]
    loadings = torch.stack([one.loadings for one in drawn])
    error = (loadings.mean(dim=0) - made.loadings).abs() / (0.5 / 2000) ** 0.5
    assert error.max() < 4
    for found in loadings.flatten(1, 2).unbind(1):
        np.testing.assert_allclose(np.cov(found.T), spread, atol=0.06)
    assert all(one.spread is None for one in drawn)


def test_samples_of_one_pattern_are_treated_as_those_of_many(mixture):
    rng = np.random.default_rng(1)
    x = np.where(rng.random((200, 4)) < 0.4, np.nan, rng.normal(size=(200, 4)))
    x = torch.from_numpy(x)
    assert _Rows(x).is_grouped
    assert not _Rows(x[:3]).is_grouped
    one_by_one = torch.cat([mixture(row) for row in x.split(1)])
    torch.testing.assert_close(mixture(x), one_by_one)


def test_learns_clusters_of_incomplete_samples():
    rng = np.random.default_rng(0)
    label = rng.integers(2, size=600)
    slope = np.where(label == 1, 1.0, -1.0)  # no linear relation between both columns
    a = rng.normal(size=600)
    X = np.stack([a, slope * a, 2.0 * slope], axis=1) + 0.05 * rng.normal(size=(600, 3))
    missing = rng.random(X.shape) < 0.2
    missing[missing.all(axis=1)] = False
    x = torch.from_numpy(np.where(missing, np.nan, X))
    known = missing[:, 1] & ~missing[:, 0] & ~missing[:, 2]
    errors = []
    for n_mixed in (1, 2):
        fill = FactorMixture.fit(x, n_mixed, 2, seed=0)
        errors.append(np.square(fill(x).numpy() - X)[known, 1].mean())
    assert errors[0] > 0.5
    assert errors[1] < 0.02


def test_a_component_is_learned_from_incomplete_samples_of_any_scale():
    rng = np.random.default_rng(0)
    loadings = np.array([[1.0], [20.0], [-1.0], [0.5]])
    noise = np.array([0.5, 10.0, 0.5, 0.5])
    X = rng.normal(size=(4000, 1)) @ loadings.T + noise * rng.normal(size=(4000, 4)) + 3
    expected = loadings @ loadings.T + np.diag(noise**2)
    scale = np.sqrt(expected.diagonal())
    incomplete = np.where(rng.random(X.shape) < 0.3, np.nan, X)
    for x, tolerance in ((X, 0.03), (incomplete, 0.1)):
        found = FactorMixture.fit_one(torch.from_numpy(x.copy()))
        w = found.loadings[0]
        covariance = (w @ w.T + torch.diag(found.noise[0])).numpy()
        difference = (covariance - expected) / np.outer(scale, scale)
        np.testing.assert_allclose(difference, 0.0, atol=tolerance)
        np.testing.assert_allclose(found.mean[0].numpy(), 3.0, atol=0.05 * scale.max())


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_integer_weights_are_numbers_of_samples(share):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 5)) + 0.1 * rng.normal(size=5)
    X += 0.3 * rng.normal(size=X.shape)
    X[rng.random(X.shape) < share] = np.nan
    weight = rng.integers(1, 4, size=60)
    weighted = FactorMixture.fit_one(
        torch.from_numpy(X.copy()), torch.from_numpy(weight.astype(float))
    )
    repeated = FactorMixture.fit_one(torch.from_numpy(X.repeat(weight, axis=0)))
    holes = torch.from_numpy(np.where(rng.random(X.shape) < 0.4, np.nan, X))
    # Complete samples are multiplied in float32.
    torch.testing.assert_close(weighted(holes), repeated(holes), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 3), (20, 1), (1, 1)])
def test_without_factors_fills_with_the_means(shape):
    X = np.random.default_rng(0).normal(size=shape)
    incomplete = np.vstack([X, np.full(shape[1], np.nan)])
    for x in (X, incomplete) if len(X) > 1 or shape[1] == 1 else (X,):
        fill = FactorMixture.fit_one(torch.from_numpy(x.copy()))
        filled = fill(torch.full((1, shape[1]), torch.nan))
        np.testing.assert_allclose(filled.numpy()[0], X.mean(axis=0), rtol=1e-6)


def test_whole_samples_are_returned_as_they_are(mixture):
    x = torch.ones(3, 4)
    assert mixture(x) is x
    x[1, 2] = torch.nan
    filled = mixture(x)
    assert filled.dtype == torch.float32
    torch.testing.assert_close(filled[::2], x[::2], rtol=0, atol=0)


def test_is_pickled_without_loss(mixture):
    x = torch.tensor([[1.0, np.nan, 0.0, np.nan]]).double()
    again = pickle.loads(pickle.dumps(mixture))
    torch.testing.assert_close(again(x), mixture(x), rtol=0, atol=0)
