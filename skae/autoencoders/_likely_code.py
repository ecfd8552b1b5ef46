"""The most likely code of a sample of which some values are missing."""

import torch

# Steps of the climb, and their size in the scale of p(h).
N_CLIMB_STEPS, CLIMB_RATE = 30, 0.2


def most_likely_code(module, x, missing, start, mean, log_prob):
    """Maximize p(h) p(x|h) of the values that are present over the code.

    A missing value is set to its mean at each step. There the derivative of its
    log-likelihood is zero, so that it does not influence the code. This holds for every
    likelihood here if all levels of a variable are missing together.

    Parameters
    ----------
    module : torch.nn.Module
        With ``decode``.
    x : torch.Tensor of shape (n_samples, n_features)
        Samples.
    missing : torch.Tensor of shape (n_samples, n_features)
        True where a value is missing.
    start : torch.Tensor of shape (n_samples, n_components)
        Codes to start from.
    mean : callable
        Returns E[x|h] of the decoder's outputs.
    log_prob : callable
        Returns log p(x|h) of samples from ``x`` and the decoder's outputs.

    Returns
    -------
    torch.Tensor of shape (n_samples, n_components)
        Codes.
    """
    code = start.detach().requires_grad_()
    optimizer = torch.optim.Adam([code], lr=CLIMB_RATE)
    with torch.enable_grad():
        for _ in range(N_CLIMB_STEPS):
            output = module.decode(code)
            filled = torch.where(missing, mean(output).detach(), x)
            log_joint = log_prob(filled, output) - 0.5 * code.square().sum(dim=1)
            (code.grad,) = torch.autograd.grad(-log_joint.sum(), code)
            optimizer.step()
    return code.detach()
