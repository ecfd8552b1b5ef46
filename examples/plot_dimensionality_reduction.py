"""
Dimensionality reduction: PCA and an autoencoder
================================================

PCA is the best linear code. An autoencoder is nonlinear: with the same number of
components its error on held-out digits is smaller. Run
with ``--dataset mnist`` for the 60,000 digits of MNIST, which takes some minutes.
"""

import argparse
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoEncoderTransformer
from skae.datasets import fetch_mnist
from skae.inspection import ReconstructionDisplay

parser = argparse.ArgumentParser()
parser.add_argument("--dataset", choices=["digits", "mnist"], default="digits")
arguments = parser.parse_args()

# %%
# Rows of pixels from 0 to 1, and a network that fits them.
if arguments.dataset == "mnist":
    X_train, X_test = (
        fetch_mnist(subset=subset).data / np.float32(255)
        for subset in ("train", "test")
    )
    image_shape = (28, 28)
    network = {"hidden_layer_sizes": (512, 256), "batch_size": 256, "max_epochs": 20}
else:
    X_train, X_test = train_test_split(
        load_digits().data / 16, test_size=1 / 3, random_state=0
    )
    image_shape = (8, 8)
    network = {"hidden_layer_sizes": (256, 128), "batch_size": 32, "max_epochs": 100}
    network |= {"optimizer": "adamw", "weight_decay": 0.3, "lr": 3e-3}

# %%
# The same for both at each number of components: fit, encode, decode.
sizes = [1, 2, 4, 8, 16, 32]
shown = 4
errors = {"PCA": [], "autoencoder": []}
rows = {"original": X_test}
print(f"{arguments.dataset}, held out: mean squared error of a pixel")
print(f"{'components':>12}{'PCA':>12}{'autoencoder':>14}")
for size in sizes:
    contestants = {
        "PCA": PCA(size),
        "autoencoder": AutoEncoderTransformer(size, random_state=0, **network),
    }
    for name, contestant in contestants.items():
        codes = contestant.fit(X_train).transform(X_test)
        decoded = contestant.inverse_transform(codes)
        errors[name].append(np.square(decoded - X_test).mean())
        if size == shown:
            rows[name] = decoded
    print(f"{size:12}{errors['PCA'][-1]:12.4f}{errors['autoencoder'][-1]:14.4f}")

# %%
# Left the errors of all sizes, right the reconstructions of one of them.
figure, (left, right) = plt.subplots(
    ncols=2, figsize=(14, 4), width_ratios=(2, 3), layout="constrained"
)
for (name, values), marker in zip(errors.items(), "so", strict=True):
    left.plot(sizes, values, marker=marker, label=name)
left.set_xscale("log", base=2)
left.set_xticks(sizes, sizes)
left.set_ylim(bottom=0)
left.set(
    title="The lower the better",
    xlabel="components",
    ylabel="mean squared error of a pixel, held out",
)
left.legend()
ReconstructionDisplay(rows, image_shape=image_shape).plot(right, n_images=8)
right.set_title(f"Held-out digits, and drawn again from {shown} components")
path = Path(sys.argv[0]).with_name(f"dimensionality_reduction_{arguments.dataset}.png")
figure.savefig(path, dpi=100)
print(f"picture saved: {path}")
