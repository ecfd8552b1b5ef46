"""Fully connected encoder and decoder, mirror images of each other."""

import copy
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from skae.modules._autoencoder import Autoencoder

# scikit-learn's names of the activations.
ACTIVATIONS = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
}
# Where the mean of the samples is more than so many times their spread, sums lose too
# many digits in float32 unless the mean is subtracted first.
FAR = 10.0


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
        """Give the affine layers from input to output.

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
    ``2 * (n_features * a + a * b + b * n_components)`` weights and as many biases as
    there are units.

    Parameters
    ----------
    n_features : int
        Width of a row.
    n_components : int
        Number of components of a code.
    hidden_layer_sizes : sequence of int, default=()
        Widths of the encoder's hidden layers; none makes both maps affine.
    activation : {"relu", "tanh", "logistic", "identity"}, default="relu"
        Activation of the hidden layers. Codes and outputs have none.
    n_outputs : int, default=None
        Width of what is decoded; None for that of a row.

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

    def rescaled(self, units, output_units, dtype):
        offset, scale = units
        if dtype == torch.float32 and np.abs(offset).max() > FAR * scale:
            return super().rescaled(units, output_units, dtype)
        # The change of units goes into the first and the last affine layer, where it
        # costs nothing per row.
        module = copy.deepcopy(self).to(dtype)
        first, last = module.encoder[0], module.decoder[-1]
        with torch.no_grad():
            first.weight /= scale
            first.bias -= first.weight @ torch.from_numpy(offset).to(first.weight)
            offset, scale = output_units
            last.weight *= scale
            last.bias.mul_(scale).add_(torch.from_numpy(offset).to(last.bias))
        return module
