"""A weighted random sample of all rows of a stream."""

import numpy as np

from skae._common.sparse import as_dense


def update_reservoir(kept, batch, keys, max_rows, seed):
    """Let more rows of a stream into a random sample of those before [1]_.

    Each row has a key, a random number from 0 to 1 divided by its weight. The sample
    has the rows of the smallest keys, and none with a key above 1. So the probability
    that a row is in the sample is proportional to its weight, which is 1 for new rows.
    The weight of rows that are kept is lowered by raising their keys.

    Parameters
    ----------
    kept : list of ndarray of shape (n_kept, ...)
        The sample of the rows seen before; it stays as it is. Several arrays hold parts
        of the same rows, such as inputs and targets.
    batch : list of {ndarray, csr_array, StoredRows} of shape (n_rows, ...)
        The next rows of the stream, of which only those that are drawn become dense.
    keys : ndarray of shape (n_kept,)
        Keys of the rows in ``kept``.
    max_rows : int
        Largest number of rows of the sample.
    seed : int or list of int
        Seed of the keys of the batch.

    Returns
    -------
    sample : list of ndarray of shape (n_sample, ...)
        The sample of all rows seen so far, in their order.
    keys : ndarray of shape (n_sample,)
        Keys of its rows.

    References
    ----------
    .. [1] E. Ohlsson, "Sequential Poisson sampling", Journal of Official Statistics 14,
       1998.
    """
    n_kept = len(keys)
    new_keys = np.random.default_rng(seed).random(batch[0].shape[0])
    keys = np.concatenate([keys, new_keys])
    drawn = np.flatnonzero(keys < 1.0)
    if len(drawn) > max_rows:
        smallest = np.argpartition(keys[drawn], max_rows)[:max_rows]
        drawn = drawn[np.sort(smallest)]
    is_new = drawn >= n_kept
    old, new = drawn[~is_new], drawn[is_new] - n_kept
    sample = []
    for before, after in zip(kept, batch, strict=True):
        sample.append(np.concatenate([before[old], as_dense(after[new])]))
    return sample, keys[drawn]
