"""A convolutional colorizer: the gray image bypasses the bottleneck."""

import numpy as np
import torch
from torch import nn

from skae.modules._conv import ConvDecoder, ConvEncoder


def chroma_basis(gray_weights):
    """Return an orthonormal basis of the colours whose gray is zero.

    Parameters
    ----------
    gray_weights : sequence of float
        Weights of red, green and blue in the gray of a colour.

    Returns
    -------
    torch.Tensor of shape (2, 3)
        Two colours.
    """
    # The last two right singular vectors are orthogonal to the weights.
    _, _, directions = np.linalg.svd(np.array([gray_weights], np.float64))
    return torch.from_numpy(directions[1:]).float()


class ConvColorizer(nn.Module):
    """Convolutional encoder and decoder from gray images to colour images.

    A colour consists of its gray and its chroma: two coordinates in the plane of the
    colours whose gray is zero. The gray is known and goes straight to the output. Code
    and decoder predict only the chroma. So the gray of the output is the input, for
    all weights.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) of the images.
    n_components : int
        Number of components of a code.
    channels : sequence of int, default=(32, 64, 128)
        Channels of the encoder's stages, each of which halves height and width.
    activation : str or callable, default="relu"
        Activation of the hidden layers. Codes and outputs have none.
    skip_connections : bool, default=True
        Join the encoder's feature maps to the decoder's of the same size [1]_, so that
        only global information must go through the code.
    gray_weights : sequence of float, default=(1/3, 1/3, 1/3)
        Weights of red, green and blue in the gray of a colour; they sum to one.

    Attributes
    ----------
    basis : torch.Tensor of shape (2, 3)
        The colours of which chroma holds the coordinates.

    See Also
    --------
    ConvEncoder : The encoder.
    ConvDecoder : The decoder.

    Notes
    -----
    For images of 32 x 32 pixels, a code of 256 and three stages of 32, 64 and 128
    channels there are 1,347,476 parameters, without skip connections 1,246,082.

    References
    ----------
    .. [1] O. Ronneberger, P. Fischer and T. Brox, "U-Net: convolutional networks for
       biomedical image segmentation", MICCAI 2015.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import ConvColorizer
    >>> module = ConvColorizer((9, 7), 4, channels=(8, 16))
    >>> gray = torch.rand(5, 9 * 7)
    >>> color = module(gray)
    >>> color.shape
    torch.Size([5, 189])
    >>> torch.allclose(color.view(5, -1, 3).mean(dim=2), gray, atol=1e-6)
    True
    """

    def __init__(
        self,
        image_shape,
        n_components,
        channels=(32, 64, 128),
        activation="relu",
        skip_connections=True,
        gray_weights=(1 / 3, 1 / 3, 1 / 3),
    ):
        super().__init__()
        height, width = image_shape[:2]
        self.encoder = ConvEncoder(
            (height, width),
            n_components,
            channels,
            activation,
            normalization="batch_norm",
        )
        self.skip_connections = skip_connections
        self.decoder = ConvDecoder(
            (height, width, 2),
            n_components,
            channels,
            activation,
            skip_channels=self.encoder.map_channels if skip_connections else None,
        )
        self.register_buffer("basis", chroma_basis(gray_weights))
        # Most pixels are nearly gray, so begin with little chroma.
        with torch.no_grad():
            self.decoder.image.weight *= 0.1

    def encode(self, x):
        """Return the codes of gray images.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, height * width)
            Gray images as rows.

        Returns
        -------
        torch.Tensor of shape (n_samples, n_components)
            Codes.
        """
        return self.encoder(x)

    def forward(self, x):
        """Colour gray images.

        Parameters
        ----------
        x : torch.Tensor of shape (n_samples, height * width)
            Gray images as rows.

        Returns
        -------
        torch.Tensor of shape (n_samples, height * width * 3)
            Colour images as rows, not clipped.
        """
        maps = self.encoder.feature_maps(x)
        code = self.encoder.code_of(maps[-1])
        chroma = self.decoder(code, maps if self.skip_connections else None)
        # In the type of the gray, which must not lose digits to that of the products.
        # Not a matrix product, because autocast would compute it in that type.
        chroma = chroma.view(x.shape[0], -1, 2, 1).to(x.dtype)
        without_gray = (chroma * self.basis.to(x.dtype)).sum(dim=2)
        return (x.unsqueeze(2) + without_gray).flatten(1)
