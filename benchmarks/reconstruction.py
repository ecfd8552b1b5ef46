"""How well autoencoders draw MNIST's test digits again, and clean them of noise.

    python benchmarks/reconstruction.py [--json FILE] [--seeds N] [--only NAME ...]

Mean squared error over pixels in [0, 1] of the 10,000 test images, median over seeds.
Noise is N(0.5, 0.5) added to every pixel and clipped to [0, 1]. Beside them stand PCA
and the networks of the lecture from which the figures to beat come, rebuilt of the same
modules. MNIST is taken from the folder that SKAE_DATA names, or downloaded.
"""

import statistics
import time

import numpy as np
from _measure import Report, parser
from sklearn.decomposition import PCA

from skae import AutoEncoderTransformer, DenoisingAutoEncoder
from skae.corruption import GaussianNoise
from skae.datasets import fetch_mnist

NOISE = GaussianNoise(mean=0.5, std=0.5, clip=(0, 1))
LECTURE = {
    "architecture": "conv",
    "lr_schedule": "cosine",
    "batch_size": 64,
    "max_epochs": 30,
}
SMALL, LARGE = (16, 32, 64), (32, 64, 128)

# Name, estimator, and what its error should be at most.
ROWS = {
    "ae2": (AutoEncoderTransformer(2, **TODO), 0.0315),
}
