"""
Digits without labels: encode, cluster, name the clusters
=========================================================

An autoencoder learns codes of the digits, k-means groups the codes, and the Hungarian
algorithm names the groups: a classifier to which labels only tell what its clusters
are called. Run with ``--dataset mnist`` for the 60,000 digits of MNIST.
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import SpectralClustering
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.metrics import adjusted_rand_score as ari
from sklearn.metrics import normalized_mutual_info_score as nmi
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline

from skae import AutoEncoderTransformer, ClusterClassifier
from skae.datasets import fetch_mnist

parser = argparse.ArgumentParser()
parser.add_argument("--dataset", choices=["digits", "mnist"], default="digits")
parser.add_argument("--seeds", type=int, default=5)
arguments = parser.parse_args()
on_mnist = arguments.dataset == "mnist"


def load(seed):
    """Give training and test set; those of MNIST are what they are."""
    if on_mnist:
        (A, a), (B, b) = (
            fetch_mnist(subset=subset, return_X_y=True) for subset in ("train", "test")
        )
        return A / np.float32(255), B / np.float32(255), a, b
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, test_size=1 / 3, stratify=y, random_state=seed)


# %%
# The contestants. A few wide layers and strong weight decay make codes that cluster.
autoencoder = AutoEncoderTransformer(
    n_components=10,
    hidden_layer_sizes=(500, 500, 2000) if on_mnist else (128, 128, 128),
    activation="relu" if on_mnist else "tanh",
    optimizer="adamw",
    lr=2e-3 if on_mnist else 1e-2,
    weight_decay=0.0 if on_mnist else 1.0,
    batch_size=256 if on_mnist else 64,
    max_epochs=20 if on_mnist else 60,
)
spectral = SpectralClustering(
    affinity="nearest_neighbors", n_components=10, eigen_solver="lobpcg"
)
pipeline = Pipeline([("ae", autoencoder), ("clf", ClusterClassifier())])
search = GridSearchCV(pipeline, {"ae__n_components": [2, 8, 16, 32]}, cv=3, n_jobs=2)
contestants = {
    "k-means on pixels": ClusterClassifier(),
    "PCA + k-means": ClusterClassifier(PCA(16)),
    "autoencoder + k-means": ClusterClassifier(autoencoder),
    "the same, latent size tuned with labels": search,
    "autoencoder + spectral clustering": ClusterClassifier(autoencoder, spectral),
}


def seeded(estimator, seed):
    """Give every random_state of the estimator the seed."""
    names = [k for k in estimator.get_params() if k.endswith("random_state")]
    return estimator.set_params(**dict.fromkeys(names, seed))


# %%
# Accuracy, normalized mutual information and adjusted Rand index on held-out digits.
scores = {name: [] for name in contestants}
for seed in range(arguments.seeds):
    X_train, X_test, y_train, y_test = load(seed)
    for name, estimator in contestants.items():
        y_pred = seeded(estimator, seed).fit(X_train, y_train).predict(X_test)
        accuracy = np.mean(y_pred == y_test)
        scores[name].append([accuracy, nmi(y_test, y_pred), ari(y_test, y_pred)])

print(f"{arguments.dataset}, held out, mean ± std of {arguments.seeds} seeds")
print(f"{'':40}{'accuracy':>15}{'NMI':>15}{'ARI':>15}")
for name, values in scores.items():
    cells = zip(np.mean(values, axis=0), np.std(values, axis=0), strict=True)
    print(f"{name:40}" + "".join(f"{mean:9.3f} ± {std:.3f}" for mean, std in cells))
