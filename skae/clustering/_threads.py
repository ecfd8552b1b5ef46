"""Limits of the threads of libraries."""

from functools import cache
from importlib import import_module

from threadpoolctl import ThreadpoolController


@cache
def thread_controller(package):
    """Return what limits the threads of the libraries that a package has loaded.

    It is made once: to look for them takes as long as to cluster thousands of points.
    """
    import_module(package)
    return ThreadpoolController()
