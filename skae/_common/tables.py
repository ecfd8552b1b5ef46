"""Tables of any library as arrays of numbers."""

import datetime
from contextlib import contextmanager

import numpy as np
import torch

# What dates and durations are among objects.
TEMPORAL = (
    *(datetime.date, datetime.time, datetime.timedelta),
    *(np.datetime64, np.timedelta64),
)


def _is_temporal(dtype):
    """Whether a type of NumPy, pandas or polars is of dates or durations."""
    # The types of polars have no kind, and pandas' periods that of objects.
    is_kind = getattr(dtype, "kind", None) in {"m", "M"}
    return is_kind or getattr(dtype, "is_temporal", bool)() or "period" in str(dtype)


def _holds_dates(values):
    return any(isinstance(value, TEMPORAL) for value in values)


def _find_dates(X):
    """Return the columns of a frame that hold dates or durations."""
    for i, (name, dtype) in enumerate(zip(X.columns, X.dtypes, strict=True)):
        is_object = getattr(dtype, "kind", None) == "O"
        if _is_temporal(dtype) or (is_object and _holds_dates(X.iloc[:, i])):
            yield name


def refuse_dates(X, name="X"):
    """Refuse dates and durations, which NumPy would turn into large numbers.

    Parameters
    ----------
    X : array-like
        Samples or targets.
    name : str, default="X"
        What an error calls them.

    Raises
    ------
    ValueError
        If a value is a date or a duration.
    """
    if is_frame(X):
        found = [f"The column {column!r} of {name}" for column in _find_dates(X)]
    else:
        array = np.array(X, dtype=object) if isinstance(X, list | tuple) else X
        dtype = getattr(array, "dtype", None)
        is_object = getattr(dtype, "kind", None) == "O"
        is_found = _is_temporal(dtype) or (
            is_object and _holds_dates(np.asarray(array).flat)
        )
        found = [name] * is_found
    if found:
        raise ValueError(
            f"{found[0]} has dates or durations, which are not numbers. Convert them, "
            "for example to days since the first."
        )


def _find_text(X):
    """Return the first column of a frame that cannot be converted to numbers."""
    for name in X.columns:
        try:
            np.asarray(X[name]).astype(float)
        except (TypeError, ValueError):
            return name


@contextmanager
def naming_text(X):
    """Let errors of a conversion to numbers name the column of a frame.

    Parameters
    ----------
    X : array-like
        Samples that are converted inside.

    Raises
    ------
    ValueError
        If the code inside raises it.
    """
    try:
        yield
    except ValueError as error:
        if not is_frame(X) or "could not convert string to float" not in str(error):
            raise
        raise ValueError(
            f"{error}. The column {_find_text(X)!r} of X has text; encode it, for "
            "example by OneHotEncoder, or drop it."
        ) from error


def is_frame(X):
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def numbers_of_frame(X, names):
    """Return the numbers of a frame of pandas that needs no conversion.

    Parameters
    ----------
    X : object
        Samples.
    names : ndarray of str
        The columns that it must have.

    Returns
    -------
    ndarray or None
        None where X is something else, or has other columns or several types.
    """
    if type(X).__module__.partition(".")[0] != "pandas" or not is_frame(X):
        return None
    first, *others = {*X.dtypes} or [None]
    if others or not isinstance(first, np.dtype) or [*X.columns] != names.tolist():
        return None
    return X.to_numpy()


def as_array(X):
    """Return tensors of torch and frames of polars as arrays, in their own type.

    scikit-learn would turn them into float64, whatever they are.

    Parameters
    ----------
    X : array-like
        Anything that scikit-learn takes.

    Returns
    -------
    array-like
        An array; X itself where it is something else.
    """
    if isinstance(X, torch.Tensor):
        # NumPy has no bfloat16.
        X = X.float() if X.dtype == torch.bfloat16 else X
        return X.numpy(force=True)
    if is_frame(X) and not hasattr(X, "iloc") and hasattr(X, "to_numpy"):
        return X.to_numpy()
    return X
