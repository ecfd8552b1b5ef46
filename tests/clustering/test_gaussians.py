"""Clusters of a Gaussian mixture, where clusters are Gaussian."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import multivariate_normal
from sklearn.datasets import make_blobs, make_circles, make_moons, make_swiss_roll
from sklearn.metrics import adjusted_rand_score

from skae.clustering import _gaussians
from skae.clustering._gaussians import assign_to_gaussians


@pytest.fixture(scope="module")
def shapes():
    """A round group and a long one that touch, classes, and how likely each is."""
    rng = np.random.default_rng(0)
    means, covariances = ([0, 0], [3, 0]), (np.diag([1, 1]), np.diag([0.1, 9]))
    parts = [
        rng.multivariate_normal(mean, covariance, 200)
        for mean, covariance in zip(means, covariances, strict=True)
    ]
    order = rng.permutation(400)
    X, y = np.concatenate(parts)[order], np.repeat([0, 1], 200)[order]
    densities = [
        multivariate_normal.pdf(X, mean, covariance)
        for mean, covariance in zip(means, covariances, strict=True)
    ]
    return X, y, np.argmax(densities, axis=0)


def test_borders_are_those_of_the_densities(shapes):
    X, y, best = shapes
    straight = (X[:, 0] > 1.4).astype(int)
    assert (straight == y).mean() < (best == y).mean() - 0.01
    found = assign_to_gaussians(X, np.ones(400), straight, 2)
    assert (found == best).mean() > 0.99
    # Neither units nor features without information change anything.
    others = np.column_stack([X * [1e3, 1e-3] + 1e6, np.full(400, 7.0)])
    for points in (others, sp.csr_array(others)):
        again = assign_to_gaussians(points, np.ones(400), straight, 2)
        np.testing.assert_array_equal(again, found)


def test_a_point_of_many_samples_counts_as_often(shapes):
    X, _, _ = shapes
    counts = np.random.default_rng(0).integers(1, 4, 400)
    straight = (X[:, 0] > 1.4).astype(int)
    mean, covariance = _gaussians._moments(X, counts)
    samples = np.repeat(X, counts, axis=0)
    np.testing.assert_allclose(mean, samples.mean(axis=0))
    expected = np.cov(samples.T, bias=True) + 1e-3 * np.eye(2)
    np.testing.assert_allclose(covariance, expected)
    ten = assign_to_gaussians(X, 10 * counts, straight, 2)
    one = assign_to_gaussians(X, counts, straight, 2)
    np.testing.assert_array_equal(ten, one)


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_moons(400, noise=0.08, random_state=0),
        lambda: make_circles(400, noise=0.07, factor=0.5, random_state=0),
        lambda: make_swiss_roll(400, random_state=0),
    ],
)
def test_clusters_of_other_shapes_stay(make):
    X, y = make()
    labels = (y > np.median(y)).astype(int)
    found = assign_to_gaussians(X, np.ones(400), labels, 2)
    np.testing.assert_array_equal(found, labels)


@pytest.mark.parametrize("sizes", [(1000, 100), (1000, 50), (1000, 30)])
def test_halves_of_a_large_cluster_become_it_and_the_small_one_beside(sizes):
    X, y = make_blobs(sizes, centers=[[0, 0], [4, 0]], random_state=1)
    halves = (X[:, 1] > 0).astype(int)
    found = assign_to_gaussians(X, np.ones(len(X)), halves, 2)
    assert adjusted_rand_score(y, found) > 0.8


def test_a_mixture_that_is_fitted_to_some_points_assigns_all(shapes, monkeypatch):
    X, _, best = shapes
    monkeypatch.setattr(_gaussians, "MAX_FITTED", 200)
    straight = (X[:, 0] > 1.4).astype(int)
    found = assign_to_gaussians(X, np.ones(400), straight, 2)
    assert (found == best).mean() > 0.98


def test_a_cluster_that_should_be_two_stays(shapes):
    X, y, _ = shapes
    is_far = (y == 1) & (np.arange(400) % 2 == 1)
    found = assign_to_gaussians(X + 8 * is_far[:, np.newaxis], np.ones(400), y, 2)
    np.testing.assert_array_equal(found, y)


def test_few_samples_per_parameter_and_many_samples_stay(shapes, monkeypatch):
    X, _, _ = shapes
    straight = (X[:, 0] > 1.4).astype(int)
    some = np.concatenate(
        [np.flatnonzero(straight == k)[:n] for k, n in ((0, 7), (1, 90))]
    )
    found = assign_to_gaussians(X[some], np.ones(97), straight[some], 2)
    np.testing.assert_array_equal(found, straight[some])
    monkeypatch.setattr(_gaussians, "MAX_POINTS", 399)
    found = assign_to_gaussians(X, np.ones(400), straight, 2)
    np.testing.assert_array_equal(found, straight)
