"""How well clusters of unequal size and shape are found, beside other clusterers.

    python benchmarks/clusters.py [--json FILE] [--seeds N] [--sets NAME ...]
                                  [--peers NAME ...]

Each clusterer knows the number of classes, HDBSCAN aside, and gets the same samples.
The figure of blobs, moons and circles is the adjusted Rand index, that of real data the
accuracy under the best matching of clusters and classes. Means over seeds; the mean
rank of each clusterer; the largest distance of SpectralKMeans from the best of the
others on a set; its time against that of SpectralClustering, over all sets.

Digits and MNIST also come with half, a tenth or twice the samples of one class. Of
MNIST these are principal components of 2,000 images, which are downloaded if necessary.

The deep peers DEC, IDEC and DCN are those of ClustPy, which is not needed for the rest.
"""

import time
import warnings
from functools import cache, partial
from importlib.util import find_spec

import numpy as np
from _measure import Report, parser
from peers import import_clustpy, quiet
from scipy.stats import rankdata
from sklearn.cluster import HDBSCAN, Birch, KMeans, SpectralClustering
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_blobs,
    make_circles,
    make_moons,
)
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import scale

from skae import SpectralKMeans
from skae.datasets import fetch_mnist
from skae.metrics import clustering_accuracy

OURS, BASE = "SpectralKMeans", "SpectralClustering"
# Sizes of the blobs, and their distance in standard deviations.
BLOBS = {(1000, 1000): 5, (1000, 200): 5, (1000, 100): 6, (1000, 50): 6, (1000, 20): 8}
BLOBS |= {(1000, 1000, 50): 5, (1000, 300, 100): 5}
# By how much one class of images is larger than the others.
SHARES = (0.5, 0.1, 2)


def cluster_by_clustpy(name):
    """Return a function that clusters by a deep clusterer of ClustPy."""

    def cluster(X, n_clusters, seed):
        clusterer_class = getattr(import_clustpy("deep"), name)
        clusterer = clusterer_class(n_clusters, random_state=seed)
        with quiet():
            return clusterer.fit(X.astype(np.float32)).labels_

    return cluster


# Functions of X, the number of clusters and a seed, which return labels.
CLUSTERERS = {
    OURS: lambda X, k, seed: SpectralKMeans(k, random_state=seed).fit_predict(X),
    "KMeans": lambda X, k, seed: KMeans(k, n_init=10, random_state=seed).fit_predict(X),
    "GaussianMixture": lambda X, k, seed: GaussianMixture(
        k, n_init=3, reg_covar=1e-3, random_state=seed
    ).fit_predict(X),
    BASE: lambda X, k, seed: SpectralClustering(
        k, affinity="nearest_neighbors", random_state=seed
    ).fit_predict(X),
    "HDBSCAN": lambda X, k, seed: HDBSCAN(copy=True).fit_predict(X),
    "Birch": lambda X, k, seed: Birch(n_clusters=k).fit_predict(X),
    "DEC": cluster_by_clustpy("DEC"),
    "IDEC": cluster_by_clustpy("IDEC"),
    "DCN": cluster_by_clustpy("DCN"),
}
OF_CLUSTPY = ("DEC", "IDEC", "DCN")


def make_some_blobs(sizes, n_sigma, seed):
    """Return blobs, each as far from any other."""
    centers = n_sigma / np.sqrt(2) * np.identity(len(sizes))
    return make_blobs(sizes, centers=centers, random_state=seed)


def change_share(X, y, label, share, seed):
    """Return samples of which one class is so many times as large as before."""
    probabilities = np.where(y == label, min(1, share), min(1, 1 / share))
    is_kept = np.random.default_rng(seed).random(len(y)) < probabilities
    return X[is_kept], y[is_kept]


def load_digit_rows(share, seed):
    """Return scikit-learn's digits, one class of another size, and the classes."""
    X, y = load_digits(return_X_y=True)
    return change_share(X, y, seed % 10, share, seed)


@cache
def load_mnist():
    """Return the training images of MNIST and their classes."""
    return fetch_mnist(return_X_y=True)


def load_mnist_codes(share, seed):
    """Return 32 principal components of 2,000 images, and their classes."""
    images, y = load_mnist()
    chosen = np.random.default_rng(seed).choice(len(y), 2000, replace=False)
    X = images[chosen].reshape(len(chosen), -1) / 255
    X, y = change_share(X, y[chosen], seed % 10, share, seed)
    return PCA(32, random_state=seed).fit_transform(X), y


def load_scaled(load, seed):
    """Return a table with columns of the same scale, and its classes."""
    X, y = load(return_X_y=True)
    return scale(X), y


def make_sets():
    """Return the functions of a seed that make samples and classes, by name."""
    sets = {
        f"blobs {':'.join(map(str, sizes))}, {n_sigma} sigma": (
            lambda seed, sizes=sizes, n_sigma=n_sigma: make_some_blobs(
                list(sizes), n_sigma, seed
            )
        )
        for sizes, n_sigma in BLOBS.items()
    }
    sets["moons"] = lambda seed: make_moons(1000, noise=0.08, random_state=seed)
    sets["circles"] = lambda seed: make_circles(
        1000, noise=0.07, factor=0.5, random_state=seed
    )
    for name, load in (
        ("iris", load_iris),
        ("wine", load_wine),
        ("breast cancer", load_breast_cancer),
    ):
        sets[name] = partial(load_scaled, load)
    for name, load in (("digits", load_digit_rows), ("MNIST", load_mnist_codes)):
        sets[name] = partial(load, 1)
        for share in SHARES:
            sets[f"{name}, {share} of one class"] = partial(load, share)
    return sets


def compare(sets, clusterers, n_seeds):
    """Return figure and seconds, of shape (clusterers, sets, seeds, 2)."""
    figures = np.empty((len(clusterers), len(sets), n_seeds, 2))
    for j, (name, make) in enumerate(sets.items()):
        is_made = name.startswith(("blobs", "moons", "circles"))
        measure = adjusted_rand_score if is_made else clustering_accuracy
        for seed in range(n_seeds):
            X, y = make(seed)
            # In turn, so that what slows the machine for a while slows them all.
            for i, clusterer in enumerate(clusterers):
                start = time.perf_counter()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # graphs in pieces
                    labels = CLUSTERERS[clusterer](X, len(np.unique(y)), seed)
                seconds = time.perf_counter() - start
                figures[i, j, seed] = measure(y, labels), seconds
        means = figures[:, j, :, 0].mean(axis=1)
        row = ", ".join(f"{n} {a:.3f}" for n, a in zip(clusterers, means, strict=True))
        print(f"  {name}: {row}", flush=True)
    return figures


def main():
    """Measure what the command line asks for."""
    sets = make_sets()
    arguments = parser(__doc__.splitlines()[0])
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--sets", nargs="+", choices=sets, default=list(sets))
    peers = [name for name in CLUSTERERS if name != OURS]
    has_clustpy = find_spec("clustpy") is not None
    default = [name for name in peers if has_clustpy or name not in OF_CLUSTPY]
    arguments.add_argument("--peers", nargs="*", choices=peers, default=default)
    arguments = arguments.parse_args()
    if not has_clustpy:
        print("Without DEC, IDEC and DCN: run `python -m pip install clustpy`.")
        if set(arguments.peers) & set(OF_CLUSTPY):
            raise SystemExit("ClustPy is not installed; choose --peers without it.")
    sets = {name: sets[name] for name in arguments.sets}
    report = Report(f"Clusters in {len(sets)} sets, {arguments.seeds} seeds")
    clusterers = [OURS, *arguments.peers]
    figures = compare(sets, clusterers, arguments.seeds)
    values, seconds = np.moveaxis(figures.mean(axis=2), -1, 0)
    ranks = np.mean([rankdata(-column) for column in values.T], axis=0)
    for i, name in enumerate(clusterers):
        report.add(f"{name.lower()}_rank", f"{name}, mean rank", ranks[i])
        report.add(f"{name.lower()}_mean", "  mean figure", values[i].mean())
    if len(clusterers) > 1:
        losses = values[1:].max(axis=0) - values[0]
        text = f"largest loss to the best peer: {list(sets)[losses.argmax()]}"
        report.add("worst_loss", text, losses.max(), 0.03)
    if BASE in clusterers:
        ratio = seconds[0].sum() / seconds[clusterers.index(BASE)].sum()
        report.add("time_ratio", f"time / that of {BASE}", ratio)
    report.save(arguments.json)


if __name__ == "__main__":
    main()
