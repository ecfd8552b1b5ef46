"""Rows of an array as tensors, and mini-batches of them in a new order each epoch.

Nothing here copies the data: a block of rows is gathered, made dense where it is
sparse, scaled and moved to the device just before it is used. Arrays that are not in
memory are read through a window, so that they may be larger than memory.
"""

import copy
import math
from functools import cached_property

import numpy as np
import torch
from scipy.sparse import issparse

from skae._common import stored
from skae._common.missing import has_missing
from skae._common.runtime import default_modes
from skae._common.sparse import as_dense
from skae._common.stored import StoredRows
from skae._common.validation import Samples
from skae._training.scaling import Scaling

# Rows are gathered in blocks of about this many numbers: large enough that the calls
# do not matter, small enough to stay in the processor's cache.
BLOCK_SIZE = 2**20
# A window is filled from at least so many places of the array, however much of it is
# stored together.
MIN_RUNS = 4


def _lengths(n_rows, length):
    """List the lengths of consecutive pieces; a single last row joins the one before.

    A single sample has no variance, and batch normalization refuses such a batch.
    """
    n_full = max(0, -(-(n_rows - 1) // length) - 1) if length > 1 else n_rows - 1
    return [length] * n_full + [n_rows - length * n_full]


def _row_bytes(all_rows):
    """Return the bytes of a sample in all of its rows."""
    return sum(rows.array.itemsize * rows.array.shape[1] for rows in all_rows)


class _Writeable:
    """The memory of a read-only array, declared writeable.

    torch has no read-only tensors and warns about such memory; here it is only read.
    """

    def __init__(self, array):
        self.array = array  # keeps the memory alive
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface


class Rows:
    """The rows of an array as tensors in the module's scale.

    Parameters
    ----------
    samples : Samples
        The data, dense or in CSR format, of a type that torch knows; shared, never
        copied as a whole. They may be stored rows.
    scaling : Scaling
        How the rows are scaled.
    device : torch.device
        Device of the tensors. Dense data moves there as a whole if it fits.
    dtype : torch.dtype, default=torch.float32
        Type of the tensors.
    """

    # What gets rows that are not finite, before they are scaled, and fills them.
    fill = None

    def __init__(self, samples, scaling, device, dtype=torch.float32):
        self.array, self.byte_scale, _ = samples
        self.scaling = scaling
        self.device = device
        self.dtype = dtype
        # Where rows are converted. Apple's GPUs have no float64, so there the CPU.
        self.workplace = device if device.type == "cuda" else torch.device("cpu")
        self.in_window = isinstance(self.array, StoredRows)
        self.tensor = None
        if not (self.in_window or issparse(self.array)):
            with default_modes(device):  # tensors of inference mode stay in it
                self._set_tensor()

    def _set_tensor(self):
        """Make the tensor of a dense array in memory."""
        array = self.array
        # A side of length 1 may have any stride, and torch has none below zero.
        if any(stride < 0 for stride in array.strides):
            array = array.copy()
        self.tensor = torch.from_numpy(
            array if array.flags.writeable else np.asarray(_Writeable(array))
        )
        if self.device.type == "cuda":
            # A fixed share of the device's memory, not of what is free, so that results
            # are reproducible. Two arrays and the network may need to fit.
            memory = torch.cuda.get_device_properties(self.device).total_memory
            if array.nbytes <= memory // 4:
                self.tensor = self.tensor.to(self.device)

    def __len__(self):
        return self.array.shape[0]

    @property
    def place(self):
        """The device on which rows are gathered."""
        return torch.device("cpu") if self.tensor is None else self.tensor.device

    @cached_property
    def is_incomplete(self):
        """Whether a value is missing."""
        return has_missing(self.array)

    def filled(self, fill, *, at_once=False):
        """Make rows of the same data without missing values.

        Parameters
        ----------
        fill : callable
            Called with a tensor of rows in X's scale, fills where it has NaN.
        at_once : bool, default=False
            Whether to fill all rows now, for many passes over them. Those of a memory
            map that is read through a window are always filled as they are read.

        Returns
        -------
        Rows
            The rows, converted like these.
        """
        rows = copy.copy(self)
        if at_once and not self.in_window:
            rows.tensor = fill(self.tensor)
        else:
            rows.fill = fill
        return rows

    def window(self, array):
        """Make rows of another array with the same scaling, device and type.

        Parameters
        ----------
        array : ndarray of shape (n_rows, n_features)
            Rows copied from the data.

        Returns
        -------
        Rows
            The rows, converted like these.
        """
        rows = copy.copy(self)
        rows.array, rows.in_window = array, False
        rows.tensor = torch.from_numpy(array)
        return rows

    def _read(self, index):
        """Read rows that are not dense in memory."""
        numbers = index if isinstance(index, slice) else index.cpu().numpy()
        return as_dense(self.array[numbers])

    def load(self, start, stop):
        """Take neighbouring rows, which are read if they are not in memory.

        Parameters
        ----------
        start, stop : int
            Their numbers.

        Returns
        -------
        Rows
            Rows in memory, which may share that of these.
        """
        if self.in_window:
            return self.window(self.array[start:stop])
        rows = copy.copy(self)
        rows.array = self.array[start:stop]
        rows.tensor = None if self.tensor is None else self.tensor[start:stop]
        return rows

    def __getitem__(self, index):
        """Return rows by number.

        Parameters
        ----------
        index : slice or torch.Tensor of shape (n_rows,)
            Numbers of the rows.

        Returns
        -------
        torch.Tensor of shape (n_rows, n_features)
            The rows; of a slice they may share the data's memory.
        """
        if self.tensor is None:
            block = torch.from_numpy(self._read(index))
        elif isinstance(index, slice):
            block = self.tensor[index].contiguous()
        else:
            block = self.tensor.index_select(0, index.to(self.place))
        # A sum is not finite if a number is not. The block is in the cache anyway:
        # looking at all rows first would add a sixth to the time of a small network.
        if self.fill is not None and not math.isfinite(block.sum()):
            block = self.fill(block)
        block = self.scaling.to_module_scale(block.to(self.workplace), self.byte_scale)
        return block.to(self.device, self.dtype)


def chunks_of(length, *rows):
    """Yield matching rows in their order, chunk by chunk.

    Parameters
    ----------
    length : int
        Rows per chunk.
    *rows : Rows
        All of one length. Of stored rows more than a chunk is read at a time.

    Yields
    ------
    numbers : slice
        Which rows they are.
    chunks : list of torch.Tensor
        The rows.
    """
    block = n_rows = len(rows[0])
    if any(r.in_window for r in rows):
        row_bytes = _row_bytes(rows)
        block = length * max(1, stored.BLOCK_BYTES // (row_bytes * length))
    for first in range(0, n_rows, block):
        loaded = rows
        if block < n_rows:
            loaded = [r.load(first, first + block) for r in rows]
        for start in range(0, len(loaded[0]), length):
            stop = min(start + length, len(loaded[0]))
            chunks = [r[start:stop] for r in loaded]
            yield slice(first + start, first + stop), chunks


class Batches:
    """Mini-batches of matching rows.

    Each iteration is one epoch. Data in memory is shuffled row by row. Data read
    through a window is shuffled twice: runs of neighbouring rows are drawn at random
    from the whole array into the window, and the rows in the window are shuffled. A run
    has ``batch_size`` rows, or as many batches as are stored together in a chunk.

    Parameters
    ----------
    *rows : Rows
        Inputs, and targets if they differ from them; all of one length.
    batch_size : int
        Rows per batch.
    generator : torch.Generator, default=None
        Draws the order of the rows. None keeps the order as it is.
    runs : ndarray of int, default=None
        Which runs to use, as chosen by :meth:`split`; None for all.
    transform : callable, default=None
        Turns the tensors of a batch into input and target, for instance by corrupting
        the input.
    weight : ndarray of shape (n_samples,), default=None
        Weights of the samples. A batch then has them as its third part, divided by
        their mean.
    """

    def __init__(
        self,
        *rows,
        batch_size,
        generator=None,
        runs=None,
        transform=None,
        weight=None,
    ):
        self.rows = self.columns = rows
        self.batch_size = batch_size
        self.generator = generator
        self.transform = transform
        self.in_window = any(r.in_window for r in rows)
        # A run is what stays together on its way from the file into the window.
        self.run_length = self._find_run_length() if self.in_window else 1
        self.n_rows = len(rows[0])
        self.n_all_runs = self.n_rows
        if self.in_window:
            self.n_all_runs = len(_lengths(self.n_rows, self.run_length))
        self.runs = runs
        self.n_runs = self.n_all_runs if runs is None else len(runs)
        self.weight = weight
        if weight is not None:
            used = weight[self.row_numbers]
            self._add_weight(np.float32(weight / used.mean()), rows[0].device)

    def _find_run_length(self):
        chunk = max(r.array.chunk_length for r in self.rows if r.in_window)
        longest = stored.WINDOW_BYTES // (MIN_RUNS * _row_bytes(self.columns))
        return self.batch_size * max(1, min(chunk, longest) // self.batch_size)

    def _add_weight(self, weight, device):
        dtype = torch.from_numpy(weight).dtype
        samples = Samples(weight.reshape(-1, 1))
        column = Rows(samples, Scaling.identity(1), device, dtype)
        self.columns = (*self.rows, column)

    def with_exact_weights(self):
        """Make the same batches with the weights as they were given.

        Returns
        -------
        Batches
            Their weights are in float64 on the CPU.
        """
        batches = copy.copy(self)
        if self.weight is not None:
            batches._add_weight(self.weight, torch.device("cpu"))
        return batches

    def split(self, split):
        """Divide the data in two.

        Parameters
        ----------
        split : callable
            Divides an array of numbers in two, for instance scikit-learn's
            ``train_test_split`` with its parameters bound.

        Returns
        -------
        training : Batches
            Shuffled like these.
        validation : Batches
            In the order of the data, with the same ``transform``.
        """
        if self.in_window and self.n_runs < 2:
            raise ValueError(
                f"batch_size={self.batch_size} reads all {len(self.rows[0])} samples "
                "as one block, so none can be held out for early_stopping; lower "
                "batch_size."
            )
        training, validation = split(np.arange(self.n_runs))
        return (
            Batches(
                *self.rows,
                batch_size=self.batch_size,
                generator=self.generator,
                runs=training,
                transform=self.transform,
                weight=self.weight,
            ),
            Batches(
                *self.rows,
                batch_size=self.batch_size,
                runs=np.sort(validation),
                transform=self.transform,
                weight=self.weight,
            ),
        )

    @property
    def n_samples(self):
        """Number of samples in an epoch."""
        n_samples = self.n_runs * self.run_length
        if self.runs is None or self.n_all_runs - 1 in self.runs:
            # The last run may have fewer rows, or one more.
            n_samples += self.n_rows - self.n_all_runs * self.run_length
        return n_samples

    @property
    def row_numbers(self):
        """Numbers of the rows in an epoch, in ascending order."""
        numbers = np.arange(self.n_rows)
        if self.runs is None:
            return numbers
        run_of_row = np.minimum(numbers // self.run_length, self.n_all_runs - 1)
        return numbers[np.isin(run_of_row, self.runs)]

    def __len__(self):
        return len(_lengths(self.n_samples, self.batch_size))

    def _windows(self):
        """Yield rows and the order in which to use them."""
        if self.generator is None:
            runs = torch.arange(self.n_runs, device="cpu")
        else:
            runs = torch.randperm(
                self.n_runs, generator=self.generator, device=self.generator.device
            )
        if self.runs is not None:
            runs = torch.from_numpy(self.runs)[runs]
        if not self.in_window:
            yield self.columns, runs
            return
        run_bytes = _row_bytes(self.columns) * self.run_length
        runs_a_window = max(1, stored.WINDOW_BYTES // run_bytes)
        buffers = [
            np.empty(
                (runs_a_window * self.run_length + 1, r.array.shape[1]), r.array.dtype
            )
            for r in self.columns
        ]
        for chosen in runs.split(runs_a_window):
            filled = 0
            for run in chosen.tolist():
                start = run * self.run_length
                is_last = run == self.n_all_runs - 1
                stop = self.n_rows if is_last else start + self.run_length
                for rows, buffer in zip(self.columns, buffers, strict=True):
                    buffer[filled : filled + stop - start] = rows.array[start:stop]
                filled += stop - start
            if self.generator is None:
                order = torch.arange(filled, device="cpu")
            else:
                order = torch.randperm(
                    filled, generator=self.generator, device=self.generator.device
                )
            windows = [
                r.window(buffer)
                for r, buffer in zip(self.columns, buffers, strict=True)
            ]
            yield windows, order

    def __iter__(self):
        widest = max(r.array.shape[1] for r in self.rows)
        batches_a_block = max(1, BLOCK_SIZE // (self.batch_size * widest))
        block_length = batches_a_block * self.batch_size
        for rows, order in self._windows():
            order = order.to(rows[0].place)
            for index in order.split(_lengths(len(order), block_length)):
                lengths = _lengths(len(index), self.batch_size)
                blocks = [r[index].split(lengths) for r in rows]
                for columns in zip(*blocks, strict=True):
                    batch = columns[: len(self.rows)]
                    if self.transform is not None:
                        batch = self.transform(*batch)
                    weight = [column[:, 0] for column in columns[len(self.rows) :]]
                    yield batch[0], batch[-1], *weight
