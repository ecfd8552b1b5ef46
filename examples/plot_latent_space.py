"""
Codes of two components: digits in a plane
==========================================

An autoencoder encodes every digit by two numbers, from which it must reconstruct the
digit. So each digit has a position in a plane, and the decoder makes a digit of each
position, also between those of the training set. Run with ``--dataset mnist`` for the
60,000 digits of MNIST, which takes two minutes.
"""

import argparse
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import AutoEncoderTransformer
from skae.datasets import fetch_mnist
from skae.inspection import LatentExplorer, LatentSpaceDisplay, ManifoldDisplay

parser = argparse.ArgumentParser()
parser.add_argument("--dataset", choices=["digits", "mnist"], default="digits")
arguments = parser.parse_args()

# %%
# Images with values from 0 to 1, and a network that fits them.
if arguments.dataset == "mnist":
    train, test = (fetch_mnist(subset=subset) for subset in ("train", "test"))
    X_train, X_test = (part.images / np.float32(255) for part in (train, test))
    y_test = test.target
    network = {"hidden_layer_sizes": (500, 500, 2000), "batch_size": 256}
    network |= {"max_epochs": 30}
else:
    digits = load_digits()
    X_train, X_test, _, y_test = train_test_split(
        digits.images / 16,
        digits.target,
        test_size=1 / 3,
        stratify=digits.target,
        random_state=0,
    )
    network = {"hidden_layer_sizes": (128, 128, 128), "activation": "tanh"}
    network |= {"optimizer": "adamw", "weight_decay": 0.3}
    network |= {"lr": 5e-3, "batch_size": 32, "max_epochs": 100}

# %%
# Two numbers per digit. No label is used; they only colour the picture.
autoencoder = AutoEncoderTransformer(n_components=2, random_state=0, **network)
autoencoder.fit(X_train)

error = np.square(autoencoder.reconstruct(X_test) - X_test).mean()
error_of_mean = np.square(X_train.mean(axis=0) - X_test).mean()
print(f"{arguments.dataset}, held out: mean squared error of a pixel")
print(f"  drawn from two numbers  {error:.4f}")
print(f"  the mean digit for all  {error_of_mean:.4f}")

# %%
# Left the codes of held-out digits, right the digits decoded over the plane.
figure, (left, right) = plt.subplots(ncols=2, figsize=(14, 6.5), layout="constrained")
LatentSpaceDisplay.from_estimator(autoencoder, X_test, y_test, ax=left)
left.set_title(f"Codes of {len(X_test):,} held-out digits")
ManifoldDisplay.from_estimator(autoencoder, X_train, n_steps=16, ax=right)
right.set_title("Digits decoded over the plane (blank where no code lies)")
path = Path(sys.argv[0]).with_name(f"latent_space_{arguments.dataset}.png")
figure.savefig(path, dpi=100)
print(f"picture saved: {path}")

# %%
# Both as an HTML page, which shows the decoded digit under the pointer.
page = path.with_suffix(".html")
LatentExplorer.from_estimator(autoencoder, X_test, y_test).save(page)
print(f"page saved: {page}")
