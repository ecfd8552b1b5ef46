"""Gradients of weights that the processes of torchrun compute together."""

import torch
from torch import distributed

from skae._common.processes import (
    average_over_shares,
    current_share,
    divide,
    shared_zeros,
)
from skae._training.fast.dense_network import aligned, fill_gradients

# torch sums so many columns at a time, and those that remain in another order.
UNITS = 64


class SharedSums:
    """Sums over the rows of a batch, of which each process has some.

    Sums over the rows of each process, added up, differ in the last digit from a sum
    over all rows, and Adam amplifies this from step to step. So the layers write their
    results into memory that the processes share, and each process fills the gradients
    of some units, over all rows and in the order of one process.

    Parameters
    ----------
    width : int
        Numbers per row that are written in a step, at most; see :func:`aligned`.
    dtype : torch.dtype
        Their type.
    """

    def __init__(self, width, dtype):
        self.width = width
        self.memory = torch.empty(0, dtype=dtype)
        self.n_rows = 0
        self.layers = []
        self.end = 0

    def empty(self, width):
        """Return memory for this process's rows.

        Parameters
        ----------
        width : int
            Numbers per row.

        Returns
        -------
        torch.Tensor of shape (n_samples, width)
            Part of the tensor of all rows of the batch.
        """
        rows, n_rows = current_share()
        if n_rows > self.n_rows:
            self.memory = shared_zeros(n_rows * self.width, dtype=self.memory.dtype)
            self.n_rows = n_rows
        start, self.end = self.end, self.end + n_rows * aligned(width)
        return self.memory[start : start + n_rows * width].view(n_rows, width)[rows]

    def hold(self, rows):
        """Let rows lie where all processes see them.

        Parameters
        ----------
        rows : torch.Tensor of shape (n_samples, width)
            Rows of this process.

        Returns
        -------
        torch.Tensor of shape (n_samples, width)
            The same, copied if necessary.
        """
        storage, memory = rows.untyped_storage(), self.memory.untyped_storage()
        if storage.data_ptr() == memory.data_ptr():
            return rows
        return self.empty(rows.shape[1]).copy_(rows)

    def add(self, grad, x, grad_weight, grad_bias):
        """Fill the gradients of a layer when :meth:`evaluate` is called.

        Parameters
        ----------
        grad : torch.Tensor of shape (n_samples, n_outputs)
            Gradient of its output, as of :meth:`hold` or from :meth:`empty`.
        x : torch.Tensor of shape (n_samples, n_inputs)
            Its input, as of :meth:`hold` or from :meth:`empty`.
        grad_weight : torch.Tensor of shape (n_outputs, n_inputs)
            Gradient of its weight.
        grad_bias : torch.Tensor of shape (n_outputs,)
            Gradient of its bias.
        """
        self.layers.append((grad, x, grad_weight, grad_bias))

    def evaluate(self, loss):
        """Fill this process's units of the gradients of all layers that were added.

        Parameters
        ----------
        loss : torch.Tensor
            Mean over this process's rows, afterwards over the batch.
        """
        layers, self.layers, self.end = self.layers, [], 0
        average_over_shares([loss])  # which waits for the rows of all
        for grad, x, grad_weight, grad_bias in layers:
            units = own_units(len(grad_bias))
            grad, x = _all_rows(grad), _all_rows(x)
            fill_gradients(grad[:, units], x, grad_weight[units], grad_bias[units])


def own_units(n_units):
    """Return the units of a layer whose weights this process learns.

    Parameters
    ----------
    n_units : int
        How many the layer has.

    Returns
    -------
    slice
        Some of them, maybe none.
    """
    return divide(n_units, UNITS)[distributed.get_rank()]


def _all_rows(part):
    """Return the rows of the batch, of which :meth:`SharedSums.empty` made a part."""
    rows, n_rows = current_share()
    start = part.storage_offset() - rows.start * part.shape[1]
    return part.as_strided((n_rows, part.shape[1]), (part.shape[1], 1), start)
