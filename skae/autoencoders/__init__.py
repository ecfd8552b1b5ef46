"""The autoencoders."""

from skae.autoencoders._colorization import ColorizationAutoEncoder
from skae.autoencoders._denoising import DenoisingAutoEncoder
from skae.autoencoders._gray import rgb_to_gray
from skae.autoencoders._imputer import AutoEncoderImputer
from skae.autoencoders._reconstructor import Reconstructor
from skae.autoencoders._transformer import AutoEncoderTransformer
from skae.autoencoders._variational import VariationalAutoEncoder

__all__ = [
    "AutoEncoderImputer",
    "AutoEncoderTransformer",
    "ColorizationAutoEncoder",
    "DenoisingAutoEncoder",
    "Reconstructor",
    "VariationalAutoEncoder",
    "rgb_to_gray",
]
