"""A random sample of all rows of a stream."""

import numpy as np

from skae._common.sparse import as_dense


def update_reservoir(kept, batch, n_seen, max_rows, seed):
    """Let more rows of a stream into a random sample of those before [1]_.

    Each row of the stream is in the sample with the same probability.

    Parameters
    ----------
    kept : list of ndarray of shape (n_kept, ...)
        The sample of the rows seen before; it stays as it is. Several arrays hold parts
        of the same rows, such as inputs and targets.
    batch : list of {ndarray, csr_array, StoredRows} of shape (n_rows, ...)
        The next rows of the stream, of which only those that are drawn become dense.
    n_seen : int
        Number of rows seen before.
    max_rows : int
        Largest number of rows of the sample.
    seed : int
        Seed of the stream.

    Returns
    -------
    list of ndarray of shape (min(n_seen + n_rows, max_rows), ...)
        The sample of all rows seen so far.

    References
    ----------
    .. [1] J. S. Vitter, "Random sampling with a reservoir", ACM Transactions on
       Mathematical Software 11, 1985.
    """
    n_kept, n_rows = len(kept[0]), batch[0].shape[0]
    origin = np.arange(min(n_kept + n_rows, max_rows))  # in the rows of both
    late = np.arange(n_rows)[max_rows - n_kept :]
    rng = np.random.default_rng([seed, n_seen])
    places = rng.integers(n_seen + late + 1)
    is_drawn = places < max_rows
    # Where two rows draw the same place, the later one stays.
    origin[places[is_drawn]] = n_kept + late[is_drawn]
    is_new = origin >= n_kept
    samples = []
    for old, new in zip(kept, batch, strict=True):
        drawn = as_dense(new[origin[is_new] - n_kept])
        sample = np.empty((len(origin), *old.shape[1:]), np.result_type(old, drawn))
        sample[~is_new], sample[is_new] = old[origin[~is_new]], drawn
        samples.append(sample)
    return samples
