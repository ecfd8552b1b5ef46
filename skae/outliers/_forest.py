"""Scores of an isolation forest (Liu, Ting and Zhou, 2008)."""

import numpy as np


def _mean_search_length(n_samples):
    """Return the mean length of unsuccessful searches in trees of so many samples."""
    n = np.maximum(n_samples, 2).astype(np.float64)
    length = 2.0 * (np.log(n - 1.0) + np.euler_gamma) - 2.0 * (n - 1.0) / n
    return np.where(n_samples > 2, length, n_samples > 1)


def find_path_lengths(forest):
    """Return the length of the path to each leaf, and of what is missing below it.

    Parameters
    ----------
    forest : IsolationForest
        It is fitted, and all its trees see all features.

    Returns
    -------
    list of ndarray of shape (n_nodes,)
        One array for each tree.
    """
    trees = [tree.tree_ for tree in forest.estimators_]
    return [
        tree.compute_node_depths() + _mean_search_length(tree.n_node_samples) - 1.0
        for tree in trees
    ]


def score_by_forest(forest, path_lengths, x):
    """Return what ``forest.score_samples`` does, without a thread and checks per tree.

    For one row these take nearly all of its time.

    Parameters
    ----------
    forest : IsolationForest
        It is fitted, and all its trees see all features.
    path_lengths : list of ndarray
        As :func:`find_path_lengths` returned them.
    x : ndarray of shape (n_samples, n_features)
        Samples in float32, row by row, without missing values.

    Returns
    -------
    ndarray of shape (n_samples,)
        Scores from -1 to 0, lower for samples that are isolated by short paths.
    """
    total = np.zeros(len(x))
    for tree, lengths in zip(forest.estimators_, path_lengths, strict=True):
        total += lengths[tree.tree_.apply(x)]
    usual = len(path_lengths) * _mean_search_length(np.array(forest.max_samples_))
    # Trees of a single sample have no paths.
    ratio = np.divide(total, usual, out=np.ones_like(total), where=usual > 0)
    return -(2.0**-ratio)
