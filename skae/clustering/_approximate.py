"""Approximate nearest neighbours of many points, by faiss where it is installed."""

from importlib.util import find_spec

import numpy as np
import scipy.sparse as sp
from joblib import effective_n_jobs

from skae.clustering._threads import thread_controller

# From these numbers of points and features on neighbours are approximate. Of fewer
# points an exact search takes about as long, and with fewer features less.
MIN_POINTS, MIN_FEATURES = 4000, 6
# More neighbours lie in more cells.
MAX_NEIGHBORS = 20
# The points are divided into sqrt(n_points) cells, and the nearest of them searched.
# More and smaller cells take about as long, but miss more neighbours.
N_SEARCHED_CELLS = 12
# Number of points per cell that the centres of the cells are fitted to, and how often
# these are moved; the cells need not be the best.
MAX_FITTED_PER_CELL = 32
MAX_ITER = 10


def can_approximate(points, n_neighbors):
    """Return whether neighbours are searched approximately."""
    return (
        not sp.issparse(points)
        and len(points) >= MIN_POINTS
        and points.shape[1] >= MIN_FEATURES
        and n_neighbors <= MAX_NEIGHBORS
        and find_spec("faiss") is not None
    )


def find_approximate_neighbors(points, n_neighbors, n_jobs):
    """Return distances and indices of the nearest others in the cells around a point.

    Where the cells have too few points an index is -1. The result depends neither on
    a seed nor on the number of threads.
    """
    import faiss

    # Single precision would round differences away far from the origin.
    center = points.mean(axis=0, dtype=np.float64)
    points = np.ascontiguousarray(points - center, dtype=np.float32)
    n_points, n_features = points.shape
    coarse = faiss.IndexFlatL2(n_features)
    index = faiss.IndexIVFFlat(coarse, n_features, int(np.sqrt(n_points)))
    index.nprobe = N_SEARCHED_CELLS
    index.cp.niter = MAX_ITER
    index.cp.max_points_per_centroid = MAX_FITTED_PER_CELL
    index.cp.min_points_per_centroid = 1  # it would print
    limit = thread_controller("faiss").limit
    with limit(limits=1):
        index.train(points)
    # As an exact search by scikit-learn, by default on all of OpenMP's threads.
    with limit(limits=None if n_jobs is None else effective_n_jobs(n_jobs)):
        index.add(points)
        squares, indices = index.search(points, n_neighbors + 1)
    # A point is its own neighbour, unless rounding makes others equal to it.
    is_self = indices == np.arange(n_points)[:, np.newaxis]
    is_self[~is_self.any(axis=1), -1] = True
    shape = n_points, n_neighbors
    return np.sqrt(squares[~is_self]).reshape(shape), indices[~is_self].reshape(shape)
