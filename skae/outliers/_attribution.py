"""What each feature contributes to a function of samples."""

import numpy as np
import torch

# Points at which gradients are taken on the way from the baseline to a sample.
N_POINTS = 16


def integrated_gradients(function, x, baseline):
    """Share out the change of a function between a baseline and samples.

    The gradient is integrated along the straight line from the baseline to each sample.
    The shares of a sample sum to ``function(x) - function(baseline)``, up to the error
    of the integral [1]_.

    Parameters
    ----------
    function : callable
        Returns one number per sample, differentiable.
    x : torch.Tensor of shape (n_samples, n_features)
        The samples.
    baseline : torch.Tensor of shape (1, n_features)
        Where the lines begin.

    Returns
    -------
    torch.Tensor of shape (n_samples, n_features)
        The share of each feature.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly and Q. Yan, "Axiomatic attribution for deep
       networks", ICML 2017.
    """
    nodes, weights = np.polynomial.legendre.leggauss(N_POINTS)
    step = x - baseline
    total = torch.zeros_like(x)
    with torch.enable_grad():
        for t, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            # Squared: a log-density bends most near the baseline.
            point = (baseline + t**2 * step).requires_grad_()
            (gradient,) = torch.autograd.grad(function(point).sum(), point)
            total += 2 * t * weight * gradient
    return step * total
