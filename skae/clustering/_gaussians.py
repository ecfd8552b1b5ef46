"""Clusters of few samples that are Gaussian are those of a Gaussian mixture.

A graph of few samples cannot show a border where clusters overlap, but differ in shape.
If one Gaussian describes a cluster, a mixture tells which samples belong to it. Many
samples need no such assumption.
"""

import numpy as np
import scipy.sparse as sp
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

MAX_POINTS = 500
# A Gaussian is fitted to so many samples for each of its parameters at least.
MIN_SAMPLES_PER_PARAMETER = 1.5
# By how many standard errors one Gaussian per cluster must describe samples that were
# held out better than two. This and the limit above were chosen with labels in sight,
# of iris, blobs, and principal components of tables and digits.
MIN_STANDARD_ERRORS = 2
N_FOLDS = 5
# Part of the variance of a feature that is added to that of each Gaussian.
REGULARIZATION = 1e-3
MAX_ITER = 100
# A mixture is fitted once the mean log-likelihood of a sample rises by less.
TOL = 1e-4


def assign_to_gaussians(points, counts, labels, n_clusters):
    """Return the clusters of a mixture that starts at given clusters.

    The given clusters are returned if there are many points or few for each parameter
    of a Gaussian, if it is not clear that the clusters are Gaussian, and if the mixture
    leaves one without samples.
    """
    if n_clusters == 1 or points.shape[0] > MAX_POINTS:
        return labels
    sizes = np.bincount(labels, counts)
    points = _scale(points)
    n_features = points.shape[1]
    n_parameters = n_features * (n_features + 3) / 2
    if sizes.min() < MIN_SAMPLES_PER_PARAMETER * n_parameters:
        return labels
    if not _are_gaussian(points, counts, labels, n_clusters):
        return labels
    shares = _shares(labels, counts, n_clusters)
    old = -np.inf
    for _ in range(MAX_ITER):
        joint = _log_joint(points, shares, points)
        total = logsumexp(joint, axis=1, keepdims=True)
        new = np.average(total.ravel(), weights=counts)
        shares = np.exp(joint - total) * counts[:, np.newaxis]
        if shares.sum(axis=0).min() < 1:
            return labels
        if new - old < TOL:
            break
        old = new
    found = joint.argmax(axis=1)
    return found if len(np.unique(found)) == n_clusters else labels


def _scale(points):
    """Return the features that are not constant, with a variance of one."""
    if sp.issparse(points):
        points = points.toarray()
    points = points[:, np.ptp(points, axis=0) > 0].astype(np.float64)
    return (points - points.mean(axis=0)) / points.std(axis=0)


def _shares(labels, counts, n_clusters):
    """Return one column per cluster, with the counts of its members."""
    return np.identity(n_clusters)[labels] * counts[:, np.newaxis]


def _are_gaussian(points, counts, labels, n_clusters):
    """Return whether one Gaussian per cluster is clearly better than two.

    Both are fitted to four fifths of the points, and judged by the others.
    """
    halves = 2 * labels
    for label in range(n_clusters):
        is_member = labels == label
        mean, covariance = _moments(points[is_member], counts[is_member])
        axis = np.linalg.eigh(covariance)[1][:, -1]  # along which the cluster is long
        halves[is_member] += (points[is_member] - mean) @ axis > 0
    one = _shares(labels, counts, n_clusters)
    two = _shares(halves, counts, 2 * n_clusters)
    gains = np.empty(len(points))
    fold = np.arange(len(points)) % N_FOLDS  # the points are ordered by place
    for i in range(N_FOLDS):
        out = fold == i
        ones, twos = (
            logsumexp(_log_joint(points[~out], shares[~out], points[out]), axis=1)
            for shares in (one, two)
        )
        gains[out] = ones - twos
    gain = np.average(gains, weights=counts)
    variance = np.average(np.square(gains - gain), weights=counts)
    return gain > MIN_STANDARD_ERRORS * np.sqrt(variance / counts.sum())


def _moments(points, weights):
    """Return the mean and the regularized covariance of points with weights."""
    mean = np.average(points, axis=0, weights=weights)
    centered = points - mean
    covariance = (centered.T * weights) @ centered / weights.sum()
    return mean, covariance + REGULARIZATION * np.identity(len(mean))


def _log_joint(points, shares, new):
    """Return the log density of new points under each of some weighted Gaussians.

    They are fitted to shares of the points; one without any is left out. Constants are
    left out as well.
    """
    columns = []
    for share in shares.T[shares.any(axis=0)]:
        mean, covariance = _moments(points, share)
        factor = np.linalg.cholesky(covariance)
        distances = solve_triangular(factor, (new - mean).T, lower=True)
        column = -np.square(distances).sum(axis=0) / 2
        columns.append(column + np.log(share.sum()) - np.log(factor.diagonal()).sum())
    return np.column_stack(columns)
