"""Tests of the density that codes are drawn from by default."""

import pickle

import numpy as np
import pytest

from skae.autoencoders._density import NormalDensity

X = np.random.default_rng(0).normal(size=(200, 3)) @ [[2, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_samples_have_the_moments_of_what_was_fitted():
    density = NormalDensity().fit(X + 5)
    drawn = density.sample(200_000, random_state=0)
    np.testing.assert_allclose(density.mean_, (X + 5).mean(axis=0))
    np.testing.assert_allclose(density.covariance_, np.cov(X.T, bias=True), atol=1e-12)
    np.testing.assert_allclose(drawn.mean(axis=0), density.mean_, atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), density.covariance_, atol=0.05)
    assert np.ptp(drawn[:, 2]) < 1e-6  # it never varied


@pytest.mark.parametrize("seed", [0, 1])
def test_random_state_alone_decides(seed):
    density = NormalDensity().fit(X)
    copied = pickle.loads(pickle.dumps(density))
    expected = density.sample(5, random_state=seed)
    np.testing.assert_array_equal(copied.sample(5, random_state=seed), expected)
    assert (density.sample(5, random_state=2) != expected)[:, :2].all()


def test_one_sample_has_no_covariance():
    density = NormalDensity().fit(X[:1])
    np.testing.assert_array_equal(density.sample(2, random_state=0), X[[0, 0]])
