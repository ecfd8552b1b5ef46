"""Corruption processes C(x̃|x): random losses that an autoencoder learns to undo.

Each is a small object that is called as ``corruption(x, generator)`` with a batch of
samples and returns corrupted ones. All random numbers come from the generator. The
same objects make random views of samples, as the ``augmentation`` of an estimator.
"""

from skae._common.gray import LUMA as LUMA
from skae.corruption._base import Corruption
from skae.corruption._compose import Chain, ImagesOrRows
from skae.corruption._images import (
    Grayscale,
    RandomAffine,
    RandomErasing,
    RandomFlip,
)
from skae.corruption._noise import (
    Binarize,
    GaussianNoise,
    Masking,
    SaltAndPepper,
    SwapNoise,
)

__all__ = [
    "Binarize",
    "Chain",
    "Corruption",
    "GaussianNoise",
    "Grayscale",
    "ImagesOrRows",
    "Masking",
    "RandomAffine",
    "RandomErasing",
    "RandomFlip",
    "SaltAndPepper",
    "SwapNoise",
]
