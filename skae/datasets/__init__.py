"""Image data sets: downloaded once and kept on disk, or part of scikit-learn."""

from skae.datasets._color_patches import load_color_patches
from skae.datasets._fetchers import fetch_cifar10, fetch_mnist

__all__ = ["fetch_cifar10", "fetch_mnist", "load_color_patches"]
