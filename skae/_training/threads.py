"""How many threads a fit is worth."""

from contextlib import nullcontext
from functools import cache

from threadpoolctl import ThreadpoolController

# Multiplications of a matrix product below which a second thread costs more than it
# brings: the threads wait for each other longer than they compute.
WORTHWHILE_PRODUCTS = 2**22


@cache
def _controller():
    return ThreadpoolController()


def worthwhile_threads(n_products):
    """Keep matrix products that are too small to divide on one thread.

    OpenMP counts its threads for each calling thread, so that only the fit that asks
    is limited, only until it ends, and fits in other threads are not.

    Parameters
    ----------
    n_products : int
        Multiplications of the largest matrix product.

    Returns
    -------
    context manager
        In which to compute.
    """
    if n_products >= WORTHWHILE_PRODUCTS:
        return nullcontext()
    return _controller().limit(limits=1, user_api="openmp")
