"""Parameters and arrays in words that are the same in every process."""

import hashlib
from functools import partial

import numpy as np
from scipy.sparse import issparse

# Arrays are read in pieces of about this many bytes: they may be larger than memory.
PIECE_BYTES = 2**24
# Parameters that do not change what is learned.
WITHOUT_EFFECT = frozenset(
    ("verbose", "callbacks", "checkpoint", "checkpoint_every", "n_jobs", "memory")
)


def describe(value):
    """Describe a parameter.

    Parameters
    ----------
    value : object
        The value of a parameter.

    Returns
    -------
    str
        Equal for equal values. A function is described by its name alone.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        return digest(value)
    if isinstance(value, np.random.RandomState):
        _, keys, *place = value.get_state()
        return f"RandomState({digest(keys)}, {place})"
    if isinstance(value, dict):
        items = sorted((describe(key), describe(v)) for key, v in value.items())
        return "{" + ", ".join(map(": ".join, items)) + "}"
    if isinstance(value, list | tuple):
        return f"({', '.join(map(describe, value))})"
    if isinstance(value, partial):
        return f"partial{describe((value.func, value.args, value.keywords))}"
    if hasattr(value, "get_params") and not isinstance(value, type):
        parts = [f"{name}={v}" for name, v in describe_params(value).items()]
        return f"{type(value).__name__}({', '.join(parts)})"
    if hasattr(value, "__qualname__"):  # a class or a function
        return f"{value.__module__}.{value.__qualname__}"
    if type(value).__repr__ is object.__repr__:  # which would say where it lies
        return f"a {type(value).__qualname__}"
    return repr(value)


def describe_params(estimator):
    """Describe the parameters of an estimator that change what it learns.

    Parameters
    ----------
    estimator : estimator
        Any object with ``get_params``.

    Returns
    -------
    dict of str to str
        Descriptions by name.
    """
    params = estimator.get_params(deep=False).items()
    return {
        name: describe(value)
        for name, value in sorted(params)
        if name not in WITHOUT_EFFECT
    }


def digest(array):
    """Describe an array by its type, its shape, and a checksum of its content.

    Parameters
    ----------
    array : ndarray, sparse matrix or StoredRows
        The array.

    Returns
    -------
    str
        Equal only for equal arrays.
    """
    if issparse(array):
        csr = array.tocsr()
        return f"{csr.shape} {[digest(a) for a in (csr.data, csr.indices, csr.indptr)]}"
    checksum, told = hashlib.sha256(), f"{array.dtype} {array.shape}"
    if array.dtype.hasobject:
        checksum.update(repr(array.tolist()).encode())
    elif array.size:
        if not array.ndim:
            array = array.reshape(1)
        step = max(1, PIECE_BYTES // max(1, array[:1].nbytes))
        for start in range(0, len(array), step):
            checksum.update(np.ascontiguousarray(array[start : start + step]))
    return f"{told} {checksum.hexdigest()[:16]}"
