"""Rows of an array as tensors, and mini-batches of them in a new order each epoch.

Nothing here copies the data: a block of rows is gathered, converted and moved to the
device just before it is used. Memory maps that are larger than a window are read
through it, so that the data may be larger than memory.
"""

import copy

import numpy as np
import torch

# A memory map larger than this is read through a window of this many bytes.
WINDOW_BYTES = 2**28
# Rows are gathered in blocks of about this many numbers: large enough that the calls
# do not matter, small enough to stay in the processor's cache.
BLOCK_SIZE = 2**20


def spread_rows(array, n_rows=4096):
    """Give at most ``n_rows`` rows, spread evenly over the array.

    Parameters
    ----------
    array : ndarray of shape (n_samples, n_features)
        The data.
    n_rows : int, default=4096
        How many rows at most.

    Returns
    -------
    ndarray
        A view, if the array is small enough; the first row is always there.
    """
    return array[:: -(-len(array) // n_rows)]


def _n_pieces(n_rows, length):
    """Count pieces of a length that rows make; one row alone joins those before it.

    Of a single sample nothing can be said about its spread: batch normalization refuses
    such a batch.
    """
    return n_rows if length == 1 else max(1, -(-(n_rows - 1) // length))


def _lengths(n_rows, length):
    """Rows of each of the pieces."""
    n_full = _n_pieces(n_rows, length) - 1
    return [length] * n_full + [n_rows - length * n_full]


def _is_memory_mapped(array):
    # Validation strips the memmap class from an array but leaves it as the base.
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            # joblib hands its workers arrays of the memory in files of its own: there
            # too they are to be trained on as they are without workers.
            return "joblib_memmapping_folder" not in str(array.filename)
        array = array.base
    return False


class _Writeable:
    """The memory of a read-only array, declared writeable.

    torch has no read-only tensors and warns about such memory; here it is only read.
    """

    def __init__(self, array):
        self.array = array  # keeps the memory alive
        interface = dict(array.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface


def _as_tensor(array):
    """Share the memory of an array with a tensor, also if it is read-only."""
    # A side of length 1 may have any stride, and torch has none below zero.
    if any(stride < 0 for stride in array.strides):
        array = array.copy()
    return torch.from_numpy(
        array if array.flags.writeable else np.asarray(_Writeable(array))
    )


def _permutation(n, generator):
    return torch.randperm(n, generator=generator, device=generator.device)


class Rows:
    """The rows of an array as float tensors ``(x * unit - offset) / scale``.

    Parameters
    ----------
    array : ndarray of shape (n_samples, n_features), C-contiguous
        The data, of a type that torch knows; shared, never copied as a whole.
    device : torch.device
        Where the tensors are wanted. The data moves there as a whole if it fits.
    dtype : torch.dtype, default=torch.float32
        Type of the tensors.
    unit : float, default=1.0
        What one in the array means, 1/255 for images of bytes.
    offset : ndarray of shape (n_features,), default=None
        What becomes zero; None for zero itself.
    scale : float, default=1.0
        What becomes one.
    """

    @torch.inference_mode(False)  # tensors of that mode are good for nothing else
    def __init__(
        self, array, device, dtype=torch.float32, unit=1.0, offset=None, scale=1.0
    ):
        self.array = array
        self.device = device
        self.dtype = dtype
        self.factor = unit / scale
        self.shift = None
        self.tensor = _as_tensor(array)
        # Where rows are converted. Apple's GPUs have no float64, so there the CPU.
        self.workplace = device if device.type == "cuda" else torch.device("cpu")
        if device.type == "cuda":
            # A fixed share of what the device has, not of what is free just now. Two
            # arrays may want to be there, and the network.
            memory = torch.cuda.get_device_properties(device).total_memory
            if array.nbytes <= memory // 4 and not self.in_window:
                self.tensor = self.tensor.to(device)
        if offset is not None:
            # What float32 cannot hold exactly is centred in float64, before it is lost.
            exact = np.can_cast(array.dtype, np.float32)
            kind = torch.float32 if exact else torch.float64
            self.shift = torch.from_numpy(-offset / scale).to(self.workplace, kind)

    def __len__(self):
        return len(self.array)

    @property
    def in_window(self):
        """Whether the data is to be read through a window."""
        return self.array.nbytes > WINDOW_BYTES and _is_memory_mapped(self.array)

    def window(self, array):
        """Give other rows of the same meaning.

        Parameters
        ----------
        array : ndarray of shape (n_rows, n_features)
            Rows copied from the data.

        Returns
        -------
        Rows
            Them, converted as these.
        """
        rows = copy.copy(self)
        rows.array, rows.tensor = array, torch.from_numpy(array)
        return rows

    def overwrite(self, array):
        """Put other numbers in the place of the rows, in the data itself.

        Parameters
        ----------
        array : ndarray of shape (n_samples, n_features)
            The numbers.
        """
        self.array[:] = array
        if self.tensor.device.type != "cpu":  # elsewhere they are a copy
            self.tensor.copy_(torch.from_numpy(array))

    def _convert(self, block):
        block = block.to(self.workplace)
        if self.shift is not None:
            block = torch.add(self.shift, block, alpha=self.factor)
        elif self.factor != 1.0:
            block = block.to(self.dtype) * self.factor
        return block.to(self.device, self.dtype)

    def slice(self, start, stop):
        """Give neighbouring rows.

        Parameters
        ----------
        start, stop : int
            From which row to before which.

        Returns
        -------
        torch.Tensor of shape (stop - start, n_features)
            The rows; they may share the data's memory.
        """
        return self._convert(self.tensor[start:stop])

    def take(self, index):
        """Give rows by number.

        Parameters
        ----------
        index : torch.Tensor of shape (n_rows,)
            Numbers of the rows.

        Returns
        -------
        torch.Tensor of shape (n_rows, n_features)
            The rows.
        """
        index = index.to(self.tensor.device)
        return self._convert(self.tensor.index_select(0, index))


class Batches:
    """Mini-batches of matching rows.

    Each iteration is one epoch. Data in memory is shuffled row by row. Data read
    through a window is shuffled twice: runs of ``batch_size`` neighbouring rows are
    drawn at random from the whole file into the window, and the rows in the window
    are shuffled.

    Parameters
    ----------
    *rows : Rows
        Inputs, and targets if they differ from them; all of one length.
    batch_size : int
        Rows a batch.
    generator : torch.Generator, default=None
        Draws the order of the rows. None keeps the order as it is.
    runs : ndarray of int, default=None
        Which runs to use, as :meth:`split` gives them; None for all.
    prepare : callable, default=None
        Turns the tensors of a batch into input and target, for instance by corrupting
        the input.
    """

    def __init__(self, *rows, batch_size, generator=None, runs=None, prepare=None):
        self.rows = rows
        self.batch_size = batch_size
        self.generator = generator
        self.prepare = prepare
        self.in_window = any(r.in_window for r in rows)
        # A run is what stays together on its way from the file into the window.
        self.run_length = batch_size if self.in_window else 1
        self.n_all_runs = _n_pieces(len(rows[0]), self.run_length)
        self.runs = runs
        self.n_runs = self.n_all_runs if runs is None else len(runs)

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
            Shuffled as these.
        validation : Batches
            Without shuffling and without ``prepare``'s randomness in the order.
        """
        if self.in_window and self.n_runs < 2:
            raise ValueError(
                f"batch_size={self.batch_size} takes all {len(self.rows[0])} samples "
                "of the memory map in one piece, of which none can be held out for "
                "early_stopping; lower batch_size."
            )
        training, validation = split(np.arange(self.n_runs))
        return (
            Batches(
                *self.rows,
                batch_size=self.batch_size,
                generator=self.generator,
                runs=training,
                prepare=self.prepare,
            ),
            Batches(
                *self.rows,
                batch_size=self.batch_size,
                runs=np.sort(validation),
                prepare=self.prepare,
            ),
        )

    def __len__(self):
        n_rows = self.n_runs * self.run_length
        if self.runs is None or self.n_all_runs - 1 in self.runs:
            # The last may have fewer rows, or one more.
            n_rows += len(self.rows[0]) - self.n_all_runs * self.run_length
        return _n_pieces(n_rows, self.batch_size)

    def sample_numbers(self):
        """Give the numbers of the samples that are used.

        Returns
        -------
        ndarray of int
            Rows of the data, in ascending order.
        """
        numbers = np.arange(len(self.rows[0]))
        if self.runs is None:
            return numbers
        run_of = np.minimum(numbers // self.run_length, self.n_all_runs - 1)
        return np.flatnonzero(np.isin(run_of, self.runs))

    def _shuffled_runs(self):
        if self.generator is not None:
            order = _permutation(self.n_runs, self.generator)
        elif self.runs is None:
            return torch.arange(self.n_runs, device="cpu")
        else:
            return torch.from_numpy(self.runs)
        return order if self.runs is None else torch.from_numpy(self.runs)[order]

    def _windows(self):
        """Yield rows and the order in which to use them."""
        runs = self._shuffled_runs()
        if not self.in_window:
            yield self.rows, runs
            return
        n_samples = len(self.rows[0])
        row_bytes = sum(r.array.itemsize * r.array.shape[1] for r in self.rows)
        runs_a_window = max(1, WINDOW_BYTES // (row_bytes * self.run_length))
        buffers = [
            np.empty(
                (runs_a_window * self.run_length + 1, r.array.shape[1]), r.array.dtype
            )
            for r in self.rows
        ]
        for chosen in runs.split(runs_a_window):
            filled = 0
            for run in chosen.tolist():
                start = run * self.run_length
                is_last = run == self.n_all_runs - 1
                stop = n_samples if is_last else start + self.run_length
                for rows, buffer in zip(self.rows, buffers, strict=True):
                    buffer[filled : filled + stop - start] = rows.array[start:stop]
                filled += stop - start
            if self.generator is None:
                order = torch.arange(filled, device="cpu")
            else:
                order = _permutation(filled, self.generator)
            windows = [
                r.window(buffer) for r, buffer in zip(self.rows, buffers, strict=True)
            ]
            yield windows, order

    def __iter__(self):
        widest = max(r.array.shape[1] for r in self.rows)
        batches_a_block = max(1, BLOCK_SIZE // (self.batch_size * widest))
        block_length = batches_a_block * self.batch_size
        for rows, order in self._windows():
            order = order.to(rows[0].tensor.device)
            for index in order.split(_lengths(len(order), block_length)):
                lengths = _lengths(len(index), self.batch_size)
                blocks = [r.take(index).split(lengths) for r in rows]
                for batch in zip(*blocks, strict=True):
                    if self.prepare is not None:
                        yield self.prepare(*batch)
                    else:
                        yield batch[0], batch[-1]
