"""What each feature contributes to the score of a sample."""

import numpy as np

# Weight of the change by a feature that comes last. It compares the value with all
# others of the sample, but is small for each of several features that predict each
# other, however far all of them are from the baseline.
WEIGHT_OF_LAST = 0.75
# Numbers that are scored at a time.
BLOCK_SIZE = 2**20


def equal_surplus_shares(function, X, baseline):
    """Share out the change of a function between a baseline and samples.

    The own share of a feature is a weighted mean of two changes: that by its value
    alone, and that by its value as the last. What the own shares of a sample lack of
    the whole change, or are more than it, is shared equally [1]_. So the shares sum to
    ``function(X) - function(baseline)``.

    Parameters
    ----------
    function : callable
        Returns one number per sample.
    X : ndarray of shape (n_samples, n_features)
        The samples.
    baseline : ndarray of shape (1, n_features)
        What they are compared with.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        The share of each feature. It is infinite where the feature makes the function
        infinite.

    References
    ----------
    .. [1] R. van den Brink and Y. Funaki, "Axiomatizations of a class of equal surplus
       sharing solutions for TU-games", Theory and Decision 67, 2009.
    """
    n_features = X.shape[1]
    is_feature = np.eye(n_features, dtype=bool)
    shares = np.empty(X.shape)
    at_baseline = _scores(function, baseline)
    n_rows = max(1, BLOCK_SIZE // n_features**2)
    for start in range(0, len(X), n_rows):
        rows = X[start : start + n_rows]
        whole = _scores(function, rows)[:, np.newaxis]
        alone, without = (
            _scores(function, np.where(is_known, rows[:, np.newaxis], baseline))
            for is_known in (is_feature, ~is_feature)
        )
        own = WEIGHT_OF_LAST * _change(without, whole)
        own += (1 - WEIGHT_OF_LAST) * _change(at_baseline, alone)
        rest = _change(own.sum(axis=1, keepdims=True), whole - at_baseline)
        shares[start : start + n_rows] = own + rest / n_features
    return shares


def _scores(function, X):
    """Return a function of samples along the last axis."""
    return function(X.reshape(-1, X.shape[-1])).reshape(X.shape[:-1]).astype(np.float64)


def _change(before, after):
    """Return the difference, zero where both values are infinite."""
    with np.errstate(invalid="ignore"):
        change = after - before
    return np.where(np.isnan(change), 0.0, change)
