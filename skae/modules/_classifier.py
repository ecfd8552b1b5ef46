"""Classifiers of rows and of images: an encoder to features, then a score a class."""

from torch import nn

from skae.modules._autoencoder import Autoencoder
from skae.modules._conv import ConvEncoder
from skae.modules._dense import ACTIVATIONS, Dense


class DenseClassifier(Autoencoder):
    """Dense layers that make features of a row, and an affine map to scores.

    Parameters
    ----------
    n_features : int
        Width of a row.
    n_classes : int
        Number of classes.
    hidden_layer_sizes : sequence of int, default=(256, 64)
        Widths of the hidden layers. The last is that of the features; without any the
        features are the row itself.
    activation : {"relu", "tanh", "logistic", "identity"}, default="relu"
        Activation after each hidden layer. Scores have none.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import DenseClassifier
    >>> module = DenseClassifier(64, 10, hidden_layer_sizes=(32, 16))
    >>> module.encode(torch.zeros(5, 64)).shape
    torch.Size([5, 16])
    >>> module(torch.zeros(5, 64)).shape
    torch.Size([5, 10])
    """

    def __init__(
        self, n_features, n_classes, hidden_layer_sizes=(256, 64), activation="relu"
    ):
        sizes = [n_features, *hidden_layer_sizes]
        encoder = nn.Identity()
        if len(sizes) > 1:
            encoder = nn.Sequential(Dense(sizes, activation), ACTIVATIONS[activation]())
        super().__init__(encoder, Dense([sizes[-1], n_classes], activation))


class ConvClassifier(Autoencoder):
    """Convolutions that make features of an image, and an affine map to scores.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, n_channels): how the rows are read.
    n_classes : int
        Number of classes.
    channels : sequence of int, default=(64, 128)
        Channels of the stages, each of which halves height and width and normalizes
        its channels over the batch.
    n_features : int, default=128
        Number of features.
    activation : {"relu", "tanh", "logistic", "identity"}, default="relu"
        Activation after each stage, and of the features. Scores have none.

    See Also
    --------
    ConvEncoder : The convolutions.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import ConvClassifier
    >>> module = ConvClassifier((28, 28), 10)
    >>> module.encode(torch.zeros(5, 784)).shape
    torch.Size([5, 128])
    >>> module(torch.zeros(5, 784)).shape
    torch.Size([5, 10])
    """

    def __init__(
        self,
        image_shape,
        n_classes,
        channels=(64, 128),
        n_features=128,
        activation="relu",
    ):
        encoder = ConvEncoder(
            image_shape, n_features, channels, activation, batch_norm=True
        )
        super().__init__(
            nn.Sequential(encoder, ACTIVATIONS[activation]()),
            Dense([n_features, n_classes], activation),
        )
