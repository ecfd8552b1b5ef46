"""
Digits without labels: encode, cluster, name the clusters
=========================================================

An autoencoder learns codes of the digits, k-means groups the codes, and the Hungarian
algorithm assigns classes to the groups. Labels are used for the last step only.
Clusters along the graph of neighbours improve the accuracy, and so does a network that
learns the clusters and corrects them. Run with ``--dataset mnist`` for the 60,000
digits of MNIST.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.metrics import adjusted_rand_score as ari
from sklearn.metrics import normalized_mutual_info_score as nmi
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline

from skae import (
    AutoEncoderTransformer,
    ClusterClassifier,
    PseudoLabelClassifier,
    SpectralKMeans,
)
from skae.corruption import RandomAffine
from skae.datasets import fetch_mnist
from skae.inspection import LatentSpaceDisplay

parser = argparse.ArgumentParser()
parser.add_argument("--dataset", choices=["digits", "mnist"], default="digits")
parser.add_argument("--seeds", type=int, default=5)
arguments = parser.parse_args()
on_mnist = arguments.dataset == "mnist"


def load(seed):
    """Return training and test set; MNIST has a fixed split."""
    if on_mnist:
        (A, a), (B, b) = (
            fetch_mnist(subset=subset, return_X_y=True) for subset in ("train", "test")
        )
        return A / np.float32(255), B / np.float32(255), a, b
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, test_size=1 / 3, stratify=y, random_state=seed)


# %%
# The classifiers to compare. Small batches at a high learning rate and strong weight
# decay lead to codes that cluster.
if on_mnist:
    autoencoder = AutoEncoderTransformer(
        10,
        hidden_layer_sizes=(500, 500, 2000),
        skip_connection=False,
        batch_size=256,
        max_epochs=20,
    )
else:
    autoencoder = AutoEncoderTransformer(
        n_components=12,
        hidden_layer_sizes=(128, 128, 128),
        skip_connection=False,
        activation="tanh",
        optimizer="adamw",
        weight_decay=1.0,
        lr=6e-3,
        batch_size=32,
        max_epochs=30,
    )
spectral = SpectralKMeans()
refiner = PseudoLabelClassifier(
    image_shape=(28, 28) if on_mnist else (8, 8),
    augmentation=RandomAffine(rotation=10, shift=0.1, shear=10),
    max_epochs=10 if on_mnist else 25,
)


def contestants(seed):
    """Return the classifiers by name, with one seed for each random_state."""
    seeded = clone(autoencoder).set_params(random_state=seed)
    kmeans = ClusterClassifier(random_state=seed)
    pipeline = Pipeline([("ae", seeded), ("clf", kmeans)])
    return {
        "k-means on pixels": kmeans,
        "PCA + k-means": ClusterClassifier(PCA(16), random_state=seed),
        "autoencoder + k-means": ClusterClassifier(autoencoder, random_state=seed),
        "  latent size tuned with labels": GridSearchCV(
            pipeline, {"ae__n_components": [2, 8, 32]}, cv=3, n_jobs=2
        ),
        "autoencoder + SpectralKMeans": ClusterClassifier(
            autoencoder, spectral, random_state=seed
        ),
        "the same, refined": ClusterClassifier(
            autoencoder, spectral, refiner=refiner, random_state=seed
        ),
    }


# %%
# Accuracy, normalized mutual information and adjusted Rand index on held-out digits.
scores = defaultdict(list)
for seed in range(arguments.seeds):
    X_train, X_test, y_train, y_test = load(seed)
    for name, classifier in contestants(seed).items():
        y_pred = classifier.fit(X_train, y_train).predict(X_test)
        accuracy = np.mean(y_pred == y_test)
        scores[name].append([accuracy, nmi(y_test, y_pred), ari(y_test, y_pred)])

print(f"{arguments.dataset}, held out, mean ± std of {arguments.seeds} seeds")
print(f"{'':40}{'accuracy':>12}{'NMI':>17}{'ARI':>17}")
for name, values in scores.items():
    cells = zip(np.mean(values, axis=0), np.std(values, axis=0), strict=True)
    print(f"{name:40}" + "".join(f"{mean:9.3f} ± {std:.3f}" for mean, std in cells))

# %%
# The picture: a 2-dim code of the held-out digits, and the confusion matrix of the last
# row's classifier.
plane = autoencoder.set_params(n_components=2, random_state=0).fit(X_train)
figure, (left, right) = plt.subplots(ncols=2, figsize=(13, 6), layout="constrained")
LatentSpaceDisplay.from_estimator(plane, X_test, y_test, ax=left)
left.set_title("Held-out digits in the 2-dim code of another autoencoder")
ConfusionMatrixDisplay.from_predictions(
    y_test, y_pred, ax=right, cmap="Blues", colorbar=False
)
right.set(
    title=f"AE + SpectralKMeans, refined, seed {seed}: accuracy {accuracy:.3f}",
    xlabel="predicted digit",
    ylabel="true digit",
)
path = Path(sys.argv[0]).with_name(f"self_supervised_{arguments.dataset}.png")
figure.savefig(path, dpi=100)
print(f"picture saved: {path}")
