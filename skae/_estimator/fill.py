"""What is expected of missing values, learned from training samples."""

import numpy as np
import torch

from skae._common.missing import empty_columns, has_missing
from skae._common.runtime import default_modes
from skae._common.sparse import as_dense
from skae._training.scaling import MAX_STATISTICS_ROWS, subsample
from skae.modules._mixture import FactorMixture

# What fills is learned from at most this many numbers by default.
MAX_FILL_NUMBERS = 2**22


def learn_fill(samples, max_numbers=MAX_FILL_NUMBERS):
    """Learn what is expected of missing values.

    Parameters
    ----------
    samples : Samples
        Training samples, with or without missing values. Each feature has a value.
    max_numbers : int, default=2**22
        Learn from at most this many numbers.

    Returns
    -------
    FactorMixture
        Fills missing values in the scale of X.
    """
    rows, weight = samples.rows, samples.weight
    n_rows = min(MAX_STATISTICS_ROWS, max(1, max_numbers // rows.shape[1]))
    some = subsample(rows, n_rows)
    if has_missing(some) and empty_columns(some).any():  # empty only in a part
        some = rows
    if weight is not None:
        weight = weight if some is rows else subsample(weight, n_rows)
    with default_modes(torch.device("cpu")):
        return FactorMixture.fit_one(
            torch.from_numpy(as_dense(some) * np.float64(samples.byte_scale)),
            None if weight is None else torch.from_numpy(weight),
        )
