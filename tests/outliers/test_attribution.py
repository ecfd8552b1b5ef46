"""Tests of what each feature contributes."""

import numpy as np

from skae.outliers._attribution import equal_surplus_shares


def test_a_sum_is_shared_out_exactly():
    X, baseline = np.random.default_rng(0).normal(size=(7, 4)), np.full((1, 4), 2.0)
    weights = np.array([1.0, -2.0, 3.0, 0.0])
    shares = equal_surplus_shares(lambda X: X @ weights, X, baseline)
    np.testing.assert_allclose(shares, (X - baseline) * weights, atol=1e-12)


def test_what_the_last_changes_overlap_in_is_taken_equally():
    X, baseline = np.array([[3.0, 5.0, 7.0]]), np.zeros((1, 3))
    shares = equal_surplus_shares(lambda X: X[:, 0] * X[:, 1], X, baseline)
    # Alone they change nothing. As the last each of two changes 15, of which 0.75 is
    # its own: together 7.5 more than there is.
    np.testing.assert_allclose(shares, [[11.25 - 2.5, 11.25 - 2.5, -2.5]])


def test_features_that_predict_each_other_do_not_hide_each_other():
    X, baseline = np.array([[4.0, 4.0, 1.0]]), np.full((1, 3), np.nan)

    def function(X):
        twin = np.fmax(X[:, 0], X[:, 1])
        return np.nan_to_num(twin) + np.nan_to_num(X[:, 2]) / 2

    shares = equal_surplus_shares(function, X, baseline)
    # Without one of the first two nothing changes. Their change alone counts 0.25.
    rest = (4.5 - 2 * 1.0 - 0.5) / 3
    np.testing.assert_allclose(shares, [[1.0 + rest, 1.0 + rest, 0.5 + rest]])


def test_shares_sum_to_the_change_in_blocks_of_rows():
    X = np.random.default_rng(0).normal(size=(300, 90))
    baseline = np.ones((1, 90))

    def function(X):
        return np.exp(np.sin(X).mean(axis=1))

    shares = equal_surplus_shares(function, X, baseline)
    change = function(X) - function(baseline)
    np.testing.assert_allclose(shares.sum(axis=1), change)
    # A sample has the same shares alone.
    alone = equal_surplus_shares(function, X[200:201], baseline)
    np.testing.assert_allclose(alone, shares[200:201])


def test_two_scores_per_feature():
    calls = []

    def function(X):
        calls.append(len(X))
        return X.sum(axis=1)

    X = np.ones((3, 20))
    equal_surplus_shares(function, X, 0 * X[:1])
    assert sum(calls) == 1 + 3 * (1 + 2 * 20)


def test_infinite_shares():
    def function(X):
        return np.where((X[:, :2] > 1).any(axis=1), np.inf, X.sum(axis=1))

    X, baseline = np.array([[2.0, 0.5, 0.5], [2.0, 2.0, 0.5]]), np.zeros((1, 3))
    shares = equal_surplus_shares(function, X, baseline)
    np.testing.assert_array_equal(
        np.isposinf(shares), [[True, False, False], [True, True, False]]
    )
    assert np.isfinite(shares[0, 1:]).all()
    assert np.isfinite(shares[1, 2])
