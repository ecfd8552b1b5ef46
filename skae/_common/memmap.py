"""Copies of arrays that lie in read-only memory maps."""

import numpy as np


def copy_memmaps(state):
    """Copy memory-mapped arrays into memory.

    ``joblib.load(mmap_mode="r")`` and joblib's workers hand over an object's arrays as
    read-only memory maps. torch warns when it makes a tensor of one, and what lies in
    the map changes or disappears with its file.

    Parameters
    ----------
    state : dict
        Attributes of an object, or other values by name.

    Returns
    -------
    dict
        The same values; where one is a memory map, a copy of it. What is inside lists
        or other containers stays as it is.
    """
    return {
        name: np.array(value) if isinstance(value, np.memmap) else value
        for name, value in state.items()
    }
