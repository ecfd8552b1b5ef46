"""K-means from several starts at once, and the different partitions that it finds.

scikit-learn's KMeans takes longer to check its input than to cluster the few rows that
are needed here.
"""

import numpy as np

# The centres are fitted to about so many of more rows, and to so many per cluster where
# there are many clusters.
MAX_FITTED_ROWS = 2000
MIN_FITTED_PER_CLUSTER = 100
MAX_ITER = 300
# A run ends once its centres move by less than this part of the variance of the rows.
TOL = 1e-4


def find_partitions(rows, counts, n_clusters, n_init, seed):
    """Return the labels of each different partition that several runs find.

    Each row counts several times. Of many rows some are clustered, and the others join
    the nearest centre.
    """
    n_rows = len(rows)
    n_fitted = max(MAX_FITTED_ROWS, MIN_FITTED_PER_CLUSTER * n_clusters)
    # The points are ordered by place, so that these rows are from everywhere.
    some = np.linspace(0, n_rows - 1, min(n_rows, n_fitted)).astype(int)
    fitted, weights = rows[some], counts[some].astype(rows.dtype)
    rng = np.random.RandomState(seed)
    centers = _spread_centers(fitted, weights, n_clusters, n_init, rng)
    centers = _move_centers(centers, fitted, weights)
    nearest = _nearest(centers, np.ascontiguousarray(fitted.T))
    different = {_first_come(labels).tobytes(): i for i, labels in enumerate(nearest)}
    chosen = sorted(different.values())
    if len(some) == n_rows:
        return list(nearest[chosen])
    columns = np.ascontiguousarray(rows.T)
    return [_nearest(centers[[i]], columns)[0] for i in chosen]


def _spread_centers(rows, weights, n_clusters, n_init, rng):
    """Draw the centres where k-means starts, far from each other (k-means++).

    Of some candidates that are drawn for a centre the best is taken.
    """
    n_rows = len(rows)
    n_candidates = 2 + int(np.log(n_clusters))
    # Squared distances as one product: a row for a candidate, a column for each row.
    squares, ones = np.square(rows).sum(axis=1), np.ones_like(weights)
    left = np.column_stack([-2 * rows, squares, ones])
    right = np.vstack([rows.T, ones, squares])
    runs = np.arange(n_init)
    chosen = np.empty((n_init, n_clusters), dtype=np.intp)
    shares = np.cumsum(weights, dtype=np.float64)
    chosen[:, 0] = shares.searchsorted(rng.uniform(size=n_init) * shares[-1])
    closest = np.full((n_init, n_rows), np.inf, dtype=rows.dtype)
    candidates = chosen[:, :1]
    for i in range(n_clusters):
        if i:
            shares = np.cumsum(closest * weights, axis=1, dtype=np.float64)
            draws = rng.uniform(size=(n_init, n_candidates)) * shares[:, -1:]
            candidates = np.array(
                [s.searchsorted(d) for s, d in zip(shares, draws, strict=True)]
            )
            candidates = candidates.clip(max=n_rows - 1)
        distances = (left[candidates.ravel()] @ right).reshape(n_init, -1, n_rows)
        np.minimum(distances, closest[:, np.newaxis], out=distances)
        best = (distances @ weights).argmin(axis=1)
        closest = distances[runs, best].clip(min=0)
        chosen[:, i] = candidates[runs, best]
    return rows[chosen]


def _move_centers(centers, rows, weights):
    """Move the centres of each run to the means of the rows nearest to them."""
    columns = np.ascontiguousarray(rows.T)
    # The last column counts the rows.
    weighted = np.column_stack([rows, np.ones_like(weights)]) * weights[:, np.newaxis]
    tol = TOL * rows.var(axis=0).mean()
    moving = np.arange(len(centers))
    for _ in range(MAX_ITER):
        old = centers[moving]
        scores = _scores(old, columns)
        is_nearest = scores == scores.max(axis=1, keepdims=True)
        sums = is_nearest.astype(rows.dtype) @ weighted
        sizes = sums[:, :, -1:]
        new = np.divide(sums[:, :, :-1], sizes, out=old.copy(), where=sizes > 0)
        centers[moving] = new
        moving = moving[np.square(new - old).sum(axis=(1, 2)) > tol]
        if not moving.size:
            break
    return centers


def _scores(centers, columns):
    """Return values that are largest at the nearest centre of a run."""
    scores = centers @ columns
    scores -= np.square(centers).sum(axis=2, keepdims=True) / 2
    return scores


def _nearest(centers, columns):
    """Return the number of the nearest centre of each run."""
    return _scores(centers, columns).argmax(axis=1)


def _first_come(labels):
    """Return the labels numbered in the order in which they come."""
    first = np.full(labels.max() + 1, len(labels))
    first[labels[::-1]] = np.arange(len(labels))[::-1]  # the last one stays
    return first.argsort().argsort()[labels]
