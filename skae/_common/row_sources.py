"""Lazy frames of polars and datasets of torch as arrays that are read in slices."""

import numpy as np
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    default_collate,
)

from skae._common.tables import as_array

# Rows that are not stored as an array are read about this many bytes at a time.
CHUNK_BYTES = 2**25


class LazyRows:
    """A lazy frame of polars, such as ``polars.scan_parquet(folder)`` returns.

    Parameters
    ----------
    frame : polars.LazyFrame
        Its rows must have the same order each time.
    """

    def __init__(self, frame):
        import polars  # which is there, since there is a frame of it

        self.frame = frame
        # A frame without rows, which has the names of the columns.
        self.header = frame.head(0).collect()
        n_rows = frame.select(polars.len()).collect().item()
        self.shape = (n_rows, self.header.width)
        self.dtype = self.header.to_numpy().dtype
        row_bytes = max(1, self.dtype.itemsize * self.header.width)
        self.chunks = (max(1, CHUNK_BYTES // row_bytes), self.header.width)

    def __getitem__(self, rows):
        start, stop, _ = rows.indices(self.shape[0])
        array = self.frame.slice(start, stop - start).collect().to_numpy()
        if array.dtype.kind == "f" != self.dtype.kind:
            raise ValueError(
                "X is a lazy frame that has missing values in columns of the type "
                f"{self.dtype}, which has no NaN. Pass X.cast(polars.Float32)."
            )
        return array


class DatasetRows:
    """A dataset of torch with a length, whose items are samples.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        If its items have several parts, the first one is the sample.
    collate : callable, default=torch.utils.data.default_collate
        Makes a batch of a list of items.
    """

    def __init__(self, dataset, collate=default_collate):
        if not len(dataset):
            raise ValueError(f"X is a {type(dataset).__name__} without samples.")
        self.dataset, self.collate = dataset, collate
        first = self._read([0])
        self.shape, self.dtype = (len(dataset), *first.shape[1:]), first.dtype

    def __getitem__(self, rows):
        return self._read(range(len(self.dataset))[rows])

    def _read(self, numbers):
        batch = self.collate([self.dataset[i] for i in numbers])
        if isinstance(batch, list | tuple):
            batch = batch[0]
        return np.asarray(as_array(batch))


def in_slices(X):
    """Open samples that have a length, but no slices.

    Parameters
    ----------
    X : object
        Samples or targets.

    Returns
    -------
    object
        With ``shape``, ``dtype`` and slices of rows where X is a lazy frame, a dataset
        with a length, or a ``DataLoader`` that yields all items of one; else X itself.
    """
    if type(X).__module__.startswith("polars.") and hasattr(X, "collect"):
        return LazyRows(X)
    if isinstance(X, DataLoader) and X.batch_size is not None:
        is_whole = type(X.sampler) in (SequentialSampler, RandomSampler)
        return DatasetRows(X.dataset, X.collate_fn) if is_whole else X
    is_numbered = isinstance(X, Dataset) and not isinstance(X, IterableDataset)
    return DatasetRows(X) if is_numbered and hasattr(X, "__len__") else X
