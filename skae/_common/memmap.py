"""Copies of arrays that lie in memory of others."""

import numpy as np


def copy_memmaps(state):
    """Copy memory-mapped and read-only arrays into memory of their own.

    ``joblib.load(mmap_mode="r")`` and joblib's workers hand over an object's arrays as
    read-only memory maps, ray and dask as read-only arrays. torch warns when it makes a
    tensor of one, and what lies in a map changes or disappears with its file.

    Parameters
    ----------
    state : dict
        Attributes of an object, or other values by name.

    Returns
    -------
    dict
        The same values; where one is a memory map or read-only, a copy of it. What is
        inside lists or other containers stays as it is.
    """
    return {
        name: np.array(value) if _is_borrowed(value) else value
        for name, value in state.items()
    }


def _is_borrowed(value):
    """Return whether the memory of an array belongs to something else."""
    if isinstance(value, np.memmap):
        return True
    return isinstance(value, np.ndarray) and not value.flags.writeable
