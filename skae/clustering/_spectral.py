"""The leading eigenvectors of a graph, and their rows."""

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import LinearOperator, eigsh

from skae.clustering._graph import scale_edges

# Up to this number of points all eigenvectors are computed from a dense matrix, which
# is fast and exact.
MAX_DENSE_POINTS = 500


def leading_eigenvectors(graph, components, n_vectors, start):
    """Return the eigenvectors of D^-1/2 A D^-1/2 with the largest eigenvalues.

    They are those of the normalized Laplacian with the smallest eigenvalues, one per
    column. ``n_vectors`` is at least the number of components of the graph;
    ``components`` holds the component of each point, and ``start`` is where the
    iteration starts.
    """
    n_points = len(graph.degrees)
    roots = np.sqrt(graph.degrees)
    similarity = scale_edges(graph.edges, 1 / roots)
    if n_points <= max(MAX_DENSE_POINTS, 5 * n_vectors):
        return eigh(similarity.toarray())[1][:, ::-1][:, :n_vectors]

    # Single precision has more digits than the tolerance below asks for.
    similarity = similarity.astype(np.float32)
    # Each component has an eigenvector of its own with the eigenvalue 1. These are
    # known, and a Lanczos method may miss some of many equal eigenvalues. So they are
    # sent to the other end of the spectrum, and Lanczos finds the others.
    volumes = np.bincount(components, roots**2)
    lengths = (roots / np.sqrt(volumes[components])).astype(np.float32)
    known = np.zeros((n_points, len(volumes)), dtype=np.float32, order="F")
    known[np.arange(n_points), components] = lengths
    n_others = n_vectors - len(volumes)
    if n_others == 0:
        return known

    def multiply(v):
        return similarity @ v - known @ (2 * (known.T @ v))

    operator = LinearOperator(similarity.shape, multiply, dtype=np.float32)
    start = start.astype(np.float32)
    values, others = eigsh(operator, n_others, which="LA", v0=start, tol=1e-4)
    return np.hstack([known, others[:, np.argsort(-values)]])


def scale_to_unit_length(rows):
    """Return rows scaled to unit length; a row of zeros stays as it is."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(lengths, np.finfo(rows.dtype).tiny)


def count_distinct_rows(rows, rng):
    """Count the rows that differ by more than rounding, by a random projection."""
    return len(np.unique((rows @ rng.uniform(-1, 1, rows.shape[1])).round(9)))
