"""Tests of the random sample of a stream."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from skae._common.reservoir import update_reservoir


def stream(seed, lengths=(3, 5, 1, 11), max_rows=6):
    """Sample a stream of the numbers from zero on, and their negatives."""
    kept, n_seen = [np.empty((0, 1)), np.empty(0)], 0
    for length in lengths:
        numbers = np.arange(n_seen, n_seen + length, dtype=float)
        batch = [numbers[:, np.newaxis], -numbers]
        kept = update_reservoir(kept, batch, n_seen, max_rows, seed)
        n_seen += length
    return kept


def test_each_row_is_as_likely_to_be_kept():
    counts = np.zeros(20)
    for seed in range(2000):
        rows, negatives = stream(seed)
        numbers = rows[:, 0].astype(int)
        np.testing.assert_array_equal(negatives, -numbers)
        assert len(set(numbers)) == 6
        counts[numbers] += 1
    # Binomial with a standard deviation of 20.5.
    np.testing.assert_allclose(counts, 2000 * 6 / 20, atol=90)


def test_few_rows_are_all_kept_in_their_order():
    rows, _ = stream(0, max_rows=30)
    np.testing.assert_array_equal(rows[:, 0], np.arange(20))
    np.testing.assert_array_equal(stream(3)[0], stream(3)[0])


@pytest.mark.parametrize("max_rows", [4, 100])
def test_sparse_rows_are_kept_as_dense_ones(max_rows):
    X = np.eye(9)[:, :5]
    kept = [X[:2].copy()]
    (expected,) = update_reservoir(kept, [X], 2, max_rows, 0)
    (found,) = update_reservoir(kept, [csr_array(X)], 2, max_rows, 0)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(kept[0], X[:2])
