"""Tests of what each feature contributes."""

import numpy as np

from skae.outliers._attribution import shapley_values


def test_a_sum_is_shared_out_exactly():
    X, baseline = np.random.default_rng(0).normal(size=(7, 4)), np.full((1, 4), 2.0)
    weights = np.array([1.0, -2.0, 3.0, 0.0])
    values = shapley_values(
        lambda X: X @ weights, X, baseline, np.random.default_rng(0)
    )
    np.testing.assert_allclose(values, (X - baseline) * weights, atol=1e-12)


def test_a_product_of_two_is_shared_equally():
    X, baseline = np.array([[3.0, 5.0, 7.0]]), np.zeros((1, 3))
    values = shapley_values(
        lambda X: X[:, 0] * X[:, 1], X, baseline, np.random.default_rng(0)
    )
    np.testing.assert_array_equal(values, [[7.5, 7.5, 0.0]])


def test_shares_sum_to_the_change_in_blocks_of_rows():
    X = np.random.default_rng(0).normal(size=(300, 90))
    baseline = np.ones((1, 90))

    def function(X):
        return np.exp(np.sin(X).mean(axis=1))

    values = shapley_values(function, X, baseline, np.random.default_rng(0))
    change = function(X) - function(baseline)
    np.testing.assert_allclose(values.sum(axis=1), change)
    # A sample has the same shares alone.
    alone = shapley_values(function, X[200:201], baseline, np.random.default_rng(0))
    np.testing.assert_allclose(alone, values[200:201])


def test_few_features_get_more_orders():
    calls = []

    def function(X):
        calls.append(len(X))
        return X.sum(axis=1)

    rows = {}
    for n_features in (3, 20, 200):
        calls.clear()
        X = np.ones((1, n_features))
        shapley_values(function, X, 0 * X, np.random.default_rng(0))
        rows[n_features] = sum(calls)
    assert rows == {3: 16 * 4, 20: 12 * 21, 200: 4 * 201}
