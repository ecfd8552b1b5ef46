"""Networks that are too small for more than one thread."""

import math
from contextlib import nullcontext
from functools import cache
from weakref import WeakKeyDictionary

from threadpoolctl import ThreadpoolController
from torch import nn

from skae._training.weights import is_known

# Multiplications of a matrix product below which a second thread costs more than it
# gains: the threads wait for each other longer than they compute.
MIN_PRODUCTS_FOR_THREADS = 2**22
# Counted once per module: to look through its layers takes as long as a row.
_products_per_row = WeakKeyDictionary()


@cache
def _controller():
    return ThreadpoolController().select(user_api="openmp")


def limit_threads(module, batch_size):
    """Keep matrix products that are too small to divide on one thread.

    OpenMP counts its threads for each calling thread, so that only the fit that asks
    is limited, only until it ends, and fits in other threads are not.

    Parameters
    ----------
    module : torch.nn.Module
        The network. One with other layers than affine ones, or with parts of the user,
        is not limited.
    batch_size : int
        Rows per batch.

    Returns
    -------
    context manager
        In which to train or to evaluate it.
    """
    n_products = _products_per_row.get(module)
    if n_products is None:
        n_products = _products_per_row[module] = _count_products(module)
    if batch_size * n_products >= MIN_PRODUCTS_FOR_THREADS:
        return nullcontext()
    return _controller().limit(limits=1)


def _count_products(module):
    """Return the multiplications per row of the largest layer, infinite if unknown."""
    linears = [part for part in module.modules() if isinstance(part, nn.Linear)]
    n_matrices = sum(parameter.dim() > 1 for parameter in module.parameters())
    if n_matrices != len(linears) or not is_known(module):
        return math.inf
    return max((layer.weight.numel() for layer in linears), default=0)
