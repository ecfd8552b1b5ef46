"""The base of the autoencoder modules, and the dense one."""

from itertools import pairwise

from torch import nn

# scikit-learn's names of the activations.
ACTIVATIONS = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
}


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


class Dense(nn.Sequential):
    """Affine layers with one activation between them and none after the last.

    Parameters
    ----------
    sizes : sequence of int
        Widths from input to output, at least two.
    activation : {"identity", "logistic", "relu", "tanh"}
        Activation between the layers.
    """

    def __init__(self, sizes, activation):
        layers = []
        for n_in, n_out in pairwise(sizes):
            layers += [nn.Linear(n_in, n_out), ACTIVATIONS[activation]()]
        super().__init__(*layers[:-1])
        self.activation = activation
        gain = nn.init.calculate_gain("relu") if activation == "relu" else 1.0
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
    activation : {"relu", "tanh", "logistic", "identity"}, default="relu"
        Activation of the hidden layers. Codes and outputs have none.
    n_outputs : int, default=None
        Width of the output; None for ``n_features``.

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
    ):
        hidden = [*hidden_layer_sizes]
        sizes = [n_components, *hidden[::-1], n_outputs or n_features]
        super().__init__(
            Dense([n_features, *hidden, n_components], activation),
            Dense(sizes, activation),
        )
