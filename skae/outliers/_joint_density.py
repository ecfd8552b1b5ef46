"""The joint density of a sample and its code under an autoencoder."""

import numpy as np
import torch


def joint_log_density(autoencoder, density):
    """Return log p(x|h) + log p(h) as a function, where h is the code of x.

    Parameters
    ----------
    autoencoder : BaseAutoEncoder
        The fitted autoencoder.
    density : estimator with ``score_samples``
        The density p(h) of its codes.

    Returns
    -------
    callable
        A function of module, samples in the module's scale, and the same with NaN for
        missing values, for ``_score_rows``.
    """
    log_prob = autoencoder._log_prob()

    def log_density(module, x, target):
        code = module.encode(x)
        log_prior = density.score_samples(code.cpu().numpy().astype(np.float64))
        return log_prob(target, module.decode(code)) + torch.from_numpy(log_prior).to(
            code
        )

    return log_density
