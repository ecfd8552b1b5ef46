"""K-means from several starts at once."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from skae.clustering._k_means import find_partitions


def test_each_copy_counts():
    # Forty values on a line are cut in the middle; one that occurs a thousand times
    # holds its centre, and the cut is a third of the way to the other one's end.
    rows = np.arange(40.0)[:, np.newaxis]
    counts = np.ones(40)
    for n_copies, first, last in ((1, 18, 22), (1000, 11, 15)):
        counts[0] = n_copies
        for labels in find_partitions(rows, counts, 2, 10, 0):
            assert first <= (labels == labels[0]).sum() <= last


def test_centres_of_some_of_many_rows_are_those_of_all():
    rows, _ = make_blobs(6000, n_features=4, centers=5, random_state=0)
    rows = rows[np.argsort(rows[:, 0])]
    every = KMeans(5, n_init=5, random_state=0).fit(rows)
    agreements = [
        adjusted_rand_score(every.labels_, labels)
        for labels in find_partitions(rows, np.ones(6000), 5, 3, 0)
    ]
    assert max(agreements) > 0.98


def inertia(rows, labels):
    """Return the sum of squares within clusters."""
    parts = [rows[labels == label] for label in np.unique(labels)]
    return sum(np.square(part - part.mean(axis=0)).sum() for part in parts)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_best_run_is_as_good_as_that_of_scikit_learn(dtype):
    rows, _ = make_blobs(1500, n_features=8, centers=12, cluster_std=3, random_state=0)
    rows = rows.astype(dtype)
    expected = KMeans(10, n_init=20, random_state=0).fit(rows).inertia_
    found = find_partitions(rows, np.ones(1500), 10, 20, 0)
    assert min(inertia(rows, labels) for labels in found) < 1.001 * expected


def test_partitions_differ():
    rows, y = make_blobs(300, centers=3, cluster_std=0.1, random_state=0)
    (labels,) = find_partitions(rows, np.ones(300), 3, 20, 0)
    assert adjusted_rand_score(y, labels) == 1
    rows = np.random.default_rng(0).normal(size=(300, 5))
    found = find_partitions(rows, np.ones(300), 6, 20, 0)
    assert len(found) > 5
    agreements = [adjusted_rand_score(*pair) for pair in combinations(found, 2)]
    assert max(agreements) < 1


def test_equal_rows_stay_together():
    rows = np.repeat(np.eye(3), 100, axis=0)
    for labels in find_partitions(rows, np.ones(300), 5, 4, 0):
        assert adjusted_rand_score(np.repeat([0, 1, 2], 100), labels) == 1
