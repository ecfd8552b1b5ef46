"""
Digits without labels: encode, cluster, name the clusters
=========================================================

An autoencoder learns codes of the digits, k-means groups the codes, and the Hungarian
algorithm assigns classes to the groups. Labels are used for the last step only.
Clusters along the graph of neighbours improve the accuracy, and so does a network that
learns the clusters and corrects them.
"""

import matplotlib.pyplot as plt
import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score
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
from skae.inspection import LatentSpaceDisplay

N_SEEDS = 5


def load(seed):
    """Return training and test set."""
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, test_size=1 / 3, stratify=y, random_state=seed)


# %%
# The classifiers to compare. Small batches at a high learning rate and strong weight
# decay lead to codes that cluster.
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
    image_shape=(8, 8),
    augmentation=RandomAffine(rotation=10, shift=0.1, shear=10),
    max_epochs=25,
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
            pipeline, {"ae__n_components": [2, 8, 32]}, cv=3
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
# Two seeds run at the same time.
def evaluate(seed):
    """Return the scores by name, and codes, digits and predictions of the last one."""
    X_train, X_test, y_train, y_test = load(seed)
    scores = {}
    for name, classifier in contestants(seed).items():
        y_pred = classifier.fit(X_train, y_train).predict(X_test)
        scores[name] = [metric(y_test, y_pred) for metric in (accuracy_score, nmi, ari)]
    return scores, classifier.encoder_.transform(X_test), y_test, y_pred


results = Parallel(n_jobs=2)(delayed(evaluate)(seed) for seed in range(N_SEEDS))
scores, codes, y_test, y_pred = results[-1]
print(f"digits, held out, mean ± std of {N_SEEDS} seeds")
print(f"{'':34}{'accuracy':>12}{'NMI':>17}{'ARI':>17}")
for name in scores:
    values = [of_seed[name] for of_seed, *_ in results]
    cells = zip(np.mean(values, axis=0), np.std(values, axis=0), strict=True)
    print(f"{name:34}" + "".join(f"{mean:9.3f} ± {std:.3f}" for mean, std in cells))

# %%
# The last classifier of the last seed: codes of held-out digits, drawn in a plane by
# t-SNE, and which digits it confuses. Labels only colour the points.
plane = TSNE(random_state=0).fit_transform(codes)
figure, (left, right) = plt.subplots(ncols=2, figsize=(13, 6), layout="constrained")
LatentSpaceDisplay(codes=plane, y=y_test).plot(left)
left.set(title=f"Codes of {len(codes)} held-out digits", xlabel="", ylabel="")
left.set(xticks=[], yticks=[])
ConfusionMatrixDisplay.from_predictions(
    y_test, y_pred, ax=right, cmap="Blues", colorbar=False
)
right.set(
    title=f"Classified without labels: accuracy {scores[name][0]:.3f}",
    xlabel="predicted digit",
    ylabel="true digit",
)
plt.show()
