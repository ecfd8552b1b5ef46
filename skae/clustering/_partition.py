"""Partitions of a graph: how good they are, and how they are improved.

A partition is given by the label of each point. All measures follow from its joint
weights: the weight of the edges from each cluster to each cluster.
"""

import numpy as np
import scipy.sparse as sp
from scipy.special import entr

from skae.clustering._borders import border_sparsity
from skae.clustering._graph import cut_edges, joint_weights, sum_by_pairs

# Number of standard errors by which the uncertainty coefficient of a partition may be
# below the best one. Chosen with the labels of digits, MNIST and tables in sight.
MAX_STANDARD_ERRORS = 3
# By how much the borders of a partition may be less sparse than the sparsest. Chosen
# with labels in sight, too: of blobs of 1:1 to 1:50, moons, circles, tables, digits and
# MNIST with classes of unequal size. Checked on others: mixtures of Gaussians, classes
# in random proportions, codes of tables.
MAX_SPARSITY_LOSS = 0.1
# Number of steps of the random walk that measures how certain a cluster is: few would
# reach the next neighbours only, many would cross every border.
N_WALK_STEPS = 10


# -- Measures ---------------------------------------------------------------------


def normalized_cut(joint):
    """Return the sum of the shares of each cluster's weight that leave it."""
    return float((1 - joint.diagonal() / joint.sum(axis=1)).sum())


def _entropies(joint):
    """Return the entropy of the cluster at one end of an edge, and of both ends."""
    shares = joint / joint.sum()
    return entr(shares.sum(axis=1)).sum(), entr(shares).sum()


def mutual_information(joint):
    """Return the mutual information, in nats, of the clusters at an edge's two ends."""
    one, both = _entropies(joint)
    return float(2 * one - both)


def uncertainty_coefficient(joint):
    """Return the mutual information as a share of the entropy of the clusters."""
    one, both = _entropies(joint)
    return float(2 - both / one) if one > 0 else 1.0


def _pointwise_mutual_information(joint):
    """Return the log ratio of each weight to the weight expected by chance.

    It is 0 where there is no edge.
    """
    sizes = joint.sum(axis=1)
    ratios = np.ones_like(joint)
    np.divide(joint * joint.sum(), np.outer(sizes, sizes), out=ratios, where=joint > 0)
    return np.log(ratios)


def _one_hot(labels, n_clusters):
    """Return one column per cluster, with a one for each of its members."""
    return np.identity(n_clusters)[labels]


def standard_error(graph, labels, n_clusters):
    """Return the standard error of the uncertainty coefficient.

    The coefficient is a ratio of two means over the samples: the information about the
    cluster of a sample that its neighbours give, and the most that they could give.
    Samples are taken as independent; as neighbours share edges, the true error is
    larger.
    """
    joint = joint_weights(graph, labels, n_clusters)
    information = _pointwise_mutual_information(joint)[labels]
    information = (graph.edges @ _one_hot(labels, n_clusters) * information).sum(axis=1)
    sizes = joint.sum(axis=1) / joint.sum()
    surprisal = -graph.degrees * np.log(sizes)[labels]
    residuals = information - information.sum() / surprisal.sum() * surprisal
    return float(np.linalg.norm(residuals / np.sqrt(graph.counts)) / surprisal.sum())


def random_walk_certainty(graph, labels, n_clusters):
    """Return the probability that a random walk ends in the cluster it began in."""
    steps = sp.diags_array(1 / graph.degrees) @ graph.edges
    shares = _one_hot(labels, n_clusters)
    for _ in range(N_WALK_STEPS):
        shares = steps @ shares
    return shares[np.arange(len(labels)), labels].clip(max=1)


# -- Changes ----------------------------------------------------------------------


def _find_best_merger(joint):
    """Find the two clusters that touch and whose union has the largest coefficient."""
    i, j = np.nonzero(np.triu(joint, 1))
    shares = joint / joint.sum()
    sizes, within, between = shares.sum(axis=1), shares.diagonal(), shares[i, j]
    terms = entr(shares)
    # The rows and columns of the two are removed, and those of their union added.
    both = terms.sum() - 2 * (terms[i] + terms[j]).sum(axis=1)
    both += terms[i, i] + terms[j, j] + 2 * terms[i, j]
    both += 2 * entr(shares[i] + shares[j]).sum(axis=1)
    both -= 2 * (entr(within[i] + between) + entr(within[j] + between))
    both += entr(within[i] + within[j] + 2 * between)
    one = entr(sizes).sum() - entr(sizes[i]) - entr(sizes[j])
    one += entr(sizes[i] + sizes[j])
    best = (both / one).argmin()  # the coefficient is 2 - both / one
    return i[best], j[best]


def merge_clusters(graph, labels, n_clusters):
    """Merge clusters, two at a time, until n_clusters are left.

    The graph has at most n_clusters components, so there are always two that touch.
    """
    joint = joint_weights(graph, labels, labels.max() + 1)
    numbers = np.arange(len(joint))
    while len(joint) > n_clusters:
        kept, removed = _find_best_merger(joint)  # the first is the smaller number
        joint[kept] += joint[removed]
        joint[:, kept] += joint[:, removed]
        is_left = np.arange(len(joint)) != removed
        joint = joint[is_left][:, is_left]
        numbers[numbers == removed] = kept
        numbers -= numbers > removed
    return numbers[labels]


def vote(graph, labels, n_clusters):
    """Move each point to the cluster of most of its neighbours, as long as it helps.

    It does while the mutual information rises and no cluster loses all its members.
    """
    joint = joint_weights(graph, labels, n_clusters)
    while True:
        voted = (graph.edges @ _one_hot(labels, n_clusters)).argmax(axis=1)
        voted_joint = joint_weights(graph, voted, n_clusters)
        rises = mutual_information(voted_joint) > mutual_information(joint)
        if not (rises and voted_joint.diagonal().all()):
            return labels
        labels, joint = voted, voted_joint


# -- Choice -----------------------------------------------------------------------


def choose_partition(graph, found, merged, n_clusters):
    """Choose the most informative of the partitions with about the best coefficient.

    Returns its index among the partitions that k-means found, followed by the merged
    ones, and which of them are about equally good. A partition with sparse borders
    excludes those with dense borders that are not as clean, however small its clusters
    are. Among the rest the best uncertainty coefficient is taken from those that
    k-means found: mergers maximize nothing else, and would separate the smallest of
    groups for it. But those count as well whose borders are also sparser, if they are
    cleaner by more than the standard errors of both. Clusters with fewer points than a
    point has neighbours are outliers, around which it is always sparse: the sparse
    borders of a partition with one do not count, unless each has one.
    """
    partitions = found + merged
    information, coefficients, sparsity = np.full((3, len(partitions)), -np.inf)
    is_large = np.zeros(len(partitions), dtype=bool)
    # Each point is linked with itself, too.
    n_neighbors = np.diff(graph.edges.indptr).min() - 1
    for i, labels in enumerate(partitions):
        cut = cut_edges(graph, labels)
        joint = joint_weights(graph, labels, n_clusters, cut)
        if joint.diagonal().all():  # no cluster is empty
            information[i] = mutual_information(joint)
            coefficients[i] = uncertainty_coefficient(joint)
            sparsity[i] = border_sparsity(graph, labels, cut)
            is_large[i] = np.bincount(labels).min() >= n_neighbors

    counted = np.where(is_large, sparsity, -np.inf) if is_large.any() else sparsity
    sparsest = counted.argmax()
    is_sparse = sparsity >= sparsity[sparsest] - MAX_SPARSITY_LOSS
    is_clean = coefficients >= coefficients[sparsest]
    coefficients[~(is_sparse | is_clean)] = -np.inf

    def margin(i):
        return MAX_STANDARD_ERRORS * standard_error(graph, partitions[i], n_clusters)

    best = coefficients[: len(found)].argmax()
    if coefficients[best] == -np.inf:  # none that k-means found is left
        best = coefficients.argmax()
    limit = coefficients[best] + margin(best)
    is_cleaner = (counted > sparsity[best]) & (coefficients > limit)
    for i in np.flatnonzero(is_cleaner):
        if coefficients[i] > max(coefficients[best], limit + margin(i)):
            best = i
    is_good = coefficients >= coefficients[best] - margin(best)
    return np.where(is_good, information, -np.inf).argmax(), is_good


def compare_partitions(chosen, others, counts, n_clusters):
    """Compare a partition with others, none of which has an empty cluster.

    Returns how much of its cluster each point shares with its cluster of another
    partition on average, the Jaccard index of the two, and the adjusted Rand index of
    each of the others.
    """
    shared, agreements = np.zeros(len(chosen)), []
    for labels in others:
        common = _contingency(chosen, labels, counts, n_clusters)
        union = common.sum(axis=1, keepdims=True) + common.sum(axis=0) - common
        shared += (common / union)[chosen, labels] / len(others)
        agreements.append(_adjusted_rand(common))
    return shared.clip(max=1), np.array(agreements)


def agreement(first, second, counts, n_clusters):
    """Return the adjusted Rand index of two partitions of points with counts."""
    return _adjusted_rand(_contingency(first, second, counts, n_clusters))


def _contingency(first, second, counts, n_clusters):
    """Return how many samples two clusters of two partitions have in common."""
    return sum_by_pairs(first, second, counts, n_clusters)


def _adjusted_rand(common):
    """Return the adjusted Rand index, also of samples that have weights."""
    total, squares = common.sum(), np.square(common).sum()
    first, second = (np.square(common.sum(axis=axis)).sum() for axis in (1, 0))
    if first == second == squares:  # the same partition
        return 1.0
    # Numbers of pairs of samples: together in both partitions, in one, in none.
    both, only_first, only_second = squares - total, first - squares, second - squares
    none = total**2 - first - second + squares
    chance = (both + only_first) * (only_first + none)
    chance += (both + only_second) * (only_second + none)
    return float(2 * (both * none - only_first * only_second) / chance)
