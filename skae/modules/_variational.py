"""An autoencoder whose encoder is stochastic."""

import math

from skae.modules._conv import ConvDecoder, ConvEncoder
from skae.modules._dense import Autoencoder, Dense, Residual

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


def dense_variational_module(
    n_features,
    n_components,
    sizes,
    activation,
    skip_connection=False,
    dropout=0.0,
    normalization=None,
):
    """Make a variational module of dense networks.

    Parameters
    ----------
    n_features : int
        Width of a row.
    n_components : int
        Number of components of a code.
    sizes : sequence of int
        Widths of the encoder's hidden layers; the decoder's are the same in reverse.
    activation : str or callable
        Activation of the hidden layers.
    skip_connection : bool, default=False
        Whether an affine map is added to each of encoder and decoder. The networks then
        start from outputs of zero.
    dropout : float, default=0.0
        Share of the hidden outputs that are zero in a step of training.
    normalization : {"batch_norm", "layer_norm"}, default=None
        Normalization before each activation.

    Returns
    -------
    VariationalModule
        The module.
    """
    after = (activation, dropout, normalization)
    encoder = Dense([n_features, *sizes, 2 * n_components], *after)
    decoder = Dense([n_components, *sizes[::-1], n_features], *after)
    return _module(
        encoder, decoder, n_features, n_components, skip_connection and sizes
    )


def _module(encoder, decoder, n_features, n_components, skip_connection):
    if skip_connection:
        encoder = Residual(encoder, n_features, 2 * n_components)
        decoder = Residual(decoder, n_components, n_features)
        for part in (encoder, decoder):
            # Small outputs would not be small beside a small noise variance.
            part.silence()
    return VariationalModule(encoder, decoder)


def conv_variational_module(
    image_shape,
    n_components,
    channels,
    activation,
    skip_connection=False,
    dropout=0.0,
    normalization=None,
):
    """Make a variational module of convolutional networks.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, n_channels).
    n_components : int
        Number of components of a code.
    channels : sequence of int
        Channels of the encoder's stages; the decoder's are the same in reverse.
    activation : str or callable
        Activation of the hidden layers.
    skip_connection : bool, default=False
        Whether an affine map is added to each of encoder and decoder. The networks then
        start from outputs of zero.
    dropout : float, default=0.0
        Share of the hidden outputs that are zero in a step of training.
    normalization : {"batch_norm", "layer_norm"}, default=None
        Normalization before each activation.

    Returns
    -------
    VariationalModule
        The module.
    """
    options = (channels, activation)
    after = {"dropout": dropout, "normalization": normalization}
    encoder = ConvEncoder(image_shape, 2 * n_components, *options, **after)
    decoder = ConvDecoder(image_shape, n_components, *options, **after)
    n_features = math.prod(image_shape)
    return _module(encoder, decoder, n_features, n_components, skip_connection)


# What makes the module of each architecture.
VARIATIONAL_MODULES = {
    "dense": dense_variational_module,
    "conv": conv_variational_module,
}
