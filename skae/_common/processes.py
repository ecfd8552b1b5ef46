"""Processes that train one model together, as torchrun starts them.

Every process has all samples and does the same, except that each computes a share of
the rows of each batch. What is summed over the shares is then the same in all of them.
"""

import atexit
import math
import os
import threading
from contextlib import nullcontext
from contextvars import ContextVar
from importlib import import_module
from itertools import pairwise
from mmap import mmap
from multiprocessing import current_process
from secrets import token_hex
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
    def fraction(self):
        """What part of the batch that is."""
        return self.size / self.n_rows


_share = ContextVar("share", default=None)
# Looked up once: every training step asks whether there are other processes.
_IS_LAUNCHED = distributed.is_available() and distributed.is_torchelastic_launched()


def _is_initialized():
    return distributed.is_available() and distributed.is_initialized()


def joined():
    """Join the processes that torchrun started with this one.

    Returns
    -------
    bool
        Whether there is more than one. Workers of joblib and other threads than the
        main one train alone: their calls would meet those of others.
    """
    if not (_IS_LAUNCHED or _is_initialized()):
        return False
    is_main = current_process().name == "MainProcess"
    if not is_main or threading.current_thread() is not threading.main_thread():
        return False
    if not distributed.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(local_rank())
        # Imported later, as torch's optimizers do, this module would take the group as
        # default of its arguments. Then gloo's threads outlive the interpreter, and one
        # that still frees a tensor aborts the process.
        import_module("torch.distributed.nn")
        distributed.init_process_group()
        atexit.register(_leave)
    return distributed.get_world_size() > 1


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
    return not _is_initialized() or distributed.get_rank() == 0


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


def divide(n, step=1):
    """Divide numbers between the processes.

    Parameters
    ----------
    n : int
        How many there are.
    step : int, default=1
        What the first number of each process is a multiple of.

    Returns
    -------
    list of slice
        Those of each process.
    """
    size = distributed.get_world_size()
    bounds = [step * round(rank * n / (size * step)) for rank in range(size)]
    return [slice(*pair) for pair in pairwise([*bounds, n])]


def current_share():
    """Return which rows of a batch are computed at the moment.

    Returns
    -------
    Share or None
        None without other processes.
    """
    return _share.get()


def wait_for_all():
    """Return once all processes have called this."""
    distributed.all_reduce(torch.zeros(1))


def shared_zeros(*shape, dtype):
    """Make a tensor that all processes see and write to.

    Parameters
    ----------
    *shape : int
        Its shape.
    dtype : torch.dtype
        Its type.

    Returns
    -------
    torch.Tensor or None
        The same memory in all processes. None without other processes, or where they
        cannot share memory: on several machines, or without Linux.
    """
    if not joined():
        return None
    n_bytes, path, token = math.prod(shape) * dtype.itemsize, "", token_hex()
    if is_first() and hasattr(os, "memfd_create"):
        file = os.memfd_create(token)
        os.truncate(file, n_bytes)
        path = f"/proc/{os.getpid()}/fd/{file}"
    # A file without a name: it is gone with the processes, however they end.
    path, token = agree_on((path, token))
    try:
        # On another machine this path may be another file.
        is_same = os.readlink(path).startswith(f"/memfd:{token}")
        with open(path, "r+b") if is_same else nullcontext() as opened:
            memory = opened and mmap(opened.fileno(), n_bytes)
    except OSError:
        memory = None
    opened_by = [None] * distributed.get_world_size()
    distributed.all_gather_object(opened_by, memory is not None)
    if path and is_first():
        os.close(file)
    if not all(opened_by):
        return None
    return torch.frombuffer(memory, dtype=dtype).view(shape)


def share_gradient(gradient, batch):
    """Evaluate loss and gradient of a batch, of which each process computes a share.

    Parameters
    ----------
    gradient : callable
        Called with the parts of a batch. Fills the gradients and returns the loss, both
        of the whole batch, by :func:`average_over_shares` for instance.
    batch : sequence of torch.Tensor
        The same in all processes.

    Returns
    -------
    torch.Tensor
        The loss of the batch.
    """
    share = share_of(batch[0].shape[0])
    if share is None:
        return gradient(*batch)
    token = _share.set(share)
    try:
        return gradient(*(part[share.rows] for part in batch))
    finally:
        _share.reset(token)


def average_buffers(objective):
    """Average what shares have their own of, such as means of batch normalization.

    Parameters
    ----------
    objective : torch.nn.Module
        Has the buffers.
    """
    if joined():
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


def average_over_shares(tensors):
    """Turn means over shares of a batch into means over the batch, in place.

    Parameters
    ----------
    tensors : list of torch.Tensor
        Means over this process's share, afterwards the same in all processes.
    """
    if (share := _share.get()) is not None:
        average(tensors, share)


def average_gradients(loss, objective):
    """Turn loss and gradients of a share of a batch into those of the batch, in place.

    Parameters
    ----------
    loss : torch.Tensor
        The loss.
    objective : torch.nn.Module
        Has the parameters.
    """
    if _share.get() is not None:
        grads = [p.grad for p in objective.parameters() if p.grad is not None]
        average_over_shares([loss, *grads])


def mean_over_shares(value):
    """Turn a mean over shares of a batch into a mean over the batch.

    Parameters
    ----------
    value : torch.Tensor
        Mean over this process's share.

    Returns
    -------
    torch.Tensor
        The same in all processes.
    """
    if _share.get() is not None:
        average_over_shares([value := value.clone()])
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
    factor = 1.0 if share is None else share.fraction
    if factor == 1.0:  # all of them have everything
        factor /= distributed.get_world_size()
    # One call for all of them.
    alone = len(tensors) == 1 and tensors[0].is_contiguous()
    flat = tensors[0] if alone else torch.cat([t.reshape(-1) for t in tensors])
    distributed.all_reduce(flat.mul_(factor))
    if not alone:
        for tensor, mean in zip(
            tensors, flat.split([t.numel() for t in tensors]), strict=True
        ):
            tensor.copy_(mean.view_as(tensor))
