"""Processes that train one model together, as torchrun starts them.

Every process has all samples and does the same, except that each computes a share of
the rows of each batch. What is summed over the shares is then the same in all of them.
"""

import atexit
import os
import threading
from contextvars import ContextVar
from itertools import pairwise
from multiprocessing import current_process
from typing import NamedTuple

import torch
from torch import distributed


class Share(NamedTuple):
    """The rows of a batch that this process computes.

    Parameters
    ----------
    rows : slice
        Which rows.
    n_rows : int
        Number of rows of the batch.
    """

    rows: slice
    n_rows: int

    @property
    def size(self):
        """Number of rows of the share."""
        return len(range(self.n_rows)[self.rows])

    @property
    def is_all(self):
        """Whether each process computes the whole batch."""
        return self.size == self.n_rows


_share = ContextVar("share", default=None)


def joined():
    """Join the processes that torchrun started with this one.

    Returns
    -------
    bool
        Whether there is more than one. Workers of joblib and other threads than the
        main one train alone: their calls would meet those of others.
    """
    if not distributed.is_available():
        return False
    is_main = current_process().name == "MainProcess"
    if not is_main or threading.current_thread() is not threading.main_thread():
        return False
    if not distributed.is_initialized() and distributed.is_torchelastic_launched():
        if torch.cuda.is_available():
            torch.cuda.set_device(local_rank())
        distributed.init_process_group()
        atexit.register(_leave)
    return distributed.is_initialized() and distributed.get_world_size() > 1


def _leave():
    if distributed.is_initialized():
        distributed.destroy_process_group()


def is_first():
    """Return whether this process is the one that prints and saves.

    Returns
    -------
    bool
        True without other processes.
    """
    is_joined = distributed.is_available() and distributed.is_initialized()
    return not is_joined or distributed.get_rank() == 0


def local_rank():
    """Return which of the processes on this machine this is.

    Returns
    -------
    int
        The number of its GPU; 0 without other processes.
    """
    return int(os.environ.get("LOCAL_RANK", 0))


def agree_on(value):
    """Take the value of the first process.

    Parameters
    ----------
    value : object
        Small, and of types that can be pickled.

    Returns
    -------
    object
        The same in all processes.
    """
    if not joined():
        return value
    values = [value]
    distributed.broadcast_object_list(values)
    return values[0]


def require_equal(describe):
    """Refuse processes that were called with something else than others.

    Parameters
    ----------
    describe : callable
        Returns descriptions of parameters and samples by name.

    Raises
    ------
    ValueError
        If they differ between the processes, in each of these.
    """
    if not joined():
        return
    told, others = describe(), [None] * distributed.get_world_size()
    distributed.all_gather_object(others, told)
    for rank, other in enumerate(others):
        different = [name for name in told if other.get(name) != told[name]]
        if different:
            name, this = different[0], distributed.get_rank()
            raise ValueError(
                f"{name} differs between the processes that train together: "
                f"{other.get(name)} in process {rank}, {told[name]} in process {this}. "
                "Pass the same samples and parameters to all of them, and an int as "
                "random_state; fit divides each batch itself."
            )


def share_of(n_rows):
    """Return this process's share of a batch.

    Parameters
    ----------
    n_rows : int
        Rows of the batch.

    Returns
    -------
    Share or None
        None without other processes. A batch that has less than two rows for each of
        them is computed by all.
    """
    if not joined():
        return None
    if n_rows < 2 * distributed.get_world_size():
        return Share(slice(0, n_rows), n_rows)
    return Share(divide(n_rows)[distributed.get_rank()], n_rows)


def divide(n):
    """Divide numbers between the processes.

    Parameters
    ----------
    n : int
        How many there are.

    Returns
    -------
    list of slice
        Those of each process.
    """
    size = distributed.get_world_size()
    bounds = [rank * n // size for rank in range(size + 1)]
    return [slice(*pair) for pair in pairwise(bounds)]


def current_share():
    """Return which rows of a batch are computed at the moment.

    Returns
    -------
    Share or None
        None if they are all.
    """
    share = _share.get()
    return None if share is None or share.is_all else share


def exchange(parts):
    """Send the own part of something to all processes, and get theirs.

    Parameters
    ----------
    parts : list of torch.Tensor
        One for each process, contiguous. That of this one is sent, the others are
        filled. Or one alone, which each process has.

    Returns
    -------
    callable
        Waits until all are filled, and returns them.
    """
    calls = []
    if len(parts) > 1:
        calls = [
            distributed.broadcast(part, source, async_op=True)
            for source, part in enumerate(parts)
        ]

    def wait():
        for call in calls:
            call.wait()
        return parts

    return wait


def share_gradient(gradient, batch, objective, dense_step=None):
    """Evaluate loss and gradient of a batch, of which each process computes a share.

    Parameters
    ----------
    gradient : callable
        Called with the parts of a batch, fills the gradients and returns the loss.
    batch : sequence of torch.Tensor
        The same in all processes.
    objective : torch.nn.Module
        Has the parameters.
    dense_step : DenseStep or None, default=None
        Fills the gradients of the whole batch itself.

    Returns
    -------
    torch.Tensor
        The loss of the batch.
    """
    share = share_of(len(batch[0]))
    if share is None:
        return gradient(*batch)
    token = _share.set(share)
    try:
        loss = gradient(*(part[share.rows] for part in batch)).clone()
    finally:
        _share.reset(token)
    if dense_step is None:
        average([p.grad for p in objective.parameters() if p.grad is not None], share)
    average([loss], share)
    return loss


def average_buffers(objective):
    """Average what shares have their own of, such as means of batch normalization.

    Parameters
    ----------
    objective : torch.nn.Module
        Has the buffers.
    """
    average([b for b in objective.buffers() if b.is_floating_point()])


def draw_share(draw, shape):
    """Draw one row of numbers per sample of a batch.

    Parameters
    ----------
    draw : callable
        Called with a shape.
    shape : tuple of int
        Shape for this process's share.

    Returns
    -------
    torch.Tensor
        Its rows of what one process alone would draw for the batch.
    """
    share = _share.get()
    if share is None:
        return draw(shape)
    return draw((share.n_rows, *shape[1:]))[share.rows]


def mean_over_shares(value):
    """Turn means over shares of a batch into means over the batch.

    Parameters
    ----------
    value : torch.Tensor
        Mean over this process's share.

    Returns
    -------
    torch.Tensor
        The same in all processes.
    """
    share = _share.get()
    if share is None:
        return value
    value = value.clone()
    average([value], share)
    return value


def average(tensors, share=None):
    """Average tensors over the processes, in place.

    Parameters
    ----------
    tensors : list of torch.Tensor
        Tensors of one type.
    share : Share or None, default=None
        Share of a batch that they are means over; None for equal weights.
    """
    if not tensors or not joined():
        return
    factor = 1.0 / distributed.get_world_size()
    if share is not None and share.size < share.n_rows:
        factor = share.size / share.n_rows
    # One call for all of them.
    alone = len(tensors) == 1 and tensors[0].is_contiguous()
    flat = tensors[0] if alone else torch.cat([t.reshape(-1) for t in tensors])
    distributed.all_reduce(flat.mul_(factor))
    if not alone:
        for tensor, mean in zip(
            tensors, flat.split([t.numel() for t in tensors]), strict=True
        ):
            tensor.copy_(mean.view_as(tensor))
