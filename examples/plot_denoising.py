"""
Removing noise, salt and pepper, lost pixels and erased rectangles
==================================================================

A denoising autoencoder gets corrupted digits and learns to return the clean ones. It
can remove the corruption that it was trained on. Here there is one denoiser per
corruption, each tested on held-out digits. Run with ``--dataset mnist`` for the 60,000
digits of MNIST, which takes some minutes.
"""

import argparse
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae import DenoisingAutoEncoder
from skae.corruption import GaussianNoise, Masking, RandomErasing, SaltAndPepper
from skae.datasets import fetch_mnist
from skae.inspection import ReconstructionDisplay

parser = argparse.ArgumentParser()
parser.add_argument("--dataset", choices=["digits", "mnist"], default="digits")
arguments = parser.parse_args()

# %%
# Images with values from 0 to 1, and a network that fits them.
if arguments.dataset == "mnist":
    X_train, X_test = (
        fetch_mnist(subset=subset).images / np.float32(255)
        for subset in ("train", "test")
    )
    network = {"hidden_layer_sizes": (1024, 512), "batch_size": 256, "max_epochs": 20}
else:
    X_train, X_test = train_test_split(
        load_digits().images / 16, test_size=1 / 3, random_state=0
    )
    network = {"hidden_layer_sizes": (512,), "batch_size": 64, "max_epochs": 200}
    network |= {"optimizer": "adamw", "weight_decay": 0.1, "lr": 3e-3}

corruptions = {
    "normal noise is added": GaussianNoise(std=0.3, clip=(0, 1)),
    "a fifth of the pixels is black or white": SaltAndPepper(amount=0.2),
    "half of the pixels are lost": Masking(amount=0.5),
    "a quarter is torn out": RandomErasing(area=0.25),
}

# %%
# Every digit is corrupted again in each epoch.
figure, axes = plt.subplots(nrows=2, ncols=2, figsize=(14, 5.8), layout="constrained")
print(f"{arguments.dataset}, held out: mean squared error of a pixel")
print(f"{'':40}{'corrupted':>10}{'denoised':>10}")
for (what, corruption), ax in zip(corruptions.items(), axes.flat, strict=True):
    denoiser = DenoisingAutoEncoder(
        n_components=64, corruption=corruption, random_state=0, **network
    ).fit(X_train)
    X_corrupted = denoiser.corrupt(X_test, random_state=1)
    rows = {
        "original": X_test,
        "corrupted": X_corrupted,
        "denoised": denoiser.reconstruct(X_corrupted),
    }
    errors = ReconstructionDisplay(rows).plot(ax, n_images=8).mse_
    ax.set_title(f"{type(corruption).__name__}: {what}")
    print(f"{what:40}{errors['corrupted']:10.4f}{errors['denoised']:10.4f}")

# %%
# The picture: rows of originals, inputs of the denoiser, and its outputs.
path = Path(sys.argv[0]).with_name(f"denoising_{arguments.dataset}.png")
figure.savefig(path, dpi=100)
print(f"picture saved: {path}")
