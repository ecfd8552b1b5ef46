"""
A denoiser as a cleaning step before a classifier
=================================================

A nearest-neighbour classifier has learned from clean digits and is asked about digits in
bright noise. A denoiser before it, learned from the same clean digits, wins back much of
what the noise took. How much noise the denoiser should be trained on is a parameter of
the pipeline like any other: a grid search finds it by what counts in the end, the
classification. Run with ``--dataset mnist`` for 20,000 digits of MNIST, which takes some
minutes.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from skae import DenoisingAutoEncoder, Reconstructor
from skae.corruption import GaussianNoise
from skae.datasets import fetch_mnist

parser = argparse.ArgumentParser()
parser.add_argument("--dataset", choices=["digits", "mnist"], default="digits")
arguments = parser.parse_args()

# %%
# Rows of pixels from 0 to 1, and a network that fits them.
if arguments.dataset == "mnist":
    X_train, y_train = fetch_mnist(return_X_y=True)
    X_test, y_test = fetch_mnist(subset="test", return_X_y=True)
    X_train, y_train = X_train[:20_000] / np.float32(255), y_train[:20_000]
    X_test, image_shape = X_test / np.float32(255), (28, 28)
    network = {"hidden_layer_sizes": (512,), "max_epochs": 15}
else:
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X / 16, y, test_size=1 / 3, stratify=y, random_state=0
    )
    image_shape = (8, 8)
    network = {"hidden_layer_sizes": (512,), "max_epochs": 100}
    network |= {"optimizer": "adamw", "weight_decay": 0.1, "lr": 3e-3, "batch_size": 64}


def add_noise(X):
    noise = np.random.default_rng(0).normal(0.5, 0.3, X.shape).astype(X.dtype)
    return np.clip(X + noise, 0, 1)


def score_on_noisy_digits(pipeline, X, y):
    return pipeline.score(add_noise(X), y)


# %%
# The search fits on clean digits and scores on noisy ones, as it will be in use.
denoiser = DenoisingAutoEncoder(
    n_components=64,
    corruption=GaussianNoise(mean=0.5, clip=(0, 1)),
    random_state=0,
    **network,
)
knn = KNeighborsClassifier()
name = "clean__estimator__corruption__std"
search = GridSearchCV(
    Pipeline([("clean", Reconstructor(denoiser)), ("knn", knn)]),
    {name: [0.05, 0.1, 0.2, 0.3, 0.5, 0.7]},
    scoring=score_on_noisy_digits,
    cv=3,
    n_jobs=2,
).fit(X_train, y_train)

X_noisy = add_noise(X_test)
plain = knn.fit(X_train, y_train)
accuracies = {
    "clean": plain.score(X_test, y_test),
    "noisy": plain.score(X_noisy, y_test),
    "noisy,\ncleaned": search.best_estimator_.score(X_noisy, y_test),
}
