"""Missing values of samples: NaN in dense rows."""

import numpy as np
from scipy.sparse import issparse

from skae._common.sparse import column_range
from skae._common.stored import StoredRows


def has_missing(rows):
    """Return whether a value is missing.

    Parameters
    ----------
    rows : ndarray, csr_array or StoredRows of shape (n_samples, n_features)
        Numbers, NaN where one is missing. Sparse rows have none.

    Returns
    -------
    bool
        Found out without an array of the size of rows.
    """
    if issparse(rows):
        return False
    if isinstance(rows, StoredRows):
        return rows.has_nan
    return rows.dtype.kind == "f" and bool(np.isnan(rows.min(initial=np.inf)))


def empty_columns(rows):
    """Return which features have no value at all.

    Parameters
    ----------
    rows : ndarray, csr_array or StoredRows of shape (n_samples, n_features)
        Numbers, NaN where one is missing.

    Returns
    -------
    ndarray of bool of shape (n_features,)
        True where all values are missing.
    """
    # NaN is the lowest value of a column only where all are NaN.
    return np.isnan(column_range(rows)[0])


def refuse_empty_columns(estimator, rows, name="X"):
    """Refuse features of which nothing is known.

    Parameters
    ----------
    estimator : estimator
        May have ``feature_names_in_``.
    rows : ndarray of shape (n_samples, n_features)
        Training samples.
    name : str, default="X"
        What an error calls them.

    Raises
    ------
    ValueError
        If a feature has no value.
    """
    is_empty = empty_columns(rows)
    if is_empty.any():
        column = int(is_empty.argmax())
        names = getattr(estimator, "feature_names_in_", range(len(is_empty)))
        raise ValueError(
            f"{name} has only missing values in the column {names[column]!r}; drop the "
            "column, or fill it first."
        )
