"""The tensors of a module, their copies, and what is written back into them."""

import torch


def tensors_of(module):
    """List the parameters and buffers of a module, also those in no ``state_dict``.

    Parameters
    ----------
    module : torch.nn.Module
        The module.

    Returns
    -------
    list of torch.Tensor
        Each tensor once, always in the same order.
    """
    return [*module.parameters(), *module.buffers()]


def is_known(module):
    """Whether all parts of a module are of torch or skae.

    Those of a user may keep more than tensors, and multiply them by more than rows.

    Parameters
    ----------
    module : torch.nn.Module
        The module.

    Returns
    -------
    bool
        False if the class of one part is defined elsewhere.
    """
    return all(
        type(part).__module__.startswith(("torch.nn.", "skae."))
        for part in module.modules()
    )


def snapshot(module):
    """Copy the tensors of a module, for :func:`restore`.

    Parameters
    ----------
    module : torch.nn.Module
        The module.

    Returns
    -------
    list of torch.Tensor
        Copies of its parameters, then of its buffers.
    """
    return [tensor.detach().clone() for tensor in tensors_of(module)]


@torch.no_grad()
def restore(module, tensors):
    """Write a snapshot back into the tensors of a module.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    tensors : list of torch.Tensor
        As :func:`snapshot` returned them.
    """
    for tensor, saved in zip(tensors_of(module), tensors, strict=True):
        tensor.copy_(saved)
