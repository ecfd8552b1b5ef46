"""What every autoencoder module is: an encoder and a decoder."""

from torch import nn


class Autoencoder(nn.Module):
    """An encoder h = f(x) and a decoder r = g(h).

    Parameters
    ----------
    encoder : torch.nn.Module
        Maps rows of shape (n_samples, n_features) to codes of shape
        (n_samples, n_components).
    decoder : torch.nn.Module
        Maps codes to rows of shape (n_samples, n_features).

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from skae.modules import Autoencoder
    >>> module = Autoencoder(nn.Linear(64, 2), nn.Linear(2, 64))
    >>> module.encode(torch.zeros(5, 64)).shape
    torch.Size([5, 2])
    """

    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, x):
        """Give the codes of rows.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_components)
            Codes h = f(x).
        """
        return self.encoder(x)

    def decode(self, h):
        """Give the decoder's outputs at codes.

        Parameters
        ----------
        h : torch.Tensor of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            Outputs g(h), from which a likelihood makes p(x|h).
        """
        return self.decoder(h)

    def forward(self, x):
        """Encode and decode.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            Outputs g(f(x)).
        """
        return self.decode(self.encode(x))
