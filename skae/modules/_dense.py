"""The base of the autoencoder modules, and the dense one."""

from itertools import pairwise

import torch
from torch import nn

from skae.modules._hidden import after_layer, gain_of


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
        """Return the codes of rows.

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
        """Return the decoder's outputs at codes.

        Parameters
        ----------
        h : torch.Tensor of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_features)
            Outputs g(h), the parameters of p(x|h).
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

    def network_weights(self):
        """List the weights of the networks beside affine maps.

        Returns
        -------
        list of torch.nn.Parameter
            Matrices and kernels; none where there is no skip connection.
        """
        networks = [p.network for p in self.children() if isinstance(p, Residual)]
        return [w for net in networks for w in net.parameters() if w.dim() > 1]

    @torch.no_grad()
    def start_at(self, *affine_maps, alone=False):
        """Set the affine maps beside the networks, or those without hidden layers.

        Parameters
        ----------
        *affine_maps : tuple of (torch.Tensor, torch.Tensor)
            Weight of shape (n_outputs, n_inputs) and bias of shape (n_outputs,), of the
            encoder, then of the decoder.
        alone : bool, default=False
            Whether the networks beside them contribute nothing from now on.
        """
        for part, (weight, bias) in zip(
            (self.encoder, self.decoder), affine_maps, strict=True
        ):
            if isinstance(part, Residual):
                if alone:
                    part.silence()
                affine = part.affine
            else:
                *_, affine = part.modules()  # the only layer
            affine.weight.copy_(weight)
            affine.bias.copy_(bias)


class Dense(nn.Sequential):
    """Affine layers with one activation between them and none after the last.

    Parameters
    ----------
    sizes : sequence of int
        Widths from input to output, at least two.
    activation : str or callable
        Activation between the layers.
    dropout : float, default=0.0
        Share of the hidden outputs that are zero in a step of training.
    normalization : {"batch_norm", "layer_norm"}, default=None
        Normalization before each activation.
    """

    def __init__(self, sizes, activation, dropout=0.0, normalization=None):
        layers = []
        for n_in, n_out in pairwise(sizes[:-1]):
            layers.append(nn.Linear(n_in, n_out))
            layers += after_layer(n_out, activation, dropout, normalization)
        super().__init__(*layers, nn.Linear(sizes[-2], sizes[-1]))
        self.activation = activation
        gain = gain_of(activation)
        for linear in self.linears():
            # Glorot and Bengio (2010); with rectifiers the gain of He et al. (2015)
            # on the layers that one follows.
            last = linear is self[-1]
            nn.init.xavier_uniform_(linear.weight, gain=1.0 if last else gain)
            nn.init.zeros_(linear.bias)

    def linears(self):
        """Return the affine layers from input to output.

        Returns
        -------
        list of torch.nn.Linear
            The layers that hold the parameters.
        """
        return [layer for layer in self if isinstance(layer, nn.Linear)]


class Residual(nn.Module):
    """A network with an affine map beside it, a skip connection: y = W x + b + f(x).

    Parameters
    ----------
    network : torch.nn.Module
        Whose last submodule is its last layer. It starts from torch's own
        initialization, with outputs that are small beside those of the affine map.
    n_inputs : int
        Width of the input.
    n_outputs : int
        Width of the output.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Deep residual learning for image
       recognition", CVPR 2016.
    """

    def __init__(self, network, n_inputs, n_outputs):
        super().__init__()
        self.affine = nn.Linear(n_inputs, n_outputs)
        self.network = network
        for layer in network.modules():
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()

    def silence(self):
        """Let the network contribute nothing, by zeros in its last layer."""
        *_, last = self.network.modules()
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, x):
        """Add the outputs of both.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, n_inputs)
            Inputs.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_outputs)
            Outputs.
        """
        return self.affine(x) + self.network(x)


class DenseAutoencoder(Autoencoder):
    """Dense encoder and its mirror image as decoder.

    With hidden layers of widths a, b the encoder is n_features - a - b - n_components
    and the decoder n_components - b - a - n_features, which makes
    ``2 * (n_features * a + a * b + b * n_components)`` weights, and one bias per
    output of each layer.

    Parameters
    ----------
    n_features : int
        Width of a row.
    n_components : int
        Number of components of a code.
    hidden_layer_sizes : sequence of int, default=()
        Widths of the encoder's hidden layers. Without any, both maps are affine.
    activation : str or callable, default="relu"
        Activation of the hidden layers, by the name that the estimators know or as what
        makes a module. Codes and outputs have none.
    n_outputs : int, default=None
        Width of the output; None for ``n_features``.
    skip_connection : bool, default=False
        Whether an affine map is added to each of encoder and decoder. Without hidden
        layers they are affine themselves, and there is none.
    dropout : float, default=0.0
        Share of the hidden outputs that are zero in a step of training.
    normalization : {"batch_norm", "layer_norm"}, default=None
        Normalization before each activation.

    References
    ----------
    .. [1] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep
       feedforward neural networks", AISTATS 2010.
    .. [2] K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers", ICCV
       2015.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import DenseAutoencoder
    >>> module = DenseAutoencoder(64, 2, hidden_layer_sizes=(32,))
    >>> sum(p.numel() for p in module.parameters())
    4354
    >>> module(torch.zeros(5, 64)).shape
    torch.Size([5, 64])
    """

    def __init__(
        self,
        n_features,
        n_components,
        hidden_layer_sizes=(),
        activation="relu",
        n_outputs=None,
        skip_connection=False,
        dropout=0.0,
        normalization=None,
    ):
        hidden, n_outputs = [*hidden_layer_sizes], n_outputs or n_features
        after = (activation, dropout, normalization)
        encoder = Dense([n_features, *hidden, n_components], *after)
        decoder = Dense([n_components, *hidden[::-1], n_outputs], *after)
        if skip_connection and hidden:
            encoder = Residual(encoder, n_features, n_components)
            decoder = Residual(decoder, n_components, n_outputs)
        super().__init__(encoder, decoder)
