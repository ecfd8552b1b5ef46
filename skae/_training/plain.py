"""The functions of ``fast`` without its speed, used where that folder is absent."""

from contextlib import nullcontext

import torch


def resolve_compute_dtype(compute_dtype, module, batch_size, n_features, device):
    """Compute in float32, whatever is requested.

    Parameters
    ----------
    compute_dtype : {"auto", "float32", "bfloat16"}
        The parameter of the estimators.
    module : torch.nn.Module
        The network that is trained.
    batch_size : int
        Rows per batch.
    n_features : int
        Width of a row.
    device : torch.device
        Where it is trained.

    Returns
    -------
    torch.dtype
        ``torch.float32``.
    """
    return torch.float32


def make_step(objective, optimizer, compute_dtype):
    """Leave the training step to autograd and torch's optimizer.

    Parameters
    ----------
    objective : Objective
        What is minimized.
    optimizer : torch.optim.Optimizer
        Optimizer of the parameters of its module.
    compute_dtype : torch.dtype
        Type of the matrix products.

    Returns
    -------
    None
        There is no faster step.
    """
    return None


def with_fast_convolutions(objective):
    """Leave the gradients of convolutions to torch.

    Parameters
    ----------
    objective : torch.nn.Module
        What is minimized.

    Returns
    -------
    torch.nn.Module
        The objective.
    """
    return objective


def climb_to_code(module, likelihood, variance, x, missing, start, n_steps, lr):
    """Leave the most likely codes to autograd and torch's optimizer.

    Parameters
    ----------
    module : torch.nn.Module
        With ``decode``.
    likelihood : Likelihood
        The likelihood p(x|h).
    variance : float, torch.Tensor of shape (n_features,) or None
        Its variance.
    x : torch.Tensor of shape (n_samples, n_features)
        Samples.
    missing : torch.Tensor of shape (n_samples, n_features)
        True where a value is missing.
    start : torch.Tensor of shape (n_samples, n_components)
        Codes to start from.
    n_steps : int
        Number of steps.
    lr : float
        Learning rate.

    Returns
    -------
    None
        There is no faster climb.
    """
    return None


def limit_threads(module, batch_size):
    """Let torch use all of its threads.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    batch_size : int
        Rows per batch.

    Returns
    -------
    context manager
        It does nothing.
    """
    return nullcontext()
