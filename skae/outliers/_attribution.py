"""What each feature contributes to the score of a sample."""

import numpy as np

# Pairs of an order of the features and its reverse: about so many scores are spent on a
# sample, within these limits.
N_SCORES, MIN_PAIRS, MAX_PAIRS = 256, 2, 8
# Numbers that are scored at a time.
BLOCK_SIZE = 2**20


def shapley_values(function, X, baseline, rng):
    """Share out the change of a function between a baseline and samples.

    The features of the baseline are replaced by those of the sample, one after another.
    The share of a feature is the change when it is replaced, as a mean over random
    orders and their reverses [1]_. All samples have the same orders. The shares of a
    sample sum to ``function(X) - function(baseline)``.

    Parameters
    ----------
    function : callable
        Returns one number per sample.
    X : ndarray of shape (n_samples, n_features)
        The samples.
    baseline : ndarray of shape (1, n_features)
        What they are compared with.
    rng : numpy.random.Generator
        Source of the orders.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        The share of each feature. It is infinite where the feature makes the function
        infinite.

    References
    ----------
    .. [1] R. Mitchell, J. Cooper, E. Frank and G. Holmes, "Sampling permutations for
       Shapley value estimation", JMLR 23, 2022.
    """
    n_samples, n_features = X.shape
    n_pairs = min(MAX_PAIRS, max(MIN_PAIRS, N_SCORES // (2 * n_features)))
    values = np.zeros(X.shape)
    orders = [rng.permutation(n_features) for _ in range(n_pairs)]
    orders += [order[::-1] for order in orders]
    n_rows = max(1, BLOCK_SIZE // (n_features * (n_features + 1)))
    for start in range(0, n_samples, n_rows):
        rows = X[start : start + n_rows, np.newaxis]
        for order in orders:
            # Row i of a path has the first i features in the order from the sample.
            is_replaced = np.argsort(order) < np.arange(n_features + 1)[:, np.newaxis]
            paths = np.where(is_replaced, rows, baseline)
            results = function(paths.reshape(-1, n_features))
            results = results.reshape(len(rows), -1).astype(np.float64)
            with np.errstate(invalid="ignore"):
                changes = np.diff(results, axis=1)
            changes[np.isnan(changes)] = 0.0  # infinite before and after
            values[start : start + n_rows, order] += changes
    return values / len(orders)
