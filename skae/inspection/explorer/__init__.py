"""A page for the browser that shows decoded images over a plane of codes."""

from skae.inspection.explorer._latent_explorer import LatentExplorer

__all__ = ["LatentExplorer"]
