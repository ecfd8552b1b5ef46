"""Image sets of the examples: downloaded once, checked and kept on disk."""

from skae.datasets._color_patches import load_color_patches
from skae.datasets._fetchers import fetch_cifar10, fetch_mnist

__all__ = ["fetch_cifar10", "fetch_mnist", "load_color_patches"]
