"""The joint density of a sample and its code under an autoencoder."""

import numpy as np
import torch

# Step of the derivatives of log p(h), as a share of the spread of each component.
STEP = 1e-3


class CodeDensity(torch.autograd.Function):
    """Log-density of codes by any estimator of scikit-learn, with its derivative.

    The derivative is a central difference, exact for a normal density.
    """

    @staticmethod
    def forward(ctx, codes, density, spread):
        """Return log p(h).

        Parameters
        ----------
        ctx : object
            Holds what ``backward`` needs.
        codes : torch.Tensor of shape (n_samples, n_components)
            The codes h.
        density : estimator with ``score_samples``
            The density p(h).
        spread : ndarray of shape (n_components,)
            Standard deviation of each component.

        Returns
        -------
        torch.Tensor of shape (n_samples,)
            The log-densities.
        """
        values = codes.detach().cpu().numpy().astype(np.float64)
        ctx.inputs = values, density, spread
        return torch.from_numpy(density.score_samples(values)).to(codes)

    @staticmethod
    def backward(ctx, grad_output):
        """Return the gradient.

        Parameters
        ----------
        ctx : object
            As ``forward`` has filled it.
        grad_output : torch.Tensor of shape (n_samples,)
            The gradient of what follows.

        Returns
        -------
        tuple
            The gradient of the codes, and None for each other argument.
        """
        codes, density, spread = ctx.inputs
        gradient = np.empty_like(codes)
        for i, step in enumerate(STEP * spread):
            ends = codes.copy(), codes.copy()
            ends[0][:, i] -= step
            ends[1][:, i] += step
            low, high = map(density.score_samples, ends)
            gradient[:, i] = (high - low) / (2 * step)
        gradient = torch.from_numpy(gradient).to(grad_output)
        return grad_output[:, None] * gradient, None, None


def joint_log_density(autoencoder, density, spread):
    """Return log p(x|h) + log p(h) as a function, where h is the code of x.

    Parameters
    ----------
    autoencoder : BaseAutoEncoder
        The fitted autoencoder.
    density : estimator with ``score_samples``
        The density p(h) of its codes.
    spread : ndarray of shape (n_components,)
        Standard deviation of each component of the codes.

    Returns
    -------
    callable
        A function of module and samples in the module's scale, for ``_map_chunks``.
    """
    log_prob = autoencoder._log_prob()

    def log_density(module, x):
        code = module.encode(x)
        return log_prob(x, module.decode(code)) + CodeDensity.apply(
            code, density, spread
        )

    return log_density
