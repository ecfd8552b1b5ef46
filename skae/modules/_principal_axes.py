"""Principal axes of standardized samples, and the factors that they are made of."""

import numpy as np
import torch
from scipy.linalg import eigh
from scipy.sparse.linalg import eigsh

# The largest number of factors, of numbers in the products of a step, and of numbers
# that the features have for pairs of factors.
MAX_FACTORS, MAX_PRODUCTS, MAX_PAIRS = 32, 2**31, 2**22
# Smallest noise variance, as a share of a feature's variance.
SMALLEST_NOISE = 1e-3
# If a matrix is at least so many times as long as the number of its eigenvectors that
# are needed, they are found by products with it, which takes less time.
MIN_LANCZOS_RATIO = 8


def principal_axes(z, n_axes):
    """Find the largest eigenvalues of z'z and their eigenvectors, the largest first.

    Parameters
    ----------
    z : torch.Tensor of shape (n_samples, n_features)
        Samples.
    n_axes : int
        Number of eigenvalues. There are no more than ``z`` has rows or columns.

    Returns
    -------
    values : torch.Tensor of shape (n_axes,)
        The eigenvalues, in float64.
    vectors : torch.Tensor of shape (n_features, n_axes)
        Their eigenvectors, in float64.
    mean_square : float
        Sum of the squares of all eigenvalues, divided by the square of their number.
    """
    rows = z.numpy()  # whose product with itself takes half the time of torch's
    is_tall = len(rows) >= rows.shape[1]
    product = rows.T @ rows if is_tall else rows @ rows.T
    product = product.astype(np.float64, copy=False)
    mean_square = (product**2).sum() / rows.shape[1] ** 2
    n_axes = min(n_axes, len(product))
    if not n_axes:
        empty = torch.zeros(rows.shape[1], 0, dtype=torch.float64)
        return empty[0], empty, mean_square
    found = _largest_eigenpairs(product, n_axes, np.finfo(rows.dtype).eps)
    values, vectors = map(torch.from_numpy, found)
    if not is_tall:
        vectors = torch.nn.functional.normalize(z.t().double() @ vectors, dim=0)
    return values.flip(0).clamp(min=0.0), vectors.flip(1), mean_square


def _largest_eigenpairs(product, n_axes, eps):
    """Return the largest eigenvalues of a matrix in ascending order, and vectors."""
    length = len(product)
    if length >= MIN_LANCZOS_RATIO * n_axes and product.any():
        start = np.random.RandomState(0).uniform(-1.0, 1.0, length)
        values, vectors = eigsh(product, n_axes, v0=start)
        # If there are fewer, ARPACK draws further vectors from a state of its own.
        if values[0] > length * eps * values[-1]:
            return values, vectors
    return eigh(product, subset_by_index=(length - n_axes, length - 1))


def largest_rank(n_samples, n_features):
    """Return the number of factors that samples and memory allow.

    Parameters
    ----------
    n_samples, n_features : int
        Shape of the samples.

    Returns
    -------
    int
        The number, which may be zero.
    """
    by_memory = int((MAX_PAIRS / n_features) ** 0.5)
    return max(0, min(MAX_FACTORS, n_features - 1, n_samples - 1, by_memory))


def shrunk_factors(z, n_samples, n_factors):
    """Learn loadings and noise of complete samples, by probabilistic PCA [1]_.

    Their covariance is shrunk to a multiple of the identity matrix as far as few
    samples require it [2]_.

    Parameters
    ----------
    z : torch.Tensor of shape (n_samples, n_features)
        Standardized samples, times the square roots of their shares of all.
    n_samples : int
        Number of samples, which differs from that of rows if these have weights.
    n_factors : int
        Number of factors, below the number of features unless that is one.

    Returns
    -------
    loadings : torch.Tensor of shape (n_features, n_factors)
        The loadings.
    noise : float
        The noise variance.

    References
    ----------
    .. [1] M. E. Tipping and C. M. Bishop, "Probabilistic principal component analysis",
       Journal of the Royal Statistical Society B 61, 1999.
    .. [2] Y. Chen, A. Wiesel, Y. C. Eldar and A. O. Hero, "Shrinkage algorithms for
       MMSE covariance estimation", IEEE Transactions on Signal Processing 58, 2010.
    """
    d, total = z.shape[1], float(z.square().sum())
    values, vectors, mean_square = principal_axes(z, n_factors)
    common = total / d
    # By how much to shrink, from means of the eigenvalues (oracle approximation).
    rest = (n_samples + 1.0) * (mean_square - common**2 / d)
    shrinkage = min(1.0, (mean_square + common**2) / max(rest, 1e-300))
    left = max(total - float(values.sum()), 0.0) / (d - n_factors)
    noise = max(left + shrinkage * (common - left), SMALLEST_NOISE)
    found = values + shrinkage * (common - values)
    return vectors * (found - noise).clamp(min=0.0).sqrt(), noise
