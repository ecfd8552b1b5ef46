"""Codes of a sample of which some values are missing: the most likely, and draws."""

import torch

from skae._common.runtime import draw
from skae._training.trainer import fast
from skae._training.variational_objective import log_ratio

# Steps of the climb, and their size in the scale of p(h).
N_CLIMB_STEPS, CLIMB_RATE = 30, 0.2


def most_likely_code(module, x, missing, start, likelihood, variance, log_prob):
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
    likelihood : Likelihood
        The likelihood p(x|h).
    variance : float, torch.Tensor of shape (n_features,) or None
        Its variance.
    log_prob : callable
        Returns log p(x|h) of samples from ``x`` and the decoder's outputs.

    Returns
    -------
    torch.Tensor of shape (n_samples, n_components)
        Codes.
    """
    start, climb = start.detach(), (N_CLIMB_STEPS, CLIMB_RATE)
    code = fast.climb_to_code(module, likelihood, variance, x, missing, start, *climb)
    if code is not None:
        return code
    code = start.requires_grad_()
    optimizer = torch.optim.Adam([code], lr=CLIMB_RATE)
    with torch.enable_grad():
        for _ in range(N_CLIMB_STEPS):
            output = module.decode(code)
            filled = torch.where(missing, likelihood.mean(output).detach(), x)
            log_joint = log_prob(filled, output) - 0.5 * code.square().sum(dim=1)
            (code.grad,) = torch.autograd.grad(-log_joint.sum(), code)
            optimizer.step()
    return code.detach()


def draw_missing(module, x, missing, log_prob, sample, n_steps):
    """Draw missing values, by codes and values that are drawn in turn.

    Parameters
    ----------
    module : torch.nn.Module
        With ``encode_distribution`` and ``decode``.
    x : torch.Tensor of shape (n_samples, n_features)
        Samples, and what to start from where a value is missing.
    missing : torch.Tensor of shape (n_samples, n_features)
        True where a value is missing.
    log_prob : callable
        Returns log p(x|h) of samples from ``x`` and the decoder's outputs.
    sample : callable
        Draws samples from p(x|h) at the decoder's outputs.
    n_steps : int
        Number of turns.

    Returns
    -------
    torch.Tensor of shape (n_samples, n_features)
        The samples, drawn with torch's global generator.
    """
    h = None
    for _ in range(n_steps):
        mean, std = module.encode_distribution(x)

        def log_weight(h, output, x=x, mean=mean, std=std):
            ratio = log_ratio(h, (h - mean) / std, std)
            return log_prob(x, output) - ratio.sum(dim=1)

        noise = draw(torch.randn, mean.shape, None, mean.device)
        new = mean + std * noise.to(mean.dtype)
        output = module.decode(new)
        if h is not None:
            before = module.decode(h)
            gain = log_weight(new, output) - log_weight(h, before)
            share = draw(torch.rand, gain.shape, None, gain.device).to(gain.dtype)
            accepted = (share.log() < gain).unsqueeze(1)
            new, output = (
                torch.where(accepted, a, b) for a, b in ((new, h), (output, before))
            )
        h = new
        x = torch.where(missing, sample(output), x)
    return x
