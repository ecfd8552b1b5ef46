"""Convolutional encoder and decoder, mirror images of each other.

Inputs and outputs are flat rows in (height, width, channels) order. Seen as
(n_samples, n_channels, height, width) such rows are what torch calls channels last,
which its convolutions compute in without copying anything.
"""

import math
from itertools import pairwise

import torch
from torch import nn

from skae.modules._dense import Autoencoder, Residual
from skae.modules._hidden import after_layer, gain_of

KERNEL, STRIDE, PADDING = 3, 2, 1


def stage_shapes(image_shape, n_stages):
    """Height and width of the image and after each stage, which halves them."""
    height, width = image_shape[:2]
    shapes = [(height, width)]
    for _ in range(n_stages):
        shapes.append(tuple(-(-side // STRIDE) for side in shapes[-1]))
    return shapes


def check_channels(channels):
    if not len(channels):
        raise ValueError(f"channels={channels!r} must hold one number or more.")
    return tuple(channels)


def n_channels(image_shape):
    return image_shape[2] if len(image_shape) == 3 else 1


def as_maps(rows, height, width):
    """See flat rows as feature maps."""
    # Not len(rows), which torch.export takes for a constant.
    return rows.view(rows.shape[0], height, width, -1).permute(0, 3, 1, 2)


def as_rows(maps):
    """See feature maps as flat rows."""
    return maps.permute(0, 2, 3, 1).flatten(1)


def initialize(layer, n_inputs, activation):
    """Initialize a layer so that its outputs vary as much as its inputs.

    Parameters
    ----------
    layer : torch.nn.Module
        A layer with ``weight`` and ``bias``.
    n_inputs : int
        Number of inputs of which an output is the weighted sum.
    activation : str or callable
        Activation before the layer. A rectifier halves the mean square of its inputs.
    """
    nn.init.normal_(layer.weight, std=gain_of(activation) / math.sqrt(n_inputs))
    nn.init.zeros_(layer.bias)


def make_stages(channels, activation, dropout, normalization, strides=None):
    """Make convolutions, each with an activation.

    Parameters
    ----------
    channels : sequence of int
        Channels of the image, then after each stage.
    activation : str or callable
        Activation after each stage.
    dropout : float
        Share of the outputs of each stage that are zero in a step of training.
    normalization : {"batch_norm", "layer_norm"} or None
        Normalization before each activation.
    strides : sequence of int, default=None
        Stride of each stage; None for 2, which halves height and width, rounded up.

    Returns
    -------
    torch.nn.ModuleList
        The stages.
    """
    stages, before = nn.ModuleList(), "identity"
    strides = strides or [STRIDE] * (len(channels) - 1)
    for (n_in, n_out), stride in zip(pairwise(channels), strides, strict=True):
        conv = nn.Conv2d(n_in, n_out, KERNEL, stride, PADDING)
        initialize(conv, n_in * KERNEL**2, before)
        after = after_layer(n_out, activation, dropout, normalization, maps=True)
        stages.append(nn.Sequential(conv, *after))
        before = activation
    return stages


class ConvEncoder(nn.Module):
    """Convolutions that halve the image, then an affine map to the code.

    Each stage is a convolution of kernel size 3 and stride 2 and an activation. It
    halves height and width, rounded up; a side of one pixel stays as it is.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, n_channels).
    n_components : int
        Number of components of a code.
    channels : sequence of int, default=(32, 64)
        Channels after each stage.
    activation : str or callable, default="relu"
        Activation after each stage, by the name that the estimators know or as what
        makes a module. Codes have none.
    dropout : float, default=0.0
        Share of the outputs of each stage that are zero in a step of training.
    normalization : {"batch_norm", "layer_norm"}, default=None
        Normalization before each activation: of each channel over the batch [1]_, or of
        each sample over its channels and pixels [2]_.

    Attributes
    ----------
    map_channels : tuple of int
        Channels of the feature maps: of the image, then after each stage.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network
       training by reducing internal covariate shift", ICML 2015.
    .. [2] J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization",
       arXiv:1607.06450, 2016.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import ConvEncoder
    >>> encoder = ConvEncoder((9, 7, 3), 2, channels=(8, 16))
    >>> rows = torch.zeros(5, 9 * 7 * 3)
    >>> encoder(rows).shape
    torch.Size([5, 2])
    >>> [tuple(maps.shape) for maps in encoder.feature_maps(rows)]
    [(5, 3, 9, 7), (5, 8, 5, 4), (5, 16, 3, 2)]
    """

    def __init__(
        self,
        image_shape,
        n_components,
        channels=(32, 64),
        activation="relu",
        dropout=0.0,
        normalization=None,
    ):
        super().__init__()
        self.height, self.width = image_shape[:2]
        self.map_channels = (n_channels(image_shape), *check_channels(channels))
        self.stages = make_stages(self.map_channels, activation, dropout, normalization)
        height, width = stage_shapes(image_shape, len(self.stages))[-1]
        n_features = height * width * self.map_channels[-1]
        self.to_code = nn.Linear(n_features, n_components)
        initialize(self.to_code, n_features, activation)

    def feature_maps(self, x):
        """Return the image and the feature maps after each stage.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, height * width * n_channels)
            Rows.

        Returns
        -------
        list of torch.Tensor of shape (n_samples, n_channels, height, width)
            From the image, which is the finest, to the coarsest.
        """
        maps = [as_maps(x, self.height, self.width)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps

    def code_of(self, maps):
        """Return the codes of the coarsest feature maps.

        Parameters
        ----------
        maps : torch.Tensor of shape (n_samples, n_channels, height, width)
            The last of :meth:`feature_maps`.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_components)
            Codes.
        """
        return self.to_code(as_rows(maps))

    def forward(self, x):
        """Encode.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, height * width * n_channels)
            Rows.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_components)
            Codes.
        """
        return self.code_of(self.feature_maps(x)[-1])


class ConvDecoder(nn.Module):
    """The mirror image of :class:`ConvEncoder`.

    An affine map turns the code into the coarsest feature maps. Each stage is a
    transposed convolution of kernel size 3 and stride 2, which doubles height and
    width back to the encoder's, and an activation. A convolution of stride 1 returns
    the image.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, n_channels) of the output.
    n_components : int
        Number of components of a code.
    channels : sequence of int, default=(32, 64)
        Channels of the stages, in the encoder's order.
    activation : str or callable, default="relu"
        Activation of the stages. Outputs have none.
    skip_channels : sequence of int, default=None
        For a U-Net [1]_: channels of the feature maps of an encoder, its
        ``map_channels``, that are joined to the decoder's of the same size.
    dropout : float, default=0.0
        Share of the outputs of each stage that are zero in a step of training.
    normalization : {"batch_norm", "layer_norm"}, default=None
        Normalization before each activation, as in the encoder.

    References
    ----------
    .. [1] O. Ronneberger, P. Fischer and T. Brox, "U-Net: convolutional networks for
       biomedical image segmentation", MICCAI 2015.

    Examples
    --------
    Two channels are predicted from a gray image, of which each stage sees feature maps:

    >>> import torch
    >>> from skae.modules import ConvDecoder, ConvEncoder
    >>> encoder = ConvEncoder((9, 7), 4, channels=(8, 16))
    >>> decoder = ConvDecoder(
    ...     (9, 7, 2), 4, channels=(8, 16), skip_channels=encoder.map_channels
    ... )
    >>> rows = torch.zeros(5, 9 * 7)
    >>> decoder(encoder(rows), encoder.feature_maps(rows)).shape
    torch.Size([5, 126])
    """

    def __init__(
        self,
        image_shape,
        n_components,
        channels=(32, 64),
        activation="relu",
        skip_channels=None,
        dropout=0.0,
        normalization=None,
    ):
        super().__init__()
        channels = check_channels(channels)
        shapes = stage_shapes(image_shape, len(channels))
        self.height, self.width = shapes[-1]
        after = (activation, dropout, normalization)
        n_values = self.height * self.width * channels[-1]
        self.maps = nn.Sequential(
            nn.Linear(n_components, n_values), *after_layer(n_values, *after)
        )
        initialize(self.maps[0], n_components, "identity")

        # Everything from the coarsest to the finest. The last stage keeps the channels
        # for the convolution that makes the image.
        widths = [*channels[::-1], channels[0]]
        first_skip, *skips = [*(skip_channels or [0] * len(widths))][::-1]
        n_in = widths[0] + first_skip
        self.stages = nn.ModuleList()
        for n_out, skip, shape in zip(widths[1:], skips, shapes[-2::-1], strict=True):
            conv = nn.ConvTranspose2d(
                n_in,
                n_out,
                KERNEL,
                STRIDE,
                PADDING,
                # An odd size and the even one above it have the same half, rounded up.
                output_padding=tuple((side + 1) % 2 for side in shape),
            )
            # A pixel is reached by every fourth weight.
            initialize(conv, n_in * KERNEL**2 / STRIDE**2, activation)
            self.stages.append(
                nn.Sequential(conv, *after_layer(n_out, *after, maps=True))
            )
            n_in = n_out + skip
        self.image = nn.Conv2d(n_in, n_channels(image_shape), KERNEL, padding=PADDING)
        initialize(self.image, n_in * KERNEL**2, activation)

    def forward(self, h, feature_maps=None):
        """Decode.

        Parameters
        ----------
        h : torch.Tensor of shape (n_samples, n_components)
            Codes.
        feature_maps : list of torch.Tensor, default=None
            Feature maps of the encoder, needed with ``skip_channels``.

        Returns
        -------
        torch.Tensor of shape (n_samples, height * width * n_channels)
            Outputs.
        """
        maps = as_maps(self.maps(h), self.height, self.width)
        layers = [*self.stages, self.image]
        skips = [None] * len(layers) if feature_maps is None else feature_maps[::-1]
        for layer, skip in zip(layers, skips, strict=True):
            if skip is not None:
                # Together with the image's float32, autocast would join in float32.
                maps = torch.cat([maps, skip.to(maps.dtype)], dim=1)
            maps = layer(maps)
        return as_rows(maps)


class ConvAutoencoder(Autoencoder):
    """Convolutional encoder and its mirror image as decoder.

    With stages of a and b channels, images of c channels and m pixels left after the
    stages, the encoder has ``9 * (c * a + a * b) + m * b * n_components`` weights and
    the decoder ``n_components * m * b + 9 * (b * a + a * a + a * c)``. To these the
    biases are added, one per channel of a convolution and per output of an affine map:

    ============ ============== ============ ==========
    image_shape  channels       n_components parameters
    ============ ============== ============ ==========
    (28, 28)     (16, 32, 64)              2     53,971
    (28, 28)     (16, 32, 64)             16     82,657
    (28, 28)     (32, 64)                 16    150,321
    (32, 32, 3)  (32, 64, 128)           256  1,246,499
    ============ ============== ============ ==========

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, n_channels): how the rows are read.
    n_components : int
        Number of components of a code.
    channels : sequence of int, default=(32, 64)
        Channels of the encoder's stages, each of which halves height and width.
    activation : str or callable, default="relu"
        Activation of the hidden layers. Codes and outputs have none.
    skip_connection : bool, default=False
        Whether an affine map is added to each of encoder and decoder.
    dropout : float, default=0.0
        Share of the outputs of each stage that are zero in a step of training.
    normalization : {"batch_norm", "layer_norm"}, default=None
        Normalization before each activation.

    See Also
    --------
    ConvEncoder : The encoder.
    ConvDecoder : The decoder.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers", ICCV
       2015, for the variance of the initial weights.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import ConvAutoencoder
    >>> module = ConvAutoencoder((28, 28), 2, channels=(16, 32, 64))
    >>> sum(p.numel() for p in module.parameters())
    53971
    >>> module(torch.zeros(5, 784)).shape
    torch.Size([5, 784])
    """

    def __init__(
        self,
        image_shape,
        n_components,
        channels=(32, 64),
        activation="relu",
        skip_connection=False,
        dropout=0.0,
        normalization=None,
    ):
        options = (image_shape, n_components, channels, activation)
        after = {"dropout": dropout, "normalization": normalization}
        encoder = ConvEncoder(*options, **after)
        decoder = ConvDecoder(*options, **after)
        if skip_connection:
            n_features = math.prod(image_shape)
            encoder = Residual(encoder, n_features, n_components)
            decoder = Residual(decoder, n_components, n_features)
        super().__init__(encoder, decoder)
