"""Rows of ``speed.py`` about clusters and classification without labels."""

import time

from _measure import ratios, take_turns
from sklearn.cluster import SpectralClustering
from sklearn.datasets import load_digits, make_blobs
from sklearn.decomposition import PCA

from skae import ClusterClassifier, SpectralKMeans, make_self_supervised_classifier
from skae.datasets import fetch_mnist


def measure_cluster_classifier(report, repeats):
    """Time the prediction of one row, beside its encoder and its clusterer alone."""
    X, y = load_digits(return_X_y=True)
    fitted = ClusterClassifier(PCA(16), random_state=0).fit(X, y)
    row, encoder, clusterer = X[:1], fitted.encoder_, fitted.clusterer_

    def ours():
        for _ in range(50):
            fitted.predict(row)

    def parts():
        for _ in range(50):
            clusterer.predict(encoder.transform(row))

    contestants = {"skae": ours, "parts": parts}
    take_turns(contestants, 1)
    times, _ = take_turns(contestants, 2 * repeats)
    text = "ClusterClassifier.predict of one row / its PCA and its k-means"
    report.add("row_cluster_classifier", text, ratios(times, "skae", "parts"))


def measure_clusters(report, repeats):
    """Time SpectralKMeans on few samples."""
    _race_spectral(report, repeats, 5_000, 1.0)


def measure_large_clusters(report, repeats):
    """Time SpectralKMeans on many samples."""
    _race_spectral(report, repeats, 20_000, 0.6)
    _race_spectral(report, 1, 60_000, 0.4)


def _race_spectral(report, repeats, n_samples, aim):
    """Time SpectralKMeans, beside SpectralClustering with its fastest solver."""
    X, _ = make_blobs(n_samples, 20, centers=10, cluster_std=4.0, random_state=0)
    peer = SpectralClustering(
        10,
        affinity="nearest_neighbors",
        eigen_solver="lobpcg",
        assign_labels="cluster_qr",
        random_state=0,
    )
    ours = SpectralKMeans(10, random_state=0)
    contestants = {"skae": lambda: ours.fit(X), "peer": lambda: peer.fit(X)}
    times, _ = take_turns(contestants, repeats)
    report.add(
        f"spectral_kmeans_{n_samples}",
        f"SpectralKMeans, {n_samples:,} x 20 / SpectralClustering, lobpcg",
        ratios(times, "skae", "peer"),
        aim,
    )


def measure_recipe(report, repeats):
    """Tell how long the whole recipe takes on MNIST, and how well it classifies."""
    train, test = (fetch_mnist(subset=subset) for subset in ("train", "test"))
    classifier = make_self_supervised_classifier(10, random_state=0)
    start = time.perf_counter()
    classifier.fit(train.images)
    seconds = time.perf_counter() - start
    accuracy = classifier.map_labels(train.images, train.target).score(
        test.images, test.target
    )
    report.add("recipe_seconds", "recipe on MNIST, seconds", seconds)
    report.add("recipe_accuracy", "  its test accuracy", accuracy)
