"""Tests of the random sample of a stream."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from skae._common.reservoir import update_reservoir


def stream(seed, lengths=(3, 5, 1, 11), max_rows=6, forget_factor=1.0):
    """Sample a stream of the numbers from zero on, and their negatives."""
    kept, keys, n_seen = [np.empty((0, 1)), np.empty(0)], np.empty(0), 0
    for length in lengths:
        numbers = np.arange(n_seen, n_seen + length, dtype=float)
        batch = [numbers[:, np.newaxis], -numbers]
        keys = keys / forget_factor
        kept, keys = update_reservoir(kept, batch, keys, max_rows, [seed, n_seen])
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


@pytest.mark.parametrize(
    ("max_rows", "likely"), [(100, [0.125, 0.25, 0.5, 1.0]), (2, None)]
)
def test_earlier_rows_count_less(max_rows, likely):
    counts = np.zeros(20)
    for seed in range(2000):
        rows, _ = stream(seed, (5, 5, 5, 5), max_rows, forget_factor=0.5)
        counts[rows[:, 0].astype(int)] += 1
    found = counts.reshape(4, 5).mean(axis=1) / 2000
    if likely is None:  # proportional, but for how few are drawn: 5 * 1.875 rows count
        likely = 2 * np.array([0.125, 0.25, 0.5, 1.0]) / 9.375
    np.testing.assert_allclose(found, likely, atol=0.015)


def test_few_rows_are_all_kept_in_their_order():
    rows, _ = stream(0, max_rows=30)
    np.testing.assert_array_equal(rows[:, 0], np.arange(20))
    np.testing.assert_array_equal(stream(3)[0], stream(3)[0])


@pytest.mark.parametrize("max_rows", [4, 100])
def test_sparse_rows_are_kept_as_dense_ones(max_rows):
    X = np.eye(9)[:, :5]
    kept = [X[:2].copy()]
    keys = np.array([0.1, 0.9])
    (expected,), keys_of_dense = update_reservoir(kept, [X], keys, max_rows, 0)
    (found,), keys_of_sparse = update_reservoir(kept, [csr_array(X)], keys, max_rows, 0)
    np.testing.assert_array_equal(keys_of_sparse, keys_of_dense)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(kept[0], X[:2])
