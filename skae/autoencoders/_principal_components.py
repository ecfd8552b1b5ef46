"""Principal components of training samples, which may be sparse or have weights."""

import numpy as np
import torch
from scipy.sparse import diags_array, issparse
from scipy.sparse.linalg import LinearOperator, svds
from sklearn.decomposition import PCA
from sklearn.utils.extmath import svd_flip

from skae._common.missing import has_missing
from skae._common.sample_weight import moments
from skae._training.batches import BLOCK_SIZE

# The affine maps are fitted on at least so many samples or draws of their corruption,
# where there are, and on at most so many numbers.
MIN_AFFINE_ROWS, MAX_AFFINE_SIZE = 4096, 2**24
# Their variance is found for some features at a time.
COLUMNS_AT_A_TIME = 64


def is_too_large(batches):
    """Whether samples are sparse, and too large for their components to be dense.

    Parameters
    ----------
    batches : Batches
        Training batches.

    Returns
    -------
    bool
        True if :func:`fit_sparse_pca` is for them.
    """
    rows = batches.rows[0].array
    plain = batches.transform is None and len(batches.rows) == 1
    size = batches.n_samples * rows.shape[1]
    return plain and issparse(rows) and size > MAX_AFFINE_SIZE


def gather(batches, fill):
    """Collect samples, of several passes where they are drawn at random.

    Parameters
    ----------
    batches : Batches
        Training batches.
    fill : callable
        Fills missing values of targets, a tensor in the module's scale.

    Returns
    -------
    x : ndarray of shape (n_rows, n_features)
        Inputs in the module's scale.
    target : ndarray of shape (n_rows, n_outputs)
        Targets; ``x`` itself where they are the inputs.
    weight : ndarray of shape (n_rows,) or None
        Weights of the samples, None where they have none.
    """
    weights, n_rows, n_samples = [], 0, batches.n_samples
    max_rows = MAX_AFFINE_SIZE // batches.rows[0].array.shape[1]
    min_rows = 0 if batches.transform is None else min(MIN_AFFINE_ROWS, max_rows)
    n_passes = max(1, -(-min_rows // n_samples))
    # As long as they can get, with the last batch. What is not used takes no memory.
    length = min(n_passes * n_samples, max_rows + batches.batch_size + 1)
    for _ in range(n_passes):
        for inputs, outputs, *weight in batches.with_exact_weights():
            if not n_rows:
                target = np.empty((length, outputs.shape[1]))
                x = target if inputs is outputs else np.empty((length, inputs.shape[1]))
            numbers = slice(n_rows, n_rows + len(inputs))
            target[numbers] = outputs.cpu()
            if x is not target:
                x[numbers] = inputs.cpu()
            weights += weight
            n_rows += len(inputs)
            if n_rows >= max_rows:
                break
    weight = torch.cat(weights).numpy() if weights else None
    is_same = x is target
    target = torch.from_numpy(target[:n_rows])
    x = target if is_same else torch.from_numpy(x[:n_rows])
    if has_missing(target.numpy()):
        present = ~target.isnan()
        target = fill(target)
        if torch.equal(x[present], target[present]):  # nothing else differs
            x = target
    target_rows = target.numpy()
    return target_rows if x is target else x.numpy(), target_rows, weight


def fit_pca(rows, n_components, weight, seed):
    """Fit PCA.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        The samples.
    n_components : int
        Number of components, which the samples may limit.
    weight : ndarray of shape (n_samples,) or None
        Weights of the samples.
    seed : int
        Seed of the solvers that are randomized.

    Returns
    -------
    sklearn.decomposition.PCA
        Components without variance are zero: rounding decides where they point.
    """
    pca = PCA(min(n_components, *rows.shape), random_state=seed)
    with np.errstate(invalid="ignore"):  # of samples that do not differ
        if weight is None:
            pca.fit(rows)
        else:
            mean = np.average(rows, axis=0, weights=weight)
            lengths = np.sqrt(weight / weight.mean())
            scaled = (rows - mean) * lengths[:, np.newaxis]
            # With their mirror images they have the mean zero, and the covariance
            # that the samples have with their weights.
            pca.fit(np.concatenate([scaled, -scaled]))
            pca.mean_, pca.n_samples_ = mean, len(rows)
            factor = (1 - 1 / (2 * len(rows))) * unbiased(len(rows), weight)
            pca.explained_variance_ *= factor
            n_rest = [
                min(n_samples, rows.shape[1]) - pca.n_components_
                for n_samples in (2 * len(rows), max(len(rows), weight.sum()))
            ]
            pca.noise_variance_ *= factor * n_rest[0] / max(n_rest[1], 1)
    variance = pca.explained_variance_
    is_real = variance > max(rows.shape) * np.finfo(np.float64).eps * variance[0]
    pca.components_[~is_real] = 0.0
    return pca


def fit_sparse_pca(batches, n_components, seed):
    """Fit PCA to all samples of batches without making them dense.

    Parameters
    ----------
    batches : Batches
        Batches of sparse samples without a transform.
    n_components : int
        Number of components, which must be below the rank.
    seed : int
        Seed of the vector that the solver starts from.

    Returns
    -------
    pca : sklearn.decomposition.PCA
        In the module's scale.
    error : float
        Mean squared error per feature of what the components reconstruct.
    """
    source, numbers, weight = batches.rows[0], batches.row_numbers, batches.weight
    rows = source.array if batches.runs is None else source.array[numbers]
    rows, lengths = rows.astype(np.float64), np.ones((rows.shape[0], 1))
    if weight is not None:
        weight = weight[numbers]
        lengths[:, 0] = np.sqrt(weight / weight.mean())
    mean, variance = moments(rows, weight)
    scaling, scale = source.scaling, source.byte_scale / source.scaling.scale
    scaled_mean = (source.byte_scale * mean - scaling.mean) / scaling.scale
    if scaling.is_per_feature:
        rows, mean, variance = (
            rows @ diags_array(scale),
            mean * scale,
            variance * scale**2,
        )
        scale = 1.0
    # The centred rows, times the roots of their weights, as a product that is never
    # made: only the mean is dense.
    centred = LinearOperator(
        rows.shape,
        matvec=lambda v: lengths[:, 0] * (rows @ v.ravel() - mean @ v.ravel()),
        rmatvec=lambda u: (
            rows.T @ (lengths[:, 0] * u.ravel()) - mean * (lengths[:, 0] @ u.ravel())
        ),
        dtype=np.float64,
    )
    n_components = min(n_components, min(rows.shape) - 1)
    start = np.random.RandomState(seed).uniform(-1, 1, min(rows.shape))
    u, singular, components = svds(centred, k=n_components, v0=start)
    u, components = svd_flip(u[:, ::-1], components[::-1], u_based_decision=False)
    n_rows = rows.shape[0]
    found, total = (
        scale**2 * part for part in (singular[::-1] ** 2 / n_rows, variance.sum())
    )
    left, factor = max(total - found.sum(), 0.0), unbiased(n_rows, weight)
    n_samples = n_rows if weight is None else max(n_rows, weight.sum())
    pca = PCA(n_components)
    pca.components_, pca.n_components_ = components, n_components
    pca.mean_ = scaled_mean
    pca.explained_variance_ = factor * found
    pca.explained_variance_ratio_ = found / (total or 1.0)
    n_rest = min(n_samples, rows.shape[1]) - n_components
    pca.noise_variance_ = factor * left / n_rest
    pca.n_samples_ = n_rows
    return pca, left / rows.shape[1]


def affine_error(x, target, weight, encode, decode):
    """Return the mean squared error per feature of affine maps.

    Parameters
    ----------
    x : ndarray of shape (n_rows, n_features)
        Inputs.
    target : ndarray of shape (n_rows, n_outputs)
        Targets.
    weight : ndarray of shape (n_rows,) or None
        Weights of the samples.
    encode, decode : tuple of (ndarray, ndarray)
        Weight of shape (n_outputs, n_inputs) and bias of shape (n_outputs,).

    Returns
    -------
    float
        The error, found block by block without an array of the size of x.
    """
    error, total = 0.0, len(x) if weight is None else weight.sum()
    # Small, since several arrays of this size are in use at the same time.
    length = max(1, BLOCK_SIZE // (8 * target.shape[1]))
    for start in range(0, len(x), length):
        part = slice(start, start + length)
        code = x[part] @ encode[0].T + encode[1]
        squares = code @ decode[0].T + decode[1] - target[part]
        np.square(squares, out=squares)
        share = len(squares)
        if weight is not None:
            share = weight[part].sum()
            if not share:
                continue
            squares = np.average(squares, axis=0, weights=weight[part])
        error += float(squares.mean()) * (share / total)
    return error


def total_variance(rows, weight):
    """Return the sum of the variances of features.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        The samples.
    weight : ndarray of shape (n_samples,) or None
        Weights of the samples.

    Returns
    -------
    float
        The sum, found without an array of the size of rows.
    """
    variances = []
    for start in range(0, rows.shape[1], COLUMNS_AT_A_TIME):
        columns = rows[:, start : start + COLUMNS_AT_A_TIME]
        if weight is None:
            variances.append(columns.var(axis=0, ddof=min(1, len(rows) - 1)))
        else:
            factor = unbiased(len(rows), weight)
            variances.append(moments(columns, weight)[1] * factor)
    return float(np.concatenate(variances).sum())


def unbiased(n_samples, weight=None):
    """Return what turns a mean square into an estimate of the variance, n / (n - 1).

    Parameters
    ----------
    n_samples : int
        Number of samples.
    weight : ndarray of shape (n_samples,), default=None
        Weights of the samples. If they have a mean above one they are numbers of equal
        samples, all of which count.

    Returns
    -------
    float
        The factor; one for a single sample.
    """
    if weight is not None:
        n_samples = max(n_samples, weight.sum())
    return n_samples / max(n_samples - 1, 1)
