"""Measures of a partition, its changes, and the choice of one."""

from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp
from graphs import graph_of
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score

from skae import SpectralKMeans
from skae.clustering._borders import border_sparsity
from skae.clustering._graph import Graph
from skae.clustering._partition import (
    _find_best_merger,
    agreement,
    choose_partition,
    compare_partitions,
    joint_weights,
    merge_clusters,
    mutual_information,
    normalized_cut,
    random_walk_certainty,
    standard_error,
    uncertainty_coefficient,
    vote,
)


def as_graph(edges, copies=1, radii=None):
    """Return a graph of points that are so many equal samples each."""
    n_points = edges.shape[0]
    radii = np.ones(n_points) if radii is None else radii
    edges = copies**2 * sp.csr_array(edges)
    return Graph(edges, np.full(n_points, copies), radii)


@pytest.fixture
def triangles():
    """Two triangles and one edge between them."""
    edges = [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5), (2, 3)]
    rows, columns = np.array(edges).T
    graph = sp.csr_array((np.ones(7), (rows, columns)), shape=(6, 6))
    return as_graph(graph + graph.T)


def test_measures_of_a_known_graph(triangles):
    labels = np.array([0, 0, 0, 1, 1, 1])
    joint = joint_weights(triangles, labels, 2)
    # A triangle's edges count from both ends, that between them once for each.
    assert joint.tolist() == [[6, 1], [1, 6]]
    assert normalized_cut(joint) == pytest.approx(1 / 7 + 1 / 7)
    expected = 12 / 14 * np.log(6 / 14 * 4) + 2 / 14 * np.log(1 / 14 * 4)
    assert mutual_information(joint) == pytest.approx(expected)
    # Half of the edges' ends are in each cluster.
    coefficient = expected / np.log(2)
    assert uncertainty_coefficient(joint) == pytest.approx(coefficient)

    joint = joint_weights(triangles, np.array([0, 0, 1, 1, 2, 2]), 3)
    assert joint.tolist() == [[2, 2, 0], [2, 2, 2], [0, 2, 2]]
    assert normalized_cut(joint) == pytest.approx(2 / 4 + 4 / 6 + 2 / 4)
    sizes = np.array([4, 6, 4]) / 14
    entropy = -sizes @ np.log(sizes)
    coefficient = mutual_information(joint) / entropy
    assert uncertainty_coefficient(joint) == pytest.approx(coefficient)


def test_standard_error_is_that_of_samples_drawn_again():
    # Bootstrap: the points drawn with replacement, each with the edges that it has.
    X = load_digits().data[:600]
    labels = SpectralKMeans(10, random_state=0).fit_predict(X)
    edges = graph_of(X).edges
    members = np.eye(10)[labels]
    edges_to = edges @ members
    rng = np.random.default_rng(0)
    coefficients = []
    for _ in range(2000):
        drawn = np.bincount(rng.integers(600, size=600), minlength=600)
        joint = members.T @ (drawn[:, np.newaxis] * edges_to)
        p = joint / joint.sum()
        ends = np.outer(p.sum(axis=1), p.sum(axis=0))
        information = np.sum(
            p * np.log(np.where(p > 0, p, 1) / ends, where=p > 0, out=np.zeros_like(p))
        )
        coefficients.append(information / -(p.sum(axis=1) @ np.log(p.sum(axis=1))))
    error = standard_error(as_graph(edges), labels, 10)
    assert error == pytest.approx(np.std(coefficients), rel=0.05)
    # A hundred samples at each point: the error of a hundred times as many.
    error_of_many = standard_error(as_graph(edges, 100), labels, 10)
    assert error_of_many == pytest.approx(error / 10)


def test_nothing_is_unsure_where_no_edge_leaves_a_cluster():
    pieces = as_graph(sp.block_diag([np.ones((3, 3)), np.ones((9, 9))]))
    labels = np.repeat([0, 1], [3, 9])
    joint = joint_weights(pieces, labels, 2)
    assert uncertainty_coefficient(joint) == pytest.approx(1)
    error = standard_error(pieces, labels, 2)
    assert error == pytest.approx(0, abs=1e-12)


def link_cliques(sizes, n_edges):
    """Graph of cliques with so many edges between each and the next."""
    graph = sp.lil_array(sp.block_diag([np.ones((n, n)) for n in sizes]))
    starts = np.cumsum([0, *sizes])
    for clique, n in enumerate(n_edges):
        for t in range(n):
            left = starts[clique] + t % sizes[clique]
            right = starts[clique + 1] + (t // sizes[clique] + t) % sizes[clique + 1]
            graph[left, right] = graph[right, left] = 1
    return sp.csr_array(graph)


@pytest.mark.parametrize(
    ("sizes", "n_edges", "expected"),
    [
        # The small group has the fewest edges, but hardly fewer in relation: the two
        # large ones are parted.
        ([30, 30, 6], [12, 1], 0),
        # The two large ones are as good as one.
        ([40, 40, 10], [400, 2], 1),
    ],
)
def test_sizes_count_where_the_edges_do_not_decide(sizes, n_edges, expected):
    edges = link_cliques(sizes, n_edges)
    graph = as_graph(edges)  # all borders are equally sparse
    partitions = [np.repeat(labels, sizes) for labels in ([0, 1, 1], [0, 0, 1])]
    joints = [joint_weights(graph, labels, 2) for labels in partitions]
    assert np.argmax([mutual_information(joint) for joint in joints]) == 0
    assert np.argmax([uncertainty_coefficient(joint) for joint in joints]) == 1
    assert choose_partition(graph, partitions, [], 2)[0] == expected
    # A cluster without members is none.
    nothing = np.zeros(sum(sizes), dtype=int)
    found = [nothing, *partitions]
    assert choose_partition(graph, found, [], 2)[0] == expected + 1
    # A merged partition that is cleaner does not raise what is required of the others.
    found, merged = partitions[:1], partitions[1:]
    assert choose_partition(graph, found, merged, 2)[0] == 0
    # A hundred samples at each point: the edges decide.
    assert choose_partition(as_graph(edges, 100), partitions, [], 2)[0] == 1


@pytest.mark.parametrize(
    ("n_edges", "radius", "expected"),
    [
        (33, 1, 0),
        (33, 2, 1),
        # The sparsest is not cleaner: a few edges may be in a sparse region by chance.
        (38, 2, 0),
    ],
)
def test_borders_in_sparse_regions_come_before_sizes(n_edges, radius, expected):
    sizes = [200, 200, 20]
    partitions = [np.repeat(labels, sizes) for labels in ([0, 1, 1], [0, 0, 1])]
    edges = link_cliques(sizes, [1000, n_edges])
    # The ends of the edges between the second and the third lie far from others.
    radii = np.ones(sum(sizes))
    radii[200 + np.unique(edges[200:400, 400:].nonzero()[0])] = radius
    graph = as_graph(edges, radii=radii)
    for found, merged in ((partitions, []), (partitions[:1], partitions[1:])):
        chosen, _ = choose_partition(graph, found, merged, 2)
        assert chosen == expected


def test_a_merger_counts_if_it_is_clearly_cleaner_and_its_border_sparser():
    sizes = [40, 40, 10]
    halves, small = (np.repeat(labels, sizes) for labels in ([0, 1, 1], [0, 0, 1]))
    # The border of the small group is hardly sparser, or hardly denser.
    for radius, expected in ((0.9, 1), (1.1, 0)):
        radii = np.ones(sum(sizes))
        radii[2:4] = radius  # of points without an edge to the small group
        graph = as_graph(link_cliques(sizes, [400, 2]), radii=radii)
        sparsity = [border_sparsity(graph, labels) for labels in (halves, small)]
        assert np.argmax(sparsity) == expected
        assert np.ptp(sparsity) < 0.05
        assert choose_partition(graph, [halves], [small], 2)[0] == expected


def test_an_outlier_is_not_a_cluster_because_it_lies_alone():
    # Two groups that touch, one apart, and one point with few neighbours.
    sizes, n_clusters = [200, 100, 100, 1], 3
    edges = link_cliques(sizes, [1, 1000, 4])
    groups, outlier = (np.repeat(k, sizes) for k in ([0, 1, 2, 2], [0, 1, 1, 2]))
    is_near = np.repeat([False, True], [300, 101])
    radii = 1.0 + (is_near & (edges[:, [-1]].toarray().ravel() > 0))
    graph = as_graph(edges, radii=radii)
    assert choose_partition(graph, [groups], [outlier], n_clusters)[0] == 0
    # Unless it is one in every partition.
    also = np.repeat([0, 1, 2], [1, 299, 101])
    assert choose_partition(graph, [also], [outlier], n_clusters)[0] == 1


def test_comparison_counts_what_clusters_have_in_common():
    chosen = np.array([0, 0, 0, 1, 1])
    counts = np.array([1, 2, 1, 1, 3])
    other = np.array([1, 1, 0, 0, 0])
    shared, agreements = compare_partitions(chosen, [other, chosen], counts, 2)
    jaccard = np.array([3 / 4, 3 / 4, 1 / 8, 4 / 5, 4 / 5])
    np.testing.assert_allclose(shared, (jaccard + 1) / 2)
    samples = [np.repeat(labels, counts) for labels in (chosen, other)]
    np.testing.assert_allclose(agreements, [adjusted_rand_score(*samples), 1])


@pytest.mark.parametrize("n_clusters", [3, 6, 12])
def test_merger_is_the_best_of_all(n_clusters):
    rng = np.random.default_rng(n_clusters)
    joint = np.triu(rng.random((n_clusters, n_clusters)))
    joint[0, -1] = 0  # these two do not touch
    joint = joint + joint.T

    def merged(i, j):
        labels = np.where(np.arange(n_clusters) == j, i, np.arange(n_clusters))
        labels = np.unique(labels, return_inverse=True)[1]
        return joint_weights(as_graph(joint), labels, n_clusters - 1)

    expected = max(
        (pair for pair in combinations(range(n_clusters), 2) if joint[pair]),
        key=lambda pair: uncertainty_coefficient(merged(*pair)),
    )
    assert _find_best_merger(joint) == expected


def test_merging_brings_pieces_together():
    graph = as_graph(link_cliques([30, 30, 20, 20], [90, 2, 60]))
    labels = np.repeat([2, 0, 3, 1], [30, 30, 20, 20])
    merged = merge_clusters(graph, labels, 2)
    np.testing.assert_array_equal(merged, np.repeat(merged[[0, -1]], [60, 40]))
    assert set(merged) == {0, 1}
    np.testing.assert_array_equal(merge_clusters(graph, labels, 4), labels)


def test_certainty_is_that_of_a_random_walk(triangles):
    labels = np.array([0, 0, 0, 1, 1, 1])
    steps = triangles.edges.toarray() / triangles.degrees[:, np.newaxis]
    ends = np.linalg.matrix_power(steps, 10)
    expected = [ends[i, labels == labels[i]].sum() for i in range(6)]
    certainty = random_walk_certainty(triangles, labels, 2)
    np.testing.assert_allclose(certainty, expected, rtol=1e-12)
    assert certainty.argmin() in (2, 3)  # where the clusters touch


def test_a_partition_without_a_cut(triangles):
    edges = triangles.edges.tolil()
    edges[2, 3] = edges[3, 2] = 0
    joint = joint_weights(as_graph(edges), np.array([0, 0, 0, 1, 1, 1]), 2)
    assert normalized_cut(joint) == 0
    assert mutual_information(joint) == pytest.approx(np.log(2))


def test_votes_bring_strays_home(triangles):
    loops = sp.csr_array(sp.identity(6, format="csr"))
    labels = np.array([0, 0, 1, 1, 1, 1])
    voted = vote(as_graph(triangles.edges + loops), labels, 2)
    np.testing.assert_array_equal(voted, [0, 0, 0, 1, 1, 1])
    # The vote may not outvote a whole cluster.
    labels = np.array([0, 0, 2, 1, 1, 1])
    voted = vote(triangles, labels, 3)
    np.testing.assert_array_equal(voted, labels)


def test_agreement_is_the_adjusted_rand_index():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 5, 60)
    first, second = rng.integers(3, size=(2, 60))
    second = np.where(rng.random(60) < 0.5, first, second)
    expected = adjusted_rand_score(np.repeat(first, counts), np.repeat(second, counts))
    assert agreement(first, second, counts, 3) == pytest.approx(expected, rel=1e-12)
    assert agreement(first, (first + 1) % 3, counts, 3) == 1.0
