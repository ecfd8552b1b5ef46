"""Numbers as tensors."""

from functools import lru_cache

import torch


@lru_cache(maxsize=128)
def number(value, device):
    """Return a number as a tensor, which is not to be changed.

    An operator takes longer to make a tensor of a number of Python's than to compute
    with a small one.

    Parameters
    ----------
    value : float
        The number.
    device : torch.device
        Where it is used.

    Returns
    -------
    torch.Tensor
        A scalar of float32.
    """
    return torch.tensor(value, dtype=torch.float32, device=device)
