"""An autoencoder whose encoder is stochastic."""

from skae.modules._dense import Autoencoder

# Bound of the absolute logarithm of a variance: beyond it float32 would overflow.
MAX_LOG_VARIANCE = 60.0


class VariationalModule(Autoencoder):
    """Encoder to a normal distribution of the code, and a decoder.

    Parameters
    ----------
    encoder : torch.nn.Module
        Maps rows of shape (n_samples, n_features) to (n_samples, 2 * n_components):
        the means of p_enc(h|x), then the logarithms of its variances.
    decoder : torch.nn.Module
        Maps codes of shape (n_samples, n_components) to rows.

    References
    ----------
    .. [1] D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", ICLR 2014,
       appendix C.2.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from skae.modules import VariationalModule
    >>> module = VariationalModule(nn.Linear(64, 4), nn.Linear(2, 64))
    >>> mean, std = module.encode_distribution(torch.zeros(5, 64))
    >>> mean.shape, std.shape
    (torch.Size([5, 2]), torch.Size([5, 2]))
    """

    def encode_distribution(self, x):
        """Return the distributions of the codes of rows.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        mean : torch.Tensor of shape (n_samples, n_components)
            Means of p_enc(h|x).
        std : torch.Tensor of shape (n_samples, n_components)
            Its standard deviations.
        """
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        # Far from the training samples the encoder may return any number, and neither
        # zero nor infinity is a standard deviation.
        return mean, (
            0.5 * log_variance.clamp(-MAX_LOG_VARIANCE, MAX_LOG_VARIANCE)
        ).exp()

    def encode(self, x):
        return self.encode_distribution(x)[0]
