"""Rows of arrays that are too large for memory, which are read block by block.

These are memory maps, arrays of dask, zarr and h5py, and any object that has ``shape``,
``dtype`` and slices of rows. No library is imported for them. ``row_sources.py`` makes
such objects of lazy frames and datasets.
"""

import mmap
from contextlib import suppress
from functools import cached_property
from itertools import pairwise
from numbers import Integral
from os import PathLike

import numpy as np
from scipy.sparse import issparse
from torch.utils.data import Dataset

from skae._common.row_sources import LazyRows, in_slices
from skae._common.tables import is_frame

# Types that torch computes from directly; all others become float64.
DTYPES = [
    *(np.float64, np.float32, np.float16, np.uint8),
    *(np.int8, np.int16, np.int32, np.int64, np.bool_),
]
# What is larger than this many bytes and not in memory is read through a window of this
# size; what is smaller is loaded.
WINDOW_BYTES = 2**28
# Rows that are read in their order are read in blocks of about this many bytes.
BLOCK_BYTES = 2**25
# What tells the system that pages of a file need not stay in memory.
_DONT_NEED = getattr(mmap, "MADV_DONTNEED", None)


def is_memory_mapped(array):
    """Whether an array lies in a memory map that is not one of joblib's.

    Parameters
    ----------
    array : array-like
        Any object.

    Returns
    -------
    bool
        Also of a view of a memory map.
    """
    return _find_map(array) is not None


def _find_map(array):
    # Validation strips the memmap class from an array but leaves it as the base.
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            # joblib passes arrays to its workers in files of its own. They are trained
            # on as without workers.
            is_joblibs = "joblib_memmapping_folder" in str(array.filename)
            return None if is_joblibs else array
        array = array.base
    return None


def is_stored(X):
    """Whether X is an array that is not in memory, and no memory map.

    Parameters
    ----------
    X : object
        Any object.

    Returns
    -------
    bool
        True for arrays of dask, zarr, h5py and xarray, which have ``chunks``, and for
        objects with ``shape``, ``dtype`` and items that are not array-like otherwise.
    """
    if isinstance(X, np.ndarray) or issparse(X) or is_frame(X):
        return False
    is_array = all(hasattr(X, name) for name in ("shape", "dtype", "__getitem__"))
    return is_array and (hasattr(X, "chunks") or not hasattr(X, "__array__"))


def refuse_unreadable(X, name="X"):
    """Refuse what has rows, but none that can be read by number.

    Parameters
    ----------
    X : object
        Samples or targets.
    name : str, default="X"
        What an error calls them.

    Raises
    ------
    ValueError
        If it is a path, a lazy frame of another library than polars, a dataset of torch
        without a length, an iterable without items, or a list of arrays of different
        shapes, such as images or tables.
    """
    shapes = _find_shapes(X)
    if len(shapes) > 1:
        first, second, *_ = shapes
        raise ValueError(
            f"{name} is a {type(X).__name__} of arrays of different shapes, such as "
            f"{first} and {second}. Make images equal in size; call partial_fit with "
            "one chunk of a table after another."
        )
    way = _way_to_rows(X, name)
    if way is not None:
        raise ValueError(
            f"{name} is a {type(X).__name__}, whose rows cannot be read by number; "
            f"{way}: a memory map of NumPy, or an array of zarr, h5py or dask."
        )


def _way_to_rows(X, name):
    """Return what to do with rows that cannot be read, None if they can be."""
    if isinstance(X, str | PathLike):
        return (
            "open the file, a folder of parquet files for instance by "
            "polars.scan_parquet(folder), as one that can be"
        )
    if hasattr(X, "dask") and not hasattr(X, "dtype"):  # a frame or a bag of dask
        return f"pass {name}.to_dask_array(lengths=True)"
    if hasattr(X, "collect") and not hasattr(X, "__len__"):  # pyspark
        return f"pass {name}.collect(), or write it to a file that can be"
    is_batched = hasattr(X, "dataset") and hasattr(X, "batch_size")  # a DataLoader
    is_array = hasattr(X, "__array__") or issparse(X)
    is_iterable = hasattr(X, "__iter__") and not is_array
    if isinstance(X, Dataset) or (
        is_iterable and (is_batched or not hasattr(X, "__getitem__"))
    ):
        return (
            "call partial_fit with one chunk after another, or write them to a file "
            "that can be"
        )
    return None


def _find_shapes(X):
    """Return the different shapes of the arrays in a list, in their order."""
    if not isinstance(X, list | tuple):
        return []
    return list(
        dict.fromkeys(tuple(part.shape) for part in X if getattr(part, "ndim", 0) > 1)
    )


class StoredRows:
    """Rows that are read when they are sliced, flat and in a type that torch knows.

    Parameters
    ----------
    array : array-like of shape (n_rows, ...)
        A memory map or what :func:`is_stored` accepts.
    """

    ndim = 2

    def __init__(self, array):
        self.array = array
        n_rows, *sample_shape = map(int, array.shape)
        self.sample_shape = tuple(sample_shape)
        self.shape = (n_rows, int(np.prod(sample_shape)))
        dtype = np.dtype(array.dtype).newbyteorder("=")
        self.dtype = dtype if dtype in DTYPES else np.dtype(np.float64)
        self.itemsize = self.dtype.itemsize
        self.size = self.shape[0] * self.shape[1]
        self.nbytes = self.itemsize * self.size
        chunks = getattr(array, "chunks", None)
        chunk = chunks[0] if chunks else 1
        # Rows that are stored together; dask has one number per chunk.
        self.chunk_length = max(chunk, default=1) if isinstance(chunk, tuple) else chunk
        self._strided = {}  # rows that statistics come back to
        mapped = _find_map(array)
        # Pages of a private map may have been written to, and must not be dropped.
        is_shared = mapped is not None and mapped.mode != "c"
        self._map = mapped._mmap if is_shared else None

    def __len__(self):
        return self.shape[0]

    @cached_property
    def has_nan(self):
        """Whether a value is missing."""
        return self.dtype.kind == "f" and any(
            np.isnan(block.min(initial=np.inf)) for _, block in self.blocks()
        )

    def __array__(self, dtype=None, copy=None):
        return self[:].astype(dtype or self.dtype, copy=False)

    def __getitem__(self, index):
        """Read rows.

        Parameters
        ----------
        index : slice or ndarray of int or bool
            Which rows.

        Returns
        -------
        ndarray of shape (n_rows, n_features)
            Rows in memory, C-contiguous.
        """
        if not isinstance(index, slice):
            return self._gather(np.arange(len(self))[index])
        key = start, stop, step = index.indices(len(self))
        if step == 1:
            return self._read(start, stop)
        if key not in self._strided:
            self._strided = {key: self._gather(np.arange(start, stop, step))}
        return self._strided[key]

    def _read(self, start, stop):
        rows = np.asarray(self.array[start:stop])
        rows = np.require(rows, self.dtype, ["C", "W", "O"])
        if self._map is not None and _DONT_NEED is not None:
            # Otherwise all that was ever read would count as this process's memory.
            with suppress(OSError):
                self._map.madvise(_DONT_NEED)
        return rows.reshape(len(rows), self.shape[1])

    def _gather(self, numbers):
        """Read rows by number; those that lie in one chunk are read together."""
        out = np.empty((len(numbers), self.shape[1]), self.dtype)
        order = np.argsort(numbers, kind="stable")
        block = numbers[order] // max(self.chunk_length, 1)
        bounds = [0, *np.flatnonzero(np.diff(block)) + 1, len(numbers)]
        for begin, end in pairwise(bounds):
            places = order[begin:end]
            some = numbers[places]
            if len(some):
                out[places] = self._read(some[0], some[-1] + 1)[some - some[0]]
        return out

    def blocks(self, multiple=1):
        """Yield all rows in their order, block by block.

        Parameters
        ----------
        multiple : int, default=1
            What the length of a block must be a multiple of.

        Yields
        ------
        numbers : slice
            Which rows they are.
        rows : ndarray of shape (n_rows, n_features)
            The rows.
        """
        row_bytes = max(1, self.itemsize * self.shape[1])
        length = max(1, BLOCK_BYTES // (row_bytes * multiple)) * multiple
        for start in range(0, len(self), length):
            numbers = slice(start, min(start + length, len(self)))
            yield numbers, self[numbers]


def open_stored(X, name="X"):
    """Open an array that is not in memory.

    Parameters
    ----------
    X : object
        Samples or targets.
    name : str, default="X"
        What an error calls them.

    Returns
    -------
    StoredRows or object
        Rows to read block by block where there are more than ``WINDOW_BYTES``; smaller
        arrays and frames are loaded; X itself where it is in memory.

    Raises
    ------
    ValueError
        If the rows cannot be read by number, or are not numbers.
    """
    X = in_slices(X)
    refuse_unreadable(X, name)
    is_mapped = is_memory_mapped(X)
    if not (is_mapped or is_stored(X)) or not 1 < len(X.shape) < 5:
        return X
    if not all(isinstance(side, Integral) for side in X.shape):
        raise ValueError(
            f"{name} has the shape {tuple(X.shape)}, but its length must be known; of "
            f"an array of dask call {name}.compute_chunk_sizes() first."
        )
    dtype = np.dtype(X.dtype)
    is_small = dtype.itemsize * np.prod(X.shape, dtype=float) <= WINDOW_BYTES
    if is_mapped:
        return X if is_small or dtype.kind not in "fiub" else StoredRows(X)
    if is_small:
        return X.frame.collect() if isinstance(X, LazyRows) else np.asarray(X[:])
    if dtype.kind not in "fiub":
        raise ValueError(f"{name} has the type {dtype}; it must have numbers.")
    return StoredRows(X)
