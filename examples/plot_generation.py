"""
New digits, and interpolation between two digits
================================================

A variational autoencoder learns a density of digits. Codes drawn at random are decoded
into new digits, and codes between those of two digits are decoded into digits, too. Run
with ``--dataset mnist`` for the 60,000 digits of MNIST, which takes some minutes.
"""

import argparse
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors

from skae import VariationalAutoEncoder
from skae.datasets import fetch_mnist
from skae.inspection import InterpolationDisplay
from skae.likelihood import Gaussian

parser = argparse.ArgumentParser()
parser.add_argument("--dataset", choices=["digits", "mnist"], default="digits")
arguments = parser.parse_args()

# %%
# Images with values from 0 to 1, and a network that fits them. The logit link keeps
# the means in this range.
if arguments.dataset == "mnist":
    train, test = (fetch_mnist(subset=subset) for subset in ("train", "test"))
    X_train, X_test = (mnist.images / np.float32(255) for mnist in (train, test))
    y_train = train.target
    network = {"hidden_layer_sizes": (500, 500), "batch_size": 256, "max_epochs": 20}
else:
    digits = load_digits()
    X_train, X_test, y_train, _ = train_test_split(
        digits.images / 16, digits.target, test_size=1 / 3, random_state=0
    )
    network = {"hidden_layer_sizes": (256, 256), "batch_size": 64, "max_epochs": 60}
model = VariationalAutoEncoder(
    16, likelihood=Gaussian(link="logit"), lr=3e-3, random_state=0, **network
).fit(X_train)
print(f"{arguments.dataset}: {model.n_active_components_} of 16 components are active")
print(f"log p(x) of held-out digits: {model.score(X_test):.1f} nats")

# %%
# Means of p(x|h) at codes drawn from p(h): which digits they are, and whether copies.
samples = model.sample(1000, random_state=0, noise=False)
rows, real, held_out = (X.reshape(len(X), -1) for X in (samples, X_train, X_test))
classifier = LogisticRegression(max_iter=2000).fit(real, y_train)
neighbours = NearestNeighbors(n_neighbors=1).fit(real)
shares = np.bincount(classifier.predict(rows), minlength=10) / len(rows)
print("share of each digit among the samples:", *(f"{share:.2f}" for share in shares))
for what, X in (("sample", rows), ("held-out digit", held_out[:1000])):
    distance = np.median(neighbours.kneighbors(X)[0])
    print(f"from a {what} to the nearest training digit: {distance:.2f}")

# %%
# The pictures: samples, and interpolations between pairs of held-out digits.
figure, axes = plt.subplots(nrows=2, figsize=(7, 8.5), layout="constrained")
drawn = samples[:50].reshape(5, 10, *samples.shape[1:])
InterpolationDisplay(images=drawn, limits=(0, 1)).plot(axes[0])
axes[0].set(title="Samples", xticks=[])
InterpolationDisplay.from_estimator(model, X_test[:5], X_test[5:10], ax=axes[1])
path = Path(sys.argv[0]).with_name(f"generation_{arguments.dataset}.png")
figure.savefig(path, dpi=100)
print(f"picture saved: {path}")
