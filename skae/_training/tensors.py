"""All tensors of a module, kept and put back."""

import torch


def tensors_of(module):
    """Give the parameters and buffers of a module, also those in no ``state_dict``.

    Parameters
    ----------
    module : torch.nn.Module
        The module.

    Returns
    -------
    list of torch.Tensor
        Each once, always in the same order.
    """
    return [*module.parameters(), *module.buffers()]


def keep(module):
    """Copy the tensors of a module, to be put back later.

    Parameters
    ----------
    module : torch.nn.Module
        The module.

    Returns
    -------
    list of torch.Tensor
        What :func:`put_back` takes.
    """
    return [tensor.detach().clone() for tensor in tensors_of(module)]


@torch.no_grad()
def put_back(module, kept):
    """Give the tensors of a module the numbers that they had.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    kept : list of torch.Tensor
        As :func:`keep` gave them.
    """
    for tensor, numbers in zip(tensors_of(module), kept, strict=True):
        tensor.copy_(numbers)
