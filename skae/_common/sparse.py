"""Sparse samples: rows in scipy's CSR format, of which only blocks become dense."""

import numpy as np
from scipy import sparse
from sklearn.utils.sparsefuncs import min_max_axis

from skae._common.stored import StoredRows

# Blocks of rows become dense in about this many numbers.
BLOCK_SIZE = 2**20


def as_csr(X):
    """Return sparse rows in the one form in which they are used.

    Parameters
    ----------
    X : sparse matrix or sparse array in CSR format
        The rows.

    Returns
    -------
    scipy.sparse.csr_array
        Without duplicates and in the machine's byte order; it shares the memory of X
        where that is possible, and X stays as it is.
    """
    rows = sparse.csr_array(X)
    if not rows.dtype.isnative:
        rows = rows.astype(rows.dtype.newbyteorder("="))
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    return rows


def values_of(rows):
    """Return the different numbers in rows, so far as a range or a kind needs them.

    Parameters
    ----------
    rows : ndarray or csr_array of shape (n_samples, n_features)
        The rows.

    Returns
    -------
    ndarray
        The rows themselves; of sparse ones what is stored, and a zero.
    """
    if not sparse.issparse(rows):
        return rows
    return np.append(rows.data, rows.dtype.type(0))


def column_range(rows):
    """Return the lowest and the highest value of each column.

    Parameters
    ----------
    rows : ndarray, csr_array or StoredRows of shape (n_samples, n_features)
        The rows. NaN is left out.

    Returns
    -------
    low, high : ndarray of shape (n_features,)
        The values; of sparse rows in float64.
    """
    if sparse.issparse(rows):
        return min_max_axis(rows.astype(np.float64), axis=0, ignore_nan=True)
    low, high = zip(
        *(
            (np.fmin.reduce(block, axis=0), np.fmax.reduce(block, axis=0))
            for _, block in dense_blocks(rows)
        ),
        strict=True,
    )
    return np.fmin.reduce(low), np.fmax.reduce(high)


def as_dense(rows):
    """Return rows as an array.

    Parameters
    ----------
    rows : ndarray or csr_array of shape (n_samples, n_features)
        Rows that fit into memory.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        The same, not copied where they are dense.
    """
    return rows.toarray() if sparse.issparse(rows) else rows


def dense_blocks(rows):
    """Yield rows in dense blocks.

    Parameters
    ----------
    rows : ndarray, csr_array or StoredRows of shape (n_samples, n_features)
        The rows.

    Yields
    ------
    numbers : slice
        Which rows they are.
    block : ndarray of shape (n_rows, n_features)
        The rows; all of them at once where they are dense in memory.
    """
    if isinstance(rows, StoredRows):
        yield from rows.blocks()
        return
    if not sparse.issparse(rows):
        yield slice(0, len(rows)), rows
        return
    n_rows, n_features = rows.shape
    length = max(1, BLOCK_SIZE // n_features)
    for start in range(0, n_rows, length):
        numbers = slice(start, min(start + length, n_rows))
        yield numbers, rows[numbers].toarray()
