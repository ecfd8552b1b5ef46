"""Classifiers of rows and of images: an encoder to features, then a score per class."""

from torch import nn

from skae.modules._conv import (
    STRIDE,
    as_maps,
    as_rows,
    check_channels,
    make_stages,
    n_channels,
    stage_shapes,
)
from skae.modules._dense import Autoencoder, Dense
from skae.modules._hidden import make_activation


class DenseClassifier(Autoencoder):
    """Dense layers from a row to features, and an affine map to one score per class.

    Parameters
    ----------
    n_features : int
        Width of a row.
    n_classes : int
        Number of classes.
    hidden_layer_sizes : sequence of int, default=(256, 64)
        Widths of the hidden layers. The last is the number of features; without hidden
        layers the features are the row itself.
    activation : str or callable, default="relu"
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
            encoder = nn.Sequential(
                Dense(sizes, activation), make_activation(activation)
            )
        super().__init__(encoder, Dense([sizes[-1], n_classes], activation))


class _ConvFeatures(nn.Module):
    """Stages of convolutions, with the last feature maps as one row."""

    def __init__(self, image_shape, channels, activation):
        super().__init__()
        self.height, self.width = image_shape[:2]
        first, *others = check_channels(channels)
        twice = [n for n in others for _ in range(2)]
        self.stages = make_stages(
            [n_channels(image_shape), first, *twice],
            activation,
            dropout=0.0,
            normalization="batch_norm",
            strides=[1] + len(others) * [STRIDE, 1],
        )
        height, width = stage_shapes(image_shape, len(others))[-1]
        self.n_features = height * width * channels[-1]

    def forward(self, x):
        maps = as_maps(x, self.height, self.width)
        for stage in self.stages:
            maps = stage(maps)
        return as_rows(maps)


class ConvClassifier(Autoencoder):
    """Convolutions from an image to features, and an affine map to one score per class.

    The first stage is a convolution at full resolution. Each of the others has a
    convolution that halves height and width, rounded up, and one that keeps them. All
    use batch normalization [1]_, with which training needs fewer epochs.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, n_channels): how the rows are read.
    n_classes : int
        Number of classes.
    channels : sequence of int, default=(32, 48, 96)
        Channels of the stages.
    activation : str or callable, default="relu"
        Activation after each stage. Scores have none.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network
       training by reducing internal covariate shift", ICML 2015.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import ConvClassifier
    >>> module = ConvClassifier((28, 28), 10)
    >>> module.encode(torch.zeros(5, 784)).shape
    torch.Size([5, 4704])
    >>> module(torch.zeros(5, 784)).shape
    torch.Size([5, 10])
    """

    def __init__(
        self, image_shape, n_classes, channels=(32, 48, 96), activation="relu"
    ):
        features = _ConvFeatures(image_shape, channels, activation)
        super().__init__(features, Dense([features.n_features, n_classes], activation))
