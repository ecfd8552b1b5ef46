"""A random sample of all rows of a stream."""

import numpy as np


def update_reservoir(kept, n_seen, batch, max_rows, rng):
    """Let more rows of a stream into a random sample of those before [1]_.

    Each row of the stream is in the sample with the same probability.

    Parameters
    ----------
    kept : ndarray of shape (n_kept, n_features)
        The sample of the rows seen before; it stays as it is.
    n_seen : int
        Number of rows seen before.
    batch : ndarray of shape (n_rows, n_features)
        The next rows of the stream.
    max_rows : int
        Largest number of rows of the sample.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    ndarray of shape (min(n_seen + n_rows, max_rows), n_features)
        The sample of all rows seen so far.

    References
    ----------
    .. [1] J. S. Vitter, "Random sampling with a reservoir", ACM Transactions on
       Mathematical Software 11, 1985.
    """
    n_free = max_rows - len(kept)
    sample = np.concatenate([kept, batch[:n_free]])
    numbers = n_seen + np.arange(len(batch))[n_free:]  # of the rows in the stream
    places = rng.integers(numbers + 1)
    is_drawn = places < max_rows
    # Where two rows draw the same place, the later one stays.
    sample[places[is_drawn]] = batch[n_free:][is_drawn]
    return sample
