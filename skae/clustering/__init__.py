"""Clusterers."""

from skae.clustering._spectral_kmeans import SpectralKMeans

__all__ = ["SpectralKMeans"]
