"""Networks that are too small for more than one thread."""

import ctypes
import math
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from weakref import WeakKeyDictionary

import torch
from threadpoolctl import ThreadpoolController
from torch import nn

from skae._training.weights import is_known

# Multiplications of a matrix product below which a second thread costs more than it
# gains: the threads wait for each other longer than they compute.
MIN_PRODUCTS_FOR_THREADS = 2**22
# Counted once per module: to look through its layers takes as long as a row.
_products_per_row = WeakKeyDictionary()


@cache
def _libraries():
    return ThreadpoolController().select(user_api="openmp").lib_controllers


@cache
def _limit_of_mkl():
    """Return the function that limits MKL's threads for the calling thread.

    It takes the limit, 0 for none, and returns the one before. `torch.set_num_threads`
    also sets MKL's number of threads, which from then on does not follow OpenMP's.
    """
    for path in (Path(torch.__file__).parent / "lib").glob("*torch_cpu.*"):
        limit = getattr(ctypes.CDLL(str(path)), "MKL_Set_Num_Threads_Local", None)
        if limit is not None:
            return limit
    return lambda limit: 0  # torch was built without MKL


@contextmanager
def _one_thread():
    # Not threadpoolctl's own context, which takes as long as a layer to enter.
    libraries, limit_mkl = _libraries(), _limit_of_mkl()
    numbers = [library.get_num_threads() for library in libraries]
    for library in libraries:
        library.set_num_threads(1)
    limit_before = limit_mkl(1)
    try:
        yield
    finally:
        limit_mkl(limit_before)
        for library, number in zip(libraries, numbers, strict=True):
            library.set_num_threads(number)


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
    return _one_thread()


def _count_products(module):
    """Return the multiplications per row of the largest layer, infinite if unknown."""
    linears = [part for part in module.modules() if isinstance(part, nn.Linear)]
    n_matrices = sum(parameter.dim() > 1 for parameter in module.parameters())
    if n_matrices != len(linears) or not is_known(module):
        return math.inf
    return max((layer.weight.numel() for layer in linears), default=0)
