"""The climb to the most likely codes of samples, with its derivative written out.

A step for few samples is all bookkeeping: autograd, distributions and the optimizer
take ten times as long as the products of a small decoder.
"""

import torch

from skae._training.fast.dense_network import is_written_out, make_network
from skae._training.fast.dense_step import FUSED_KERNELS
from skae._training.fast.losses import LOSSES, nll_grad
from skae.modules import VariationalModule

BETAS, EPSILON = (0.9, 0.999), 1e-8  # those of torch.optim.Adam by default


def climb_to_code(module, likelihood, variance, x, missing, start, n_steps, lr):
    """Maximize p(h) p(x|h) of the values that are present over the code, by Adam.

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
    torch.Tensor of shape (n_samples, n_components) or None
        Codes; None where autograd has to take the derivative.
    """
    kernel = FUSED_KERNELS[torch.optim.Adam]
    if (
        kernel is None
        or type(module) is not VariationalModule
        or type(likelihood) not in LOSSES
        or not is_written_out(module.decoder)
    ):
        return None
    decoder, code = make_network(module.decoder), start.clone()
    moments = torch.zeros_like(code), torch.zeros_like(code)
    one = torch.ones((), device=code.device)  # to make one takes longer than to add it
    step = torch.zeros_like(one)
    for _ in range(n_steps):
        decoded = decoder.forward(code)
        grad = nll_grad(likelihood, decoded[-1], x, variance, missing)
        grad = decoder.backward(decoded, grad, to_input=True).add_(code)
        kernel(
            [code],
            [grad],
            [moments[0]],
            [moments[1]],
            [],
            [step.add_(one)],
            lr=lr,
            beta1=BETAS[0],
            beta2=BETAS[1],
            weight_decay=0.0,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )
    return code
