"""The rules that match clusters to classes."""

from itertools import permutations

import numpy as np
import pytest

from skae.semi_supervised._naming import match_clusters_to_classes


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("shape", [(3, 3), (4, 3), (3, 5)])
def test_hungarian_is_the_best_one_to_one_matching(seed, shape):
    counts = np.random.default_rng(seed).integers(6, size=shape)
    names = match_clusters_to_classes(counts, "hungarian")
    n_classes, n_clusters = shape
    if n_classes >= n_clusters:
        best = max(
            sum(counts[row, cluster] for cluster, row in enumerate(rows))
            for rows in permutations(range(n_classes), n_clusters)
        )
        assert len(set(names)) == n_clusters
        assert counts[names, np.arange(n_clusters)].sum() == best
    else:
        best = max(
            sum(counts[row, cluster] for row, cluster in enumerate(clusters))
            for clusters in permutations(range(n_clusters), n_classes)
        )
        assert set(names) == set(range(n_classes))
        assert any(
            sum(counts[row, cluster] for row, cluster in enumerate(clusters)) == best
            and all(names[cluster] == row for row, cluster in enumerate(clusters))
            and all(
                counts[names[cluster], cluster] == counts[:, cluster].max()
                for cluster in set(range(n_clusters)) - set(clusters)
            )
            for clusters in permutations(range(n_clusters), n_classes)
        )


@pytest.mark.parametrize(
    ("counts", "assignment", "names"),
    [
        # one to one, against the majority of cluster 1
        ([[9, 5], [1, 0]], "hungarian", [0, 1]),
        ([[9, 5], [1, 0]], "majority", [0, 0]),
        # surplus clusters by majority
        ([[9, 0, 4], [0, 9, 3]], "hungarian", [0, 1, 0]),
        # the class without a majority takes the cluster that loses the fewest votes
        ([[1, 0, 0], [5, 3, 2]], "hungarian", [1, 1, 0]),
        # ... and the one without any, if there is one
        ([[1, 0, 0], [5, 3, 0]], "hungarian", [1, 1, 0]),
        # ties go to the class that has no cluster yet
        ([[5, 2], [0, 2]], "majority", [0, 1]),
        ([[5, 2, 0], [0, 2, 4], [0, 1, 0]], "majority", [0, 0, 1]),
        # two ties, two classes
        ([[2, 2], [2, 2]], "majority", [0, 1]),
        # the tie with more votes goes first
        ([[5, 0, 3, 0], [0, 5, 0, 1], [0, 0, 3, 1]], "majority", [0, 1, 2, 1]),
        ([[5, 0, 1, 0], [0, 5, 0, 3], [0, 0, 1, 3]], "majority", [0, 1, 0, 2]),
        # a cluster without labels takes the class that is left ...
        ([[4, 0], [3, 0]], "majority", [0, 1]),
        ([[4, 0], [3, 0]], "hungarian", [0, 1]),
        # ... if votes of another cluster do not need it
        ([[4, 2, 0], [0, 2, 0]], "majority", [0, 1, -1]),
        # nothing is left
        ([[4, 0, 0], [0, 4, 0]], "majority", [0, 1, -1]),
        ([[4, 0, 0], [0, 4, 0]], "hungarian", [0, 1, -1]),
        ([[4, 0]], "hungarian", [0, -1]),
        ([[4, 0]], "majority", [0, -1]),
        # fewer clusters than classes
        ([[1], [3], [2]], "hungarian", [1]),
        ([[1], [3], [2]], "majority", [1]),
    ],
)
def test_rule(counts, assignment, names):
    counts = np.array(counts)
    before = counts.copy()
    np.testing.assert_array_equal(match_clusters_to_classes(counts, assignment), names)
    np.testing.assert_array_equal(counts, before)


def test_votes_weigh_more_than_many_ties():
    # One voted pair for class 1 against many clusters without any label.
    counts = np.zeros((2, 40), dtype=int)
    counts[0, 0] = 9
    counts[:, 39] = 1
    names = match_clusters_to_classes(counts, "majority")
    assert names[39] == 1
    assert (names[1:39] == -1).all()
