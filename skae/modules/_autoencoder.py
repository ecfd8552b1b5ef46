"""What every autoencoder module is: an encoder and a decoder."""

import copy

import torch
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

    def rescaled(self, units, output_units, dtype):
        """Copy the module so that it takes and gives rows in other units.

        The copy encodes ``scale * x + offset`` as this module encodes ``x``, and its
        outputs are moved likewise.

        Parameters
        ----------
        units : (ndarray of shape (n_features,), float)
            Offset and scale of the rows: where zero goes, and what one becomes.
        output_units : (ndarray of shape (n_outputs,), float)
            The same of the outputs.
        dtype : torch.dtype
            Type of the copy's parameters.

        Returns
        -------
        Autoencoder
            The copy; of a dtype that the module has it shares the parameters.
        """
        return rescale(self, units, output_units, dtype)


def rescale(module, units, output_units, dtype):
    """Put a module between two changes of units.

    Parameters
    ----------
    module : torch.nn.Module
        The module.
    units : (ndarray of shape (n_features,), float)
        Offset and scale of the rows: where zero goes, and what one becomes.
    output_units : (ndarray of shape (n_outputs,), float)
        The same of the outputs.
    dtype : torch.dtype
        Type of the result's parameters.

    Returns
    -------
    torch.nn.Module
        The module in other units; of a dtype that it has it shares the parameters.
    """
    if dtype != next(module.parameters()).dtype:
        module = copy.deepcopy(module).to(dtype)
    return _Rescaled(module, units, output_units, dtype)


class _Rescaled(nn.Module):
    """A module between two changes of units."""

    def __init__(self, module, units, output_units, dtype):
        super().__init__()
        self.module = module
        device = next(module.parameters()).device
        (offset, self.scale), (out_offset, self.out_scale) = units, output_units
        self.offset = torch.from_numpy(offset).to(device, dtype)
        self.out_offset = torch.from_numpy(out_offset).to(device, dtype)

    def encode(self, x):
        return self.module.encode((x - self.offset) / self.scale)

    def encode_distribution(self, x):
        return self.module.encode_distribution((x - self.offset) / self.scale)

    def decode(self, h):
        return self.module.decode(h) * self.out_scale + self.out_offset

    def forward(self, x):
        x = (x - self.offset) / self.scale
        return self.module(x) * self.out_scale + self.out_offset
