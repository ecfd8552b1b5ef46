"""
Dimensionality reduction: PCA and an autoencoder
================================================

PCA is the linear map with the smallest reconstruction error. An autoencoder is
nonlinear: with the same number of components, its error on held-out digits is smaller.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoEncoderTransformer
from skae.inspection import ReconstructionDisplay

# %%
# Rows of pixels from 0 to 1, and the parameters of the network.
X_train, X_test = train_test_split(
    load_digits().data / 16, test_size=1 / 3, random_state=0
)
network = {"hidden_layer_sizes": (256, 128), "batch_size": 32, "max_epochs": 100}
network |= {"optimizer": "adamw", "weight_decay": 0.3, "lr": 3e-3}

# %%
# For each number of components, both are fitted, and encode and decode held-out digits.
sizes = [1, 2, 4, 8, 16, 32]
shown = 4
errors = {"PCA": [], "autoencoder": []}
rows = {"original": X_test}
print("digits, held out: mean squared error of a pixel")
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
# The errors of all sizes.
figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
for (name, values), marker in zip(errors.items(), "so", strict=True):
    ax.plot(sizes, values, marker=marker, label=name)
ax.set_xscale("log", base=2)
ax.set_xticks(sizes, sizes)
ax.set_ylim(bottom=0)
ax.set(
    title="Lower is better",
    xlabel="components",
    ylabel="mean squared error of a pixel, held out",
)
ax.legend()

# %%
# The reconstructions of one of them. Blocks of 8 x 8 pixels are hard to recognize, so
# they are drawn smooth.
display = ReconstructionDisplay(rows, image_shape=(8, 8))
display.plot(n_images=6, interpolation="bicubic")
display.ax_.set_title(f"Held-out digits, reconstructed from {shown} components")
plt.show()
