"""Which class each cluster stands for."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist


def match_clusters_to_classes(contingency, assignment):
    """Choose a class for each cluster.

    Parameters
    ----------
    contingency : ndarray of shape (n_classes, n_clusters)
        Number of labelled samples of each class in each cluster.

    assignment : {"hungarian", "majority"}
        The rule, see ``ClusterClassifier``.

    Returns
    -------
    rows : ndarray of shape (n_clusters,)
        The row of each cluster's class; -1 where there is no evidence for any class.
    """
    n_classes, n_clusters = contingency.shape
    largest = contingency.max(axis=0)
    is_best = contingency == largest  # every class, where a cluster has no label at all
    rows = np.where(largest > 0, is_best.argmax(axis=0), -1)
    if assignment == "hungarian":
        # Among the matchings with the most agreement take one that loses the fewest
        # votes of the clusters it matches. This matters where there are more clusters
        # than classes: a class that has no majority then gets a cluster that no other
        # class needs.
        worth = contingency * (contingency.sum() + 1) + (contingency - largest)
        classes, clusters = linear_sum_assignment(worth, maximize=True)
    else:
        # Open are the clusters where several classes are best. They share the classes
        # that have no cluster yet, where there are votes for it before where there are
        # none (hence the factor: no number of pairs without votes outweighs one).
        is_open = is_best.sum(axis=0) > 1
        is_free = ~np.isin(np.arange(n_classes), rows[~is_open])
        may_take = is_free[:, np.newaxis] & is_open & is_best
        worth = np.where(may_take, contingency * (n_clusters + 1) + 1, 0)
        classes, clusters = linear_sum_assignment(worth, maximize=True)
        taken = may_take[classes, clusters]
        classes, clusters = classes[taken], clusters[taken]
    rows[clusters] = classes
    return rows


def match_rest_to_nearest(rows, means):
    """Give each cluster without a class that of the nearest cluster that has one.

    Parameters
    ----------
    rows : ndarray of shape (n_clusters,)
        The row of each cluster's class; -1 where it has none.

    means : ndarray of shape (n_clusters, n_components)
        The mean of each cluster.

    Returns
    -------
    ndarray of shape (n_clusters,)
        The row of each cluster's class.
    """
    is_matched = rows >= 0
    if is_matched.all():
        return rows
    rows = rows.copy()
    distances = cdist(means[~is_matched], means[is_matched])
    rows[~is_matched] = rows[is_matched][distances.argmin(axis=1)]
    return rows
